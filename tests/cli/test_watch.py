"""`dlcli watch`: a run that another process trains, was killed with, or has finished."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcli.artifacts import locks
from dlcli.artifacts.following import Followed
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.errors import ArtifactError, LockedError
from dlcli.pipeline.watch import Watched
from tests.cli.calls import dlcli, files, train
from tests.cli.screens import ROOT, Screen
from tests.cli.small import write
from tests.exactness.runs import PATIENCE, a_few, environment, start

pytestmark = pytest.mark.skipif(
    not locks.are_listed(), reason="this system does not list its locks"
)

BRAILLE = re.compile("[\u2801-\u28ff]")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watched")
    return train(write(folder, "trees"), folder / "runs").run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy that can be damaged."""
    return shutil.copytree(finished, tmp_path / "trees-0001")


class Trainer:
    """A training in another process, far from its end."""

    def __init__(self, folder: Path) -> None:
        self.process = start(
            ["train", write(folder, "trees"), "--output-dir", folder / "runs", "--workers", "1",
             "--set", "training.epochs=1000000", "--set", "training.checkpoint.every_epochs=50"],
            extra={"PYTHONPATH": ROOT}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.run = folder / "runs" / "trees-0001"
        deadline = time.monotonic() + PATIENCE
        while not (self.run / "checkpoints" / "index.json").exists():
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)

    def end(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.wait(PATIENCE)


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[Trainer]:
    trainer = Trainer(tmp_path)
    yield trainer
    if trainer.process.poll() is None:
        trainer.end(signal.SIGKILL)


def test_a_finished_run_is_a_line_an_epoch(finished: Path) -> None:
    before = files(finished)
    call = dlcli("watch", finished)
    assert (call.code, call.err) == (0, "the run is complete\n")
    metrics = "".join(
        rf"  {name} \d\S+" for name in ("loss", "accuracy", "val_loss", "val_accuracy")
    )
    numbers = re.findall(rf"^epoch (\d)/4{metrics}(?:  best so far)?$", call.out, re.MULTILINE)
    assert numbers == ["1", "2", "3", "4"] and call.out.count("\n") == 4
    assert files(finished) == before


def test_the_latest_run_is_the_default(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.parents[1])
    assert dlcli("watch") == dlcli("watch", finished)
    monkeypatch.chdir(finished)
    call = dlcli("watch")
    assert call.code == 2 and "runs/latest: no such run directory" in call.err


def test_the_best_epoch_is_that_of_the_training(finished: Path) -> None:
    found = json.loads(dlcli("watch", finished, "--json").out)
    rows = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    best = min(rows, key=lambda row: row["val_loss"])
    assert (found["run"], found["state"], found["epochs"]) == (str(finished), "complete", 4)
    assert found["best"]["epoch"] == best["epoch"]
    assert found["best"]["metrics"] == {k: v for k, v in best.items() if isinstance(v, float)}
    assert found["metrics"] == {k: v for k, v in rows[-1].items() if isinstance(v, float)}


@pytest.mark.parametrize(
    ("columns", "lines", "plots"), a_few([(80, 24, 1), (120, 40, 2), (40, 12, 1)], 2)
)
def test_curves_on_a_terminal(columns: int, lines: int, plots: int, finished: Path) -> None:
    with Screen(columns, lines, "watch", finished, both=True) as screen:
        assert screen.end() == 0, screen.text
    text = screen.frames[-1]
    assert text[0].startswith("trees-0001  epoch 4/4  complete")
    assert sum("━ loss" in line for line in text) == 1
    assert sum("━ accuracy" in line for line in text) == plots - 1
    drawn = [line for line in text if "│" in line]
    assert sum(bool(BRAILLE.search(line)) for line in drawn) > len(drawn) // 2
    assert len(drawn) >= lines - 8
    assert screen.lines[-1] == "the run is complete" and screen.has_cursor


def test_the_value_at_the_best_epoch_is_not_called_the_best(run: Path) -> None:
    """Which epoch is the best says the monitor alone; other curves may be better elsewhere."""
    best = json.loads(dlcli("watch", run, "--json").out)["best"]
    with Screen(120, 40, "watch", run, both=True) as screen:
        assert screen.end() == 0, screen.text
    losses, others = (line for line in screen.frames[-1] if "━" in line)
    for line, name in ((losses, "val_loss"), (others, "val_accuracy")):
        told = re.search(r"  best epoch (\d+): (\S+)", line)
        assert told is not None and int(told[1]) == best["epoch"]
        assert float(told[2]) == pytest.approx(best["metrics"][name], abs=1e-4)


def test_a_run_at_work_is_followed_until_it_is_killed(trainer: Trainer) -> None:
    with Screen(80, 24, "watch", trainer.run, both=True) as screen:
        screen.until(lambda lines: bool(BRAILLE.search("\n".join(lines))))
        first = _epoch(screen)
        screen.until(lambda lines: _epoch(screen) > first + 5)
        screen.resize(60, 16)
        screen.frames.clear()
        screen.until(lambda lines: _epoch(screen) > first + 10)
        trainer.end(signal.SIGKILL)
        assert screen.end() == 0
    words = " ".join(screen.text.split())
    assert "stopped" in words and "no process works on the run, which is not complete" in words
    assert screen.has_cursor


def _epoch(screen: Screen) -> int:
    found = re.findall(
        r"epoch (\d+)/1000000", "\n".join(screen.frames[-1] if screen.frames else ())
    )
    return int(found[-1]) if found else 0


def test_lines_come_while_the_run_is_at_work(trainer: Trainer) -> None:
    with start(["watch", trainer.run], extra={"PYTHONPATH": ROOT}) as watcher:
        assert watcher.stdout is not None and watcher.stderr is not None
        for number in range(1, 200):  # more than there were when it began
            line = watcher.stdout.readline()
            assert line.startswith(f"epoch {number}/1000000  loss ")
        assert trainer.process.poll() is None
        trainer.end(signal.SIGTERM)
        out, err = watcher.stdout.read(), watcher.stderr.read()
        assert watcher.wait(PATIENCE) == 0
    assert f"dlcli train --resume {trainer.run}` goes on" in err
    rows = (trainer.run / "metrics.jsonl").read_text().count("\n")
    assert (line + out).splitlines()[-1].startswith(f"epoch {rows}/")


def test_it_ends_when_its_reader_has_gone(trainer: Trainer) -> None:
    line = f'"{sys.executable}" -m dlcli watch "{trainer.run}" | head -1'
    done = subprocess.run(
        ["bash", "-c", line], env=environment(PYTHONPATH=ROOT), capture_output=True, text=True,
        timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("epoch 1/") and done.stdout.count("\n") == 1
    assert trainer.process.poll() is None


def test_it_can_be_left(trainer: Trainer) -> None:
    with Screen(80, 24, "watch", trainer.run, both=True) as screen:
        screen.until(lambda lines: any("at work" in line for line in lines))
        screen.process.send_signal(signal.SIGINT)
        assert screen.end() == 130
        assert screen.has_cursor and screen.lines[-1] == "error: interrupted"
    assert trainer.process.poll() is None


def test_it_never_takes_the_lock(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*arguments: object) -> None:
        raise AssertionError("somebody locks")

    with RunDirectory(finished).lock():
        monkeypatch.setattr(locks.fcntl, "flock", locked)
        assert locks.holder(finished) == os.getpid()
        watched = Watched(finished)
        assert watched.look() == "at work" and len(watched.epochs) == 4
        monkeypatch.undo()
        with pytest.raises(LockedError):
            RunDirectory(finished).lock().__enter__()
    assert locks.holder(finished) is None
    assert watched.look() == "complete"


def test_a_file_that_is_written_anew_is_read_anew(run: Path) -> None:
    path = run / "metrics.jsonl"
    good = path.read_bytes()
    lines = good.splitlines(keepends=True)
    rows = Followed(RunDirectory(run))
    path.write_bytes(lines[0] + lines[1][:9])
    assert [number for number, _ in rows.new()] == [1] and rows.is_cut
    path.write_bytes(b"".join(lines[:3]))
    assert [number for number, _ in rows.new()] == [2, 3] and not rows.is_cut
    path.write_bytes(lines[0])  # it goes on from an earlier checkpoint
    assert [number for number, _ in rows.new()] == [1]
    path.write_bytes(good.replace(b"0.", b"1."))
    assert [number for number, _ in rows.new()] == [1, 2, 3, 4]
    path.unlink()
    assert list(rows.new()) == [] and rows.rows == 0


WRONG = {
    "no JSON": b"epoch 1\n",
    "a list": b"[1]\n",
    "another number": b'{"epoch": 2, "step": 1, "loss": 0.5}\n',
    "true": b'{"epoch": true, "step": 1, "loss": 0.5}\n',
    "not finite": b'{"epoch": 1, "step": 1, "loss": NaN}\n',
    "no text": b'{"epoch": 1, "step": 1, "\xff": 0.5}\n',
    "cut": b'{"epoch": 1, "step": 1',
    "deep": b'{"epoch": 1, "a": ' + b"[" * 5000 + b"]" * 5000 + b"}\n",
    "a long line": b" " * (17 << 20),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_damaged_history_is_code_4(name: str, run: Path) -> None:
    (run / "metrics.jsonl").write_bytes(WRONG[name])
    call = dlcli("watch", run)
    assert (call.code, call.out) == (4, "") and "metrics.jsonl" in call.err
    assert "Traceback" not in call.err and len(call.err) < 1000


def test_other_damage_is_code_4(run: Path) -> None:
    manifest = run / "manifest.json"
    good = manifest.read_bytes()
    manifest.write_bytes(good.replace(b"trees", b"trecs", 1))
    assert dlcli("watch", run).code == 4
    manifest.unlink()
    assert "manifest.json is missing" in dlcli("watch", run).err
    manifest.write_bytes(good)
    (run / "metrics.jsonl").unlink()
    (run / "metrics.jsonl").symlink_to("/dev/zero")
    call = dlcli("watch", run)
    assert call.code == 4 and "symbolic link" in call.err
    (run / "metrics.jsonl").unlink()
    os.mkfifo(run / "metrics.jsonl")
    call = dlcli("watch", run)
    assert call.code == 4 and "not a regular file" in call.err


def test_what_is_no_run_is_code_2(finished: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path, finished / "manifest.json", Path("a" * 300)):
        call = dlcli("watch", path)
        assert (call.code, call.out) == (2, ""), call.err


def test_nothing_in_a_file_commands_the_terminal(run: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202e\n"
    rows = [json.dumps({"epoch": n, "step": n, f"{evil}loss": 0.5 / n}) for n in (1, 2, 3, 4)]
    (run / "metrics.jsonl").write_text("\n".join(rows) + "\n")
    call = dlcli("watch", run)
    assert call.code == 0 and call.out.count("\\x1b]0;owned") == 4
    assert call.out.count("\n") == 4
    assert "\x1b" not in call.out and "\u202e" not in call.out
    with Screen(80, 24, "watch", run, both=True) as screen:
        assert screen.end() == 0
    assert b"\x1b]0;" not in screen.written and b"\x1b[2J" not in screen.written


def test_a_huge_file_costs_no_memory(run: Path) -> None:
    with (run / "metrics.jsonl").open("r+b") as file:
        file.truncate(2 << 30)  # a hole
    with pytest.raises(ArtifactError, match="more than the"):
        list(Followed(RunDirectory(run)).new())
