"""Where the files of a bundle lie: in a folder, or in one zip file. They are read under bounds, and
in place: nothing is unpacked, no link is followed, and no code of a zip is run.

This module needs no NumPy: how a bundle wants it pinned is read before it is loaded.
"""

import json
import os
import stat
import zipfile
from pathlib import Path
from typing import Any, Protocol, cast

from dlcli.artifacts.reading import parse_json, read_bytes, regular
from dlcli.errors import ArtifactError, UsageError
from dlcli.numerics import Mode

DOCUMENT = "bundle.json"
"""What a bundle says of itself beside the network: who wrote it, and how it is computed with."""

DOCUMENT_LIMIT = 128 << 20
"""Bytes that a JSON document of a bundle may have."""

_DIRECTORY_LIMIT = 1 << 20
"""Bytes that the list of what is in a zip file may have; that of a bundle has a tenth of it."""

_END = b"PK\x05\x06"
_END_SIZE = 22


class Place(Protocol):
    """Where the files of a bundle lie."""

    path: Path

    def where(self, name: str) -> Path:
        """What messages call a file."""

    def read(self, name: str, limit: int) -> bytes:
        """A file of at most `limit` bytes; ArtifactError where it cannot be had."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""


class Folder:
    """Files in a folder; what else lies there does not matter."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def where(self, name: str) -> Path:
        return self.path / name

    def read(self, name: str, limit: int) -> bytes:
        path = self.where(name)
        if path.is_symlink():
            raise ArtifactError(
                f"{path} is a symbolic link; the files of a bundle are read in place only",
                file=path,
            )
        return read_bytes(path, limit)

    def has(self, name: str) -> bool:
        return os.path.lexists(self.where(name))


class Zip:
    """Files in a zip file, stored as they are: so none is larger than the file that it is in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with regular(path) as (file, size):
            self._require_end(cast(Any, file), size)
            try:
                with zipfile.ZipFile(file) as archive:
                    self._entries = self._listed(archive)
            except _BROKEN as error:
                raise self._broken(error) from None

    def _require_end(self, file: Any, size: int) -> None:
        """ArtifactError unless the end says that the list is small: the whole list is read at once,
        before anything in it can be looked at."""
        file.seek(max(0, size - _END_SIZE))
        end = file.read(_END_SIZE)
        if len(end) < _END_SIZE or not end.startswith(_END):
            raise ArtifactError(
                f"{self.path} is not a bundle that dlcli wrote: it is no zip file of the kind",
                file=self.path,
            )
        listed = int.from_bytes(end[12:16], "little")
        if listed > _DIRECTORY_LIMIT:
            raise ArtifactError(
                f"{self.path} is not a bundle that dlcli wrote: it lists files in {listed} bytes, "
                f"more than the {_DIRECTORY_LIMIT} that are read",
                file=self.path,
            )
        file.seek(0)

    def _listed(self, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
        found: dict[str, zipfile.ZipInfo] = {}
        for entry in archive.infolist():
            if entry.filename in found:
                raise ArtifactError(
                    f"{self.path} holds {entry.filename[:100]!r} twice", file=self.path
                )
            found[entry.filename] = entry
        return found

    def _broken(self, error: Exception) -> ArtifactError:
        return ArtifactError(f"{self.path} is not an intact zip file: {error}", file=self.path)

    def where(self, name: str) -> Path:
        return self.path / name

    def read(self, name: str, limit: int) -> bytes:
        entry = self._entries.get(name)
        path = self.where(name)
        if entry is None:
            raise ArtifactError(f"{path} is missing", file=self.path)
        with regular(self.path) as (file, size):
            stored = entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & 1
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if not stored or kind not in (0, stat.S_IFREG):
                raise ArtifactError(f"{path} is not stored as a plain file", file=self.path)
            if entry.file_size != entry.compress_size or entry.file_size > size:
                raise ArtifactError(f"{path} cannot have {entry.file_size} bytes", file=self.path)
            if entry.file_size > limit:
                raise ArtifactError(
                    f"{path} has {entry.file_size} bytes, more than the {limit} that are read",
                    file=self.path,
                )
            try:
                with zipfile.ZipFile(file) as archive, archive.open(entry) as stream:
                    data = stream.read(entry.file_size + 1)
            except _BROKEN as error:
                raise self._broken(error) from None
        if len(data) != entry.file_size:
            raise ArtifactError(f"{path} is cut short", file=self.path)
        return data

    def has(self, name: str) -> bool:
        return name in self._entries


_BROKEN = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What the reader of zip files raises where one is not intact; what an OSError means, `regular`
tells."""


def place_of(path: Path) -> Place:
    """The folder, or the zip file, at this path; UsageError where there is nothing."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise UsageError(f"there is no bundle {path}", file=path) from None
    except (OSError, ValueError) as error:  # no permission, or a name that nothing can have
        raise UsageError(f"cannot look at {path}: {error}", file=path) from None
    return Folder(path) if stat.S_ISDIR(mode) else Zip(path)


def read_document(place: Place, name: str) -> dict[str, Any]:
    """A JSON document of a bundle, which must hold a mapping."""
    document = parse_json(place.read(name, DOCUMENT_LIMIT), place.where(name))
    if not isinstance(document, dict):
        raise ArtifactError(
            f"{place.where(name)} must hold a JSON object, not {type(document).__name__}",
            file=place.where(name),
        )
    return document


def about(numerics: str, version: str, numerics_class: str) -> dict[str, Any]:
    """The content of DOCUMENT.

    numerics: how NumPy is pinned. numerics_class: of the answers that the network was proved by.
    """
    return {
        "schema": 1,
        "dlcli": version,
        "numerics": numerics,
        "numerics_class": numerics_class,
    }


def recorded_mode(place: Place) -> Mode:
    """How NumPy is pinned for this bundle; bundles of earlier versions do not say it."""
    if not place.has(DOCUMENT):
        return "portable"
    said = read_document(place, DOCUMENT)
    if said.get("schema") != 1 or said.get("numerics") not in ("portable", "native"):
        raise ArtifactError(
            f"{place.where(DOCUMENT)} is not what dlcli writes: {json.dumps(said)[:100]}",
            file=place.where(DOCUMENT),
        )
    return "native" if said["numerics"] == "native" else "portable"


def is_bundle(path: Path) -> bool:
    """Whether a bundle may lie there, and no run: one file, or a folder with a model and without a
    manifest."""
    try:
        if path.is_file():
            return path.suffix == ".pyz"
        return (path / "model.json").is_file() and not (path / "manifest.json").exists()
    except (OSError, ValueError):
        return False
