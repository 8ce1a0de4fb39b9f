"""Named arrays as safetensors bytes, and back under bounds.

A safetensors file is the header's length (8 bytes), a JSON header that gives every array its
dtype, shape and place, and the arrays' bytes. Here every word of the header is checked against
the size of the file before the safetensors package sees it, so a lying header allocates nothing.

The same arrays always give the same bytes: arrays are written in a fixed order, and the metadata
has at most one key whose value is canonical JSON. The format is so plain that it is written here,
as a header and the arrays' own memory, byte for byte as the package would (the arrays sorted by
type, widest first, then by name; the header filled up with blanks to a multiple of 8): the
package would need room for a second copy of everything.
"""

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from dlcli.artifacts.digests import Array, canonical_json, little_endian
from dlcli.artifacts.files import Buffer
from dlcli.artifacts.reading import parse_json, read_bytes
from dlcli.errors import ArtifactError, StorageError, about

TENSOR_LIMIT = 8 << 30
"""Bytes that a file of arrays may have, unless the caller knows better."""

HEADER_LIMIT = 64 << 20
"""Bytes that the header may have; the metadata is in it."""

_METADATA_KEY = "dlcli"
_DTYPES = {
    "U64": np.uint64,
    "I64": np.int64,
    "F64": np.float64,
    "F32": np.float32,
    "U32": np.uint32,
    "I32": np.int32,
    "F16": np.float16,
    "U16": np.uint16,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
}
"""The types that a file may hold, in the order in which their arrays are written."""

_WORDS = {np.dtype(kind): word for word, kind in _DTYPES.items()}
_ORDER = {word: place for place, word in enumerate(_DTYPES)}
_RANK_LIMIT = 32
_LENGTH_LIMIT = 1 << 40
_SPARE = 4 << 20  # what the package needs beside the arrays themselves


class Tensors(NamedTuple):
    """What a file of arrays holds. The arrays are read-only; metadata is None where it has none."""

    arrays: dict[str, Array]
    metadata: Any


def tensor_pieces(arrays: Mapping[str, Array], metadata: Any = None) -> list[Buffer]:
    """Named arrays, and a JSON document about them, as the pieces of a safetensors file.

    The pieces are the header and the memory of the arrays themselves: nothing is copied that is
    little-endian and in row-major order already.

    Raises ValueError for a dtype that has no place in such a file and for NaN in the metadata, and
    StorageError for a file that would be larger than what is read.
    """
    plain: dict[str, tuple[str, Array]] = {}
    for name, array in arrays.items():
        word = _WORDS.get(array.dtype.newbyteorder("="))
        if word is None or name == "__metadata__":
            raise ValueError(f"array {name!r} of {array.dtype} cannot be written to a file")
        plain[name] = word, little_endian(array)
    header: dict[str, Any] = {}
    if metadata is not None:
        header["__metadata__"] = {_METADATA_KEY: canonical_json(metadata).decode()}
    pieces: list[Buffer] = []
    end = 0
    for name in sorted(plain, key=lambda name: (_ORDER[plain[name][0]], name)):
        word, array = plain[name]
        start, end = end, end + array.nbytes
        header[name] = {"dtype": word, "shape": list(array.shape), "data_offsets": [start, end]}
        if array.size:
            pieces.append(array.reshape(-1).view(np.uint8).data)
    words = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    words += b" " * (-len(words) % 8)
    if len(words) > HEADER_LIMIT or end > TENSOR_LIMIT - len(words) - 8:
        raise StorageError(
            f"{len(plain)} arrays of {end} bytes with a header of {len(words)} are more than a "
            f"file of arrays may hold ({TENSOR_LIMIT} and {HEADER_LIMIT}); use a smaller model"
        )
    return [len(words).to_bytes(8, "little") + words, *pieces]


def encode_tensors(arrays: Mapping[str, Array], metadata: Any = None) -> bytes:
    """The pieces as one: the bytes of a safetensors file, see `tensor_pieces`."""
    return b"".join(tensor_pieces(arrays, metadata))


def decode_tensors(data: bytes, where: Path | str) -> Tensors:
    """The arrays and the metadata of a safetensors file.

    where: the file that errors name.
    """
    if len(data) < 8:
        raise ArtifactError(f"{where} is not a safetensors file: it has only {len(data)} bytes")
    length = int.from_bytes(data[:8], "little")
    if length > min(len(data) - 8, HEADER_LIMIT):
        raise ArtifactError(
            f"{where} is not a safetensors file, or is cut short: it announces a header of "
            f"{length} bytes, but has {len(data)} bytes in all and at most {HEADER_LIMIT} are read"
        )
    header = parse_json(data[8 : 8 + length], f"the header of {where}")
    if not isinstance(header, dict):
        raise ArtifactError(f"the header of {where} must be a JSON object")
    words = header.pop("__metadata__", {})
    if not isinstance(words, dict) or not all(isinstance(word, str) for word in words.values()):
        raise ArtifactError(f"the metadata of {where} must map names to texts")
    _check_places(header, len(data) - 8 - length, where)
    metadata = None
    if _METADATA_KEY in words:
        metadata = parse_json(words[_METADATA_KEY].encode(), f"the metadata of {where}")
    # Where memory ends inside the package, the process is aborted or hangs; here it is an error.
    bytearray(len(data) + _SPARE)
    try:
        return Tensors(safetensors.numpy.load(data), metadata)
    except (safetensors.SafetensorError, ValueError) as error:
        raise ArtifactError(f"{where} is not a valid safetensors file: {error}") from None


def read_tensors(path: Path, limit: int = TENSOR_LIMIT) -> Tensors:
    """The arrays and the metadata of a safetensors file of at most `limit` bytes."""
    with about(path):
        return decode_tensors(read_bytes(path, limit), path)


def _check_places(header: dict[str, Any], size: int, where: Path | str) -> None:
    """Whether dtype, shape and place of every array agree and the arrays fill the file exactly."""
    places = []
    for name, entry in header.items():
        what = f"array {name[:100]!r} of {where}"
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ArtifactError(f"{what} must have dtype, shape and data_offsets, nothing else")
        kind, shape, place = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(kind, str) or kind not in _DTYPES:
            known = ", ".join(_DTYPES)
            raise ArtifactError(f"{what} has the dtype {str(kind)[:20]!r}; known are {known}")
        if not _is_counts(shape, _LENGTH_LIMIT) or len(shape) > _RANK_LIMIT:
            raise ArtifactError(f"{what} has an impossible shape: {str(shape)[:100]}")
        if not _is_counts(place, size) or len(place) != 2:
            raise ArtifactError(
                f"{what} lies at {str(place)[:100]}, but the file has room for {size} bytes"
            )
        needed = prod(shape) * np.dtype(_DTYPES[kind]).itemsize
        if place[1] - place[0] != needed:
            raise ArtifactError(
                f"{what} has {place[1] - place[0]} bytes, but its shape {tuple(shape)} of {kind} "
                f"needs {needed}"
            )
        places.append((place[0], place[1], name))
    end = 0
    for start, stop, name in sorted(places):
        if start != end:
            problem = "overlaps another array" if start < end else "leaves a gap before it"
            raise ArtifactError(f"array {name[:100]!r} of {where} {problem}")
        end = stop
    if end != size:
        raise ArtifactError(f"{where} has {size - end} bytes that belong to no array")


def _is_counts(value: Any, limit: int) -> bool:
    """Whether this is a list of whole numbers from 0 to `limit`."""
    return isinstance(value, list) and all(
        isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= limit
        for count in value
    )
