"""Models with layers that meet the whole batch: what shards do in stages is what a batch does."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.engine.context import Moment
from dlcli.engine.graph import DATA, Link, connect
from dlcli.engine.layer import Array
from dlcli.engine.layers import BatchNormalization, Dense
from dlcli.engine.layers.activations import Tanh
from dlcli.engine.merges import Add, Multiply
from dlcli.engine.model import Model, Pass
from dlcli.engine.stages import Stages
from tests.engine.cases import context

ROWS = 7
NORM = BatchNormalization(0.9, 0.1)
NETWORKS: dict[str, Sequence[Link]] = {
    "none": [Link("a", Dense(3)), Link("b", Tanh()), Link("c", Dense(2))],
    "one": [Link("a", Dense(3)), Link("n", NORM), Link("b", Tanh()), Link("c", Dense(2))],
    "first and last": [Link("n", NORM), Link("a", Dense(3)), Link("m", NORM)],
    "nothing to learn": [
        Link("n", BatchNormalization(center=False, scale=False)), Link("a", Dense(3)),
    ],
    "one behind the other": [Link("a", Dense(3)), Link("n", NORM), Link("m", NORM)],
    "on both sides": [
        Link("a", Dense(3)),
        Link("n", NORM, ("a",)),
        Link("b", Dense(3), (DATA,)),
        Link("m", NORM, ("b",)),
        Link("c", Add(), ("n", "m")),
        Link("d", Multiply(), ("c", "a", "n")),
        Link("o", NORM),
    ],
}  # fmt: skip


def theta_of(model: Model) -> Array:
    theta = np.random.default_rng(3).normal(size=model.layout.size)
    for array in model.layout.views(theta).values():
        if "moving_variance" in array:
            np.abs(array["moving_variance"], out=array["moving_variance"])
    return theta


def outputs_of(model: Model, sizes: Sequence[int]) -> tuple[Array, Array, Array]:
    """y, the gradient and the parameters behind one step, for a batch cut into such shards."""
    theta = theta_of(model)
    draw = np.random.default_rng(1)
    x, dy = draw.normal(size=(ROWS, 4)), draw.normal(size=(ROWS, *model.out_shape))
    parameters = model.layout.views(theta)
    cuts = np.cumsum([0, *sizes]).tolist()
    stages = Stages(model, len(sizes))
    moment = Moment(training=True)
    passes = [Pass(model, parameters, moment) for _ in sizes]
    gradients = np.full((len(sizes), model.layout.size), np.nan)
    ys: list[Array] = [np.empty(0)] * len(sizes)

    for stage in range(len(stages)):
        for shard, passing in enumerate(passes):
            rows = slice(cuts[shard], cuts[shard + 1])

            def fetch(rows: slice = rows) -> tuple[Array, ...]:
                return (x[rows],)

            def judge(y: Array, shard: int = shard, rows: slice = rows) -> Array:
                ys[shard] = y.copy()
                return dy[rows]

            views = model.layout.views(gradients[shard])
            stages.run(stage, passing, shard, fetch, judge, views)
        stages.add_up(stage, len(sizes))
    stages.observe(parameters)
    return np.concatenate(ys), gradients[:, : model.layout.trained].sum(axis=0), theta


@pytest.mark.parametrize("name", NETWORKS)
@given(cuts=st.sets(st.integers(1, ROWS - 1), max_size=4))
def test_shards_equal_the_batch(name: str, cuts: set[int]) -> None:
    model = Model(connect(NETWORKS[name], (4,)))
    sizes = np.diff([0, *sorted(cuts), ROWS]).tolist()
    for whole, parts in zip(outputs_of(model, [ROWS]), outputs_of(model, sizes), strict=True):
        np.testing.assert_allclose(parts, whole, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_batch_in_stages_equals_one_pass(name: str) -> None:
    model = Model(connect(NETWORKS[name], (4,)))
    theta = theta_of(model)
    draw = np.random.default_rng(1)
    x, dy = draw.normal(size=(ROWS, 4)), draw.normal(size=(ROWS, *model.out_shape))
    passing = Pass(model, model.layout.views(theta), Moment(training=True))
    gradient = np.full_like(theta, np.nan)
    y = passing.forward(x)
    passing.backward(dy, model.layout.views(gradient))
    staged, of_staged, _ = outputs_of(model, [ROWS])
    np.testing.assert_array_equal(staged, y)
    np.testing.assert_array_equal(of_staged, gradient[: model.layout.trained])


def test_moving_statistics_by_hand() -> None:
    model = Model(connect([Link("n", BatchNormalization(momentum=0.9))], (1,)))
    layer = BatchNormalization(momentum=0.9)
    observed = {"moving_mean": np.zeros(1), "moving_variance": np.ones(1)}
    x = np.arange(8.0)[:, None]  # 0 .. 7: mean 3.5, biased variance 5.25
    passing = Pass(model, {"n": {"gamma": np.ones(1), "beta": np.zeros(1)}}, Moment(training=True))
    passing.begin(x)
    total = layer.total(passing.tally(0)[None])
    layer.observe(observed, total)
    assert observed["moving_mean"] == pytest.approx(0.35)
    assert observed["moving_variance"] == pytest.approx(0.9 + 0.525)
    layer.observe(observed, total)
    assert observed["moving_mean"] == pytest.approx(0.9 * 0.35 + 0.35)


def test_the_statistics_of_any_shards_are_those_of_the_batch_also_far_from_zero() -> None:
    layer = BatchNormalization()
    x = np.random.default_rng(0).normal(1e4, 1e-2, size=(96, 5, 3)).astype(np.float32)
    parts = [layer.tally({}, x[start : start + 8], context()) for start in range(0, 96, 8)]
    found = layer.total(np.array(parts))
    exact = x.astype(np.float64).reshape(-1, 3)
    assert found[0] == len(exact)
    np.testing.assert_allclose(found[1:4], exact.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(found[4:] / found[0], exact.var(axis=0), rtol=2e-3)
