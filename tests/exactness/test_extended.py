"""More epochs for a run that is finished: its files become those of a run that had them at once."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from dlcli.artifacts import files
from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.verification import verify
from dlcli.errors import StorageError, UsageError
from dlcli.pipeline import provenance
from dlcli.pipeline.interruption import Interrupted
from tests.artifacts.faults import Disk, Killed
from tests.cli.calls import dlcli
from tests.exactness.runs import (
    SMALL,
    a_few,
    a_part,
    assert_same,
    changed,
    content,
    edit_manifest,
    resume,
    stop_after,
    train,
    without_source,
    write,
)

STEADY = changed(SMALL, training__early_stopping=None, training__epochs=3)
KINDS: dict[str, dict[str, Any]] = {
    "last": STEADY,
    "best": changed(STEADY, training__keep="best"),
    "every third step": changed(STEADY, training__checkpoint={"every_steps": 3}),
    "seldom": changed(STEADY, training__checkpoint={"every_epochs": 4}),
    "patient": changed(SMALL, training__epochs=2, training__early_stopping={"patience": 50}),
    "impatient": changed(SMALL, training__epochs=2, training__early_stopping={"patience": 1}),
}
MORE = 9


def config(folder: Path, kind: str, epochs: int | None = None) -> Path:
    chosen = KINDS[kind]
    if epochs is not None:
        chosen = changed(chosen, training__epochs=epochs)
    return write(folder, chosen)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """By kind, the files of a run that had all epochs at once."""
    folder = tmp_path_factory.mktemp("at once")
    return {
        kind: without_source(content(train(config(folder / kind, kind, MORE), folder / kind)))
        for kind in KINDS
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.thorough)])
def test_a_finished_run_with_more_epochs_is_the_run_of_so_many(
    kind: str, workers: int, expected: dict[str, dict[str, bytes]], tmp_path: Path
) -> None:
    run = train(config(tmp_path, kind), tmp_path / "runs", workers)
    if kind != "impatient":
        resume(run, workers, epochs=MORE - 2)
    resume(run, workers, epochs=MORE)
    assert_same(without_source(content(run)), expected[kind])
    verify(RunDirectory.open(run))
    document = json.loads((run / "environment.json").read_text())
    steps = [(entry["before"], entry["epochs"]) for entry in document["extensions"]]
    first = KINDS[kind]["training"]["epochs"]
    wanted = [(first, MORE - 2), (MORE - 2, MORE)] if kind != "impatient" else [(first, MORE)]
    assert steps == wanted
    assert document["finished"]
    for command in (["evaluate", run], ["reproduce", run], ["verify", run]):
        assert dlcli(*command).code == 0


@pytest.mark.parametrize("stop", a_few([7, 1, 4, 11], 2))
def test_an_unfinished_run_can_get_more_epochs(
    stop: int, expected: dict[str, dict[str, bytes]], tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        train(config(tmp_path, "best"), tmp_path / "runs", stop=stop_after(stop))
    run = tmp_path / "runs" / "small-0001"
    with pytest.raises(Interrupted):
        resume(run, epochs=MORE, stop=stop_after(3))
    assert read_manifest(run / "manifest.json").status == "running"
    verify(RunDirectory.open(run))
    resume(run)
    assert_same(without_source(content(run)), expected["best"])


def extended(folder: Path, number: int) -> Path:
    return train(config(folder / f"config {number}", "best"), folder / str(number))


PARTS = 48


@pytest.mark.parametrize("part", a_part(PARTS))
@pytest.mark.parametrize(
    ("fault", "again"),
    [
        ("KILL", "plain"),
        pytest.param("KILL", "the same command", marks=pytest.mark.thorough),
        pytest.param("TORN", "plain", marks=pytest.mark.thorough),
        ("ENOSPC", "the same command"),
    ],
)
def test_more_epochs_that_fail_at_any_operation_can_be_resumed(
    again: str, fault: str, part: int, expected: dict[str, dict[str, bytes]], tmp_path: Path
) -> None:
    counted, disk = extended(tmp_path, 0), Disk()
    with files.using(disk.operations()):
        resume(counted, epochs=MORE)
    # The first operations are those of the commit point: each part tries one of them.
    for n in sorted({1 + part % 16, *range(1 + part, disk.count + 1, PARTS)}):
        if fault == "TORN" and disk.log[n - 1] != "write":
            continue
        run = extended(tmp_path, n)
        short = content(run)
        with files.using(Disk(n, fault).operations()), pytest.raises((StorageError, Killed)):
            resume(run, epochs=MORE)
        if read_manifest(run / "manifest.json").status == "complete":
            now = content(run)
            if without_source(now) != expected["best"]:  # nothing had been done yet
                strays = [name for name in now if name.endswith(files.TEMPORARY)]
                assert_same({k: v for k, v in now.items() if k not in strays}, short)
                resume(run)  # complete already, but for what the interrupted write left
                assert_same(content(run), short)
                verify(RunDirectory.open(run))
                resume(run, epochs=MORE)
        elif again == "plain":
            verify(RunDirectory.open(run))
            resume(run)
        else:
            resume(run, epochs=MORE)
        assert_same(without_source(content(run)), expected["best"])
        extensions = json.loads((run / "environment.json").read_text())["extensions"]
        assert [(entry["before"], entry["epochs"]) for entry in extensions] == [(3, MORE)]


@pytest.mark.parametrize("part", a_part(3))
@pytest.mark.parametrize("epochs", a_few([MORE, 300], 1))
def test_more_epochs_that_are_killed_as_they_begin_are_noted_once(
    epochs: int, part: int, tmp_path: Path
) -> None:
    """Also where the process that goes on is killed in turn, a little later each time."""
    trained = train(config(tmp_path, "last"), tmp_path / "runs")
    begun = 0
    for n in range(1 + part, 28, 3):
        run = Path(shutil.copytree(trained, tmp_path / str(n) / trained.name))
        with files.using(Disk(n, "KILL").operations()), pytest.raises(Killed):
            resume(run, epochs=epochs)
        if read_manifest(run / "manifest.json").status == "complete":
            continue
        begun += 1
        with files.using(Disk(begun, "KILL").operations()), pytest.raises(Killed):
            resume(run)
        verify(RunDirectory.open(run))
        for _ in range(2):
            with pytest.raises(Interrupted):
                resume(run, stop=stop_after(1))
            document = json.loads((run / "environment.json").read_text())
            steps = [(entry["before"], entry["epochs"]) for entry in document["extensions"]]
            assert steps == [(3, epochs)], f"killed at operation {n}"
            assert document["finished"] is None
        own = provenance.recorded_config(RunDirectory(run)).config
        assert own.training.epochs == epochs
        verify(RunDirectory.open(run))
    assert begun > 3


def test_only_more_epochs_are_taken(tmp_path: Path) -> None:
    run = train(config(tmp_path, "last"), tmp_path / "runs")
    before = content(run)
    for option, words in (
        ("optimizer.learning_rate=0.1", "only the number of epochs may grow"),
        ("training.epochs=two", "only the number of epochs may grow"),
        ("training.epochs=-5", "only the number of epochs may grow"),
        ("training.epochs=2", "training.epochs may only grow: the run has 3"),
        ("training.epochs=999999999", "epochs"),
    ):
        call = dlcli("train", "--resume", run, "--set", option)
        assert call.code == 2, call.err
        assert words in call.err
    both = dlcli("train", "--resume", run, "--set", "training.epochs=9", "--set", "seed=1")
    assert both.code == 2
    same = dlcli("train", "--resume", run, "--set", "training.epochs=3")
    assert same.code == 0 and "complete already" in same.err
    assert "--set training.epochs=N" in same.err
    assert_same(content(run), before)


def test_what_ended_by_itself_gets_no_more_epochs(tmp_path: Path) -> None:
    stopped = changed(SMALL, training__epochs=50, training__early_stopping={"patience": 1})
    limited = changed(STEADY, name="limited", training__max_steps=5)
    for chosen, words in ((stopped, "early stopping ended this run"), (limited, "`max_steps`")):
        run = train(write(tmp_path, chosen), tmp_path / "runs")
        before = content(run)
        with pytest.raises(UsageError, match=words):
            resume(run, epochs=60)
        assert_same(content(run), before)


def test_a_run_that_cannot_go_on_stays_finished(tmp_path: Path) -> None:
    run = train(config(tmp_path, "last"), tmp_path / "runs")
    for name in ("last.safetensors", "index.json", "history.jsonl"):
        path = run / "checkpoints" / name
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        before = content(run)
        call = dlcli("train", "--resume", run, "--set", "training.epochs=9")
        assert call.code == 4, call.err
        assert_same(content(run), before)
        path.write_bytes(data)
    edit_manifest(run / "manifest.json", lambda document: document["config"].pop("training"))
    for more in ([], ["--set", "training.epochs=9"]):
        call = dlcli("train", "--resume", run, *more)
        assert call.code == (4 if more else 0), call.err
        assert "Traceback" not in call.err


def test_only_a_run_that_can_get_more_epochs_is_said_to(tmp_path: Path) -> None:
    hint = "--set training.epochs=N"
    run = train(config(tmp_path, "last"), tmp_path / "runs")
    assert hint in resume(run)[0]
    stopped = changed(SMALL, training__epochs=50, training__early_stopping={"patience": 1})
    run = train(write(tmp_path, stopped), tmp_path / "runs")
    assert hint not in resume(run)[0]


def test_a_yaml_that_has_the_new_epochs_too_is_no_change(tmp_path: Path) -> None:
    path = config(tmp_path, "last")
    run = train(path, tmp_path / "runs")
    path.write_text(path.read_text().replace('"epochs": 3', '"epochs": 9'))
    call = dlcli("train", "--resume", run, "--set", "training.epochs=9")
    assert call.code == 0 and "has changed" not in call.err
    call = dlcli("train", "--resume", run, "--set", "training.epochs=10")
    assert call.code == 0 and "training.epochs: 3, now 9" in call.err


def test_changed_data_gets_no_more_epochs(tmp_path: Path) -> None:
    run = train(config(tmp_path, "last"), tmp_path / "runs")
    before = content(run)
    data = tmp_path / "small.csv"
    data.write_text(data.read_text().replace("yes", "no", 1))
    call = dlcli("train", "--resume", run, "--set", "training.epochs=9")
    assert call.code == 3, call.err
    assert_same(content(run), before)


def test_more_epochs_than_digests_of_tensors_are_kept(tmp_path: Path) -> None:
    long = train(config(tmp_path / "a", "best", 130), tmp_path / "at once")
    run = train(config(tmp_path / "b", "best", 20), tmp_path / "bit by bit")
    for epochs in (60, 125, 130):
        resume(run, epochs=epochs)
    assert_same(without_source(content(run)), without_source(content(long)))
