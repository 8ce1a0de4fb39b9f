"""Forward passes over many rows: evaluation and prediction.

An evaluation's rows run in shards of one fixed shape, the last one padded with zeros, because a
matrix product's bits depend on its shape: so training's own validation and `dlcli evaluate` give
the same bits. Answers are for rows that come alone or with others, at any place: there, rows are
kept apart (see products.py), and a block may have any number of them.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcli.engine.batch import Examples
from dlcli.engine.context import Context, Moment
from dlcli.engine.folding import Inference
from dlcli.engine.layer import Array
from dlcli.engine.layers import Dense
from dlcli.engine.losses import Loss
from dlcli.engine.memory import shared_zeros
from dlcli.engine.metrics import MetricSet
from dlcli.engine.model import Model, Pass
from dlcli.engine.penalties import Penalty
from dlcli.engine.products import DOZEN, WIDE
from dlcli.engine.sharding import cuts
from dlcli.engine.team.base import Task, Team

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


BLOCK_BYTES = 9 << 18
"""What the values of a block's rows may take, so that they stay in a processor's own cache."""

MOST = 100 * DOZEN
"""Rows of a block, at most."""


class Answers:
    """A model's answers to prepared rows, each as if the row were alone, to the bit.

    tiled: whether dense layers multiply rows in tiles; see products.py. If not, a row has the bits
        of a pass of one row.
    block: how many rows are worth to be asked at once; changes no answer.

    Several workers may use it at the same time.
    """

    def __init__(self, model: Model, loss: Loss, theta: Array, *, tiled: bool) -> None:
        inference = Inference(model, theta)
        inference.refresh()
        self._model, self._theta, self._loss = inference.model, inference.theta, loss
        self._tiled = tiled
        self._passes: dict[int, Pass] = {}
        self.block = _block(model)

    def answer(self, worker: int, *xs: Array) -> Array:
        """The answers (n, *out_shape), probabilities or values, of a block of rows.

        They last until the worker's next block.

        worker: its number; no two use the same one at a time.
        xs: the features of each of the model's inputs, in their order.
        """
        way = self._passes.get(worker)
        if way is None:
            views = self._model.layout.views(self._theta)
            way = Pass(self._model, views, Moment(apart=True, tiled=self._tiled))
            self._passes[worker] = way
        return self._loss.predict(way.forward(*xs))


def _block(model: Model) -> int:
    numbers = sum(math.prod(node.out_shape) for node in model.plain)
    rows = max(1, min(BLOCK_BYTES // (4 * numbers), MOST))
    return rows - rows % DOZEN if rows > DOZEN else rows


def is_tiled(model: Model) -> bool:
    """Whether there is a product in the model for which tiles are worth it."""
    return any(
        isinstance(node.layer, Dense)
        and math.prod(node.in_shape[:-1]) == 1
        and node.in_shape[-1] * node.layer.units >= WIDE
        for node in model.plain
    )


class Evaluator:
    """Loss and metrics of whole data parts, in one phase.

    theta: the flat parameter vector, read whenever a part is evaluated.
    parts: the examples of each role that can be evaluated.
    scale: turns answers and targets back into the data's own units for the metrics.
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
    ) -> None:
        self._phase = phase
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
