"""A training with its bookkeeping: history, the best epoch so far, early stopping.

A session is what a checkpoint holds and what `resume` and `reproduce` run again: everything
that the next step or the final run directory depends on is in it, and nothing else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dlcli.artifacts.checkpoints import Checkpoint
from dlcli.artifacts.digests import digest_tensors, from_hex, to_hex
from dlcli.artifacts.manifest import Epoch
from dlcli.config import Config
from dlcli.engine.inference import Examples
from dlcli.engine.layer import Array
from dlcli.engine.team import Team
from dlcli.engine.training import EpochReport, Recipe, Report, Training
from dlcli.errors import ArtifactError


@dataclass
class Books:
    """What the epochs so far have shown.

    best: the monitored value of the best epoch, None before the first.
    waited: epochs since then; `stopped` once early stopping has had enough.
    """

    history: list[Epoch] = field(default_factory=list)
    best: float | None = None
    best_epoch: int = 0
    waited: int = 0
    stopped: bool = False


class Monitor:
    """Which value says that one epoch is better than another, and when to stop.

    As Keras's EarlyStopping: better means by more than `min_delta`; training stops when
    `patience` epochs in a row (at least one) were not better.
    """

    def __init__(self, config: Config, validates: bool) -> None:
        stopping = config.training.early_stopping
        self._stops = stopping is not None
        if stopping is not None:
            self.name = stopping.monitor
            self._sign = -1.0 if stopping.mode == "max" else 1.0
            self._min_delta, self._patience = stopping.min_delta, stopping.patience
        else:
            self.name = "val_loss" if validates else "loss"
            self._sign, self._min_delta, self._patience = 1.0, 0.0, 0

    def judge(self, books: Books, epoch: int, logs: Mapping[str, Any]) -> bool:
        """Enter an epoch into the books; whether it is the best so far."""
        value = float(logs[self.name])
        better = books.best is None or (
            self._sign * value + self._min_delta < self._sign * books.best
        )
        if better:
            books.best, books.best_epoch, books.waited = value, epoch, 0
        else:
            books.waited += 1
            books.stopped = self._stops and books.waited >= max(self._patience, 1)
        return better


class Session:
    """One training, from its recipe or from a checkpoint, to its end."""

    def __init__(
        self,
        config: Config,
        recipe: Recipe,
        parts: Mapping[str, Examples],
        initial: Array | None = None,
    ) -> None:
        self.training = Training(recipe, parts)
        if initial is not None:
            self.training.theta[:] = initial
        self.books = Books()
        self.monitor = Monitor(config, "validation" in parts)
        self.improved = False
        """Whether the epoch that was reported last is the best so far."""

    @property
    def finished(self) -> bool:
        """Whether nothing is left to train."""
        recipe, progress = self.training.recipe, self.training.progress
        return (
            self.books.stopped
            or progress.epoch >= recipe.epochs
            or (recipe.max_steps is not None and progress.step >= recipe.max_steps)
        )

    @property
    def is_finite(self) -> bool:
        """Whether no parameter is NaN or infinite."""
        return bool(np.isfinite(self.training.theta).all())

    def rows(self) -> list[dict[str, object]]:
        """The history as metrics.jsonl has it."""
        return [
            {"epoch": epoch.epoch, "step": epoch.step, **epoch.metrics}
            for epoch in self.books.history
        ]

    def run(self, team: Team) -> Iterator[Report]:
        """Train to the end; when an epoch is reported, the books have it already."""
        if self.finished:
            return
        for report in self.training.fit(team):
            if isinstance(report, EpochReport):
                self.improved = self.monitor.judge(self.books, report.epoch, report.logs)
                tensors = digest_tensors(self._tensors())
                self.books.history.append(
                    Epoch(report.epoch, report.step, dict(report.logs), tensors)
                )
            yield report
            if self.books.stopped:
                return

    def parameters(self) -> dict[str, Array]:
        """The parameters by name; views, not copies."""
        return self.training.recipe.model.layout.named(self.training.theta)

    def _moments(self) -> dict[str, dict[str, Array]]:
        layout = self.training.recipe.model.layout
        return {name: layout.named(vector) for name, vector in self.training.moments.items()}

    def _tensors(self) -> dict[str, Array]:
        """Everything that is digested for each epoch: parameters and the optimizer's vectors."""
        tensors = self.parameters()
        for vector, named in self._moments().items():
            tensors |= {f"optimizer.{vector}.{name}": array for name, array in named.items()}
        return tensors

    def checkpoint(self) -> Checkpoint:
        """This moment, to be saved at once: its arrays are those of the training."""
        progress, books = self.training.progress, self.books
        state = {
            "step": progress.step,
            "epoch": progress.epoch,
            "batch": progress.batch,
            "rows": progress.rows,
            "loss_sum": to_hex(progress.loss_sum),
            "tallies": [to_hex(tally.tolist()) for tally in progress.tallies],
            "history": [epoch.to_json() for epoch in books.history],
            "best": None if books.best is None else to_hex(books.best),
            "best_epoch": books.best_epoch,
            "waited": books.waited,
            "stopped": books.stopped,
        }
        return Checkpoint(self.parameters(), self._moments(), state)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a saved moment. Raises ArtifactError if it is not one of this training."""
        try:
            _fill(self.parameters(), checkpoint.parameters)
            moments = self._moments()
            if set(moments) != set(checkpoint.optimizer):
                raise ValueError("other optimizer vectors")
            for vector, named in moments.items():
                _fill(named, checkpoint.optimizer[vector])
            state, progress, books = checkpoint.state, self.training.progress, self.books
            progress.step, progress.epoch = int(state["step"]), int(state["epoch"])
            progress.batch, progress.rows = int(state["batch"]), int(state["rows"])
            progress.loss_sum = float(from_hex(state["loss_sum"]))
            for tally, saved in zip(progress.tallies, state["tallies"], strict=True):
                tally[...] = np.array(from_hex(saved), tally.dtype).reshape(tally.shape)
            books.history = [Epoch.from_json(epoch) for epoch in state["history"]]
            books.best = None if state["best"] is None else float(from_hex(state["best"]))
            books.best_epoch, books.waited = int(state["best_epoch"]), int(state["waited"])
            books.stopped = bool(state["stopped"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtifactError(
                f"the checkpoint does not belong to this config ({error}); it was edited, or "
                "written by another version of dlcli. Train anew"
            ) from None


def _fill(into: Mapping[str, Array], saved: Mapping[str, Array]) -> None:
    if set(into) != set(saved):
        raise ValueError("other names of parameters")
    for name, view in into.items():
        if saved[name].shape != view.shape or saved[name].dtype != view.dtype:
            raise ValueError(f"another shape or type of {name}")
        view[...] = saved[name]
