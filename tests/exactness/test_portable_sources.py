"""Sources and a whole training use only operations whose bits are the same everywhere.

tests/engine/test_portability.py and test_layer_laws.py look at each layer by itself; here are
the rules for all of engine/ and data/, and a training as the pipeline puts it together.
"""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

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

Node = TypeVar("Node", bound=ast.AST)

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


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def nodes(kind: type[Node]) -> Iterator[tuple[str, Node]]:
    """Every node of a kind in all sources, with where it stands."""
    for path in SOURCES:
        for node in ast.walk(tree(path)):
            if isinstance(node, kind):
                place = getattr(node, "lineno", 0)
                yield f"{path.relative_to(PACKAGE).as_posix()}:{place}", node


def names() -> Iterator[tuple[str, str]]:
    """Every dotted name."""
    for place, node in nodes(ast.Attribute):
        yield place, ast.unparse(node)


def test_no_operation_whose_bits_differ_is_named() -> None:
    refused = {f"np.{name}" for name in REFUSED} | {f"math.{name}" for name in LIBM}
    wrong = [found for found in names() if found[1] in refused]
    assert not wrong
    assert len(SOURCES) > 150 and sum(name == "np.matmul" for _, name in names())


def test_every_sort_is_stable() -> None:
    for place, node in nodes(ast.Call):
        name = ast.unparse(node.func)
        last = name.rpartition(".")[2]
        if (last in ("argsort", "sort") and "np." in f"{name}.") or last == "argsort":
            kinds = [ast.unparse(k.value) for k in node.keywords if k.arg == "kind"]
            assert kinds == ["'stable'"], f"{place}: {name} is not stable"
        assert last not in ("argpartition", "partition") or "np." not in name, place


def test_random_numbers_come_from_addressed_streams_alone() -> None:
    for place, name in names():
        if name.startswith("np.random."):
            assert name == "np.random.Philox", f"{place}: {name}"
            assert place.startswith("randomness.py:"), place
    refused = {"random", "secrets", "numpy.random", "uuid"}
    for place, imported in nodes(ast.Import):
        assert not refused & {alias.name for alias in imported.names}, place
    for place, taken in nodes(ast.ImportFrom):
        assert not refused & {str(taken.module), *(alias.name for alias in taken.names)}, place


def test_powers_are_of_whole_numbers_alone() -> None:
    """`x ** y` of arrays is a ufunc whose bits differ, and of floats it asks the C library."""
    for place, node in nodes(ast.BinOp):
        if isinstance(node.op, ast.Pow):
            exact = isinstance(node.left, ast.Constant) and node.left.value in (2, 2.0, 10)
            assert exact, f"{place}: {ast.unparse(node)}"


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
