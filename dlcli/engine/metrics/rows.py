"""The answers to all rows of a part, for metrics that no sum over rows gives.

Such a metric needs to know which rows come before which. Every worker writes the rows that it
answered to their places in memory that all of them share; the value is worked out once, by the
parent.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcli.engine.layer import Array, Shape
from dlcli.engine.memory import shared_zeros
from dlcli.engine.metrics.learned import Learned
from dlcli.frozen import frozen


@frozen
class Rows:
    """Rows in the order of the file.

    scores: float32 (n, columns): a column for each class or label, only one where there are two
        classes: the second's.
    targets: int32 (n,) class ids, or uint8 (n, labels) of 0 and 1.
    weights: float64 (n,), or None where no metric wants them.
    """

    scores: Array
    targets: Array
    weights: Array | None = None

    def yes(self, column: int) -> Array:
        """bool (n,): whether this column should be answered by yes."""
        if self.targets.ndim == 2:
            return np.asarray(self.targets[:, column] == 1)
        return np.asarray(self.targets == (column if self.scores.shape[1] > 1 else 1))


class Answered:
    """Room for the answers to all rows of a part.

    count: of the rows. weighted: whether their weights are kept, too.
    """

    def __init__(self, learned: Learned, count: int, weighted: bool) -> None:
        self._learned = learned
        self._arrays = {
            name: shared_zeros((count, *shape), dtype)
            for name, (shape, dtype) in _layout(learned, weighted).items()
        }

    def put(self, positions: Array, y: Array, t: Array, weights: Array | None = None) -> None:
        """Write down the answers to the rows at these positions; y, t as `MetricSet` has them."""
        arrays, two = self._arrays, self._learned.classes == 2
        if self._learned.kind == "multilabel":
            arrays["scores"][positions] = y.reshape(len(y), -1)  # labels of pixels have axes, too
            arrays["targets"][positions] = t.reshape(len(t), -1) > 0.5
        elif self._learned.kind == "binary":
            arrays["scores"][positions] = y
            arrays["targets"][positions] = t.reshape(-1) > 0.5
        else:
            arrays["scores"][positions] = y[:, 1:] if two else y
            arrays["targets"][positions] = t if t.ndim == 1 else t.argmax(axis=1)
        if "weights" in arrays:
            arrays["weights"][positions] = 1.0 if weights is None else weights

    def at(self, positions: Any) -> Rows:
        """The rows at these positions (indices or a slice), which must be in order."""
        return Rows(**{name: array[positions] for name, array in self._arrays.items()})

    def taken(self, positions: Any) -> dict[str, Array]:
        """The arrays of the rows at these positions, to be saved."""
        return {name: array[positions] for name, array in self._arrays.items()}

    def empty(self, count: int) -> dict[str, Array]:
        """Arrays such as `taken` gives for so many rows, of zeros."""
        return {n: np.zeros((count, *a.shape[1:]), a.dtype) for n, a in self._arrays.items()}

    def put_back(self, positions: Any, saved: Mapping[str, Array]) -> None:
        """The inverse of `taken`; ValueError for values that no row can have."""
        classes = 2 if self._learned.kind == "multilabel" else self._learned.classes
        targets, weights = saved["targets"], saved.get("weights", np.zeros(0))
        good = np.isfinite(saved["scores"]).all() and (targets < classes).all()
        if not good or not ((targets >= 0).all() and (weights >= 0.0).all()):
            raise ValueError("it has impossible answers")
        for name, array in self._arrays.items():
            array[positions] = saved[name]


def bytes_of_a_row(learned: Learned, weighted: bool) -> int:
    """How much memory each row takes."""
    sizes = [
        int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        for shape, dtype in _layout(learned, weighted).values()
    ]
    return sum(sizes)


def _layout(learned: Learned, weighted: bool) -> dict[str, tuple[Shape, type[Any]]]:
    """Shape and type of what is kept of a row."""
    labels = learned.kind == "multilabel"
    columns = learned.classes if labels or learned.classes > 2 else 1
    found: dict[str, tuple[Shape, type[Any]]] = {"scores": ((columns,), np.float32)}
    found["targets"] = ((columns,), np.uint8) if labels else ((), np.int32)
    return found | ({"weights": ((), np.float64)} if weighted else {})
