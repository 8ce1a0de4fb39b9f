"""Metrics in a run: what stops it, where their values stand, and what is asked of the data."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn

from dlcli.artifacts.checkpoint import Checkpoint
from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.config import load_config
from dlcli.engine.metrics import MetricSet
from dlcli.errors import ArtifactError, ConfigError
from dlcli.pipeline import measures
from dlcli.pipeline.interruption import Interrupted
from tests.cli.calls import dlcli, refused
from tests.cli.calls import train as called
from tests.exactness.runs import (
    SMALL,
    assert_same,
    changed,
    content,
    resume,
    stop_after,
    train,
    write,
)

MEASURED: list[Any] = [
    "roc_auc",
    {"type": "average_precision", "name": "ranked"},
    "log_loss",
    "confusion_matrix",
    "recall_per_class",
    {"type": "f1", "name": "mine"},
]
CONFIG = changed(
    SMALL,
    evaluation={"metrics": MEASURED},
    training={
        "epochs": 5,
        "batch_size": 8,
        "shard_size": 3,
        "early_stopping": {"monitor": "val_roc_auc", "patience": 3},
        "checkpoint": {"every_steps": 2},
    },
)
"""Three steps an epoch, and with its end four reports."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    return train(write(folder, CONFIG), folder / "runs")


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def stopped(folder: Path, config: dict[str, Any], reports: int, workers: int = 1) -> Path:
    with pytest.raises(Interrupted):
        train(write(folder, config), folder / "runs", workers, stop_after(reports))
    return folder / "runs" / "small-0001"


@pytest.mark.parametrize(("reports", "workers"), [(1, 2), (2, 3), (3, 1), (4, 2), (6, 1), (11, 3)])
def test_a_stop_in_an_epoch_changes_no_bit_of_metrics_over_rows(
    reports: int, workers: int, whole: Path, tmp_path: Path
) -> None:
    run = stopped(tmp_path, CONFIG, reports, workers)
    resume(run, 4 - workers)
    assert_same(content(run), content(whole))


@pytest.mark.parametrize("workers", [2, 3])
def test_the_number_of_workers_changes_no_bit(workers: int, whole: Path, tmp_path: Path) -> None:
    run = train(write(tmp_path, CONFIG), tmp_path / "runs", workers)
    assert_same(content(run), content(whole))


@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_that_is_cut_short_is_resumed_alike(shuffle: bool, tmp_path: Path) -> None:
    config = changed(CONFIG, training__max_steps=5, training__shuffle=shuffle)
    expected = content(train(write(tmp_path / "a", config), tmp_path / "a" / "runs"))
    run = stopped(tmp_path / "b", config, 5)
    resume(run)
    assert_same(content(run), expected)


def test_the_answers_so_far_are_in_a_checkpoint_and_nowhere_behind_an_epoch(
    tmp_path: Path,
) -> None:
    for reports, rows in ((2, 16), (3, 24), (4, 0)):
        run = stopped(tmp_path / str(reports), CONFIG, reports)
        last = Checkpoints(RunDirectory(run)).load()
        assert last is not None
        assert last.counts["row_scores"].shape == (rows, 1)
        assert last.counts["row_targets"].shape == (rows,)


FORGED: dict[str, Any] = {
    "an answer that is not finite": ("row_scores", lambda a: a * np.float32(np.nan)),
    "a class that there is not": ("row_targets", lambda a: a + np.int32(2)),
    "a class below 0": ("row_targets", lambda a: a - np.int32(2)),
    "another type": ("row_scores", lambda a: a.astype(np.float64)),
    "fewer rows": ("row_scores", lambda a: a[1:]),
    "no answers": ("row_scores", None),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_answers_are_refused(name: str, tmp_path: Path) -> None:
    run = stopped(tmp_path, CONFIG, 6)
    store = Checkpoints(RunDirectory(run))
    last = store.load()
    assert last is not None
    key, change = FORGED[name]
    counts = dict(last.counts)
    found = counts.pop(key)
    if change is not None:
        counts[key] = change(found)
    other = Checkpoint(last.parameters, last.optimizer, last.state, counts)
    history = store.history()
    store.save(other, None, history)
    with pytest.raises(ArtifactError, match="does not belong to this config"):
        resume(run)


def test_what_is_best_and_when_it_stops_is_what_the_metric_says(whole: Path) -> None:
    values = [line["val_roc_auc"] for line in lines(whole)]
    assert len(set(values)) > 1
    best = int(np.argmax(values))
    call = dlcli("evaluate", whole, "--split", "validation", "--json")
    assert json.loads(call.out)["metrics"]["roc_auc"] == values[best]


def test_the_lines_of_epochs_hold_numbers_and_the_evaluation_everything(whole: Path) -> None:
    names = ["loss", "log_loss", "mine", "ranked", "roc_auc"]
    for line in lines(whole):
        assert list(line) == ["epoch", "step", *names, *(f"val_{name}" for name in names)]
        assert all(isinstance(line[name], float) for name in names)
    found = json.loads((whole / "evaluation.json").read_bytes())["test"]["metrics"]
    assert set(found) == {*names, "confusion_matrix", "recall_per_class"}


@pytest.fixture
def as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Histories hold lists and matrices, as they did in earlier versions."""
    monkeypatch.setattr(MetricSet, "scalars", property(lambda self: list(self.metrics)))


def test_a_run_that_was_begun_with_lists_in_its_history_goes_on_with_them(
    as_before: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = changed(SMALL, evaluation={"metrics": ["accuracy", "confusion_matrix"]})
    expected = train(write(tmp_path / "a", config), tmp_path / "a" / "runs")
    assert "val_confusion_matrix" in lines(expected)[-1]
    run = stopped(tmp_path / "b", config, 7)
    monkeypatch.undo()
    resume(run, 2)
    assert_same(content(run), content(expected))
    call = dlcli("reproduce", run)
    assert call.code == 0, call.err
    assert "identical" in call.out


def test_the_console_names_the_class_that_a_metric_speaks_of(whole: Path) -> None:
    out = dlcli("evaluate", whole).out
    for name in ("roc_auc (yes)", "ranked (yes)", "mine (yes)", "confusion matrix"):
        assert name in out
    assert "log_loss (" not in out


@pytest.mark.parametrize(
    ("gate", "code", "words"),
    [
        ("roc_auc>=0", 0, "roc_auc"),
        ("ranked<=1", 0, "ranked"),
        ("mine>=2", 8, "mine >= 2"),
        ("recall[yes]>=0", 0, "recall[yes]"),
        ("f1>=0", 2, "Add it to evaluation.metrics"),
        ("balanced_accuracy>=0", 2, "Add it to evaluation.metrics"),
        ("f1_per_class>=0", 2, "name one class, 'f1[CLASS]'"),
        ("roc_auc[yes]>=0", 2, "by class there are precision, recall and f1, not 'roc_auc'"),
    ],
)
def test_gates_know_what_the_metrics_say_of_themselves(
    gate: str, code: int, words: str, whole: Path
) -> None:
    call = dlcli("evaluate", whole, "--expect", gate)
    assert call.code == code, call.err
    assert words in call.err


def _said(folder: Path, config: dict[str, Any], *metrics: Any) -> str:
    path = write(folder, changed(config, evaluation={"metrics": list(metrics)}))
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1))
    return refused(called(path, folder / "runs"), 2)


def _points_at(said: str, text: str) -> bool:
    return any(text in line for line in said.splitlines()[1:])


DIGITS = {
    "name": "small",
    "data": {"source": "digits"},
    "model": {"layers": ["flatten", {"type": "dense", "units": 10, "activation": "softmax"}]},
    "loss": "sparse_categorical_crossentropy",
    "optimizer": "adam",
    "training": {"epochs": 1, "max_steps": 1},
}


def test_a_k_that_says_nothing_is_refused_at_its_metric(tmp_path: Path) -> None:
    said = _said(tmp_path, DIGITS, "accuracy", {"type": "top_k_accuracy", "k": 10})
    assert "top_k_accuracy_10 says nothing: with k 10 of 10 classes it is always 1" in said


def test_weights_that_there_are_not_are_refused_on_their_line(tmp_path: Path) -> None:
    said = _said(tmp_path, DIGITS, "accuracy", {"type": "f1", "weighted": True})
    assert "the rows of this data have no weights; leave it out of `f1`" in said
    assert _points_at(said, '"weighted": true')
    loaded = load_config(tmp_path / "small.yaml")
    measures.require_weights(loaded, True)
    with pytest.raises(ConfigError, match="have no weights"):
        measures.require_weights(loaded, False)


def test_metrics_that_are_weighted_are_scikit_learns(tmp_path: Path) -> None:
    rows = np.random.Generator(np.random.PCG64(2)).standard_normal((90, 3))
    true = (rows[:, 0] + 0.5 * rows[:, 2] > 0).astype(int)
    weight = np.round(np.abs(rows[:, 1]), 2)
    for name, part in (("train", slice(0, 50)), ("test", slice(50, 90))):
        lines = ["a,b,c,w,y"]
        for row, own, target in zip(rows[part], weight[part], true[part], strict=True):
            lines.append(",".join(map(repr, [*row.tolist(), float(own), int(target)])))
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    words = ["roc_auc", "average_precision", "accuracy", "log_loss"]
    config = changed(
        SMALL,
        data__source={
            "type": "csv", "path": "train.csv", "test_path": "test.csv", "target": "y",
            "weight": "w",
        },
        data__split={"validation": 0.2},
        evaluation={"metrics": [*words, *({"type": word, "weighted": True} for word in words)]},
    )  # fmt: skip
    run = train(write(tmp_path, config), tmp_path / "runs")
    found = json.loads((run / "evaluation.json").read_bytes())["test"]["metrics"]
    printed = dlcli("predict", run, tmp_path / "test.csv")
    table = list(csv.DictReader(io.StringIO(printed.out)))
    (column,) = [name for name in table[0] if name.startswith("p_")]
    p, t = np.array([float(row[column]) for row in table]), true[50:]
    for name, w in (("", None), ("weighted_", weight[50:])):
        expected = {
            "roc_auc": sklearn.roc_auc_score(t, p, sample_weight=w),
            "average_precision": sklearn.average_precision_score(t, p, sample_weight=w),
            "accuracy": sklearn.accuracy_score(t, p > 0.5, sample_weight=w),
            "log_loss": sklearn.log_loss(t, p, sample_weight=w),
        }
        for word, value in expected.items():
            assert found[name + word] == pytest.approx(value, rel=1e-6), name + word
    assert found["weighted_log_loss"] != found["log_loss"]


def test_a_metric_that_suits_the_loss_but_not_what_it_learns(tmp_path: Path) -> None:
    rows = np.random.Generator(np.random.PCG64(1)).standard_normal((40, 3))
    np.savez(tmp_path / "d.npz", x=rows, y=(rows[:, :2] > 0).astype(np.float32))
    config = changed(
        DIGITS,
        data={"source": {"type": "npz", "path": "d.npz"}},
        model={"layers": [{"type": "dense", "units": 2, "activation": "sigmoid"}]},
        loss="binary_crossentropy",
    )
    said = _said(tmp_path, config, "accuracy", "matthews")
    assert "matthews does not suit this model, whose loss says that it judges each of" in said
    assert _points_at(said, '"matthews"')
    assert "`top_k_accuracy` does not suit the classification loss" in _said(
        tmp_path, config, "top_k_accuracy"
    )


def test_a_part_in_which_a_metric_has_no_value_is_refused(tmp_path: Path) -> None:
    config = changed(
        SMALL,
        data__source={
            "type": "csv", "path": "small.csv", "test_path": "test.csv", "target": "kind"
        },
        data__split={"validation": 0.2},
    )  # fmt: skip
    (tmp_path / "test.csv").write_text("a,b,kind\n1,2,yes\n3,4,yes\n")
    said = _said(tmp_path, config, "accuracy", "roc_auc")
    assert "the metric `roc_auc` is not defined for the test part: all its rows are of one" in said
    assert _points_at(said, '"roc_auc"')
    config = changed(config, evaluation={"metrics": ["average_precision", "accuracy"]})
    found = json.loads(
        (train(write(tmp_path, config), tmp_path / "runs") / "evaluation.json").read_bytes()
    )
    assert found["test"]["metrics"]["average_precision"] == 1.0


def test_more_answers_than_there_is_room_for_are_refused_with_the_figure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(measures, "ROOM", 2**16)
    said = _said(tmp_path, DIGITS, "accuracy", "roc_auc")
    rows = 1258 + 359 + 1258  # to train on, of the largest other part, and of the largest part
    assert f"(44 bytes for each of {rows:,} rows that are kept)" in said
    assert _points_at(said, '"roc_auc"')
    monkeypatch.setattr(measures, "ROOM", 44 * rows)
    config = changed(DIGITS, evaluation={"metrics": ["roc_auc"]})
    train(write(tmp_path, config), tmp_path / "runs")
