"""Every loss: its value, its gradient, its shards, and what it says where it does not suit."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Shape, ShapeError
from dlcli.engine.losses import LOSSES, Loss
from tests.engine.portability import TrackedContext, Used, refused, tracked

RNG = np.random.Generator(np.random.PCG64(3))
ROWS = 7


def normal(*shape: int) -> Array:
    return RNG.standard_normal(shape)


def softmax(row: Array) -> Array:
    e: Array = np.exp(row)
    e /= e.sum()
    return e


def naive_squares(y: Array, t: Array) -> float:
    return float(((y - t) ** 2).mean())


def naive_distances(y: Array, t: Array) -> float:
    return float(np.abs(y - t).mean())


def naive_binary(y: Array, t: Array) -> float:
    s = 1 / (1 + np.exp(-y))
    return float((-t * np.log(s) - (1 - t) * np.log(1 - s)).mean())


def naive_categorical(y: Array, t: Array) -> float:
    return float(-(t * np.log(softmax(y))).sum())


def naive_sparse(y: Array, t: Array) -> float:
    return float(-np.log(softmax(y)[t]))


@dataclass(frozen=True)
class Case:
    """Outputs, targets, and the naive loss of one row."""

    y: Array
    t: Array
    naive: Callable[[Array, Array], float]


IDS = np.array([0, 1, 2, 3, 0, 3, 1])
SOFT = np.abs(normal(ROWS, 4))
CASES = {
    "mean_squared_error": [
        Case(normal(ROWS, 3), normal(ROWS, 3), naive_squares),
        Case(normal(ROWS, 1), normal(ROWS), naive_squares),
        Case(normal(ROWS, 2, 3, 2), normal(ROWS, 2, 3, 2), naive_squares),
    ],
    "mean_absolute_error": [
        Case(normal(ROWS, 3), normal(ROWS, 3), naive_distances),
        Case(normal(ROWS, 1), normal(ROWS), naive_distances),
        Case(normal(ROWS, 2, 3), normal(ROWS, 2, 3), naive_distances),
    ],
    "binary_crossentropy": [
        Case(3 * normal(ROWS, 1), IDS % 2, naive_binary),
        Case(3 * normal(ROWS, 3), (normal(ROWS, 3) > 0).astype(np.float64), naive_binary),
        Case(normal(ROWS, 1), np.linspace(0.0, 1.0, ROWS), naive_binary),
    ],
    "categorical_crossentropy": [
        Case(3 * normal(ROWS, 4), np.eye(4)[IDS], naive_categorical),
        Case(3 * normal(ROWS, 4), IDS, naive_sparse),
        Case(normal(ROWS, 4), SOFT, naive_categorical),  # need not even sum to 1
    ],
    "sparse_categorical_crossentropy": [
        Case(3 * normal(ROWS, 4), IDS, naive_sparse),
        Case(3 * normal(ROWS, 2), IDS % 2, naive_sparse),
    ],
}


def smoothed(name: str, smoothing: float, case: Case) -> Any:
    """The loss with smoothed labels, and its case: the naive loss of targets that were smoothed."""

    def naive(y: Array, t: Array) -> float:
        if name == "binary_crossentropy":
            return naive_binary(y, t * (1 - smoothing) + smoothing / 2)
        one_hot = np.eye(len(y))[int(t)] if np.ndim(t) == 0 else t
        return naive_categorical(y, one_hot * (1 - smoothing) + smoothing / len(y))

    return LOSSES[name](label_smoothing=smoothing), Case(case.y, case.t, naive)  # type: ignore[call-arg]


SMOOTH = [
    pytest.param(*smoothed(name, 0.3, case), id=f"{name}-{i}-smoothed")
    for name in CASES
    if "label_smoothing" in {field.name for field in dataclasses.fields(LOSSES[name])}
    for i, case in enumerate(CASES[name])
]
EACH = [
    *(
        pytest.param(LOSSES[name](), case, id=f"{name}-{i}")
        for name in CASES
        for i, case in enumerate(CASES[name])
    ),
    *SMOOTH,
]
EACH_ONCE = [pytest.param(LOSSES[name](), CASES[name][0], id=name) for name in CASES]


def test_every_registered_loss_has_a_case() -> None:
    assert CASES.keys() == LOSSES.keys()


@pytest.mark.parametrize(("loss", "case"), EACH)
def test_a_row_counts_as_much_as_its_weight_says(loss: Loss, case: Case) -> None:
    weights = np.array([0.0, 2.5, 1.0, 0.5, 3.0, 1.0, 0.25], np.float32)
    naive = [case.naive(y, t) for y, t in zip(case.y, case.t, strict=True)]
    value, dy, _ = loss.judge(case.y, case.t, 1 / ROWS, Context(), weights)
    assert value == pytest.approx(float(np.dot(naive, weights)) / ROWS, rel=1e-14)
    plain = loss.judge(case.y, case.t, 1 / ROWS, Context())[1]
    by_row = weights.reshape(-1, *(1,) * (dy.ndim - 1))
    np.testing.assert_allclose(dy, plain * by_row, rtol=1e-15, atol=0)


def test_three_losses_smooth_labels() -> None:
    assert len({str(one.id).split("-")[0] for one in SMOOTH}) == 3


@pytest.mark.parametrize(("loss", "case"), EACH)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 1e-6)])
def test_the_value_is_the_mean_of_the_naive_formula(
    loss: Loss, case: Case, dtype: Any, tolerance: float
) -> None:
    naive = [case.naive(y, t) for y, t in zip(case.y, case.t, strict=True)]
    value = loss.value(case.y.astype(dtype), case.t, 1 / ROWS)
    assert value == pytest.approx(sum(naive) / ROWS, rel=tolerance)


@pytest.mark.parametrize(("loss", "case"), EACH)
def test_the_gradient_matches_central_differences(loss: Loss, case: Case) -> None:
    _, dy, _ = loss.judge(case.y, case.t, 0.3, Context())
    assert dy.shape == case.y.shape
    step = 1e-5
    for i in range(case.y.size):
        above, below = case.y.copy(), case.y.copy()
        above.reshape(-1)[i] += step
        below.reshape(-1)[i] -= step
        slope = (loss.value(above, case.t, 0.3) - loss.value(below, case.t, 0.3)) / (2 * step)
        assert dy.reshape(-1)[i] == pytest.approx(slope, abs=1e-9, rel=1e-7)


@pytest.mark.parametrize(("loss", "case"), EACH)
def test_values_and_gradients_of_shards_add_up_to_the_batch(loss: Loss, case: Case) -> None:
    y, ctx = case.y.astype(np.float32), Context()
    value, dy, _ = loss.judge(y, case.t, 1 / ROWS, Context())
    total = 0.0
    for a, b in ((0, 3), (3, 4), (4, 7)):
        part, piece, _ = loss.judge(y[a:b], case.t[a:b], 1 / ROWS, ctx)
        total += part
        np.testing.assert_array_equal(piece, dy[a:b])
    assert total == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(("loss", "case"), EACH)
def test_answers_found_on_the_way_are_the_predictions_to_the_bit(loss: Loss, case: Case) -> None:
    y, ctx = case.y.astype(np.float32), Context()
    for a, b in ((0, 3), (3, 7), (6, 7)):
        answers = loss.judge(y[a:b], case.t[a:b], 1 / ROWS, ctx).answers
        np.testing.assert_array_equal(answers, loss.predict(y[a:b]), strict=True)


@pytest.mark.parametrize(("loss", "case"), EACH)
def test_outputs_and_targets_are_left_untouched(loss: Loss, case: Case) -> None:
    y, t = case.y.astype(np.float32), case.t.copy()
    y.flags.writeable = t.flags.writeable = False
    value, dy, _ = loss.judge(y, t, 1 / ROWS, Context())
    assert dy.dtype == np.float32
    assert not np.shares_memory(dy, y)
    assert type(value) is float
    assert loss.value(y, t, 1 / ROWS) == value
    assert loss.predict(y).dtype == np.float32


@pytest.mark.parametrize(("loss", "case"), EACH)
def test_scratch_memory_is_used_again(loss: Loss, case: Case) -> None:
    ctx = Context()
    _, first, _ = loss.judge(case.y, case.t, 1.0, ctx)
    kept = first.copy()
    _, second, _ = loss.judge(case.y, case.t, 1.0, ctx)
    assert np.shares_memory(first, second)
    np.testing.assert_array_equal(second, kept)


@pytest.mark.parametrize(("loss", "case"), EACH)
@pytest.mark.parametrize("size", [1e4, -1e4, 88.8, -104.0])
def test_extreme_outputs_stay_finite(loss: Loss, case: Case, size: float) -> None:
    y = np.full(case.y.shape, -size, np.float32)
    y.reshape(ROWS, -1)[:, 0] = size
    value, dy, _ = loss.judge(y, case.t, 1 / ROWS, Context())
    assert math.isfinite(value) and value > 0.0
    assert np.isfinite(dy).all()
    assert np.isfinite(loss.predict(y)).all()


@pytest.mark.parametrize(("loss", "case"), EACH)
@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_an_output_that_is_not_finite_shows_in_the_value(
    loss: Loss, case: Case, poison: float
) -> None:
    y = case.y.astype(np.float32)
    y[2] = poison
    with np.errstate(all="ignore"):
        value, dy, _ = loss.judge(y, case.t, 1 / ROWS, Context())
        if math.isnan(poison):
            assert math.isnan(value)
            assert np.isnan(dy[2]).all()
            assert np.isnan(loss.predict(y)[2]).all()
        elif loss.folds != "sigmoid":  # where one answer is infinitely wrong, the other is right
            assert not math.isfinite(value)
    assert np.isfinite(dy[0]).all()


@pytest.mark.parametrize(("loss", "case"), EACH)
def test_only_operations_with_portable_bits_are_used(loss: Loss, case: Case) -> None:
    used: Used = set()
    y = tracked(case.y.astype(np.float32), used)
    loss.judge(y, case.t, 1 / ROWS, TrackedContext(used))
    loss.predict(y)
    assert used
    assert refused(used) == set()


def test_an_answer_that_is_wrong_beyond_float32_costs_its_logit() -> None:
    y = np.array([[-1e4], [1e4]], np.float32)
    value, dy, _ = LOSSES["binary_crossentropy"]().judge(y, np.array([1, 0]), 0.5, Context())
    assert value == 1e4
    assert dy.tolist() == [[-0.5], [0.5]]
    y = np.array([[1e4, -1e4]], np.float32)
    loss = LOSSES["sparse_categorical_crossentropy"]()
    value, dy, _ = loss.judge(y, np.array([1]), 1.0, Context())
    assert value == 2e4
    assert dy.tolist() == [[1.0, -1.0]]


def test_the_absolute_error_does_not_pull_where_it_is_zero() -> None:
    y = np.array([[1.0, 2.0, 3.0]])
    loss = LOSSES["mean_absolute_error"]()
    _, dy, _ = loss.judge(y, np.array([[1.0, 3.0, 2.0]]), 3.0, Context())
    assert dy.tolist() == [[0.0, -1.0, 1.0]]


def test_one_target_a_row_is_not_spread_over_the_other_rows() -> None:
    y, t = np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 2.0, 3.0])
    for name in ("mean_squared_error", "mean_absolute_error"):
        assert LOSSES[name]().value(y, t, 1 / 3) == 0.0


@pytest.mark.parametrize(("loss", "case"), EACH_ONCE)
def test_predictions_are_those_of_the_folded_activation(loss: Loss, case: Case) -> None:
    expected = {
        None: case.y,
        "sigmoid": 1 / (1 + np.exp(-case.y)),
        "softmax": np.exp(case.y) / np.exp(case.y).sum(axis=-1, keepdims=True),
    }
    np.testing.assert_allclose(loss.predict(case.y), expected[loss.folds], rtol=1e-13)


@pytest.mark.parametrize(
    ("name", "out_shape", "target_shape", "classes"),
    [
        ("mean_squared_error", (1,), (), None),
        ("mean_squared_error", (8, 8, 1), (8, 8, 1), None),
        ("mean_absolute_error", (3,), (3,), None),
        ("mean_absolute_error", (3,), None, None),
        ("binary_crossentropy", (1,), (), 2),
        ("binary_crossentropy", (1,), (1,), None),
        ("binary_crossentropy", (4,), (4,), None),
        ("categorical_crossentropy", (3,), (), 3),
        ("categorical_crossentropy", (3,), (3,), None),
        ("sparse_categorical_crossentropy", (2,), (), 2),
        ("sparse_categorical_crossentropy", (12,), (), 10),  # as in Keras: two are never right
        ("sparse_categorical_crossentropy", (12,), None, None),
    ],
)
def test_suitable_shapes_pass_the_check(
    name: str, out_shape: Shape, target_shape: Shape | None, classes: int | None
) -> None:
    LOSSES[name]().check(out_shape, target_shape=target_shape, classes=classes)


@pytest.mark.parametrize(
    ("name", "out_shape", "target_shape", "classes", "advice"),
    [
        ("mean_squared_error", (10,), (), 10, "the targets have one number a row"),
        ("mean_absolute_error", (2,), (3,), None, r"the targets have shape \(3,\) a row"),
        ("binary_crossentropy", (1,), (), 3, "with units: 3"),
        ("binary_crossentropy", (4, 4, 2), (), None, "dense last layer"),
        ("binary_crossentropy", (2,), (), 2, "units: 1; the last layer has 2"),
        ("binary_crossentropy", (3,), (2,), None, "as many outputs as"),
        ("categorical_crossentropy", (3,), (4,), None, "one-hot rows"),
        ("categorical_crossentropy", (4, 4, 2), None, None, "one output per class"),
        ("sparse_categorical_crossentropy", (2, 2, 9), (), 9, "Put `flatten` before the last"),
        ("sparse_categorical_crossentropy", (1,), (), 2, "binary_crossentropy with units: 1"),
        ("sparse_categorical_crossentropy", (3,), (), 10, "Give it units: 10"),
        ("sparse_categorical_crossentropy", (3,), (3,), None, "use categorical_crossentropy"),
    ],
)
def test_unsuitable_shapes_are_refused_with_advice(
    name: str, out_shape: Shape, target_shape: Shape | None, classes: int | None, advice: str
) -> None:
    with pytest.raises(ShapeError, match=advice):
        LOSSES[name]().check(out_shape, target_shape=target_shape, classes=classes)


@pytest.mark.parametrize(
    ("name", "out_shape", "kind"),
    [
        ("mean_squared_error", (3, 2), ("regression", 6)),
        ("mean_absolute_error", (1,), ("regression", 1)),
        ("binary_crossentropy", (1,), ("binary", 2)),
        ("binary_crossentropy", (5,), ("multilabel", 5)),
        ("categorical_crossentropy", (5,), ("multiclass", 5)),
        ("sparse_categorical_crossentropy", (2,), ("multiclass", 2)),
    ],
)
def test_a_loss_says_what_is_being_learned(
    name: str, out_shape: Shape, kind: tuple[str, int]
) -> None:
    assert LOSSES[name]().kind(out_shape) == kind
