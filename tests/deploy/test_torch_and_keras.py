"""Networks as source for PyTorch and Keras: what can be told without either of them.

That the libraries answer as the engine does is in tests/parity/test_exported.py.
"""

import ast
import inspect
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.artifacts.run_directory import RunDirectory
from dlcli.data.dataset import ONLY
from dlcli.data.fitted import Affine
from dlcli.data.formats.text import data_rows, read_header
from dlcli.data.restoring import FITTED
from dlcli.data.rows import read_rows
from dlcli.data.strange import codes_of_unknown, takes_missing, takes_unknown
from dlcli.data.targets import _STEPS as TARGET_STEPS
from dlcli.data.targets import TargetScale
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.exporter import Proof
from dlcli.deploy.exporters import EXPORTERS
from dlcli.deploy.keras.exporter import KerasExporter
from dlcli.deploy.sources import cells, document, ends, proving, rows, steps
from dlcli.deploy.sources.excerpts import excerpt
from dlcli.deploy.sources.exporter import SourceExporter
from dlcli.deploy.sources.graphs import READS
from dlcli.deploy.sources.proving import Asked
from dlcli.deploy.sources.writing import Identifiers, call, literal
from dlcli.deploy.torch.exporter import TorchExporter
from dlcli.engine.graph import DATA, Link
from dlcli.engine.layers import ACTIVATIONS, LAYERS, Dense, Embedding
from dlcli.engine.losses import LOSSES, MeanSquaredError
from dlcli.engine.merges import MERGES
from dlcli.errors import DataError, ExportError
from dlcli.frozen import frozen
from tests.cli.small import SMALL, write
from tests.deploy import made
from tests.drawn.drawing import draw

KINDS: dict[str, SourceExporter] = {"keras": KerasExporter(), "torch": TorchExporter()}
SEEDS = [*range(30), 34, 52, 57, 77, 119, 140, 171, 232, 345]
"""Of drawn configs, which hold every step; tests/parity tries others."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_of_the_vocabulary_is_held_or_refused(kind: str) -> None:
    known = {*LAYERS.values(), *ACTIVATIONS.values(), *MERGES.values()}
    exporter = KINDS[kind]
    assert {*exporter.held, *exporter.cannot} == known
    assert not {*exporter.held} & {*exporter.cannot}
    assert type(EXPORTERS[kind]) is type(exporter)


def test_every_step_target_and_loss_has_its_function() -> None:
    assert {*rows.STEPS} == {*FITTED.values()}
    assert {*rows.TARGETS} == {*TARGET_STEPS.values()}
    assert {*rows.ANSWERS} == {*LOSSES.values()}
    assert {*READS} == {kind for kind in LAYERS.values() if kind.reads_mask}


@frozen
class Tripled(Dense):
    """A layer that nobody has written down."""


@frozen
class Strange(Affine):
    """A step that nobody has written down."""


class Squared(MeanSquaredError):
    """A loss that nobody has written down."""


class OddTarget:
    """A step of targets that nobody has written down."""

    kind = "odd"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_known_is_refused_in_a_sentence(kind: str) -> None:
    known = made.of_links([Link("one", Dense(2), (DATA,))], {DATA: (3,)})
    assert KINDS[kind].refuses(known) is None
    layer = made.of_links([Link("one", Tripled(2), (DATA,))], {DATA: (3,)})
    assert "the layer `one` is a Tripled, which" in str(KINDS[kind].refuses(layer))
    for name in made.HOSTILE[1:]:
        named = made.of_links([Link("one", Dense(2), (name,))], {name: (3,)})
        assert "may stand in no source" in str(KINDS[kind].refuses(named))
    fitted = known.preprocessing[ONLY]
    odd = type(fitted)(fitted.dtype, (3,), None, [Strange((3,), add=np.zeros(()))])
    step = replace(known, preprocessing={ONLY: odd})
    assert "the step `affine`" in str(KINDS[kind].refuses(step))
    assert "Squared" in str(KINDS[kind].refuses(replace(known, loss=Squared())))
    scale = TargetScale((OddTarget(),))  # type: ignore[arg-type]
    assert "the step `odd` of the target" in str(
        KINDS[kind].refuses(replace(known, target_scale=scale))
    )


def bundles(folder: Path) -> dict[str, tuple[Bundle, made.Rows]]:
    """The small configs, and networks with names of all kinds."""
    found = {}
    for name in SMALL:
        (folder / name).mkdir()
        found[name] = made.of_config(write(folder / name, name))
    found["hostile"] = made.of_config(made.hostile_table(folder))
    links, shapes = made.named_badly()
    draw = np.random.default_rng(0)
    values = {
        name: draw.normal(size=(5, *shape)).astype(np.float32) for name, shape in shapes.items()
    }
    found["named badly"] = made.of_links(links, shapes), values
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_source_is_python_and_the_same_each_time(kind: str, tmp_path: Path) -> None:
    for name, (bundle, some) in bundles(tmp_path).items():
        for time in ("1", "2"):
            (tmp_path / name / time).mkdir(parents=True, exist_ok=True)
            made.exported(KINDS[kind], bundle, some, tmp_path / name / time, kind)
        first, second = (
            {path.name: path.read_bytes() for path in (tmp_path / name / time).rglob("*.*")}
            for time in ("1", "2")
        )
        assert {"model.py", "model.safetensors"} <= first.keys() and first == second
        text = first["model.py"].decode()
        compile(text, name, "exec")
        assert_stands_alone(text, {"keras", "torch"} & {kind})


def assert_stands_alone(text: str, libraries: set[str]) -> None:
    """Every name is there, none twice, and nothing else is imported than what may be."""
    tree = ast.parse(text)
    defined = [one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.ClassDef)]
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        defined += [target.id for target in targets if isinstance(target, ast.Name)]
    assert len(defined) == len(set(defined)), sorted(defined)
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])
    assert imported <= {*sys.stdlib_module_names, "numpy", "safetensors", *libraries}
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F,E9", "-"],
        input=text,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout


def rows_part(bundle: Bundle, folder: Path) -> Any:
    """The part of written source that needs NumPy alone, as a module."""
    from dlcli.artifacts import documents

    written = rows.written(bundle)
    text = document.document("Rows.", document.IMPORTS, written, [*written.text], "")
    run = RunDirectory.create(folder, "rows")
    documents.write_text(run, "model.py", text)
    documents.write_tensors(run, document.CONSTANTS, written.arrays)
    return made.loaded_source(run.path("model.py"))


def assert_prepared_alike(bundle: Bundle, some: made.Rows, folder: Path) -> Any:
    module = rows_part(bundle, folder)
    prepared = module.preprocess(made.one(some))
    found = {ONLY: prepared} if ONLY in some else prepared
    for name, fitted in bundle.preprocessing.items():
        wanted = fitted.apply(some[name])
        assert found[name].tobytes() == wanted.tobytes() and found[name].dtype == wanted.dtype
    return module


def test_rows_are_prepared_and_outputs_read_to_the_bit(tmp_path: Path) -> None:
    words = set()
    for seed in SEEDS:
        folder = tmp_path / str(seed)
        bundle, some = made.of_config(draw(seed).write(folder))
        words |= {type(step) for one in bundle.preprocessing.values() for step in one.steps}
        module = assert_prepared_alike(bundle, some, folder)
        y = np.random.default_rng(seed).normal(size=(9, *bundle.model.out_shape))
        y = (3 * y).astype(np.float32)
        wanted = bundle.loss.predict(y)
        if bundle.target_scale is not None:
            with np.errstate(all="ignore"):
                wanted = bundle.target_scale.inverse(wanted)
        found = module.answers(y)
        assert found.tobytes() == wanted.tobytes() and found.dtype == wanted.dtype
        assert bundle.classes == module.CLASSES
    assert words == {*rows.STEPS}


def cells_of(bundle: Bundle, stored: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    """Stored rows as cells by name; dates are left out."""
    columns = bundle.preprocessing[ONLY].columns or ()
    found = []
    for row in stored.tolist():
        cell: dict[str, Any] = {}
        for column, value in zip(columns, row, strict=True):
            missing = value != value
            texts = column.categories
            known = value if texts is None or missing else texts[int(value)]
            cell[column.name] = None if missing else known
        found.append(cell)
    return found


TABLES = (25, 26, 68, 96, 98, 140, 168, 170, 222, 235, 263, 276, 292, 299, 395)
"""Seeds of configs with files of tables in many notations, but with plain numbers."""


def test_cells_become_stored_rows(tmp_path: Path) -> None:
    """The cells of a file, one by one, are what dlcli reads of it."""
    kinds = set()
    for seed in TABLES:
        folder = tmp_path / str(seed)
        drawn = draw(seed)
        bundle, _ = made.of_config(drawn.write(folder))
        path = folder / drawn.config["data"]["source"]["path"]
        only = bundle.preprocessing[ONLY]
        kinds |= {column.kind for column in only.columns or ()}
        odd = takes_unknown(only), takes_missing(only), codes_of_unknown(only)
        wanted = read_rows(path, only.columns, only.row_shape, bundle.csv, *odd)
        file = read_header(path, bundle.csv.format)
        with data_rows(file) as lines:
            some = [dict(zip(file.names, line, strict=True)) for line in lines if any(line)]
        found = rows_part(bundle, folder).encode(some)
        assert found.tobytes() == wanted.tobytes(), seed
    assert kinds == {"numeric", "text", "date"}


def test_names_of_all_kinds_stay_texts(tmp_path: Path) -> None:
    bundle, some = made.of_config(made.hostile_table(tmp_path))
    module = assert_prepared_alike(bundle, some, tmp_path)
    assert set(module.CLASSES) == set(made.HOSTILE)
    assert [column["name"] for column in module.COLUMNS] == [
        *(f"n {name}".replace("\n", " ") for name in made.HOSTILE),
        "text",
    ]
    assert set(module.COLUMNS[-1]["known"]) == set(made.HOSTILE)
    found = module.encode(cells_of(bundle, some[ONLY]))
    assert found.tobytes() == some[ONLY].tobytes()


def test_what_the_network_cannot_take_is_refused(tmp_path: Path) -> None:
    bundle, some = made.of_config(write(tmp_path, "trees"))
    module = rows_part(bundle, tmp_path)
    good = cells_of(bundle, some[ONLY])[0]
    assert module.encode([good | {"height": " 2.5 ", "more": 1}])[0, 0] == 2.5
    for change, told in {
        "height": [
            None,
            "",
            "x",
            "1_0",
            "inf",
            float("inf"),
            float("nan"),
            True,
            [1],
            "٣",
            10**400,
        ],
        "soil": ["peat", "", None, 3, " "],
    }.items():
        for cell in told:
            with pytest.raises(ValueError, match=r"row 0 \(counted from 0\), column '" + change):
                module.encode([good | {change: cell}])
    with pytest.raises(ValueError, match="is not there"):
        module.encode([{name: cell for name, cell in good.items() if name != "girth"}])
    x = some[ONLY].copy()
    for wrong in (x[:, :2], x[0], x[:0], np.full_like(x, np.nan), x.astype(str), x + 1j):
        with pytest.raises(ValueError, match=r"rows|row 0"):
            module.preprocess(wrong)
    x[1, 2] = 7.0
    with pytest.raises(ValueError, match=r"row 1 .* holds 7 in column 'soil'"):
        module.preprocess(x)
    x = some[ONLY].copy()
    x[2, 0] = 1e300
    with pytest.raises(ValueError, match=r"row 2 .* too large"):
        module.preprocess(x)


def test_ids_that_the_network_has_not_are_refused(tmp_path: Path) -> None:
    links = [Link("words", Embedding(5, 2), (DATA,)), Link("flat", Dense(1), ("words",))]
    bundle = made.of_links(links, {DATA: (3,)})
    module = rows_part(bundle, tmp_path)
    good = np.array([[0, 4, 2]], np.float32)
    assert module.preprocess(good).tolist() == good.tolist()
    for wrong in (5, -1, 1.5):
        with pytest.raises(ValueError, match=r"row 0 .* whole numbers from 0 to 4"):
            module.preprocess(np.array([[0, wrong, 2]], np.float32))
        with pytest.raises(DataError):
            bundle.predict(np.array([[0, wrong, 2]], np.float32))


def test_excerpts_have_all_that_they_need() -> None:
    """Of all functions together, so that no two names are the same."""
    every = [
        one
        for module in (cells, ends, steps)
        for name, one in vars(module).items()
        if inspect.isfunction(one) and one.__module__ == module.__name__
    ]
    found = excerpt(every)
    text = "\n".join([*found.imports, *found.pieces])
    assert_stands_alone(text, set())
    assert "dlcli" not in {line.split()[1].split(".")[0] for line in found.imports}


def test_literals_are_those_of_python() -> None:
    for value in (*made.HOSTILE, made.HOSTILE, {"a": made.HOSTILE}, [1, 2.5, None, True], ()):
        assert ast.literal_eval(literal(value, 40)) == value
    for value in (float("nan"), float("inf"), b"", np.float64(1), object(), {"a": np.int64(1)}):
        with pytest.raises(TypeError):
            literal(value)
    assert call("f", ["x"], name='a"b') == "f(x, name='a\"b')"


def test_identifiers_are_made_of_letters_digits_and_underscores() -> None:
    names = Identifiers({"taken"})
    for name in (*made.HOSTILE, *made.HOSTILE, "taken", "class", "", "1", "_x"):
        found = names.of(name)
        assert found.isidentifier() and found.isascii() and found not in ("taken", "class")


ANSWERS = """\
import pathlib, sys
import numpy as np
def predict(rows):
    assert "dlcli" not in sys.modules
    return {value}
"""


def proof(source: str, tmp_path: Path, library: str = "json") -> Proof:
    bundle = made.of_links([Link("one", Dense(2, use_bias=False), (DATA,))], {DATA: (3,)})
    some = {DATA: np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)}
    folder, golden = made.exported(KINDS["torch"], bundle, some, tmp_path, "torch")
    kernel = bundle.model.layout.named(bundle.theta)["one.kernel"].tolist()
    (folder / "model.py").write_text(source.replace("KERNEL", repr(kernel)))
    asked = Asked(library, "model.predict(rows)", "'json 1'")
    found = proving.prove(bundle, folder / "model.py", golden, asked)
    assert not [path for path in folder.iterdir() if path.is_dir()]  # nothing is left behind
    return found


def test_source_is_asked_in_a_process_of_its_own(tmp_path: Path) -> None:
    right = ANSWERS.format(value="print('noise') or rows @ np.array(KERNEL, np.float32)")
    found = proof(right, tmp_path)
    assert found.runtime == "json 1" and found.rows == 1004 and found.largest_difference < 1e-5


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (ANSWERS.format(value="np.zeros((len(rows), 2), np.float32)"), "not give the engine's"),
        (ANSWERS.format(value="np.zeros((len(rows), 3), np.float32)"), "rows of shape"),
        (ANSWERS.format(value="np.log(rows[:, :2])"), "not give the"),
        (ANSWERS.format(value="1 / 0"), "does not run: ZeroDivisionError"),
        ("import sys; sys.exit(3)", "does not run: 3"),
        ("import os; os._exit(0)", "answers in another way"),
        ("import time; time.sleep(60)", "did not answer within 1 seconds"),
    ],
)
def test_source_that_answers_otherwise_is_an_error(
    source: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "sleep" in source:
        monkeypatch.setattr(proving, "SECONDS", 1.0)
    with pytest.raises(ExportError, match=told):
        proof(source, tmp_path)


def test_without_the_library_nothing_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert proof("1 / 0", tmp_path, "no_such_library") == Proof(None)
    monkeypatch.setattr(proving.importlib.util, "find_spec", lambda name: name)
    (tmp_path / "again").mkdir()
    assert proof("1 / 0", tmp_path / "again", "no_such_library") == Proof(None)
