"""Answers to stored rows, in blocks, by several workers: what a bundle does when it is asked.

A row is prepared, goes through the network and gets its target's units in one block; which rows are
in it changes no answer. Workers are threads: they share what is asked and what is answered, and
NumPy lets them work at the same time.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from dlcli.data.dataset import ONLY, Part
from dlcli.data.preprocessing import Preprocessing
from dlcli.deploy.ids import id_takers, require_ids
from dlcli.engine.inference import Answers
from dlcli.engine.layer import Array, Shape
from dlcli.engine.losses import Loss
from dlcli.engine.model import Model
from dlcli.engine.team.base import Alone, Team
from dlcli.engine.team.threads import Threads

if TYPE_CHECKING:
    from dlcli.data.targets import TargetScale


class Answering:
    """Ready to be asked, again and again; a context manager, with which the workers end.

    preprocessing: of each value of a row, by its name. tiled: see engine/inference.py.
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        theta: Array,
        preprocessing: Mapping[str, Preprocessing],
        target_scale: "TargetScale | None",
        *,
        tiled: bool,
        workers: int = 1,
    ) -> None:
        self._answers = Answers(model, loss, theta, tiled=tiled)
        self._shape = model.out_shape
        self._inputs = [(name, preprocessing[name]) for name in model.inputs]
        self._scale = target_scale
        self._nodes = model.plain
        self._takers = {name: id_takers(model.plain, name) for name in model.inputs}
        self._dtype = np.float32 if target_scale is None else np.float64
        self._rows: Sequence[Array] = ()
        self._room: dict[tuple[int, str], npt.NDArray[np.float32]] = {}
        self._out = np.empty((0, *self._shape), self._dtype)
        phases = {"answer": self._block}
        self._team: Team = Alone(phases) if workers <= 1 else Threads(phases, workers)

    def __call__(
        self, rows: Mapping[str, Array], first: int = 0, checked_as: str | None = None
    ) -> Array:
        """Answers (n, *out_shape) to stored rows of each value, by its name: probabilities in
        float32, or values in the target's own units (in float64, where the network learned scaled
        ones). What overflows becomes infinite, without a warning.

        DataError for a category that the training part does not have; and, if rows are checked,
        for one of which no finite numbers are made, or with a number that is no id.

        first: the number of the first row. checked_as: how messages call the rows.
        """
        self._first, self._what = first, checked_as
        self._rows = [rows[name] for name, _ in self._inputs]
        count = len(self._rows[0])
        self._out = np.empty((count, *self._shape), self._dtype)
        self._team.run("answer", -(-count // self._answers.block))
        return self._out

    def _block(self, worker: int, number: int) -> None:
        some = slice(number * self._answers.block, (number + 1) * self._answers.block)
        xs = []
        for (name, fitted), rows in zip(self._inputs, self._rows, strict=True):
            x = self._room_of(worker, name, fitted.out_shape)[: len(rows[some])]
            fitted.apply_into(rows[some], x, self._first + some.start)
            if self._what is not None:
                self._check(self._what, name, fitted, rows[some], some.start, x)
            xs.append(x)
        answers = self._answers.answer(worker, *xs)
        self._out[some] = answers if self._scale is None else self._scale.inverse(answers)

    def _check(
        self, what: str, name: str, fitted: Preprocessing, rows: Array, start: int, x: Array
    ) -> None:
        """DataError for the first row that cannot be answered; which it is, is only then found."""
        takers = self._takers[name]
        if np.isfinite(x).all() and all(layer.fault(x) is None for _, layer in takers):
            return
        part = Part(rows, rows, first=self._first + start)
        fitted.check(part, what if name == ONLY else f"the input {name!r} of {what}")
        require_ids(self._nodes, {name: fitted}, {name: part}, what, learned=True)

    def _room_of(self, worker: int, name: str, shape: Shape) -> npt.NDArray[np.float32]:
        """Where a worker prepares the rows of a block."""
        rows = min(self._answers.block, len(self._out))
        room = self._room.get((worker, name))
        if room is None or len(room) < rows:
            room = self._room[worker, name] = np.empty((rows, *shape), np.float32)
        return room

    def close(self) -> None:
        """Send the workers home."""
        self._team.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
