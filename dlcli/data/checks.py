"""What every table must satisfy before anything is computed from it.

Each check raises DataError with the place (file or array, row, column), the value at fault and
what to do. Rows are counted from 0, as NumPy counts them.
"""

from collections.abc import Callable, Sequence

import numpy as np

from dlcli.data.dataset import Array, Column, Part, Shape, Table, rows_per_chunk
from dlcli.errors import DataError
from dlcli.progress import work

LARGEST_WEIGHT = 1e30


def features_shape(shape: Shape, where: str) -> Shape:
    """The shape of the features as a table keeps them: images (n, h, w) get a channel axis.

    A single list of numbers (n,) becomes a column (n, 1).
    """
    if len(shape) == 0:
        raise DataError(f"{where} is a single number; features need an axis of rows.")
    if 0 in shape:
        what = "no rows" if shape[0] == 0 else "rows without any number"
        raise DataError(f"{where} has shape {shape}: it holds {what}.")
    return (*shape, 1) if len(shape) in (1, 3) else shape


def same_length(features: Shape, targets: Shape, where: str, targets_where: str) -> None:
    """Every row needs its target."""
    if len(targets) == 0:
        raise DataError(f"{targets_where} is a single number; targets need an axis of rows.")
    if features[0] != targets[0]:
        raise DataError(
            f"{where} has {features[0]} rows but {targets_where} has {targets[0]}: "
            "every row needs exactly one target. Check that the two belong together."
        )


def make_table(
    features: Array,
    targets: Array,
    where: str,
    targets_where: str,
    columns: Sequence[Column] | None = None,
    place: Callable[[int], str] | None = None,
    gaps: bool = False,
) -> Table:
    """A table of arrays as read, checked; the features are neither copied nor converted.

    place: what messages call the target of a row; by default its number, counted from 0.
    gaps: whether NaN among the features is a missing cell, and no fault.
    """
    features_shape(features.shape, where)
    same_length(features.shape, targets.shape, where, targets_where)
    features = make_features(features, where, columns, gaps)
    if place is None:
        place = f"{targets_where}, row {{}} (counted from 0)".format
    files = (where, targets_where)
    return Table(features, make_targets(targets, targets_where), place, files)


def make_features(
    features: Array, where: str, columns: Sequence[Column] | None = None, gaps: bool = False
) -> Array:
    """Features as a table keeps them, checked; neither copied nor converted."""
    shape = features_shape(features.shape, where)
    features = np.asarray(_numeric(features, where))
    if len(shape) > features.ndim:
        features = features[..., np.newaxis]
    check_finite(features, where, columns, gaps)
    return features


def make_targets(targets: Array, where: str) -> Array:
    """Targets as losses take them: (n,) int64 or float64, or (n, ...) float.

    A second axis of length 1 is dropped; integers in several columns become float64.
    """
    targets = np.asarray(_numeric(targets, where))
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    check_finite(targets, where)
    if targets.dtype.kind == "f":
        if targets.ndim == 1 or targets.dtype.itemsize == 2:
            return targets.astype(np.float64)
        return targets
    if targets.ndim > 1:
        return targets.astype(np.float64)
    if targets.dtype == np.uint64 and targets.size and int(targets.max()) > 2**63 - 1:
        raise DataError(f"{where} holds {targets.max()}, which is too large for a class id.")
    return targets.astype(np.int64)


def make_weights(weights: Array, rows: int, where: str, place: Callable[[int], str]) -> Array:
    """Weights of rows as a table keeps them, (n,) float64: finite, none below 0, not all 0.

    place: what messages call the weight of a row.
    """
    if weights.shape not in ((rows,), (rows, 1)):
        raise DataError(
            f"{where} has shape {weights.shape}, but there are {rows} rows: every row needs one "
            "weight."
        )
    found = np.asarray(_numeric(weights, where)).reshape(rows).astype(np.float64)
    good = np.isfinite(found) & (found >= 0.0) & (found <= LARGEST_WEIGHT)
    if not good.all():
        row = int(np.argmin(good))
        raise DataError(
            f"{place(row)} holds the weight {found[row]:g}: a weight is a number from 0 to "
            f"{LARGEST_WEIGHT:g}. Correct it; a row that shall not count has the weight 0."
        )
    if not found.any():
        raise DataError(f"{where} holds only zeros, so no row counts. Correct the weights.")
    return found


def _numeric(array: Array, where: str) -> Array:
    """The array itself, bools as 0 and 1; refuses what is not a plain number."""
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise DataError(
            f"{where} holds values of type {array.dtype}; "
            "only integers and floats of at most 64 bits can be used."
        )
    return array


def check_finite(
    array: Array, where: str, columns: Sequence[Column] | None = None, gaps: bool = False
) -> None:
    """No NaN (unless it is a gap) and no Inf, looked for in chunks so that a memory map is never
    read as a whole."""
    if array.dtype.kind != "f":
        return
    step = rows_per_chunk(array.shape[1:])
    with work(f"check {where}", len(array)) as at:
        for start in range(0, len(array), step):
            chunk = array[start : start + step]
            finite = ~np.isinf(chunk) if gaps else np.isfinite(chunk)
            if not finite.all():
                raise _not_finite(array, start, finite, where, columns)
            at(min(start + step, len(array)))


def _not_finite(
    array: Array, start: int, finite: Array, where: str, columns: Sequence[Column] | None
) -> DataError:
    place = np.unravel_index(int(np.argmin(finite)), finite.shape)
    row = start + int(place[0])
    value = array[(row, *place[1:])]
    return DataError(
        f"{where} holds {value} in row {row}{_column(place[1:], columns)} (rows counted from "
        "0). Fill in or remove missing values."
    )


def position(place: Sequence[int | np.intp]) -> str:
    """How messages call a place in a row whose columns have no names: by its number from 1.

    >>> position((0,)), position((3, 4, 0))
    ('column_1', 'at [3, 4, 0]')
    """
    if len(place) == 1:
        return f"column_{int(place[0]) + 1}"
    return f"at [{', '.join(str(int(number)) for number in place)}]"


def _column(place: Sequence[int | np.intp], columns: Sequence[Column] | None) -> str:
    if not place:
        return ""
    if columns is not None and len(place) == 1:
        return f", column {columns[int(place[0])].name!r}"
    return f", {position(place)}"


def class_targets(targets: Array | Part, classes: int, where: str = "the target") -> Array:
    """The targets as (n,) int64 class ids; DataError where one is not in 0 .. classes - 1.

    Whole floats count as integers. A Part's rows are named as its source numbers them.
    """
    part = targets if isinstance(targets, Part) else None
    values = targets.targets_array if isinstance(targets, Part) else targets
    if values.ndim != 1:
        raise DataError(
            f"{where} has rows of shape {values.shape[1:]}; class ids are one integer a row."
        )
    good = (values >= 0) & (values < classes)
    if values.dtype.kind == "f":
        good &= np.floor(values) == values
    if not good.all():
        position = int(np.argmin(good))
        row = position if part is None else part.row(position)
        raise DataError(
            f"{where} holds {values[position]} in row {row} (counted from 0), which is not a class "
            f"id: with {classes} classes they are the whole numbers 0 to {classes - 1}. Correct "
            "the data, or give the last layer as many units as there are classes."
        )
    return values.astype(np.int64)
