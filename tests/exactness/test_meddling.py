"""Somebody changes things while a run is going on: noticed, or harmless, and never vouched for."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.artifacts.checkpoint import Checkpoint
from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.verification import verify
from dlcli.errors import ArtifactError, DataError, StorageError
from dlcli.pipeline.interruption import Interrupted
from tests.exactness.runs import (
    SMALL,
    assert_same,
    changed,
    command,
    content,
    resume,
    stop_after,
    train,
    write,
)

LONG = changed(SMALL, training={"epochs": 6, "batch_size": 8, "checkpoint": {"every_steps": 1}})


def meddle(step: int, change: Callable[[], Any]) -> Callable[[], None]:
    """Makes the change after so many reports."""
    left = [step]

    def stop() -> None:
        left[0] -= 1
        if left[0] == 0:
            change()

    return stop


def edited(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"# a remark\n")


@pytest.mark.parametrize("name", ["config.yaml", "config.resolved.yaml"])
@pytest.mark.parametrize("change", [edited, Path.unlink], ids=["edited", "removed"])
def test_a_config_that_is_changed_while_the_run_goes_on_is_named_and_can_be_restored(
    change: Callable[[Path], Any], name: str, tmp_path: Path
) -> None:
    config = write(tmp_path, LONG)
    expected = content(train(config, tmp_path / "whole"))
    run = tmp_path / "runs" / "small-0001"
    with pytest.raises(ArtifactError, match=f"{name} was changed or removed while") as caught:
        train(config, tmp_path / "runs", stop=meddle(4, lambda: change(run / name)))
    assert caught.value.exit_code == 4
    assert read_manifest(run).status == "running"
    (run / name).write_bytes(expected[name])
    resume(run)
    assert_same(content(run), expected)


@pytest.mark.parametrize("kind", ["file", "hidden", "model", "link", "pipe", "odd name"])
def test_what_somebody_puts_into_a_run_is_not_listed_but_named(kind: str, tmp_path: Path) -> None:
    config = write(tmp_path, LONG)
    expected = content(train(config, tmp_path / "whole"))
    run = tmp_path / "runs" / "small-0001"
    names = {"hidden": ".config.yaml.swp", "model": "model/extra.bin", "odd name": "a: b"}
    path = run / names.get(kind, "notes")

    def put() -> None:
        path.parent.mkdir(exist_ok=True)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "link":
            path.symlink_to("/etc/passwd")
        else:
            path.write_text("mine")

    train(config, tmp_path / "runs", stop=meddle(4, put))
    assert read_manifest(run).status == "complete"
    with pytest.raises(ArtifactError, match=path.name):
        verify(RunDirectory(run))
    path.unlink()
    verify(RunDirectory(run))
    assert_same(content(run), expected)


@pytest.mark.parametrize("how", [shutil.rmtree, lambda run: run.rename(run.parent / "kept")])
def test_a_run_that_is_removed_or_renamed_is_not_made_anew(
    how: Callable[[Path], Any], tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "small-0001"
    with pytest.raises(StorageError, match="does not exist"):
        train(write(tmp_path, LONG), tmp_path / "runs", stop=meddle(4, lambda: how(run)))
    assert not run.exists()


def arrays(folder: Path) -> Path:
    """A config on .npy files, which are read while the network trains."""
    path = write(
        folder,
        changed(
            LONG,
            data={
                "source": {"type": "npy", "features": "x.npy", "target": "t.npy"},
                "split": {"validation": 0.2, "test": 0.2},
            },
        ),
    )
    draw = np.random.default_rng(0)
    np.save(folder / "x.npy", draw.normal(size=(60, 3)).astype(np.float32))
    np.save(folder / "t.npy", draw.integers(0, 2, 60))
    return path


def written_into(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"\0\0\0\0")


def test_data_that_is_written_into_while_it_is_trained_on_is_code_3(tmp_path: Path) -> None:
    config, data = arrays(tmp_path), tmp_path / "x.npy"
    before = data.read_bytes()
    expected = content(train(config, tmp_path / "whole"))
    with pytest.raises(DataError, match=r"x\.npy was changed while") as caught:
        train(config, tmp_path / "runs", stop=meddle(4, lambda: written_into(data)))
    assert caught.value.exit_code == 3
    run = tmp_path / "runs" / "small-0001"
    with pytest.raises(DataError, match="is not what the run was trained on"):
        resume(run)
    data.write_bytes(before)
    resume(run)
    assert_same(content(run), expected)


def test_targets_are_in_memory_and_may_change_in_their_file(tmp_path: Path) -> None:
    config, data = arrays(tmp_path), tmp_path / "t.npy"
    expected = content(train(config, tmp_path / "whole"))
    run = train(config, tmp_path / "runs", stop=meddle(4, lambda: written_into(data)))
    assert_same(content(run), expected)


def test_data_that_is_replaced_as_a_whole_does_no_harm(tmp_path: Path) -> None:
    config = arrays(tmp_path)
    expected = content(train(config, tmp_path / "whole"))

    def replaced() -> None:
        np.save(tmp_path / "other.npy", np.zeros((60, 3), np.float32))
        (tmp_path / "other.npy").rename(tmp_path / "x.npy")

    run = train(config, tmp_path / "runs", stop=meddle(4, replaced))
    assert_same(content(run), expected)


@pytest.mark.parametrize("name", ["last.safetensors", "best.safetensors", "index.json"])
@pytest.mark.parametrize("damage", ["flipped", "emptied", "removed"])
def test_verify_looks_at_the_checkpoints_of_an_unfinished_run(
    damage: str, name: str, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        train(write(tmp_path, LONG), tmp_path / "runs", stop=stop_after(6))
    run = tmp_path / "runs" / "small-0001"
    verify(RunDirectory(run))
    path = run / "checkpoints" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    if damage != "removed":
        path.write_bytes(data if damage == "flipped" else b"")
    _, err = command("verify", run, expect=4)
    assert name in err


def test_verify_of_a_run_that_is_training_raises_no_false_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked at every instant of a save: whenever a file has just been looked at."""
    with pytest.raises(Interrupted):
        train(write(tmp_path, LONG), tmp_path / "runs", stop=stop_after(6))
    run = RunDirectory(tmp_path / "runs" / "small-0001")
    store = Checkpoints(run)
    last = store.load()
    assert last is not None
    saves = [0]
    real = Checkpoints._where

    def where(self: Checkpoints, *arguments: Any) -> Any:
        if self is not store and saves[0] < 5:
            saves[0] += 1
            state = {**last.state, "saves": saves[0]}
            store.save(Checkpoint(last.parameters, last.optimizer, state))
        return real(self, *arguments)

    monkeypatch.setattr(Checkpoints, "_where", where)
    verify(run)
    assert saves[0] == 5


def test_a_config_from_a_pipe_is_kept_as_it_was_written(tmp_path: Path) -> None:
    config = write(tmp_path, LONG)
    expected = content(train(config, tmp_path / "whole"))
    pipe = tmp_path / "piped" / "small.yaml"
    pipe.parent.mkdir()
    os.mkfifo(pipe)
    arguments = (pipe, "--output-dir", tmp_path / "runs", "--data-dir", tmp_path)
    with subprocess.Popen(["cp", config, pipe]) as writer:
        out, _ = command("train", *arguments, "--workers", "1")
    assert writer.returncode == 0
    assert_same(content(Path(out.strip())), expected)


def test_what_a_killed_start_left_beside_the_runs_is_removed_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / "runs" / ".latest.0123abcd.dlcli-tmp"
    left.parent.mkdir()
    left.symlink_to("small-0001")
    train(write(tmp_path), tmp_path / "runs")
    assert {path.name for path in left.parent.iterdir()} == {"latest", "small-0001"}
