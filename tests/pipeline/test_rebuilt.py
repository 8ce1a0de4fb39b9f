"""`data.target: features`: rows are learned themselves."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score, roc_auc_score

from dlcli.config import parse_config
from dlcli.engine.context import Context
from dlcli.pipeline import prepare
from dlcli.pipeline.job import Job
from dlcli.pipeline.progress import NullReporter
from tests.cli.calls import dlcli, files, refused, train

N = 120

TABLE = """\
data:
  source: {type: npy, features: x.npy, target: y.npy}
  target: features
  transforms: [{type: rescale, scale: 0.5}]
model:
  layers:
    - {type: dense, units: 4, activation: tanh}
    - {type: dense, units: 6}
loss: LOSS
optimizer: {type: adam, learning_rate: 0.02}
training: {epochs: 3, batch_size: 16}
evaluation: {metrics: [mean_absolute_error, mean_squared_error, r2]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", draw.random((N, 6)).round(3) * 2)
    np.save(tmp_path / "y.npy", draw.integers(0, 3, N))
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "c.yaml"
    path.write_text(text)
    return path


def answers(run: Path, rows: Path) -> Any:
    lines = list(csv.reader(io.StringIO(dlcli("predict", run, rows).out)))
    return np.array(lines[1:], float)


@pytest.mark.parametrize("loss", ["mse", "mae", "bce"])
def test_what_is_told_is_what_scikit_learn_makes_of_the_answers(folder: Path, loss: str) -> None:
    text = TABLE.replace("LOSS", loss)
    run = train(written(folder, text), folder / "runs").run
    told = json.loads(dlcli("evaluate", run, "--json").out)
    loaded = parse_config(text, "c.yaml")
    part = prepare.prepare(loaded, prepare.places(folder, None)).dataset.test
    assert part is not None and told["rows"] == len(part)
    rows = part.take_features(slice(None))
    np.save(folder / "rows.npy", rows)
    y = answers(run, folder / "rows.npy")
    t = rows * 0.5
    metrics = told["metrics"]
    assert metrics["mean_absolute_error"] == pytest.approx(mean_absolute_error(t, y), rel=1e-5)
    assert metrics["mean_squared_error"] == pytest.approx(mean_squared_error(t, y), rel=1e-5)
    assert metrics["r2"] == pytest.approx(r2_score(t, y), rel=1e-4, abs=1e-5)
    by_hand = {
        "mse": ((t - y) ** 2).mean(),
        "mae": np.abs(t - y).mean(),
        "bce": -(t * np.log(y) + (1 - t) * np.log(1 - y)).mean() if loss == "bce" else 0,
    }
    assert metrics["loss"] == pytest.approx(by_hand[loss], rel=1e-5)


IMAGES = """\
data:
  source: digits
  target: features
  split: {validation: 0.1, test: 0.2}
  transforms: [{type: rescale, scale: 0.0625}]
  augmentation: [{type: gaussian_noise, stddev: 0.5}]
model:
  layers:
    - {type: conv2d, filters: 4, kernel_size: 3, padding: same, activation: relu}
    - {type: conv2d, filters: 1, kernel_size: 3, padding: same, activation: sigmoid}
loss: bce
optimizer: adam
training: {epochs: 2, batch_size: 32, max_steps: 12}
"""


def test_the_input_is_augmented_and_the_target_is_not(tmp_path: Path) -> None:
    loaded = parse_config(IMAGES, "c.yaml")
    job = Job.ready(loaded, prepare.places(tmp_path, None), NullReporter())
    clean = job.prepared.dataset.train.take_features(slice(0, 5)) * np.float32(0.0625)
    ctx = Context()
    learned = job.examples["train"].fetch(np.arange(5), ctx, 1)
    np.testing.assert_array_equal(learned.targets, clean)
    assert np.abs(learned.values[0] - clean).mean() > 0.2
    judged = job.examples["train"].fetch(np.arange(5), ctx)
    np.testing.assert_array_equal(judged.targets, clean)
    np.testing.assert_array_equal(judged.values[0], clean)


def test_the_same_bytes_for_any_workers_and_no_names_of_classes(tmp_path: Path) -> None:
    config = written(tmp_path, IMAGES)
    one = train(config, tmp_path / "one").run
    three = dlcli("train", config, "--output-dir", tmp_path / "three", "--workers", "3").run
    model = files(one / "model")
    assert model == files(three / "model")
    assert json.loads(model["classes.json"]) == {"classes": None}
    assert (one / "evaluation.json").read_bytes() == (three / "evaluation.json").read_bytes()
    assert set(json.loads((one / "evaluation.json").read_text())["test"]["metrics"]) == {
        "loss", "mean_absolute_error", "r2",
    }  # fmt: skip
    for command in ("verify", "evaluate", "reproduce"):
        assert dlcli(command, one).code == 0


def test_folds_and_seeds(tmp_path: Path) -> None:
    config = written(tmp_path, IMAGES)
    root = train(config, tmp_path / "folds", "--folds", "3").run
    header, *lines = (root / "out_of_fold.csv").read_text().splitlines()
    assert header.split(",")[:3] == ["row", "fold", "p_0"] and len(lines) == 1797
    assert train(config, tmp_path / "seeds", "--seeds", "2").code == 0


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("filters: 1", "filters: 2", "must give rows of shape (8, 8, 1), which the transforms"),
        (
            "  - {type: conv2d, filters: 1, kernel_size: 3, padding: same, activation: sigmoid}",
            "  - flatten\n    - {type: dense, units: 64, activation: sigmoid}",
            "put a `reshape` layer with target_shape [8, 8, 1] behind it",
        ),
        ("scale: 0.0625", "scale: 1", "`binary_crossentropy` with `data.target: features` learns"),
        ("loss: bce", "loss: categorical_crossentropy", "`categorical_crossentropy` is for"),
        ("loss: bce", "loss: sparse_categorical_crossentropy", "use `mean_squared_error`, or"),
        ("target: features", "target: labels", "must be"),
        ("{type: gaussian_noise, stddev: 0.5}", "mix_up", "`mix_up` mixes targets"),
        ("max_steps: 12", "class_weight: balanced", "no classes are learned"),
        ("  augm", "  target_transform: standardize\n  augm", "leave `target_transform` out"),
        ("optimizer", "evaluation: {metrics: [accuracy]}\noptimizer", "does not suit `data.target"),
    ],
)
def test_what_does_not_go_together_is_said(
    before: str, after: str, words: str, tmp_path: Path
) -> None:
    assert before in IMAGES
    config = written(tmp_path, IMAGES.replace(before, after))
    found = train(config, tmp_path / "runs")
    assert found.code in (2, 3)
    assert words in " ".join(refused(found, found.code).split())
    assert dlcli("validate", config).code == found.code


def test_several_inputs_cannot_be_rebuilt(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.ones((9, 2)), b=np.ones((9, 3)), y=np.arange(9))
    text = IMAGES.replace("source: digits", "source: {type: npz, path: a.npz, target: y}")
    text = text.replace("  transforms: [{type: rescale, scale: 0.0625}]\n", "")
    text = text.replace("  augmentation: [{type: gaussian_noise, stddev: 0.5}]\n", "")
    text = text.replace("model:", "  inputs: {one: {array: a}, two: {array: b}}\nmodel:")
    assert "leave one of them out" in refused(train(written(tmp_path, text), tmp_path), 2)


MASKS = """\
data:
  source: {type: npz, path: masks.npz}
model:
  layers: [{type: conv2d, filters: 1, kernel_size: 3, padding: same, activation: sigmoid}]
loss: bce
optimizer: {type: adam, learning_rate: 0.05}
training: {epochs: 8, batch_size: 16}
evaluation: {metrics: [accuracy, f1, roc_auc]}
"""


def test_masks_of_images_are_labels_of_their_pixels(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(N, 5, 6, 1)).round(3)
    np.savez(tmp_path / "masks.npz", x=x, y=(x > 0.3).astype(int))
    run = train(written(tmp_path, MASKS), tmp_path / "runs").run
    told = json.loads(dlcli("evaluate", run, "--json").out)["metrics"]
    assert told["accuracy"] > 0.9
    loaded = parse_config(MASKS, "c.yaml")
    part = prepare.prepare(loaded, prepare.places(tmp_path, None)).dataset.test
    assert part is not None
    rows, t = part.take(slice(None))
    np.save(tmp_path / "rows.npy", rows)
    y = answers(run, tmp_path / "rows.npy")
    flat = t.reshape(len(t), -1)
    assert told["accuracy"] == pytest.approx(((y > 0.5) == flat).mean())
    expected = -(flat * np.log(y) + (1 - flat) * np.log(1 - y)).mean()
    assert told["loss"] == pytest.approx(expected, rel=1e-5)
    assert told["roc_auc"] == pytest.approx(roc_auc_score(flat, y, average="macro"), rel=1e-6)
    assert (
        "ROC and precision and recall are of 20 of the 30 labels"
        in (run / "report.html").read_text()
    )
    assert dlcli("report", run, "--rows").code == 0


def test_masks_that_are_no_masks(tmp_path: Path) -> None:
    np.savez(tmp_path / "masks.npz", x=np.ones((N, 5, 6, 1)), y=np.full((N, 5, 6, 1), 0.5))
    found = train(written(tmp_path, MASKS), tmp_path / "runs")
    assert "must hold only 0 and 1" in refused(found, 3)
    np.savez(tmp_path / "masks.npz", x=np.ones((N, 5, 6, 1)), y=np.ones((N, 4, 6, 1)))
    found = train(written(tmp_path, MASKS), tmp_path / "runs")
    assert "(5, 6, 1)" in refused(found, 2) and "(4, 6, 1)" in found.err
