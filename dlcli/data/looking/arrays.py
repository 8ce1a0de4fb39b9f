"""Files of arrays (.npy, .npz, IDX): what is in them, and which array may be the target."""

from itertools import islice
from pathlib import Path

import numpy as np

from dlcli.data.dataset import Array, Shape
from dlcli.data.formats import idx, npy
from dlcli.data.formats.npz import Archive
from dlcli.data.formats.stored import opened
from dlcli.errors import DataError
from dlcli.frozen import frozen

_MOST_CLASSES = 1000
_MOST_FILES = 1000
_CHUNK = 1 << 20


@frozen
class ArrayLook:
    """One array.

    name: of the array in its archive, or of the file. low, high: its range, NaN where it has no
    finite number; odd: how many numbers are not finite. classes: the distinct numbers of an array
    of whole numbers, one a row, with how often each comes; empty for other arrays.
    """

    name: str
    shape: Shape
    dtype: str
    low: float
    high: float
    odd: int
    classes: tuple[tuple[int, int], ...]


@frozen
class ArraysLook:
    """kind: npy, npz or idx."""

    path: Path
    kind: str
    arrays: tuple[ArrayLook, ...]


def kind_of_arrays(path: Path) -> str | None:
    """npy, npz or idx, by the file's first bytes (and the name, for an archive); else None.

    DataError where it can not be read.
    """
    with opened(path) as stream:
        start = stream.read(4)
    if start.startswith(b"\x93NUM"):
        return "npy"
    if start == b"PK\x03\x04" and path.suffix.lower() == ".npz":
        return "npz"
    plain = len(start) == 4 and start[:2] == b"\0\0" and start[2] in idx.TYPES
    zipped = start[:2] == b"\x1f\x8b" and ("idx" in path.name or "ubyte" in path.name)
    return "idx" if plain or zipped else None


def look_at_arrays(path: Path, kind: str) -> ArraysLook:
    """All arrays of the file, one after the other; none is kept in memory."""
    if kind == "npz":
        archive = Archive(path)
        found = tuple(_look(name, archive.read(name)) for name in archive.names)
    else:
        found = (_look(path.name, _read(path, kind)),)
    return ArraysLook(path, kind, found)


def partner(look: ArraysLook) -> Path | None:
    """The one file of the same kind in the folder whose array has as many rows: that of the
    features for an array of one number a row, else that of the targets. None where there is none,
    or several."""
    mine = look.arrays[0]
    if not mine.shape:
        return None
    found = []
    for path in islice(sorted(look.path.parent.iterdir()), _MOST_FILES):
        if path == look.path or not path.is_file():
            continue
        try:
            shape = _shape(path, look.kind) if kind_of_arrays(path) == look.kind else None
        except DataError:
            continue
        if not shape or shape[0] != mine.shape[0]:
            continue
        if (len(shape) == 1) != (len(mine.shape) == 1):
            found.append(path)
    return found[0] if len(found) == 1 else None


def _shape(path: Path, kind: str) -> Shape:
    return npy.read_header(path).shape if kind == "npy" else idx.read_header(path).shape


def _read(path: Path, kind: str) -> Array:
    return npy.read(path) if kind == "npy" else idx.read(path)


def _look(name: str, array: Array) -> ArrayLook:
    low, high, odd = float("inf"), float("-inf"), 0
    flat = array.reshape(-1) if array.flags.c_contiguous else array.T.reshape(-1)
    for start in range(0, len(flat), _CHUNK):
        values = flat[start : start + _CHUNK]
        if values.dtype.kind == "f":
            finite = np.isfinite(values)
            odd += int((~finite).sum())
            values = values[finite]
        if len(values):
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    classes: tuple[tuple[int, int], ...] = ()
    if array.ndim == 1 and array.dtype.kind in "iub" and len(array):
        values, counts = np.unique(array, return_counts=True)
        if len(values) <= _MOST_CLASSES:
            classes = tuple(zip(map(int, values), map(int, counts), strict=True))
    nothing = low > high
    return ArrayLook(
        name,
        tuple(array.shape),
        str(array.dtype.newbyteorder("=")),
        float("nan") if nothing else low,
        float("nan") if nothing else high,
        odd,
        classes,
    )
