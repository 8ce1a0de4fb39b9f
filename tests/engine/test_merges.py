"""The laws of merges, and their values and gradients by hand."""

import pickle
from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pytest

from dlcli.engine.layer import Array, Merge, Shape, ShapeError
from dlcli.engine.merges import (
    MERGES,
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Multiply,
    Subtract,
)
from tests.engine.cases import context
from tests.engine.portability import TrackedContext, Used, refused, tracked

CASES: list[tuple[Merge, list[Shape]]] = [
    *(
        (merge, [(2, 3)] * count)
        for merge in (Add(), Average(), Maximum(), Multiply())
        for count in (2, 3, 4)
    ),
    (Subtract(), [(2, 3)] * 2),
    (Concatenate(), [(2,), (3,)]),
    (Concatenate(), [(3, 2, 1), (3, 2, 4), (3, 2, 2)]),
    (Dot(), [(4,), (4,)]),
    (Dot(normalize=True), [(4,), (4,)]),
    (Dot(axes=(2, 1)), [(3, 4), (4, 2)]),
    (Dot(axes=(1, -1), normalize=True), [(3, 2), (2, 4, 3)]),
]
every_case = pytest.mark.parametrize(("merge", "shapes"), CASES, ids=str)
ROWS = 3


def inputs(shapes: Sequence[Shape], dtype: str = "float64", seed: int = 1) -> list[Array]:
    draw = np.random.default_rng(seed)
    return [draw.normal(size=(ROWS, *shape)).astype(dtype) for shape in shapes]


def gradient(merge: Merge, shapes: Sequence[Shape], dtype: str = "float64") -> Array:
    shape = (ROWS, *merge.out_shape(shapes))
    return np.random.default_rng(2).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("name", sorted(MERGES))
def test_every_merge_has_a_case_for_every_option(name: str) -> None:
    found = [merge for merge, _ in CASES if type(merge) is MERGES[name]]
    assert found
    for field in fields(MERGES[name]):
        assert len({getattr(merge, field.name) for merge in found}) > 1


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shapes_are_true_and_the_dtype_stays(merge: Merge, shapes: list[Shape], dtype: str) -> None:
    xs, dy = inputs(shapes, dtype), gradient(merge, shapes, dtype)
    y, cache = merge.forward(xs, context())
    assert y.shape == (ROWS, *merge.out_shape(shapes))
    assert y.flags.c_contiguous
    dxs = merge.backward(cache, dy, context(), need_dx=[True] * len(xs))
    for x, dx in zip(xs, dxs, strict=True):
        assert dx is not None
        assert dx.shape == x.shape
        assert y.dtype == dx.dtype == dtype
        assert dx.flags.c_contiguous
    assert merge.flops(shapes) >= 0
    assert pickle.loads(pickle.dumps(merge)) == merge


@every_case
def test_gradients_match_central_differences(merge: Merge, shapes: list[Shape]) -> None:
    xs, dy = inputs(shapes), gradient(merge, shapes)
    ctx = context()
    _, cache = merge.forward(xs, ctx)
    dxs = merge.backward(cache, dy, ctx, need_dx=[True] * len(xs))
    for place, x in enumerate(xs):
        for index in np.ndindex(x.shape):
            ends = []
            for step in (-1e-6, 1e-6):
                moved = [array.copy() for array in xs]
                moved[place][index] += step
                ends.append(float(np.sum(merge.forward(moved, context())[0] * dy)))
            dx = dxs[place]
            assert dx is not None
            assert (ends[1] - ends[0]) / 2e-6 == pytest.approx(dx[index], rel=1e-6, abs=1e-8)


@every_case
def test_inputs_and_arriving_gradient_are_left_untouched(merge: Merge, shapes: list[Shape]) -> None:
    xs, dy = inputs(shapes), gradient(merge, shapes)
    for array in (*xs, dy):
        array.flags.writeable = False
    ctx = context()
    _, cache = merge.forward(xs, ctx)
    merge.backward(cache, dy, ctx, need_dx=[True] * len(xs))


@every_case
def test_what_nobody_needs_changes_nothing_of_the_rest(merge: Merge, shapes: list[Shape]) -> None:
    xs, dy = inputs(shapes), gradient(merge, shapes)
    ctx = context()
    _, cache = merge.forward(xs, ctx)
    whole = [
        dx.copy()
        for dx in merge.backward(cache, dy, ctx, need_dx=[True] * len(xs))
        if dx is not None
    ]
    for place in range(len(xs)):
        need = [index == place for index in range(len(xs))]
        found = merge.backward(cache, dy, ctx, need_dx=need)[place]
        np.testing.assert_array_equal(found, whole[place])


@every_case
def test_a_row_does_not_depend_on_its_neighbours(merge: Merge, shapes: list[Shape]) -> None:
    xs, dy = inputs(shapes), gradient(merge, shapes)
    ctx = context()
    y, cache = merge.forward(xs, ctx)
    dxs = merge.backward(cache, dy, ctx, need_dx=[True] * len(xs))
    alone = context()
    part, cache = merge.forward([x[1:2] for x in xs], alone)
    np.testing.assert_allclose(part, y[1:2], rtol=1e-13)
    for dx, of_part in zip(
        dxs, merge.backward(cache, dy[1:2], alone, need_dx=[True] * len(xs)), strict=True
    ):
        assert dx is not None
        np.testing.assert_allclose(of_part, dx[1:2], rtol=1e-12, atol=1e-14)


@every_case
def test_only_operations_with_the_same_bits_everywhere_are_used(
    merge: Merge, shapes: list[Shape]
) -> None:
    used: Used = set()
    ctx = TrackedContext(used, "merge", context().moment)
    xs = [tracked(x, used) for x in inputs(shapes, "float32")]
    _, cache = merge.forward(xs, ctx)
    dy = tracked(gradient(merge, shapes, "float32"), used)
    merge.backward(cache, dy, ctx, need_dx=[True] * len(xs))
    assert not refused(used)


def test_the_first_of_equal_inputs_gets_the_gradient_of_the_maximum() -> None:
    a, b = np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 3.0, 2.0]])
    ctx = context()
    y, cache = Maximum().forward([a, b, a], ctx)
    np.testing.assert_array_equal(y, [[1, 3, 3]])
    dxs = Maximum().backward(cache, np.array([[5.0, 6.0, 7.0]]), ctx, need_dx=[True] * 3)
    np.testing.assert_array_equal(dxs, [[[5, 0, 7]], [[0, 6, 0]], [[0, 0, 0]]])


def test_the_dot_product_by_hand() -> None:
    a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
    np.testing.assert_array_equal(Dot().forward([a, b], context())[0], [[11]])
    cosine = Dot(normalize=True).forward([a, b], context())[0]
    np.testing.assert_allclose(cosine, [[11 / (5**0.5 * 5)]], rtol=1e-15)
    nothing = Dot(normalize=True).forward([0 * a, b], context())[0]
    np.testing.assert_array_equal(nothing, [[0]])


@pytest.mark.parametrize(
    ("merge", "shapes", "words"),
    [
        (Add(), [(2,), (3,)], "(2,) and (3,)"),
        (Maximum(), [(2,), (2,), (1,)], "(2,), (2,) and (1,)"),
        (Subtract(), [(2,)] * 3, "takes two inputs, not 3"),
        (Concatenate(), [(2, 3), (3, 3)], "last axis only"),
        (Concatenate(), [(), ()], "last axis only"),
        (Dot(), [(2,), (3,)], "of one length"),
        (Dot(axes=(2, 1)), [(2,), (3,)], "there is no axis 2 in rows of (2,)"),
        (Dot(), [(2,)] * 3, "takes two inputs, not 3"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_go_together_are_refused(
    merge: Merge, shapes: list[Shape], words: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        merge.out_shape(shapes)
    assert words in str(caught.value)
