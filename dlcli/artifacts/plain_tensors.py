"""Safetensors bytes read without the package of that name: what is checked before it reads them,
and how whoever has no packages reads them.

The format stands in tensors.py. No array is made before dtype, shape and place of all of them agree
and they are known to fill the file exactly, so that no file needs more memory than it has bytes.
"""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dlcli.artifacts.reading import parse_json
from dlcli.errors import ArtifactError

Array = npt.NDArray[Any]

TENSOR_LIMIT = 8 << 30
"""Bytes that a file of arrays may have, unless the caller knows better."""

HEADER_LIMIT = 64 << 20
"""Bytes that the header may have; the metadata is in it."""

METADATA_KEY = "dlcli"
"""Of the only entry of the header that is about no array."""

DTYPES = {
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

_RANK_LIMIT = 32
_LENGTH_LIMIT = 1 << 40


class Tensors(NamedTuple):
    """What a file of arrays holds. The arrays are read-only; metadata is None where it has none."""

    arrays: dict[str, Array]
    metadata: Any


class Header(NamedTuple):
    """What the header of a file says, and was found to be true.

    entries: `dtype`, `shape` and `data_offsets` of each array. start: where the arrays begin.
    """

    entries: Mapping[str, Any]
    metadata: Any
    start: int


def checked_header(data: bytes, where: Path | str) -> Header:
    """The header of a safetensors file; ArtifactError where it is not true.

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
    if METADATA_KEY in words:
        metadata = parse_json(words[METADATA_KEY].encode(), f"the metadata of {where}")
    return Header(header, metadata, 8 + length)


def plain_tensors(data: bytes, where: Path | str) -> Tensors:
    """The arrays and the metadata of a safetensors file; the arrays lie in the file's own memory,
    where a processor can compute with them as they lie there.

    where: the file that errors name.
    """
    header = checked_header(data, where)
    arrays = {name: _array(data, header.start, one) for name, one in header.entries.items()}
    return Tensors(arrays, header.metadata)


def _array(data: bytes, start: int, entry: Mapping[str, Any]) -> Array:
    kind, shape = np.dtype(DTYPES[entry["dtype"]]), entry["shape"]
    place = start + entry["data_offsets"][0]
    count = prod(shape)
    if not count:  # at the end of the file, NumPy finds no room for none
        return np.frombuffer(b"", kind).reshape(shape)
    found = np.frombuffer(data, kind.newbyteorder("<"), count, place).reshape(shape)
    if not found.flags.aligned or not found.dtype.isnative:
        found = found.astype(kind)
        found.flags.writeable = False
    return found


def _check_places(header: dict[str, Any], size: int, where: Path | str) -> None:
    """Whether dtype, shape and place of every array agree and the arrays fill the file exactly."""
    places = []
    for name, entry in header.items():
        what = f"array {name[:100]!r} of {where}"
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ArtifactError(f"{what} must have dtype, shape and data_offsets, nothing else")
        kind, shape, place = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(kind, str) or kind not in DTYPES:
            known = ", ".join(DTYPES)
            raise ArtifactError(f"{what} has the dtype {str(kind)[:20]!r}; known are {known}")
        if not _is_counts(shape, _LENGTH_LIMIT) or len(shape) > _RANK_LIMIT:
            raise ArtifactError(f"{what} has an impossible shape: {str(shape)[:100]}")
        if not _is_counts(place, size) or len(place) != 2:
            raise ArtifactError(
                f"{what} lies at {str(place)[:100]}, but the file has room for {size} bytes"
            )
        needed = prod(shape) * np.dtype(DTYPES[kind]).itemsize
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
