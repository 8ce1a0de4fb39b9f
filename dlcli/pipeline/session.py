"""A training with its bookkeeping: history, the best epoch so far, early stopping.

A session is what a checkpoint holds and what `resume` and `reproduce` run again: everything
that the next step or the final run directory depends on is in it, and nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dlcli.artifacts.checkpoint import Checkpoint
from dlcli.artifacts.digests import digest_tensors, from_hex, to_hex
from dlcli.artifacts.history import Epoch, digest_of_tensors
from dlcli.config import Config
from dlcli.engine.batch import Examples
from dlcli.engine.layer import Array
from dlcli.engine.schedule import Schedule
from dlcli.engine.team import Team
from dlcli.engine.training import EpochReport, Recipe, Report, Training
from dlcli.errors import ArtifactError
from dlcli.pipeline.history import History, Monitor, enter

_DIGEST_BYTES = 32


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
        self.history = History()
        self._keeps_all = False
        self._validates = "validation" in parts
        self.monitor = Monitor(config.training.early_stopping, self._validates)
        self.improved = False
        """Whether the epoch that was reported last is the best so far."""

    @property
    def finished(self) -> bool:
        """Whether nothing is left to train."""
        recipe, progress = self.training.recipe, self.training.progress
        return (
            self.history.stopped
            or progress.epoch >= recipe.epochs
            or (recipe.max_steps is not None and progress.step >= recipe.max_steps)
        )

    @property
    def is_finite(self) -> bool:
        """Whether no parameter is NaN or infinite."""
        return bool(np.isfinite(self.training.theta).all())

    def run(self, team: Team) -> Iterator[Report]:
        """Train to the end; when an epoch is reported, the history have it already."""
        if self.finished:
            return
        for report in self.training.fit(team):
            if isinstance(report, EpochReport):
                self.improved = enter(
                    self.monitor,
                    self.history,
                    report.epoch,
                    report.step,
                    {name: report.logs[name] for name in self._kept()},
                    digest_tensors(self._tensors()),
                )
                self._watch_plateau()
            yield report
            if self.history.stopped:
                return

    def keep_as(self, epoch: Epoch) -> None:
        """Keep of each epoch what an earlier version kept of this one: it kept the metrics that
        are no number, too."""
        self._keeps_all = epoch.metrics.keys() == set(self._kept(every=True))

    def _kept(self, *, every: bool = False) -> list[str]:
        """What the history has of an epoch, or every value that an epoch has."""
        metrics = self.training.recipe.metrics
        of = metrics.metrics if every or self._keeps_all else metrics.scalars
        names = ["loss", *of]
        return [*names, *(f"val_{name}" for name in names if self._validates)]

    def past(self) -> list[tuple[dict[str, Any], bool]]:
        """Of each epoch so far: its metrics in their order, and whether it was the best so far."""
        seen, names = History(), self._kept()
        return [
            ({name: epoch.metrics[name] for name in names}, self.monitor.enter(seen, epoch))
            for epoch in self.history.epochs
        ]

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
        """This moment, to be saved at once and together with the history: its arrays are those
        of the training."""
        progress, history = self.training.progress, self.history
        state = {
            "step": progress.step,
            "epoch": progress.epoch,
            "batch": progress.batch,
            "loss_sum": to_hex(progress.loss_sum),
        }
        kept = history.by_tensor()
        digests = b"".join(
            bytes.fromhex(digest) for epoch in kept for digest in history.tensors[epoch].values()
        )
        shape = len(kept), len(self._tensors()), _DIGEST_BYTES
        counts = {f"tally_{number}": tally for number, tally in enumerate(progress.tallies)}
        if (answered := self.training.answered) is not None:
            rows = answered.taken(self.training.seen())
            counts |= {f"row_{name}": array for name, array in rows.items()}
        counts["digests"] = np.frombuffer(digests, np.uint8).reshape(shape)
        return Checkpoint(self.parameters(), self._moments(), state, counts)

    def restore(self, checkpoint: Checkpoint, epochs: Sequence[Epoch]) -> None:
        """Go on from a saved moment.

        Every name, shape, type, count and range is checked here, once: ArtifactError for what is
        not a moment of this training.
        """
        try:
            moments = self._moments()
            _require(set(moments) == set(checkpoint.optimizer), "other vectors of the optimizer")
            _fill(self.parameters(), checkpoint.parameters)
            for vector, named in moments.items():
                _fill(named, checkpoint.optimizer[vector])
            _require(self.is_finite, "parameters that are not finite")
            self._restore_progress(checkpoint, len(epochs))
            self._restore_history(checkpoint, epochs)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise ArtifactError(
                f"the checkpoint does not belong to this config ({error}); it was edited, or "
                "written by another version of dlcli. Train anew"
            ) from None

    def _restore_progress(self, checkpoint: Checkpoint, epochs: int) -> None:
        """Where training stands. But for the sums, all of it follows from epochs and batches."""
        training, state, counts = self.training, checkpoint.state, checkpoint.counts
        recipe, progress = training.recipe, training.progress
        _require(state.keys() == {"step", "epoch", "batch", "loss_sum"}, "another state")
        batch, loss_sum = state["batch"], from_hex(state["loss_sum"])
        _require(type(batch) is int and 0 <= batch <= training.batches, "an impossible batch")
        _require(epochs + (batch > 0) <= recipe.epochs, "more epochs than there are to train")
        step = self._step_after(epochs) + batch
        _require(step <= self._step_after(recipe.epochs), "more steps than there are to take")
        same = type(state["epoch"]) is type(state["step"]) is int
        same = same and (state["epoch"], state["step"]) == (epochs, step)
        _require(same, "counters that do not agree with its epochs")
        rows = min(batch * recipe.batch_size, len(training))
        finite = type(loss_sum) is float and bool(np.isfinite(loss_sum))
        _require(finite and (rows > 0 or loss_sum == 0.0), "an impossible sum of losses")
        wanted = {f"tally_{number}": tally for number, tally in enumerate(recipe.metrics.zeros())}
        answered = training.answered
        answers = {} if answered is None else answered.empty(rows)
        found = {name: array for name, array in counts.items() if name != "digests"}
        _require_alike(wanted | {f"row_{name}": array for name, array in answers.items()}, found)
        for tally in (found[name] for name in wanted):
            good = bool(np.isfinite(tally).all()) and (rows > 0 or not tally.any())
            _require(good and (tally.dtype.kind == "f" or bool((tally >= 0).all())), "wrong counts")
        progress.step, progress.epoch, progress.batch, progress.rows = step, epochs, batch, rows
        progress.loss_sum = loss_sum
        progress.tallies = [found[name].copy() for name in wanted]
        if answered is not None:
            answered.put_back(training.seen(), {name: found[f"row_{name}"] for name in answers})

    def _step_after(self, epochs: int) -> int:
        """The steps that so many epochs take: a limit may cut the last one short."""
        steps, limit = epochs * self.training.batches, self.training.recipe.max_steps
        return steps if limit is None else min(steps, limit)

    def _restore_history(self, checkpoint: Checkpoint, epochs: Sequence[Epoch]) -> None:
        """The history, and what follows from it."""
        history = History()
        if epochs:
            self.keep_as(epochs[0])
        wanted = set(self._kept())
        for epoch in epochs:
            _require(epoch.metrics.keys() == wanted, "other metrics")
            _require(not history.stopped, "epochs after the end")
            _require(epoch.step == self._step_after(epoch.epoch), "an epoch at another step")
            self.monitor.enter(history, epoch)
        now = digest_tensors(self._tensors())
        kept = history.by_tensor()
        digests = checkpoint.counts["digests"]
        shape = len(kept), len(now), _DIGEST_BYTES
        _require(digests.dtype == np.uint8 and digests.shape == shape, "other digests")
        for number, each in zip(kept, digests, strict=True):
            history.tensors[number] = {n: d.tobytes().hex() for n, d in zip(now, each, strict=True)}
            digest = digest_of_tensors(history.tensors[number])
            _require(digest == epochs[number - 1].digest, "digests that are not its epochs'")
        at_an_end = bool(epochs) and self.training.progress.batch == 0
        if at_an_end:
            _require(history.tensors[len(epochs)] == now, "arrays that are not its last epoch's")
        self.history = history
        self._watch_plateau()

    def _watch_plateau(self) -> None:
        """The share of the rate that the epochs so far leave; nothing else keeps it."""
        schedule = self.training.recipe.optimizer.learning_rate
        if not isinstance(schedule, Schedule):
            return
        from dlcli.engine.schedules import ReduceOnPlateau

        if isinstance(schedule, ReduceOnPlateau):
            values = [epoch.metrics[schedule.monitor] for epoch in self.history.epochs]
            self.training.rate_share = schedule.reduced([float(value) for value in values])


def _require(holds: bool, otherwise: str) -> None:
    """ValueError where a checkpoint has what it cannot have."""
    if not holds:
        raise ValueError(f"it has {otherwise}")


def _require_alike(wanted: Mapping[str, Array], found: Mapping[str, Array]) -> None:
    _require(set(wanted) == set(found), "arrays of other names")
    for name, array in wanted.items():
        same = found[name].shape == array.shape and found[name].dtype == array.dtype
        _require(same, f"another shape or type of {name}")


def _fill(into: Mapping[str, Array], saved: Mapping[str, Array]) -> None:
    _require_alike(into, saved)
    for name, view in into.items():
        view[...] = saved[name]
