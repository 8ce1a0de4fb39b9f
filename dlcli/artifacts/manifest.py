"""The manifest: what a run was made from, what came out, and which files hold it.

`manifest.json` is deterministic (the same run gives the same bytes) and readable in a diff:
sorted keys, one value (or one epoch) a line, floats in hexadecimal, so that not one bit is lost.
It carries a digest of itself. It names no directory, time, host or process.

Of every epoch it holds one digest over all tensors; of the first, the best and the last ones also
the digest of each tensor, so that its size is known from the number of epochs.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Literal

from dlcli.artifacts import files, history
from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.digests import canonical_json, digest_document, readable_json
from dlcli.artifacts.history import Epoch, digest_of_tensors, typed
from dlcli.artifacts.reading import digest_of_file, parse_json, read_bytes
from dlcli.artifacts.run_directory import (
    CHECKPOINTS,
    CONFIG,
    DEPLOY,
    EVALUATION,
    EVALUATION_CURVES,
    MANIFEST,
    METRICS,
    MODEL,
    RESOLVED_CONFIG,
    ROWS,
    RunDirectory,
    check_name,
    is_listed,
)
from dlcli.errors import ArtifactError, StorageError, about
from dlcli.frozen import frozen

SCHEMA = 3
"""Earlier ones are read, too. In schema 2, the manifest itself was the same, but another format was
listed in it: model.json of a bundle held the config. In schema 1, every epoch had the digest of
each tensor, and counts were floats."""

GOES_ON_FROM = 2
"""From this schema on, what a run has saved is enough to train on, and written as it is today."""

LIMIT = 2 * history.LIMIT
"""Bytes that a manifest may have: the history, and room for what else is in it."""

BY_TENSOR = 100
"""So many last epochs have the digest of each tensor, beside the first and the best one."""

Status = Literal["running", "complete"]

_LATE_FILES = (CONFIG, RESOLVED_CONFIG, METRICS, ROWS, EVALUATION, EVALUATION_CURVES)
_LATE_DIRECTORIES = (CHECKPOINTS, MODEL, DEPLOY)


@frozen
class FileRecord:
    """What a listed file must be."""

    size: int
    sha256: str


@frozen
class Manifest:
    """The record of a run.

    config: the resolved config in full.
    data: digests of the data by role ("train.features", ...).
    versions: of dlcli, numpy and blas.
    tensors: the digest of each tensor after some of the epochs, by the epoch's number.
    files: the listed files; a run in progress may list those that change no more.
    """

    config: Mapping[str, Any]
    data: Mapping[str, str]
    seed: int
    rng_scheme: str
    numerics_class: str
    versions: Mapping[str, str]
    epochs: tuple[Epoch, ...] = ()
    tensors: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    status: Status = "running"
    schema: int = SCHEMA

    @property
    def config_digest(self) -> str:
        """The digest of the resolved config."""
        return digest_document(self.config)

    def encode(self) -> bytes:
        """The manifest as a file."""
        return encode_document(self._head(), [epoch.to_json() for epoch in self.epochs])

    def _head(self) -> dict[str, Any]:
        """Everything but the epochs and the digest."""
        return {
            "schema": self.schema,
            "config": dict(self.config),
            "config_digest": self.config_digest,
            "data": dict(self.data),
            "seed": self.seed,
            "rng_scheme": self.rng_scheme,
            "numerics_class": self.numerics_class,
            "versions": dict(self.versions),
            "tensors": {str(epoch): dict(digests) for epoch, digests in self.tensors.items()},
            "files": {name: vars(record) for name, record in self.files.items()},
            "status": self.status,
        }

    @staticmethod
    def from_json(document: dict[str, Any], where: Path | str) -> "Manifest":
        """The manifest that a document holds; its epochs are taken out of it, to save room.

        Raises ArtifactError naming `where` for anything that dlcli did not write.
        """
        schema = document.get("schema")
        is_first = type(schema) is int and schema == 1
        if type(schema) is int and not 1 <= schema <= SCHEMA:
            raise ArtifactError(
                f"{where} has schema {schema}, but this version of dlcli reads 1 to {SCHEMA}; use "
                "the version that wrote it",
                file=where,
            )
        edited = ArtifactError(
            f"{where} is damaged or was edited: its digest does not match its content; "
            "restore it from a copy",
            file=where,
        )
        digest = document.pop("digest", None)
        if is_first and digest != digest_document(document):
            raise edited
        try:
            manifest = _first_schema(document) if is_first else _later_schema(document)
            unknown = [name for name in manifest.files if not is_listed(name)]
            if unknown:
                raise ValueError
        except ArtifactError as error:
            raise ArtifactError(f"{where} lists a file it must not: {error}", file=where) from None
        except (LookupError, TypeError, ValueError, AttributeError):
            raise ArtifactError(f"{where} is not a manifest that dlcli wrote", file=where) from None
        if not is_first:
            epochs = (epoch.to_json() for epoch in manifest.epochs)
            if digest != _digest(manifest._head(), epochs):
                raise edited
        if manifest.config_digest != document["config_digest"]:
            raise edited
        return manifest


def encode_document(head: Mapping[str, Any], epochs: Sequence[Mapping[str, Any]]) -> bytes:
    """A manifest as a file: everything but the epochs and its own digest, and a line an epoch."""
    text = readable_json({**head, "digest": _digest(head, epochs), "epochs": []})
    if not epochs:
        return text
    # At the margin of the document nothing else can look like this.
    mark = b'\n  "epochs": ['
    before, after = text.split(mark + b"]")
    lines = b",\n    ".join(map(canonical_json, epochs))
    return b"".join((before, mark, b"\n    ", lines, b"\n  ]", after))


def _digest(head: Mapping[str, Any], epochs: Iterable[Mapping[str, Any]]) -> str:
    """The digest of a manifest itself."""
    digest = hashlib.sha256(canonical_json(head))
    for epoch in epochs:
        digest.update(b"\n" + canonical_json(epoch))
    return digest.hexdigest()


_KEYS = {*Manifest({}, {}, 0, "", "", {})._head(), "epochs"}


def _later_schema(document: dict[str, Any]) -> Manifest:
    if document.keys() != _KEYS or type(document["schema"]) is not int:
        raise ValueError("other keys")
    epochs = tuple(Epoch.from_json(epoch) for epoch in _emptied(typed(document, "epochs", list)))
    tensors = {
        _number(epoch): _texts(document["tensors"], epoch)
        for epoch in typed(document, "tensors", dict)
    }
    for epoch, digests in tensors.items():
        if epochs[epoch - 1].digest != digest_of_tensors(digests):
            raise ValueError("the tensors of an epoch are not those of its digest")
    return _manifest(document, epochs, tensors)


def _first_schema(document: dict[str, Any]) -> Manifest:
    """Counts were written as floats there, and each epoch had the digests of its tensors."""
    if document.keys() != _KEYS - {"tensors"}:
        raise ValueError("other keys")
    epochs = []
    tensors = {}
    for entry in _emptied(typed(document, "epochs", list)):
        digests = _texts(entry, "tensors")
        digest = digest_of_tensors(digests)
        plain = {key: entry[key] for key in entry if key != "tensors"}
        epochs.append(Epoch.from_json(plain | {"digest": digest}))
        tensors[epochs[-1].epoch] = digests
    return _manifest(document, tuple(epochs), tensors)


def _manifest(
    document: Mapping[str, Any],
    epochs: tuple[Epoch, ...],
    tensors: Mapping[int, Mapping[str, str]],
) -> Manifest:
    """What all schemas have in common."""
    if [epoch.epoch for epoch in epochs] != list(range(1, len(epochs) + 1)):
        raise ValueError("the epochs are not in order")
    records = {}
    for name, record in typed(document, "files", dict).items():
        if record.keys() != {"size", "sha256"}:
            raise ValueError("other keys")
        records[check_name(name)] = FileRecord(
            typed(record, "size", int), typed(record, "sha256", str)
        )
    status = document["status"]
    if status not in ("running", "complete"):
        raise ValueError("another status")
    return Manifest(
        typed(document, "config", dict),
        _texts(document, "data"),
        typed(document, "seed", int),
        typed(document, "rng_scheme", str),
        typed(document, "numerics_class", str),
        _texts(document, "versions"),
        epochs,
        tensors,
        records,
        status,
        document["schema"],
    )


def _emptied(entries: list[Any]) -> Iterable[Any]:
    """The entries in order, each forgotten by the list once it was given."""
    entries.reverse()
    while entries:
        yield entries.pop()


def _number(key: str) -> int:
    """An epoch's number as a key; ValueError where it is written otherwise."""
    if str(int(key)) != key or int(key) < 1:
        raise ValueError(key)
    return int(key)


def write_manifest(run: RunDirectory, manifest: Manifest) -> None:
    """Writes the manifest of a run, atomically.

    ArtifactError for one of an earlier schema, StorageError for one too large to be read again.
    """
    path = run.path(MANIFEST)
    if manifest.schema != SCHEMA:
        raise ArtifactError(
            f"{path} has schema {manifest.schema}, this version of dlcli writes {SCHEMA}; go on "
            "with the version that wrote it",
            file=path,
        )
    data = manifest.encode()
    if len(data) > LIMIT:
        raise StorageError(
            f"{path} would have {len(data)} bytes, more than the {LIMIT} read", file=path
        )
    files.write_bytes(path, data)


def read_manifest(path: Path | str) -> Manifest:
    """The manifest of a run directory, or a manifest file that lies anywhere.

    Raises ArtifactError if it is missing, damaged, edited, or of an unsupported schema.
    """
    path = Path(path)
    if path.is_dir():
        path = path / MANIFEST
    return _parse(read_bytes(path, LIMIT), path)


def read_strictly(path: Path) -> Manifest:
    """The manifest, which must be written to the byte as dlcli writes it."""
    data = read_bytes(path, LIMIT)
    manifest = _parse(data, path)
    written = readable_json(parse_json(data, path)) if manifest.schema == 1 else manifest.encode()
    if written != data:
        raise ArtifactError(f"{path} is damaged or was edited; restore it from a copy", file=path)
    return manifest


def _parse(data: bytes, path: Path) -> Manifest:
    with about(path):
        document = parse_json(data, path)
    if not isinstance(document, dict):
        raise ArtifactError(
            f"{path} must hold a JSON object, not {type(document).__name__}", file=path
        )
    return Manifest.from_json(document, path)


def record_file(run: RunDirectory, name: str) -> FileRecord:
    """Size and digest of one file as it is now."""
    path = run.path(name)
    digest = digest_of_file(path)
    return FileRecord(path.stat().st_size, digest)


def is_as_recorded(run: RunDirectory, name: str, record: FileRecord) -> bool:
    """Whether a file is what it was; its size is compared before anything is hashed."""
    path = run.path(name)
    return (
        path.is_file() and path.stat().st_size == record.size and record_file(run, name) == record
    )


def record_files(run: RunDirectory, names: Iterable[str]) -> dict[str, FileRecord]:
    """Size and digest of each of these files as it is now."""
    return {name: record_file(run, name) for name in sorted(names)}


def is_late(name: str) -> bool:
    """Whether a file of this name may be there, unlisted, while the run is in progress."""
    return (
        name in _LATE_FILES
        or name.partition("/")[0] in _LATE_DIRECTORIES
        or files.is_temporary(name.rpartition("/")[2])
    )


def complete(run: RunDirectory, manifest: Manifest, made: Iterable[str]) -> Manifest:
    """Ends a run: removes what is temporary, lists its files, writes the final manifest.

    made: the files that were made since the run began, but for checkpoints. What somebody else
    has put into the directory is not listed.

    Raises ArtifactError if a file that was listed from the beginning is not what it was.
    """
    checkpoints = Checkpoints(run)
    checkpoints.seal()
    for name, record in manifest.files.items():
        if not is_as_recorded(run, name, record):
            raise ArtifactError(
                f"{run.path(name)} was changed or removed while the run was going on; restore it "
                "from a copy, then go on with `dlcli train --resume`",
                file=run.path(name),
            )
    new = {*made, *checkpoints.names()} - manifest.files.keys()
    listed = {**manifest.files, **record_files(run, new)}
    final = replace(manifest, status="complete", files=listed)
    write_manifest(run, final)
    return final


def update_files(run: RunDirectory, names: Iterable[str]) -> Manifest:
    """Records files that were added to, changed in or removed from a complete run.

    Only these files are looked at, so damage to another one still shows.
    """
    manifest = read_manifest(run.path(MANIFEST))
    listed = dict(manifest.files)
    for name in names:
        listed.pop(name, None)
        if is_listed(name) and run.path(name).exists():
            listed[name] = record_file(run, name)
    updated = replace(manifest, files=listed)
    write_manifest(run, updated)
    return updated


def _texts(document: Any, key: str) -> dict[str, str]:
    texts = typed(document, key, dict)
    return {name: typed(texts, name, str) for name in texts}
