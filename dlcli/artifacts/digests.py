"""What a file, an array or a document is, in 64 hexadecimal digits (SHA-256).

The digest of an array covers its name, dtype, shape and little-endian bytes, so it does not
depend on the file that holds it. The digest of a document covers its canonical JSON: sorted
keys, no spaces, no NaN. Floats that must be exact and readable are written in hexadecimal.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def digest_bytes(data: bytes) -> str:
    """SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def little_endian(array: Array) -> Array:
    """The array in row-major order and little-endian bytes; itself where it is so already."""
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def digest_tensor(name: str, array: Array) -> str:
    """SHA-256 over name, dtype, shape and little-endian bytes.

    >>> digest_tensor("a", np.zeros(2, np.float32)) == digest_tensor("a", np.zeros(2, ">f4"))
    True
    >>> digest_tensor("a", np.zeros(2, np.float32)) == digest_tensor("b", np.zeros(2, np.float32))
    False
    """
    plain = little_endian(array)
    digest = hashlib.sha256(canonical_json([name, plain.dtype.name, list(plain.shape)]))
    digest.update(b"\n")
    digest.update(plain.reshape(-1).view(np.uint8).data if plain.size else b"")
    return digest.hexdigest()


def digest_tensors(arrays: Mapping[str, Array]) -> dict[str, str]:
    """The digest of every array, by name."""
    return {name: digest_tensor(name, array) for name, array in arrays.items()}


def canonical_json(document: Any) -> bytes:
    """The one way to write a document: sorted keys, no spaces, UTF-8.

    Raises ValueError for NaN and infinity, which JSON does not have.

    >>> canonical_json({"b": 1.5, "a": [True, None]})
    b'{"a":[true,null],"b":1.5}'
    """
    text = json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def readable_json(document: Any) -> bytes:
    """A document as a file for people and for diff: sorted keys, indented, one final newline."""
    text = json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        return (text + "\n").encode()
    except UnicodeEncodeError:  # a path of bytes that are no text: written as escapes
        text = json.dumps(document, sort_keys=True, indent=2, allow_nan=False)
        return (text + "\n").encode()


def digest_document(document: Any) -> str:
    """SHA-256 of a document's canonical JSON.

    >>> digest_document({"a": 1, "b": 2}) == digest_document({"b": 2, "a": 1})
    True
    """
    return digest_bytes(canonical_json(document))


def to_hex(value: Any) -> Any:
    """A float, or nested lists of floats, as exact hexadecimal text.

    Whole numbers (counts) stay numbers, and None stays None: what comes back is what went in.

    >>> to_hex([0.1, [2, 2.0]])
    ['0x1.999999999999ap-4', [2, '0x1.0000000000000p+1']]
    """
    if isinstance(value, list | tuple):
        return [to_hex(part) for part in value]
    if value is None or isinstance(value, int):
        return value
    return float(value).hex()


def from_hex(value: Any) -> Any:
    """What `to_hex` was given. Raises ValueError for anything that it did not write.

    >>> from_hex(to_hex([0.1, [2, 2.0]]))
    [0.1, [2, 2.0]]
    """
    if isinstance(value, list):
        return [from_hex(part) for part in value]
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a hexadecimal float")
    try:
        number = float.fromhex(value)
    except OverflowError as error:
        raise ValueError(f"{value!r} is out of range") from error
    if to_hex(number) != value and not math.isnan(number):
        raise ValueError(f"{value!r} is not a hexadecimal float as dlcli writes it")
    return number
