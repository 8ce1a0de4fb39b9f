"""Workers that are processes: forked, so that they share the job's arrays and no interpreter.

A shard's pass is some fifty short NumPy calls, and threads hand the interpreter's lock over at
each of them. Processes do not wait for each other. They are forked from the process that set the
job up, and everything that changes afterwards (parameters, gradients, the board that says which
batch it is) lies in anonymous shared mappings (see memory.py), so a phase needs no message but
"begin" and "done".

Those are sequence numbers in shared memory: the parent writes the phase and its number, a worker
that sees a new number does its part and writes it back. Both sides look for a while before they
sleep in `poll`, because a phase is often shorter than a wake-up. A sleeper is woken by a byte,
and looks by itself now and then in case the byte and its falling asleep crossed.

A worker ends when the pipe from its parent is closed, so also when the parent is killed. It
ignores the signals that ask to stop, which a terminal sends to the whole group: the parent
decides.
"""

import gc
import os
import select
import signal
import time
import traceback
from typing import NoReturn

from dlcli.engine.memory import shared_zeros
from dlcli.engine.team.base import Phases, Team, share
from dlcli.stopping import STOP_SIGNALS

_LOOK_SECONDS = 200e-6
"""How long to look before sleeping: a few wake-ups' worth. Only where every worker has a
processor of its own; otherwise looking takes time from those who work."""

_NAP_MILLISECONDS = 20
"""How long a sleeper trusts that it will be woken."""

_ERROR_BYTES = 1 << 16


class WorkerError(RuntimeError):
    """A worker failed; the message is its traceback."""


class WorkerLost(RuntimeError):
    """The system ended a worker; the message says how.

    lacked_memory: whether that is what the system does where memory ends.
    """

    def __init__(self, message: str, *, lacked_memory: bool) -> None:
        super().__init__(message)
        self.lacked_memory = lacked_memory


_CRASHES = {
    "SIGSEGV": "it touched memory that is not its own, which is a crash in a library or in dlcli",
    "SIGBUS": "a data file that is read in place was cut short, or the disk below it failed",
    "SIGILL": "this processor does not know an instruction that a library used",
    "SIGABRT": "a library gave up",
    "SIGFPE": "a library divided by zero",
}
"""What it means that a worker ended by this signal, for people."""


class Processes(Team):
    """The calling process and `workers - 1` forked ones. No thread may run when it is made.

    Where the system gives no more processes or pipes, the team is as large as it allows.
    """

    def __init__(self, phases: Phases, workers: int) -> None:
        self.workers = workers
        self._phases = phases
        self._names = list(phases)
        self._task = shared_zeros((3,), "int64")  # phase, count, workers
        # One cache line for each number that another process looks at.
        self._begun = shared_zeros((8,), "int64")
        self._done = shared_zeros((workers, 8), "int64")
        self._asleep = shared_zeros((workers, 8), "int64")
        self._errors = shared_zeros((workers, _ERROR_BYTES), "uint8")
        self._number = 0
        self._look = _LOOK_SECONDS if workers <= _processors() else 0.0
        self._children: list[_Child] = []
        try:
            for worker in range(1, workers):
                self._children.append(self._fork(worker))
        except OSError:
            # The last one goes home as well, so that its pipes are free for files.
            if self._children:
                self._children.pop().dismiss()
        self._task[2] = self.workers = 1 + len(self._children)

    def run(self, phase: str, count: int) -> None:
        if count <= 1:  # not worth a wake-up
            share(self._phases[phase], 0, self.workers, count)
            return
        self._number += 1
        self._task[0] = self._names.index(phase)
        self._task[1] = count
        self._begun[0] = self._number
        for child in self._children:
            if self._asleep[child.worker, 0]:
                child.wake()
        try:
            share(self._phases[phase], 0, self.workers, count)
        finally:
            for child in self._children:
                self._wait(child)

    def close(self) -> None:
        for child in self._children:
            child.dismiss()
        self._children = []

    def _wait(self, child: "_Child") -> None:
        """Until the child has done this phase; raises what went wrong in it."""
        done = self._done[child.worker]
        until = time.perf_counter() + self._look
        while abs(done[0]) != self._number:
            if time.perf_counter() < until:
                continue
            self._asleep[0, 0] = 1
            if abs(done[0]) != self._number:
                child.sleep()
            self._asleep[0, 0] = 0
        if done[0] < 0:
            text = bytes(self._errors[child.worker]).rstrip(b"\0").decode(errors="replace")
            if text.startswith("MemoryError"):
                raise MemoryError(text)
            raise WorkerError(text)

    def _fork(self, worker: int) -> "_Child":
        to_child = os.pipe()
        try:
            to_parent = os.pipe()
        except OSError:
            _close(*to_child)
            raise
        # A signal between fork and the worker's first line would run the parent's handler in it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                gc.freeze()  # the collector would write to, and so copy, every page of the parent
                for number in STOP_SIGNALS:
                    signal.signal(number, signal.SIG_IGN)
        except OSError:
            _close(*to_child, *to_parent)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if pid == 0:
            for child in self._children:
                child.forget()
            os.close(to_child[1])
            os.close(to_parent[0])
            self._work(worker, to_child[0], to_parent[1])
        os.close(to_child[0])
        os.close(to_parent[1])
        os.set_blocking(to_child[1], False)
        return _Child(worker, pid, to_child[1], to_parent[0])

    def _work(self, worker: int, calls: int, answers: int) -> NoReturn:
        """The life of a worker: never returns, and leaves without the parent's clean-up."""
        try:
            os.set_blocking(answers, False)
            self._work_until_dismissed(worker, calls, answers)
        finally:
            os._exit(0)

    def _work_until_dismissed(self, worker: int, calls: int, answers: int) -> None:
        seen = 0
        begun, asleep, done = self._begun, self._asleep, self._done
        poll = select.poll()
        poll.register(calls, select.POLLIN)
        until = 0.0
        while True:
            if begun[0] == seen:
                if time.perf_counter() < until:
                    continue
                asleep[worker, 0] = 1
                if begun[0] == seen and poll.poll(_NAP_MILLISECONDS) and not os.read(calls, 4096):
                    return
                asleep[worker, 0] = 0
                continue
            seen = int(begun[0])
            result = seen
            try:
                share(
                    self._phases[self._names[self._task[0]]],
                    worker,
                    int(self._task[2]),
                    int(self._task[1]),
                )
            except BaseException as error:
                text = "".join(traceback.format_exception(error)).encode()
                kind = b"MemoryError\n" if isinstance(error, MemoryError) else b"WorkerError\n"
                told = (kind + text)[:_ERROR_BYTES]
                self._errors[worker, : len(told)] = list(told)
                result = -seen
            done[worker, 0] = result
            if asleep[0, 0]:
                _send(answers)
            until = time.perf_counter() + self._look


class _Child:
    """The parent's end of one worker."""

    def __init__(self, worker: int, pid: int, calls: int, answers: int) -> None:
        self.worker, self._pid, self._calls, self._answers = worker, pid, calls, answers
        self._poll = select.poll()
        self._poll.register(answers, select.POLLIN)

    def wake(self) -> None:
        _send(self._calls)

    def sleep(self) -> None:
        """Until the worker answers, or for a nap; WorkerError if it is gone."""
        if self._poll.poll(_NAP_MILLISECONDS) and not os.read(self._answers, 4096):
            _, status = os.waitpid(self._pid, 0)
            code = os.waitstatus_to_exitcode(status)
            self._pid = 0
            if code < 0:
                raise _lost(signal.Signals(-code).name)
            raise WorkerError(f"a worker ended by itself with status {code}")

    def forget(self) -> None:
        """Close our copies in a sibling, so that only the parent holds them open."""
        os.close(self._calls)
        os.close(self._answers)

    def dismiss(self) -> None:
        """End the worker and wait until it is gone."""
        self.forget()
        if self._pid:
            os.waitpid(self._pid, 0)


def _lost(name: str) -> WorkerLost:
    """A worker was ended by the signal of this name."""
    if name == "SIGKILL":
        words = "a worker process was ended by SIGKILL, most likely for lack of memory"
        return WorkerLost(words, lacked_memory=True)
    why = f": {_CRASHES[name]}" if name in _CRASHES else ""
    return WorkerLost(f"a worker process was ended by {name}{why}", lacked_memory=False)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _send(pipe: int) -> None:
    try:
        os.write(pipe, b"!")
    except BlockingIOError:  # a full pipe wakes as well
        return
    except BrokenPipeError:  # the other side is gone, and whoever waits for it finds out
        return
