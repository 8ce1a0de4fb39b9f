"""Workers: who does the numbered tasks of a phase.

A batch is cut into fixed shards and a parameter vector into fixed pieces; a *phase* is "do this
for each of them". Which worker takes which number, and how many workers there are, can change
nothing: every task writes to a place of its own, and what must be added is added afterwards in
the order of the numbers.

Tasks run without NumPy's warnings about overflow and NaN: a loss that is not finite is found by
the loop, which says where it came from.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import numpy as np

Task = Callable[[int, int], None]
"""Called with (worker, number)."""

Phases = Mapping[str, Task]


class Team(ABC):
    """Does the phases of a job; use as a context manager, so that workers end with it."""

    workers: int

    @abstractmethod
    def run(self, phase: str, count: int) -> None:
        """Do task 0 .. count-1 of a phase; returns when all are done, or raises the first error."""

    def close(self) -> None:
        """Send the workers home; nothing to do where there are none."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Alone(Team):
    """The calling thread does everything."""

    def __init__(self, phases: Phases) -> None:
        self.workers = 1
        self._phases = phases

    def run(self, phase: str, count: int) -> None:
        share(self._phases[phase], 0, 1, count)


def share(task: Task, worker: int, workers: int, count: int) -> None:
    """One worker's part of a phase: every `workers`-th number, beginning with its own."""
    with np.errstate(all="ignore"):
        for number in range(worker, count, workers):
            task(worker, number)
