"""Rows to predict on: a CSV with the model's feature columns, an .npy array of rows, or, of several
values, an .npz archive with an array for each."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from dlcli.data.checks import check_finite, features_shape
from dlcli.data.dataset import Array, Column, Shape
from dlcli.data.formats import npy
from dlcli.data.formats.columns import NUMBER, TEXT, read_columns
from dlcli.data.formats.notation import PLAIN, Format
from dlcli.data.formats.npz import Archive
from dlcli.data.formats.stored import opened
from dlcli.data.formats.text import Text, line_of, read_header
from dlcli.data.places import expand
from dlcli.errors import DataError, about
from dlcli.frozen import frozen


@frozen
class Written:
    """How the file was written that a model was trained on; a file of rows is written alike.

    target: the column that was learned, and width: how many columns there were with it. They
        matter where there is no header; None where they are not known.
    """

    format: Format = PLAIN
    target: str | tuple[str, ...] | None = None
    width: int | None = None


_PLAINLY = Written()


def read_rows(
    path: Path,
    columns: Sequence[Column] | None,
    row_shape: Shape,
    written: Written = _PLAINLY,
    takes_unknown: Collection[str] = (),
    takes_missing: Collection[str] = (),
    codes: Mapping[str, Callable[[str], float]] = MappingProxyType({}),
) -> Array:
    """The rows (n, *row_shape) in storage dtype, as `Preprocessing.apply` takes them.

    columns, row_shape: those of the fitted Preprocessing. A CSV must have every feature column
    by name, in any order; other columns (such as the target) are ignored. One without a header
    has all columns of the file that was trained on in their places, or all but the target.
    takes_unknown: the columns of text that may hold texts which were not there in training.
    takes_missing: the columns of which cells may be missing. codes: how such texts are stored, by
        the name of the column, where one is not stored like another.
    DataError otherwise.
    """
    path = expand(path)
    with about(path):
        return _read_rows(path, columns, row_shape, written, takes_unknown, takes_missing, codes)


def _read_rows(
    path: Path,
    columns: Sequence[Column] | None,
    row_shape: Shape,
    written: Written,
    takes_unknown: Collection[str],
    takes_missing: Collection[str],
    codes: Mapping[str, Callable[[str], float]],
) -> Array:
    _require_file(path, "a .csv or .npy file of rows")
    if path.suffix.lower() == ".npy":
        return _from_npy(path, columns, row_shape)
    if columns is None:
        raise DataError(
            f"{path}: the model takes rows of shape {row_shape} without column names; give them as "
            "a .npy file."
        )
    file = _known_columns(path, columns, written)
    absent = [column.name for column in columns if file.find(column.name) is None]
    if absent:
        shown = ", ".join(repr(name) for name in absent[:12]) + (", ..." if absent[12:] else "")
        raise DataError(
            f"{path} lacks {len(absent)} of the model's {len(columns)} feature columns: {shown}"
            f"{file.suggestion(absent[0])}"
        )
    names = [column.name for column in columns]
    kinds = {column.name: _kind(column) for column in columns}
    read = read_columns(file, names, kinds)
    for j, column in enumerate(columns):
        if column.name not in takes_missing:
            _require_filled(file, column.name, read.numbers[:, j])
        if column.categories is None:
            continue
        place = {text: float(i) for i, text in enumerate(column.categories)}
        texts = read.texts.get(column.name, [])
        gaps = np.isnan(read.numbers[:, j])
        numbers = np.where(gaps, len(texts), read.numbers[:, j]).astype(np.int64)
        own = codes.get(column.name)
        if column.name not in takes_unknown and own is None:
            for number, text in enumerate(texts):
                if text not in place:
                    raise _unknown_text(file, column, text, int(np.argmax(numbers == number)))
        # One code for all unknown texts, of no known one, unless they are told apart.
        last = float(len(place))
        known = [place[t] if t in place else last if own is None else own(t) for t in texts]
        read.numbers[:, j] = np.array([*known, np.nan])[numbers]
    return read.numbers


def _require_filled(file: Text, name: str, cells: Array) -> None:
    """DataError where a cell is missing, of a column that had no gaps in training."""
    holes = np.isnan(cells)
    if holes.any():
        line = line_of(file, int(np.argmax(holes)))
        remedy = "fill it in or remove the row, or train with the transform `impute`"
        raise DataError(
            f"{file.path}, line {line}, column {name!r} is missing, and the model does not know "
            f"what to do with that: {remedy}.",
            file=file.path,
            line=line,
            column=name,
            hint=remedy,
        )


def _kind(column: Column) -> str:
    """What a column of the model holds, in the words of `read_columns`."""
    if column.date:
        return column.written
    return NUMBER if column.categories is None else TEXT


def _unknown_text(file: Text, column: Column, text: str, row: int) -> DataError:
    """The error about a text that no row had in training."""
    assert column.categories is not None
    line = line_of(file, row)
    shown = ", ".join(column.categories[:12]) + (", ..." if len(column.categories) > 12 else "")
    remedy = "correct or remove the row, or train with `handle_unknown: ignore` or `bucket`"
    return DataError(
        f"{file.path}, line {line}, column {column.name!r} holds {text!r}, which the model was not "
        f"trained on; it knows {shown}, and refuses others: {remedy} of the transform that encodes "
        f"the column.{'' if file.header or line > file.line else _NO_HEADER}",
        file=file.path,
        line=line,
        column=column.name,
        hint=remedy,
    )


def _require_file(path: Path, what: str) -> None:
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except (OSError, ValueError):  # a name that no file can have, or no permission
        is_file = is_folder = False
    if is_folder:
        raise DataError(
            f"{path} is a folder; give {what}. (Pictures are not taken yet: decode them as the "
            "config says, and save their pixels with `numpy.save`.)"
        )
    if not is_file:
        raise DataError(f"{path} was not found; give {what}.")


def read_named_rows(
    path: Path, arrays: Mapping[str, str], row_shapes: Mapping[str, Shape]
) -> dict[str, Array]:
    """The rows of each value in storage dtype, by its name, from an .npz archive.

    arrays: what the array of each value was called in training; the archive has all of these names,
        or else an array of the name of each value. row_shapes: of a row of each. DataError
        otherwise.
    """
    path = expand(path)
    wanted = " and ".join(
        f"{array!r} (n, {', '.join(map(str, row_shapes[name]))})" for name, array in arrays.items()
    )
    what = f"an .npz file with the arrays {wanted}"
    with about(path):
        _require_file(path, what)
        with opened(path) as stream:
            if not stream.read(2) == b"PK":
                raise DataError(
                    f"{path} is not an .npz archive, but the model takes several values for each "
                    f"row: give {what}."
                )
        archive = Archive(path)
        chosen = _of_archive(archive, arrays)
        rows = {
            name: _of_shape(archive.read(array), archive.where(array), row_shapes[name])
            for name, array in chosen.items()
        }
        (first, one), *others = rows.items()
        for name, other in others:
            if len(other) != len(one):
                raise DataError(
                    f"{path}: the array {chosen[first]!r} has {len(one)} rows but {chosen[name]!r} "
                    f"has {len(other)}: every row needs all values. Check that the arrays belong "
                    "together."
                )
        return rows


def _of_archive(archive: Archive, arrays: Mapping[str, str]) -> dict[str, str]:
    """The array of each value: by the names of training, or else all by the values' names."""
    for chosen in (dict(arrays), {name: name for name in arrays}):
        if set(chosen.values()) <= set(archive.names):
            return chosen
    lacking = [array for array in arrays.values() if array not in archive.names]
    what = f"the array{'s' if len(lacking) > 1 else ''} {' and '.join(map(repr, lacking))}"
    if any(name != array for name, array in arrays.items()):
        what += f" (or {' and '.join(map(repr, arrays))}, as the model calls its values)"
    there = ", ".join(map(repr, archive.names[:12])) or "nothing"
    more = ", ..." if len(archive.names) > 12 else ""
    raise DataError(f"{archive.path} lacks {what}; it holds {there}{more}.")


_NO_HEADER = " (The model was trained on a file without a header: leave it out here, too.)"


def _known_columns(path: Path, columns: Sequence[Column], written: Written) -> Text:
    """The file, its columns named as those of the file that the model was trained on."""
    if written.format.header is False and written.format.names is None:
        file = replace(read_header(path, written.format), of_model=True)
        return _by_place(file, written)
    file = replace(read_header(path, replace(written.format, header=True)), of_model=True)
    if file.like_data is not None and any(file.find(c.name) is None for c in columns):
        names = ", ".join(column.name for column in columns[:12])
        raise DataError(
            f"{path}, line {file.line} looks like data ({file.like_data}), not like names, and the "
            "model finds its columns by name. Write a first line with the names of the columns: "
            f"{names}{', ...' if len(columns) > 12 else ''}."
        )
    return file


def _by_place(file: Text, written: Written) -> Text:
    """A file without a header: of the width that was trained on, or without the target."""
    count, width = len(file.names), written.width
    targets = (written.target,) if isinstance(written.target, str) else written.target or ()
    if width is None or count == width:
        return file
    if count == width - len(targets):
        names = (f"column_{i + 1}" for i in range(width))
        return replace(file, names=tuple(name for name in names if name not in targets))
    raise DataError(
        f"{file.path}, line {file.line} has {count} cell{'s' if count != 1 else ''}; the model was "
        f"trained on a file of {width} columns without a header, so give all {width}, or "
        f"{width - len(targets)} without the target {' and '.join(map(repr, targets))}."
    )


def _from_npy(path: Path, columns: Sequence[Column] | None, row_shape: Shape) -> Array:
    text = [column.name for column in columns or () if column.categories is not None]
    if text:
        raise DataError(f"{path}: the column {text[0]!r} is text; give the rows as a CSV.")
    return _of_shape(npy.read(path), str(path), row_shape, columns)


def _of_shape(
    rows: Array, where: str, row_shape: Shape, columns: Sequence[Column] | None = None
) -> Array:
    """An array as rows of this shape, checked; where: what messages call it."""
    if rows.dtype.kind == "b":
        rows = rows.view(np.uint8)
    shape = rows.shape
    if shape[1:] != row_shape and (*shape[1:], 1) == row_shape:
        shape = features_shape(shape, where) if len(shape) == 3 else (*shape, 1)
    if shape == row_shape:
        raise DataError(
            f"{where} holds one row of shape {shape} without an axis of rows; save it as (1, ...)."
        )
    if shape[1:] != row_shape or 0 in shape:
        raise DataError(
            f"{where} holds an array of shape {shape}; the model takes rows of shape {row_shape}, "
            "so (n, ...) with at least one row."
        )
    check_finite(rows, where, columns)
    return rows.reshape(shape)
