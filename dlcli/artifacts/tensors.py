"""Named arrays as safetensors bytes, and back under bounds.

A safetensors file is the header's length (8 bytes), a JSON header that gives every array its
dtype, shape and place, and the arrays' bytes. Every word of the header is checked against the size
of the file (plain_tensors.py) before the safetensors package sees it, so a lying header allocates
nothing.

The same arrays always give the same bytes: arrays are written in a fixed order, and the metadata
has at most one key whose value is canonical JSON. The format is so plain that it is written here,
as a header and the arrays' own memory, byte for byte as the package would (the arrays sorted by
type, widest first, then by name; the header filled up with blanks to a multiple of 8): the
package would need room for a second copy of everything.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from dlcli.artifacts.digests import Array, canonical_json, little_endian
from dlcli.artifacts.files import Buffer
from dlcli.artifacts.plain_tensors import (
    DTYPES,
    HEADER_LIMIT,
    METADATA_KEY,
    TENSOR_LIMIT,
    Tensors,
    checked_header,
)
from dlcli.artifacts.reading import read_bytes
from dlcli.errors import ArtifactError, StorageError, about

_WORDS = {np.dtype(kind): word for word, kind in DTYPES.items()}
_ORDER = {word: place for place, word in enumerate(DTYPES)}
_SPARE = 4 << 20  # what the package needs beside the arrays themselves


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
        header["__metadata__"] = {METADATA_KEY: canonical_json(metadata).decode()}
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
    metadata = checked_header(data, where).metadata
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
