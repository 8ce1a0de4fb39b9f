"""The laws of `dlcli/engine/layer.py`, for every row of the table in `cases.py`."""

import pickle
from collections.abc import Sequence
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from dlcli.engine.context import Context
from dlcli.engine.layer import Array, BatchLayer, Layer, Params
from dlcli.engine.layers import ACTIVATIONS, LAYERS
from tests.engine.cases import CASES, Case, gradients_like
from tests.engine.portability import TrackedContext, Used, refused, tracked

every_case = pytest.mark.parametrize("case", CASES, ids=str)


@pytest.mark.parametrize("name", sorted(LAYERS | ACTIVATIONS))
def test_every_registered_layer_has_a_case(name: str) -> None:
    cls = (LAYERS | ACTIVATIONS)[name]
    assert any(type(case.layer) is cls for case in CASES), (
        f"add a row for {name} to LAYER_EXAMPLES in slopes.py"
    )


@pytest.mark.parametrize("name", sorted(LAYERS | ACTIVATIONS))
def test_every_option_of_a_layer_has_a_case_that_changes_it(name: str) -> None:
    cls = (LAYERS | ACTIVATIONS)[name]
    for field in fields(cls):
        if field.name.endswith(("_initializer", "_regularizer")):
            continue
        values = {getattr(case.layer, field.name) for case in CASES if type(case.layer) is cls}
        assert len(values) > 1, f"add a row with another {field.name} to cases.py"


@every_case
def test_a_layer_is_frozen_comparable_and_travels_to_other_processes(case: Case) -> None:
    assert pickle.loads(pickle.dumps(case.layer)) == case.layer
    assert hash(case.layer) == hash(pickle.loads(pickle.dumps(case.layer)))
    with pytest.raises(FrozenInstanceError):
        case.layer.anything = 1  # type: ignore[attr-defined]


def test_no_activation_shares_its_name_with_a_layer() -> None:
    assert not LAYERS.keys() & ACTIVATIONS.keys()


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_out_shape_is_true_and_the_dtype_stays(case: Case, dtype: str) -> None:
    ctx, p = case.context(), case.parameters(dtype)
    g = gradients_like(p)
    x, dy = case.x(dtype), case.dy(dtype)
    y, cache = case.layer.forward(p, x, ctx)
    assert y.shape == (case.rows, *case.layer.out_shape(case.in_shape))
    dx = case.layer.backward(p, g, cache, dy, ctx)
    assert dx is not None
    assert dx.shape == x.shape
    assert y.dtype == dx.dtype == dtype
    assert y.flags.c_contiguous
    assert dx.flags.c_contiguous


@every_case
def test_every_gradient_is_assigned_and_the_slots_are_those_of_p(case: Case) -> None:
    ctx, p = case.context(), case.parameters()
    g = gradients_like(p)
    _, cache = case.layer.forward(p, case.x(), ctx)
    case.layer.backward(p, g, cache, case.dy(), ctx)
    for name in trained(case):
        assert np.isfinite(g[name]).all(), name


@every_case
def test_gradients_match_central_differences(case: Case) -> None:
    x, dy, p = case.x(), case.dy(), case.parameters()
    ctx, g = case.context(), gradients_like(p)
    _, cache = case.layer.forward(p, x, ctx)
    dx = case.layer.backward(p, g, cache, dy, ctx)
    assert dx is not None
    assert_slopes(case, x, p, dy, dx, g)


def assert_slopes(
    case: Case, x: Array, p: dict[str, Array], dy: Array, dx: Array, g: dict[str, Array]
) -> None:
    """Compare sum(y dy) at both ends of short steps with what dx and g say about them.

    The steps: three random ones that move everything at once, and one along every number of
    every array (a sample of 40 where there are more).
    """

    def value(changed: dict[str, Array]) -> float:
        parameters = {name: changed.get(name, array) for name, array in p.items()}
        y, _ = case.layer.forward(parameters, changed.get("x", x), case.context())
        return float(np.sum(y * dy))

    at = {} if case.ids else {"x": x}
    at |= {name: p[name] for name in trained(case)}
    slopes = {"x": dx, **g}
    draw = np.random.default_rng(4)
    steps = [{name: draw.normal(size=array.shape) for name, array in at.items()} for _ in range(3)]
    for name, array in at.items():
        for position in draw.permutation(array.size)[:40]:
            step = np.zeros(array.size)
            step[position] = 1
            steps.append({name: step.reshape(array.shape)})
    for step in steps:
        short = 1e-6
        ends = [
            value({name: array + sign * step.get(name, 0) for name, array in at.items()})
            for sign in (-short, short)
        ]
        told = sum(float(np.sum(slopes[name] * move)) for name, move in step.items())
        measured = (ends[1] - ends[0]) / (2 * short)
        assert measured == pytest.approx(told, rel=1e-6, abs=1e-7)


@every_case
@pytest.mark.parametrize("training", [True, False])
def test_input_parameters_and_arriving_gradient_are_left_untouched(
    case: Case, training: bool
) -> None:
    x, dy, p = case.x("float32"), case.dy("float32"), case.parameters("float32")
    before = [array.copy() for array in (x, dy, *p.values())]
    for array in (x, dy, *p.values()):
        array.flags.writeable = False
    ctx = case.context(training)
    _, cache = case.layer.forward(p, x, ctx)
    case.layer.backward(p, gradients_like(p), cache, dy, ctx)
    for old, new in zip(before, (x, dy, *p.values()), strict=True):
        np.testing.assert_array_equal(old, new)


@every_case
def test_results_of_shards_add_up_to_the_batch(case: Case) -> None:
    x, dy, p = case.x(), case.dy(), case.parameters()
    training = not case.random  # what is drawn is drawn for each shard
    whole, whole_g = case.context(training), gradients_like(p)
    y, cache = case.layer.forward(p, x, whole)
    dx = case.layer.backward(p, whole_g, cache, dy, whole)
    assert dx is not None
    cut = max(1, case.rows // 3)
    shards = [rows for rows in (slice(0, cut), slice(cut, None)) if len(x[rows])]
    contexts = [case.context(training, shard, rows) for shard, rows in enumerate(shards)]
    gs = [gradients_like(p) for _ in shards]
    xs, dys = [x[rows] for rows in shards], [dy[rows] for rows in shards]
    for rows, (part_y, part_dx) in zip(
        shards, through(case.layer, p, gs, xs, dys, contexts), strict=True
    ):
        np.testing.assert_allclose(part_y, y[rows], rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(part_dx, dx[rows], rtol=1e-11, atol=1e-12)
    for name in trained(case):
        added = sum(g[name] for g in gs)
        np.testing.assert_allclose(added, whole_g[name], rtol=1e-12, atol=1e-12)


def through(
    layer: Layer,
    p: Params,
    gs: Sequence[dict[str, Array]],
    xs: Sequence[Array],
    dys: Sequence[Array],
    contexts: Sequence[Context],
) -> list[tuple[Array, Array | None]]:
    """y and dx of every shard; a layer that meets the whole batch does so."""
    if not isinstance(layer, BatchLayer):
        found = []
        for g, x, dy, ctx in zip(gs, xs, dys, contexts, strict=True):
            y, cache = layer.forward(p, x, ctx)
            found.append((y, layer.backward(p, g, cache, dy, ctx)))
        return found
    shards = list(zip(xs, contexts, strict=True))
    total = layer.total(np.array([layer.tally(p, x, ctx) for x, ctx in shards]))
    forward = [layer.forward_rest(p, x, total, ctx) for x, ctx in shards]
    back = [
        layer.tally_back(p, g, cache, dy, ctx)
        for g, (_, cache), dy, ctx in zip(gs, forward, dys, contexts, strict=True)
    ]
    return [
        (y, layer.backward_rest(p, cache, dy, sum(back), ctx))
        for (y, cache), dy, ctx in zip(forward, dys, contexts, strict=True)
    ]


def trained(case: Case) -> list[str]:
    """The arrays that have gradients."""
    slots = case.layer.slots(case.in_shape)
    return [name for name, slot in slots.items() if slot.kind == "trained"]


@every_case
def test_two_interleaved_passes_equal_two_separate_ones(case: Case) -> None:
    p = case.parameters("float32")
    first = case.x("float32", 11), case.dy("float32", 12)
    second = case.x("float32", 13), case.dy("float32", 14)
    separate = []
    for x, dy in (first, second):
        ctx, g = case.context(), gradients_like(p)
        y, cache = case.layer.forward(p, x, ctx)
        separate.append((y.copy(), case.layer.backward(p, g, cache, dy, ctx), g))
    contexts = case.context(), case.context()
    both = [
        case.layer.forward(p, x, ctx) for (x, _), ctx in zip((first, second), contexts, strict=True)
    ]
    gs = gradients_like(p), gradients_like(p)
    dxs = [
        case.layer.backward(p, g, cache, dy, ctx)
        for g, (_, cache), (_, dy), ctx in zip(gs, both, (first, second), contexts, strict=True)
    ]
    for (y, dx, g), (y2, _), dx2, g2 in zip(separate, both, dxs, gs, strict=True):
        np.testing.assert_array_equal(y, y2)
        np.testing.assert_array_equal(dx, dx2)
        for name in g:
            np.testing.assert_array_equal(g[name], g2[name])


@every_case
def test_a_context_that_was_used_before_changes_nothing(case: Case) -> None:
    p, x, dy = case.parameters("float32"), case.x("float32"), case.dy("float32")
    fresh, g = case.context(rows=slice(0, 1)), gradients_like(p)
    y, cache = case.layer.forward(p, x[:1], fresh)
    dx = case.layer.backward(p, g, cache, dy[:1], fresh)
    used, g2 = case.context(), gradients_like(p)
    _, cache = case.layer.forward(p, case.x("float32", 21), used)
    case.layer.backward(p, gradients_like(p), cache, case.dy("float32", 22), used)
    used.mask = fresh.mask
    y2, cache = case.layer.forward(p, x[:1], used)
    dx2 = case.layer.backward(p, g2, cache, dy[:1], used)
    np.testing.assert_array_equal(y, y2)
    np.testing.assert_array_equal(dx, dx2)
    for name in g:
        np.testing.assert_array_equal(g[name], g2[name])


@every_case
def test_without_dx_the_gradients_are_the_same(case: Case) -> None:
    p, x, dy = case.parameters("float32"), case.x("float32"), case.dy("float32")
    ctx, with_dx, without = case.context(), gradients_like(p), gradients_like(p)
    _, cache = case.layer.forward(p, x, ctx)
    assert case.layer.backward(p, with_dx, cache, dy, ctx) is not None
    assert case.layer.backward(p, without, cache, dy, ctx, need_dx=False) is None
    for name in p:
        np.testing.assert_array_equal(with_dx[name], without[name])


@every_case
@pytest.mark.parametrize("training", [True, False])
def test_frozen_it_gives_the_same_dx(case: Case, training: bool) -> None:
    p, x, dy = case.parameters("float32"), case.x("float32"), case.dy("float32")
    ctx = case.context(training)
    _, cache = case.layer.forward(p, x, ctx)
    learning = case.layer.backward(p, gradients_like(p), cache, dy, ctx)
    assert learning is not None
    learning = learning.copy()
    frozen = case.layer.backward(p, {}, cache, dy, ctx)
    assert frozen is not None
    assert frozen.tobytes() == learning.tobytes()


@every_case
@pytest.mark.parametrize("training", [True, False])
def test_only_operations_with_the_same_bits_everywhere_are_used(case: Case, training: bool) -> None:
    used: Used = set()
    ctx = TrackedContext(used, "layer_1", case.context(training).moment)
    if case.masked:
        ctx.mask = tracked(case.context().mask, used)
    p = {name: tracked(array, used) for name, array in case.parameters("float32").items()}
    g = {name: tracked(array, used) for name, array in gradients_like(p).items()}
    _, cache = case.layer.forward(p, tracked(case.x("float32"), used), ctx)
    case.layer.backward(p, g, cache, tracked(case.dy("float32"), used), ctx)
    assert not refused(used)
