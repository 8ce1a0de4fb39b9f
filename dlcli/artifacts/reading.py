"""Reading under bounds: no file can make dlcli use more memory than its size justifies.

A file is measured before it is read, and JSON is counted before it is parsed. Whatever is wrong
with a file becomes an `ArtifactError` that names it.
"""

import hashlib
import json
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from dlcli.artifacts.files import unreadable
from dlcli.errors import ArtifactError

DOCUMENT_LIMIT = 128 << 20
"""Bytes that a JSON document may have."""

_SMALL = 2 << 20  # a document of so many bytes may be as dense as it likes
_COST_LIMIT = 10.8
"""What a larger document may cost, by the estimate below, for each of its bytes. Documents that
dlcli writes stay below 9 by that estimate and cost 6 to 8 in truth, bytes and text included."""
_DEPTH_LIMIT = 100
_PIECE = 1 << 20
_DIGIT_LIMIT = 400


def read_bytes(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes."""
    with regular(path) as (file, size):
        if size > limit:
            raise ArtifactError(
                f"{path} has {size} bytes, more than the {limit} that are read; "
                "it was not written by dlcli like this",
                file=path,
            )
        data = file.read(size + 1)
    if len(data) != size:
        raise ArtifactError(f"{path} changed its size while it was read; try again", file=path)
    return data


def read_pieces(path: Path, size: int) -> Iterator[bytes]:
    """The first `size` bytes of a regular file, a piece at a time; ArtifactError if it is shorter.

    What lies behind them is not looked at.
    """
    with regular(path) as (file, _):
        while size:
            piece = file.read(min(size, _PIECE))
            if not piece:
                raise ArtifactError(f"{path} is cut short: {size} bytes are missing", file=path)
            size -= len(piece)
            yield piece


@contextmanager
def regular(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """A regular file that is open for reading, and its size."""
    try:
        # Without O_NONBLOCK, opening a pipe that somebody put there would wait forever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ArtifactError(f"{path} is not a regular file, so it is not read", file=path)
            yield file, status.st_size
    except FileNotFoundError:
        raise ArtifactError(f"{path} is missing", file=path) from None
    except OSError as error:
        raise unreadable(path, error) from error


def read_start(path: Path, most: int) -> bytes:
    """The first bytes of a regular file, at most so many."""
    with regular(path) as (file, _):
        return file.read(most)


def read_end(path: Path, most: int) -> bytes:
    """The last bytes of a regular file, at most so many."""
    with regular(path) as (file, size):
        file.seek(max(0, size - most))
        return file.read(most)


def digest_of_file(path: Path) -> str:
    """SHA-256 of a regular file, read in pieces."""
    digest = hashlib.sha256()
    with regular(path) as (file, _):
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def parse_json(data: bytes, where: Path | str) -> Any:
    """The document that `data` holds. NaN, huge numbers, repeated keys and bombs are refused.

    where: the file that errors name.
    """
    if len(data) > _SMALL and _cost(data) > _COST_LIMIT * len(data):
        raise ArtifactError(
            f"{where} holds so many small items that reading it would take many times its size "
            "of memory; dlcli writes none like this, so it is not read"
        )
    try:
        document = json.loads(
            data.decode(),
            object_pairs_hook=_mapping,
            parse_int=_integer,
            parse_float=_real,
            parse_constant=_constant,
        )
        _check_depth(document, _DEPTH_LIMIT)
    except RecursionError:
        raise ArtifactError(f"{where} is nested too deeply, so it is not read") from None
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise ArtifactError(f"{where} is not a valid JSON document: {error}") from None
    return document


def _cost(data: bytes) -> int:
    """About how much memory a document takes, by counting before any is used.

    In CPython a list takes 100 bytes and 9 for each item, a mapping 200 and 30 for each pair (180
    where they are many, which are collected before the mapping is made), a text 64 and its letters.
    """
    mappings, pairs = data.count(b"{"), data.count(b":")
    pair = 30 if pairs <= 8 * mappings else 180
    lists, items, quotes = data.count(b"["), data.count(b","), data.count(b'"')
    return 100 * lists + 9 * items + 200 * mappings + pair * pairs + 32 * quotes


def read_json(path: Path, limit: int = DOCUMENT_LIMIT) -> Any:
    """The JSON document of a file; see `parse_json`."""
    return parse_json(read_bytes(path, limit), path)


def read_mapping(path: Path, limit: int = DOCUMENT_LIMIT) -> dict[str, Any]:
    """The JSON document of a file that must hold a mapping."""
    document = read_json(path, limit)
    if not isinstance(document, dict):
        raise ArtifactError(
            f"{path} must hold a JSON object, not {type(document).__name__}", file=path
        )
    return document


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return mapping


def _integer(text: str) -> int:
    if len(text) > _DIGIT_LIMIT:
        raise ValueError(f"a number has {len(text)} digits")
    return int(text)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:20]} is out of range")
    return number


def _constant(text: str) -> float:
    raise ValueError(f"{text} is not a number that JSON knows")


def _check_depth(document: Any, left: int) -> None:
    if isinstance(document, str):
        document.encode()  # half a surrogate pair could be read but never written again
        return
    if not isinstance(document, dict | list):
        return
    if left == 0:
        raise RecursionError
    if isinstance(document, dict):
        for key, value in document.items():
            key.encode()
            _check_depth(value, left - 1)
    else:
        for value in document:
            _check_depth(value, left - 1)
