"""The bytes of a run depend on config and data: not on workers, load, variables or folders."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.exactness.runs import CNN, a_few, assert_same, command, content, train, write

DISPATCH = "AVX512_ICL X86_V4"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("config"), CNN)


@pytest.fixture(scope="module")
def expected(config: Path) -> dict[str, bytes]:
    return content(train(config, config.parent / "expected"))


def trained(*arguments: str | Path, **options: object) -> dict[str, bytes]:
    out, _ = command("train", *arguments, **options)  # type: ignore[arg-type]
    run = Path(out.rstrip("\n"))
    assert run.is_absolute()
    return content(run)


@pytest.mark.parametrize("workers", a_few([3, 1, 2, 4], 1))
def test_any_number_of_workers_gives_the_same_bytes(
    workers: int, config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    assert_same(trained(config, "--workers", str(workers), "--output-dir", tmp_path), expected)


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Other work on the machine."""
    with ExitStack() as stack:
        for _ in range(processes):
            process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield


@pytest.mark.parametrize("workers", a_few([4, 2], 1))
def test_a_loaded_machine_gives_the_same_bytes(
    workers: int, config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    with busy(3):
        run = trained(config, "--workers", str(workers), "--output-dir", tmp_path)
    assert_same(run, expected)


@pytest.mark.parametrize(
    "preset",
    a_few(
        [
            {"OPENBLAS_NUM_THREADS": "8", "OMP_NUM_THREADS": "8", "GOTO_NUM_THREADS": "8"},
            {"OPENBLAS_CORETYPE": "Generic"},
            {"OPENBLAS_CORETYPE": "Hasswell"},
            {"OPENBLAS_CORETYPE": "SkylakeX"},
            {"OPENBLAS_CORETYPE": "Prescott", "OPENBLAS_BLOCK_FACTOR": "1"},
            {"NPY_DISABLE_CPU_FEATURES": DISPATCH},
            {"NPY_DISABLE_CPU_FEATURES": "X86_V3 " + DISPATCH},
            {"PYTHONHASHSEED": "1"},
            {"PYTHONHASHSEED": "4294967295", "TZ": "Pacific/Kiritimati"},
            {"LANG": "tr_TR.UTF-8", "LC_ALL": "C", "TZ": "America/St_Johns"},
            {"PYTHONOPTIMIZE": "2", "PYTHONDONTWRITEBYTECODE": "1"},
            {"PYTHONUTF8": "0", "LC_ALL": "POSIX"},
        ],
        3,
    ),
    ids=lambda preset: "-".join(f"{name}={value}" for name, value in preset.items()),
)
def test_variables_change_nothing(
    preset: dict[str, str], config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    assert_same(trained(config, "--output-dir", tmp_path, extra=preset), expected)


def test_umask_working_directory_and_name_of_the_folder_change_nothing(
    config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    below = tmp_path / "Ünï cödé" / "below"
    below.mkdir(parents=True)
    moved = below / "other name.yaml"
    moved.write_bytes(config.read_bytes())
    run = trained(moved.name, "--output-dir", "../my runs", umask=0o077, cwd=below)
    assert_same(run, expected)
    assert_same(content(below.parent / "my runs" / "latest"), expected)


PRELOADED = "import numpy, runpy; runpy.run_module('dlcli', run_name='__main__', alter_sys=True)"
REPORT = """
import numpy, os, sys
with open({log!r}, "a") as log:
    names = ("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "NPY_DISABLE_CPU_FEATURES")
    values = [os.environ.get(name) for name in names]
    flags = [sys.flags.dont_write_bytecode, sys.flags.utf8_mode, sys.warnoptions]
    print(repr((os.getpid(), values, flags, sys.orig_argv[1:])), file=log)
"""


@pytest.mark.parametrize("module", a_few(["sitecustomize", "usercustomize"], 1))
@pytest.mark.parametrize(
    "preset",
    a_few([{"OPENBLAS_NUM_THREADS": "8", "OPENBLAS_CORETYPE": "Prescott"}, {}], 1),
    ids=str,
)
def test_numpy_loaded_before_us_makes_the_process_start_itself_again_once(
    module: str,
    preset: dict[str, str],
    config: Path,
    expected: dict[str, bytes],
    tmp_path: Path,
) -> None:
    log = tmp_path / "starts"
    (tmp_path / f"{module}.py").write_text(REPORT.format(log=str(log)))
    python = (sys.executable, "-B", "-X", "utf8", "-W", "ignore::ImportWarning", "-m", "dlcli")
    if module == "usercustomize":  # a virtual environment has no user's site: do as it does
        (tmp_path / "sitecustomize.py").write_text("import usercustomize")
    arguments = (config, "--output-dir", tmp_path / "runs", "--workers", "2")
    run = trained(*arguments, python=python, extra=preset | {"PYTHONPATH": str(tmp_path)})
    assert_same(run, expected)
    first, second = [eval(line) for line in log.read_text().splitlines()]
    assert first[0] == second[0]  # the same process, started again
    assert first[2] == second[2] == [1, 1, ["ignore::ImportWarning"]]
    assert first[3] == second[3]
    assert second[1] == ["Haswell", "1", None]


@pytest.mark.thorough
def test_numpy_loaded_under_disabled_features_makes_the_process_start_itself_again(
    config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    log = tmp_path / "starts"
    (tmp_path / "sitecustomize.py").write_text(REPORT.format(log=str(log)))
    pins = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1"}
    hampered = pins | {"NPY_DISABLE_CPU_FEATURES": "X86_V3 " + DISPATCH}
    for extra, starts in ((hampered, 2), (pins, 1)):
        log.write_text("")
        run = trained(
            config,
            "--output-dir",
            tmp_path / "runs",
            extra=extra | {"PYTHONPATH": str(tmp_path), "PYTHONWARNINGS": "ignore"},
        )
        assert_same(run, expected)
        assert len(log.read_text().splitlines()) == starts


def test_a_program_that_loads_numpy_and_runs_dlcli_gets_the_same_bytes(
    config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    python = (sys.executable, "-c", PRELOADED)
    assert_same(trained(config, "--output-dir", tmp_path, python=python), expected)


def test_a_program_from_standard_input_is_not_lost_by_starting_again(
    config: Path, tmp_path: Path
) -> None:
    arguments = ["dlcli", "train", str(config), "--output-dir", str(tmp_path)]
    program = f"import sys\nsys.argv[1:] = {arguments[1:]!r}\n{PRELOADED}\n"
    read, written = tmp_path / "program", tmp_path / "out"
    read.write_text(program)
    with read.open() as source, written.open("w") as out:
        process = subprocess.run(
            [sys.executable, "-"], stdin=source, stdout=out, stderr=subprocess.PIPE, check=True
        )
    run = Path(written.read_text().rstrip("\n"))
    manifest = json.loads((run / "manifest.json").read_bytes())
    # What it computed with is not what was pinned, so it says so and records it.
    if "numerics class of its own" in process.stderr.decode():
        assert manifest["numerics_class"] in process.stderr.decode()
    else:
        assert manifest["numerics_class"].startswith("linux-x86_64-v3/openblas-haswell/1/")
