"""A long run or a deep network costs a checkpoint no more, and what is written can be read."""

import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcli.artifacts import files
from dlcli.artifacts.manifest import BY_TENSOR, read_manifest
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.verification import verify
from dlcli.config import load_config, resolved_text
from dlcli.config.document import LARGEST_FILE
from dlcli.errors import DiffersError, StorageError
from dlcli.pipeline.interruption import Interrupted
from dlcli.pipeline.progress import NullReporter
from dlcli.pipeline.reproduce import reproduce
from tests.exactness.runs import (
    PATIENCE,
    assert_same,
    content,
    edit_manifest,
    environment,
    resume,
    stop_after,
    train,
    write,
)

LONG: dict[str, Any] = {
    "name": "long",
    "data": {
        "source": {"type": "friedman1", "samples": 10},
        "split": {"validation": 0.2, "test": 0.2},
    },
    "model": {"layers": [{"type": "dense", "units": 1}]},
    "loss": {"type": "mean_squared_error"},
    "optimizer": {"type": "momentum", "learning_rate": 1e-4},
    "training": {"epochs": 600, "batch_size": 32, "checkpoint": {"every_epochs": 40}},
    "evaluation": {"metrics": ["r2"]},
}


def test_a_long_run_is_stopped_resumed_verified_and_reproduced(tmp_path: Path) -> None:
    config = write(tmp_path, LONG)
    written: list[int] = []

    def count(descriptor: int, data: memoryview) -> int:
        written.append(len(data))
        return os.write(descriptor, data)

    with files.using(replace(files.system, write=count)):
        run = train(config, tmp_path / "runs")
    kept = sum(len(data) for data in content(run).values())
    # The log, a line an epoch in two files, and fifteen checkpoints of a size of their own.
    assert sum(written) < 4 * kept
    manifest = read_manifest(run)
    assert len(manifest.epochs) == 600
    best = max(manifest.tensors.keys() - {*range(600 - BY_TENSOR + 1, 601)})
    assert set(manifest.tensors) == {1, best, *range(600 - BY_TENSOR + 1, 601)}
    expected = content(run)
    sizes = []
    for epochs in (150, 280, 540):
        with pytest.raises(Interrupted):
            train(config, tmp_path / str(epochs), stop=stop_after(2 * epochs))
        other = tmp_path / str(epochs) / "long-0001"
        sizes.append((other / "checkpoints" / "last.safetensors").stat().st_size)
        resume(other)
        assert_same(content(other), expected)
    assert max(sizes) - min(sizes) < 256  # the best epoch may be one of the last, or not
    verify(RunDirectory(run))
    assert reproduce(run, None, None, None, 1, NullReporter()).epochs == 600


@pytest.mark.thorough
def test_reproduce_names_the_tensor_where_it_is_known_else_the_epoch(tmp_path: Path) -> None:
    run = train(write(tmp_path, LONG | {"training": {"epochs": 250}}), tmp_path / "runs")

    def differs(epoch: int) -> str:
        path = run / "manifest.json"
        data = path.read_bytes()

        def change(document: dict[str, Any]) -> None:
            document["epochs"][epoch - 1]["digest"] = "0" * 64
            document["tensors"].pop(str(epoch), None)

        edit_manifest(path, change)
        with pytest.raises(DiffersError) as caught:
            reproduce(run, None, None, None, 1, NullReporter())
        path.write_bytes(data)
        return str(caught.value)

    assert "first at epoch 100." in differs(100)
    assert "first at epoch 250." in differs(250)


@pytest.mark.thorough
@pytest.mark.thorough
def test_a_deep_network_is_stopped_and_resumed(tmp_path: Path) -> None:
    """The state of 240 layers fits a checkpoint however long it is trained."""
    deep = LONG | {
        "model": {
            "layers": [{"type": "dense", "units": 2}] * 239 + [{"type": "dense", "units": 1}]
        },
        "optimizer": {"type": "adam", "learning_rate": 1e-4},
        "training": {"epochs": 104, "checkpoint": {"every_epochs": 50}},
    }
    config = write(tmp_path, deep)
    expected = content(train(config, tmp_path / "runs"))
    with pytest.raises(Interrupted):
        train(config, tmp_path / "stopped", stop=stop_after(2 * 102))
    run = tmp_path / "stopped" / "long-0001"
    assert (run / "checkpoints" / "last.safetensors").stat().st_size < 8 << 20
    resume(run)
    assert_same(content(run), expected)


@pytest.mark.thorough
def test_a_history_that_grows_too_large_stops_before_it_could_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlcli.artifacts.history.LIMIT", 20_000)
    with pytest.raises(StorageError, match="more than the 20000 that are read"):
        train(write(tmp_path, LONG), tmp_path / "runs")
    monkeypatch.undo()
    run = tmp_path / "runs" / "long-0001"
    resume(run)
    assert_same(content(run), content(train(tmp_path / "long.yaml", tmp_path / "whole")))


@pytest.mark.thorough
def test_the_resolved_form_of_the_largest_config_can_be_read_again(tmp_path: Path) -> None:
    """A config of 250 kB is several times as long with every default, and a run goes on with it."""
    layers = [
        {"type": "dense", "units": 1, "name": f"l{n}" + "x" * 50, "activation": "leaky_relu"}
        for n in range(1000)
    ]
    config = LONG | {"model": {"layers": layers}, "training": {"epochs": 1}}
    path = tmp_path / "large.yaml"
    path.write_text(json.dumps(config))
    assert LARGEST_FILE / 4 < path.stat().st_size < LARGEST_FILE
    assert len(resolved_text(load_config(path).config)) > LARGEST_FILE
    with pytest.raises(Interrupted):
        train(path, tmp_path / "runs", stop=stop_after(1))
    resume(tmp_path / "runs" / "long-0001")


MEGABYTES = (260, 280, 300, 320, 340, 360, 380, 400)


@pytest.mark.parametrize("backtrace", [pytest.param("0", marks=pytest.mark.thorough), "1"])
@pytest.mark.thorough
def test_under_any_limit_of_memory_a_run_ends_by_its_code(backtrace: str, tmp_path: Path) -> None:
    """Three million parameters, so that a second copy of a checkpoint does not fit."""
    config = write(
        tmp_path,
        LONG
        | {
            "data": {"source": {"type": "friedman1", "samples": 40}},
            "model": {
                "layers": [
                    {"type": "dense", "units": 1700, "activation": "relu"},
                    {"type": "dense", "units": 1700, "activation": "relu"},
                    {"type": "dense", "units": 1},
                ]
            },
            "optimizer": {"type": "adam"},
            "training": {"epochs": 1},
        },
    )
    codes = []
    for megabytes in MEGABYTES[int(backtrace) :: 2]:

        def little(limit: int = megabytes * 10**6) -> None:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

        done = subprocess.run(
            [sys.executable, "-m", "dlcli", "train", config, "--output-dir", tmp_path / "runs"],
            env=environment(RUST_BACKTRACE=backtrace),
            preexec_fn=little,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode in (0, 6), f"{megabytes} MB: {done}"
        assert "Traceback" not in done.stderr and "panic" not in done.stderr.lower()
        codes.append(done.returncode)
    assert codes == sorted(codes, reverse=True)  # more memory is never worse
    assert codes[-1] == 0
