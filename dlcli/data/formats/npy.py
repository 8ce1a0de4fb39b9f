"""NumPy's own format, one array a file: magic, version, a header in text, the numbers.

The header is parsed here and not by NumPy: only plain numbers in C or Fortran order are let
through, so nothing in a file can ask for pickle, and every size is checked before it is believed.
"""

import ast
import re
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dlcli.data.dataset import Array, Shape
from dlcli.data.formats.foreign import START, start_of
from dlcli.data.formats.stored import check_size, element_count, map_array, opened
from dlcli.errors import DataError
from dlcli.frozen import frozen

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10_000
MOST_AXES = 32
_PLAIN = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")


@frozen
class Header:
    """dtype, shape and order of the array; `length` bytes precede its first number."""

    dtype: np.dtype[np.generic]
    shape: Shape
    fortran: bool
    length: int

    @property
    def size(self) -> int:
        """How many bytes of numbers must follow."""
        return element_count(self.shape) * self.dtype.itemsize


def header(dtype: np.dtype[Any], shape: Shape, length: int = 128) -> bytes:
    """The start of a file of numbers in C order, format 1.0.

    It has `length` bytes, enough for any shape of a few axes, so that it can be written again when
    it is known how many rows there are.
    """
    said = {"descr": dtype.newbyteorder("<").str, "fortran_order": False, "shape": tuple(shape)}
    text = str(said).encode().ljust(length - 11) + b"\n"
    return MAGIC + b"\x01\x00" + struct.pack("<H", len(text)) + text


def parse_header(stream: BinaryIO, where: str) -> Header:
    """The header at the stream's position, which is left at the first number."""
    text, length = _text(stream, where)
    dtype, shape, fortran = _parse(text, where)
    return Header(dtype, shape, fortran, length)


def parse_objects_header(stream: BinaryIO, where: str) -> int:
    """How many objects an array of one axis has, whose bytes are at the stream's position then."""
    kind, fortran, shape = _fields(_text(stream, where)[0], where)
    if kind not in ("|O", "O") or fortran or len(shape) != 1:
        raise DataError(f"{where} is no array of lists.")
    return shape[0]


def _text(stream: BinaryIO, where: str) -> tuple[bytes, int]:
    """The header as it is written, and how many bytes it takes with what stands before it."""
    start = stream.read(8)
    if len(start) < 8 or start[:6] != MAGIC:
        told = start_of(start + stream.read(START))
        raise DataError(f"{where} is not a .npy array: {told}.")
    if start[6:7] not in (b"\x01", b"\x02", b"\x03"):
        raise DataError(f"{where} has .npy format version {start[6]}, which is not known.")
    wide = start[6] > 1
    packed = stream.read(4 if wide else 2)
    if len(packed) < (4 if wide else 2):
        raise DataError(f"{where} is truncated: it ends within its header.")
    length = int(struct.unpack("<I" if wide else "<H", packed)[0])
    if length > LONGEST_HEADER:
        raise DataError(f"{where} is damaged: its header claims to be {length:,} bytes long.")
    text = stream.read(length)
    if len(text) < length:
        raise DataError(f"{where} is truncated: it ends within its header.")
    return text, 8 + len(packed) + length


def _fields(text: bytes, where: str) -> tuple[object, bool, Shape]:
    """Type, order and shape as the header has them."""
    damaged = DataError(f"{where} is damaged: its header is not that of a .npy array.")
    try:
        header = ast.literal_eval(text.decode("ascii").strip())
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise damaged from error
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise damaged
    kind, fortran, shape = header["descr"], header["fortran_order"], header["shape"]
    if not isinstance(fortran, bool) or not isinstance(shape, tuple) or len(shape) > MOST_AXES:
        raise damaged
    if not all(type(length) is int and length >= 0 for length in shape):
        raise damaged
    return kind, fortran, shape


def _parse(text: bytes, where: str) -> tuple[np.dtype[np.generic], Shape, bool]:
    kind, fortran, shape = _fields(text, where)
    if not isinstance(kind, str) or not _PLAIN.fullmatch(kind):
        if isinstance(kind, str) and "O" in kind:
            what = "Python objects, which are never loaded because loading them runs code"
        elif isinstance(kind, str):
            what = f"values of type {kind!r}"
        else:
            what = "records with named fields"
        raise DataError(f"{where} holds {what}; save plain integers or floats instead.")
    return np.dtype(kind), shape, fortran


def read_header(path: Path) -> Header:
    """The header, checked against the size of the file."""
    with opened(path) as stream:
        header = parse_header(stream, str(path))
        check_size(stream.seek(0, 2) - header.length, header.size, str(path))
    return header


def read(path: Path) -> Array:
    """The array as a read-only memory map."""
    header = read_header(path)
    return map_array(path, header.length, header.dtype, header.shape, header.fortran)
