"""Whatever step a run is stopped after, the resumed run ends as the uninterrupted one."""

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.following import read_rows
from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.errors import ArtifactError, DataError, DivergedError, UsageError
from dlcli.pipeline.interruption import Interrupted
from tests.exactness.golden import WIDE
from tests.exactness.runs import (
    CNN,
    SMALL,
    a_part,
    assert_same,
    changed,
    content,
    edit_manifest,
    resume,
    stop_after,
    train,
    write,
)

BEST_EARLY = changed(SMALL, training__early_stopping__patience=3)

CONFIGS: dict[str, dict[str, Any]] = {
    "early stopping": BEST_EARLY,
    "a checkpoint after every step": changed(SMALL, training__checkpoint={"every_steps": 1}),
    "a checkpoint every five steps": changed(
        SMALL, training__checkpoint={"every_steps": 5, "every_epochs": None}
    ),
    "no checkpoint before the end": changed(
        BEST_EARLY, training__checkpoint={"every_epochs": None}
    ),
    "a checkpoint every three epochs": changed(
        BEST_EARLY, training__checkpoint={"every_epochs": 3}
    ),
    "a checkpoint whenever time has passed": changed(
        SMALL, training__checkpoint={"every_seconds": 1e-6}
    ),
    "a limit within an epoch": changed(
        SMALL, training={"epochs": 9, "batch_size": 8, "shard_size": 4, "max_steps": 8}
    ),
    "a limit at the end of an epoch": changed(
        SMALL, training={"epochs": 9, "batch_size": 8, "shard_size": 4, "max_steps": 9}
    ),
    "no validation, in file order": changed(
        SMALL,
        data__split={"validation": 0, "test": 0},
        training={"epochs": 3, "batch_size": 16, "shuffle": False},
        optimizer={"type": "momentum", "nesterov": True},
    ),
    "batches that are accumulated": changed(
        SMALL,
        optimizer={
            "type": "adam",
            "learning_rate": {"type": "cosine", "peak": 0.05, "warmup_steps": 2},
            "gradient_accumulation_steps": 2,
            "global_clipnorm": 0.5,
        },
    ),
    "a rate that falls in most epochs": changed(
        SMALL,
        training={"epochs": 6, "batch_size": 8, "shard_size": 4},
        optimizer__learning_rate={
            "type": "reduce_on_plateau",
            "peak": 0.1,
            "patience": 1,
            "min_delta": 1000.0,
            "factor": 0.5,
        },
    ),
    "the best epoch by accuracy": changed(
        SMALL,
        training__early_stopping={"monitor": "val_accuracy", "patience": 3},
        training__keep="best",
        optimizer={"type": "adagrad", "learning_rate": 0.5},
    ),
}


SLOW = {
    "no validation, in file order",
    "a limit at the end of an epoch",
    "a checkpoint every five steps",
    "a checkpoint every three epochs",
    "a checkpoint whenever time has passed",
    "no checkpoint before the end",
    "the best epoch by accuracy",
}


PARTS = 5
"""The steps are dealt out to so many tests. Neither an epoch of three steps nor the three numbers
of workers go well with that, so each part stops at every place of an epoch, with all of them."""


@pytest.mark.parametrize("part", a_part(PARTS))
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.thorough) if name in SLOW else name for name in CONFIGS],
)
def test_stopped_after_any_step_and_resumed_a_run_ends_the_same(
    name: str, part: int, tmp_path: Path
) -> None:
    config = write(tmp_path, CONFIGS[name])
    expected = content(train(config, tmp_path / "whole"))
    for k in count(1 + part, PARTS):
        output = tmp_path / str(k)
        try:
            train(config, output, stop=stop_after(k))
        except Interrupted as stopped:
            assert stopped.exit_code == 128 + 15
        else:
            break
        run = output / "small-0001"
        assert read_manifest(run).status == "running"
        resume(run, workers=1 + k % 3)
        assert_same(content(run), expected)
    steps = read_manifest(tmp_path / "whole" / "small-0001").epochs[-1].step
    assert k >= steps


@pytest.mark.parametrize("name", ["early stopping", "a limit within an epoch"])
def test_a_run_that_is_stopped_again_after_every_step_ends_the_same(
    name: str, tmp_path: Path
) -> None:
    config = write(tmp_path, CONFIGS[name])
    expected = content(train(config, tmp_path / "whole"))
    with pytest.raises(Interrupted):
        train(config, tmp_path / "parts", stop=stop_after(1))
    run = tmp_path / "parts" / "small-0001"
    for _ in range(100):
        try:
            resume(run, stop=stop_after(1))
            break
        except Interrupted:
            continue
    assert_same(content(run), expected)


@pytest.mark.parametrize("base", [CNN, WIDE], ids=lambda base: base["name"])
def test_convolutions_and_dropout_are_resumed_exactly(
    base: Mapping[str, Any], tmp_path: Path
) -> None:
    config = write(tmp_path, base)
    whole = train(config, tmp_path / "whole", workers=2)
    for k in (1, 7, 11):
        with pytest.raises(Interrupted):
            train(config, tmp_path / "stopped", stop=stop_after(k), workers=2)
        run = (tmp_path / "stopped" / "latest").resolve()
        resume(run, workers=1)
        assert_same(content(run), content(whole))


def test_a_step_limit_within_an_epoch_still_ends_with_an_epoch(tmp_path: Path) -> None:
    run = train(write(tmp_path, CONFIGS["a limit within an epoch"]), tmp_path / "runs")
    rows = read_rows(RunDirectory(run))
    assert [(row["epoch"], row["step"]) for row in rows] == [(1, 3), (2, 6), (3, 8)]
    assert len(read_manifest(run).epochs) == 3


def test_a_finished_run_says_so_and_stays_as_it_is(tmp_path: Path) -> None:
    run = train(write(tmp_path), tmp_path / "runs")
    before = content(run)
    # Early stopping ended it, so more epochs would change nothing.
    assert resume(run) == ["this run is complete already; there is nothing to resume"]
    assert_same(content(run), before)


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """An interrupted run in its second epoch."""
    with pytest.raises(Interrupted):
        train(write(tmp_path), tmp_path / "runs", stop=stop_after(5))
    return tmp_path / "runs" / "small-0001"


def test_checkpoints_are_only_as_many_as_were_asked_for(tmp_path: Path) -> None:
    """Every epoch improves at first, but a new best epoch waits for the next checkpoint."""
    config = write(tmp_path, CONFIGS["a checkpoint every three epochs"])
    found = []
    run = tmp_path / "runs" / "small-0001"

    def look() -> None:
        store = Checkpoints(RunDirectory(run))
        last, best = store.load(), store.load("best")
        if last is not None:
            assert best is not None
            found.append((last.state["step"], best.state["step"], best.state["epoch"]))

    train(config, tmp_path / "runs", stop=look)
    assert {step for step, _, _ in found} <= {9, 18, found[-1][0]}
    for step, best, epoch in found:
        assert best == 3 * epoch <= step


def test_a_changed_resolved_config_is_refused_with_the_difference(stopped: Path) -> None:
    path = stopped / "config.resolved.yaml"
    text = path.read_text()
    path.write_text(text.replace("learning_rate: 0.05", "learning_rate: 0.06"))
    with pytest.raises(ArtifactError, match=r"optimizer.learning_rate: 0.05, now 0.06"):
        resume(stopped)
    path.write_text(text + "# a remark\n")
    with pytest.raises(ArtifactError, match=r"config.resolved.yaml has .* bytes instead of"):
        resume(stopped)
    path.write_text(text.replace("epochs:", "ebochs:"))
    with pytest.raises(ArtifactError, match=r"missing, damaged or was edited: .*ebochs"):
        resume(stopped)
    path.unlink()
    with pytest.raises(ArtifactError, match=r"config.resolved.yaml"):
        resume(stopped)
    path.write_text(text)
    (stopped / "config.yaml").write_text("other: words\n")
    with pytest.raises(ArtifactError, match=r"config.yaml"):
        resume(stopped)


def test_changed_data_is_refused_with_its_role(stopped: Path) -> None:
    data = stopped.parents[1] / "small.csv"
    data.write_text(data.read_text().replace("0,0.0,", "0,0.25,", 1))
    with pytest.raises(DataError, match=r"all\.features changed"):
        resume(stopped)
    data.unlink()
    with pytest.raises(DataError, match="was not found"):
        resume(stopped)


def test_a_missing_manifest_with_checkpoints_is_refused(stopped: Path) -> None:
    (stopped / "manifest.json").unlink()
    with pytest.raises(ArtifactError, match=r"manifest\.json is missing, but there are"):
        resume(stopped)


def test_a_damaged_checkpoint_is_refused_and_named(stopped: Path) -> None:
    path = stopped / "checkpoints" / "last.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"checkpoints/last.safetensors has other content"):
        resume(stopped)


def test_a_directory_without_a_config_holds_nothing_yet(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds nothing yet: start it again"):
        resume(tmp_path)


def test_a_run_goes_on_where_its_data_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write(tmp_path / "config")
    (tmp_path / "data").mkdir()
    (tmp_path / "config" / "small.csv").rename(tmp_path / "data" / "small.csv")
    monkeypatch.delenv("DLCLI_DATA_DIR", raising=False)
    with pytest.raises(Interrupted):
        train(config, tmp_path / "runs", stop=stop_after(5), data_dir=tmp_path / "data")
    resume(tmp_path / "runs" / "small-0001")
    monkeypatch.setenv("DLCLI_DATA_DIR", str(tmp_path / "elsewhere"))
    with pytest.raises(Interrupted):
        train(config, tmp_path / "runs", stop=stop_after(5), data_dir=tmp_path / "data")
    with pytest.raises(DataError, match="elsewhere"):
        resume(tmp_path / "runs" / "small-0002")


def test_other_versions_are_noted_where_the_run_goes_on(stopped: Path) -> None:
    edit_manifest(
        stopped / "manifest.json", lambda document: document["versions"].update(numpy="2.3.5")
    )
    with pytest.raises(Interrupted):
        resume(stopped, stop=stop_after(1))
    notes = resume(stopped)
    assert notes == []  # said once
    versions = read_manifest(stopped).versions
    assert versions["numpy"].startswith("2.3.5, then ")
    interruptions = json.loads((stopped / "environment.json").read_bytes())["interruptions"]
    assert len(interruptions) == 2


def test_a_run_that_diverges_keeps_the_last_finite_checkpoint(tmp_path: Path) -> None:
    wild = changed(
        SMALL,
        model={"layers": [{"type": "dense", "units": 1}]},
        loss={"type": "mean_squared_error"},
        optimizer={"type": "sgd", "learning_rate": 999.0},
        data__source={"type": "friedman1", "samples": 64},
        data__transforms=[{"type": "rescale", "scale": 1000.0}],
        training={"epochs": 30, "batch_size": 8, "checkpoint": {"every_steps": 1}},
        evaluation={"metrics": []},
    )
    config = write(tmp_path, wild)
    with pytest.raises(DivergedError, match="The checkpoint before it is kept in"):
        train(config, tmp_path / "runs")
    run = tmp_path / "runs" / "small-0001"
    checkpoint = Checkpoints(RunDirectory(run)).load()
    assert checkpoint is not None
    assert checkpoint.state["step"] > 1
    with pytest.raises(DivergedError) as first:
        resume(run)
    with pytest.raises(DivergedError) as second:
        resume(run)
    assert str(first.value) == str(second.value)

    wild["training"]["checkpoint"] = {"every_epochs": None}
    with pytest.raises(DivergedError) as caught:
        train(write(tmp_path, wild), tmp_path / "others")
    assert "is kept" not in str(caught.value)
