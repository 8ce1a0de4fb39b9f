"""`evaluation_curves.json` beside scikit-learn, from what `predict` answers to the same rows."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from dlcli.artifacts.run_directory import EVALUATION_CURVES
from dlcli.pipeline import answer_curves
from tests.cli.calls import dlcli, train

COLUMNS = ["a", "b", "c", "d"]
ROWS = 300


def table(seed: int, rows: int, learned: str) -> tuple[list[str], list[list[Any]]]:
    """Header and rows whose target depends on the features, but not on them alone."""
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=(rows, 4)), 3)
    pull = x @ [[1, -1, 0.5], [0, 1, -1], [1, 1, 0], [0, 0.5, 1]] + rng.normal(size=(rows, 3))
    if learned == "binary":
        targets: list[list[Any]] = [["yes" if one > 0.5 else "no"] for one in pull[:, 0]]
    elif learned == "classes":
        targets = [[("low", "mid", "top")[k]] for k in pull.argmax(axis=1)]
    elif learned == "labels":
        targets = (pull > [0.0, 0.5, 1.0]).astype(int).tolist()
    elif learned == "numbers":
        targets = np.round(100 + 40 * pull[:, :2], 2).tolist()
    else:
        targets = np.round(1000 + 300 * pull[:, :1], 2).tolist()
    names = [f"t{k}" for k in range(len(targets[0]))]
    return [*COLUMNS, *names], [[*row, *t] for row, t in zip(x.tolist(), targets, strict=True)]


ENDS: dict[str, tuple[dict[str, Any], str]] = {
    "binary": ({"units": 1, "activation": "sigmoid"}, "binary_crossentropy"),
    "classes": ({"units": 3, "activation": "softmax"}, "sparse_categorical_crossentropy"),
    "labels": ({"units": 3, "activation": "sigmoid"}, "binary_crossentropy"),
    "numbers": ({"units": 2}, "mean_squared_error"),
    "number": ({"units": 1}, "mean_squared_error"),
}


def trained(folder: Path, learned: str, workers: str = "1") -> tuple[Path, list[list[Any]]]:
    """A run, and the rows of its test part."""
    folder.mkdir(exist_ok=True)
    tested: list[list[Any]] = []
    for name, seed, rows in (("train", 1, 400), ("test", 2, ROWS)):
        header, tested = table(seed, rows, learned)
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *tested])
    targets = header[4:]
    end, loss = ENDS[learned]
    data: dict[str, Any] = {
        "source": {
            "type": "csv", "path": "train.csv", "test_path": "test.csv",
            "target": targets if len(targets) > 1 else targets[0],
        },
        "split": {"validation": 0.2},
        "transforms": ["standardize"],
    }  # fmt: skip
    if learned.startswith("number"):
        data["target_transform"] = "standardize"
    config = {
        "name": learned,
        "seed": 3,
        "data": data,
        "model": {"layers": [{"type": "dense", **end}]},
        "loss": {"type": loss},
        "optimizer": {"type": "adam", "learning_rate": 0.05},
        "training": {"epochs": 2, "batch_size": 32},
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    call = train(folder / "config.yaml", folder / "runs", "--workers", workers)
    return call.run, tested


def predicted(run: Path, folder: Path) -> np.ndarray:
    """What `predict` answers to the test part, without names of classes."""
    call = dlcli("predict", run, folder / "test.csv")
    assert call.code == 0, call.err
    rows = list(csv.DictReader(io.StringIO(call.out)))
    return np.array(
        [[float(v) for name, v in row.items() if name not in ("class", *COLUMNS)] for row in rows]
    )


def curves(run: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((run / EVALUATION_CURVES).read_text())
    return document


@pytest.mark.parametrize("learned", ["binary", "classes", "labels"])
def test_curves_of_classes_are_those_of_scikit_learn(learned: str, tmp_path: Path) -> None:
    run, rows = trained(tmp_path, learned)
    scores = predicted(run, tmp_path)
    document = curves(run)
    assert sorted(document) == ["test", "validation"]
    found = document["test"]
    assert found["rows"] == found["of"] == ROWS
    words = [row[4:] for row in rows]
    if learned == "labels":
        true = np.array(words) == 1
    elif learned == "binary":
        true = np.array(words) == "yes"
    else:
        true = np.array(words) == ["low", "mid", "top"]
    assert [one["class"] for one in found["classes"]] == ([1] if learned == "binary" else [0, 1, 2])
    for column, one in enumerate(found["classes"]):
        yes, own = true[:, column], scores[:, column]
        assert one["yes"] == yes.sum() and one["no"] == (~yes).sum()
        assert one["roc_auc"] == pytest.approx(roc_auc_score(yes, own), rel=1e-12)
        area = average_precision_score(yes, own)
        assert one["average_precision"] == pytest.approx(area, rel=1e-12)
        alarms, hits, thresholds = roc_curve(yes, own, drop_intermediate=False)
        assert 30 <= len(one["points"]) <= 100
        for threshold, h, a in one["points"]:
            # Evaluated beside others and predicted alone, the last bit may differ.
            at = np.abs(thresholds - threshold).argmin()
            assert thresholds[at] == pytest.approx(threshold, rel=1e-6)
            assert (hits[at], alarms[at]) == pytest.approx((h / one["yes"], a / one["no"]))
        assert one["points"][-1][1:] == [one["yes"], one["no"]]
    if learned == "classes":
        what, held, right = "answer", scores.max(axis=1), true[range(ROWS), scores.argmax(axis=1)]
    else:
        what = "yes" if learned == "binary" else "labels"
        held, right = scores.reshape(-1), true.reshape(-1)
    calibration = found["calibration"]
    shares, means = calibration_curve(right, held, n_bins=10)
    assert calibration["of"] == what
    np.testing.assert_allclose([one[1:] for one in calibration["bins"]], [*zip(means, shares)])  # noqa: B905
    assert sum(one[0] for one in calibration["bins"]) == len(held)


@pytest.mark.parametrize("learned", ["number", "numbers"])
def test_pairs_are_the_targets_of_the_file_and_the_answers_of_predict(
    learned: str, tmp_path: Path
) -> None:
    run, rows = trained(tmp_path, learned)
    answers = predicted(run, tmp_path)
    found = curves(run)["test"]
    assert [one["output"] for one in found["outputs"]] == [*range(answers.shape[1])]
    for output, one in enumerate(found["outputs"]):
        assert one["of"] == len(one["points"]) == ROWS
        true, answered = np.array(one["points"]).T
        np.testing.assert_allclose(true, [row[4 + output] for row in rows], rtol=1e-6)
        np.testing.assert_allclose(answered, answers[:, output], rtol=1e-5)


def test_of_many_rows_some_are_drawn_and_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_curves, "_MOST_PAIRS", 50)
    monkeypatch.setattr(answer_curves, "_MOST_NUMBERS", 300)
    for learned, count in (("number", 50), ("classes", 100)):
        folder = tmp_path / learned
        run, rows = trained(folder, learned)
        found = curves(run)["test"]
        assert (found["rows"], found["of"]) == (count, ROWS)
        again, _ = trained(folder, learned, "3")
        assert (run / EVALUATION_CURVES).read_bytes() == (again / EVALUATION_CURVES).read_bytes()
        page = (run / "report.html").read_text()
        assert f"The charts below are of {count} rows, drawn at random from 300." in page
        if learned == "number":
            true = [pair[0] for pair in found["outputs"][0]["points"]]
            targets = [row[4] for row in rows]
            places = [targets.index(one) for one in true]
            assert places == sorted(places) and places != [*range(50)]


def test_numbers_of_rows_that_are_learned_themselves_are_shown_together(tmp_path: Path) -> None:
    _, rows = table(1, 120, "number")
    wide = [[*row[:4], *row[:4], *row[:4], 0] for row in rows]
    with (tmp_path / "train.csv").open("w", newline="") as file:
        names = [f"x{k}" for k in range(12)]
        csv.writer(file).writerows([[*names, "t"], *wide])
    config = {
        "name": "auto",
        "data": {
            "source": {"type": "csv", "path": "train.csv", "target": "t"},
            "split": {"test": 0.5},
            "transforms": ["standardize"],
            "target": "features",
        },
        "model": {"layers": [{"type": "dense", "units": 12}]},
        "loss": {"type": "mean_squared_error"},
        "optimizer": {"type": "sgd", "learning_rate": 0.1},
        "training": {"epochs": 2, "batch_size": 32},
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    run = train(tmp_path / "config.yaml", tmp_path / "runs").run
    (found,) = curves(run)["test"]["outputs"]
    assert found["output"] is None and len(found["points"]) == 500 < found["of"] == 60 * 12
    document = json.loads((run / "evaluation.json").read_text())
    off = [(true - answered) ** 2 for true, answered in found["points"]]
    assert np.mean(off) == pytest.approx(document["test"]["metrics"]["loss"], rel=0.2)


def test_small_errors_of_large_numbers_are_not_rounded_away(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    a = rng.normal(size=300)
    rows = [[x, round(1.7e9 + 10 * x + e, 2)] for x, e in zip(a, rng.normal(size=300), strict=True)]
    with (tmp_path / "train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["a", "t"], *rows])
    config = {
        "name": "large",
        "data": {
            "source": {"type": "csv", "path": "train.csv", "target": "t"},
            "split": {"test": 0.3},
            "target_transform": "standardize",
        },
        "model": {"layers": [{"type": "dense", "units": 1}]},
        "loss": {"type": "mean_squared_error"},
        "optimizer": {"type": "adam", "learning_rate": 0.05},
        "training": {"epochs": 5, "batch_size": 32},
        "evaluation": {"metrics": ["mean_absolute_error"]},
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    run = train(tmp_path / "config.yaml", tmp_path / "runs").run
    (found,) = curves(run)["test"]["outputs"]
    off = [abs(true - answered) for true, answered in found["points"]]
    measured = json.loads((run / "evaluation.json").read_text())["test"]["metrics"]
    assert len(off) == 90
    assert np.mean(off) == pytest.approx(measured["mean_absolute_error"], rel=1e-6)
    words = (run / "report.html").read_text()
    assert "true 17000000" in words or "true 16999999" in words
