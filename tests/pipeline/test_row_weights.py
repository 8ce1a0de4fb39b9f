"""Weights of rows and of classes: in the loss, on what a run reports, and nowhere else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight

from dlcli.config import load_config
from dlcli.engine.layer import Array
from dlcli.pipeline.design import design
from dlcli.pipeline.prepare import places, prepare
from tests.cli.calls import dlcli, refused, train

N = 120
NET = """\
data:
  source: {source}
  split: {{validation: 0.2, test: 0.3, stratify: {stratify}}}
model: {{layers: [{{type: dense, units: {units}, activation: {activation}}}]}}
loss: {loss}
optimizer: {{type: sgd, learning_rate: 0.1}}
training: {{epochs: 2, batch_size: 16{more}}}
evaluation: {{metrics: {metrics}}}
"""
CLASSES = {
    "units": 3,
    "activation": "softmax",
    "loss": "sparse_categorical_crossentropy",
    "metrics": "[accuracy]",
    "stratify": "true",
}
NUMBERS = {
    "units": 1,
    "activation": "linear",
    "loss": "mse",
    "metrics": "[mae]",
    "stratify": "false",
}


def made(n: int = N) -> tuple[Array, Array, Array]:
    """Features, class ids, weights; some rows do not count."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(n, 4)).round(3)
    ids = np.digitize(x[:, 0] + 0.3 * draw.normal(size=n), [-1.0, 0.3])
    weights = draw.choice([0.0, 0.25, 1.0, 3.5], n)
    weights[0] = 1.0
    return x, ids, weights


def csv_file(folder: Path, targets: Any, weights: Any, name: str = "t.csv") -> str:
    x, _, _ = made()
    lines = [
        ",".join(map(str, [*row, weight, target]))
        for row, weight, target in zip(x.tolist(), weights, targets, strict=True)
    ]
    (folder / name).write_text("\n".join(["a,b,c,d,w,y", *lines]))
    return f"{{type: csv, path: {name}, target: y, weight: w}}"


def config(folder: Path, source: str, more: str = "", **kind: Any) -> Path:
    path = folder / "c.yaml"
    path.write_text(NET.format(source=source, more=more, **(kind or CLASSES)))
    return path


def trained(folder: Path, path: Path) -> tuple[Path, Mapping[str, Any]]:
    call = train(path, folder / "runs")
    assert call.code == 0, call.err
    run = Path(call.out.strip())
    return run, json.loads((run / "evaluation.json").read_bytes())


def test_a_weight_column_counts_in_every_loss_as_scikit_learn_counts_it(tmp_path: Path) -> None:
    _, ids, weights = made()
    names = np.array(["ash", "beech", "cedar"])[ids]
    path = config(tmp_path, csv_file(tmp_path, names, weights))
    run, found = trained(tmp_path, path)
    loaded = load_config(path)
    part = prepare(loaded, places(tmp_path, None)).dataset.test
    assert part is not None and part.index is not None
    rows = [(tmp_path / "t.csv").read_text().splitlines()[1 + row] for row in part.index]
    (tmp_path / "new.csv").write_text("\n".join(["a,b,c,d,w,y", *rows]))
    answers = dlcli("predict", run, tmp_path / "new.csv").out.splitlines()
    columns = answers[0].split(",")
    scores = np.array([[float(v) for v in line.split(",")[-3:]] for line in answers[1:]])
    assert [name.removeprefix("p_") for name in columns[-3:]] == ["ash", "beech", "cedar"]
    scores /= scores.sum(axis=1, keepdims=True)  # they are printed with float32's digits
    w, true = weights[part.index], names[part.index]
    total = log_loss(true, scores, sample_weight=w, normalize=False)
    assert found["test"]["metrics"]["loss"] == pytest.approx(total / len(w), rel=1e-5)
    right = np.array(["ash", "beech", "cedar"])[scores.argmax(1)] == true
    assert found["test"]["metrics"]["accuracy"] == pytest.approx(right.mean()), "metrics have none"


def test_a_weight_column_counts_in_a_regression_too(tmp_path: Path) -> None:
    x, _, weights = made()
    targets = (x @ [1.0, 2.0, 0.0, -1.0]).round(4)
    run, found = trained(
        tmp_path, config(tmp_path, csv_file(tmp_path, targets, weights), **NUMBERS)
    )
    part = prepare(load_config(tmp_path / "c.yaml"), places(tmp_path, None)).dataset.test
    assert part is not None and part.index is not None
    np.save(tmp_path / "new.npy", x[part.index])
    lines = dlcli("predict", run, tmp_path / "new.npy").out.splitlines()[1:]
    errors = (np.array([float(line) for line in lines]) - targets[part.index]) ** 2
    expected = float((errors * weights[part.index]).mean())
    assert found["test"]["metrics"]["loss"] == pytest.approx(expected, rel=1e-5)


def test_a_row_of_weight_two_is_learned_as_two_rows(tmp_path: Path) -> None:
    """Of one batch of all rows, the sum of the losses is the same; its divisor is the count."""
    x, ids, _ = made()
    weights = np.where(np.arange(N) % 3 == 0, 2, 1)
    both = np.repeat(np.arange(N), weights)
    thetas = []
    for name, rows, w in (("once", np.arange(N), weights), ("twice", both, np.ones(len(both)))):
        np.savez(tmp_path / f"{name}.npz", x=x[rows], y=ids[rows], w=w)
        path = tmp_path / "c.yaml"
        rate = 0.1 * len(rows)
        path.write_text(
            NET.format(source=f"{{type: npz, path: {name}.npz, weight: w}}", more="", **CLASSES)
            .replace("validation: 0.2, test: 0.3, stratify: true", "validation: 0, test: 0")
            .replace("batch_size: 16", "batch_size: 1000")
            .replace("learning_rate: 0.1", f"learning_rate: {rate}")
        )
        run, _ = trained(tmp_path, path)
        answers = dlcli("predict", run, _saved(tmp_path, x)).out
        thetas.append(np.array([line.split(",")[-3:] for line in answers.splitlines()[1:]], float))
    np.testing.assert_allclose(thetas[0], thetas[1], rtol=2e-4, atol=1e-6)


def _saved(folder: Path, x: Array) -> Path:
    np.save(folder / "x.npy", x)
    return folder / "x.npy"


def weights_of(folder: Path, path: Path) -> Any:
    loaded = load_config(path)
    return design(loaded, prepare(loaded, places(folder, None))).learned


def test_balanced_weights_are_those_of_scikit_learn_and_count_in_training_alone(
    tmp_path: Path,
) -> None:
    _, ids, _ = made()
    source = csv_file(tmp_path, ids + 1, np.ones(N)).replace(", weight: w", "")
    learned = weights_of(tmp_path, config(tmp_path, source, ", class_weight: balanced"))
    of_rows = learned["train"]
    expected = compute_class_weight("balanced", classes=np.arange(3), y=of_rows.targets)
    np.testing.assert_allclose(of_rows.training_weights, expected[of_rows.targets], rtol=1e-6)
    assert of_rows.weights is None
    for role in ("validation", "test"):
        assert learned[role].weights is None and learned[role].training_weights is None


def test_weights_by_name_multiply_those_of_the_rows(tmp_path: Path) -> None:
    _, ids, weights = made()
    source = csv_file(tmp_path, ids + 1, weights)
    learned = weights_of(tmp_path, config(tmp_path, source, ", class_weight: {1: 2, '3': 0.5}"))
    part = learned["train"]
    by_class = np.array([2.0, 1.0, 0.5])[part.targets]
    np.testing.assert_allclose(part.training_weights, part.weights * by_class, rtol=1e-6)


def test_one_hot_rows_have_classes_too(tmp_path: Path) -> None:
    x, ids, weights = made()
    parts = {"x_train": x, "y_train": np.eye(3)[ids], "x_test": x[:9], "y_test": np.eye(3)[ids[:9]]}
    np.savez(tmp_path / "a.npz", **parts, w=weights, v=weights[:9, None])
    source = "{type: npz, path: a.npz, weight: w, test_weight: v}"
    kind = CLASSES | {"loss": "categorical_crossentropy", "stratify": "false"}
    path = config(tmp_path, source, ", class_weight: balanced", **kind)
    path.write_text(path.read_text().replace("test: 0.3, ", ""))
    learned = weights_of(tmp_path, path)
    np.testing.assert_array_equal(learned["test"].weights, weights[:9].astype(np.float32))
    train_ids = learned["train"].targets.argmax(1)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=train_ids)[train_ids]
    part = learned["train"]
    np.testing.assert_allclose(part.training_weights, part.weights * expected, rtol=1e-6)


def test_weights_that_change_are_changed_data(tmp_path: Path) -> None:
    _, ids, weights = made()
    run, _ = trained(tmp_path, config(tmp_path, csv_file(tmp_path, ids, weights)))
    weights[7] += 1.0
    csv_file(tmp_path, ids, weights)
    told = refused(dlcli("evaluate", run, "--data-dir", tmp_path), 3)
    assert "all.weights changed" in told and "line 9" in told


INPUTS = """\
data:
  source: {type: npz, path: a.npz, target: y, weight: w}
  split: {validation: 0, test: 0.3}
  inputs: {left: {array: x}, right: {array: z}}
model:
  layers:
    - {type: concatenate, inputs: [left, right]}
    - {type: dense, units: 3, activation: softmax}
loss: sparse_categorical_crossentropy
optimizer: sgd
training: {epochs: 1}
"""


def test_rows_of_several_values_have_weights(tmp_path: Path) -> None:
    x, ids, weights = made()
    np.savez(tmp_path / "a.npz", x=x[:, :2], z=x[:, 2:], y=ids, w=weights)
    path = tmp_path / "c.yaml"
    path.write_text(INPUTS)
    run, _ = trained(tmp_path, path)
    learned = weights_of(tmp_path, path)
    assert learned["test"].weights.sum() > 0
    path.write_text(INPUTS.replace("array: z", "array: w"))
    assert "the weight `w` cannot be an input too" in refused(train(path, tmp_path / "runs"), 2)
    weights[2] += 1.0
    np.savez(tmp_path / "a.npz", x=x[:, :2], z=x[:, 2:], y=ids, w=weights)
    told = refused(dlcli("evaluate", run, "--data-dir", tmp_path), 3)
    assert "all.weights changed" in told and "row 2 (counted from 0)" in told
    assert "the weights beside" in told


SOURCE = "{type: csv, path: t.csv, target: y, weight: w}"
BAD: dict[str, tuple[str, str, dict[str, Any], Any, int, list[str]]] = {
    # source, more of `training`, kind, what stands in the weight column, exit code, words
    "text": (SOURCE, "", CLASSES, "much", 3, ["line 5, column 'w' holds 'much'", "of weights"]),
    "negative": (SOURCE, "", CLASSES, -1, 3, ["line 5, column 'w' holds the weight -1"]),
    "a gap": (SOURCE, "", CLASSES, "", 3, ["line 5, column 'w' is missing"]),
    "the target": (
        SOURCE.replace("weight: w", "weight: y"), "", CLASSES, 1, 2,
        ["c.yaml:2:", "the target `y` cannot be the weight too"]),
    "a feature": (
        SOURCE.replace("weight: w", "weight: w, features: [a, w]"), "", CLASSES, 1, 2,
        ["the weight `w` cannot be a feature too"]),
    "text by declaration": (
        SOURCE.replace("weight: w", "weight: w, kinds: {w: text}"), "", CLASSES, 1, 2,
        ["weights are numbers"]),
    "no such column": (
        SOURCE.replace("weight: w", "weight: v"), "", CLASSES, 1, 2,
        ["has no column 'v'; the columns are 'a', 'b', 'c', 'd', 'w', 'y'."]),
    "no such class": (
        SOURCE, ", class_weight: {4: 2}", CLASSES, 1, 2,
        ["c.yaml:7:", "there is no class '4'; the classes are '0', '1', '2'"]),
    "classes of numbers": (
        SOURCE, ", class_weight: balanced", NUMBERS, 1, 2,
        ["c.yaml:7:", "`mean_squared_error` learns numbers here; leave it out"]),
    "nothing counts": (
        SOURCE, ", class_weight: {0: 0, 1: 0, 2: 0}", CLASSES, 1, 2,
        ["with these weights no row of the training part counts"]),
    "another word": (
        SOURCE, ", class_weight: equal", CLASSES, 1, 2,
        ["`class_weight` must be `balanced` or a mapping {class: weight}, not"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_weights_that_cannot_be_are_refused(tmp_path: Path, case: str) -> None:
    source, more, kind, cell, code, words = BAD[case]
    _, ids, _ = made()
    weights: list[Any] = [1] * N
    weights[3] = cell
    csv_file(tmp_path, ids, weights)
    told = refused(train(config(tmp_path, source, more, **kind), tmp_path / "runs"), code)
    for word in words:
        assert word in told, told


def test_a_part_without_weights_beside_one_with_them_is_refused(tmp_path: Path) -> None:
    x, ids, weights = made()
    np.savez(tmp_path / "a.npz", x_train=x, y_train=ids, x_test=x, y_test=ids, w=weights)
    told = refused(
        train(config(tmp_path, "{type: npz, path: a.npz, weight: w}"), tmp_path / "runs"), 2
    )
    assert "name their array by `test_weight`" in told and "c.yaml:2:" in told
