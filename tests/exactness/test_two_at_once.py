"""Two processes never work on one run."""

import subprocess
import sys
from pathlib import Path

import pytest

from dlcli.artifacts.run_directory import RunDirectory
from dlcli.errors import LockedError
from dlcli.pipeline.interruption import Interrupted
from tests.exactness.runs import (
    PATIENCE,
    SMALL,
    assert_same,
    changed,
    command,
    content,
    environment,
    resume,
    start,
    stop_after,
    train,
    write,
)

# Resumes as the command does; but the one that works waits in its first step for a word.
RESUMES = """
import sys
import dlcli
from dlcli.errors import DlcliError
from tests.exactness.runs import resume
from pathlib import Path
told = []
def wait():
    if not told:
        print("works", flush=True)
        told.append(sys.stdin.readline())
print("ready", flush=True)
sys.stdin.readline()
try:
    resume(Path(sys.argv[1]), stop=wait)
except DlcliError as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""


def test_of_five_resumes_of_one_run_one_works_and_four_exit_with_5(tmp_path: Path) -> None:
    config = write(tmp_path)
    expected = content(train(config, tmp_path / "whole"))
    with pytest.raises(Interrupted):
        train(config, tmp_path / "runs", stop=stop_after(5))
    run = tmp_path / "runs" / "small-0001"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RESUMES, str(run)],
            env=environment(PYTHONPATH=str(Path(__file__).parents[2])),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    said = []
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        said.append(process.stdout.readline().strip())
    worker = processes[said.index("works")]
    assert sum(words == "works" for words in said) == 1
    for process, words in zip(processes, said, strict=True):
        if process is not worker:
            assert process.wait() == 5
            assert f"in use by process {worker.pid}" in words
            process.communicate()
    # Meanwhile the command itself, and this process, are told the same.
    command("train", "--resume", run, expect=5)
    with pytest.raises(LockedError):
        resume(run)
    worker.communicate("go on\n")
    assert worker.returncode == 0
    assert_same(content(run), expected)


def test_a_dead_process_does_not_keep_a_run_locked(tmp_path: Path) -> None:
    """Nor do its workers, which see that it is gone in a moment of their own."""
    long = changed(SMALL, training={"epochs": 5000, "batch_size": 8, "shard_size": 4})
    process = start(
        ("train", write(tmp_path, long), "--output-dir", tmp_path / "runs", "--workers", "3")
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "epoch 2/" in line:
            break
    run = tmp_path / "runs" / "small-0001"
    command("train", "--resume", run, expect=5)
    process.kill()
    process.wait()
    with RunDirectory.open(run).lock():
        pass
    process.communicate()
    with pytest.raises(Interrupted):
        resume(run, stop=stop_after(1))


def test_two_trainings_at_once_get_directories_of_their_own(tmp_path: Path) -> None:
    config = write(tmp_path)
    processes = [start(("train", config, "--output-dir", tmp_path / "runs")) for _ in range(4)]
    runs = []
    for process in processes:
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        runs.append(Path(out.strip()))
    assert sorted(run.name for run in runs) == [f"small-000{n}" for n in range(1, 5)]
    for run in runs[1:]:
        assert_same(content(run), content(runs[0]))
