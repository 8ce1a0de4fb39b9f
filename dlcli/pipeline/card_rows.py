"""What a model card says of rows: what the training part holds, and what becomes of other cells."""

import math
from collections.abc import Mapping

import numpy as np

from dlcli.data.dataset import ONLY, Column, Part, rows_per_chunk
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.strange import codes_of_unknown, gap_categories, handled, takes_missing
from dlcli.dates import written
from dlcli.deploy.card_described import ColumnLine, ValueLine
from dlcli.deploy.card_wording import number
from dlcli.engine.layer import Array

LOOKED_AT = 1 << 20
"""Numbers of the training part in which ranges are looked for, so that a card costs no time."""


def looked_at(part: Part) -> int:
    """How many rows of the training part ranges are looked for in."""
    size = sum(math.prod(one.row_shape) for one in part.each().values())
    return min(len(part), max(1, LOOKED_AT // max(1, size)))


def _extremes(part: Part, rows: int) -> tuple[Array, Array, Array]:
    """Of each number of a row: the lowest and the highest (NaN where all are missing), and how many
    are missing."""
    found = None
    step = rows_per_chunk(part.row_shape)
    for start in range(0, rows, step):
        x = part.take_features(slice(start, min(start + step, rows)))
        x = x.reshape(len(x), -1)
        least, most = np.minimum.reduce(x, axis=0), np.maximum.reduce(x, axis=0)
        holes = np.zeros(x.shape[1], np.int64)
        odd = np.flatnonzero(least != least)  # where one is missing, these are, too
        if len(odd):
            some = x[:, odd]
            holes[odd] = np.isnan(some).sum(axis=0)
            least[odd], most[odd] = np.fmin.reduce(some, axis=0), np.fmax.reduce(some, axis=0)
        if found is not None:
            least, most = np.fmin(found[0], least), np.fmax(found[1], most)
            holes = found[2] + holes
        found = least, most, holes
    assert found is not None
    return found


def columns(
    part: Part, preprocessing: Mapping[str, Preprocessing], rows: int
) -> tuple[ColumnLine, ...]:
    """The columns of a table, as a person who brings new rows must know them."""
    if part.columns is None:
        return ()
    fitted = preprocessing[ONLY]
    low, high, gaps = _extremes(part, rows)
    known, hashed = handled(fitted), codes_of_unknown(fitted)
    lenient, own = set(takes_missing(fitted)), set(gap_categories(fitted))
    lines = []
    for j, column in enumerate(part.columns):
        name = column.name
        texts = unknown = None
        if name in known:
            unknown, one = known[name]
            texts = (*one.names, *one.rare_names)
        missing = "allowed" if name in lenient else "refused"
        lines.append(
            ColumnLine(
                name,
                _KINDS.get(column.kind, column.kind),
                None if texts else _range(column, float(low[j]), float(high[j])),
                texts,
                int(gaps[j]),
                "a category of its own" if name in own else missing,
                _UNKNOWN[unknown] if unknown else "allowed, hashed" if name in hashed else "",
            )
        )
    return tuple(lines)


_KINDS = {"numeric": "numbers", "text": "texts", "date": "dates"}
_UNKNOWN = {
    "error": "refused",
    "ignore": "allowed, as none of the known",
    "bucket": "allowed, as a rare one",
}


def _range(column: Column, low: float, high: float) -> tuple[str, str] | None:
    """The ends of what was seen; None for texts, and where every cell is missing."""
    if column.categories is not None or math.isnan(low):
        return None
    if not column.date:
        return number(low), number(high)
    return written(low), written(high)


def values(part: Part, rows: int) -> tuple[ValueLine, ...]:
    if part.columns is not None:
        return ()
    found = []
    for name, one in sorted(part.each().items()):
        low, high, _ = _extremes(one, rows)
        dtype = one.features.dtype.name
        ends = float(np.fmin.reduce(low)), float(np.fmax.reduce(high))
        found.append(ValueLine(name, one.row_shape, dtype, *ends))
    return tuple(found)
