"""SIGINT and SIGTERM at any time, twice, and readers that leave."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlcli.artifacts.manifest import read_manifest
from tests.exactness.runs import (
    PATIENCE,
    ROOT,
    SMALL,
    a_few,
    assert_same,
    changed,
    command,
    content,
    environment,
    resume,
    start,
    train,
    write,
)

LONG = changed(
    SMALL,
    name="long",
    training={"epochs": 200, "batch_size": 8, "shard_size": 4, "keep": "best"},
)

# The dlcli command, but one of its functions says that it was reached, and then goes no further
# than to say which signals are noted, until its standard input ends.
SLOWED = """
import os, select, sys
import dlcli.__main__
place, times = sys.argv.pop(1), int(sys.argv.pop(1))
import dlcli.cli.signals, dlcli.pipeline.run
module, owner, name = place.split(":")
owner = getattr(sys.modules[module], owner) if owner else sys.modules[module]
real, calls = getattr(owner, name), []
noted = dlcli.cli.signals.Signals.note
def note(self, number):
    print("noted", file=sys.stderr, flush=True)
    noted(self, number)
dlcli.cli.signals.Signals.note = note
def slow(*arguments, **options):
    calls.append(1)
    if len(calls) == times:
        print("reached", file=sys.stderr, flush=True)
        # In naps: a signal between two bytecodes and a long wait would wait for its end.
        while not select.select([0], [], [], 0.01)[0]:
            pass
    return real(*arguments, **options)
setattr(owner, name, slow)
dlcli.__main__.main()
"""


def slowed(place: str, times: int, *arguments: str | Path) -> Any:
    python = (sys.executable, "-c", SLOWED, place, str(times))
    return start(arguments, python=python, extra={"PYTHONPATH": ROOT}, stdin=subprocess.PIPE)


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"{words!r} was never said")


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and the rest of stderr, of a process that must end by itself."""
    assert process.stderr is not None
    err = process.stderr.read()
    code = process.wait(PATIENCE)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    return code, err


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("config"), LONG)


@pytest.fixture(scope="module")
def expected(config: Path) -> dict[str, bytes]:
    return content(train(config, config.parent / "expected"))


@pytest.mark.parametrize("workers", a_few(["2", "1"], 1))
@pytest.mark.parametrize(
    ("number", "code"),
    a_few([(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], 2),
)
def test_a_signal_in_training_saves_and_leaves(
    number: int, code: int, workers: str, config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    process = start(("train", config, "--output-dir", tmp_path, "--workers", workers))
    wait_for(process, "epoch 3/")
    process.send_signal(number)
    returned, err = ended(process)
    assert returned == code, err
    run = tmp_path / "long-0001"
    assert f"go on with `dlcli train --resume {run}`" in err
    assert "Traceback" not in err
    resume(run)
    assert_same(content(run), expected)


def test_the_whole_terminal_gets_the_signal_and_the_workers_leave_too(
    config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """Ctrl-C reaches every process of the group."""
    process = start(
        ("train", config, "--output-dir", tmp_path, "--workers", "3"), start_new_session=True
    )
    wait_for(process, "epoch 3/")
    os.killpg(process.pid, signal.SIGINT)
    returned, err = ended(process)
    assert returned == 130, err
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    run = tmp_path / "long-0001"
    resume(run)
    assert_same(content(run), expected)


def test_the_step_is_finished_first(
    config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    step = "dlcli.engine.training:Training:_step"
    process = slowed(step, 7, "train", config, "--output-dir", tmp_path)
    wait_for(process, "reached")
    process.send_signal(signal.SIGTERM)
    wait_for(process, "noted")
    process.stdin.close()
    returned, err = ended(process)
    assert returned == 143
    assert "stopped after step 7;" in err
    run = tmp_path / "long-0001"
    resume(run)
    assert_same(content(run), expected)


@pytest.mark.parametrize("number", a_few([signal.SIGTERM, signal.SIGINT], 1))
def test_a_second_signal_leaves_at_once_without_harm(
    number: int, config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    step = "dlcli.engine.training:Training:_step"
    process = slowed(step, 11, "train", config, "--output-dir", tmp_path)
    wait_for(process, "reached")
    process.send_signal(number)
    wait_for(process, "noted")  # and the step goes on
    process.send_signal(number)
    returned, _ = ended(process)
    assert returned == -number  # which a shell calls 130 and 143
    run = tmp_path / "long-0001"
    resume(run)
    assert_same(content(run), expected)


@pytest.mark.parametrize("number", a_few([signal.SIGTERM, signal.SIGINT], 1))
@pytest.mark.parametrize(
    ("place", "times"), [("dlcli.pipeline.prepare::prepare", 1), ("dlcli.builder::layers", 1)]
)
def test_a_signal_before_training_leaves_at_once_and_nothing_behind(
    place: str, times: int, number: int, config: Path, tmp_path: Path
) -> None:
    process = slowed(place, times, "train", config, "--output-dir", tmp_path)
    wait_for(process, "reached")
    process.send_signal(number)
    returned, err = ended(process)
    assert returned == 128 + number
    assert "interrupted before training began; nothing was written" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "place",
    a_few(
        [
            "dlcli.deploy.exporters::require_answers",
            "dlcli.artifacts.manifest::complete",
            "dlcli.pipeline.evaluate::results_of",
            "dlcli.pipeline.deploy::deploy",
        ],
        1,
    ),
)
def test_a_signal_after_training_loses_nothing(
    place: str, config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    process = slowed(place, 1, "train", config, "--output-dir", tmp_path)
    wait_for(process, "reached")
    process.send_signal(signal.SIGINT)
    returned, err = ended(process)
    assert returned == 130
    assert "interrupted when training was done and saved" in err
    run = tmp_path / "long-0001"
    assert read_manifest(run).status == "running"
    resume(run)
    assert_same(content(run), expected)


def test_a_signal_before_a_resumed_training_leaves_the_run_as_it_is(
    config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    process = start(("train", config, "--output-dir", tmp_path))
    wait_for(process, "epoch 3/")
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 143
    run = tmp_path / "long-0001"
    before = content(run)
    place = "dlcli.pipeline.prepare::prepare"
    process = slowed(place, 1, "train", "--resume", run)
    wait_for(process, "reached")
    process.send_signal(signal.SIGTERM)
    returned, err = ended(process)
    assert returned == 143
    assert "interrupted before training went on; the run is as it was" in err
    assert_same(content(run), before)
    resume(run)
    assert_same(content(run), expected)


@pytest.mark.parametrize(
    "streams",
    a_few(["<&- >&- 2>&-", "| true", ">&-", "2>&-", ">&- 2>&-", "2>&1 | head -n 2"], 1),
)
def test_closed_streams_are_no_crash(
    streams: str, config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    line = f'"$0" -m dlcli train "$1" --output-dir "$2" {streams}'
    shell = ["bash", "-o", "pipefail", "-c", line, sys.executable, str(config), str(tmp_path)]
    done = subprocess.run(
        shell, env=environment(), capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert_same(content(tmp_path / "long-0001"), expected)


def test_the_last_line_of_stdout_is_the_run_and_nothing_else(config: Path, tmp_path: Path) -> None:
    out, _ = command("train", config, "--output-dir", tmp_path)
    assert out == f"{tmp_path / 'long-0001'}\n"


def test_a_closed_terminal_saves_and_a_second_hangup_changes_nothing(
    config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """The kernel and the shell both send it, and progress can be written nowhere any more."""
    master, terminal = os.openpty()
    process = start(
        ("train", config, "--output-dir", tmp_path, "--workers", "2", "--verbose"),
        stdin=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    seen = b""
    while b"epoch 3/" not in seen:
        seen += os.read(master, 4096)
    os.close(master)
    os.killpg(process.pid, signal.SIGHUP)
    os.killpg(process.pid, signal.SIGHUP)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 129
    run = tmp_path / "long-0001"
    assert read_manifest(run).status == "running"
    resume(run)
    assert_same(content(run), expected)


def test_under_nohup_a_hangup_is_no_reason_to_stop(
    config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    process = start(
        ("train", config, "--output-dir", tmp_path, "--workers", "1"),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    wait_for(process, "epoch 3/")
    process.send_signal(signal.SIGHUP)
    returned, err = ended(process)
    assert returned == 0, err
    assert_same(content(tmp_path / "long-0001"), expected)
