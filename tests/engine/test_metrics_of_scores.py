"""Every metric with weights of rows, and those that depend on scores, against scikit-learn."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn

from dlcli.engine.layer import Array
from dlcli.engine.metrics import METRICS, Kind, Metric, MetricSet, Value

SIZES: dict[Kind, int] = {"multiclass": 4, "binary": 2, "multilabel": 3, "regression": 2}
EPS = float(np.finfo(np.float32).eps)


def value(
    metric: Metric, kind: Kind, classes: int, y: Array, t: Array, weights: Array | None = None
) -> Value:
    """Worked out in three shards, the last one first."""
    metrics = MetricSet({"it": metric}, kind, classes)
    total, answered = metrics.zeros(), metrics.answered(len(y))
    for rows in reversed(np.array_split(np.arange(len(y)), min(3, len(y)))):
        own = None if weights is None else weights[rows]
        for place, part in enumerate(metrics.tally(y[rows], t[rows], own)):
            whole = _counts(metric) or place > 0  # beside weights, what occurs at all
            assert part.dtype == total[place].dtype == (np.int64 if whole else np.float64)
            total[place] += part
        if answered is not None:
            answered.put(rows, y[rows], t[rows], own)
    found = None if answered is None else answered.at(slice(0, len(y)))
    return metrics.values(total, found)["it"]


def _counts(metric: Metric) -> bool:
    reads = getattr(metric, "reads", None)
    return not metric.weighted and reads is not None and reads.__name__ in ("Confusion", "Ranks")


def drawn(kind: Kind, seed: int) -> tuple[Array, Array, Array]:
    """Answers, many of which are equal, targets, and weights, some of which are 0."""
    draw, rows, size = np.random.Generator(np.random.PCG64(seed)), 60, SIZES[kind]
    weights = draw.integers(0, 5, rows) * 0.3
    if kind == "regression":
        t = draw.standard_normal((rows, size)) + np.array([3.0, -2.0])
        return (t + 0.5 * draw.standard_normal((rows, size))).astype(np.float32), t, weights
    columns = 1 if kind == "binary" else size
    y = np.round(draw.random((rows, columns)), 1).astype(np.float32)
    if kind == "multiclass":
        y = np.array([[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.4, 0.1], [0.0, 0.0, 1.0, 0.0]])[
            draw.integers(0, 3, rows)
        ].astype(np.float32)
        y = np.take_along_axis(y, draw.permuted(np.tile(np.arange(4), (rows, 1)), axis=1), axis=1)
    t = draw.integers(0, size, rows)
    return y, draw.integers(0, 2, (rows, size)) if kind == "multilabel" else t, weights


def _answers(kind: Kind, y: Array) -> Array:
    if kind == "multiclass":
        return np.asarray(y.argmax(axis=1))
    return (y > 0.5).astype(int) if kind == "multilabel" else (y[:, 0] > 0.5).astype(int)


def _averaged(score: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    def plain(kind: Kind, y: Array, t: Array, w: Array) -> Any:
        average = "binary" if kind == "binary" else "macro"
        return score(t, _answers(kind, y), average=average, sample_weight=w, zero_division=0)

    def by(average: str | None) -> Callable[..., Any]:
        return lambda kind, y, t, w: score(
            t, _answers(kind, y), average=average, sample_weight=w, zero_division=0
        )

    return {"": plain, "_weighted": by("weighted"), "_per_class": by(None)}


def _accuracy(kind: Kind, y: Array, t: Array, w: Array) -> float:
    if kind == "multilabel":
        return 1.0 - float(sklearn.hamming_loss(t, _answers(kind, y), sample_weight=w))
    return float(sklearn.accuracy_score(t, _answers(kind, y), sample_weight=w))


def _confusion(kind: Kind, y: Array, t: Array, w: Array) -> Any:
    if kind == "multilabel":
        return sklearn.multilabel_confusion_matrix(t, _answers(kind, y), sample_weight=w)
    return sklearn.confusion_matrix(t, _answers(kind, y), sample_weight=w)


def _roc_auc(kind: Kind, y: Array, t: Array, w: Array) -> Any:
    if kind == "multiclass":
        return sklearn.roc_auc_score(t, y, multi_class="ovr", sample_weight=w)
    return sklearn.roc_auc_score(t, y if kind == "multilabel" else y[:, 0], sample_weight=w)


def _of_answers(score: Callable[..., Any]) -> Callable[..., Any]:
    return lambda kind, y, t, w: score(t, _answers(kind, y), sample_weight=w)


def _of_numbers(score: Callable[..., Any]) -> Callable[..., Any]:
    return lambda kind, y, t, w: score(t, y, sample_weight=w)


def _scores(kind: Kind, y: Array) -> Array:
    return y[:, 0] if kind == "binary" else y


EXPECTED: dict[str, Callable[..., Any]] = {
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
    "balanced_accuracy": _of_answers(sklearn.balanced_accuracy_score),
    "matthews": _of_answers(sklearn.matthews_corrcoef),
    "roc_auc": _roc_auc,
    "average_precision": lambda kind, y, t, w: sklearn.average_precision_score(
        t, _scores(kind, y), sample_weight=w
    ),
    "log_loss": lambda kind, y, t, w: sklearn.log_loss(t, _scores(kind, y), sample_weight=w),
    # Of equal scores scikit-learn takes the higher id first, and dlcli the lower one.
    "top_k_accuracy": lambda kind, y, t, w: sklearn.top_k_accuracy_score(
        3 - t, y[:, ::-1], k=2, sample_weight=w
    ),
    "mean_squared_error": _of_numbers(sklearn.mean_squared_error),
    "root_mean_squared_error": _of_numbers(sklearn.root_mean_squared_error),
    "mean_absolute_error": _of_numbers(sklearn.mean_absolute_error),
    "mean_absolute_percentage_error": _of_numbers(sklearn.mean_absolute_percentage_error),
    "r2": _of_numbers(sklearn.r2_score),
}
CASES = [(word, kind) for word, metric in METRICS.items() for kind in metric.suits]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("word", "kind"), CASES)
def test_a_metric_is_scikit_learns_with_weights_and_without(
    word: str, kind: Kind, seed: int
) -> None:
    y, t, weights = drawn(kind, seed)
    options = {"k": 2} if word == "top_k_accuracy" else {}
    for weighted in (False, True):
        found = value(METRICS[word](weighted=weighted, **options), kind, SIZES[kind], y, t, weights)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the rows of a drawing do not sum to 1
            expected = EXPECTED[word](kind, y, t, weights if weighted else None)
        tolerance = 1e-6 if word == "log_loss" else 1e-12
        np.testing.assert_allclose(np.array(found), np.array(expected), rtol=tolerance, atol=1e-15)


@pytest.mark.parametrize(("word", "kind"), CASES)
def test_without_weights_each_row_weighs_1(word: str, kind: Kind) -> None:
    y, t, _ = drawn(kind, 7)
    options = {"k": 2} if word == "top_k_accuracy" else {}
    plain = value(METRICS[word](**options), kind, SIZES[kind], y, t)
    weighted = value(METRICS[word](weighted=True, **options), kind, SIZES[kind], y, t)
    ones = value(METRICS[word](weighted=True, **options), kind, SIZES[kind], y, t, np.ones(60))
    assert weighted == ones
    np.testing.assert_allclose(np.array(weighted), np.array(plain), rtol=1e-12)


@pytest.mark.parametrize(("word", "kind"), CASES)
def test_a_row_of_weight_2_counts_as_two_rows(word: str, kind: Kind) -> None:
    y, t, _ = drawn(kind, 8)
    twice = np.arange(60) % 3 == 0
    options = {"k": 2} if word == "top_k_accuracy" else {}
    rows = np.concatenate((np.arange(60), np.flatnonzero(twice)))
    plain = value(METRICS[word](**options), kind, SIZES[kind], y[rows], t[rows])
    metric = METRICS[word](weighted=True, **options)
    weighted = value(metric, kind, SIZES[kind], y, t, 1.0 + twice)
    np.testing.assert_allclose(np.array(weighted), np.array(plain), rtol=1e-12)


def of(word: str, y: Any, t: Any, kind: Kind = "binary", classes: int = 2, **options: Any) -> Value:
    y = np.array(y, np.float32)
    y = y.reshape(-1, 1) if y.ndim == 1 else y
    return value(METRICS[word](**options), kind, classes, y, np.array(t))


def test_equal_scores_are_one_threshold() -> None:
    assert of("roc_auc", [0.5] * 4, [0, 1, 1, 1]) == 0.5
    assert of("average_precision", [0.5] * 4, [0, 1, 1, 1]) == 0.75
    # Of four pairs of a yes and a no, two are in order and one is a tie.
    assert of("roc_auc", [0.1, 0.4, 0.4, 0.8], [0, 1, 0, 0]) == (1 + 0.5) / 3
    for rows in ([0, 1, 2, 3], [3, 1, 0, 2], [2, 0, 3, 1]):
        y, t = np.array([0.4, 0.4, 0.1, 0.4])[rows], np.array([1, 0, 1, 0])[rows]
        assert of("average_precision", y, t) == 0.5 * (1 / 3) + 0.5 * (2 / 4)


def test_of_equal_probabilities_the_lower_id_is_the_first() -> None:
    y = [[0.2, 0.4, 0.4, 0.0]] * 4
    found = [of("top_k_accuracy", y, [0, 1, 2, 3], "multiclass", 4, k=k) for k in (1, 2, 3)]
    assert found == [0.25, 0.5, 0.75]
    # Keras would count all of these as hits.
    assert of("top_k_accuracy", [[0.25] * 4] * 4, [0, 1, 2, 3], "multiclass", 4, k=1) == 0.25


def test_k_1_is_accuracy() -> None:
    y, t, _ = drawn("multiclass", 9)
    ids = np.eye(4)[t]
    assert of("top_k_accuracy", y, t, "multiclass", 4, k=1) == of("accuracy", y, t, "multiclass", 4)
    assert of("top_k_accuracy", y, ids, "multiclass", 4, k=2) == of(
        "top_k_accuracy", y, t, "multiclass", 4, k=2
    )


def test_a_class_without_rows_is_left_out_of_the_mean() -> None:
    y = np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]])
    t = np.array([0, 0, 1, 1])
    each = [sklearn.roc_auc_score(t == c, y[:, c].astype(np.float32)) for c in (0, 1)]
    assert of("roc_auc", y, t, "multiclass", 3) == pytest.approx(sum(each) / 2, rel=1e-15)
    each = [sklearn.average_precision_score(t == c, y[:, c].astype(np.float32)) for c in (0, 1)]
    assert of("average_precision", y, t, "multiclass", 3) == pytest.approx(sum(each) / 2, rel=1e-15)
    assert of("balanced_accuracy", y, t, "multiclass", 3) == 0.75 - 0.25


def test_a_label_that_never_or_always_holds() -> None:
    y = np.array([[0.7, 0.2, 0.9], [0.4, 0.5, 0.8], [0.6, 0.3, 0.1]])
    t = np.array([[0, 0, 1], [1, 0, 1], [1, 0, 1]])
    assert of("roc_auc", y, t, "multilabel", 3) == 0.0 == sklearn.roc_auc_score(t[:, 0], y[:, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sklearn.average_precision_score(t, y)
    assert of("average_precision", y, t, "multilabel", 3) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("weighted", [False, True])
def test_where_nothing_is_defined_the_value_is_0_and_a_part_is_told_of(weighted: bool) -> None:
    assert of("roc_auc", [0.1, 0.9], [1, 1], weighted=weighted) == 0.0
    assert of("average_precision", [0.1, 0.9], [0, 0], weighted=weighted) == 0.0
    assert of("matthews", [0.1, 0.9], [1, 1], weighted=weighted) == 0.0
    metric = METRICS["roc_auc"]()
    for targets in ([1, 1], [[1.0], [1.0]], [[0, 1], [0, 1]]):
        assert metric.undefined(np.array(targets)) is not None
    for targets in ([1, 0], [[1.0], [0.0]], [[0, 1], [0, 0]]):
        assert metric.undefined(np.array(targets)) is None
    assert METRICS["average_precision"]().undefined(np.array([0, 0])) is None


def test_a_class_whose_rows_weigh_nothing_is_left_out() -> None:
    y, t, _ = drawn("multiclass", 10)
    weights = np.where(t == 3, 0.0, 1.0)
    metric = METRICS["roc_auc"](weighted=True)
    kept = t != 3
    expected = np.mean([sklearn.roc_auc_score(t[kept] == c, y[kept, c]) for c in range(3)])
    found = value(metric, "multiclass", 4, y, t, weights)
    assert found == pytest.approx(expected, rel=1e-12)


def test_of_two_classes_the_second_column_is_the_score() -> None:
    p = np.array([0.1, 0.4, 0.4, 0.8, 0.3], np.float32)
    t = [0, 1, 0, 1, 1]
    for word in ("roc_auc", "average_precision", "log_loss"):
        both = of(word, np.stack([1 - p, p], axis=1), t, "multiclass", 2)
        assert both == of(word, p, t)


def test_certain_answers_that_are_wrong_cost_as_much_as_in_scikit_learn() -> None:
    p, t = np.array([0.0, 1.0, 1e-9, 1.0 - 1e-7], np.float32), [1, 0, 1, 1]
    assert of("log_loss", p, t) == pytest.approx(sklearn.log_loss(t, p), rel=1e-6)
    assert of("log_loss", [1.0], [0]) == pytest.approx(-np.log(EPS), rel=1e-6)


@pytest.mark.parametrize("word", ["roc_auc", "average_precision", "log_loss"])
def test_an_answer_that_is_nan_shows(word: str) -> None:
    found = of(word, [0.5, np.nan, 0.1], [0, 1, 1])
    assert isinstance(found, float) and np.isnan(found)


def test_no_answer_is_no_hit() -> None:
    y = [[np.nan, 0.5, 0.1, 0.1], [0.9, 0.1, 0.0, 0.0], [0.9, 0.1, 0.0, 0.0]]
    assert of("top_k_accuracy", y, [1, 1, 0], "multiclass", 4, k=2) == 2 / 3


@pytest.mark.parametrize("word", [word for word, kind in CASES if kind == "regression"])
def test_weights_of_any_size_give_the_same(word: str) -> None:
    y, t, weights = drawn("regression", 11)
    metric = METRICS[word](weighted=True)
    expected = value(metric, "regression", 2, y, t, weights)
    for factor in (1e-12, 1e12):
        assert value(metric, "regression", 2, y, t, factor * weights) == pytest.approx(
            expected, rel=1e-12
        )


def test_a_percentage_of_0_is_huge_as_in_scikit_learn() -> None:
    y, t = np.array([[1.0], [2.0]], np.float32), np.array([0.0, 1.0])
    expected = sklearn.mean_absolute_percentage_error(t, y)
    found = value(METRICS["mean_absolute_percentage_error"](), "regression", 1, y, t)
    assert found == expected > 1e15


def test_metrics_of_one_tally_share_it_unless_one_weighs() -> None:
    metrics: dict[str, Metric] = {
        "a": METRICS["accuracy"](),
        "b": METRICS["f1"](weighted=True),
        "c": METRICS["recall"](),
        "d": METRICS["matthews"](weighted=True),
    }
    tallies = MetricSet(metrics, "multiclass", 3).zeros()
    assert [tally.dtype for tally in tallies] == [np.int64, np.float64]


def test_only_counts_are_looked_at_while_an_epoch_runs() -> None:
    names = ["roc_auc", "confusion_matrix", "accuracy", "recall_per_class"]
    metrics = MetricSet(names, "multiclass", 3)
    assert list(metrics.running(metrics.zeros())) == ["accuracy"]
    assert list(metrics.values(metrics.zeros())) == names[1:]
    assert metrics.scalars == ["roc_auc", "accuracy"]
    assert metrics.over_rows == ["roc_auc"]
    assert metrics.of_positive == {"roc_auc"}


@pytest.mark.parametrize("kind", ["multiclass", "binary", "multilabel"])
@pytest.mark.parametrize("weighted", [False, True])
def test_answers_that_were_taken_are_put_back(kind: Kind, weighted: bool) -> None:
    y, t, weights = drawn(kind, 12)
    metrics = MetricSet({"it": METRICS["roc_auc"](weighted=weighted)}, kind, SIZES[kind])
    answered, again = metrics.answered(60), metrics.answered(60)
    assert answered is not None and again is not None
    answered.put(np.arange(60), y, t, weights)
    some = np.array([3, 4, 17, 59])
    taken = answered.taken(some)
    assert sum(array.nbytes for array in taken.values()) == 4 * metrics.bytes_of_a_row
    for name, array in answered.empty(4).items():
        assert (array.shape, array.dtype) == (taken[name].shape, taken[name].dtype)
    again.put_back(some, taken)
    for name, array in again.taken(some).items():
        assert np.array_equal(array, taken[name])
    forged = [("scores", np.nan), ("targets", SIZES[kind])]
    forged += [("weights", -1.0), ("weights", np.nan)] if weighted else []
    for name, number in forged:
        other = {**taken, name: taken[name].copy()}
        other[name].reshape(-1)[-1] = number
        with pytest.raises(ValueError, match="impossible answers"):
            again.put_back(some, other)
