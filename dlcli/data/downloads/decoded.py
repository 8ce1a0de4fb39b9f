"""Archives that are decoded once: their arrays as .npy files beside them, mapped from then on.

`decoded.json` says which archive they are of, by its digest, and has the SHA-256 of every file.
Each is checked when it is used; where one is not what it says, or the archive is another one, the
archive is decoded anew. Where nothing can be written, the arrays are kept in memory.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np

from dlcli import progress
from dlcli.data import storing
from dlcli.data.dataset import Array
from dlcli.data.downloads.files import digest, place, require_intact
from dlcli.data.downloads.known import KnownSet
from dlcli.data.formats import npy
from dlcli.data.formats.stored import opened
from dlcli.errors import DataError, StorageError

INDEX = "decoded.json"
_FORMAT = 1
_LARGEST_INDEX = 1 << 16

Decode = Callable[[Path], Mapping[str, Array]]


def arrays(
    known: KnownSet, data: Path, names: Collection[str], decode: Decode
) -> Mapping[str, Array]:
    """The arrays of these names of a set of one archive; decoded from it where they must be."""
    (archive,) = known.files
    path = place(known, data, archive)
    found = _stored(path.parent, archive.sha256, names)
    if found is not None:
        return found
    key = require_intact(known, archive, path)
    found = _stored(path.parent, key, names)
    if found is not None:
        return found
    made = decode(path)
    try:
        with storing.locked(path.parent, lambda: None):
            _store(path.parent, key, made)
    except StorageError as error:
        progress.tell(f"{known.title} will be decoded again next time: {error}")
        return made
    return _stored(path.parent, key, names) or made


def _stored(folder: Path, key: str, names: Collection[str]) -> dict[str, Array] | None:
    """The arrays of the archive of this digest, or None where they are not there, or not whole."""
    path = folder / INDEX
    if not key or not path.is_file():
        return None
    try:
        with opened(path) as stream:
            index = json.loads(stream.read(_LARGEST_INDEX))
        if index["format"] != _FORMAT or index["archive"] != key:
            return None
        found = {}
        for name in names:
            file = folder / f"{name}.npy"
            if digest(file) != index["arrays"][name]:
                return None
            found[name] = npy.read(file)
        return found
    except (DataError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _store(folder: Path, key: str, made: Mapping[str, Array]) -> None:
    digests = {}
    for name, array in made.items():
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        pieces = (npy.header(array.dtype, array.shape), flat.data)
        sha = hashlib.sha256()
        for piece in pieces:
            sha.update(piece)
        storing.put(folder / f"{name}.npy", pieces)
        digests[name] = sha.hexdigest()
    index = {"format": _FORMAT, "archive": key, "arrays": digests}
    storing.put(folder / INDEX, [json.dumps(index, indent=1).encode()])
