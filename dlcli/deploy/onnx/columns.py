"""Some columns of rows, taken out, changed and put back: places of the last axis."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dlcli.deploy.onnx.graph import Graph

Dtype = np.dtype[np.floating[Any]]
"""What preprocessing computes in: float32 or float64."""


def taken(graph: Graph, x: str, width: int, positions: Sequence[int]) -> str:
    """The columns at these positions of `width`, side by side."""
    if list(positions) == list(range(width)):
        return x
    return graph.op("Gather", x, graph.constant(list(positions), np.int64), axis=-1)


def replaced(graph: Graph, x: str, width: int, made: Mapping[int, str]) -> str:
    """x with other columns, one or several, in the place of those at the positions of `made`."""
    sizes: list[int] = []
    there: list[str | None] = []
    for position in range(width):
        new = made.get(position)
        if new is None and there and there[-1] is None:
            sizes[-1] += 1
        else:
            sizes.append(1)
            there.append(new)
    parts: Sequence[str] = [x] * len(sizes) if None not in there else graph.split(x, sizes)
    return graph.concat(
        [part if new is None else new for part, new in zip(parts, there, strict=True)]
    )


def changed(
    graph: Graph,
    x: str,
    width: int,
    positions: Sequence[int],
    dtype: Dtype,
    function: Callable[[str], str],
) -> str:
    """x with f of the columns at these positions in their place, computed in float64; f takes and
    gives all of them side by side."""
    y = function(graph.cast(taken(graph, x, width, positions), np.float64))
    y = graph.cast(y, dtype)
    if list(positions) == list(range(width)):
        return y
    parts = graph.split(y, [1] * len(positions))
    return replaced(graph, x, width, dict(zip(positions, parts, strict=True)))
