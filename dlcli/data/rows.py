"""Rows to predict on: a CSV with the model's feature columns, or an .npy array of rows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dlcli.data.checks import check_finite, features_shape
from dlcli.data.dataset import Array, Column, Shape
from dlcli.data.formats import npy
from dlcli.data.formats.text import line_of, read_columns, read_header
from dlcli.data.places import expand
from dlcli.errors import DataError


def read_rows(
    path: Path, columns: Sequence[Column] | None, row_shape: Shape, delimiter: str = ","
) -> Array:
    """The rows (n, *row_shape) in storage dtype, as `Preprocessing.apply` takes them.

    columns, row_shape: those of the fitted Preprocessing. A CSV must have every feature column
    by name, in any order; other columns (such as the target) are ignored. DataError otherwise.
    """
    path = expand(path)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # a name that no file can have, or no permission
        is_file = False
    if not is_file:
        raise DataError(f"{path} was not found; give a .csv or .npy file of rows.")
    if path.suffix.lower() == ".npy":
        return _from_npy(path, columns, row_shape)
    if columns is None:
        raise DataError(
            f"{path}: the model takes rows of shape {row_shape} without column names; give them as "
            "a .npy file."
        )
    file = read_header(path, delimiter)
    absent = [column.name for column in columns if column.name not in file.names]
    if absent:
        shown = ", ".join(repr(name) for name in absent[:12]) + (", ..." if absent[12:] else "")
        raise DataError(
            f"{path} lacks {len(absent)} of the model's {len(columns)} feature columns: {shown}"
            f"{file.suggestion(absent[0])}"
        )
    names = [column.name for column in columns]
    kinds = {column.name: column.categories is not None for column in columns}
    read = read_columns(file, names, kinds)
    for j, column in enumerate(columns):
        if column.categories is not None:
            codes = read.numbers[:, j].astype(np.int64)
            place = {text: float(i) for i, text in enumerate(column.categories)}
            for code, text in enumerate(read.texts[column.name]):
                if text not in place:
                    line = line_of(file, int(np.argmax(codes == code)))
                    shown = ", ".join(column.categories[:12])
                    more = ", ..." if len(column.categories) > 12 else ""
                    raise DataError(
                        f"{path}, line {line}, column {column.name!r} holds {text!r}, which the "
                        f"model was not trained on; it knows {shown}{more}."
                    )
            known = np.array([place[text] for text in read.texts[column.name]])
            read.numbers[:, j] = known[codes]
    return read.numbers


def _from_npy(path: Path, columns: Sequence[Column] | None, row_shape: Shape) -> Array:
    text = [column.name for column in columns or () if column.categories is not None]
    if text:
        raise DataError(f"{path}: the column {text[0]!r} is text; give the rows as a CSV.")
    rows = npy.read(path)
    if rows.dtype.kind == "b":
        rows = rows.view(np.uint8)
    shape = rows.shape
    if shape[1:] != row_shape and (*shape[1:], 1) == row_shape:
        shape = features_shape(shape, str(path)) if len(shape) == 3 else (*shape, 1)
    if shape == row_shape:
        raise DataError(
            f"{path} holds one row of shape {shape} without an axis of rows; save it as (1, ...)."
        )
    if shape[1:] != row_shape or 0 in shape:
        raise DataError(
            f"{path} holds an array of shape {shape}; the model takes rows of shape {row_shape}, "
            "so (n, ...) with at least one row."
        )
    check_finite(rows, str(path), columns)
    return rows.reshape(shape)
