"""IDX, the format of MNIST: a magic number, the lengths, then the numbers, big-endian.

    bytes 0-1  zero     byte 2  type of the numbers     byte 3  how many axes
    then one unsigned 32-bit length per axis, then the numbers in C order

A plain file is memory-mapped; a gzipped one (known by its first bytes, not by its name) is read
into memory. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database".
"""

import gzip
import hashlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from dlcli.data.dataset import Array, Shape
from dlcli.data.formats.foreign import START, start_of
from dlcli.data.formats.stored import (
    CHUNK,
    check_expansion,
    check_size,
    element_count,
    map_array,
    opened,
    read_array,
)
from dlcli.errors import DataError
from dlcli.frozen import frozen

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_AXES = 4


@frozen
class Header:
    """What an IDX file says about itself, and whether it is gzipped."""

    dtype: np.dtype[np.generic]
    shape: Shape
    zipped: bool

    @property
    def length(self) -> int:
        """How many bytes the header itself takes."""
        return 4 + 4 * len(self.shape)

    @property
    def size(self) -> int:
        """How many bytes of numbers must follow."""
        return element_count(self.shape) * self.dtype.itemsize


def read_header(path: Path) -> Header:
    """The header, checked against the size of the file."""
    with opened(path) as stream:
        stored = stream.seek(0, 2)
        stream.seek(0)
        zipped = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        if not zipped:
            header = _parse(stream, path, zipped)
            check_size(stored - header.length, header.size, str(path))
            return header
        with gzip.GzipFile(fileobj=stream) as unzipped:
            header = _parse(cast(BinaryIO, unzipped), path, zipped)
    check_expansion(header.size, stored, str(path))
    return header


def read(path: Path) -> Array:
    """The array; DataError for anything that is not exactly one IDX array."""
    header = read_header(path)
    if not header.zipped:
        return map_array(path, header.length, header.dtype, header.shape)
    with opened(path) as stream, gzip.GzipFile(fileobj=stream) as unzipped:
        unzipped.read(header.length)
        return read_array(cast(BinaryIO, unzipped), header.dtype, header.shape, str(path))


def content_digest(header: Header, array: Array) -> str:
    """SHA-256 of the uncompressed file that this array was read from."""
    sha = hashlib.sha256(_packed(header))
    flat = array.reshape(-1)
    step = CHUNK // header.dtype.itemsize
    for start in range(0, len(flat), step):
        sha.update(np.ascontiguousarray(flat[start : start + step]).tobytes())
    return sha.hexdigest()


def _packed(header: Header) -> bytes:
    number = next(key for key, name in TYPES.items() if np.dtype(name) == header.dtype)
    start = bytes([0, 0, number, len(header.shape)])
    return start + np.array(header.shape, ">u4").tobytes()


def _parse(stream: BinaryIO, path: Path, zipped: bool) -> Header:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES:
        told = start_of(magic + stream.read(START))
        raise DataError(
            f"{path} is not an IDX file: {told}, and not with two zero bytes, a type and a number "
            "of axes."
        )
    axes = magic[3]
    if not 1 <= axes <= MOST_AXES:
        raise DataError(
            f"{path} claims {axes} axes; an IDX file of data has 1 to {MOST_AXES}.", file=path
        )
    lengths = stream.read(4 * axes)
    if len(lengths) < 4 * axes:
        raise DataError(f"{path} is truncated: it ends within its header.", file=path)
    shape = tuple(int(length) for length in np.frombuffer(lengths, ">u4"))
    return Header(np.dtype(TYPES[magic[2]]), shape, zipped)
