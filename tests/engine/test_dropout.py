"""Dropout: what it forgets, how often, and that its mask has an address."""

import numpy as np
import pytest

from dlcli.engine.context import Context, Moment
from dlcli.engine.layer import Array
from dlcli.engine.layers import Dropout

ONES = np.ones((100, 400), np.float32)


def mask(rate: float, layer: str = "dropout_1", x: Array = ONES, **moment: int) -> Array:
    ctx = Context(layer, Moment(training=True, **moment))
    return Dropout(rate).forward({}, x, ctx)[0].copy()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_rate_is_forgotten_and_the_rest_grows_to_keep_the_mean(rate: float) -> None:
    y = mask(rate)
    assert set(np.unique(y).tolist()) == {0.0, float(np.float32(1 / (1 - rate)))}
    # 40,000 draws: five standard deviations of the forgotten share
    assert abs((y == 0).mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / ONES.size)


def test_the_gradient_passes_where_the_number_did() -> None:
    ctx = Context("dropout_1", Moment(training=True))
    layer = Dropout(0.3)
    y, cache = layer.forward({}, ONES, ctx)
    np.testing.assert_array_equal(layer.backward({}, {}, cache, ONES, ctx), y)


@pytest.mark.parametrize(("rate", "training"), [(0.0, True), (0.5, False)])
def test_without_training_or_rate_nothing_changes(rate: float, training: bool) -> None:
    ctx = Context("dropout_1", Moment(training=training))
    y, cache = Dropout(rate).forward({}, ONES, ctx)
    np.testing.assert_array_equal(y, ONES)
    np.testing.assert_array_equal(Dropout(rate).backward({}, {}, cache, ONES, ctx), ONES)


def test_the_same_address_gives_the_same_mask() -> None:
    address = {"seed": 1, "step": 2, "shard": 3}
    np.testing.assert_array_equal(mask(0.5, **address), mask(0.5, **address))


@pytest.mark.parametrize("part", ["seed", "step", "shard"])
def test_another_address_gives_another_mask(part: str) -> None:
    assert (mask(0.5) != mask(0.5, **{part: 1})).any()


def test_another_layer_has_another_mask() -> None:
    assert (mask(0.5) != mask(0.5, "dropout_2")).any()


def test_a_higher_rate_forgets_the_same_numbers_and_more() -> None:
    assert not mask(0.7)[mask(0.2) == 0].any()


def test_rates_next_to_one_are_no_overflow() -> None:
    assert np.isfinite(mask(1 - 2.0**-53)).all()
