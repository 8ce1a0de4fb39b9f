"""How well a model answers: loss and metrics of whole data parts, shard by shard.

Rows run in shards of one fixed shape, the last one padded with zeros, because a matrix product's
bits depend on its shape: so training's own validation and `dlcli evaluate` give the same bits.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcli.engine.batch import Examples
from dlcli.engine.context import Context, Moment
from dlcli.engine.folding import Inference
from dlcli.engine.layer import Array
from dlcli.engine.losses import Loss
from dlcli.engine.memory import shared_zeros
from dlcli.engine.metrics import MetricSet
from dlcli.engine.model import Model, Pass
from dlcli.engine.penalties import Penalty
from dlcli.engine.sharding import cuts
from dlcli.engine.team.base import Task, Team
from dlcli.engine.witness import Witness

ROUND = 64
"""Shards between two collections of results; bounds the memory that results need."""


class Forward:
    """One worker's padded forward pass."""

    def __init__(self, model: Model, theta: Array, rows: int) -> None:
        self._rows = rows
        self._pass = Pass(model, model.layout.views(theta), Moment(training=False))
        self._padding = Context("padding")

    def __call__(self, *xs: Array) -> Array:
        """The raw outputs of at most `rows` rows; xs: one array for each of the model's inputs."""
        count = len(xs[0])
        if count < self._rows:
            xs = tuple(self._padded(f"x {place}", x) for place, x in enumerate(xs))
        return self._pass.forward(*xs)[:count]

    def _padded(self, name: str, x: Array) -> Array:
        padded = self._padding.scratch(name, (self._rows, *x.shape[1:]), x.dtype)
        padded[: len(x)] = x
        padded[len(x) :] = 0
        return padded


class Evaluator:
    """Loss and metrics of whole data parts, in one phase.

    theta: the flat parameter vector, read whenever a part is evaluated.
    parts: the examples of each role that can be evaluated.
    witness: keeps the answers to some rows, where somebody wants them.
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        metrics: MetricSet,
        theta: Array,
        parts: Mapping[str, Examples],
        rows: int,
        phase: str = "evaluate",
        witness: Witness | None = None,
    ) -> None:
        self._phase, self._witness = phase, witness
        self._inference, self._loss, self._metrics = Inference(model, theta), loss, metrics
        self._penalty = Penalty.of(model.layout, theta)
        self._roles = list(parts)
        self._parts = list(parts.values())
        self._rows = rows
        self._losses = shared_zeros((ROUND,), np.float64)
        self._tallies = [shared_zeros((ROUND, *z.shape), z.dtype) for z in metrics.zeros()]
        most = max(map(len, self._parts), default=0)
        self._answered = metrics.answered(most)
        self._board = shared_zeros((2,), np.int64)  # which part, and where this round starts
        self._workers: dict[int, tuple[Forward, Context, Context]] = {}

    @property
    def phases(self) -> dict[str, Task]:
        """The tasks to give a team."""
        return {self._phase: self._shard}

    def run(self, team: Team, role: str) -> dict[str, Any]:
        """`loss`, with the model's penalties, and every metric over the rows of one part."""
        self._inference.refresh()
        index = self._roles.index(role)
        count = len(self._parts[index])
        total = 0.0
        tallies = self._metrics.zeros()
        for start in range(0, count, ROUND * self._rows):
            self._board[:] = index, start
            shards = cuts(min(count - start, ROUND * self._rows), self._rows)
            team.run(self._phase, shards)
            for shard in range(shards):
                total += float(self._losses[shard])
                for tally, part in zip(tallies, self._tallies, strict=True):
                    tally += part[shard]
        if self._witness is not None:
            self._witness.saw(role)
        loss = total / count if self._penalty is None else total / count + self._penalty()
        rows = None if self._answered is None else self._answered.at(slice(0, count))
        return {"loss": loss, **self._metrics.values(tallies, rows)}

    def _shard(self, worker: int, number: int) -> None:
        if worker not in self._workers:
            forward = Forward(self._inference.model, self._inference.theta, self._rows)
            self._workers[worker] = forward, Context("fetch"), Context("loss")
        forward, fetching, ctx = self._workers[worker]
        part = self._parts[int(self._board[0])]
        start = int(self._board[1]) + number * self._rows
        positions = np.arange(start, min(start + self._rows, len(part)))
        xs, t, weights, original = part.fetch(positions, fetching)
        y = forward(*xs)
        self._losses[number], _, answers = self._loss.judge(y, t, 1.0, ctx, weights)
        counted = self._metrics.tally(answers, t, weights, original)
        for tally, found in zip(self._tallies, counted, strict=True):
            tally[number] = found
        if self._answered is not None:
            self._answered.put(positions, answers, t, weights)
        if self._witness is not None:
            self._witness.put(self._roles[int(self._board[0])], start, answers)
