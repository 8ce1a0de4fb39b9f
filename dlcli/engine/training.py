"""The training loop, and what one step is.

A step cuts its batch into shards. Phase "train": each shard fetches its rows, runs forward and
back, and leaves its gradients in a place of its own; where layers meet the whole batch, it does so
in several stages (see stages.py). Then the parameters move (see updates.py). Nothing is shared
between tasks of a phase but what they only read, so workers need no locks and change no bits.

`fit` yields a report after every step and every epoch and calls no hooks: whoever runs it
writes checkpoints, draws progress, or stops by leaving the loop.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from dlcli.engine.batch import Batch, Examples
from dlcli.engine.context import Context, Moment
from dlcli.engine.evaluation import Evaluator
from dlcli.engine.gradients import Gradients
from dlcli.engine.layer import Array
from dlcli.engine.losses import Loss
from dlcli.engine.memory import shared_zeros
from dlcli.engine.metrics import MetricSet
from dlcli.engine.model import Model, Pass
from dlcli.engine.optimizers import Optimizer
from dlcli.engine.penalties import Penalty
from dlcli.engine.sharding import cuts
from dlcli.engine.stages import Stages
from dlcli.engine.team.base import Task, Team
from dlcli.engine.updates import Updates
from dlcli.frozen import frozen
from dlcli.randomness import Stream


@frozen
class Recipe:
    """Everything but data and parameters that decides the bits of a training."""

    model: Model
    loss: Loss
    optimizer: Optimizer
    metrics: MetricSet
    seed: int
    epochs: int
    batch_size: int
    shard_size: int
    shuffle: bool = True
    max_steps: int | None = None


@dataclass
class Progress:
    """Where training stands; with parameters and moments, all that the next step depends on.

    loss_sum and rows add up the epoch so far (loss times rows, rows), as do the tallies.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    rows: int = 0
    tallies: list[Array] = field(default_factory=list)


class Diverged(ArithmeticError):
    """The loss is no longer a finite number; `step` counts from 1, `where` says what broke."""

    def __init__(self, step: int, where: str) -> None:
        super().__init__(f"the loss is not finite at step {step}: {where}")
        self.step = step
        self.where = where


@frozen
class StepReport:
    """A step is done. Numbers are means over the epoch so far."""

    epoch: int
    batch: int
    batches: int
    rows: int
    loss: float
    _metrics: MetricSet
    _tallies: list[Array]

    def values(self) -> dict[str, Any]:
        """Those metrics over the epoch so far that counts give, worked out only when somebody
        looks."""
        return self._metrics.running(self._tallies)


@frozen
class EpochReport:
    """An epoch is done. `logs` has Keras's keys: loss, accuracy, val_loss, val_accuracy, ..."""

    epoch: int
    step: int
    logs: dict[str, Any]


Report = StepReport | EpochReport


class Training:
    """The arrays of a training and the tasks that work on them.

    theta: the flat parameter vector; moments: the vectors that updates keep, see Updates. All lie
    in memory that forked workers share.
    answered: the answers to the rows of the epoch so far; None where no metric needs them.
    """

    def __init__(self, recipe: Recipe, parts: Mapping[str, Examples]) -> None:
        self.recipe = recipe
        layout = recipe.model.layout
        self.theta = shared_zeros((layout.size,))
        self.theta[:] = layout.initial(recipe.seed)
        self.progress = Progress(tallies=recipe.metrics.zeros())
        self._examples = parts["train"]
        self.batches = cuts(len(self._examples), recipe.batch_size)
        evaluated = {role: part for role, part in parts.items() if role != "train"}
        self._validation = Evaluator(
            recipe.model, recipe.loss, recipe.metrics, self.theta, evaluated, recipe.shard_size
        )
        self._validates = "validation" in evaluated

        shards = cuts(recipe.batch_size, recipe.shard_size)
        self._gradients = Gradients(recipe.model, recipe.batch_size, recipe.shard_size)
        self._updates = Updates(recipe.model, recipe.optimizer, self._gradients, self.theta)
        self.moments = self._updates.state
        self._penalty = Penalty.of(layout, self.theta)
        self._losses = shared_zeros((shards,), np.float64)
        self._tallies = [shared_zeros((shards, *z.shape), z.dtype) for z in recipe.metrics.zeros()]
        self.answered = recipe.metrics.answered(len(self._examples))
        self._order = shared_zeros((len(self._examples) if recipe.shuffle else 0,), np.int64)
        self._board = shared_zeros((4,), np.int64)  # step, first row, row behind the last, stage
        self.rate_share = 1.0
        """What the rate of the coming steps is multiplied by; a plateau lowers it."""
        self._stages = Stages(recipe.model, shards) if recipe.model.meetings else None
        self._parameters = layout.views(self.theta)
        self._workers: dict[int, _Worker] = {}

    def __len__(self) -> int:
        """The rows of one epoch."""
        return len(self._examples)

    @property
    def phases(self) -> dict[str, Task]:
        """The tasks to give a team."""
        return {"train": self._train, **self._updates.phases, **self._validation.phases}

    def fit(self, team: Team) -> Iterator[Report]:
        """Train from where `progress` stands to the end, reporting as it goes."""
        recipe, progress = self.recipe, self.progress
        while progress.epoch < recipe.epochs and not self._reached_max_steps():
            if recipe.shuffle:
                self._order[:] = self._shuffled()
            while progress.batch < self.batches and not self._reached_max_steps():
                self._step(team)
                yield StepReport(
                    progress.epoch + 1,
                    progress.batch,
                    self.batches,
                    progress.rows,
                    progress.loss_sum / progress.rows,
                    recipe.metrics,
                    progress.tallies,
                )
            rows = None if self.answered is None else self.answered.at(self.seen())
            logs: dict[str, Any] = {
                "loss": progress.loss_sum / progress.rows,
                **recipe.metrics.values(progress.tallies, rows),
            }
            if self._validates:
                validation = self._validation.run(team, "validation")
                logs |= {f"val_{name}": value for name, value in validation.items()}
            self._require_finite(float(logs.get("val_loss", 0.0)))
            progress.epoch += 1
            progress.batch = progress.rows = 0
            progress.loss_sum = 0.0
            progress.tallies = recipe.metrics.zeros()
            yield EpochReport(progress.epoch, progress.step, logs)

    def _shuffled(self) -> Array:
        """The order of the rows in the epoch that progress stands in."""
        stream = Stream(self.recipe.seed, "shuffle", self.progress.epoch)
        return stream.permutation(len(self._examples))

    def seen(self) -> Any:
        """The positions of the rows of the epoch so far, in the order of the file."""
        rows = self.progress.rows
        if rows == len(self._examples) or not self.recipe.shuffle:
            return slice(0, rows)
        return np.sort(self._shuffled()[:rows], kind="stable")

    def _reached_max_steps(self) -> bool:
        limit = self.recipe.max_steps
        return limit is not None and self.progress.step >= limit

    def _step(self, team: Team) -> None:
        """One batch: shards forward and back, then the parameters move."""
        recipe, progress = self.recipe, self.progress
        start = progress.batch * recipe.batch_size
        stop = min(start + recipe.batch_size, len(self._examples))
        shards = cuts(stop - start, recipe.shard_size)
        board = self._board  # number by number: a tuple would become an array first
        board[0], board[1], board[2], board[3] = progress.step, start, stop, 0
        team.run("train", shards)
        if self._stages is None:
            loss = self._add_losses(shards)
        else:
            loss = self._go_on(self._stages, team, shards)
        self._updates.run(team, progress.step, stop - start, self.rate_share)
        progress.step += 1
        progress.batch += 1
        progress.rows += stop - start
        progress.loss_sum += loss * (stop - start)

    def _go_on(self, stages: Stages, team: Team, shards: int) -> float:
        """The stages behind the first one; returns the loss of the batch."""
        loss = 0.0
        for stage in range(1, len(stages)):
            stages.add_up(stage - 1, shards)
            self._board[3] = stage
            team.run("train", shards)
            if stage == stages.turning:
                loss = self._add_losses(shards)
        stages.observe(self._parameters)
        return loss

    def _add_losses(self, shards: int) -> float:
        """The loss of the batch, with the model's penalties; adds the shards' tallies up. Diverged
        where it is not finite."""
        progress = self.progress
        loss = 0.0
        for shard, value in enumerate(self._losses[:shards].tolist()):
            loss += value
            for total, tally in zip(progress.tallies, self._tallies, strict=True):
                total += tally[shard]
        if self._penalty is not None:
            loss += self._penalty()
        if not isfinite(loss):
            raise Diverged(progress.step + 1, self._first_not_finite(shards))
        return loss

    def _worker(self, worker: int) -> "_Worker":
        if worker not in self._workers:
            self._workers[worker] = _Worker(self.recipe, self.theta, self._gradients)
        return self._workers[worker]

    def _rows(self, number: int, first: int, last: int) -> Array:
        """The positions of the examples in shard `number` of the batch first .. last - 1."""
        start = first + number * self.recipe.shard_size
        stop = min(start + self.recipe.shard_size, last)
        return self._order[start:stop] if self.recipe.shuffle else np.arange(start, stop)

    def _train(self, worker: int, number: int) -> None:
        own = self._worker(worker)
        lane, passing = own.lane(number)
        step, first, last, stage = self._board.tolist()
        lane.moment.step, lane.moment.shard = step, number
        weight = 1.0 / (last - first)
        if self._stages is None:  # the whole pass at once
            xs = self._fetch(lane, number, first, last)
            dy = self._judge(lane, number, weight, passing.forward(*xs))
            passing.backward(dy, own.gradients[number])
            return
        self._stages.run(
            stage,
            passing,
            number,
            lambda: self._fetch(lane, number, first, last),
            lambda y: self._judge(lane, number, weight, y),
            own.gradients[number],
        )

    def _fetch(self, lane: "_Lane", number: int, first: int, last: int) -> Sequence[Array]:
        """The data's values for a shard; the rest of its batch stays with the lane."""
        epoch = lane.moment.step // self.batches
        rows = self._rows(number, first, last)
        lane.batch = self._examples.fetch(rows, lane.fetching, epoch)
        return lane.batch.values

    def _judge(self, lane: "_Lane", number: int, weight: float, y: Array) -> Array:
        """Write down the loss and the tallies of a shard; returns the loss's gradient."""
        recipe, (_, t, weights, original) = self.recipe, lane.batch
        self._losses[number], dy, answers = recipe.loss.judge(y, t, weight, lane.loss, weights)
        counted = recipe.metrics.tally(answers, t, weights, original)
        for tally, found in zip(self._tallies, counted, strict=True):
            tally[number] = found
        if self.answered is not None:
            _, first, last, _ = self._board.tolist()
            self.answered.put(self._rows(number, first, last), answers, t, weights)
        return dy

    def _first_not_finite(self, shards: int) -> str:
        """Which array of the batch on the board is the first with NaN or Inf in it."""
        for name, array in self.recipe.model.layout.named(self.theta).items():
            if not np.isfinite(array).all():
                return f"parameter {name} has NaN or Inf values"
        own, passing = self._worker(0).lane(0)
        own.moment.step = self.progress.step
        _, first, last, _ = self._board.tolist()
        with np.errstate(all="ignore"):
            for shard in range(shards):
                own.moment.shard = shard
                for name, y in passing.outputs(*self._fetch(own, shard, first, last)):
                    if not np.isfinite(y).all():
                        return f"layer {name} puts out NaN or Inf values"
        return "the loss overflows although every layer's output is finite"

    def _require_finite(self, loss: float) -> None:
        """Parameters that broke in the last step show only in the next loss; look for them."""
        if isfinite(loss) and bool(np.isfinite(self.theta).all()):
            return
        for name, array in self.recipe.model.layout.named(self.theta).items():
            if not np.isfinite(array).all():
                raise Diverged(self.progress.step, f"parameter {name} has NaN or Inf values")
        raise Diverged(self.progress.step, "the validation loss is not finite")


class _Worker:
    """What one worker keeps from step to step."""

    def __init__(self, recipe: Recipe, theta: Array, gradients: Gradients) -> None:
        self._recipe, self._theta = recipe, theta
        self._halts = bool(recipe.model.meetings)
        self._lanes: dict[int, tuple[_Lane, Pass]] = {}
        shards = cuts(recipe.batch_size, recipe.shard_size)
        self.gradients = [gradients.shard(number) for number in range(shards)]

    def lane(self, shard: int) -> "tuple[_Lane, Pass]":
        """What a pass of this shard works with.

        Where a pass halts while other shards run, each shard has its own; else one is enough.
        """
        number = shard if self._halts else 0
        found = self._lanes.get(number)
        if found is None:
            lane = _Lane(self._recipe.seed)
            views = self._recipe.model.layout.views(self._theta)
            found = self._lanes[number] = lane, Pass(self._recipe.model, views, lane.moment)
        return found


class _Lane:
    """The memory beside a pass: from the rows that are fetched to the gradient of the loss."""

    def __init__(self, seed: int) -> None:
        self.moment = Moment(seed=seed, training=True)
        self.fetching = Context("fetch")
        self.loss = Context("loss")
        self.batch = Batch((), np.empty(0))
