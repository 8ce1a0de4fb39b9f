"""The steps of preprocessing: one row of the table for each class of fitted steps.

They compute in the working type, as the engine's do, and only what comes of the last one is cast to
float32.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dlcli.data.encoded import Numbered, OneHotEncoded
from dlcli.data.fitted import Affine, Fitted, Reshaped, Transposed
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.transforms.binning import Binned
from dlcli.data.transforms.curves import TAIL, Clipped, Logged, Ranked
from dlcli.data.transforms.dates import DateParts
from dlcli.data.transforms.hashing import Hashed
from dlcli.data.transforms.imputing import Imputed
from dlcli.data.transforms.ordinal import Ordered
from dlcli.data.transforms.resizing import Cropped, Resized, taps
from dlcli.deploy.onnx import encodings, smooth
from dlcli.deploy.onnx.columns import Dtype, changed, replaced, taken
from dlcli.deploy.onnx.dates import date_parts
from dlcli.deploy.onnx.graph import Graph
from dlcli.deploy.onnx.searching import Found, interpolated
from dlcli.engine.layer import Array


def prepared(graph: Graph, fitted: Preprocessing, x: str, may_lack: bool) -> str:
    """Prepared rows, float32 (batch, *out_shape), of stored rows in the working type.

    may_lack: whether numbers may be missing or infinite. A row of which a prepared number is not
    finite is one that the engine refuses.
    """
    for place, step in enumerate(fitted.steps):
        graph.scope(f"preprocessing/{place}_{step.word}")
        x = WRITTEN[type(step)](graph, step, x, fitted.dtype)
    graph.scope("preprocessing")
    x = graph.cast(x, np.float32)
    if may_lack:
        fine = finite(graph, x, np.dtype(np.float32))
        graph.fault(graph.some(graph.op("Not", fine), len(fitted.out_shape)))
    return x


def finite(graph: Graph, x: str, dtype: np.dtype[Any]) -> str:
    """Which numbers of this type are neither missing nor infinite."""
    most = graph.constant(np.finfo(dtype).max, dtype)
    return graph.op("LessOrEqual", graph.op("Abs", x), most)


_OPERATORS = {"subtract": "Sub", "divide": "Div", "multiply": "Mul", "add": "Add"}


def _affine(graph: Graph, step: Affine, x: str, dtype: Dtype) -> str:
    for name, constant in step.arrays().items():
        x = graph.op(_OPERATORS[name], x, graph.constant(constant, dtype))
    return x


def _reshape(graph: Graph, step: Reshaped, x: str, dtype: Dtype) -> str:
    return graph.reshape(x, step.shape)


def _transpose(graph: Graph, step: Transposed, x: str, dtype: Dtype) -> str:
    return graph.op("Transpose", x, perm=[0, *step.dims])


def _impute(graph: Graph, step: Imputed, x: str, dtype: Dtype) -> str:
    width = step.in_shape[0]
    cells = taken(graph, x, width, step.positions)
    holes = graph.op("IsNaN", cells)
    if step.added:  # codes of texts behind the new one move up
        limits = [
            value if position in step.added else np.inf
            for position, value in zip(step.positions, step.values.tolist(), strict=True)
        ]
        behind = graph.op("GreaterOrEqual", cells, graph.constant(limits, dtype))
        cells = graph.op("Add", cells, graph.cast(behind, dtype))
    filled = graph.op("Where", holes, graph.constant(step.values, dtype), cells)
    parts = graph.split(filled, [1] * len(step.positions))
    y = replaced(graph, x, width, dict(zip(step.positions, parts, strict=True)))
    if not step.flagged:
        return y
    places = [step.positions.index(position) for position in step.flagged]
    flags = taken(graph, graph.cast(holes, dtype), len(step.positions), places)
    return graph.concat([y, flags])


def _width(step: Fitted) -> int:
    return step.in_shape[-1] if step.in_shape else 1


def _clip(graph: Graph, step: Clipped, x: str, dtype: Dtype) -> str:
    def clipped(x: str) -> str:
        for bound, compare in ((step.minimum, "Less"), (step.maximum, "Greater")):
            if bound is not None:
                end = smooth.number(graph, bound)
                x = graph.op("Where", graph.op(compare, x, end), end, x)
        return x

    return changed(graph, x, _width(step), step.positions, dtype, clipped)


def _log1p(graph: Graph, step: Logged, x: str, dtype: Dtype) -> str:
    def logged(x: str) -> str:
        return smooth.log1p(graph, x)

    return changed(graph, x, _width(step), step.positions, dtype, logged)


def _quantile(graph: Graph, step: Ranked, x: str, dtype: Dtype) -> str:
    def ranked(x: str) -> str:
        return ranks(graph, step, x)

    return changed(graph, x, _width(step), step.positions, dtype, ranked)


def ranks(graph: Graph, step: Ranked, x: str) -> str:
    """The share of known numbers below x (..., c), float64; or the normal variable of it."""
    known = [np.ascontiguousarray(column) for column in step.known.T]
    shares = np.arange(len(step.known)) / max(1, len(step.known) - 1)
    up = interpolated(graph, x, known, [shares] * len(known))
    turned = [-column[::-1] for column in known]
    down = interpolated(graph, graph.op("Neg", x), turned, [-shares[::-1]] * len(known))
    share = graph.op("Mul", graph.op("Sub", up, down), smooth.number(graph, 0.5))
    for place, value, compare in ((0, 0.0, "LessOrEqual"), (-1, 1.0, "GreaterOrEqual")):
        end = graph.constant([column[place] for column in known], np.float64)
        share = graph.op("Where", graph.op(compare, x, end), smooth.number(graph, value), share)
    if not step.normal:
        return share
    held = graph.op("Max", share, smooth.number(graph, TAIL))
    held = graph.op("Min", held, smooth.number(graph, 1.0 - TAIL))
    missing = graph.op("IsNaN", x)
    held = graph.op("Where", missing, smooth.number(graph, 0.5), held)
    return graph.op("Where", missing, x, smooth.normal_quantile(graph, held))


def _discretize(graph: Graph, step: Binned, x: str, dtype: Dtype) -> str:
    width, count = step.in_shape[0], len(step.positions)
    numbers = graph.cast(taken(graph, x, width, step.positions), np.float64)
    bins = graph.cast(Found(graph, numbers, step.inner).count, dtype)
    gone = graph.constant(np.nan, dtype)
    parts = []
    for number, (part, cells) in enumerate(
        zip(
            graph.split(bins, [1] * count),
            graph.split(graph.op("IsNaN", numbers), [1] * count),
            strict=True,
        )
    ):
        if step.one_hot:
            part = encodings.indicators(graph, part, step.count(number), dtype)
        parts.append(graph.op("Where", cells, gone, part))
    return replaced(graph, x, width, dict(zip(step.positions, parts, strict=True)))


def _center_crop(graph: Graph, step: Cropped, x: str, dtype: Dtype) -> str:
    height, width, _ = step.in_shape
    top, left = (height - step.height) // 2, (width - step.width) // 2
    return _part(graph, x, top, left, step.height, step.width)


def _part(graph: Graph, x: str, top: int, left: int, height: int, width: int) -> str:
    begin, end = graph.whole(top, left), graph.whole(top + height, left + width)
    return graph.op("Slice", x, begin, end, graph.whole(1, 2))


def _resizing(graph: Graph, step: Resized, x: str, dtype: Dtype) -> str:
    """Along each axis a matrix of shares, (new, old); of the nearest pixels, a choice."""
    top, left, tall, wide = step.window
    if top >= 0 and left >= 0:
        x = _part(graph, x, top, left, tall, wide)
    else:
        height, width, _ = step.in_shape
        below, right = tall - height + top, wide - width + left
        pads = graph.whole(0, -top, -left, 0, 0, below, right, 0)
        x = graph.op("Pad", x, pads, graph.constant(step.fill_value, dtype))
    channels = step.in_shape[2]
    sides = ((tall, step.height), (wide, step.width))
    found = [taps(*side, step.interpolation, step.antialias) for side in sides]
    for axis, (places, shares) in enumerate(found, start=1):
        if shares.shape[1] == 1:
            x = graph.op("Gather", x, graph.constant(places[:, 0], np.int64), axis=axis)
            continue
        matrix = graph.constant(_shares(places, shares, sides[axis - 1][0], dtype), dtype)
        if axis == 1:
            x = graph.op("MatMul", matrix, graph.reshape(x, (tall, wide * channels)))
            x = graph.reshape(x, (step.height, wide, channels))
        else:
            x = graph.op("MatMul", matrix, x)
    return x


def _shares(places: Array, shares: Array, old: int, dtype: Dtype) -> Array:
    matrix = np.zeros((len(places), old), dtype)
    for column, share in zip(places.T, shares.T, strict=True):
        np.add.at(matrix, (np.arange(len(places)), column), share.astype(dtype))
    return matrix


Write = Callable[[Graph, Any, str, Dtype], str]
"""(graph, step, x in the working type, that type) -> what the step makes of it, in that type."""

WRITTEN: Mapping[type[Fitted], Write] = {
    Affine: _affine,
    Binned: _discretize,
    Clipped: _clip,
    Cropped: _center_crop,
    DateParts: date_parts,
    Hashed: encodings.hashed,
    Imputed: _impute,
    Logged: _log1p,
    Numbered: encodings.category,
    OneHotEncoded: encodings.one_hot,
    Ordered: encodings.ordinal,
    Ranked: _quantile,
    Reshaped: _reshape,
    Resized: _resizing,
    Transposed: _transpose,
}
