"""The manifest: what a run was made from, what came out, and which files hold it.

`manifest.json` is deterministic (the same run gives the same bytes) and readable in a diff:
sorted keys, one value a line, floats in hexadecimal, so that not one bit is lost. It carries a
digest of itself. It names no directory, time, host or process.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from dlcli.artifacts import files
from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.digests import (
    digest_document,
    digest_file,
    from_hex,
    readable_json,
    to_hex,
)
from dlcli.artifacts.reading import read_mapping
from dlcli.artifacts.run_directory import (
    CHECKPOINTS,
    CONFIG,
    DEPLOY,
    EVALUATION,
    MANIFEST,
    METRICS,
    MODEL,
    RESOLVED_CONFIG,
    RunDirectory,
    check_name,
    is_listed,
)
from dlcli.errors import ArtifactError

SCHEMA = 1

Status = Literal["running", "complete"]
T = TypeVar("T")

_LATE_FILES = (CONFIG, RESOLVED_CONFIG, METRICS, EVALUATION)
_LATE_DIRECTORIES = (CHECKPOINTS, MODEL, DEPLOY)


@dataclass(frozen=True)
class FileRecord:
    """What a listed file must be."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave.

    step: steps taken since the start of the run.
    metrics: by Keras's names; numbers or nested lists of numbers.
    tensors: the digest of every parameter and of the optimizer's state, by name.
    """

    epoch: int
    step: int
    metrics: Mapping[str, Any]
    tensors: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """The epoch as the manifest (or a checkpoint's state) holds it."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "metrics": {name: to_hex(value) for name, value in self.metrics.items()},
            "tensors": dict(self.tensors),
        }

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> "Epoch":
        """The inverse of `to_json`. Raises KeyError, TypeError or ValueError for anything else."""
        metrics = _get(document, "metrics", dict)
        tensors = _get(document, "tensors", dict)
        return Epoch(
            _get(document, "epoch", int),
            _get(document, "step", int),
            {name: from_hex(value) for name, value in metrics.items()},
            {name: _get(tensors, name, str) for name in tensors},
        )


@dataclass(frozen=True)
class Manifest:
    """The record of a run.

    config: the resolved config in full.
    data: digests of the data by role ("train.features", ...).
    versions: of dlcli, numpy and blas.
    files: the listed files; a run in progress may list those that change no more.
    """

    config: Mapping[str, Any]
    data: Mapping[str, str]
    seed: int
    rng_scheme: str
    numerics_class: str
    versions: Mapping[str, str]
    epochs: tuple[Epoch, ...] = ()
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    status: Status = "running"

    @property
    def config_digest(self) -> str:
        """The digest of the resolved config."""
        return digest_document(self.config)

    def to_json(self) -> dict[str, Any]:
        """The manifest as a document, with its own digest."""
        document = {
            "schema": SCHEMA,
            "config": dict(self.config),
            "config_digest": self.config_digest,
            "data": dict(self.data),
            "seed": self.seed,
            "rng_scheme": self.rng_scheme,
            "numerics_class": self.numerics_class,
            "versions": dict(self.versions),
            "epochs": [epoch.to_json() for epoch in self.epochs],
            "files": {name: vars(record) for name, record in self.files.items()},
            "status": self.status,
        }
        return document | {"digest": digest_document(document)}

    @staticmethod
    def from_json(document: Mapping[str, Any], where: Path | str) -> "Manifest":
        """The inverse of `to_json`. Raises ArtifactError naming `where` for anything else."""
        schema = document.get("schema")
        if schema != SCHEMA and isinstance(schema, int):
            raise ArtifactError(
                f"{where} has schema {schema}, but this version of dlcli reads {SCHEMA}; use the "
                "version that wrote it"
            )
        body = {key: value for key, value in document.items() if key != "digest"}
        if document.get("digest") != digest_document(body):
            raise ArtifactError(
                f"{where} is damaged or was edited: its digest does not match its content; "
                "restore it from a copy"
            )
        try:
            manifest = Manifest(
                _get(body, "config", dict),
                _texts(body, "data"),
                _get(body, "seed", int),
                _get(body, "rng_scheme", str),
                _get(body, "numerics_class", str),
                _texts(body, "versions"),
                tuple(Epoch.from_json(epoch) for epoch in _get(body, "epochs", list)),
                {
                    check_name(name): FileRecord(_get(file, "size", int), _get(file, "sha256", str))
                    for name, file in _get(body, "files", dict).items()
                },
                "complete" if body["status"] == "complete" else "running",
            )
            unknown = [name for name in manifest.files if not is_listed(name)]
            if unknown or manifest.to_json() != document:
                raise ValueError
        except ArtifactError as error:
            raise ArtifactError(f"{where} lists a file it must not: {error}") from None
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ArtifactError(f"{where} is not a manifest that dlcli wrote") from None
        return manifest


def write_manifest(run: RunDirectory, manifest: Manifest) -> None:
    """Writes the manifest of a run, atomically."""
    files.write_bytes(run.path(MANIFEST), readable_json(manifest.to_json()))


def read_manifest(path: Path | str) -> Manifest:
    """The manifest of a run directory, or a manifest file that lies anywhere.

    Raises ArtifactError if it is missing, damaged, edited, or of an unsupported schema.
    """
    path = Path(path)
    if path.is_dir():
        path = path / MANIFEST
    return Manifest.from_json(read_mapping(path), path)


def record_file(run: RunDirectory, name: str) -> FileRecord:
    """Size and digest of one file as it is now."""
    path = run.path(name)
    digest = digest_file(path)
    return FileRecord(path.stat().st_size, digest)


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
        path = run.path(name)
        if not path.is_file() or record_file(run, name) != record:
            raise ArtifactError(
                f"{path} was changed or removed while the run was going on; restore it from a "
                "copy, then go on with `dlcli train --resume`"
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


def _get(document: Mapping[str, Any], key: str, kind: type[T]) -> T:
    value = document[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(key)
    return value


def _texts(document: Mapping[str, Any], key: str) -> dict[str, str]:
    texts = _get(document, key, dict)
    return {name: _get(texts, name, str) for name in texts}
