"""What the epochs gave: the history of a run, in memory, in the run's store, and for people.

`checkpoints/history.jsonl` is the run's own record: a line for each epoch, exact (floats in
hexadecimal, whole numbers as they are). It only ever grows at its end, and the index of the
checkpoints names the length that counts, so what an epoch costs does not depend on how many came
before it. `metrics.jsonl` is the same for people, plots and other tools: its keys are Keras's
(`epoch, step, loss, accuracy, val_loss, ...`), its floats decimal, with every digit they need. A
line is added after each epoch, and the file is written anew from the store when a run begins, goes
on or ends, so it never holds an epoch that a resumed run takes again.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from dlcli.artifacts import files
from dlcli.artifacts.digests import canonical_json, digest_document, from_hex, to_hex
from dlcli.artifacts.reading import parse_json, read_end, read_pieces
from dlcli.artifacts.run_directory import HISTORY, METRICS, RunDirectory
from dlcli.errors import ArtifactError, StorageError
from dlcli.frozen import frozen

LIMIT = 1 << 30
"""Bytes that the history of a run may have."""

_LONGEST_ROW = 1 << 20
"""Bytes at the end of `metrics.jsonl` in which its last line is looked for."""

_FIRST = ("epoch", "step", "loss")
T = TypeVar("T")


@frozen
class Epoch:
    """What one epoch gave.

    step: steps taken since the start of the run.
    metrics: by Keras's names; numbers, and in runs that earlier versions began, nested lists, too.
    digest: of every parameter and of the optimizer's state, see `digest_of_tensors`.
    """

    epoch: int
    step: int
    metrics: Mapping[str, Any]
    digest: str

    def to_json(self) -> dict[str, Any]:
        """The epoch as the store and the manifest hold it."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "metrics": {name: to_hex(value) for name, value in self.metrics.items()},
            "digest": self.digest,
        }

    @staticmethod
    def from_json(document: Any) -> "Epoch":
        """The inverse of `to_json`. Raises KeyError, TypeError or ValueError for anything else."""
        metrics = typed(document, "metrics", dict)
        epoch = Epoch(
            typed(document, "epoch", int),
            typed(document, "step", int),
            {name: from_hex(value) for name, value in metrics.items()},
            typed(document, "digest", str),
        )
        if len(document) != 4:
            raise ValueError("other keys than those of an epoch")
        return epoch

    def row(self) -> dict[str, Any]:
        """The epoch as `metrics.jsonl` holds it."""
        return {"epoch": self.epoch, "step": self.step, **self.metrics}


def digest_of_tensors(tensors: Mapping[str, str]) -> str:
    """One digest for all tensors of an epoch, from the digest of each, by name."""
    return digest_document(dict(tensors))


def typed(document: Any, key: str, kind: type[T]) -> T:
    """`document[key]`, if it is of this type. Raises KeyError or TypeError otherwise."""
    value = document[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(key)
    return value


class Store:
    """The file of the history. Of its bytes those count that were committed.

    Whoever changes it must hold the run's lock.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._sha = hashlib.sha256()
        self.size = self.epochs = 0
        """Bytes and epochs that are committed."""

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self._run.path(HISTORY)

    @property
    def sha256(self) -> str:
        """The digest of what is committed."""
        return self._sha.hexdigest()

    def append(self, epochs: Iterable[Epoch]) -> "Store":
        """Adds epochs behind what is committed, durably; the store as it is once they are, too.

        StorageError where the history would be larger than what is read.
        """
        new = Store(self._run)
        new._sha, new.size, new.epochs = self._sha.copy(), self.size, self.epochs
        lines = [canonical_json(epoch.to_json()) + b"\n" for epoch in epochs]
        for line in lines:
            new._sha.update(line)
            new.size += len(line)
            new.epochs += 1
        if new.size > LIMIT:
            raise StorageError(
                f"the history of this run would have {new.size} bytes after epoch {new.epochs}, "
                f"more than the {LIMIT} that are read; train fewer epochs, or leave metrics out"
            )
        files.extend(self.path, self.size, b"".join(lines))
        return new

    def cut(self) -> None:
        """Drops what lies behind the committed bytes."""
        if self.path.exists() and self.path.stat().st_size != self.size:
            files.extend(self.path, self.size)

    def holds(self, size: int, sha256: str) -> bool:
        """Whether the file begins with these bytes; then they are what is committed."""
        found = Store(self._run)
        if not self.path.is_file() or self.path.stat().st_size < size:
            return False
        for piece in read_pieces(self.path, size):
            found._sha.update(piece)
            found.epochs += piece.count(b"\n")
        if found.sha256 != sha256:
            return False
        self._sha, self.size, self.epochs = found._sha, size, found.epochs
        return True

    def read(self) -> list[Epoch]:
        """The epochs that are committed. ArtifactError for lines that dlcli did not write."""
        epochs = []
        for number, line in enumerate(_lines(read_pieces(self.path, self.size)), start=1):
            where = f"{self.path}, line {number},"
            try:
                epochs.append(Epoch.from_json(parse_json(line, where)))
                if canonical_json(epochs[-1].to_json()) != line or epochs[-1].epoch != number:
                    raise ValueError("written otherwise")
            except (KeyError, TypeError, ValueError):
                raise ArtifactError(f"{where} is not an epoch that dlcli wrote") from None
        return epochs


def write_history(
    run: RunDirectory, rows: Iterable[Mapping[str, Any]], *, durable: bool = True
) -> None:
    """Writes `metrics.jsonl`: a line a row, in an order of keys that does not depend on the rows'.

    durable: False at the start of training, where the file will be written again.
    """
    files.write_bytes(run.path(METRICS), (_line(row) for row in rows), durable=durable)


def append_history(run: RunDirectory, row: Mapping[str, Any]) -> None:
    """Adds the line of an epoch to `metrics.jsonl`, for those who look on while a run trains."""
    files.append_text(run.path(METRICS), _line(row).decode())


def read_last_row(run: RunDirectory) -> dict[str, Any] | None:
    """The last row of `metrics.jsonl`, of which only the end is read; None if there is none.

    A line that is being written does not count. ArtifactError for what is no row.
    """
    path = run.path(METRICS)
    if not path.exists():
        return None
    lines = read_end(path, _LONGEST_ROW).split(b"\n")[:-1]
    if not lines:
        return None
    row = parse_json(lines[-1], f"the last line of {path}")
    if not isinstance(row, dict):
        raise ArtifactError(f"the last line of {path} must hold a JSON object", file=path)
    return row


def _line(row: Mapping[str, Any]) -> bytes:
    ordered = {key: row[key] for key in sorted(row, key=_place)}
    return json.dumps(ordered, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a file that comes in pieces, without their ends."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _place(key: str) -> tuple[bool, bool, int, str]:
    """Epoch and step, then training, then validation; the loss comes first in each."""
    plain = key.removeprefix("val_")
    rank = _FIRST.index(plain) if plain in _FIRST else len(_FIRST)
    return key.startswith("val_"), rank == len(_FIRST), rank, key
