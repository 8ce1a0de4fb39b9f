"""Checkpoints: everything that the next step depends on, saved so that nothing can be lost.

`last` is where training stands; `best` is the best state so far. They belong together: a resumed
run must find the `best` that `last` knows. Saving replaces both in these steps:

1. write the new data files beside the old ones, under names that nobody reads, and force them
   to the disk;
2. rename the new index over the old one: **the commit point**. The index names the digests of
   the new generation (last and best) and of the previous one;
3. rename the new data files over the old ones.

Before step 2 the old generation is complete; after it the new one is: each of its files lies
either in its place or beside it. So a reader takes the first generation of the index of which
every file is found, by digest, at either place; `recover` finishes the renames of step 3 and
removes what is left over. Digests are checked before anything is parsed.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dlcli.artifacts import files
from dlcli.artifacts.digests import (
    Array,
    digest_bytes,
    digest_document,
    digest_file,
    readable_json,
)
from dlcli.artifacts.reading import parse_json, read_bytes
from dlcli.artifacts.run_directory import BEST, CHECKPOINT_INDEX, CHECKPOINTS, LAST, RunDirectory
from dlcli.artifacts.tensors import decode_tensors, encode_tensors
from dlcli.errors import ArtifactError

SCHEMA = 1

Kind = Literal["last", "best"]

_NAMES: dict[Kind, str] = {"last": LAST, "best": BEST}
_INDEX_LIMIT = 1 << 16
_ADVICE = "restore it from a copy of the run, or train again"


@dataclass(frozen=True)
class Checkpoint:
    """One saved moment of training.

    parameters: by full name, `<layer>.<slot>`.
    optimizer: the optimizer's vectors by name ("m", "v"), each by full parameter name.
    state: everything else that the next step depends on, as a JSON document.
    """

    parameters: Mapping[str, Array]
    optimizer: Mapping[str, Mapping[str, Array]]
    state: Mapping[str, Any]

    def copy(self) -> "Checkpoint":
        """The same with arrays of its own."""
        return Checkpoint(
            {name: array.copy() for name, array in self.parameters.items()},
            {
                vector: {name: array.copy() for name, array in arrays.items()}
                for vector, arrays in self.optimizer.items()
            },
            self.state,
        )


@dataclass(frozen=True)
class _Record:
    """What a data file must be."""

    sha256: str
    size: int


_Generation = dict[Kind, _Record]


class Checkpoints:
    """The checkpoints of one run. Whoever saves or recovers must hold the run's lock."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._current: _Generation | None = None  # what is in place, once that is known

    def save(self, last: Checkpoint, best: Checkpoint | None = None) -> None:
        """Saves `last`, and `best` where it is given; otherwise the best one so far stays.

        Raises StorageError if that fails; then the checkpoints are as they were, or, after the
        commit point, the new ones.
        """
        directory = self._run.make_directory(CHECKPOINTS)
        if self._current is None:
            self.recover()
        before, self._current = self._current or {}, None
        data: dict[Kind, bytes] = {"last": encode_checkpoint(last)}
        if best is not None:
            data["best"] = data["last"] if best is last else encode_checkpoint(best)
        after = before | {kind: _Record(digest_bytes(d), len(d)) for kind, d in data.items()}
        index = _encode_index(after, before)
        try:
            for kind, content in data.items():
                files.stage(self._staged(kind), content)
            files.sync(directory)
            files.write_bytes(self._run.path(CHECKPOINT_INDEX), index)
        except BaseException:
            self._withdraw(index)
            raise
        for kind in data:
            files.move(self._staged(kind), self._run.path(_NAMES[kind]))
        files.sync(directory)
        self._current = after

    def load(self, kind: Kind = "last") -> Checkpoint | None:
        """A checkpoint; None if there is none. Writes nothing.

        Raises ArtifactError if the file is not what the index says.
        """
        generation = self._find()
        if kind not in generation:
            return None
        record = generation[kind]
        path = self._where(kind, record)
        data = b"" if path is None else read_bytes(path, record.size)
        if path is None or digest_bytes(data) != record.sha256:
            raise self._damaged(kind, record)
        return decode_checkpoint(data, self._run.path(_NAMES[kind]))

    def recover(self) -> None:
        """Finishes a save that was interrupted, or undoes it, and removes what it left over."""
        generation = self._find()
        staged = [self._staged(kind) for kind in _NAMES if self._staged(kind).exists()]
        index = self._read_index()
        if index is not None and index[0] != generation:
            self._write_index(generation)
        self._place(generation)
        for path in staged:
            files.remove(path)
        self._run.remove_strays()
        self._current = generation

    def seal(self) -> None:
        """Forgets the previous generation: the last act of a run, so that runs are comparable."""
        self.recover()
        if self._current and self._read_index() != (self._current, {}):
            self._write_index(self._current)

    def names(self) -> list[str]:
        """The files that there are now: the index, and what it names."""
        generation = self._find()
        return [CHECKPOINT_INDEX, *(_NAMES[kind] for kind in generation)] if generation else []

    def check(self) -> None:
        """Raises ArtifactError unless everything is there that the index names; writes nothing.

        May be asked while another process saves: only if nothing has changed since it was read
        does the index count.
        """
        path = self._run.path(CHECKPOINT_INDEX)
        while True:
            before = read_bytes(path, _INDEX_LIMIT) if path.exists() else None
            try:
                self._find()
                return
            except ArtifactError:
                if before == (read_bytes(path, _INDEX_LIMIT) if path.exists() else None):
                    raise

    def _find(self) -> _Generation:
        """The generation that counts: the first of the index's of which every file is found."""
        index = self._read_index()
        if index is None:
            for name in _NAMES.values():
                if self._run.path(name).exists():
                    path = self._run.path(CHECKPOINT_INDEX)
                    raise ArtifactError(f"{path} is missing, but {name} is there; {_ADVICE}")
            return {}
        new, previous = index
        missing = [kind for kind, record in new.items() if self._where(kind, record) is None]
        if not missing:
            return new
        if previous and all(self._where(kind, record) for kind, record in previous.items()):
            return previous
        raise self._damaged(missing[0], new[missing[0]])

    def _where(self, kind: Kind, record: _Record) -> Path | None:
        """Where the file with this content lies: in its place, beside it, or nowhere."""
        for path in (self._run.path(_NAMES[kind]), self._staged(kind)):
            if (
                path.is_file()
                and path.stat().st_size == record.size
                and digest_file(path) == record.sha256
            ):
                return path
        return None

    def _place(self, generation: _Generation) -> None:
        """Renames what still lies beside its place."""
        moved = False
        for kind, record in generation.items():
            staged = self._staged(kind)
            if staged.exists() and self._where(kind, record) == staged:
                files.move(staged, self._run.path(_NAMES[kind]))
                moved = True
        if moved:
            files.sync(self._run.path(CHECKPOINTS))

    def _withdraw(self, index: bytes) -> None:
        """Frees the room of a save that failed, unless it got as far as the commit point."""
        with contextlib.suppress(Exception):
            path = self._run.path(CHECKPOINT_INDEX)
            if not path.exists() or read_bytes(path, _INDEX_LIMIT) != index:
                for kind in _NAMES:
                    files.remove(self._staged(kind))

    def _staged(self, kind: Kind) -> Path:
        path = self._run.path(_NAMES[kind])
        return path.with_name(f".{path.name}.staged")

    def _damaged(self, kind: Kind, record: _Record) -> ArtifactError:
        path = self._run.path(_NAMES[kind])
        state = "has other content than" if path.exists() else "is missing; it is listed by"
        return ArtifactError(
            f"{path} {state} {CHECKPOINT_INDEX} ({record.size} bytes, sha256 "
            f"{record.sha256[:12]}...): it was damaged or changed after it was saved; {_ADVICE}"
        )

    def _write_index(self, generation: _Generation) -> None:
        files.write_bytes(self._run.path(CHECKPOINT_INDEX), _encode_index(generation, {}))

    def _read_index(self) -> tuple[_Generation, _Generation] | None:
        """The new and the previous generation; None if nothing was ever saved."""
        path = self._run.path(CHECKPOINT_INDEX)
        if not path.exists():
            return None
        data = read_bytes(path, _INDEX_LIMIT)
        document = parse_json(data, path)
        try:
            if document["schema"] != SCHEMA:
                raise ArtifactError(
                    f"{path} has schema {document['schema']!r}, this version of dlcli reads "
                    f"{SCHEMA}; use the version that wrote it"
                )
            new = _generation(document["new"])
            previous = _generation(document["previous"])
        except (KeyError, TypeError, AttributeError):
            raise ArtifactError(f"{path} is damaged or was edited; {_ADVICE}") from None
        if _encode_index(new, previous) != data:
            raise ArtifactError(f"{path} is damaged or was edited; {_ADVICE}")
        return new, previous


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """A checkpoint as a safetensors file: always the same bytes for the same checkpoint."""
    arrays = dict(checkpoint.parameters)
    for vector, values in checkpoint.optimizer.items():
        for name, array in values.items():
            full = f"optimizer.{vector}.{name}"
            if full in arrays:
                raise ValueError(f"two arrays of a checkpoint are called {full}")
            arrays[full] = array
    words = {
        "optimizer": sorted(checkpoint.optimizer),
        "parameters": sorted(checkpoint.parameters),
        "state": checkpoint.state,
    }
    return encode_tensors(arrays, words)


def decode_checkpoint(data: bytes, where: Path | str) -> Checkpoint:
    """The checkpoint that a safetensors file holds; `where` is the file that errors name."""
    arrays, words = decode_tensors(data, where)
    try:
        parameters = {name: arrays.pop(name) for name in words["parameters"]}
        optimizer: dict[str, dict[str, Array]] = {vector: {} for vector in words["optimizer"]}
        for full, array in arrays.items():
            prefix, vector, name = full.split(".", 2)
            if prefix != "optimizer":
                raise ValueError(full)
            optimizer[vector][name] = array
        state = words["state"]
        if not isinstance(state, dict):
            raise TypeError
    except (KeyError, TypeError, ValueError):
        raise ArtifactError(f"{where} is not a checkpoint that dlcli wrote; {_ADVICE}") from None
    return Checkpoint(parameters, optimizer, state)


def _encode_index(new: _Generation, previous: _Generation) -> bytes:
    document = {
        "schema": SCHEMA,
        "new": {kind: vars(record) for kind, record in new.items()},
        "previous": {kind: vars(record) for kind, record in previous.items()},
    }
    return readable_json(document | {"digest": digest_document(document)})


def _generation(document: Any) -> _Generation:
    generation = {
        kind: _Record(document[kind]["sha256"], document[kind]["size"])
        for kind in _NAMES
        if kind in document
    }
    for record in generation.values():
        if not isinstance(record.sha256, str) or not isinstance(record.size, int):
            raise TypeError
    return generation
