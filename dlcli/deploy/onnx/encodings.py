"""Categories in the graph: where they are among the known ones, and what that makes of them."""

from collections.abc import Sequence

import numpy as np

from dlcli.data.encoded import Categories, Encoding, Numbered, OneHotEncoded
from dlcli.data.transforms.hashing import Hashed
from dlcli.data.transforms.ordinal import Ordered
from dlcli.deploy.onnx.columns import Dtype, replaced, taken
from dlcli.deploy.onnx.graph import Graph
from dlcli.deploy.onnx.searching import Found
from dlcli.engine.layer import Array


class _Known:
    """What one column may hold, sorted, and the place of each; missing cells apart."""

    def __init__(self, one: Categories, dtype: Dtype) -> None:
        every = np.concatenate([one.values.astype(dtype), one.rare.astype(dtype)])
        places = np.minimum(np.arange(len(every)), len(one.values)).astype(dtype)
        gap = np.isnan(every)
        self.gap: float | None = float(places[gap][0]) if gap.any() else None
        """The place of missing cells, where they are a category."""
        self.values, first = np.unique(every[~gap], return_index=True)
        self.places: Array = places[~gap][first]


def _places(
    graph: Graph, step: Encoding, x: str, dtype: Dtype, known: Sequence[_Known]
) -> tuple[str, str]:
    """The place of each cell of the encoded columns (batch, c), and whether it is known; else the
    place means nothing."""
    cells = taken(graph, x, step.in_shape[0], [one.position for one in step.categories])
    found = Found(graph, cells, [one.values for one in known], dtype)
    seen = graph.op("Equal", found.of([one.values for one in known], np.nan, dtype), cells)
    places = found.of([one.places for one in known], 0.0, dtype)
    if any(one.gap is not None for one in known):
        counts = graph.constant([one.gap is not None for one in known], np.bool_)
        gap = graph.op("And", graph.op("IsNaN", cells), counts)
        theirs = graph.constant([one.gap or 0.0 for one in known], dtype)
        places = graph.op("Where", gap, theirs, places)
        seen = graph.op("Or", seen, gap)
    return places, seen


def _with_unknown(graph: Graph, step: Encoding, x: str, dtype: Dtype) -> list[str]:
    """The places (batch, 1) of each encoded column, those of unknown categories, too; where these
    are refused, the row is."""
    known = [_Known(one, dtype) for one in step.categories]
    places, seen = _places(graph, step, x, dtype, known)
    if step.refuses:
        graph.fault(graph.some(graph.op("Not", seen), 1))
    bucket = step.handle_unknown == "bucket"
    nowhere = [len(one.values) if bucket else one.count for one in step.categories]
    places = graph.op("Where", seen, places, graph.constant(nowhere, dtype))
    return list(graph.split(places, [1] * len(nowhere)))


def one_hot(graph: Graph, step: OneHotEncoded, x: str, dtype: Dtype) -> str:
    """1 at the place, in columns of 0; nowhere is no place."""
    made = {
        one.position: indicators(graph, place, one.count, dtype)
        for one, place in zip(step.categories, _with_unknown(graph, step, x, dtype), strict=True)
    }
    return replaced(graph, x, step.in_shape[0], made)


def indicators(graph: Graph, place: str, count: int, dtype: Dtype) -> str:
    """Columns of 0 and 1 for each of so many places."""
    return graph.cast(graph.op("Equal", place, graph.constant(np.arange(count), dtype)), dtype)


def category(graph: Graph, step: Numbered, x: str, dtype: Dtype) -> str:
    """The places, as ids."""
    places = _with_unknown(graph, step, x, dtype)
    made = dict(zip((one.position for one in step.categories), places, strict=True))
    return replaced(graph, x, step.in_shape[0], made)


def ordinal(graph: Graph, step: Ordered, x: str, dtype: Dtype) -> str:
    """The places in the order that was given; what is missing, or unknown and not refused, is
    missing afterwards."""
    known = [_Known(one, dtype) for one in step.categories]
    for one, ranks in zip(known, step.ranks, strict=True):
        one.places = np.array(ranks, dtype)[one.places.astype(np.int64)]
    places, seen = _places(graph, step, x, dtype, known)
    if step.refuses:
        cells = taken(graph, x, step.in_shape[0], [one.position for one in step.categories])
        fine = graph.op("Or", seen, graph.op("IsNaN", cells))
        graph.fault(graph.some(graph.op("Not", fine), 1))
    places = graph.op("Where", seen, places, graph.constant(np.nan, dtype))
    parts = graph.split(places, [1] * len(known))
    made = dict(zip((one.position for one in step.categories), parts, strict=True))
    return replaced(graph, x, step.in_shape[0], made)


def hashed(graph: Graph, step: Hashed, x: str, dtype: Dtype) -> str:
    """The bins of the texts, which are stored as their numbers; a text that is none of n is stored
    as n + 1 + its bin (see `inputs.py`)."""
    cells = taken(graph, x, step.in_shape[0], step.positions)
    holes = graph.op("IsNaN", cells)
    codes = graph.cast(graph.op("Where", holes, graph.constant(0.0, dtype), cells), np.int64)
    lengths = [len(table) for table in step.tables]
    flat = np.concatenate([[*table, 0.0] for table in step.tables])
    starts = np.cumsum([0, *(length + 1 for length in lengths[:-1])])
    most = graph.op("Min", codes, graph.constant(lengths, np.int64))
    at = graph.op("Add", most, graph.constant(starts, np.int64))
    bins = graph.op("Gather", graph.constant(flat, np.int64), at, axis=0)
    own = graph.op("Sub", codes, graph.constant(np.add(lengths, 1), np.int64))
    known = graph.op("Less", codes, graph.constant(lengths, np.int64))
    bins = graph.op("Where", known, bins, own)
    last = graph.constant(step.num_bins, np.int64)
    inside = graph.op("GreaterOrEqual", bins, graph.constant(0, np.int64))
    inside = graph.op("And", inside, graph.op("Less", bins, last))
    inside = graph.op("And", inside, graph.op("Not", holes))
    places = graph.cast(graph.op("Where", inside, bins, last), dtype)
    parts: Sequence[str] = graph.split(places, [1] * len(lengths))
    if step.one_hot:
        parts = [indicators(graph, place, step.num_bins, dtype) for place in parts]
    return replaced(graph, x, step.in_shape[0], dict(zip(step.positions, parts, strict=True)))
