"""Teams: every number is done once, by whoever; errors come back; workers end."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from dlcli.engine.memory import shared_zeros
from dlcli.engine.team import Alone, Team, Threads, team
from tests.exactness.runs import PATIENCE


def run_python(code: str, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    """Forking belongs into a process with one thread, which a test runner may not be."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_every_number_of_a_phase_is_done_exactly_once(workers: int) -> None:
    done = np.zeros(17, np.int64)

    def task(worker: int, number: int) -> None:
        assert worker == number % workers
        done[number] += 1

    crew: Team = Alone({"mark": task}) if workers == 1 else Threads({"mark": task}, workers)
    with crew:
        for _ in range(20):
            crew.run("mark", 17)
        crew.run("mark", 0)
        crew.run("mark", 1)
    assert done.tolist() == [21] + [20] * 16


def test_an_error_in_a_thread_is_raised_where_the_phase_was_started() -> None:
    def task(worker: int, number: int) -> None:
        if number == 1:
            raise ZeroDivisionError("in the helper")

    with Threads({"fail": task}, 2) as crew:
        with pytest.raises(ZeroDivisionError, match="in the helper"):
            crew.run("fail", 2)
        crew.run("fail", 1)  # the team still works


def test_overflow_inside_a_task_is_no_warning() -> None:
    def task(worker: int, number: int) -> None:
        np.exp(np.array([1e6], np.float32))

    with Threads({"overflow": task}, 2) as crew:
        crew.run("overflow", 2)


def test_a_process_with_several_threads_gets_threads() -> None:
    with Threads({}, 2), team({}, 2) as crew:
        assert isinstance(crew, Threads)


def test_forked_workers_see_and_change_shared_memory() -> None:
    result = run_python(
        """
        import os, dlcli, numpy as np
        from dlcli.engine.memory import shared_zeros
        from dlcli.engine.team import Processes, team
        data, who = shared_zeros((64,)), shared_zeros((64,), np.int64)
        board = shared_zeros((1,), np.int64)
        def add(worker, number):
            data[number] += board[0]
            who[number] = os.getpid()
        with team({"other": None, "add": add}, 3) as crew:
            assert isinstance(crew, Processes)
            for step in range(1, 200):
                board[0] = step
                crew.run("add", 64 if step % 7 else 1)
        sevens = sum(range(7, 200, 7))
        assert data[0] == sum(range(200)), data
        assert (data[1:] == sum(range(200)) - sevens).all(), data
        assert len(set(who.tolist())) == 3 and who[0] == os.getpid()
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            print("all gone")
        """
    )
    assert result.stdout == "all gone\n", result.stderr


def test_an_error_in_a_forked_worker_is_raised_with_its_traceback() -> None:
    result = run_python(
        """
        import dlcli
        from dlcli.engine.team import Processes
        from dlcli.engine.team.processes import WorkerError
        def task(worker, number):
            if number == 1:
                raise ValueError("deep inside")
            if number == 3:
                raise MemoryError
        with Processes({"fail": task}, 2) as crew:
            try:
                crew.run("fail", 2)
            except WorkerError as error:
                assert "deep inside" in str(error) and "Traceback" in str(error)
                print("told")
            try:
                crew.run("fail", 1 + 3)
            except (WorkerError, MemoryError) as error:
                print(type(error).__name__)
        """
    )
    assert result.stdout == "told\nWorkerError\n", result.stderr


@pytest.mark.parametrize(
    ("name", "words"), [("SIGKILL", "lack of memory"), ("SIGSEGV", "ended by SIGSEGV")]
)
def test_a_worker_that_is_killed_is_noticed(name: str, words: str) -> None:
    result = run_python(
        f"""
        import os, signal, dlcli
        from dlcli.engine.team import Processes, WorkerLost
        def task(worker, number):
            if number == 1:
                os.kill(os.getpid(), signal.{name})
        with Processes({{"die": task}}, 2) as crew:
            try:
                crew.run("die", 2)
            except WorkerLost as error:
                print(error)
        """
    )
    assert words in result.stdout, result.stderr


@pytest.mark.parametrize(("function", "calls"), [("fork", 3), ("pipe", 5), ("pipe", 6)])
def test_a_team_is_as_large_as_the_system_allows(function: str, calls: int) -> None:
    """The call that fails is the third fork, or one of the pipes for it; one more goes home."""
    result = run_python(
        f"""
        import errno, os, dlcli
        from dlcli.engine.memory import shared_zeros
        from dlcli.engine.team import Processes
        done, left, real = shared_zeros((20,), "int64"), [{calls}], os.{function}
        def scarce():
            left[0] -= 1
            if left[0] <= 0:
                raise OSError(errno.EAGAIN, "no more")
            return real()
        def task(worker, number):
            done[number] = 10 * number + worker
        before = set(os.listdir("/proc/self/fd"))
        os.{function} = scarce
        with Processes({{"work": task}}, 6) as crew:
            crew.run("work", 20)
            print(crew.workers, sorted(done % 10) == 10 * [0] + 10 * [1])
            print(sorted(done // 10) == list(range(20)))
        print(set(os.listdir("/proc/self/fd")) == before)
        """
    )
    assert result.stdout.split() == ["2", "True", "True", "True"], result.stdout + result.stderr


def test_workers_leave_when_their_parent_is_killed() -> None:
    result = run_python(
        """
        import os, signal, dlcli
        from dlcli.engine.team import Processes
        end, held = os.pipe()  # at its end when nobody holds it any more
        parent = os.fork()
        if parent == 0:
            crew = Processes({"nothing": lambda worker, number: None}, 3)
            crew.run("nothing", 3)
            os.kill(os.getpid(), signal.SIGKILL)
        os.close(held)
        os.waitpid(parent, 0)
        assert os.read(end, 1) == b""
        print("gone")
        """
    )
    assert result.stdout == "gone\n", result.stderr


def test_shared_memory_of_no_elements_is_an_array_all_the_same() -> None:
    assert shared_zeros((0, 3)).shape == (0, 3)
