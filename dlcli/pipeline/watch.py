"""Looking on while a run is trained by another process: reads, bounded, and locks nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from dlcli.artifacts import locks
from dlcli.artifacts.following import Followed
from dlcli.artifacts.manifest import Status, read_manifest
from dlcli.artifacts.run_directory import CHECKPOINTS, MANIFEST, METRICS, RunDirectory
from dlcli.errors import ArtifactError
from dlcli.frozen import frozen

State = Literal["at work", "complete", "stopped"]

_PLACES = 8
"""So many metrics of an epoch are kept for each of training and validation: nobody looks at more,
and a file may name any number."""


@frozen
class Seen:
    """One epoch: its metrics, and whether it was the best so far."""

    metrics: Mapping[str, float]
    is_best: bool


@frozen
class _Course:
    """What the config says of a training: how many epochs, and which of them is better."""

    epochs: int | None = None
    monitor: str | None = None
    sign: float = 1.0
    min_delta: float = 0.0


class Watched:
    """A run that is, was or will be trained by somebody."""

    several = head = ""

    def __init__(self, path: Path) -> None:
        self._run = RunDirectory.open(path)
        self._rows = Followed(self._run)
        self._course = _Course()
        self._status: Status = "running"
        self._stamp: tuple[int, ...] = ()
        self._recorded = 0
        self._best: float | None = None
        self.epochs: list[Seen] = []
        """Those that are over."""

    @property
    def root(self) -> Path:
        """Where the run lies."""
        return self._run.root

    @property
    def title(self) -> str:
        """What it is called."""
        return self.root.name

    @property
    def now(self) -> "Watched":
        """Which run is followed, as of several."""
        return self

    @property
    def wanted(self) -> int | None:
        """How many epochs there are to be; None before that is known."""
        return self._course.epochs

    @property
    def best(self) -> int:
        """The number of the best epoch so far; 0 before the first."""
        of_all = range(len(self.epochs), 0, -1)
        return next((number for number in of_all if self.epochs[number - 1].is_best), 0)

    def to_json(self, state: State) -> dict[str, Any]:
        """For programs."""
        epochs, best = self.epochs, self.best
        return {
            "run": str(self.root),
            "state": state,
            "epochs": len(epochs),
            "metrics": dict(epochs[-1].metrics) if epochs else {},
            "best": {"epoch": best, "metrics": dict(epochs[best - 1].metrics)} if best else {},
        }

    def look(self) -> State:
        """Read what is new. ArtifactError for what dlcli did not write."""
        # The order matters: what was written before the process was seen to be gone is seen.
        is_at_work = locks.works_on(self.root)
        knows = locks.can_tell()
        self._read_manifest(is_at_work)
        self._read_rows()
        if is_at_work:
            return "at work"
        if self._status == "complete":
            if self._rows.is_cut or self._rows.rows < self._recorded:
                path = self.root / METRICS
                state = "is cut short" if path.exists() else "is missing"
                words = f"{path} {state}; `dlcli verify {self.root}` says more"
                raise ArtifactError(words, file=path)
            return "complete"
        return "stopped" if knows else "at work"

    def _read_manifest(self, is_at_work: bool) -> None:
        path = self._run.path(MANIFEST)
        if not path.exists():
            if not is_at_work and self._run.path(CHECKPOINTS).exists():
                raise ArtifactError(
                    f"{path} is missing, but there are checkpoints; restore it from a copy of the "
                    "run, or train again",
                    file=path,
                )
            return
        status = path.stat()
        stamp = status.st_ino, status.st_size, status.st_mtime_ns
        if stamp == self._stamp:
            return
        manifest = read_manifest(path)
        self._stamp, self._status = stamp, manifest.status
        self._recorded = len(manifest.epochs)
        self._course = _course(manifest.config)

    def _read_rows(self) -> None:
        for number, row in self._rows.new():
            del self.epochs[number - 1 :]
            numbers = _numbers(row)
            if number == 1:
                self._best = None
            self.epochs.append(Seen(numbers, self._is_better(numbers)))
        del self.epochs[self._rows.rows :]

    def _is_better(self, numbers: Mapping[str, float]) -> bool:
        """As the training itself judges; see `pipeline.history.Monitor`."""
        course = self._course
        name = course.monitor or ("val_loss" if "val_loss" in numbers else "loss")
        value = numbers.get(name)
        if value is None:
            return False
        better = self._best is None or (
            course.sign * value + course.min_delta < course.sign * self._best
        )
        self._best = value if better else self._best
        return better


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """The first metrics of a row, of training and of validation."""
    found = {name: value for name, value in row.items() if isinstance(value, float)}
    training = [name for name in found if not name.startswith("val_")][:_PLACES]
    validation = [name for name in found if name.startswith("val_")][:_PLACES]
    return {name: found[name] for name in (*training, *validation)}


def _course(config: Mapping[str, Any]) -> _Course:
    """Of a config that another version may have written: what is not there is not known."""
    training = config.get("training")
    training = training if isinstance(training, dict) else {}
    epochs, stopping = training.get("epochs"), training.get("early_stopping")
    total = epochs if type(epochs) is int else None
    if not isinstance(stopping, dict):
        return _Course(total)
    monitor, delta = stopping.get("monitor"), stopping.get("min_delta")
    return _Course(
        total,
        monitor if isinstance(monitor, str) else None,
        -1.0 if stopping.get("mode") == "max" else 1.0,
        float(delta) if isinstance(delta, int | float) else 0.0,
    )
