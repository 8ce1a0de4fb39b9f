"""Every metric is scikit-learn's, on what a user gets: the file of rows and `predict`'s output."""

import csv
import io
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn

from dlcli.engine.metrics import METRICS
from tests.cli.calls import dlcli, train

Array = np.ndarray[Any, Any]
NUMBERS = [name for name, metric in METRICS.items() if "regression" in metric.suits]


def _averaged(score: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """A score of classes, by the end of the metric's name."""

    def plain(t: Array, y: Array, labels: list[int] | None, kind: str) -> Any:
        if kind == "binary":
            return score(t, y, average="binary", pos_label=1, zero_division=0)
        seen = None if labels is None else sorted({*t.tolist(), *y.tolist()})
        return score(t, y, labels=seen, average="macro", zero_division=0)

    def weighted(t: Array, y: Array, labels: list[int] | None, kind: str) -> Any:
        return score(t, y, labels=labels, average="weighted", zero_division=0)

    def per_class(t: Array, y: Array, labels: list[int] | None, kind: str) -> Any:
        return score(t, y, labels=labels, average=None, zero_division=0)

    return {"": plain, "_weighted": weighted, "_per_class": per_class}


def _accuracy(t: Array, y: Array, labels: list[int] | None, kind: str) -> float:
    if kind == "multilabel":
        return 1.0 - float(sklearn.hamming_loss(t, y))
    return float(sklearn.accuracy_score(t, y))


def _confusion(t: Array, y: Array, labels: list[int] | None, kind: str) -> Any:
    if kind == "multilabel":
        return sklearn.multilabel_confusion_matrix(t, y)
    return sklearn.confusion_matrix(t, y, labels=labels)


OF_CLASSES: dict[str, Callable[..., Any]] = {
    "accuracy": _accuracy,
    "confusion_matrix": _confusion,
    **{
        f"{name}{end}": score
        for name, function in (
            ("precision", sklearn.precision_score),
            ("recall", sklearn.recall_score),
            ("f1", sklearn.f1_score),
        )
        for end, score in _averaged(function).items()
    },
    "balanced_accuracy": lambda t, y, labels, kind: sklearn.balanced_accuracy_score(t, y),
    "matthews": lambda t, y, labels, kind: sklearn.matthews_corrcoef(t, y),
}


def _one_by_one(score: Callable[..., Any]) -> Callable[..., Any]:
    """A score of a yes or no, of each class that has rows against the others, where it has one."""

    def macro(t: Array, p: Array, kind: str) -> float:
        if kind == "binary":
            return float(score(t, p[:, -1]))
        if kind == "multiclass":
            t = t[:, np.newaxis] == np.arange(p.shape[1])
            t, p = t[:, t.any(axis=0)], p[:, t.any(axis=0)]
        return float(np.nanmean([score(t[:, c], p[:, c]) for c in range(t.shape[1])]))

    return macro


OF_SCORES: dict[str, Callable[..., Any]] = {
    "roc_auc": _one_by_one(lambda t, p: sklearn.roc_auc_score(t, p) if t.sum() > 0 else np.nan),
    "average_precision": _one_by_one(sklearn.average_precision_score),
    "log_loss": lambda t, p, kind: sklearn.log_loss(t, p, labels=list(range(p.shape[1]))),
    "top_k_accuracy": lambda t, p, kind: sklearn.top_k_accuracy_score(
        t, p, k=2, labels=list(range(p.shape[1]))
    ),
}
OF_NUMBERS: dict[str, Callable[..., Any]] = {
    "mean_squared_error": sklearn.mean_squared_error,
    "mean_absolute_error": sklearn.mean_absolute_error,
    "root_mean_squared_error": sklearn.root_mean_squared_error,
    "mean_absolute_percentage_error": sklearn.mean_absolute_percentage_error,
    "r2": sklearn.r2_score,
}


def test_every_metric_has_its_counterpart() -> None:
    assert set(METRICS) == {*OF_CLASSES, *OF_SCORES, *OF_NUMBERS}
    assert set(NUMBERS) == set(OF_NUMBERS)


@dataclass(frozen=True)
class Case:
    """A kind of target.

    make: the rows' features to what the file holds as targets. names: classes in their order.
    """

    kind: str
    make: Callable[[Array, Array], Array]
    layer: dict[str, Any]
    loss: str
    names: tuple[str, ...] = ()
    source: str = "csv"
    positive: str | None = None
    transform: str | None = None


def _noisy(x: Array, noise: Array) -> Array:
    return x[:, 0] - x[:, 1] + 0.5 * noise[:, 0]


def _two(x: Array, noise: Array) -> Array:
    return np.where(_noisy(x, noise) > 0.8, "attack", "normal")


def _ids(x: Array, noise: Array) -> Array:
    return (_noisy(x, noise) > 0).astype(np.int64)


def _four(x: Array, noise: Array) -> Array:
    """Four classes, of which the last stands in no test row."""
    ids = np.digitize(_noisy(x, noise), [-1.0, 0.5]) % 3
    ids[:3] = 3
    return np.array(["red", "green", "blue", "white"])[ids]


def _labels(x: Array, noise: Array) -> Array:
    """Four labels, of which the last never holds among the test rows."""
    found = np.stack([x[:, 0] > 0, x[:, 1] + noise[:, 1] > 1, x[:, 2] > -1, x[:, 2] > 9], axis=1)
    found[0, 3] = True
    return found.astype(np.float32)


def _far(x: Array, noise: Array) -> Array:
    return 1e6 + 0.01 * _noisy(x, noise)


def _small(x: Array, noise: Array) -> Array:
    return 3.0 + 0.1 * _noisy(x, noise)


def _unlike(x: Array, noise: Array) -> Array:
    a, b = _noisy(x, noise), x[:, 2] + 0.1 * noise[:, 1]
    return np.stack([5e7 + 3e4 * a, 1e-3 * b, a - b], axis=1)


def _dense(units: int, activation: str) -> dict[str, Any]:
    return {"type": "dense", "units": units, "activation": activation}


SIGMOID, MSE = _dense(1, "sigmoid"), "mean_squared_error"
SPARSE = "sparse_categorical_crossentropy"
CASES = {
    "two text classes": Case("binary", _two, SIGMOID, "bce", ("attack", "normal")),
    "a named positive class": Case(
        "binary", _two, SIGMOID, "bce", ("normal", "attack"), positive="attack"
    ),
    "two ids": Case("binary", _ids, SIGMOID, "bce", ("0", "1")),
    "two classes under softmax": Case(
        "binary", _two, _dense(2, "softmax"), SPARSE, ("attack", "normal")
    ),
    "text classes, one absent": Case(
        "multiclass", _four, _dense(4, "softmax"), SPARSE, ("blue", "green", "red", "white")
    ),
    "several labels": Case("multilabel", _labels, _dense(4, "sigmoid"), "bce", source="npz"),
    "numbers": Case("regression", _small, _dense(1, "linear"), MSE),
    "scaled numbers far from zero": Case(
        "regression", _far, _dense(1, "linear"), MSE, transform="standardize"
    ),
    "numbers between bounds": Case(
        "regression", _small, _dense(1, "linear"), "mae", transform="min_max"
    ),
    "several numbers of unlike size": Case(
        "regression", _unlike, _dense(3, "linear"), MSE, source="npz", transform="standardize"
    ),
    "several numbers as they are": Case(
        "regression", lambda x, n: _unlike(x, n)[:, 2:] * [[1.0]] + [[0.0, 5.0]],
        _dense(2, "linear"), MSE, source="npz",
    ),
}  # fmt: skip
ROWS, TEST = 160, 60


def _write(folder: Path, case: Case) -> tuple[Path, Path, Array]:
    """The config, the test rows for `predict`, and their true targets."""
    draw = np.random.Generator(np.random.PCG64(3))
    x, noise = draw.standard_normal((ROWS, 3)), draw.standard_normal((ROWS, 2))
    t = case.make(x, noise)
    cut = ROWS - TEST
    source: dict[str, Any]
    if case.source == "npz":
        np.savez(folder / "d.npz", x_train=x[:cut], y_train=t[:cut], x_test=x[cut:], y_test=t[cut:])
        np.save(folder / "rows.npy", x[cut:])
        source, rows = {"type": "npz", "path": "d.npz"}, folder / "rows.npy"
    else:
        for name, part in (("train", slice(None, cut)), ("test", slice(cut, None))):
            with (folder / f"{name}.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["a", "b", "c", "y"])
                writer.writerows([*a.tolist(), b] for a, b in zip(x[part], t[part], strict=True))
        source = {"type": "csv", "path": "train.csv", "test_path": "test.csv", "target": "y"}
        rows = folder / "test.csv"
    if case.positive is not None:
        source["positive_class"] = case.positive
    config = {
        "version": 1,
        "data": {"source": source, "split": {"validation": 0}},
        "model": {"layers": [_dense(6, "tanh"), case.layer]},
        "loss": case.loss,
        "optimizer": {"type": "adam", "learning_rate": 0.02},
        "training": {"epochs": 6, "batch_size": 16},
        "evaluation": {"metrics": [_listed(name) for name in _names(case)]},
    }
    if case.transform is not None:
        config["data"]["target_transform"] = case.transform  # type: ignore[index]
    path = folder / "case.yaml"
    path.write_text(json.dumps(config))
    return path, rows, t[cut:]


def _names(case: Case) -> list[str]:
    return [name for name, metric in METRICS.items() if case.kind in metric.suits]


def _listed(name: str) -> Any:
    return {"type": name, "name": name, "k": 2} if name == "top_k_accuracy" else name


def _expected(case: Case, printed: str, true: Array) -> dict[str, Any]:
    """Scikit-learn's metrics of the answers as they were printed."""
    table = list(csv.DictReader(io.StringIO(printed)))
    assert len(table) == TEST
    if case.kind == "regression":
        y = np.array([[float(cell) for cell in row.values()] for row in table])
        return {name: function(true, y[:, 0] if true.ndim == 1 else y)
                for name, function in OF_NUMBERS.items()}  # fmt: skip
    labels: list[int] | None = None
    if case.kind == "multilabel":
        t = true.astype(np.int64)
        p = np.array([list(row.values()) for row in table]).astype(np.float32)
        y = (p > 0.5).astype(int)
    else:
        number = {name: place for place, name in enumerate(case.names)}
        t = np.array([number[str(name)] for name in true])
        y = np.array([number[row["class"]] for row in table])
        labels = list(range(len(case.names)))
        columns = [name for name in table[0] if name.startswith("p_")]
        p = np.array([[row[name] for name in columns] for row in table]).astype(np.float32)
        p = np.stack([1 - p[:, 0], p[:, 0]], axis=1) if len(columns) == 1 else p
        if case.kind == "binary":
            assert f"p_{case.names[1]}" in table[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about labels without a row: 0, as we say
        return {
            name: OF_SCORES[name](t, p, case.kind)
            if name in OF_SCORES
            else OF_CLASSES[name](t, y, labels, case.kind)
            for name in _names(case)
        }


@pytest.mark.parametrize("name", CASES)
def test_what_was_evaluated_is_scikit_learns_judgement_of_what_is_answered(
    name: str, tmp_path: Path
) -> None:
    case = CASES[name]
    config, rows, true = _write(tmp_path, case)
    run = train(config, tmp_path / "runs").run
    printed = dlcli("predict", run, rows)
    assert printed.code == 0, printed.err
    evaluation = json.loads((run / "evaluation.json").read_bytes())["test"]
    expected = _expected(case, printed.out, true)
    assert evaluation["metrics"].keys() == {"loss", *expected}
    for metric, value in expected.items():
        # Counts are exact. Answers to single rows differ from those to whole shards in the last
        # bit of float32, and scaled targets are learned in float32: parts of 10 millions.
        tolerance = 1e-5 if case.kind == "regression" else 1e-12
        tolerance = 1e-6 if metric == "log_loss" else tolerance
        np.testing.assert_allclose(
            np.array(evaluation["metrics"][metric], float),
            np.array(value, float),
            rtol=tolerance,
            err_msg=metric,
        )
    if case.kind == "binary":
        assert evaluation["positive_class"] == case.names[1]
    else:
        assert "positive_class" not in evaluation


def test_targets_that_float32_cannot_tell_apart_are_told(tmp_path: Path) -> None:
    case = CASES["scaled numbers far from zero"]
    config, _, _ = _write(tmp_path, case)
    assert "can tell apart" not in train(config, tmp_path / "runs").err
    document = json.loads(config.read_text())
    del document["data"]["target_transform"]
    config.write_text(json.dumps(document))
    told = train(config, tmp_path / "runs").err
    assert "differ by less than float32" in told and "target_transform: standardize" in told
