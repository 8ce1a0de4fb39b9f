"""A YAML that was edited after its run began is mentioned when the run goes on."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlcli.pipeline.interruption import Interrupted
from tests.cli.calls import Call, dlcli
from tests.exactness.runs import SMALL, changed, content, stop_after, train, write


def interrupted(tmp_path: Path) -> tuple[Path, Path]:
    """The YAML, and a run of it that was stopped."""
    config = write(tmp_path, changed(SMALL, optimizer__learning_rate=0.01))
    with pytest.raises(Interrupted):
        train(config, tmp_path / "runs", stop=stop_after(3))
    return config, tmp_path / "runs" / "small-0001"


def edited(config: Path, old: str, new: str) -> None:
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))


def resumed(run: Path) -> Call:
    call = dlcli("train", "--resume", run)
    assert call.code == 0, call.err
    return call


def test_what_was_changed_is_told_and_not_used(tmp_path: Path) -> None:
    config, run = interrupted(tmp_path)
    edited(config, '"learning_rate": 0.01', '"learning_rate": 0.5')
    call = resumed(run)
    assert f"{config} has changed since this run began" in call.err
    assert "optimizer.learning_rate: 0.01, now 0.5" in call.err
    assert "goes on with its own config" in call.err
    assert json.loads((run / "manifest.json").read_text())["config"]["optimizer"][
        "learning_rate"
    ] == 0.01  # fmt: skip


@pytest.mark.parametrize(
    "edit",
    [
        lambda config: None,
        lambda config: config.write_text(config.read_text() + "\n# a remark\n"),
        lambda config: edited(config, '"learning_rate": 0.01', '"learning_rate": 1e-2'),
        lambda config: config.unlink(),
        lambda config: config.rename(config.with_name("other.yaml")),
    ],
    ids=["nothing", "a comment", "another spelling", "removed", "renamed"],
)
def test_what_means_the_same_is_not_told(edit: Callable[[Path], Any], tmp_path: Path) -> None:
    config, run = interrupted(tmp_path)
    edit(config)
    assert "has changed" not in resumed(run).err


def test_a_mistake_in_it_is_told_and_harms_nothing(tmp_path: Path) -> None:
    config, run = interrupted(tmp_path)
    edited(config, '"learning_rate": 0.01', '"learning_rate": fast')
    assert "and has mistakes now" in resumed(run).err


def test_what_set_gave_counts_on_both_sides(tmp_path: Path) -> None:
    config = write(tmp_path, SMALL)
    call = dlcli(
        "train", config, "--output-dir", tmp_path / "runs", "--set", "optimizer.learning_rate=0.2"
    )
    assert "has changed" not in resumed(call.run).err
    more = ["train", "--resume", call.run, "--set", "training.epochs=20"]
    edited(config, '"seed": 5', '"seed": 6')
    edited(config, '"learning_rate": 0.05', '"learning_rate": 0.06')  # --set has the last word
    err = dlcli(*more).err
    assert "(seed: 5, now 6)" in err


@pytest.mark.parametrize(
    "document",
    [
        {"config_file": "/dev/zero"},
        {"config_file": 7},
        {"config_file": "../huge.yaml"},
        {"overrides": ["seed=7"] * 100_000},
        {"config_file": "pipe"},
        {"config_file": "huge.yaml"},
        {"config_file": "a\0b"},
        {"config_file": "/proc/self/mem"},
        {"overrides": "seed=7"},
        {"overrides": ["no equals sign"]},
        {"overrides": [{}]},
    ],
)
def test_an_environment_that_lies_leads_nowhere(document: dict[str, Any], tmp_path: Path) -> None:
    config, run = interrupted(tmp_path)
    edited(config, '"learning_rate": 0.01', '"learning_rate": 0.5')
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(1 << 40)
    path = run / "environment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | document))
    resumed(run)
    assert "manifest.json" in content(run)
