"""Stages 1 and 2 by themselves: what is fitted, what is scaled back, what is said about it."""

from pathlib import Path

import numpy as np
import pytest

from dlcli.config.loading import LoadedConfig, parse_config
from dlcli.errors import ConfigError, DataError
from dlcli.pipeline import design, prepare
from dlcli.pipeline.compare import differences
from tests.cli.small import IMAGES, PRICES, TREES, trees


def prepared(loaded: LoadedConfig, folder: Path) -> prepare.Prepared:
    (folder / "trees.csv").write_text(trees(), encoding="utf-8")
    return prepare.prepare(loaded, prepare.places(folder, None))


def test_the_target_gets_the_range_that_was_asked_for(tmp_path: Path) -> None:
    stage = prepared(parse_config(PRICES, "prices"), tmp_path)
    assert stage.target_scale is not None
    scaled = stage.target_scale.forward(stage.dataset.train.targets_array)
    assert (scaled.min(), scaled.max()) == (pytest.approx(-1.0), pytest.approx(3.0))


def test_metrics_are_in_the_targets_own_units(tmp_path: Path) -> None:
    loaded = parse_config(PRICES, "prices")
    stage = prepared(loaded, tmp_path)
    metrics = design.design(loaded, stage).recipe.metrics
    assert stage.target_scale is not None
    truth = np.array([10.0, 20.0])
    t = stage.target_scale.forward(truth).astype(np.float32)
    y = stage.target_scale.forward(truth + 3.0).astype(np.float32)[:, None]
    found = metrics.values(metrics.tally(y, t))
    assert found["mean_absolute_error"] == pytest.approx(3.0, abs=1e-4)


def test_transforms_are_fitted_on_the_training_part_alone(tmp_path: Path) -> None:
    stage = prepared(parse_config(TREES, "trees"), tmp_path)
    train = stage.dataset.train
    x = stage.preprocessing.apply(train.take_features(slice(None)))
    assert np.abs(x.mean(axis=0)).max() < 1e-6
    assert stage.dataset.test is not None
    other = stage.preprocessing.apply(stage.dataset.test.take_features(slice(None)))
    assert np.abs(other.mean(axis=0)).max() > 1e-3


def test_the_stages_describe_themselves(tmp_path: Path) -> None:
    loaded = parse_config(IMAGES, "images")
    stage = prepared(loaded, tmp_path)
    assert stage.describe() == ("train 1,258  validation 180  test 359  rows of 8x8x1, 10 classes")
    assert design.design(loaded, stage).describe() == (
        "5 layers, 910 parameters, 0.01 MFLOP a row, shards of 16 rows"
    )


def test_a_mistake_in_a_transform_is_shown_on_its_line(tmp_path: Path) -> None:
    text = TREES.replace("columns: [soil]", "columns: [sail]")
    with pytest.raises(ConfigError, match=r"trees:7:7: .*'soil'"):
        prepared(parse_config(text, "trees"), tmp_path)


def test_a_class_that_is_alone_leaves_nothing_to_learn(tmp_path: Path) -> None:
    loaded = parse_config(TREES, "trees")
    stage = prepared(loaded, tmp_path)
    alone = prepare.Prepared(
        stage.dataset.__class__(stage.dataset.train, classes=("ash",)),
        stage.digests,
        stage.preprocessing,
        stage.row_shape,
        None,
    )
    with pytest.raises(DataError, match="every row of the data is of the class 'ash'"):
        design.design(loaded, alone)


def test_differences_are_told_by_their_path() -> None:
    before = {"a": 1, "b": [1, {"c": 2.0}], "d": {}}
    after = {"a": True, "b": [1, {"c": 3.0}, 4], "e": None}
    assert differences(before, after) == [
        "a: 1, now True",
        "b.1.c: 2.0, now 3.0",
        "b.2: missing, now 4",
        "d: {}, now missing",
        "e: missing, now None",
    ]
    assert differences({"a": list(range(9))}, {"a": []}, most=2)[-1] == "... and 7 more"
