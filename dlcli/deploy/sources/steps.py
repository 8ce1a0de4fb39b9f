"""The steps of preprocessing as plain functions, which stand in written source as they stand here.

So they read nothing but their arguments, and need NumPy alone. Each does what `apply` of the fitted
step of that name does, to the bit:

    x         rows, stored or as the step before left them       dtype   what is computed in
    learned   the step's arrays, by the names under which they are saved
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from dlcli.data.dataset import Array, Shape
from dlcli.data.portable import log1p, normal_quantile
from dlcli.data.transforms.curves import TAIL
from dlcli.data.transforms.dates import CYCLES, parts_of, sine_and_cosine
from dlcli.data.transforms.resizing import floating_like, taps, weighed


def affine(x: Array, dtype: Any, learned: Mapping[str, Array]) -> Array:
    """((x - subtract) / divide) * multiply + add, as far as these are there."""
    room: Array = np.empty(x.shape, dtype)
    for name, ufunc in _OPERATIONS.items():
        if name in learned:
            constant = learned[name].astype(dtype)
            ufunc(x, constant, out=room, dtype=dtype, casting="unsafe")
            x = room
    return x


_OPERATIONS: dict[str, np.ufunc] = {
    "subtract": np.subtract,
    "divide": np.divide,
    "multiply": np.multiply,
    "add": np.add,
}


def reshape(x: Array, dtype: Any, shape: Shape) -> Array:
    """The same numbers in rows of another shape."""
    return x.reshape(len(x), *shape)


def transpose(x: Array, dtype: Any, dims: Sequence[int]) -> Array:
    """The axes of a row in another order, counted from 1."""
    return np.ascontiguousarray(x.transpose(0, *dims))


def clip(
    x: Array,
    dtype: Any,
    positions: Sequence[int],
    minimum: float | None = None,
    maximum: float | None = None,
) -> Array:
    """min(max(x, minimum), maximum) in these columns."""
    room = x.astype(dtype)
    for position in positions:
        cells = room[..., position].astype(np.float64)
        if minimum is not None:
            cells = np.where(cells < minimum, minimum, cells)
        if maximum is not None:
            cells = np.where(cells > maximum, maximum, cells)
        room[..., position] = cells
    return room


def log_of_1_and_more(x: Array, dtype: Any, positions: Sequence[int]) -> Array:
    """log(1 + x) in these columns."""
    room = x.astype(dtype)
    for position in positions:
        room[..., position] = log1p(room[..., position].astype(np.float64))
    return room


def ranks(
    x: Array,
    dtype: Any,
    learned: Mapping[str, Array],
    positions: Sequence[int],
    normal: bool = False,
) -> Array:
    """The share of training numbers below x in these columns, or the normal variable of it."""
    room = x.astype(dtype)
    for number, position in enumerate(positions):
        cells = room[..., position].astype(np.float64)
        known = np.ascontiguousarray(learned["known"][:, number])
        shares = np.arange(len(known)) / max(1, len(known) - 1)
        up = np.interp(cells, known, shares)
        down = np.interp(-cells, -known[::-1], -shares[::-1])
        share = 0.5 * (up - down)
        share = np.where(cells >= known[-1], 1.0, np.where(cells <= known[0], 0.0, share))
        if normal:
            held = np.where(np.isnan(cells), 0.5, np.clip(share, TAIL, 1.0 - TAIL))
            share = normal_quantile(held)
        room[..., position] = np.where(np.isnan(cells), cells, share)
    return room


def impute(
    x: Array,
    dtype: Any,
    learned: Mapping[str, Array],
    positions: Sequence[int],
    flagged: Sequence[int] = (),
    added: Collection[int] = (),
) -> Array:
    """Missing cells of these columns filled in; behind all columns, for the flagged ones, 1 where a
    cell was missing. added: columns of text in which what is filled in was no text before."""
    width = x.shape[1]
    room: Array = np.empty((len(x), width + len(flagged)), dtype)
    holes = {position: np.isnan(x[:, position]) for position in positions}
    room[:, :width] = x
    for position, value in zip(positions, learned["values"].tolist(), strict=True):
        column = room[:, position]
        if position in added:
            column[column >= value] += room.dtype.type(1)
        column[holes[position]] = value
    for number, position in enumerate(flagged):
        room[:, width + number] = holes[position]
    return room


def expanded(x: Array, dtype: Any, made: Mapping[int, Array]) -> Array:
    """Columns (n, k), by the position of the column in whose place they stand."""
    pieces = [
        made[position] if position in made else x[:, position : position + 1]
        for position in range(x.shape[1])
    ]
    room: Array = np.empty((len(x), sum(piece.shape[1] for piece in pieces)), dtype)
    start = 0
    for piece in pieces:
        room[:, start : start + piece.shape[1]] = piece
        start += piece.shape[1]
    return room


def discretize(
    x: Array,
    dtype: Any,
    learned: Mapping[str, Array],
    positions: Sequence[int],
    one_hot: bool = False,
) -> Array:
    """The number of the bin of each number, or a column of 0 and 1 for each bin."""
    made = {}
    for position in positions:
        inner, cells = learned[f"inner_{position}"], x[:, position].astype(np.float64)
        found = np.searchsorted(inner, cells, side="right")[:, np.newaxis].astype(np.float64)
        if one_hot:
            found = (found == np.arange(len(inner) + 1)).astype(np.float64)
        found[np.isnan(cells)] = np.nan
        made[position] = found
    return expanded(x, dtype, made)


def date_parts(
    x: Array, dtype: Any, positions: Sequence[int], parts: Sequence[str], cyclic: bool = False
) -> Array:
    """The parts of dates, which are seconds since 1970; with sine and cosine where they turn."""
    made = {}
    for position in positions:
        found = parts_of(x[:, position].astype(np.float64))
        columns = []
        for part in parts:
            columns.append(found[part])
            if cyclic and part in CYCLES:
                columns += sine_and_cosine(found[part], part)
        made[position] = np.stack(columns, axis=1)
    return expanded(x, dtype, made)


def hashed(
    x: Array,
    dtype: Any,
    learned: Mapping[str, Array],
    positions: Sequence[int],
    num_bins: int,
    one_hot: bool = False,
) -> Array:
    """The bins of texts, as ids or as a column of 0 and 1 for each bin. A text that is none of the
    known ones is stored as their number + 1 + its bin."""
    made = {}
    for position in positions:
        table, cells = learned[f"bins_{position}"], x[:, position]
        holes = np.isnan(cells)
        codes = np.where(holes, 0.0, cells).astype(np.int64)
        known = table[np.minimum(codes, len(table) - 1)] if len(table) else np.zeros(len(codes))
        bins = np.where(codes < len(table), known, codes - len(table) - 1).astype(np.int64)
        bins = np.where(holes | (bins < 0) | (bins >= num_bins), num_bins, bins)
        made[position] = bins[:, np.newaxis]
        if one_hot:
            made[position] = bins[:, np.newaxis] == np.arange(num_bins)
    return expanded(x, dtype, made)


def find(
    x: Array, dtype: Any, learned: Mapping[str, Array], position: int
) -> tuple[Array, Array, Array]:
    """The cells of a column, the place of each among the known values, and whether it is one; all
    rare values share the place behind the others."""
    cells = x[:, position].astype(dtype)
    known, places = learned[f"values_{position}"].astype(dtype), None
    rare = learned.get(f"rare_{position}")
    if rare is not None:
        every = np.concatenate([known, rare.astype(dtype)])
        order = np.argsort(every, kind="stable")
        known, places = every[order], np.minimum(order, len(known))
    place = np.minimum(np.searchsorted(known, cells), len(known) - 1)
    seen = known[place] == cells
    if np.isnan(known[-1]):
        seen |= np.isnan(cells)
    return cells, place if places is None else places[place], seen


def refuse_unseen(cells: Array, seen: Array, column: str) -> None:
    """ValueError for the first cell that training did not have."""
    if not seen.all():
        row = int(np.argmin(seen))
        raise ValueError(
            f"row {row} (counted from 0) holds {cells[row]:g} in column {column!r}, as it is "
            "stored: a category that the network was not trained on"
        )


def find_places(
    x: Array,
    dtype: Any,
    learned: Mapping[str, Array],
    columns: Mapping[int, str],
    handle_unknown: str,
) -> dict[int, tuple[Array, int]]:
    """By the position of each column, the places of its cells and how many places there are; that
    number stands for what training did not have, unless it is with the rare or refused."""
    found = {}
    for position, column in columns.items():
        cells, place, seen = find(x, dtype, learned, position)
        frequent = len(learned[f"values_{position}"])
        count = frequent + (f"rare_{position}" in learned)
        if handle_unknown == "error":
            refuse_unseen(cells, seen, column)
        unknown = frequent if handle_unknown == "bucket" else count
        found[position] = np.where(seen, place, unknown), count
    return found


def one_hot(
    x: Array,
    dtype: Any,
    learned: Mapping[str, Array],
    columns: Mapping[int, str],
    handle_unknown: str = "error",
) -> Array:
    """A column of 0 and 1 for each category; all 0 for what training did not have."""
    found = find_places(x, dtype, learned, columns, handle_unknown)
    made = {
        position: place[:, np.newaxis] == np.arange(count)
        for position, (place, count) in found.items()
    }
    return expanded(x, dtype, made)


def category(
    x: Array,
    dtype: Any,
    learned: Mapping[str, Array],
    columns: Mapping[int, str],
    handle_unknown: str = "error",
) -> Array:
    """The ids of categories; one behind the last for what training did not have."""
    found = find_places(x, dtype, learned, columns, handle_unknown)
    return expanded(x, dtype, {one: place[:, np.newaxis] for one, (place, _) in found.items()})


def ordinal(
    x: Array,
    dtype: Any,
    learned: Mapping[str, Array],
    columns: Mapping[int, str],
    handle_unknown: str = "error",
) -> Array:
    """The places of categories in a given order; a missing cell stays missing, and so does, unless
    it is refused, a category that is not in it."""
    made = {}
    for position, column in columns.items():
        cells, place, seen = find(x, dtype, learned, position)
        if handle_unknown == "error":
            refuse_unseen(cells, seen | np.isnan(cells), column)
        numbers = np.where(seen, learned[f"ranks_{position}"][place], np.nan)
        made[position] = numbers[:, np.newaxis]
    return expanded(x, dtype, made)


def center_crop(x: Array, dtype: Any, size: Sequence[int]) -> Array:
    """The middle of images."""
    height, width = size
    top, left = (x.shape[1] - height) // 2, (x.shape[2] - width) // 2
    return np.ascontiguousarray(x[:, top : top + height, left : left + width])


def resize(
    x: Array,
    dtype: Any,
    size: Sequence[int],
    window: Sequence[int],
    interpolation: str,
    fill_value: float = 0.0,
    antialias: bool = False,
) -> Array:
    """A window of images (first line and column, height, width) made larger or smaller; what of it
    is outside of an image is filled."""
    top, left, tall, wide = window
    if top >= 0 and left >= 0:
        x = x[:, top : top + tall, left : left + wide]
    else:
        height, width = x.shape[1:3]
        padded = np.full((len(x), tall, wide, x.shape[3]), fill_value, floating_like(x.dtype))
        padded[:, -top : height - top, -left : width - left] = x
        x = padded
    for axis, (old, new) in enumerate(((tall, size[0]), (wide, size[1])), start=1):
        x = weighed(x, *taps(old, new, interpolation, antialias), axis, dtype)
    return np.ascontiguousarray(x, dtype)
