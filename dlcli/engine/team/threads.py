"""Workers that are threads: NumPy releases the interpreter's lock inside its loops."""

import threading

from dlcli.engine.team.base import Phases, Task, Team, share


class Threads(Team):
    """The calling thread and `workers - 1` helpers."""

    def __init__(self, phases: Phases, workers: int) -> None:
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
        needed = self._starts[: max(0, min(self.workers, count) - 1)]
        self._work = (task, count)
        for start in needed:
            start.release()
        try:
            share(task, 0, self.workers, count)
        finally:
            for _ in needed:
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

    def _help(self, worker: int) -> None:
        start = self._starts[worker - 1]
        while True:
            start.acquire()
            work = self._work
            if work is None:
                return
            try:
                share(work[0], worker, self.workers, work[1])
            except BaseException as error:  # handed to the thread that waits for this one
                self._errors.append(error)
            finally:
                self._finished.release()
