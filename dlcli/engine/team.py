"""Workers: who does the numbered tasks of a phase.

A batch is cut into fixed shards and a parameter vector into fixed pieces; a *phase* is "do this
for each of them". Which worker takes which number, and how many workers there are, can change
nothing: every task writes to a place of its own, and what must be added is added afterwards in
the order of the numbers. NumPy releases the interpreter's lock inside its loops, so threads
compute at the same time.

Tasks run without NumPy's warnings about overflow and NaN: a loss that is not finite is found by
the loop, which says where it came from.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType

import numpy as np

Task = Callable[[int, int], None]
"""Called with (worker, number)."""


class Team(ABC):
    """Does the phases of a job; use as a context manager, so that workers end with it."""

    workers: int

    @abstractmethod
    def run(self, phase: str, count: int) -> None:
        """Do task 0 .. count-1 of a phase; returns when all are done, or raises the first error."""

    def close(self) -> None:
        """Send the workers home; nothing to do where there are none."""
        return

    def __enter__(self) -> "Team":
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

    def __init__(self, phases: dict[str, Task]) -> None:
        self.workers = 1
        self._phases = phases

    def run(self, phase: str, count: int) -> None:
        task = self._phases[phase]
        with np.errstate(all="ignore"):
            for number in range(count):
                task(0, number)


class Threads(Team):
    """The calling thread and `workers - 1` helpers, each taking every `workers`-th number."""

    def __init__(self, phases: dict[str, Task], workers: int) -> None:
        self.workers = workers
        self._phases = phases
        self._work: tuple[Task, int] | None = None
        self._errors: list[BaseException] = []
        self._starts = [threading.Semaphore(0) for _ in range(workers - 1)]
        self._finished = threading.Semaphore(0)
        self._helpers = [
            threading.Thread(target=self._help, args=(index,), daemon=True, name=f"worker-{index}")
            for index in range(1, workers)
        ]
        for helper in self._helpers:
            helper.start()

    def run(self, phase: str, count: int) -> None:
        task = self._phases[phase]
        helpers = self._starts[: max(0, min(self.workers, count) - 1)]
        self._work = (task, count)
        for start in helpers:
            start.release()
        try:
            self._share(0, task, count)
        finally:
            for _ in helpers:
                self._finished.acquire()
        if self._errors:
            error = self._errors[0]
            self._errors.clear()
            raise error

    def close(self) -> None:
        self._work = None
        for start in self._starts:
            start.release()
        for helper in self._helpers:
            helper.join()

    def _share(self, worker: int, task: Task, count: int) -> None:
        with np.errstate(all="ignore"):
            for number in range(worker, count, self.workers):
                task(worker, number)

    def _help(self, worker: int) -> None:
        start = self._starts[worker - 1]
        while True:
            start.acquire()
            work = self._work
            if work is None:
                return
            try:
                self._share(worker, *work)
            except BaseException as error:  # handed to the thread that waits for this one
                self._errors.append(error)
            finally:
                self._finished.release()


def team(phases: dict[str, Task], workers: int) -> Team:
    """A team of that many workers."""
    return Alone(phases) if workers <= 1 else Threads(phases, workers)
