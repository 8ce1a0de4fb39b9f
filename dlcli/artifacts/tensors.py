"""Named arrays as safetensors bytes, and back under bounds.

A safetensors file is the header's length (8 bytes), a JSON header that gives every array its
dtype, shape and place, and the arrays' bytes. Here every word of the header is checked against
the size of the file before the safetensors package sees it, so a lying header allocates nothing.

The same arrays always give the same bytes: arrays are written in a fixed order, and the metadata
has at most one key (the package writes several keys in random order) whose value is canonical
JSON.
"""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from dlcli.artifacts.digests import Array, canonical_json, little_endian
from dlcli.artifacts.reading import parse_json, read_bytes
from dlcli.errors import ArtifactError

TENSOR_LIMIT = 8 << 30
"""Bytes that a file of arrays may have, unless the caller knows better."""

HEADER_LIMIT = 64 << 20
"""Bytes that the header may have; the metadata is in it."""

_METADATA_KEY = "dlcli"
_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
}
_KNOWN = {np.dtype(kind) for kind in _DTYPES.values()}
_RANK_LIMIT = 32
_LENGTH_LIMIT = 1 << 40


class Tensors(NamedTuple):
    """What a file of arrays holds. The arrays are read-only; metadata is None where it has none."""

    arrays: dict[str, Array]
    metadata: Any


def encode_tensors(arrays: Mapping[str, Array], metadata: Any = None) -> bytes:
    """Named arrays, and a JSON document about them, as the bytes of a safetensors file.

    Raises ValueError for a dtype that has no place in such a file, and for NaN in the metadata.
    """
    plain = {}
    for name in sorted(arrays):
        array = little_endian(arrays[name])
        if array.dtype not in _KNOWN or name == "__metadata__":
            raise ValueError(f"array {name!r} of {array.dtype} cannot be written to a file")
        plain[name] = array
    words = None if metadata is None else {_METADATA_KEY: canonical_json(metadata).decode()}
    return safetensors.numpy.save(plain, words)


def decode_tensors(data: bytes, where: Path | str, header_limit: int = HEADER_LIMIT) -> Tensors:
    """The arrays and the metadata of a safetensors file.

    where: the file that errors name.
    """
    if len(data) < 8:
        raise ArtifactError(f"{where} is not a safetensors file: it has only {len(data)} bytes")
    length = int.from_bytes(data[:8], "little")
    if length > min(len(data) - 8, header_limit):
        raise ArtifactError(
            f"{where} is not a safetensors file, or is cut short: it announces a header of "
            f"{length} bytes, but has {len(data)} bytes in all and at most {header_limit} are read"
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
    try:
        return Tensors(safetensors.numpy.load(data), metadata)
    except (safetensors.SafetensorError, ValueError) as error:
        raise ArtifactError(f"{where} is not a valid safetensors file: {error}") from None


def read_tensors(path: Path, limit: int = TENSOR_LIMIT) -> Tensors:
    """The arrays and the metadata of a safetensors file of at most `limit` bytes."""
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
