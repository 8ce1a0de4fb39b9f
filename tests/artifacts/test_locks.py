import fcntl
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dlcli.artifacts import locks
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.errors import LockedError, StorageError

HOLD = (
    "import sys\n"
    "from dlcli.artifacts.run_directory import RunDirectory\n"
    "from dlcli.errors import LockedError\n"
    "from pathlib import Path\n"
    "sys.stdin.readline()\n"
    "try:\n"
    "    with RunDirectory(Path(sys.argv[1])).lock():\n"
    "        print('holds', flush=True)\n"
    "        sys.stdin.readline()\n"
    "except LockedError as error:\n"
    "    print(error, flush=True)\n"
    "    sys.exit(error.exit_code)\n"
)


def _start(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def _hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_of_eight_processes_one_works_and_seven_are_told_who(tmp_path: Path) -> None:
    processes = [_start(tmp_path) for _ in range(8)]
    for process in processes:
        _tell(process)
    words = [_hear(process) for process in processes]
    holder = processes[words.index("holds")]
    others = [process for process in processes if process is not holder]
    for process in others:
        assert process.wait() == 5
    for said in words:
        assert said == "holds" or f"in use by process {holder.pid}" in said
    assert sum(said == "holds" for said in words) == 1
    _tell(holder)
    for process in processes:
        process.communicate()
    assert holder.returncode == 0
    with RunDirectory(tmp_path).lock():
        assert list(tmp_path.iterdir()) == []


def test_a_dead_process_does_not_block(tmp_path: Path) -> None:
    process = _start(tmp_path)
    _tell(process)
    assert _hear(process) == "holds"
    with pytest.raises(LockedError, match=str(process.pid)), RunDirectory(tmp_path).lock():
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with RunDirectory(tmp_path).lock():
        pass


def test_one_process_cannot_lock_twice_but_may_lock_again(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for _ in range(3):
        with run.lock():
            with pytest.raises(LockedError, match=f"process {os.getpid()}"), run.lock():
                pass
            with pytest.raises(LockedError), run.lock():
                pass


def test_the_lock_is_dropped_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), RunDirectory(tmp_path).lock():
        raise KeyboardInterrupt
    with RunDirectory(tmp_path).lock():
        pass
    assert locks._held == set()


def test_a_forked_child_neither_keeps_nor_drops_the_lock(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from dlcli.artifacts.run_directory import RunDirectory\n"
        "lock = RunDirectory(Path(sys.argv[1])).lock()\n"
        "lock.__enter__()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    lock.__exit__(None, None, None)\n"
        "    print('child', os.getpid(), flush=True)\n"
        "    signal.pause()\n"
        "signal.pause()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    child = int(_hear(process).removeprefix("child "))
    try:
        with pytest.raises(LockedError, match=str(process.pid)), RunDirectory(tmp_path).lock():
            pass
        process.kill()
        process.wait()
        with RunDirectory(tmp_path).lock():  # although the child is still alive
            os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGKILL)
        process.communicate()


def _sleep() -> None:
    signal.pause()


def test_workers_of_multiprocessing_do_not_keep_the_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with RunDirectory(tmp_path).lock():
        worker = context.Process(target=_sleep)
        worker.start()
    try:
        with RunDirectory(tmp_path).lock():
            assert worker.is_alive()
    finally:
        worker.terminate()
        worker.join()
        worker.close()


def test_a_directory_that_is_gone_cannot_be_locked(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "nothing")
    with pytest.raises(StorageError, match="cannot lock"), run.lock():
        pass


def test_a_directory_that_was_replaced_meanwhile_is_locked_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "run"
    root.mkdir()
    flock = fcntl.flock
    calls = []

    def replace_first(descriptor: int, how: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            root.rename(tmp_path / "old")
            root.mkdir()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", replace_first)
    with RunDirectory(root).lock():
        assert len(calls) == 2
        with RunDirectory(tmp_path / "old").lock():
            pass
        with pytest.raises(LockedError), RunDirectory(root).lock():
            pass


def test_a_moved_run_stays_locked(tmp_path: Path) -> None:
    root = tmp_path / "run"
    root.mkdir()
    with RunDirectory(root).lock():
        root.rename(tmp_path / "moved")
        with pytest.raises(LockedError), RunDirectory(tmp_path / "moved").lock():
            pass
    shutil.rmtree(tmp_path / "moved")
