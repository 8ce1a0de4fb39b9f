"""What is probably not meant about arrays: their shape, and numbers that are lost."""

from collections.abc import Mapping, Sequence

import numpy as np

from dlcli.data.audit import Finding
from dlcli.data.checks import position
from dlcli.data.dataset import Array, Part, Shape, rows_per_chunk
from dlcli.data.fitting import Misfit, Transform
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.transforms import ReshapeRows, Transpose

EXACT = 2**53
"""From here on float64 does not hold every whole number."""
_MOST_CHANNELS = 4
_TRANSPOSE = "`{type: transpose, dims: [2, 3, 1]}`"


def looks_channels_first(shape: Shape) -> bool:
    """Whether a row looks like (channels, height, width), as PyTorch keeps images.

    >>> looks_channels_first((3, 32, 32)), looks_channels_first((32, 32, 3))
    (True, False)
    """
    if len(shape) != 3:
        return False
    channels, height, width = shape
    return 1 <= channels <= _MOST_CHANNELS < width and 2 * channels <= min(height, width)


def channels_first(
    shape: Shape, transforms: Sequence[Transform], section: str = "data.transforms"
) -> tuple[Finding, ...]:
    """A finding where images come with their channels first and stay like that.

    shape: of a row as stored; what the transforms make of it counts. section: where they stand.
    """
    place = f"first among {section}"
    for number, transform in enumerate(transforms, 1):
        try:
            after = transform.shape_after(shape)
        except Misfit:
            return ()  # an error of the config, which is told as such
        if after is None:  # a table
            return ()
        mixed = isinstance(transform, ReshapeRows) and len(after) == 3 and after != shape
        if mixed and looks_channels_first(shape) and not looks_channels_first(after):
            return (
                Finding(
                    "channels_first",
                    f"{_seen(shape)}, but `reshape` to {list(after)} mixes the pixels up, because "
                    "it moves no axis",
                    f"put {_TRANSPOSE} in its place",
                ),
            )
        if isinstance(transform, ReshapeRows | Transpose):
            place = f"behind number {number} of {section}"
        shape = after
    if not looks_channels_first(shape):
        return ()
    return (Finding("channels_first", misread(shape), f"put {_TRANSPOSE} {place}"),)


def misread(shape: Shape) -> str:
    """What becomes of an image with its channels first."""
    channels, height, width = shape
    return (
        f"{_seen(shape)}, but the last axis is taken for the channels, as {channels} x {height} "
        f"pixels with {width} channels"
    )


def _seen(shape: Shape) -> str:
    channels, height, width = shape
    return (
        f"rows of {channels}x{height}x{width} look like images of {height} x {width} pixels with "
        f"their {channels} channel{'s' if channels > 1 else ''} first"
    )


def exclusive_labels(targets: Mapping[str, Array]) -> tuple[Finding, ...]:
    """A finding where labels that are asked one by one exclude each other.

    targets: by role, (n, k) of 0 and 1.
    """
    columns = targets["train"].shape[1]
    if columns < 2 or not all((values.sum(axis=1) == 1).all() for values in targets.values()):
        return ()
    return (
        Finding(
            "exclusive_labels",
            f"every row of the target holds exactly one 1 in its {columns} columns, so they are "
            f"one of {columns} classes and not {columns} labels of their own, as "
            "binary_crossentropy takes them",
            "use categorical_crossentropy and a last layer with softmax",
        ),
    )


def lost_in_float32(part: Part, fitted: Preprocessing) -> tuple[Finding, ...]:
    """A finding about columns whose numbers differ as stored but not as the network takes them:
    near 1e-300, or times in seconds that lie a minute apart.

    Only the first rows are looked at, as many as make one chunk.
    """
    if not all(step.keeps_columns for step in fitted.steps):
        return ()  # columns are no longer where they were
    rows = part.take_features(slice(0, rows_per_chunk(part.row_shape)))
    stored = rows.reshape(-1, rows.shape[-1])
    taken = fitted.apply(rows).reshape(stored.shape)
    lost = np.flatnonzero((stored != stored[0]).any(axis=0) & (taken == taken[0]).all(axis=0))
    if not len(lost):
        return ()
    column = int(lost[0])
    name = f"column {part.columns[column].name!r}" if part.columns else position((column,))
    other = int(np.argmax(stored[:, column] != stored[0, column]))
    more = f" (the same holds for {len(lost) - 1:,} more)" if len(lost) > 1 else ""
    return (
        Finding(
            "lost_numbers",
            f"{name} holds numbers such as {stored[0, column]} and {stored[other, column]}, which "
            "float32 cannot tell apart, so the network sees the same number in all of the first "
            f"{len(rows):,} rows of the training part{more}",
            "add the transform standardize",
        ),
    )


def coarse_targets(targets: Array) -> tuple[Finding, ...]:
    """A finding where numbers to be learned differ by less than the network can put out.

    targets: float64, as they are learned, unscaled: (n,) or (n, ...).
    """
    columns = targets.reshape(len(targets), -1)
    for number in range(columns.shape[1]):
        values = columns[:, number]
        with np.errstate(over="ignore"):
            known = len(np.unique(values.astype(np.float32)))
        if 2 * known <= len(np.unique(values)):
            which = "" if columns.shape[1] == 1 else f" ({position((number,))})"
            return (
                Finding(
                    "coarse_target",
                    f"the target{which} holds numbers such as {values[0]!s} that differ by less "
                    "than float32, in which the network answers, can tell apart",
                    "add `target_transform: standardize` to data",
                ),
            )
    return ()


def large_wholes(array: Array, where: str) -> tuple[Finding, ...]:
    """A finding about the first whole number that float64 may not hold exactly.

    array: as stored; looked through in chunks. where: the file or array, for the message.
    """
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 8:
        return ()
    step = rows_per_chunk(array.shape[1:])
    for start in range(0, len(array), step):
        chunk = np.asarray(array[start : start + step])
        # Not by abs(): that of the smallest int64 is itself.
        large = (chunk > EXACT) | (chunk < -EXACT) if chunk.dtype.kind == "i" else chunk > EXACT
        if not large.any():
            continue
        place = np.unravel_index(int(np.argmax(large)), large.shape)
        column = f", {position(place[1:])}" if len(place) > 1 else ""
        return (
            Finding(
                "rounded_numbers",
                f"{where} holds {int(chunk[place])} in row {start + int(place[0])}{column} (rows "
                "counted from 0) and perhaps more whole numbers beyond 2^53, which are rounded, "
                "for numbers are computed in float64",
                "subtract a constant, or leave identifiers out",
            ),
        )
    return ()
