"""Bytes of a file, bounded: what the readers of array formats share."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dlcli.data.dataset import Array, Shape
from dlcli.errors import DataError, StorageError
from dlcli.progress import work

CHUNK = 1 << 22
DEFLATE_LIMIT = 1040  # DEFLATE cannot expand its input more than about 1032-fold
SUSPECT_BYTES = 1 << 28  # beyond this size ...
SUSPECT_RATIO = 200  # ... no real data set has been seen to compress this well


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file for reading; whatever goes wrong with it becomes a DataError."""
    try:
        with path.open("rb") as stream:
            yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path} is damaged: {error}. Fetch or write it again.", file=path
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{path} cannot be read: {reason}.", file=path) from error


def element_count(shape: Shape) -> int:
    """The product of the lengths, as an integer without bounds."""
    count = 1
    for length in shape:
        count *= length
    return count


def check_expansion(size: int, stored: int, where: str) -> None:
    """Refuse a header that claims more than its compressed bytes can or plausibly do hold."""
    if size > stored * DEFLATE_LIMIT + 4096:
        raise DataError(
            f"{where} is damaged: its header claims {size:,} bytes, more than {stored:,} "
            "compressed bytes can hold. Fetch or write it again."
        )
    if size > SUSPECT_BYTES and size > stored * SUSPECT_RATIO:
        raise DataError(
            f"{where} would expand from {stored:,} to {size:,} bytes, which real data does not "
            "do. If it is meant, store it uncompressed."
        )


def read_array(stream: BinaryIO, dtype: np.dtype[np.generic], shape: Shape, where: str) -> Array:
    """Exactly the array's bytes from the stream; DataError where there are fewer or more."""
    size = element_count(shape) * dtype.itemsize
    try:
        memory = np.empty(size, np.uint8)
    except MemoryError as error:
        raise StorageError(f"{where} needs {size:,} bytes, more than there is memory.") from error
    view = memory.data
    got = 0
    with work(f"read {where}", size, "bytes") as at:
        while got < size:
            count = stream.readinto(view[got : got + CHUNK])  # type: ignore[attr-defined]
            if not count:
                raise DataError(
                    f"{where} is truncated: its header promises {size:,} bytes, {got:,} are there. "
                    "Fetch or write it again."
                )
            got += count
            at(got)
    if stream.read(1):
        raise DataError(f"{where} has bytes after its last element, so its header is wrong.")
    return memory.view(dtype).reshape(shape)


def map_array(
    path: Path, offset: int, dtype: np.dtype[np.generic], shape: Shape, fortran: bool = False
) -> Array:
    """The array in an uncompressed file as a read-only memory map, its size checked first."""
    size = element_count(shape) * dtype.itemsize
    with opened(path) as stream:
        there = stream.seek(0, 2) - offset
        check_size(there, size, str(path))
        if size == 0:
            return np.empty(shape, dtype)
        order = "F" if fortran else "C"
        mapped = np.memmap(stream, dtype, "r", offset, shape, order)  # type: ignore[call-overload]
        return np.asarray(mapped)


def check_size(there: int, size: int, where: str) -> None:
    """As many bytes of data as the header promises."""
    if there < size:
        raise DataError(
            f"{where} is truncated: its header promises {size:,} bytes, {there:,} are there. "
            "Fetch or write it again."
        )
    if there > size:
        raise DataError(
            f"{where} has {there - size:,} bytes after its last element, so its header is wrong."
        )
