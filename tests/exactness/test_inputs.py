"""Runs on several values a row: the same bytes through workers and stops, and proofs as always."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.run_directory import ROWS, RunDirectory
from dlcli.artifacts.tensors import read_tensors
from dlcli.artifacts.verification import verify
from dlcli.pipeline.interruption import Interrupted
from tests.cli.calls import dlcli
from tests.data.scenes import scenes
from tests.exactness.runs import (
    assert_same,
    changed,
    content,
    resume,
    stop_after,
    train,
    write,
)
from tests.exactness.test_changed_data import told

CONFIG: dict[str, Any] = {
    "name": "scenes",
    "seed": 3,
    "data": {
        "source": {"type": "npz", "path": "scenes.npz", "target": "y"},
        "inputs": {
            "image": {
                "array": "x_image",
                "transforms": [{"type": "rescale", "scale": 0.00392156862745098}],
            },
            "facts": {"array": "x_facts", "transforms": ["standardize"]},
        },
    },
    "model": {
        "layers": [
            {"type": "conv2d", "input": "image", "filters": 4, "kernel_size": 3},
            "batch_normalization",
            {"type": "global_max_pooling2d", "name": "seen"},
            {"type": "dense", "input": "facts", "units": 5, "activation": "tanh", "name": "known"},
            {"type": "concatenate", "inputs": ["facts", "known", "seen"]},
            {"type": "dropout", "rate": 0.2},
            {"type": "dense", "units": 3, "activation": "softmax"},
        ]
    },
    "loss": "sparse_categorical_crossentropy",
    "optimizer": {"type": "adam", "learning_rate": 0.01},
    "training": {"epochs": 2, "batch_size": 32, "shard_size": 7},
}
"""A layer that meets the whole batch, dropout, shuffling, a value that two layers read."""

ROWS_OF_IT = 150


def written(folder: Path, config: dict[str, Any] = CONFIG) -> Path:
    path = write(folder, config)
    np.savez(folder / "scenes.npz", **scenes(ROWS_OF_IT))
    return path


def test_one_two_and_three_workers_and_stops_give_the_same_bytes(tmp_path: Path) -> None:
    config = written(tmp_path)
    expected = content(train(config, tmp_path / "1"))
    for workers in (2, 3):
        assert_same(content(train(config, tmp_path / str(workers), workers)), expected)
    for stop in (1, 3, 5, 8):
        output = tmp_path / f"stop {stop}"
        with pytest.raises(Interrupted):
            train(config, output, 2, stop_after(stop))
        (run,) = (path for path in output.iterdir() if not path.is_symlink())
        resume(run, 3)
        assert_same(content(run), expected)


def test_a_run_is_verified_evaluated_and_reproduced(tmp_path: Path) -> None:
    run = train(written(tmp_path), tmp_path / "runs")
    before = content(run)
    verify(RunDirectory.open(run))
    for command in ("evaluate", "reproduce"):
        call = dlcli(command, run)
        assert call.code == 0, call.err
    recorded = json.loads((run / "evaluation.json").read_bytes())
    assert json.loads(dlcli("evaluate", run, "--json").out) == recorded["test"]
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "manifest.json").write_bytes((run / "manifest.json").read_bytes())
    assert dlcli("reproduce", alone / "manifest.json", "--data-dir", tmp_path).code == 0
    assert_same(content(run), before)


def test_the_order_in_which_inputs_are_written_changes_nothing_but_the_yaml(
    tmp_path: Path,
) -> None:
    one = content(train(written(tmp_path), tmp_path / "one"))
    inputs = dict(reversed(list(CONFIG["data"]["inputs"].items())))
    turned = changed(CONFIG, data__inputs=inputs)
    other = content(train(written(tmp_path, turned), tmp_path / "other"))
    assert_same(
        {name: data for name, data in one.items() if name.startswith(("model/", "deploy/"))},
        {name: data for name, data in other.items() if name.startswith(("model/", "deploy/"))},
    )


def test_the_record_names_each_array(tmp_path: Path) -> None:
    run = train(written(tmp_path), tmp_path / "runs")
    roles = {"all.features.facts", "all.features.image", "all.targets"}
    manifest = read_manifest(run)
    assert set(manifest.data) - {"classes"} == roles
    assert set(read_tensors(run / ROWS).arrays) == roles
    model = json.loads((run / "model" / "model.json").read_bytes())
    assert model["values"] == {
        "facts": {"array": "x_facts", "row_dtype": "float32", "row_shape": [5]},
        "image": {"array": "x_image", "row_dtype": "uint8", "row_shape": [16, 16, 1]},
    }
    golden = read_tensors(run / "deploy" / "bundle" / "golden.safetensors").arrays
    assert {name: array.shape for name, array in golden.items()} == {
        "x.facts": (16, 5),
        "x.image": (16, 16, 16, 1),
        "y": (16, 3),
    }


def test_an_array_that_changed_is_told_with_its_first_row(tmp_path: Path) -> None:
    run = train(written(tmp_path), tmp_path / "runs")
    before = content(run)
    path = tmp_path / "scenes.npz"
    for name, role, row in (
        ("x_image", "all.features.image", 149),
        ("x_facts", "all.features.facts", 0),
        ("y", "all.targets", 77),
    ):
        arrays = scenes(ROWS_OF_IT)
        arrays[name].reshape(ROWS_OF_IT, -1)[row, 0] += 1
        np.savez(path, **arrays)
        for command in ("evaluate", "reproduce", "resume"):
            message = told(run, command=command)
            assert message.partition("\n")[0].endswith(f": {role} changed")
            where = f"{path}, array {name!r}: the first row that differs is row {row} "
            assert f"{where}(counted from 0)" in message
            assert message.count(", array '") == 1
    arrays = scenes(ROWS_OF_IT)
    arrays["x_facts"] = arrays["x_facts"].astype(np.float64)
    arrays["x_image"][5] += 1
    np.savez(path, **arrays)
    message = told(run)
    assert (
        "'x_facts': the features of a row are float64 (5,) now, they were float32 (5,)" in message
    )
    assert "'x_image': the first row that differs is row 5 (counted from 0)" in message
    np.savez(path, **{name: array[:-1] for name, array in scenes(ROWS_OF_IT).items()})
    message = told(run)
    assert message.count("it has 149 rows now, it had 150; the first 149 rows are as they") == 3
    assert content(run) == before


def test_an_interrupted_run_tells_the_array_too(tmp_path: Path) -> None:
    config = written(tmp_path)
    with pytest.raises(Interrupted):
        train(config, tmp_path / "runs", stop=stop_after(3))
    run = tmp_path / "runs" / "scenes-0001"
    arrays = scenes(ROWS_OF_IT)
    arrays["x_image"][3] += 1
    np.savez(tmp_path / "scenes.npz", **arrays)
    assert "'x_image': the first row that differs is row 3" in told(run, command="resume")
    np.savez(tmp_path / "scenes.npz", **scenes(ROWS_OF_IT))
    assert dlcli("train", "--resume", run).code == 0


def test_a_layer_that_breaks_is_named_in_a_network_of_several_values(tmp_path: Path) -> None:
    scale = [{"type": "rescale", "scale": 1e30}]
    wild = changed(CONFIG, data__inputs__facts__transforms=scale, optimizer="sgd")
    call = dlcli(
        "train", written(tmp_path, wild), "--output-dir", tmp_path / "runs", "--workers", "2"
    )
    assert call.code == 7
    assert "puts out NaN or Inf values" in call.err
