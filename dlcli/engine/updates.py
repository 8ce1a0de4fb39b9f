"""How the parameters move after a batch.

Phase "update": each piece of the parameter vector gets the gradient of the batch (see gradients.py)
and of the penalties on it (see penalties.py), and lets the optimizer step. Two wishes need the
whole gradient before anything moves, and for them there is a phase "gather" before it:

    norms          Gradients are clipped by their norms; see clipping.py.
    accumulation   Only every k-th batch makes an update, with the mean of the gradients since the
                   last one. Counting goes on over the end of an epoch, and what schedules and
                   optimizers count is updates. As in Keras (gradient_accumulation_steps).
"""

from collections.abc import Mapping

import numpy as np

from dlcli.engine.clipping import NormClipping
from dlcli.engine.context import Context
from dlcli.engine.gradients import Gradients, Piece
from dlcli.engine.layer import Array
from dlcli.engine.memory import shared_zeros
from dlcli.engine.model import Model
from dlcli.engine.optimizers import Optimizer
from dlcli.engine.penalties import PenaltyGradients
from dlcli.engine.team.base import Task, Team

ACCUMULATOR = "gradient_accumulator"
"""The name of the sum of the gradients since the last update, beside the optimizer's vectors."""


class Updates:
    """The optimizer at work on the flat parameter vector `theta`.

    state: the vectors that the next update depends on, by name, as long as the trained part of
        theta. They and all other arrays lie in memory that forked workers share.
    """

    def __init__(
        self,
        model: Model,
        optimizer: Optimizer,
        gradients: Gradients,
        theta: Array,
    ) -> None:
        self._optimizer, self._gradients, self._theta = optimizer, gradients, theta
        cuts = [(piece.start, piece.stop) for piece in gradients.pieces]
        self._penalties = PenaltyGradients.of(model.layout, cuts)
        trained, dtype = model.layout.trained, theta.dtype
        self.state = {name: shared_zeros((trained,), dtype) for name in optimizer.state}
        for name, vector in self.state.items():
            vector[:] = optimizer.initial(name)
        self._every = optimizer.gradient_accumulation_steps
        self._accumulator: Array | None = None
        if self._every > 1:
            self._accumulator = self.state[ACCUMULATOR] = shared_zeros((trained,), dtype)
        limit = optimizer.global_clipnorm or optimizer.clipnorm
        self._norms: NormClipping | None = None
        if limit is not None:
            joint = optimizer.global_clipnorm is not None
            self._norms = NormClipping(model.layout, gradients.pieces, limit, joint=joint)
        self._gathers = self._every > 1 or self._norms is not None
        self._gathered = shared_zeros((trained if self._gathers else 0,), dtype)
        self._board = shared_zeros((3,), np.int64)  # rows of the batch, updates so far, due or not
        self._rate = shared_zeros((1,), np.float64)
        self._pieces = len(gradients.pieces)
        self._workers: dict[int, list[_Views]] = {}

    @property
    def phases(self) -> dict[str, Task]:
        """The tasks to give a team."""
        tasks: dict[str, Task] = {"update": self._update}
        if self._gathers:
            tasks["gather"] = self._gather
        return tasks

    def run(self, team: Team, batch: int, rows: int, rate_share: float) -> None:
        """Learn from a batch whose gradients are there.

        batch: how many were before it. rows: how many it has. rate_share: what the learning rate
        is multiplied by.
        """
        updates, waiting = divmod(batch, self._every)
        due = waiting == self._every - 1
        board = self._board
        board[0], board[1], board[2] = rows, updates, due
        self._rate[0] = self._optimizer.rate(updates) * rate_share
        pieces = self._pieces
        if self._gathers:
            team.run("gather", pieces)
            if due and self._norms is not None:
                self._norms.put_together()
        if due:
            team.run("update", pieces)

    def _views(self, worker: int, number: int) -> "_Views":
        views = self._workers.get(worker)
        if views is None:
            room = Context("update")
            views = self._workers[worker] = [
                _Views(piece, self._theta, self.state, self._gathered, room)
                for piece in self._gradients.pieces
            ]
        return views[number]

    def _gather(self, worker: int, number: int) -> None:
        """The gradient that the update will have, before it is clipped."""
        views = self._views(worker, number)
        rows, _, due = self._board.tolist()
        self._gradients.assign(views.piece, rows, views.gradient)
        if self._penalties is not None:
            self._penalties.add(number, views.theta, views.gradient, views.work[0])
        if self._accumulator is not None:
            accumulated = self._accumulator[views.piece.start : views.piece.stop]
            accumulated += views.gradient
            if due:
                np.divide(accumulated, accumulated.dtype.type(self._every), out=views.gradient)
                accumulated.fill(0.0)
        if due and self._norms is not None:
            self._norms.measure(number, views.gradient)

    def _update(self, worker: int, number: int) -> None:
        views = self._views(worker, number)
        rows, updates, _ = self._board.tolist()
        if not self._gathers:
            self._gradients.assign(views.piece, rows, views.gradient)
            if self._penalties is not None:
                self._penalties.add(number, views.theta, views.gradient, views.work[0])
        elif self._norms is not None:
            self._norms.clip(number, views.gradient)
        if self._optimizer.clipvalue is not None:
            limit = views.gradient.dtype.type(self._optimizer.clipvalue)
            np.clip(views.gradient, -limit, limit, out=views.gradient)
        self._optimizer.step(
            views.theta,
            views.gradient,
            views.state,
            views.work,
            t=updates + 1,
            rate=float(self._rate[0]),
            decayed=views.piece.decayed,
        )


class _Views:
    """The arguments of the optimizer's step on one piece: cut once, used in every step."""

    def __init__(
        self,
        piece: Piece,
        theta: Array,
        state: Mapping[str, Array],
        gathered: Array,
        room: Context,
    ) -> None:
        start, stop = piece.start, piece.stop
        self.piece = piece
        self.theta = theta[start:stop]
        self.state = {name: vector[start:stop] for name, vector in state.items()}
        self.gradient = (
            gathered[start:stop]
            if len(gathered)
            else room.scratch("gradient", (stop - start,), theta.dtype)
        )
        self.work = room.scratch("work", (3, stop - start), theta.dtype)
