"""What counts and what does not, where it would be wrong without a word."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import (
    f1_score,
    mean_absolute_percentage_error,
    precision_score,
    recall_score,
)

from dlcli.engine.metrics import MetricSet
from dlcli.engine.metrics.classes import F1, Matthews, Precision, Recall
from tests.cli.calls import dlcli, refused, train

NET = """\
data:
  source: {{type: npz, path: a.npz, target: y, features: x, test_features: u, test_target: v{more}}}
  split: {{validation: 0.2}}
{data}
model: {{layers: [{layers}{{type: dense, units: {units}, activation: {activation}}}]}}
loss: {loss}
optimizer: {{type: adam, learning_rate: 0.01}}
training: {{epochs: 2, batch_size: 16}}
evaluation: {{metrics: [{metrics}]}}
"""
CLASSES = {
    "units": 3, "activation": "softmax", "loss": "sparse_categorical_crossentropy",
    "metrics": "accuracy", "more": "", "data": "", "layers": "",
}  # fmt: skip


def config(folder: Path, arrays: dict[str, Any], **options: Any) -> Path:
    np.savez(folder / "a.npz", **arrays)
    path = folder / "c.yaml"
    path.write_text(NET.format(**{**CLASSES, **options}))
    return path


def test_weighted_means_over_classes_leave_out_only_what_never_occurs() -> None:
    """A class of which all rows weigh 0 occurs, for scikit-learn and here."""
    draw = np.random.default_rng(0)
    true, answers = draw.integers(0, 3, 60), draw.dirichlet(np.ones(3), 60)
    weights = np.where(true == 2, 0.0, draw.choice([0.5, 1.0, 2.0], 60))
    kinds = {"f1": F1, "precision": Precision, "recall": Recall}
    made = MetricSet({name: kind(weighted=True) for name, kind in kinds.items()}, "multiclass", 3)
    found = made.values(made.tally(answers, true, weights))
    for name, score in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
        wanted = score(
            true, answers.argmax(1), average="macro", sample_weight=weights, zero_division=0
        )
        assert found[name] == pytest.approx(wanted, rel=1e-12), name


def test_weights_of_any_size_give_a_correlation() -> None:
    draw = np.random.default_rng(1)
    made = MetricSet({"m": Matthews(weighted=True)}, "multiclass", 2)
    for power in range(0, 40, 3):
        true, answers = draw.integers(0, 2, 20), draw.dirichlet(np.ones(2), 20)
        weights = np.where(true == 1, 10.0**power, 10.0**-3)
        (value,) = made.values(made.tally(answers, true, weights)).values()
        assert isinstance(value, float) and -1.0 <= value <= 1.0


@pytest.mark.parametrize("transform", ["standardize", "min_max"])
def test_shares_of_targets_are_those_of_the_targets_as_they_are(
    transform: str, tmp_path: Path
) -> None:
    draw = np.random.default_rng(2)
    x, u = draw.normal(size=(80, 3)), draw.normal(size=(30, 3))
    y, v = np.exp(3 * draw.normal(size=80)), np.exp(3 * draw.normal(size=30)) * 1e-3
    y[0] = 2e5
    path = config(
        tmp_path,
        {"x": x, "y": y, "u": u, "v": v},
        units=1, activation="linear", loss="mse", metrics="mape, rmse",
        data=f"  target_transform: {transform}",
    )  # fmt: skip
    run = train(path, tmp_path / "runs").run
    found = json.loads((run / "evaluation.json").read_text())["test"]["metrics"]
    np.save(tmp_path / "u.npy", u)
    answers = [float(line) for line in dlcli("predict", run, tmp_path / "u.npy").out.split()[1:]]
    wanted = mean_absolute_percentage_error(v, answers)
    assert found["mean_absolute_percentage_error"] == pytest.approx(wanted, rel=1e-5)


def rows() -> dict[str, Any]:
    draw = np.random.default_rng(3)
    return {
        "x": draw.normal(size=(60, 3)), "y": np.arange(60) % 3, "u": draw.normal(size=(30, 3)),
        "v": np.arange(30) % 3, "w": np.ones(60), "z": np.ones(30),
    }  # fmt: skip


WEIGHTS = ", weight: w, test_weight: z"


def test_a_part_of_which_nothing_counts_is_refused(tmp_path: Path) -> None:
    arrays = rows()
    arrays["w"][1:] = 0.0
    path = config(tmp_path, arrays, more=WEIGHTS)
    told = refused(train(path, tmp_path / "runs"), 3)
    assert "no row of the" in told and "has a weight above 0" in told
    arrays["w"][:] = 1e-50  # nothing is left of it in float32
    assert "has a weight above 0" in refused(
        train(config(tmp_path, arrays, more=WEIGHTS), tmp_path / "runs"), 3
    )


def test_a_weighted_ranking_of_one_class_is_refused(tmp_path: Path) -> None:
    arrays = rows()
    for letter in "yv":
        arrays[letter] = arrays[letter] % 2
    arrays["z"][arrays["v"] == 1] = 0.0
    path = config(
        tmp_path,
        arrays,
        units=1, activation="sigmoid", loss="bce", more=WEIGHTS,
        metrics="{type: roc_auc, weighted: true}",
    )  # fmt: skip
    told = refused(train(path, tmp_path / "runs"), 2)
    assert "`weighted_roc_auc` is not defined for the test part" in told


STEPS = "{type: masking}, {type: dense, units: 4}, global_average_pooling1d, "


def padded() -> dict[str, Any]:
    arrays = rows()
    for letter in "xu":
        arrays[letter] = np.repeat(arrays[letter][:, None], 4, axis=1) + 1.0
        arrays[letter][::2, 2:] = 0.0
    return arrays


def test_padding_stays_what_it_is(tmp_path: Path) -> None:
    signals = "{type: reshape, target_shape: [4, 3]}"
    noise = f"  transforms: [{signals}]\n  augmentation: [{{type: gaussian_noise, stddev: 0.1}}]"
    told = refused(
        train(config(tmp_path, padded(), layers=STEPS, data=noise), tmp_path / "runs"), 2
    )
    assert "c.yaml:5:18" in told and "knows the steps that are padding by their numbers" in told
    data = f"  transforms: [{signals}, standardize]"
    call = train(config(tmp_path, padded(), layers=STEPS, data=data), tmp_path / "runs")
    assert call.code == 0 and "layer `masking_1` masks none of the steps" in call.err
    data = f"  transforms: [{signals}]"
    plain = train(config(tmp_path, padded(), layers=STEPS, data=data), tmp_path / "runs")
    assert plain.code == 0 and "masks none" not in plain.err


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("kernel_regularizer: l1_l2", "with 0 and 0 there is no penalty"),
        ("use_bias: false, bias_regularizer: l2", "has no bias, so `bias_regularizer` does"),
    ],
)
def test_a_penalty_on_nothing_is_refused(option: str, words: str, tmp_path: Path) -> None:
    path = config(tmp_path, rows(), layers=f"{{type: dense, units: 2, {option}}}, ")
    assert words in refused(train(path, tmp_path / "runs"), 2)


def test_ids_of_several_columns_are_not_looked_up_in_one_table(tmp_path: Path) -> None:
    lines = [f"{'ab'[i % 2]},{'pqr'[i % 3]},{i % 2}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["left,right,y", *lines]))
    path = tmp_path / "c.yaml"
    path.write_text(
        """\
data: {source: {type: csv, path: t.csv, target: y}, transforms: [category]}
model:
  layers:
    - {type: embedding, input_dim: 6, output_dim: 2}
    - flatten
    - {type: dense, units: 1, activation: sigmoid}
loss: bce
optimizer: adam
training: {epochs: 1}
"""
    )
    told = refused(train(path, tmp_path / "runs"), 2)
    assert "c.yaml:4:7" in told and "use the layer `column_embeddings`" in told
