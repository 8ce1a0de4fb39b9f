"""Numbers found among sorted ones, and lines between known points: by halving, column by column.

ONNX has no operator that searches. Comparing each number with all known ones would need memory for
all pairs; halving needs as many steps as the number of known ones has bits, and all columns go
through them at once.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dlcli.deploy.onnx.graph import Graph
from dlcli.engine.layer import Array


class Found:
    """Where numbers x (..., c) lie among ascending ones, of each column of the last axis, or of
    one column for all.

    count: the name of a tensor of whole numbers (..., c): how many of the known ones are not
        larger; 0 for NaN.
    """

    def __init__(
        self, graph: Graph, x: str, known: Sequence[Array], dtype: npt.DTypeLike = np.float64
    ) -> None:
        self._graph = graph
        longest = max(len(one) for one in known)
        half = 1 << max(longest.bit_length() - 1, 0)
        self._width = 2 * half - 1
        self._starts = np.arange(len(known), dtype=np.int64) * self._width
        flat = self._table(known, np.inf, dtype)
        place: str | None = None
        while half:
            # The last of the next `half` known numbers; place is how many are passed already.
            ahead = graph.constant(self._starts + half - 1, np.int64)
            at = ahead if place is None else graph.op("Add", place, ahead)
            passed = graph.op("LessOrEqual", graph.op("Gather", flat, at, axis=0), x)
            step = graph.op("Mul", graph.cast(passed, np.int64), graph.constant(half, np.int64))
            place = step if place is None else graph.op("Add", place, step)
            half //= 2
        assert place is not None
        # What fills a column up is infinite, and so may x be.
        lengths = graph.constant([len(one) for one in known], np.int64)
        self.count = graph.op("Min", place, lengths)
        last = graph.op("Sub", self.count, graph.constant(1, np.int64))
        held = graph.op("Max", last, graph.constant(0, np.int64))
        self._at = graph.op("Add", held, graph.constant(self._starts, np.int64))

    def _table(self, columns: Sequence[Array], rest: float, dtype: npt.DTypeLike) -> str:
        """All columns one behind the other, each filled up to one length."""
        table = np.full((len(columns), self._width), rest, dtype)
        for row, column in zip(table, columns, strict=True):
            row[: len(column)] = column
        return self._graph.constant(table.reshape(-1))

    def of(
        self, columns: Sequence[Array], rest: float = 0.0, dtype: npt.DTypeLike = np.float64
    ) -> str:
        """What stands in these columns at the last of the known numbers that are not larger, or at
        the first where all are; rest: what a column without any has."""
        return self._graph.op("Gather", self._table(columns, rest, dtype), self._at, axis=0)


def interpolated(graph: Graph, x: str, known: Sequence[Array], values: Sequence[Array]) -> str:
    """numpy.interp of each column of x (..., c), in float64: between known numbers, which ascend,
    linear; beyond them as the outermost. NaN stays NaN."""
    found = Found(graph, x, known)
    slopes = []
    for xs, ys in zip(known, values, strict=True):
        with np.errstate(all="ignore"):
            slope = np.diff(ys) / np.diff(xs)
        slopes.append(np.append(np.where(np.isfinite(slope), slope, 0.0), 0.0))
    apart = graph.op("Sub", x, found.of(known))
    risen = graph.op("Mul", apart, found.of(slopes))
    y = graph.op("Add", risen, found.of(values))
    # So that nothing infinite meets a slope of 0.
    for place, compare in ((0, "LessOrEqual"), (-1, "GreaterOrEqual")):
        end = graph.constant([xs[place] for xs in known], np.float64)
        value = graph.constant([ys[place] for ys in values], np.float64)
        y = graph.op("Where", graph.op(compare, x, end), value, y)
    return y
