"""Rows to predict on: a CSV with the model's feature columns, an .npy array of rows, or, of several
values, an .npz archive with an array for each."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from dlcli.data.checks import check_finite, features_shape
from dlcli.data.dataset import ONLY, Array, Column, Shape
from dlcli.data.formats import npy
from dlcli.data.formats.npz import Archive
from dlcli.data.formats.stored import opened
from dlcli.data.pictures.walking import is_picture
from dlcli.data.places import expand
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.row_blocks import Asked, listed, table_rows
from dlcli.data.written import PLAINLY, Written
from dlcli.errors import DataError, about


def read_rows(
    path: Path,
    columns: Sequence[Column] | None,
    row_shape: Shape,
    written: Written = PLAINLY,
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
    require_file(path, "a .csv, .jsonl, .parquet or .npy file of rows")
    if path.suffix.lower() == ".npy":
        return array_rows(path, columns, row_shape)
    if columns is None:
        raise no_table(path, row_shape)
    asked = Asked(columns, written, takes_unknown, takes_missing, codes)
    return np.concatenate([block.stored for block in table_rows(path, asked)])


def no_table(path: Path, row_shape: Shape) -> DataError:
    """The error about a table for a model whose rows are none."""
    return DataError(
        f"{path}: the model takes rows of shape {row_shape} without column names; give them as "
        "a .npy file."
    )


def are_pictures(path: Path) -> bool:
    """Whether a path is a picture by its name, or a folder, as of pictures."""
    try:
        return path.is_dir() or (is_picture(path.name) and path.is_file())
    except (OSError, ValueError):  # a name that no file can have, or no permission
        return False


def no_pictures(path: Path, preprocessing: Mapping[str, Preprocessing]) -> DataError:
    """The error about pictures for a model whose rows are none."""
    what = "a folder" if path.is_dir() else "a picture"
    only = preprocessing.get(ONLY)
    if only is None:
        takes = "the model takes several values for each row: give an .npz file with an array each"
    elif only.columns is not None:
        names = listed(repr(column.name) for column in only.columns)
        takes = f"the model reads the columns {names}: give a .csv, .jsonl or .parquet file"
    else:
        takes = (
            f"the model takes rows of shape {only.row_shape} in {only.dtype.name}, which are no "
            "pixels of pictures: give them as a .npy file"
        )
    return DataError(f"{path} is {what}, and {takes}.", file=path)


def require_file(path: Path, what: str) -> None:
    """DataError where there is no file."""
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except (OSError, ValueError):  # a name that no file can have, or no permission
        is_file = is_folder = False
    if is_folder:
        raise DataError(f"{path} is a folder; give {what}.")
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
        require_file(path, what)
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


def array_rows(path: Path, columns: Sequence[Column] | None, row_shape: Shape) -> Array:
    """The rows of an .npy file, which is not read as a whole."""
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
