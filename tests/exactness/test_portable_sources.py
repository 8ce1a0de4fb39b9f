"""Sources and a whole training use only operations whose bits are the same everywhere.

tests/engine/test_portability.py and test_layer_laws.py look at each layer by itself; here are
the rules for all of engine/ and data/, and a training as the pipeline puts it together.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlcli
from dlcli.config import load_config
from dlcli.engine import training as trainings
from dlcli.engine.batch import Batch
from dlcli.engine.context import Context
from dlcli.engine.team import Alone
from dlcli.pipeline import prepare
from dlcli.pipeline.job import Job
from dlcli.pipeline.progress import NullReporter
from tests.engine.portability import TrackedContext, Used, refused, tracked
from tests.engine.test_portability import DIFFERS
from tests.exactness.golden import CONFIGS
from tests.exactness.runs import SMALL, changed, write

PACKAGE = Path(dlcli.__file__).parent
SOURCES = [
    *sorted((PACKAGE / "engine").rglob("*.py")),
    *sorted((PACKAGE / "data").rglob("*.py")),
    PACKAGE / "randomness.py",
]

REFUSED = {*DIFFERS.split(), "std", "var", "linalg.norm", "longdouble", "float128", "unique_all"}
"""Not in NumPy's name space for us: their bits depend on the processor, or hide how they add."""

LIBM = {"exp", "log", "log1p", "log2", "log10", "expm1", "pow", "sin", "cos", "tan", "tanh", "erf"}
"""Functions of Python's `math` that ask the C library, whose last bit differs between systems."""


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    """Every call in a source, with what is called, as it is written."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def names(path: Path) -> Iterator[tuple[int, str]]:
    """Every dotted name in a source."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.lineno, ast.unparse(node)


def ids(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


each_source = pytest.mark.parametrize("path", SOURCES, ids=ids)


@each_source
def test_no_operation_whose_bits_differ_is_named(path: Path) -> None:
    for line, name in names(path):
        assert name.removeprefix("np.") not in REFUSED or not name.startswith("np."), (line, name)
        assert name not in {f"math.{function}" for function in LIBM}, (line, name)


@each_source
def test_every_sort_is_stable(path: Path) -> None:
    for node, name in calls(path):
        last = name.rpartition(".")[2]
        if (last in ("argsort", "sort") and "np." in f"{name}.") or last == "argsort":
            kinds = [ast.unparse(k.value) for k in node.keywords if k.arg == "kind"]
            assert kinds == ["'stable'"], f"line {node.lineno}: {name} is not stable"
        assert last not in ("argpartition", "partition") or "np." not in name, node.lineno


@each_source
def test_random_numbers_come_from_addressed_streams_alone(path: Path) -> None:
    for line, name in names(path):
        if name.startswith("np.random.") and name != "np.random.Philox":
            raise AssertionError(f"line {line}: {name}")
        if name == "np.random.Philox":
            assert path.name == "randomness.py", line
    imported = {
        alias.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    } | {
        str(node.module)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    }
    assert not imported & {"random", "secrets", "numpy.random", "uuid"}


@each_source
def test_powers_are_of_whole_numbers_alone(path: Path) -> None:
    """`x ** y` of arrays is a ufunc whose bits differ, and of floats it asks the C library."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            exact = isinstance(node.left, ast.Constant) and node.left.value in (2, 2.0, 10)
            assert exact, f"line {node.lineno}: {ast.unparse(node)}"


class TrackedExamples:
    """Examples whose rows write down what is done with them."""

    def __init__(self, examples: Any, used: Used) -> None:
        self._examples, self._used = examples, used

    def __len__(self) -> int:
        return len(self._examples)

    def fetch(self, positions: Any, ctx: Any, epoch: Any = None) -> Any:
        xs, t, weights, original = self._examples.fetch(positions, ctx, epoch)
        return Batch(
            [tracked(x, self._used) for x in xs], tracked(t, self._used), weights, original
        )


SPATIAL = [
    {"type": "conv2d", "filters": 8, "kernel_size": 3, "padding": "same", "activation": "tanh"},
    {"type": "average_pooling2d"},
    {"type": "conv2d", "filters": 8, "kernel_size": 2, "strides": 2, "activation": "sigmoid"},
    {"type": "flatten"},
    {"type": "dense", "units": 12, "activation": {"type": "leaky_relu"}},
    {"type": "dropout", "rate": 0.5},
    {"type": "dense", "units": 10, "activation": "softmax"},
]
MORE = {
    "plain layers": changed(
        CONFIGS["cnn"],
        model={"layers": SPATIAL},
        loss={"type": "categorical_crossentropy"},
        evaluation={"metrics": ["precision_weighted", "recall_per_class", "confusion_matrix"]},
    ),
    **{
        optimizer: changed(SMALL, optimizer={"type": optimizer})
        for optimizer in ("sgd", "momentum", "adagrad", "rmsprop", "adam", "adamw")
    },
    "absolute error": changed(
        CONFIGS["regression"], loss={"type": "mean_absolute_error"}, training={"epochs": 1}
    ),
}


@pytest.mark.parametrize("name", [*CONFIGS, *MORE])
def test_a_whole_training_uses_portable_operations_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fused layers, loss, metrics, optimizer and validation, as the pipeline connects them."""
    used: Used = set()

    def context(layer: str = "", moment: Any = None) -> Context:
        return TrackedContext(used, layer, moment)

    def zeros(shape: Any, dtype: Any = np.float32) -> Any:
        return tracked(np.zeros(shape, dtype), used)

    for module in ("model", "training", "evaluation"):
        monkeypatch.setattr(f"dlcli.engine.{module}.Context", context)
    monkeypatch.setattr(trainings, "shared_zeros", zeros)
    config = (CONFIGS | MORE)[name]
    loaded = load_config(write(tmp_path, config))
    ready = Job.ready(loaded, prepare.places(tmp_path, None), NullReporter())
    parts = {role: TrackedExamples(part, used) for role, part in ready.examples.items()}
    training = trainings.Training(ready.design.recipe, parts)
    for report in training.fit(Alone(training.phases)):
        if isinstance(report, trainings.EpochReport):
            break
    assert {operation for operation, _ in used} & {"matmul", "dot", "vecdot", "np.dot"}
    asked = {"np.may_share_memory(float32)"}  # a question about memory, not about numbers
    assert not refused(used) - asked
