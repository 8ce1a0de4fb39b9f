"""What data was used, in 64 hexadecimal digits an array.

SHA-256 over type, shape and little-endian bytes, streamed in chunks: the same rows give the same
digest from a CSV on one machine and a memory map on another, and no path or file name enters.
"""

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from dlcli.data.dataset import ONLY, Array, Column, Raw, Role, rows_per_chunk
from dlcli.progress import work


def digest_array(array: Array) -> str:
    """The digest of one array."""
    little = array.dtype.newbyteorder("<")
    sha = hashlib.sha256(f"{little.str} {array.shape}\n".encode())
    step = rows_per_chunk(array.shape[1:])
    with work("digest the data", len(array)) as at:
        for start in range(0, len(array), step):
            sha.update(np.ascontiguousarray(array[start : start + step], dtype=little).tobytes())
            at(min(start + step, len(array)))
    return sha.hexdigest()


def digest_json(value: object) -> str:
    """The digest of names and the like: of their JSON."""
    return hashlib.sha256(json.dumps(value, ensure_ascii=True).encode()).hexdigest()


def digest_classes(classes: Sequence[str]) -> str:
    """The digest of the names of classes, in their order."""
    return digest_json(list(classes))


def digest_columns(columns: Sequence[Column]) -> str:
    """The digest of the names of columns and of what their numbers stand for."""
    return digest_json([[column.name, column.categories] for column in columns])


def features_role(role: Role, name: str) -> str:
    """What records call the features of a table, those of the value of this name."""
    return f"{role}.features" if name == ONLY else f"{role}.features.{name}"


def digests(raw: Raw) -> dict[str, str]:
    """By role: "all.features", "all.targets", ... (of several values "all.features.image", ...),
    "all.weights" where rows have weights; also "classes" and "columns" (names, and the categories
    that the numbers in text columns stand for) where the source has them."""
    found = {}
    for role, table in raw.parts.items():
        for name, one in table.each().items():
            found[features_role(role, name)] = digest_array(one.features)
        found[f"{role}.targets"] = digest_array(table.targets)
        if table.weights is not None:
            found[f"{role}.weights"] = digest_array(table.weights)
    if raw.classes is not None:
        found["classes"] = digest_classes(raw.classes)
    if raw.columns is not None:
        found["columns"] = digest_columns(raw.columns)
    return found
