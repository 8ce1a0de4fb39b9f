"""A bundle answers by itself: the same bytes as `dlcli predict`, the same refusals, from Python and
NumPy alone."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.tensors import encode_tensors, read_tensors
from dlcli.artifacts.verification import verify
from dlcli.deploy import network
from dlcli.deploy.bundle import Bundle, open_bundle
from dlcli.deploy.exporters import EXPORTERS
from dlcli.deploy.places import Zip, place_of
from dlcli.deploy.program import alone
from dlcli.deploy.program.alone import prove_alone
from dlcli.deploy.program.files import CODE, OF_THE_PROGRAM, PREDICT, README
from dlcli.deploy.program.stored import stored_zip
from dlcli.errors import ArtifactError, DlcliError, ExportError, UsageError
from dlcli.numerics import numerics_class
from dlcli.pipeline.progress import NullReporter
from dlcli.pipeline.reproduce import reproduce
from tests.cli import test_ids, test_inputs
from tests.cli.calls import dlcli, settings, train
from tests.cli.small import trees, write
from tests.drawn.drawing import draw
from tests.exactness.runs import ROOT, Recorder, a_few, edit_manifest, environment
from tests.exactness.runs import train as train_here

GAPS = """\
name: gaps
data:
  source: {type: csv, path: gaps.csv, target: kind, ignore: [id], delimiter: ";", decimal: ","}
  transforms:
    - {type: impute, columns: [height], strategy: median}
    - {type: one_hot, columns: [soil], handle_unknown: ignore}
    - {type: hash, columns: [name], num_bins: 5, output_mode: one_hot}
    - {type: standardize, columns: [height, girth]}
model: {layers: [{type: dense, units: 4, activation: gelu}, batch_normalization,
  {type: dense, units: 3, activation: softmax}]}
loss: sparse_categorical_crossentropy
optimizer: adam
training: {epochs: 2, batch_size: 16}
"""


def gaps(rows: int = 90) -> str:
    """The trees with other separators, with gaps and with names."""
    header, *lines = trees(rows).splitlines()
    new = [f"{header.replace(',', ';')};name"]
    for number, line in enumerate(lines):
        cells = [cell.replace(".", ",") for cell in line.split(",")]
        cells[1] = "" if number % 7 == 3 else cells[1]
        new.append(";".join([*cells, f"tree {number % 11}"]))
    return "\n".join(new) + "\n"


@dataclass
class Case:
    """A run, and rows to ask it about: of each, whether they are answered (0) or refused."""

    run: Path
    rows: dict[str, Any]

    @property
    def folder(self) -> Path:
        return self.run / "deploy" / "bundle"

    @property
    def whole(self) -> Path:
        return self.run / "deploy" / "bundle.pyz"


def _trees(folder: Path) -> Case:
    run = train(write(folder, "trees"), folder / "runs").run
    good = trees(30)
    return Case(
        run,
        {
            "good.csv": good,
            "one.csv": "soil,height,girth\nclay,12.5,1.25\n",
            "lacking.csv": "soil,height\nclay,12.5\n",
            "unknown.csv": "soil,height,girth\nclay,1,1\npeat,12.5,1.25\n",
            "gap.csv": "soil,height,girth\nclay,,1.25\n",
            "word.csv": "soil,height,girth\nclay,tall,1.25\n",
            "empty.csv": "",
            "rows.npy": np.zeros((2, 3)),
        },
    )


def _gaps(folder: Path) -> Case:
    (folder / "gaps.csv").write_text(gaps(), encoding="utf-8")
    (folder / "gaps.yaml").write_text(GAPS)
    run = train(folder / "gaps.yaml", folder / "runs").run
    return Case(
        run,
        {
            "good.csv": gaps(20),
            "new.csv": "soil;height;girth;name\npeat;;1,5;tree 99\n",
            "gap.csv": "soil;height;girth;name\nclay;1,5;;tree 1\n",
        },
    )


def _prices(folder: Path) -> Case:
    run = train(write(folder, "prices"), folder / "runs").run
    rows = {"good.csv": trees(9), "far.csv": "girth\n1e300\n", "rows.npy": np.ones((4, 1))}
    return Case(run, rows)


def _yes_no(folder: Path) -> Case:
    run = train(write(folder, "yes-no"), folder / "runs").run
    draws = np.random.default_rng(3)
    rows = draws.normal(10.0, 3.0, (70, 30))
    return Case(run, {"rows.npy": rows, "nan.npy": np.full((2, 30), np.nan)})


def _images(folder: Path) -> Case:
    run = train(write(folder, "images"), folder / "runs").run
    pixels = np.random.default_rng(4).integers(0, 17, (40, 8, 8)).astype(np.uint8)
    return Case(run, {"rows.npy": pixels, "one.npy": pixels[0], "wide.npy": pixels[:, :, :7]})


def _words(folder: Path) -> Case:
    run = train(test_ids.written(folder, test_ids.ids(80, 1)), folder / "runs").run
    ids = test_ids.ids(12, 2)
    wrong = ids.copy()
    wrong[7, 2] = 9
    return Case(run, {"good.csv": test_ids.table(ids), "wrong.csv": test_ids.table(wrong)})


def _scenes(folder: Path) -> Case:
    run = train(test_inputs.written(folder), folder / "runs").run
    images, facts = test_inputs.IMAGES, test_inputs.FACTS
    return Case(
        run,
        {
            "rows.npz": {"x_image": images, "x_facts": facts},
            "named.npz": {"image": images, "facts": facts},
            "lacking.npz": {"x_image": images},
            "uneven.npz": {"x_image": images, "x_facts": facts[1:]},
            "no.csv": "a\n1\n",
        },
    )


CASES: dict[str, Callable[[Path], Case]] = {
    "trees": _trees,
    "gaps": _gaps,
    "prices": _prices,
    "yes-no": _yes_no,
    "images": _images,
    "words": _words,
    "scenes": _scenes,
}


@pytest.fixture(scope="module", params=a_few([*CASES], 3))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("alone")
    return _with_rows(CASES[request.param](folder), folder)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("alone")
    return _with_rows(_trees(folder), folder)


def _with_rows(found: Case, folder: Path) -> Case:
    for name, rows in found.rows.items():
        path = folder / "rows" / name
        path.parent.mkdir(exist_ok=True)
        if isinstance(rows, str):
            path.write_text(rows, encoding="utf-8")
        elif isinstance(rows, dict):
            np.savez(path, **rows)
        else:
            np.save(path, rows)
    return Case(found.run, {name: folder / "rows" / name for name in found.rows})


Said = tuple[int, str, str]


def said(*command: str | Path, given: bytes = b"", cwd: Path | str = "/") -> Said:
    """How a process ended, and what it wrote on stdout and stderr."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env=environment(PYTHONPATH=ROOT),  # which -I does not heed
        capture_output=True,
        input=given,
        cwd=cwd,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def by_itself(*command: str | Path, **options: Any) -> Said:
    """A program that can load nothing of dlcli but what it carries, and no package but NumPy."""
    return said("-I", "-c", alone._ONLY, *command, **options)


def require_same(found: Said, wanted: Said) -> None:
    assert found == wanted
    assert "bug in dlcli" not in found[2] and "Traceback" not in found[2]


SEVERAL = """
import contextlib, io, json, runpy, sys

def told(call):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            call()
        except SystemExit as end:
            return end.code, out.getvalue(), err.getvalue()

program, lines = sys.argv[1], json.loads(sys.argv[2])
found = []
for line in lines:
    sys.argv[:] = [program, *line]
    if program == "dlcli":
        found.append(told(lambda: runpy.run_module("dlcli", run_name="__main__")))
    else:
        found.append(told(lambda: runpy.run_path(program, run_name="__main__")))
print(json.dumps(found))
"""
"""A program, started with one command line after the other: what loading it takes is spent once."""


def several(script: str, program: str | Path, *lines: Sequence[str | Path]) -> list[Said]:
    """What a program says to each of these command lines, all in one process."""
    words = json.dumps([list(map(str, line)) for line in lines])
    code, out, err = said("-I", "-c", script, program, words)
    assert (code, err) == (0, "")
    return [(code, out, err) for code, out, err in json.loads(out)]


def several_by_itself(program: Path, *lines: Sequence[str | Path]) -> list[Said]:
    """As `by_itself`."""
    only, begins, _ = alone._ONLY.partition("sys.argv[:]")
    assert begins and "sys.meta_path" in only
    return several(only + SEVERAL, program, *lines)


def several_by_dlcli(*lines: Sequence[str | Path]) -> list[Said]:
    """`dlcli`, in a process that has nothing loaded that would compute otherwise."""
    return several(f"import sys; sys.path.insert(0, {ROOT!r})\n" + SEVERAL, "dlcli", *lines)


def test_it_prints_and_refuses_what_dlcli_prints_and_refuses(case: Case) -> None:
    paths = list(case.rows.values())
    wanted = several_by_dlcli(*(["predict", case.run, path] for path in paths))
    found = several_by_itself(case.folder / PREDICT, *([path] for path in paths))
    for one, other in zip(found, wanted, strict=True):
        require_same(one, other)
    codes = {code for code, _, _ in wanted}
    assert 0 in codes and len(codes) > 1


@pytest.mark.parametrize("name", a_few([*CASES], 1))
def test_json_and_rows_that_are_piped_in(name: str, tmp_path: Path) -> None:
    case = _with_rows(CASES[name](tmp_path), tmp_path)
    paths = list(case.rows.values())[:2]
    documents = several_by_dlcli(*(["predict", case.run, path, "--json"] for path in paths))
    found = several_by_itself(case.folder / PREDICT, *([path, "--json"] for path in paths))
    for one, other in zip(found, documents, strict=True):
        require_same(one, other)
    for path in paths:
        given = path.read_bytes()
        wanted = said("-m", "dlcli", "predict", case.run, "-", given=given)
        require_same(by_itself(case.folder / PREDICT, "-", given=given), wanted)


def test_one_file_prints_the_same(case: Case, tmp_path: Path) -> None:
    moved = Path(shutil.copy(case.whole, tmp_path / "elsewhere.pyz"))
    path = next(iter(case.rows.values()))
    require_same(by_itself(moved, path), by_itself(case.folder / PREDICT, path))


def test_it_answers_its_golden_batch_and_says_so(small: Case) -> None:
    case = small
    code, out, err = by_itself(case.folder / PREDICT, "--check")
    assert (code, err) == (0, "") and "the recorded answers" in out
    golden = case.folder / "golden.safetensors"
    assert by_itself(case.whole, "--check", golden) == (code, out, err)
    assert EXPORTERS["bundle"].prove_by_itself(case.folder, golden) is not None
    code, out, _ = by_itself(case.folder / PREDICT, "--check", "--json")
    assert json.loads(out)["rows"] == len(read_tensors(golden).arrays["y"])


def test_it_is_called_as_the_readme_says(small: Case, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small.folder, tmp_path / "moved"))
    rows = small.rows["good.csv"]
    wanted = said("-m", "dlcli", "predict", small.run, rows)
    require_same(said("predict.py", rows, cwd=folder), wanted)
    require_same(said("-I", "-OO", "predict.py", rows, cwd=folder), wanted)
    require_same(said("-I", small.whole, rows), wanted)
    assert {path.name for path in folder.iterdir()} == {
        path.name for path in small.folder.iterdir()
    }  # nothing was written


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["absent.csv"], 3, "was not found"),
        (["."], 3, "is a folder"),
        ([], 2, "give the rows, or --check"),
        (["a.csv", "--check"], 2, "give the rows, or --check"),
        (["a.csv", "--jsn"], 2, "unrecognized arguments"),
    ],
)
def test_mistakes(small: Case, options: list[str], code: int, words: str, tmp_path: Path) -> None:
    if "--check" in options:
        options = ["--check", "golden.safetensors", *options[:1]]
    found, out, err = by_itself(small.folder / PREDICT, *options, cwd=tmp_path)
    assert (found, out) == (code, "") and words in err and "Traceback" not in err


def test_a_failure_is_a_document_where_one_is_wanted(small: Case) -> None:
    rows = small.rows["unknown.csv"]
    require_same(
        by_itself(small.folder / PREDICT, rows, "--json"),
        said("-m", "dlcli", "predict", small.run, rows, "--json"),
    )


def test_its_files_are_in_the_manifest_and_answering_leaves_the_run_whole(small: Case) -> None:
    names = {f"deploy/bundle/{name}" for name in OF_THE_PROGRAM} | {"deploy/bundle.pyz"}
    assert names <= read_manifest(small.run / "manifest.json").files.keys()
    assert said("-I", small.folder / PREDICT, small.rows["one.csv"])[0] == 0
    assert verify(RunDirectory(small.run)).status == "complete"
    assert not list(small.run.rglob("__pycache__"))
    assert not (small.run / "model" / PREDICT).exists()


def test_the_same_network_is_written_with_the_same_bytes(small: Case, tmp_path: Path) -> None:
    for number in range(2):
        run = RunDirectory(tmp_path / str(number))
        run.root.mkdir()
        names = EXPORTERS["bundle"].write(Bundle.load(small.folder), run, "deploy/bundle")
        for name in names:
            assert (run.root / name).read_bytes() == (small.run / name).read_bytes(), name
    with zipfile.ZipFile(small.whole) as archive:
        assert archive.testzip() is None
        assert [one.filename for one in archive.infolist()] == sorted(archive.namelist())
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert "golden.safetensors" not in archive.namelist()


def test_how_numpy_is_pinned_is_what_the_run_chose(tmp_path: Path) -> None:
    config = write(tmp_path, "trees")
    run = train(config, tmp_path / "runs", *settings(runtime__numerics="native")).run
    said_of_it = json.loads((run / "deploy" / "bundle" / "bundle.json").read_bytes())
    assert said_of_it["numerics"] == "native"
    assert Bundle.load(run / "deploy" / "bundle").numerics == "native"
    rows = tmp_path / "trees.csv"
    wanted = said("-m", "dlcli", "predict", run, rows)
    require_same(by_itself(run / "deploy" / "bundle" / PREDICT, rows), wanted)


def test_presets_of_the_blas_change_no_bit(small: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = by_itself(small.folder / PREDICT, small.rows["good.csv"])
    steered = {"OPENBLAS_CORETYPE": "Prescott", "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-I", str(small.folder / PREDICT), str(small.rows["good.csv"])],
        env={**environment(), **steered},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == wanted


def test_the_page_for_people_has_the_licence() -> None:
    text = (Path(network.__file__).parent / "program" / README).read_text(encoding="utf-8")
    licence = (Path(ROOT) / "LICENSE").read_text(encoding="utf-8")
    assert text.endswith(licence)
    for name in OF_THE_PROGRAM - {README}:
        assert f"    {name} " in text


# A bundle that was moved, as dlcli reads it.


@pytest.fixture
def moved(small: Case, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small.folder, tmp_path / "moved"))


def test_dlcli_reads_a_bundle_wherever_it_lies(small: Case, moved: Path, tmp_path: Path) -> None:
    (moved / "notes.txt").write_text("mine")
    golden = read_tensors(moved / "golden.safetensors").arrays
    whole = Path(shutil.copy(small.whole, tmp_path / "b.pyz"))
    for path in (moved, whole):
        assert open_bundle(path).predict(golden["x"]).tobytes() == golden["y"].tobytes()
    with pytest.raises(UsageError, match="there is no bundle"):
        open_bundle(tmp_path / "absent")


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors", "bundle.json"])
def test_a_link_in_a_bundle_is_refused(moved: Path, tmp_path: Path, name: str) -> None:
    (moved / name).rename(tmp_path / name)
    (moved / name).symlink_to(tmp_path / name)
    with pytest.raises(ArtifactError, match="symbolic link"):
        open_bundle(moved)
    code, out, err = by_itself(moved / PREDICT, "--check")
    assert (code, out) == (4, "") and "symbolic link" in err


def test_a_network_that_was_changed_is_refused_by_its_golden_batch(moved: Path) -> None:
    arrays = dict(read_tensors(moved / "weights.safetensors").arrays)
    first = next(iter(arrays))
    arrays[first] = arrays[first] + np.float32(0.5)
    (moved / "weights.safetensors").write_bytes(encode_tensors(arrays))
    with pytest.raises(ArtifactError, match="gives other answers to its golden batch"):
        open_bundle(moved)
    code, _, err = by_itself(moved / PREDICT, "--check")
    assert code == 9 and "gives other answers" in err
    with pytest.raises(ExportError, match=r"does not answer by itself: .*gives other answers"):
        prove_alone(moved, moved / "golden.safetensors")


def test_code_that_lacks_a_module_is_no_export(moved: Path) -> None:
    with zipfile.ZipFile(moved / CODE) as archive:
        files = {name: [archive.read(name)] for name in archive.namelist()}
    del files["dlcli/engine/graph.py"]
    pieces = stored_zip(files)
    assert pieces is not None
    (moved / CODE).write_bytes(b"".join(pieces))
    with pytest.raises(ExportError, match="does not answer by itself"):
        prove_alone(moved, moved / "golden.safetensors")


def _entries(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zipped(path: Path, files: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def _compressed(path: Path) -> None:
    _zipped(path, _entries(path), zipfile.ZIP_DEFLATED)


def _lacking(path: Path) -> None:
    _zipped(path, {n: d for n, d in _entries(path).items() if n != "weights.safetensors"})


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(b'"schema": 2') + 10] ^= 1
    path.write_bytes(data)


def _twice(path: Path) -> None:
    entries = _entries(path)
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for name in (*entries, "model.json"):
            archive.writestr(name, entries[name])


def _longer_list(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-10:-6] = (1 << 30).to_bytes(4, "little")
    path.write_bytes(data)


def _text(path: Path) -> None:
    path.write_text("a bundle?")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_compressed, "is not stored as a plain file"),
        (_lacking, "weights.safetensors is missing"),
        (_cut, "it is no zip file of the kind"),
        (_flipped, "is not an intact zip file"),
        (_twice, "'model.json' twice"),
        (_longer_list, "it lists files in"),
        (_text, "it is no zip file of the kind"),
    ],
)
def test_one_file_that_is_not_as_it_was_is_refused(
    small: Case, tmp_path: Path, change: Callable[[Path], None], words: str
) -> None:
    path = Path(shutil.copy(small.whole, tmp_path / "b.pyz"))
    change(path)
    for read in (Bundle.load, lambda path: network.load(place_of(path))):
        with pytest.raises(ArtifactError, match=words):
            read(path)


def test_what_is_no_file_is_no_bundle(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pyz")
    with pytest.raises(ArtifactError, match="not a regular file"):
        open_bundle(tmp_path / "pipe.pyz")
    with pytest.raises(ArtifactError, match=r"model\.json is missing"):
        open_bundle(tmp_path)


def test_a_zip_file_is_read_as_any_reader_reads_it(tmp_path: Path) -> None:
    files = {"b/two.txt": [b"2", b"", memoryview(b"22")], "a.txt": [b""], "c": [bytes(70_000)]}
    pieces = stored_zip(files)
    assert pieces is not None
    path = tmp_path / "x.zip"
    path.write_bytes(b"".join(pieces))
    assert _entries(path) == {"a.txt": b"", "b/two.txt": b"222", "c": bytes(70_000)}
    place = Zip(path)
    assert place.read("b/two.txt", 3) == b"222" and place.has("a.txt") and not place.has("b")
    with pytest.raises(ArtifactError, match="more than the 2"):
        place.read("b/two.txt", 2)


# Reproducing.


def test_a_run_whose_bundle_had_no_program_is_reproduced(tmp_path: Path) -> None:
    run = train_here(write(tmp_path, "trees"), tmp_path / "runs")
    own = ["deploy/bundle.pyz", *(f"deploy/bundle/{name}" for name in OF_THE_PROGRAM)]

    def earlier(document: dict[str, Any]) -> None:
        for name in own:
            del document["files"][name]

    before = reproduce(run, None, None, None, 1, NullReporter()).files
    for name in own:
        (run / name).unlink()
    edit_manifest(run / "manifest.json", earlier)
    assert verify(RunDirectory(run)).status == "complete"
    assert dlcli("predict", run, tmp_path / "trees.csv").code == 0
    reporter = Recorder()
    assert reproduce(run, None, None, None, 1, reporter).files == before - len(own)
    (note,) = [text for text in reporter.notes if "not compared" in text]
    assert all(name in note for name in own)


def test_a_run_of_another_version_is_reproduced_but_for_the_program(tmp_path: Path) -> None:
    run = train_here(write(tmp_path, "trees"), tmp_path / "runs")
    record: dict[str, Any] = {}

    def other(name: str) -> Callable[[dict[str, Any]], None]:
        def change(document: dict[str, Any]) -> None:
            record.update(document["files"][name])
            document["files"][name]["sha256"] = "0" * 64

        return change

    edit_manifest(run / "manifest.json", other(f"deploy/bundle/{CODE}"))
    reporter = Recorder()
    reproduce(run, None, None, None, 1, reporter)
    assert any("not compared" in text for text in reporter.notes)


# Drawn, and in an environment of its own.


def _trained(seeds: Iterator[int], folder: Path) -> Iterator[tuple[int, Path]]:
    for seed in seeds:
        drawn = draw(seed)
        try:
            config = drawn.write(folder / str(seed))
            yield seed, train_here(config, folder / str(seed) / "runs")
        except DlcliError:
            continue


@pytest.mark.thorough
@pytest.mark.parametrize("part", range(4))
def test_drawn_networks_answer_by_themselves(part: int, tmp_path: Path) -> None:
    count = 0
    for seed, run in _trained(iter(range(part, 120, 4)), tmp_path):
        folder = run / "deploy" / "bundle"
        if not folder.exists():
            continue
        try:
            EXPORTERS["bundle"].prove_by_itself(folder, folder / "golden.safetensors")
        except ExportError as error:
            raise AssertionError(f"seed {seed}: {error}\n{draw(seed).text}") from error
        count += 1
    assert count > 5


@pytest.mark.thorough
def test_a_new_environment_with_numpy_alone_answers(case: Case, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    wanted = f"numpy=={np.__version__}"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted]
    subprocess.run(install, check=True)
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format", "freeze"],
        capture_output=True,
        text=True,
        check=True,
    )
    names = {line.partition("==")[0] for line in listed.stdout.split()}
    assert names <= {"numpy", "pip", "setuptools", "wheel"}
    for path in case.rows.values():
        wanted_of_it = said("-m", "dlcli", "predict", case.run, path)
        for program in (case.folder / PREDICT, case.whole):
            done = subprocess.run(
                [python, "-I", program, path], capture_output=True, text=True, check=False
            )
            require_same((done.returncode, done.stdout, done.stderr), wanted_of_it)


def test_the_class_is_the_recorded_one(small: Case) -> None:
    recorded = json.loads((small.folder / "bundle.json").read_bytes())["numerics_class"]
    assert recorded == read_manifest(small.run / "manifest.json").numerics_class
    assert recorded == numerics_class()
