"""Every metric against a naive count and against values known from scikit-learn's manual."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.engine.layer import Array
from dlcli.engine.metrics import METRICS, Confusion, Kind, MetricError, MetricSet, Value

CLASSIFICATION = sorted(n for n, kind in METRICS.items() if getattr(kind, "reads", 0) is Confusion)
OF_LABELS = [name for name in CLASSIFICATION if "multilabel" in METRICS[name].suits]
REGRESSION = sorted(name for name, kind in METRICS.items() if "regression" in kind.suits)


def evaluate(name: str, kind: Kind, classes: int, y: Array, t: Array) -> Value:
    metrics = MetricSet([name], kind, classes)
    return metrics.values(metrics.tally(y, t))[name]


def of_answers(name: str, true: list[int], answered: list[int], classes: int) -> Value:
    """The value of a metric for answers given as class ids."""
    return evaluate(name, "multiclass", classes, np.eye(classes)[answered], np.array(true))


# --- classification -------------------------------------------------------------------------------

TRUE, ANSWERED = [0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1]  # the example of scikit-learn's manual

# name: (three classes as above, two classes TWO_TRUE, TWO_ANSWERED)
TWO_TRUE, TWO_ANSWERED = [0, 1, 0, 1, 0, 1, 0, 0], [0, 1, 1, 1, 0, 0, 0, 0]
KNOWN: dict[str, tuple[Value, Value]] = {
    "accuracy": (1 / 3, 6 / 8),
    "precision": (2 / 9, 2 / 3),
    "precision_weighted": (2 / 9, (5 * (4 / 5) + 3 * (2 / 3)) / 8),
    "precision_per_class": ([2 / 3, 0.0, 0.0], [4 / 5, 2 / 3]),
    "recall": (1 / 3, 2 / 3),
    "recall_weighted": (1 / 3, 6 / 8),
    "recall_per_class": ([1.0, 0.0, 0.0], [4 / 5, 2 / 3]),
    "f1": (0.8 / 3, 2 / 3),
    "f1_weighted": (0.8 / 3, (5 * 0.8 + 3 * (2 / 3)) / 8),
    "f1_per_class": ([0.8, 0.0, 0.0], [0.8, 2 / 3]),
    "balanced_accuracy": (1 / 3, (4 / 5 + 2 / 3) / 2),
    "matthews": (0.0, (4 * 2 - 1 * 1) / math.sqrt(5 * 3 * 5 * 3)),
    "confusion_matrix": ([[2, 0, 0], [1, 0, 1], [0, 2, 0]], [[4, 1], [1, 2]]),
}


def test_every_registered_metric_has_a_known_value() -> None:
    assert KNOWN.keys() == set(CLASSIFICATION)
    assert KNOWN_ERRORS.keys() == set(REGRESSION)


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_three_classes_give_the_known_values(name: str) -> None:
    value = of_answers(name, TRUE, ANSWERED, 3)
    np.testing.assert_allclose(np.array(value), np.array(KNOWN[name][0]), rtol=1e-15)


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_two_classes_score_the_second_with_one_output_or_two(name: str) -> None:
    expected = np.array(KNOWN[name][1])
    probability = np.where(np.array(TWO_ANSWERED), 0.75, 0.25).reshape(-1, 1)
    one_output = evaluate(name, "binary", 2, probability, np.array(TWO_TRUE))
    np.testing.assert_allclose(np.array(one_output), expected, rtol=1e-15)
    two_outputs = of_answers(name, TWO_TRUE, TWO_ANSWERED, 2)
    assert two_outputs == one_output


def naive_scores(true: list[int], answered: list[int], classes: int) -> dict[str, Value]:
    """By counting, in exact fractions."""

    def ratio(above: int, below: int) -> Fraction:
        return Fraction(above, below) if below else Fraction(0)

    pairs = list(zip(true, answered, strict=True))
    right = [pairs.count((c, c)) for c in range(classes)]
    scores = {
        "precision": [ratio(right[c], answered.count(c)) for c in range(classes)],
        "recall": [ratio(right[c], true.count(c)) for c in range(classes)],
        "f1": [ratio(2 * right[c], true.count(c) + answered.count(c)) for c in range(classes)],
    }
    present = sorted(set(true) | set(answered))
    naive: dict[str, Value] = {
        "accuracy": sum(a == b for a, b in pairs) / len(pairs),
        "confusion_matrix": [[pairs.count((a, b)) for b in range(classes)] for a in range(classes)],
    }
    for name, each in scores.items():
        mean = sum(each[c] for c in present) / len(present)
        naive[name] = float(each[1] if classes == 2 else mean)
        naive[f"{name}_weighted"] = float(sum(each[c] for c in true) / len(true))
        naive[f"{name}_per_class"] = [float(score) for score in each]
    return naive


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 5).flatmap(
        lambda classes: st.tuples(
            st.just(classes),
            st.lists(
                st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)),
                min_size=1,
                max_size=20,
            ),
        )
    )
)
def test_scores_are_those_of_counting(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    classes, pairs = drawn
    true, answered = [a for a, _ in pairs], [b for _, b in pairs]
    for name, expected in naive_scores(true, answered, classes).items():
        value = of_answers(name, true, answered, classes)
        np.testing.assert_allclose(np.array(value), np.array(expected), rtol=1e-14)


def test_classes_that_never_occur_are_left_out_of_the_plain_mean() -> None:
    # scikit-learn: precision_score([0, 0, 1], [0, 1, 1], average="macro") is 0.75
    assert of_answers("precision", [0, 0, 1], [0, 1, 1], 4) == 0.75
    assert of_answers("precision_per_class", [0, 0, 1], [0, 1, 1], 4) == [1.0, 0.5, 0.0, 0.0]
    # a class that is only ever answered, never true, counts
    assert of_answers("recall", [0, 0, 1], [0, 3, 1], 4) == 0.5


def test_of_equally_probable_classes_the_first_is_the_answer() -> None:
    y = np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]], np.float32)
    assert evaluate("accuracy", "multiclass", 3, y, np.array([0, 1])) == 1.0
    half = np.array([[0.5]], np.float32)
    assert evaluate("accuracy", "binary", 2, half, np.array([0])) == 1.0


def test_one_hot_targets_count_as_their_class_ids() -> None:
    y, ids = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]]), np.array([0, 1])
    for name in CLASSIFICATION:
        assert evaluate(name, "multiclass", 3, y, np.eye(3)[ids]) == evaluate(
            name, "multiclass", 3, y, ids
        )


def test_each_of_several_labels_counts_on_its_own() -> None:
    y = np.array([[0.9, 0.2, 0.6], [0.4, 0.8, 0.1]])
    t = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    counts = evaluate("confusion_matrix", "multilabel", 3, y, t)
    assert counts == [[[0, 0], [1, 1]], [[1, 0], [0, 1]], [[1, 1], [0, 0]]]
    assert evaluate("accuracy", "multilabel", 3, y, t) == 4 / 6
    assert evaluate("precision_per_class", "multilabel", 3, y, t) == [1.0, 1.0, 0.0]
    assert evaluate("recall_per_class", "multilabel", 3, y, t) == [0.5, 1.0, 0.0]
    assert evaluate("recall", "multilabel", 3, y, t) == 0.5
    assert evaluate("recall_weighted", "multilabel", 3, y, t) == (2 * 0.5 + 1.0) / 3


def test_an_answer_that_is_nan_is_wrong_for_its_label_alone() -> None:
    y = np.array([[np.nan, 0.9], [0.9, 0.1]])
    t = np.array([[1.0, 1.0], [1.0, 0.0]])
    assert evaluate("recall_per_class", "multilabel", 2, y, t) == [0.5, 1.0]
    assert evaluate("accuracy", "multilabel", 2, y, t) == 3 / 4


@pytest.mark.parametrize("where", [0, 1, 2])
def test_a_row_with_a_nan_is_a_wrong_answer(where: int) -> None:
    y = np.eye(3, dtype=np.float32)
    y[0, where] = np.nan
    t = np.array([0, 1, 2])
    assert evaluate("accuracy", "multiclass", 3, y, t) == 2 / 3
    assert evaluate("recall_per_class", "multiclass", 3, y, t) == [0.0, 1.0, 1.0]
    assert evaluate("confusion_matrix", "multiclass", 3, y, t) == [[0, 0, 0], [0, 1, 0], [0, 0, 1]]
    one_output = np.array([[np.nan], [0.1]], np.float32)
    assert evaluate("accuracy", "binary", 2, one_output, np.array([0, 0])) == 0.5


# --- regression -----------------------------------------------------------------------------------

ONE_TRUE, ONE_ANSWERED = [3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0]
MANY_TRUE = [[0.5, 1.0], [-1.0, 1.0], [7.0, -6.0]]
MANY_ANSWERED = [[0.0, 2.0], [-1.0, 2.0], [8.0, -5.0]]

# the examples of scikit-learn's manual: (one output, two outputs)
KNOWN_ERRORS = {
    "mean_squared_error": (0.375, 0.7083333333333334),
    "mean_absolute_error": (0.5, 0.75),
    "root_mean_squared_error": (0.375**0.5, 0.8227486121839513),
    "mean_absolute_percentage_error": (
        (0.5 / 3 + 1 + 0 + 1 / 7) / 4,
        ((0.5 / 0.5 + 0 + 1 / 7) / 3 + (1 + 1 + 1 / 6) / 3) / 2,
    ),
    "r2": (0.9486081370449679, (0.9654377880184332 + 0.9081632653061225) / 2),
}


@pytest.mark.parametrize("name", REGRESSION)
def test_regressions_give_the_known_values(name: str) -> None:
    one, many = KNOWN_ERRORS[name]
    y, t = np.array(ONE_ANSWERED).reshape(-1, 1), np.array(ONE_TRUE)
    assert evaluate(name, "regression", 1, y, t) == pytest.approx(one, rel=1e-14)
    y, t = np.array(MANY_ANSWERED), np.array(MANY_TRUE)
    assert evaluate(name, "regression", 2, y, t) == pytest.approx(many, rel=1e-14)


@pytest.mark.parametrize(
    ("true", "answered", "expected"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 1.0),
        ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0], 0.0),
        ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], -3.0),
        ([-2.0, -2.0, -2.0], [-2.0, -2.0, -2.0], 1.0),
        ([-2.0, -2.0, -2.0], [-2.0, -2.0, -2.0 + 1e-8], 0.0),
        ([0.1] * 10, [0.1] * 10, 1.0),  # ten times 0.1 * 0.1 is not exactly its mean
        ([0.1] * 10, [0.2] * 10, 0.0),
        ([5.0], [4.0], 0.0),
    ],
)
def test_r2_follows_the_conventions(
    true: list[float], answered: list[float], expected: float
) -> None:
    value = evaluate("r2", "regression", 1, np.array(answered).reshape(-1, 1), np.array(true))
    assert value == pytest.approx(expected, abs=1e-12)


def test_r2_of_targets_far_from_zero_keeps_its_digits() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    offsets, errors = rng.standard_normal(5000), 0.5 * rng.standard_normal(5000)
    exact = 1 - (errors**2).sum() / ((offsets - offsets.mean()) ** 2).sum()
    for mean, center, tolerance in ((1e3, 0.0, 1e-8), (1e9, 1e9 + 2.0, 1e-6)):
        t = mean + offsets
        metrics = MetricSet(["r2"], "regression", 1, centers=(center,))
        value = metrics.values(metrics.tally((t + errors).reshape(-1, 1), t))["r2"]
        assert value == pytest.approx(exact, rel=tolerance)


def test_r2_of_outputs_of_unlike_size_is_the_mean_of_their_own() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    sizes, places = np.array([1e-170, 1.0, 1e30]), np.array([0.0, 1e9, -1e35])
    offsets, errors = rng.standard_normal((500, 3)), 0.5 * rng.standard_normal((500, 3))
    exact = 1 - (errors**2).sum(axis=0) / ((offsets - offsets.mean(axis=0)) ** 2).sum(axis=0)
    t, y = places + sizes * offsets, places + sizes * (offsets + errors)
    scales = tuple(2.0 ** np.round(np.log2(sizes)))
    metrics = MetricSet(["r2"], "regression", 3, centers=tuple(places), scales=scales)
    value = metrics.values(metrics.tally(y, t))["r2"]
    assert value == pytest.approx(exact.mean(), rel=1e-6)


def test_outputs_of_any_shape_are_averaged() -> None:
    y, t = np.zeros((4, 2, 3), np.float32), np.ones((4, 2, 3), np.float32)
    assert evaluate("mean_squared_error", "regression", 6, 3 * y + 3, t) == 4.0


@pytest.mark.parametrize("name", REGRESSION)
def test_nan_predictions_show_in_the_errors(name: str) -> None:
    for t in ([1.0, 2.0], [1.0, 1.0]):
        value = evaluate(name, "regression", 1, np.array([[np.nan], [1.0]]), np.array(t))
        assert isinstance(value, float)
        assert math.isnan(value)


# --- the set --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "classes", "names"),
    [
        ("multiclass", 4, CLASSIFICATION),
        ("binary", 2, CLASSIFICATION),
        ("multilabel", 3, OF_LABELS),
        ("regression", 2, REGRESSION),
    ],
)
def test_tallies_of_shards_add_up_to_those_of_all_rows(
    kind: Kind, classes: int, names: list[str]
) -> None:
    rng = np.random.Generator(np.random.PCG64(5))
    columns = 1 if kind == "binary" else classes
    y = rng.random((50, columns), np.float32)
    t = rng.random((50, classes)) if kind == "regression" else rng.integers(0, classes, 50)
    t = rng.integers(0, 2, (50, classes)) if kind == "multilabel" else t
    metrics = MetricSet(names, kind, classes)
    total = metrics.zeros()
    assert [tally.shape for tally in total] == metrics.tally_shapes
    for rows in np.split(np.arange(50), [7, 8, 30]):
        for sums, part in zip(total, metrics.tally(y[rows], t[rows]), strict=True):
            assert part.dtype == sums.dtype
            sums += part
    together, apart = metrics.values(metrics.tally(y, t)), metrics.values(total)
    assert list(together) == names
    for name in names:
        np.testing.assert_allclose(np.array(apart[name]), np.array(together[name]), rtol=1e-13)


def test_metrics_of_one_family_share_one_tally() -> None:
    assert len(MetricSet(CLASSIFICATION, "multiclass", 3).zeros()) == 1
    errors = [name for name in REGRESSION if name != "mean_absolute_percentage_error"]
    assert len(MetricSet(errors, "regression", 3).zeros()) == 1
    assert MetricSet([], "binary", 2).tally(np.ones((1, 1)), np.ones(1)) == []


@pytest.mark.parametrize(
    ("kind", "names"), [("multiclass", CLASSIFICATION), ("regression", REGRESSION)]
)
def test_of_no_rows_every_value_is_a_number(kind: Kind, names: list[str]) -> None:
    metrics = MetricSet(names, kind, 3)
    for value in metrics.values(metrics.zeros()).values():
        assert not np.array(value, np.float64).any()


@pytest.mark.parametrize("name", [*CLASSIFICATION, *REGRESSION])
def test_values_are_plain_python_numbers(name: str) -> None:
    value = (
        of_answers(name, TRUE, ANSWERED, 3)
        if name in CLASSIFICATION
        else evaluate(name, "regression", 1, np.ones((2, 1), np.float32), np.zeros(2))
    )
    flat = [value] if isinstance(value, float) else value
    for item in flat:
        assert all(type(x) is int for x in item) if isinstance(item, list) else type(item) is float


def test_a_metric_that_does_not_suit_is_refused_with_those_that_do() -> None:
    with pytest.raises(MetricError, match=r"r2 does not suit .* tells classes apart.*accuracy"):
        MetricSet(["accuracy", "r2"], "multiclass", 3)
    with pytest.raises(MetricError, match=r"accuracy does not suit .* predicts numbers.*r2"):
        MetricSet(["accuracy"], "regression", 1)
    with pytest.raises(MetricError, match=r"matthews does not suit .* several labels.*roc_auc"):
        MetricSet(["accuracy", "matthews"], "multilabel", 3)
    with pytest.raises(MetricError, match=r"top_k_accuracy says nothing: with k 5 of 5 classes"):
        MetricSet(["top_k_accuracy"], "multiclass", 5)
