"""Forward, every gradient and 20 steps of every component, against Keras (on PyTorch)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dlcli.engine import layers, losses, merges, optimizers, regularizers
from dlcli.engine.context import Context, Moment
from dlcli.engine.graph import GraphError, Link, connect
from dlcli.engine.layer import Array, BatchLayer, ShapeError
from dlcli.engine.model import Model, Pass
from tests.parity import twins
from tests.parity.twins import keras, use

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("default")]

TOLERANCE = {"float64": 1e-9, "float32": 1e-5}
"""Of the norm of what is compared."""

DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])
drawn = settings(max_examples=20, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def _floats(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keras's variables have the type that is compared."""
    use("float64" if "float64" in request.node.name else "float32")
    yield
    use("float32")


def assert_near(found: Array, wanted: Any, dtype: str, times: float = 1.0) -> None:
    """The difference is small beside the norm of what is wanted."""
    wanted = np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape
    apart = float(np.linalg.norm(found.astype(np.float64) - wanted))
    assert apart <= times * TOLERANCE[dtype] * (float(np.linalg.norm(wanted)) + 3e-2), apart


def numbers(shape: Sequence[int], dtype: str, seed: int) -> Array:
    return np.random.default_rng(seed).normal(size=tuple(shape)).astype(dtype)


def tensor(array: Array) -> Any:
    return torch.tensor(array, requires_grad=array.dtype.kind == "f")


def value(found: Any) -> Array:
    array: Array = found.detach().numpy()
    return array


def test_every_word_has_a_row() -> None:
    known = {*twins.LAYERS, *twins.BY_HAND}
    assert known == {*layers.LAYERS.values(), *layers.ACTIVATIONS.values()}
    assert set(twins.MERGES) == set(merges.MERGES.values())
    assert set(twins.OPTIMIZERS) == set(optimizers.OPTIMIZERS.values())
    assert set(twins.LOSSES) == set(losses.LOSSES.values())
    assert set(twins.REGULARIZERS) == set(regularizers.REGULARIZERS.values())


@DTYPES
@pytest.mark.parametrize("kind", twins.LAYERS, ids=lambda kind: kind.__name__)
@given(data=st.data(), rows=st.integers(1, 6), training=st.booleans(), seed=st.integers(0, 9))
@drawn
def test_layers(
    kind: type[Any], dtype: str, data: st.DataObject, rows: int, training: bool, seed: int
) -> None:
    compare(kind, dtype, data, rows, training, seed, twins.LAYERS[kind].rows)


@DTYPES
@pytest.mark.parametrize("kind", [k for k, twin in twins.LAYERS.items() if twin.masked])
@given(data=st.data(), rows=st.integers(1, 6), training=st.booleans(), seed=st.integers(0, 9))
@drawn
def test_layers_that_read_a_mask(
    kind: type[Any], dtype: str, data: st.DataObject, rows: int, training: bool, seed: int
) -> None:
    before = keras.config.epsilon()
    keras.config.set_epsilon(1e-30)  # which Keras adds to the number of steps
    try:
        compare(kind, dtype, data, rows, training, seed, twins.MASKED_STEPS, masked=True)
    finally:
        keras.config.set_epsilon(before)


def rows_of(layer: Any, shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    """Rows that a layer takes: numbers, with ids and masked steps where they belong."""
    x, draw = numbers(shape, dtype, seed), np.random.default_rng(seed)
    if layer.takes_ids:
        return draw.integers(0, layer.input_dim, shape).astype(dtype)
    if isinstance(layer, layers.Masking):
        x[draw.random(shape[:2]) < 0.4] = layer.mask_value
    for position, ids, _ in getattr(layer, "columns", ()):
        x[:, position] = draw.integers(0, ids, len(x))
    return x


def compare(
    kind: type[Any],
    dtype: str,
    data: st.DataObject,
    rows: int,
    training: bool,
    seed: int,
    shapes: st.SearchStrategy[Any],
    masked: bool = False,
) -> None:
    twin = twins.LAYERS[kind]
    layer, in_shape = data.draw(twin.make), data.draw(shapes)
    try:
        out_shape = layer.out_shape(in_shape)
    except ShapeError:
        assume(False)
    x, dy = rows_of(layer, (rows, *in_shape), dtype, seed), numbers((rows, *out_shape), dtype, 1)
    p = {
        name: np.abs(numbers(slot.shape, dtype, seed + 2))
        if slot.kind == "observed"
        else numbers(slot.shape, dtype, seed + 3)
        for name, slot in layer.slots(in_shape).items()
    }
    ctx = Context("layer", Moment(training=training))
    options: dict[str, Any] = {"training": training} if isinstance(layer, BatchLayer) else {}
    if masked:
        ctx.mask = np.random.default_rng(seed).random((rows, in_shape[0])) < 0.6
        ctx.mask[:, seed % in_shape[0]] = True  # Keras divides by 0 where there is no step
        options["mask"] = torch.tensor(ctx.mask)
    y, cache = layer.forward(p, x, ctx)
    y = y.copy()
    g = {name: np.full_like(array, np.nan) for name, array in p.items()}
    dx = layer.backward(p, g, cache, dy, ctx)

    other = twin.keras(layer)
    other.build((None, *in_shape))
    for variable in other.weights:
        variable.assign(p[variable.name])
    given_x = tensor(x)
    found = other(given_x, **options)
    assert_near(y, value(found), dtype)
    if layer.makes_mask():
        wanted = other.compute_mask(torch.tensor(x)).numpy()
        np.testing.assert_array_equal(layer.mask(cache, ctx), wanted)
    found.backward(torch.tensor(dy))
    if not layer.takes_ids:
        assert_near(dx, given_x.grad.numpy(), dtype, 4)
    for variable in other.trainable_variables:
        assert_near(g[variable.name], variable.value.grad.numpy(), dtype, 4)
    if isinstance(layer, BatchLayer) and training:
        layer.observe(p, layer.total(layer.tally(p, x, ctx)[None]))
        for variable in other.non_trainable_variables:
            assert_near(p[variable.name], value(variable.value), dtype)


@DTYPES
@pytest.mark.parametrize(
    "kind",
    [kind for kind in twins.LAYERS if kind is not layers.Masking],  # has nothing to freeze
    ids=lambda kind: kind.__name__,
)
@given(data=st.data(), rows=st.integers(1, 6), seed=st.integers(0, 9))
@settings(max_examples=5, suppress_health_check=list(HealthCheck))
def test_frozen_layers(
    kind: type[Any], dtype: str, data: st.DataObject, rows: int, seed: int
) -> None:
    twin = twins.LAYERS[kind]
    layer, in_shape = data.draw(twin.make), data.draw(twin.rows)
    if isinstance(layer, layers.Embedding):
        layer = replace(layer, mask_zero=False)  # no loss takes a mask
    try:
        model = Model(connect([Link("it", layer, trainable=False)], in_shape))
    except GraphError:
        assume(False)
    x = rows_of(layer, (rows, *in_shape), dtype, seed)
    dy = numbers((rows, *model.out_shape), dtype, 1)
    p = {
        name.removeprefix("it."): np.abs(numbers(array.shape, dtype, seed + 2))
        for name, array in model.layout.named(np.zeros(model.layout.size)).items()
    }
    other = twin.keras(layer)
    other.build((None, *in_shape))
    other.trainable = False
    for variable in other.weights:
        variable.assign(p[variable.name])
    given_x = tensor(x)
    found = other(given_x, training=True) if isinstance(layer, BatchLayer) else other(given_x)
    if found.requires_grad:
        found.backward(torch.tensor(dy))

    assert_near(Pass(model, {"it": p}, Moment(training=True)).forward(x), value(found), dtype)
    # The way back, as behind a layer that learns.
    ctx = Context("it", Moment(training=not isinstance(layer, BatchLayer)))
    _, cache = layer.forward(p, x, ctx)
    dx = layer.backward(p, {}, cache, dy, ctx)
    if given_x.grad is None:
        assert layer.takes_ids and not dx.any()
    else:
        assert_near(dx, given_x.grad.numpy(), dtype, 4)


@DTYPES
@pytest.mark.parametrize("kind", twins.MERGES, ids=lambda kind: kind.__name__)
@given(data=st.data(), rows=st.integers(1, 5), seed=st.integers(0, 9))
@drawn
def test_merges(kind: type[Any], dtype: str, data: st.DataObject, rows: int, seed: int) -> None:
    twin = twins.MERGES[kind]
    merge = data.draw(twin.make)
    shapes = data.draw(twin.shapes(merge))
    xs = [numbers((rows, *shape), dtype, seed + i) for i, shape in enumerate(shapes)]
    dy = numbers((rows, *merge.out_shape(shapes)), dtype, seed + 9)
    ctx = Context()
    y, cache = merge.forward(xs, ctx)
    dxs = merge.backward(cache, dy, ctx, need_dx=[True] * len(xs))
    given_xs = [tensor(x) for x in xs]
    found = twin.keras(merge)(given_xs)
    assert_near(y, value(found), dtype)
    found.backward(torch.tensor(dy))
    for dx, given_x in zip(dxs, given_xs, strict=True):
        assert_near(dx, given_x.grad.numpy(), dtype, 4)


@DTYPES
@pytest.mark.parametrize("kind", twins.LOSSES, ids=lambda kind: kind.__name__)
@given(
    rows=st.integers(1, 9),
    width=st.integers(2, 5),
    seed=st.integers(0, 99),
    smoothing=st.sampled_from([0.0, 0.0, 0.1, 0.37]),
    weighted=st.booleans(),
)
@drawn
def test_losses(
    kind: type[Any],
    dtype: str,
    rows: int,
    width: int,
    seed: int,
    smoothing: float,
    weighted: bool,
) -> None:
    """With weights of rows, too: the sum is divided by the number of rows, not by their weights."""
    smooths = "label_smoothing" in {field.name for field in fields(kind)}
    loss = kind(label_smoothing=smoothing) if smooths else kind()
    draw = np.random.default_rng(seed)
    name = kind.__name__
    y = numbers((rows, width), dtype, seed) * 3
    t = numbers((rows, width), dtype, seed + 1)
    if name == "SparseCategoricalCrossentropy":
        t = draw.integers(0, width, rows)
    elif name == "CategoricalCrossentropy":
        t = np.eye(width, dtype=dtype)[draw.integers(0, width, rows)]
    elif name == "BinaryCrossentropy":
        t = draw.integers(0, 2, (rows, width)).astype(dtype)
    weights = draw.choice([0.0, 0.3, 1.0, 2.5], rows).astype(dtype) if weighted else None
    found, dy, _ = loss.judge(y, t, 1 / rows, Context(), weights)
    given_y = tensor(y)
    others = None if weights is None else torch.tensor(weights)
    wanted = twins.LOSSES[kind](loss)(torch.tensor(t), given_y, others)
    wanted.backward()
    assert_near(np.array(found), value(wanted), dtype)
    assert_near(dy, given_y.grad.numpy(), dtype, 4)


@DTYPES
@pytest.mark.parametrize("kind", twins.REGULARIZERS, ids=lambda kind: kind.__name__)
@given(data=st.data(), count=st.integers(1, 300), seed=st.integers(0, 99))
@drawn
def test_regularizers(
    kind: type[Any], dtype: str, data: st.DataObject, count: int, seed: int
) -> None:
    make, twin = twins.REGULARIZERS[kind]
    regularizer = data.draw(make(twins.WEIGHT))
    w = numbers((count,), dtype, seed)
    w[::7] = 0
    g = np.zeros_like(w)
    regularizer.add_gradient(w, g, np.empty_like(w))
    given_w = tensor(w)
    wanted = twin(regularizer)(given_w)
    wanted.backward()
    found = regularizer.penalty(w, np.empty((2, regularizers.BLOCK)))
    assert found == pytest.approx(float(value(wanted)), rel=10 * TOLERANCE[dtype])
    assert np.linalg.norm(g - given_w.grad.numpy()) <= TOLERANCE[dtype] * np.linalg.norm(g)


@DTYPES
@pytest.mark.parametrize("kind", twins.OPTIMIZERS, ids=lambda kind: kind.__name__)
@given(data=st.data(), seed=st.integers(0, 99))
@drawn
def test_twenty_steps_of_an_optimizer(
    kind: type[Any], dtype: str, data: st.DataObject, seed: int
) -> None:
    make, twin = twins.OPTIMIZERS[kind]
    optimizer = data.draw(make)
    theta = numbers((7,), dtype, seed)
    start = theta.copy()
    state: Mapping[str, Array] = {
        name: np.full_like(theta, optimizer.initial(name)) for name in optimizer.state
    }
    work = np.empty((3, 7), dtype)
    variable = keras.Variable(theta.copy(), dtype=dtype)
    other = twin(optimizer)
    other.build([variable])
    for t in range(1, 21):
        gradient = numbers((7,), dtype, 1000 * seed + t)
        optimizer.step(theta, gradient, state, work, t=t, rate=optimizer.rate(t - 1))
        other.apply([torch.tensor(gradient)])
    moved = float(np.linalg.norm(theta - start))
    apart = float(np.linalg.norm(theta - value(variable.value)))
    assert apart <= {"float64": 1e-9, "float32": 1e-4}[dtype] * (moved + 1e-3)
