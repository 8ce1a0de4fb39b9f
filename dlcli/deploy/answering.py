"""Answers to stored rows, in blocks, by several workers: what a bundle does when it is asked.

A row is prepared, goes through the network and gets its target's units in one block; which rows are
in it changes no answer.

Several workers are processes where the system can fork them, as in training: a block is some dozens
of short NumPy calls, and threads would hand the interpreter's lock over at each of them. So what
they are asked, and what they answer, lies in memory that they share.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from dlcli.data.dataset import ONLY, Part
from dlcli.data.preprocessing import Preprocessing
from dlcli.deploy.ids import id_takers, require_ids
from dlcli.engine.inference import Answers
from dlcli.engine.layer import Array, Shape
from dlcli.engine.losses import Loss
from dlcli.engine.memory import shared_zeros
from dlcli.engine.model import Model
from dlcli.engine.team.base import Alone, Phases, Team
from dlcli.errors import DlcliError

if TYPE_CHECKING:
    from dlcli.data.targets import TargetScale

TeamOf = Callable[[Phases], AbstractContextManager[Team]]
"""Makes the workers that do these phases."""

AT_ONCE = 1 << 14
"""Rows that are asked together, at most; fewer of large ones."""

_BYTES = 1 << 25
"""Of such rows."""

_DESK_BYTES = 1 << 24
"""Of stored rows that workers are asked for at a time: few enough to be still in a cache when
they get there."""

_LONGEST_TYPE = 16
"""Letters of the name of a type of numbers."""


def rows_at_once(preprocessing: Mapping[str, Preprocessing]) -> int:
    """How many stored rows are worth to be asked together; changes no answer."""
    size = max(8 * math.prod(one.row_shape) for one in preprocessing.values())
    return max(1, min(AT_ONCE, _BYTES // size))


def _desk_rows(preprocessing: Mapping[str, Preprocessing], block: int) -> int:
    size = sum(8 * math.prod(one.row_shape) for one in preprocessing.values())
    some = 4 * block  # so that two or four workers have as much to do
    return some * max(1, _DESK_BYTES // size // some)


class Answering:
    """Ready to be asked, again and again; a context manager, with which the workers end.

    preprocessing: of each value of a row, by its name. tiled: see engine/inference.py.
    team: who answers; how many they are changes no answer.
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
        team: TeamOf = Alone,
    ) -> None:
        self._answers = Answers(model, loss, theta, tiled=tiled)
        self._inputs = [(name, preprocessing[name]) for name in model.inputs]
        self._scale = target_scale
        self._nodes = model.plain
        self._takers = {name: id_takers(model.plain, name) for name in model.inputs}
        self._dtype = np.float32 if target_scale is None else np.float64
        self._prepared: dict[tuple[int, str], npt.NDArray[np.float32]] = {}
        self._most = _desk_rows(preprocessing, self._answers.block)
        self._desk = _Desk(
            [fitted.row_shape for _, fitted in self._inputs],
            (self._most, *model.out_shape),
            self._dtype,
            -(-self._most // self._answers.block),
        )
        self._stack = ExitStack()
        self._team = self._stack.enter_context(team({"answer": self._task}))

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
        asked = [rows[name] for name, _ in self._inputs]
        count, desk, block = len(asked[0]), self._desk, self._answers.block
        found = np.empty((count, *desk.answers.shape[1:]), self._dtype)
        for start in range(0, count, self._most):
            some = slice(start, min(start + self._most, count))
            desk.put([x[some] for x in asked], first + start, checked=checked_as is not None)
            blocks = -(-(some.stop - start) // block)
            self._team.run("answer", blocks)
            wrong = np.flatnonzero(desk.faults[:blocks])
            if len(wrong):
                self._block(0, int(wrong[0]), checked_as)  # raises what the worker found
            found[some] = desk.answers[: some.stop - start]
        return found

    def _task(self, worker: int, number: int) -> None:
        """A block, by a worker that may be another process: it can tell that there is an error, but
        not which."""
        try:
            self._block(worker, number, "rows" if self._desk.checked else None)
        except DlcliError:
            self._desk.faults[number] = True

    def _block(self, worker: int, number: int, checked_as: str | None) -> None:
        desk, block = self._desk, self._answers.block
        some = slice(number * block, min((number + 1) * block, desk.count))
        xs = []
        for (name, fitted), rows in zip(self._inputs, desk.rows(), strict=True):
            x = self._room(worker, name, fitted.out_shape)[: some.stop - some.start]
            fitted.apply_into(rows[some], x, desk.first + some.start)
            if checked_as is not None:
                self._check(checked_as, name, fitted, rows[some], desk.first + some.start, x)
            xs.append(x)
        answers = self._answers.answer(worker, *xs)
        desk.answers[some] = answers if self._scale is None else self._scale.inverse(answers)

    def _check(
        self, what: str, name: str, fitted: Preprocessing, rows: Array, first: int, x: Array
    ) -> None:
        """DataError for the first row that cannot be answered; which it is, is only then found."""
        takers = self._takers[name]
        if np.isfinite(x).all() and all(layer.fault(x) is None for _, layer in takers):
            return
        part = Part(rows, rows, first=first)
        fitted.check(part, what if name == ONLY else f"the input {name!r} of {what}")
        require_ids(self._nodes, {name: fitted}, {name: part}, what, learned=True)

    def _room(self, worker: int, name: str, shape: Shape) -> npt.NDArray[np.float32]:
        """Where a worker prepares the rows of a block."""
        room = self._prepared.get((worker, name))
        if room is None:
            room = np.empty((self._answers.block, *shape), np.float32)
            self._prepared[worker, name] = room
        return room

    def close(self) -> None:
        """Send the workers home."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)


class _Desk:
    """What workers are asked and what they answer: memory that they share.

    answers: those to the rows. faults: of each block, whether something was wrong with it.
    """

    def __init__(
        self, row_shapes: Sequence[Shape], answers: Shape, dtype: npt.DTypeLike, blocks: int
    ) -> None:
        self.answers = shared_zeros(answers, dtype)
        self.faults = shared_zeros((blocks,), np.bool_)
        self._shapes = row_shapes
        # Of numbers that take more than 8 bytes there are none.
        self._bytes = [shared_zeros((answers[0] * 8 * math.prod(s),), "uint8") for s in row_shapes]
        self._types = [shared_zeros((1,), f"S{_LONGEST_TYPE}") for _ in row_shapes]
        self._numbers = shared_zeros((3,), np.int64)

    def put(self, asked: Sequence[Array], first: int, *, checked: bool) -> None:
        """Ask for the answers to some rows of each value. first: the number of the first of them.
        checked: whether those are wanted that cannot be answered."""
        self._numbers[:] = first, len(asked[0]), checked
        self.faults[:] = False
        for x, kind in zip(asked, self._types, strict=True):
            kind[0] = x.dtype.str.encode()
        for x, rows in zip(asked, self.rows(), strict=True):
            np.copyto(rows, x)

    def rows(self) -> list[npt.NDArray[Any]]:
        """The rows of each value."""
        found = []
        for shape, data, kind in zip(self._shapes, self._bytes, self._types, strict=True):
            dtype = np.dtype(kind[0].decode())
            size = self.count * dtype.itemsize * math.prod(shape)
            found.append(data[:size].view(dtype).reshape(self.count, *shape))
        return found

    @property
    def first(self) -> int:
        """The number of the first row."""
        return int(self._numbers[0])

    @property
    def count(self) -> int:
        """How many rows are asked."""
        return int(self._numbers[1])

    @property
    def checked(self) -> bool:
        """Whether rows are wanted that cannot be answered."""
        return bool(self._numbers[2])
