"""`dlcli watch` where there is more than one run: folds one after the other, trainings at once."""

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcli.artifacts import locks
from dlcli.pipeline.watch import Watched
from dlcli.pipeline.watch_many import WatchedMany, chosen
from tests.cli.calls import dlcli, files, train
from tests.cli.screens import ROOT, Screen
from tests.cli.small import write
from tests.cli.states import at_work
from tests.exactness.runs import PATIENCE, edit_manifest, start

pytestmark = pytest.mark.skipif(
    not locks.are_listed(), reason="this system does not list its locks"
)

EPOCHS = ("--set", "training.epochs=3")


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folds")
    return train(write(folder, "trees"), folder / "runs", "--folds", "3", *EPOCHS).run


@pytest.fixture
def root(folds: Path, tmp_path: Path) -> Path:
    """A copy of which parts can be taken away."""
    return Path(shutil.copytree(folds, tmp_path / "trees-0001"))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs, begun one after the other."""
    folder = tmp_path_factory.mktemp("three")
    config = write(folder, "trees")
    for number in (1, 2, 3):
        run = train(config, folder / "runs", *EPOCHS).run
        path = run / "environment.json"
        document = json.loads(path.read_bytes())
        document["started"] = f"2026-01-0{number}T00:00:00+0000"
        path.write_text(json.dumps(document))
    return folder / "runs"


@pytest.fixture
def runs(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "runs", symlinks=True))


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Three folds in another process, which stands still in the first of them."""
    config = write(tmp_path, "trees")
    process = start(
        ["train", config, "--output-dir", tmp_path / "runs", "--workers", "1", "--folds", "3",
         "--set", "training.epochs=40", "--set", "training.checkpoint.every_epochs=1"],
        extra={"PYTHONPATH": ROOT}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    while "epoch 1/" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGSTOP)
    yield process
    process.kill()
    process.communicate()


def test_one_fold_is_followed_after_the_other_until_all_are_over(
    trainer: subprocess.Popen[str], tmp_path: Path
) -> None:
    root = tmp_path / "runs" / "trees-0001"
    assert locks.holder(root) == trainer.pid  # nobody else begins with the second one
    with Screen(80, 24, "watch", both=True, cwd=tmp_path) as screen:  # it is the latest
        screen.until(lambda lines: any("trees-0001/fold-1 (1 of 3 folds)" in one for one in lines))
        trainer.send_signal(signal.SIGCONT)
        assert screen.end() == 0, screen.text
    trainer.communicate(timeout=PATIENCE)
    assert trainer.returncode == 0
    assert screen.lines[-1] == "all 3 folds are complete" and screen.has_cursor
    # Of the folds that are over a line is left, above the curves of the last one.
    for number in (1, 2):
        (line,) = (one for one in screen.lines if f"trees-0001/fold-{number} (" in one)
        assert f"fold-{number} ({number} of 3 folds)  epoch 40/40  loss " in line
    assert any("fold-3 (3 of 3 folds)  epoch 40/40  complete" in line for line in screen.lines)


def test_folds_that_are_killed_are_stopped(trainer: subprocess.Popen[str], tmp_path: Path) -> None:
    root = tmp_path / "runs" / "trees-0001"
    with Screen(80, 24, "watch", root, both=True) as screen:
        screen.until(lambda lines: any("at work" in line for line in lines))
        trainer.kill()
        assert screen.end() == 0
    words = "".join(screen.text.split())  # the path may be longer than a line
    assert "noprocessworksontheruns,whicharenotcomplete;`dlcli" in words
    assert f"--resume{root}`goesonwiththem" in words


def test_a_directory_of_folds_is_followed_from_the_first_that_is_not_complete(
    root: Path, folds: Path
) -> None:
    for name in ("summary.json", "out_of_fold.csv"):
        (root / name).unlink()
    for name in ("fold-2", "fold-3"):
        shutil.rmtree(root / name)
    with at_work(root):
        watched = WatchedMany(root)
        assert (watched.look(), watched.title, watched.now) == (
            "at work", "trees-0001/fold-2 (2 of 3 folds)", None,
        )  # fmt: skip
        shutil.copytree(folds / "fold-2", root / "fold-2")
        assert watched.look() == "at work" and watched.now is not None
        assert len(watched.now.epochs) == 3 and "fold-2" in watched.title
        assert watched.look() == "at work" and "fold-3" in watched.title
        shutil.copytree(folds / "fold-3", root / "fold-3")
        assert watched.look() == "at work"  # they are not summed up
        shutil.copy(folds / "summary.json", root)
        assert watched.look() == "at work"  # the page is still to be written
    assert watched.look() == "complete" and len(watched.now.epochs) == 3
    (root / "summary.json").unlink()
    assert watched.look() == WatchedMany(root).look() == "stopped"


def test_folds_that_are_complete_are_told_with_the_last_of_them(folds: Path) -> None:
    before = files(folds)
    call = dlcli("watch", folds)
    assert (call.code, call.err) == (0, "all 3 folds are complete\n")
    assert [line[:18] for line in call.out.splitlines()] == [
        f"fold-3  epoch {number}/3 " for number in (1, 2, 3)
    ]
    found = json.loads(dlcli("watch", folds, "--json").out)
    assert (found["run"], found["state"], found["planned"]) == (str(folds), "complete", 3)
    assert [(one["name"], one["state"], one["epochs"]) for one in found["runs"]] == [
        (f"fold-{number}", "complete", 3) for number in (1, 2, 3)
    ]
    assert files(folds) == before


def test_damage_in_folds_is_code_4(root: Path) -> None:
    (root / "fold-3" / "metrics.jsonl").write_bytes(b"[]\n")
    call = dlcli("watch", root)
    assert call.code == 4 and "metrics.jsonl" in call.err
    (root / "many.json").write_text("{}")
    assert dlcli("watch", root).code == 4


def test_of_a_directory_the_newest_run_at_work_is_followed(runs: Path) -> None:
    first, second, third = (runs / f"trees-000{number}" for number in (1, 2, 3))
    assert chosen(runs).path == runs / "latest" and chosen(second).path == second
    with at_work(first):
        assert (chosen(runs).path, chosen(runs).others) == (first, ())
        with at_work(second):
            assert (chosen(runs).path, chosen(runs).others) == (second, (first,))
            with at_work(third):
                assert (chosen(runs).path, chosen(runs).others) == (third, (second, first))
                (third / "environment.json").write_text("[")  # begun nobody knows when
                assert chosen(runs).path == third  # but `latest` points at it
                (runs / "latest").unlink()
                assert chosen(runs).path == second
    (runs / "notes").mkdir()
    assert chosen(runs / "notes").path == runs / "notes"
    assert dlcli("watch", runs / "notes").code == 2
    assert dlcli("watch", runs).code == 2  # nothing is at work, and `latest` is gone


def test_where_no_locks_are_listed_they_are_asked_for(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS, where `flock` is, but not /proc."""
    run = runs / "trees-0001"
    monkeypatch.setattr(locks, "_LOCKS", runs / "no such list")
    watched = Watched(run)
    with at_work(run):
        assert locks.holder(run) is None and watched.look() == "at work"
        assert chosen(runs).path == run
        assert dlcli("train", "--resume", run).code == 5
    assert chosen(runs).path == runs / "latest" and watched.look() == "complete"
    _unfinished(run)
    with at_work(run):
        assert watched.look() == "at work"
    assert watched.look() == "stopped"
    assert dlcli("watch", run).code == 0


def test_where_there_are_no_locks_a_run_is_watched_until_it_is_complete(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows."""
    run = runs / "trees-0001"
    monkeypatch.setattr(locks, "can_tell", lambda: False)
    assert Watched(run).look() == "complete" and chosen(runs).path == runs / "latest"
    _unfinished(run)
    assert Watched(run).look() == "at work"


def _unfinished(run: Path) -> None:
    edit_manifest(run / "manifest.json", lambda document: document.update(status="running"))


def test_two_trainings_at_once_are_told(runs: Path) -> None:
    with Screen(80, 24, "watch", both=True, cwd=runs.parent) as screen:
        assert screen.end() == 0 and screen.frames[-1][0].startswith("trees-0003  epoch 3/3")
    second, first = runs / "trees-0002", runs / "trees-0001"
    with at_work(first), Screen(80, 24, "watch", both=True, cwd=runs.parent) as screen:
        with at_work(second):
            pass
        screen.until(lambda lines: any("trees-0001  epoch 3/3  at work" in one for one in lines))
        screen.process.send_signal(signal.SIGINT)
        assert screen.end() == 130
    with at_work(first):
        with at_work(second):
            screen = Screen(80, 24, "watch", runs, both=True)
            screen.until(lambda lines: any("trees-0002  epoch 3/3  at work" in s for s in lines))
        assert screen.end() == 0  # with its own run, whatever others do
    words = "".join(screen.text.split())  # the path may be longer than a line
    assert f"watching{second},thenewestrunatwork;aprocessisatworkon{first},too" in words
    assert screen.lines[-1] == "the run is complete"
