"""What somebody else may have put into a run: pipes, devices, bombs, files of a terabyte."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dlcli.artifacts import manifest as manifests
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.verification import verify
from dlcli.errors import ArtifactError
from dlcli.pipeline.interruption import Interrupted
from tests.exactness.runs import (
    ROOT,
    a_few,
    a_part,
    assert_same,
    content,
    environment,
    stop_after,
    train,
    write,
)
from tests.exactness.serving import Commands


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "rows.csv").write_text("a,b\n1,2\n")
    return train(write(folder), folder / "runs")


@pytest.fixture(scope="module")
def stopped(trained: Path) -> Path:
    with pytest.raises(Interrupted):
        train(trained.parents[1] / "small.yaml", trained.parents[1] / "stopped", stop=stop_after(5))
    return trained.parents[1] / "stopped" / "small-0001"


PUTTING: dict[str, Callable[[Path], None]] = {
    "a pipe": lambda path: os.mkfifo(path),
    "a folder": lambda path: path.mkdir(),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
}
UNLISTED = ("environment.json", "train.log", "report.html")
COMMANDS = {
    "verify": ["verify", "{run}"],
    "evaluate": ["evaluate", "{run}", "--workers", "1"],
    "predict": ["predict", "{run}", "{rows}"],
    "report": ["report", "{run}"],
    "reproduce": ["reproduce", "{run}", "--workers", "1", "--epochs", "1"],
    "runs": ["runs", "{runs}"],
    "show": ["runs", "show", "{run}"],
    "diff": ["diff", "{run}", "{run}"],
    "rm": ["runs", "rm", "{run}", "--dry-run"],
    "resume": ["train", "--resume", "{run}", "--workers", "1"],
}


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with contextlib.closing(Commands()) as commands:
        yield commands


@pytest.mark.parametrize(
    ("what", "command"),
    [
        # A pipe is what hangs, so most commands meet it; `verify` reads all that there is.
        pytest.param(what, command, marks=[] if here else [pytest.mark.thorough])
        for what in PUTTING
        for command in COMMANDS
        for here in (
            command == "verify" or (what == "a pipe" and command not in ("show", "diff", "rm")),
        )
    ],
)
def test_nothing_in_a_runs_place_hangs_a_command_or_is_a_bug(
    what: str, command: str, commands: Commands, trained: Path, stopped: Path, tmp_path: Path
) -> None:
    original = stopped if command == "resume" else trained
    names = [path.relative_to(original).as_posix() for path in sorted(original.rglob("*"))]
    for number, name in enumerate(names):
        run = tmp_path / str(number) / original.name
        run.parent.mkdir()
        shutil.copytree(original, run)
        path = run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        PUTTING[what](path)
        arguments = [
            word.format(run=run, runs=run.parent, rows=trained.parents[1] / "rows.csv")
            for word in COMMANDS[command]
        ]
        if command in ("evaluate", "reproduce", "resume"):
            arguments += ["--data-dir", str(trained.parents[1])]
        code, err = commands(*arguments)
        assert code in (0, 2, 4, 6), f"{name}: exit {code}: {err}"
        assert "Traceback" not in err and "bug in dlcli" not in err
        if command == "verify" and name not in UNLISTED:
            assert code == 4, f"{name}: exit {code}"


BOMBS = {
    "lists": b"[],",
    "mappings": b"{},",
    "pairs": b'{"a":0},',
    "texts": b'"",',
    "short texts": b'"ab",',
    "ones": b"1,",
    "numbers": b"1000,",
    "fractions": b"1.5,",
    "lists of one": b"[1],",
    "nested lists": b"[[[[[]]]]],",
    "nested mappings": b'{"a":{}},',
    "a wide letter": "\U0001f600".encode().join([b'"', b'",']) + b"1," * 20,
    "different keys": b"",
}
MEASURE = """
import resource, sys
from pathlib import Path
from dlcli.artifacts.reading import parse_json, read_bytes
from dlcli.errors import ArtifactError
parse_json(b"[1]", "warm")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    document = parse_json(read_bytes(Path(sys.argv[1]), 1 << 30), "bomb")
    print("read", end=" ")
except ArtifactError:
    print("refused", end=" ")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def _measured(script: str, path: Path) -> tuple[str, int]:
    """Whether a file was read or refused by a process of its own, and how many bytes it took."""
    done = subprocess.run(
        [sys.executable, "-c", script, path],
        capture_output=True,
        text=True,
        check=True,
        env=environment(PYTHONPATH=ROOT),
    )
    word, cost = done.stdout.split()
    return word, int(cost)


@pytest.mark.parametrize("name", a_few(list(BOMBS), 6))
def test_a_document_costs_ten_times_its_size_or_is_refused(name: str, tmp_path: Path) -> None:
    size = 12 << 20
    path = tmp_path / "bomb.json"
    if name == "different keys":
        path.write_bytes(b"{" + b",".join(b'"%d":0' % n for n in range(size // 11)) + b"}")
    else:
        path.write_bytes(b"[" + BOMBS[name] * (size // len(BOMBS[name])) + b"0]")
    word, cost = _measured(MEASURE, path)
    assert cost <= 10.5 * path.stat().st_size
    dense = ("ones", "numbers", "fractions", "a wide letter")
    assert word == ("read" if name in dense else "refused")


@pytest.mark.thorough
def test_a_long_manifest_is_read_at_its_price(trained: Path, tmp_path: Path) -> None:
    """Of 60,000 epochs; what it costs is measured in a process of its own."""
    manifest = manifests.read_manifest(trained)
    epoch = manifest.epochs[0].to_json()
    head = manifest._head() | {"tensors": {}}
    epochs = [epoch | {"epoch": n, "step": 3 * n} for n in range(1, 60_001)]
    path = tmp_path / "manifest.json"
    path.write_bytes(manifests.encode_document(head, epochs))
    measure = MEASURE.replace(
        'parse_json(read_bytes(Path(sys.argv[1]), 1 << 30), "bomb")', "read_manifest(sys.argv[1])"
    )
    measure = "from dlcli.artifacts.manifest import read_manifest" + measure
    word, cost = _measured(measure, path)
    assert word == "read"
    assert cost <= 10 * path.stat().st_size


def test_a_file_of_a_terabyte_is_measured_not_hashed(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / trained.name
    shutil.copytree(trained, run)

    def hashed(path: Path) -> str:
        raise AssertionError(f"{path} was hashed")

    for name in ("model/weights.safetensors", "checkpoints/last.safetensors", "config.yaml"):
        path = run / name
        data = path.read_bytes()
        with path.open("r+b") as file:
            file.truncate(1 << 40)
        digest = manifests.digest_of_file

        def others(p: Path, big: Path = path, digest: Any = digest) -> str:
            return hashed(p) if p == big else digest(p)

        with monkeypatch.context() as patched:
            patched.setattr("dlcli.artifacts.checkpoints.digest_of_file", hashed)
            patched.setattr("dlcli.artifacts.manifest.digest_of_file", others)
            with pytest.raises(ArtifactError, match=f"{name}.* has {1 << 40} bytes"):
                verify(RunDirectory(run))
        path.write_bytes(data)
    verify(RunDirectory(run))


@pytest.mark.parametrize("part", a_part(8))
def test_with_few_file_descriptors_every_command_ends_by_its_code(
    part: int, trained: Path, tmp_path: Path
) -> None:
    rows = trained.parents[1] / "rows.csv"
    before = content(trained)
    for number, command in enumerate(("train", "evaluate", "predict", "verify")):
        arguments: list[str | Path] = {
            "train": ["train", trained.parents[1] / "small.yaml", "--output-dir", tmp_path],
            "evaluate": ["evaluate", trained],
            "predict": ["predict", trained, rows],
            "verify": ["verify", trained],
        }[command]
        # With fewer than five Python itself does not start.
        for limit in (5, 6, 7, 8, 9, 10, 12, 16)[(number + part) % 8 :: 8]:

            def few(limit: int = limit) -> None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

            done = subprocess.run(
                [sys.executable, "-m", "dlcli", *arguments],
                env=environment(),
                preexec_fn=few,
                capture_output=True,
                text=True,
            )
            assert done.returncode in (0, 6), f"{command} with {limit}: {done}"
            assert "Traceback" not in done.stderr, f"{command} with {limit}"
    assert_same(content(trained), before)
