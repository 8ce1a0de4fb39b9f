"""Rows are augmented while they are learned from, and never where they are judged or answered."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.calls import dlcli, refused, train

N = 150
CONFIG = """\
data:
  source: {type: npz, path: a.npz}
  augmentation: [{type: gaussian_noise, stddev: 3}, {type: random_crop, padding: 2}, random_flip]
model:
  layers:
    - {type: conv2d, filters: 3, kernel_size: 3, activation: relu}
    - flatten
    - {type: dense, units: 2, activation: softmax}
loss: sparse_categorical_crossentropy
optimizer: {type: sgd, learning_rate: 0.01}
training: {epochs: 2, batch_size: 32, keep: last}
evaluation: {metrics: [accuracy]}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(N, 6, 5, 1)).round(3)
    y = (x.mean(axis=(1, 2, 3)) > 0).astype(int)
    parts = {"train": slice(0, 90), "valid": slice(90, 120), "test": slice(120, N)}
    arrays = {
        f"{letter}_{part}": a[rows]
        for part, rows in parts.items()
        for letter, a in (("x", x), ("y", y))
    }
    np.savez(tmp_path / "a.npz", **arrays)
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG)
    return path


def test_what_is_told_of_a_part_is_what_is_answered_to_its_rows(config: Path) -> None:
    run = train(config, config.parent / "runs").run
    arrays = np.load(config.parent / "a.npz")
    for part, role in (("train", "train"), ("valid", "validation"), ("test", "test")):
        np.save(config.parent / "x.npy", arrays[f"x_{part}"])
        lines = dlcli("predict", run, config.parent / "x.npy").out.splitlines()[1:]
        scores = np.array([line.split(",")[-2:] for line in lines], float)
        true = scores[np.arange(len(scores)), arrays[f"y_{part}"]]
        told = json.loads(dlcli("evaluate", run, "--split", role, "--json").out)["metrics"]
        assert told["loss"] == pytest.approx(float(-np.log(true).mean()), rel=1e-5), role
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    validation = json.loads(dlcli("evaluate", run, "--split", "validation", "--json").out)
    assert last["val_loss"] == validation["metrics"]["loss"]
    trained = json.loads(dlcli("evaluate", run, "--split", "train", "--json").out)["metrics"]
    assert abs(last["loss"] - trained["loss"]) > 0.05, "noise is learned from"


def test_without_it_other_bits_are_learned(config: Path) -> None:
    run = train(config, config.parent / "runs").run
    config.write_text(CONFIG.replace("  augmentation", "  # augmentation"))
    plain = train(config, config.parent / "runs").run
    weights = "model/weights.safetensors"
    assert (run / weights).read_bytes() != (plain / weights).read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("padding: 2", "padding: 0", "c.yaml:3:82", "give it, such as `padding: 4`"),
        ("padding: 2", "height: 9, padding: 2", "c.yaml:3:53", "cannot have `height: 9`, for rows"),
        ("random_flip]", "{type: random_flip, mode: left}]", "c.yaml:3:", "must be `horizontal`, "),
        ("random_flip]", "random_translation]", "c.yaml:3:", "needs `height_factor` or"),
        ("random_flip]", "{type: random_translation, width_factor: 2}]", "c.yaml:3:", "share from"),
        ("random_flip]", "random_shear]", "c.yaml:3:", "unknown augmentation `random_shear`"),
        ("random_flip]", "random_rotation]", "c.yaml:3:", "the key `factor` is missing"),
        ("random_flip]", "{type: random_rotation, degrees: 9}]", "c.yaml:3:", "0.1 for 36 degrees"),
        ("random_flip]", "{type: random_rotation, factor: 0}]", "c.yaml:3:", "change nothing"),
        ("random_flip]", "{type: random_rotation, factor: 30}]", "c.yaml:3:", "share from 0 to 1"),
        ("random_flip]", "{type: random_zoom, height_factor: 1}]", "c.yaml:3:", "of one point"),
        ("random_flip]", "{type: random_zoom, height_factor: 0}]", "c.yaml:3:", "change nothing"),
        ("random_flip]", "{type: random_contrast, factor: [-0.1, 0.1]}]", "c.yaml:3:", "[down"),
        ("random_flip]", "{type: random_brightness, factor: 0.1}]", "c.yaml:3:", "`value_range"),
        (
            "random_flip]",
            "{type: random_brightness, factor: 0.1, value_range: [0, 1]}]",
            "c.yaml:3:86",
            "`value_range: [0, 1]` does not hold the numbers of the training part: the rows, as",
        ),
        (
            "random_flip]",
            "{type: random_brightness, factor: 0.1, value_range: [-255, 255]}]",
            "c.yaml:3:86",
            "is in another unit than the numbers of the training part",
        ),
        (
            "random_flip]",
            "{type: random_brightness, factor: 0.1, value_range: [1, 0]}]",
            "c.yaml:3:",
            "must have its smaller number first",
        ),
        ("random_flip]", "random_erasing]", "c.yaml:3:", "or the `value_range` of the noise"),
        (
            "random_flip]",
            "{type: random_erasing, fill_value: 2, value_range: [0, 1]}]",
            "c.yaml:3:",
            "`fill_value` must lie in `value_range`",
        ),
        (
            "random_flip]",
            "{type: random_erasing, value_range: [-1, 0]}]",
            "c.yaml:3:",
            "which must be above 0: give a `fill_value`",
        ),
        ("random_flip]", "{type: random_erasing, p: 1}]", "c.yaml:3:", "a half is `[0.5, 0.5]`"),
        ("random_flip]", "cutout]", "c.yaml:3:", "did you mean `random_erasing`?"),
        ("random_flip]", "mix_up]", "c.yaml:9:", "use `categorical_crossentropy`, which takes"),
        ("random_flip]", "resizing]", "c.yaml:3:", "it is the same for all rows: see `data.tr"),
        ("random_flip]", "RandomHorizontalFlip]", "c.yaml:3:", "did you mean `random_flip`?"),
        ("stddev: 3", "stddev: 0", "c.yaml:3:", "`stddev` must be a number above 0"),
        ("augmentation:", "augmentations:", "c.yaml:3:", "it is called `augmentation`"),
        ("augmentation:", "transforms:", "c.yaml:3:", "stands below `data.augmentation`"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_on_its_line(
    config: Path, old: str, new: str, place: str, words: str
) -> None:
    config.write_text(CONFIG.replace(old, new))
    told = refused(train(config, config.parent / "runs"), 2)
    assert place in told and words in told, told
