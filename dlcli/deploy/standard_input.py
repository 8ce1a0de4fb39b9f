"""Rows that come from another program, through standard input.

They are kept in a temporary file while they are read, because the readers of tables and arrays go
over a file more than once.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from dlcli.artifacts import files
from dlcli.data.formats.npy import MAGIC
from dlcli.errors import DataError, DlcliError
from dlcli.progress import At, work

NAME = "standard input"
LARGEST = 8 << 30
"""Bytes; whoever has more has a file."""

_CHUNK = 1 << 20
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
"""How archives begin, with members or without."""


@contextmanager
def standard_input() -> Iterator[Path]:
    """A file with everything that comes, an .npy or .npz file where it begins as one, else a .csv
    file.

    An error in the block that names the file speaks of standard input instead.
    """
    stream: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise DataError(f"{NAME} is closed; send rows through it, or name a file.", file=NAME)
    with files.temporary_directory() as folder:
        with work(f"read {NAME}", None, "bytes") as at:
            first = _read(stream)
            path = folder / f"{NAME}{_suffix(first)}"
            files.write_bytes(path, _all(first, stream, at), durable=False)
        try:
            yield path
        except DlcliError as error:
            words = str(error).replace(str(path), NAME).replace(path.name, NAME)
            error.args = (words,)
            error.file = NAME if error.file == str(path) else error.file
            raise


def _suffix(first: bytes) -> str:
    """What a file is called that begins like this."""
    if first.startswith(MAGIC):
        return ".npy"
    return ".npz" if first.startswith(_ZIP) else ".csv"


def _all(first: bytes, stream: BinaryIO, at: At) -> Iterator[bytes]:
    size, piece = 0, first
    while piece:
        size += len(piece)
        if size > LARGEST:
            raise DataError(
                f"{NAME} has more than {LARGEST >> 30} GiB; write the rows to a file instead.",
                file=NAME,
            )
        yield piece
        at(size)
        piece = _read(stream)


def _read(stream: BinaryIO) -> bytes:
    """The next piece, empty at the end; whole, so that a slow writer does not cut a mark in two."""
    try:
        return stream.read(_CHUNK)
    except (OSError, ValueError) as error:  # ValueError: somebody has closed it
        why = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{NAME} cannot be read: {why}.", file=NAME) from None
