"""Checkpoints: everything that the next step depends on, saved so that nothing can be lost.

`last` is where training stands; `best` is the best state so far; the history is what the epochs
gave. They belong together: a resumed run must find the `best` and the epochs that `last` knows.
Saving replaces `last` and `best` and adds to the history in these steps:

1. write the new data files beside the old ones, under names that nobody reads, and the new epochs
   behind those that count, and force them to the disk;
2. rename the new index over the old one: **the commit point**. The index names size and digest of
   everything in the new generation and in the previous one; of the history, how much counts;
3. rename the new data files over the old ones.

So what a save costs does not depend on how many epochs came before it.

Before step 2 the old generation is complete; after it the new one is: each of its files lies
either in its place or beside it. So a reader takes the first generation of the index of which
every file is found, by digest, at either place; `recover` finishes the renames of step 3 and
removes what is left over. Digests are checked before anything is parsed.
"""

import contextlib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

from dlcli.artifacts import files
from dlcli.artifacts.checkpoint import ADVICE, Checkpoint, checkpoint_pieces, decode_checkpoint
from dlcli.artifacts.digests import (
    digest_bytes,
    digest_document,
    readable_json,
)
from dlcli.artifacts.history import Epoch, Store
from dlcli.artifacts.reading import digest_of_file, parse_json, read_bytes
from dlcli.artifacts.run_directory import (
    BEST,
    CHECKPOINT_INDEX,
    CHECKPOINTS,
    HISTORY,
    LAST,
    RunDirectory,
)
from dlcli.errors import ArtifactError
from dlcli.frozen import frozen

SCHEMA = 2

Kind = Literal["last", "best"]

_NAMES: dict[Kind, str] = {"last": LAST, "best": BEST}
_INDEX_LIMIT = 1 << 16


@frozen
class _Record:
    """What a file, or the part of it that counts, must be."""

    sha256: str
    size: int


@frozen
class _Generation:
    """Everything that was saved at one moment; empty before the first."""

    files: Mapping[Kind, _Record] = field(default_factory=dict)
    history: _Record | None = None

    def to_json(self) -> dict[str, Any]:
        """The generation as the index holds it."""
        document: dict[str, Any] = {kind: vars(record) for kind, record in self.files.items()}
        return document if self.history is None else {**document, "history": vars(self.history)}

    @staticmethod
    def from_json(document: Any) -> "_Generation":
        """The inverse of `to_json`. Raises KeyError or TypeError for anything else."""
        found = {kind: _record(document[kind]) for kind in _NAMES if kind in document}
        if not document:
            return _Generation()
        return _Generation(found, _record(document["history"]))


def _record(document: Any) -> _Record:
    record = _Record(document["sha256"], document["size"])
    if not isinstance(record.sha256, str) or type(record.size) is not int or record.size < 0:
        raise TypeError
    return record


class Checkpoints:
    """The checkpoints of one run. Whoever saves or recovers must hold the run's lock."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._current: _Generation | None = None  # what is in place, once that is known
        self._store = Store(run)

    def save(
        self, last: Checkpoint, best: Checkpoint | None = None, history: Sequence[Epoch] = ()
    ) -> None:
        """Saves `last`, and `best` where it is given; otherwise the best one so far stays.

        history: every epoch so far; those that were saved before are not written again.

        Raises StorageError if that fails; then the checkpoints are as they were, or, after the
        commit point, the new ones.
        """
        directory = self._run.make_directory(CHECKPOINTS)
        if self._current is None:
            self.recover()
        before, self._current = self._current or _Generation(), None
        data: dict[Kind, Sequence[files.Buffer]] = {"last": checkpoint_pieces(last)}
        if best is not None:
            data["best"] = data["last"] if best is last else checkpoint_pieces(best)
        try:
            for kind, pieces in data.items():
                files.stage(self._staged(kind), pieces)
            store = self._store.append(history[self._store.epochs :])
            after = _Generation(
                {**before.files, **{kind: _measure(pieces) for kind, pieces in data.items()}},
                _Record(store.sha256, store.size),
            )
            files.sync(directory)
            index = _encode_index(after, before)
            files.write_bytes(self._run.path(CHECKPOINT_INDEX), index)
        except BaseException:
            self._withdraw(before)
            raise
        for kind in data:
            files.move(self._staged(kind), self._run.path(_NAMES[kind]))
        files.sync(directory)
        self._current, self._store = after, store

    def load(self, kind: Kind = "last") -> Checkpoint | None:
        """A checkpoint; None if there is none. Writes nothing.

        Raises ArtifactError if the file is not what the index says.
        """
        generation = self._find()
        if kind not in generation.files:
            return None
        record = generation.files[kind]
        path = self._where(kind, record)
        data = b"" if path is None else read_bytes(path, record.size)
        if path is None or digest_bytes(data) != record.sha256:
            raise self._damaged(_NAMES[kind], record)
        return decode_checkpoint(data, self._run.path(_NAMES[kind]))

    def history(self) -> list[Epoch]:
        """Every epoch that was saved. Writes nothing; ArtifactError if they were damaged."""
        generation = self._find()
        return self._store.read() if generation.history is not None else []

    def history_so_far(self) -> list[Epoch]:
        """As `history`, also while another process saves: then the epochs of a moment ago."""
        self.check()
        return self._store.read() if self._store.size else []

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
        if generation.history is not None:
            self._store.cut()
        elif self._store.path.exists():
            files.remove(self._store.path)
        self._run.remove_strays()
        self._current = generation

    def seal(self) -> None:
        """Forgets the previous generation: the last act of a run, so that runs are comparable."""
        self.recover()
        current = self._current or _Generation()
        if current.files and self._read_index() != (current, _Generation()):
            self._write_index(current)

    def names(self) -> list[str]:
        """The files that there are now: the index, and what it names."""
        kinds = self._find().files
        return [CHECKPOINT_INDEX, HISTORY, *(_NAMES[kind] for kind in kinds)] if kinds else []

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
                    raise ArtifactError(
                        f"{path} is missing, but {name} is there; {ADVICE}", file=path
                    )
            self._store = Store(self._run)
            return _Generation()
        new, previous = index
        missing = list(self._missing(new))
        if not missing:
            return new
        if previous.files and not list(self._missing(previous)):
            return previous
        raise self._damaged(*missing[0])

    def _missing(self, generation: _Generation) -> Iterable[tuple[str, _Record]]:
        """What of a generation is not there as it was saved: the name, and what it should be."""
        for kind, record in generation.files.items():
            if self._where(kind, record) is None:
                yield _NAMES[kind], record
        history = generation.history
        if history is not None and not self._store.holds(history.size, history.sha256):
            yield HISTORY, history

    def _where(self, kind: Kind, record: _Record) -> Path | None:
        """Where the file with this content lies: in its place, beside it, or nowhere."""
        for path in (self._run.path(_NAMES[kind]), self._staged(kind)):
            if (
                path.is_file()
                and path.stat().st_size == record.size
                and digest_of_file(path) == record.sha256
            ):
                return path
        return None

    def _place(self, generation: _Generation) -> None:
        """Renames what still lies beside its place."""
        moved = False
        for kind, record in generation.files.items():
            staged = self._staged(kind)
            if staged.exists() and self._where(kind, record) == staged:
                files.move(staged, self._run.path(_NAMES[kind]))
                moved = True
        if moved:
            files.sync(self._run.path(CHECKPOINTS))

    def _withdraw(self, before: _Generation) -> None:
        """Frees the room of a save that failed, unless it got as far as the commit point."""
        with contextlib.suppress(Exception):
            index = self._read_index()
            if index is None or index[0] == before:
                for kind in _NAMES:
                    files.remove(self._staged(kind))
                self._store.cut()

    def _staged(self, kind: Kind) -> Path:
        path = self._run.path(_NAMES[kind])
        return path.with_name(f".{path.name}.staged")

    def _damaged(self, name: str, record: _Record) -> ArtifactError:
        path = self._run.path(name)
        state = "has other content than" if path.exists() else "is missing; it is listed by"
        return ArtifactError(
            f"{path} {state} {CHECKPOINT_INDEX} ({record.size} bytes, sha256 "
            f"{record.sha256[:12]}...): it was damaged or changed after it was saved; {ADVICE}",
            file=path,
        )

    def _write_index(self, generation: _Generation) -> None:
        files.write_bytes(
            self._run.path(CHECKPOINT_INDEX), _encode_index(generation, _Generation())
        )

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
                    f"{SCHEMA}; use the version that wrote it",
                    file=path,
                )
            new = _Generation.from_json(document["new"])
            previous = _Generation.from_json(document["previous"])
        except (KeyError, TypeError, AttributeError):
            raise ArtifactError(f"{path} is damaged or was edited; {ADVICE}", file=path) from None
        if _encode_index(new, previous) != data:
            raise ArtifactError(f"{path} is damaged or was edited; {ADVICE}", file=path)
        return new, previous


def _measure(pieces: Iterable[files.Buffer]) -> _Record:
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    return _Record(digest.hexdigest(), size)


def _encode_index(new: _Generation, previous: _Generation) -> bytes:
    document = {"schema": SCHEMA, "new": new.to_json(), "previous": previous.to_json()}
    return readable_json(document | {"digest": digest_document(document)})
