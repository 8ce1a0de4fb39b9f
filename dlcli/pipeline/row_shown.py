"""A row of the data as a person looks at it: cells of a table, a picture, a signal, or numbers.

What is too large is shown in part, and `CUT` says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlcli.data.dataset import Column
from dlcli.dates import written
from dlcli.deploy.card_wording import MOST_COLUMNS
from dlcli.engine.layer import Array
from dlcli.report.described import Picture, Shown

_LARGEST, _MOST_STEPS, _MOST_CHANNELS, _MOST_NUMBERS = 256, 600, 4, 20

CUT = (
    f"Rows are larger than what is shown of them: at most {MOST_COLUMNS} columns, every so many of "
    f"{_LARGEST} pixels along a side or {_MOST_STEPS} steps, {_MOST_CHANNELS} channels and "
    f"{_MOST_NUMBERS} numbers."
)


def as_cells(columns: Sequence[Column], values: Mapping[str, Array]) -> Shown:
    """Of a table; values: of one row."""
    (row,) = next(iter(values.values()))
    cells = tuple(_cell(*pair) for pair in zip(columns[:MOST_COLUMNS], row, strict=False))
    return Shown(cells=cells, is_cut=len(columns) > MOST_COLUMNS)


def _cell(column: Column, value: Any) -> str:
    """value: a number of NumPy's, whose own text has the fewest digits that tell it apart."""
    if value != value:
        return "missing"
    if column.categories is not None:
        return column.categories[int(value)]
    return written(float(value)) if column.date else str(value).removesuffix(".0")


def as_it_seems(values: Mapping[str, Array]) -> Shown:
    """Each value as what its shape is like; values: of one row, (1, *shape) by their names."""
    pictures, signals, numbers, cut = [], [], [], False
    for name, rows in values.items():
        row = rows[0]
        if _is_picture(row):
            pictures.append(_picture(name, row))
            cut |= max(row.shape[:2]) > _LARGEST
            continue
        if row.ndim == 3 and row.shape[2] == 1:
            row = row[:, :, 0]
        are_ids = row.ndim == 1 and row.dtype.kind in "iu"
        if row.ndim in (1, 2) and len(row) > _MOST_NUMBERS and not are_ids:
            steps = row.reshape(len(row), -1)
            cut |= steps.shape[0] > _MOST_STEPS or steps.shape[1] > _MOST_CHANNELS
            shown = steps[:: -(-len(steps) // _MOST_STEPS), :_MOST_CHANNELS].astype(np.float64)
            signals.append(tuple(map(tuple, shown.T.tolist())))
        else:
            flat = row.reshape(-1).astype(np.float64)
            cut |= len(flat) > _MOST_NUMBERS
            numbers.append(tuple(flat[:_MOST_NUMBERS].tolist()))
    return Shown((), tuple(pictures), tuple(signals), tuple(numbers), bool(cut))


def _is_picture(row: Array) -> bool:
    """Whether a row is (height, width), or with one channel, three or four, and about as high as
    wide."""
    if not (row.ndim == 2 or (row.ndim == 3 and row.shape[2] in (1, 3, 4))):
        return False
    least, most = sorted(row.shape[:2])
    # Tokens, and signals of some channels, have two axes, too.
    alike = least >= 5 and most <= 3 * least
    return bool(alike and (row.dtype in (np.uint8, np.uint16) or row.dtype.kind == "f"))


def _picture(name: str, row: Array) -> Picture:
    """From its least number, black, to its largest, white."""
    every = -(-max(row.shape[:2]) // _LARGEST)
    values = row[::every, ::every].astype(np.float64)
    values = values.reshape(*values.shape[:2], -1)
    if values.shape[2] == 4:  # how opaque it is
        values = values[:, :, :3]
    values = np.nan_to_num(values)
    low, high = float(values.min()), float(values.max())
    size = high - low if high > low else 1.0
    pixels = np.rint(255.0 * ((values - low) / size)).astype(np.uint8)
    return Picture(name or "row", pixels.tobytes(), *pixels.shape)
