"""The gradient of a batch: every piece once, and the same whichever way it is made."""

from dataclasses import replace

import numpy as np
import pytest

from dlcli.engine import gradients
from dlcli.engine.arrays import Factors
from dlcli.engine.fusion import FusedDense, fuse
from dlcli.engine.gradients import Gradients
from dlcli.engine.graph import connect
from dlcli.engine.layer import Array
from dlcli.engine.layers import Dense, Flatten
from dlcli.engine.layers.activations import Relu, Tanh
from dlcli.engine.model import Model
from dlcli.engine.optimizers import AdamW
from tests.engine.cases import Case, context, gradients_like
from tests.engine.fused import FUSED_CASES
from tests.engine.test_training import recipe, trained

FACTORED = [case for case in FUSED_CASES if case.layer.factors(case.in_shape)]


CHAIN = connect(
    [
        ("flatten_1", Flatten()),
        ("dense_1", Dense(600)),
        ("relu", Relu()),
        ("dense_2", Dense(60)),
        ("tanh", Tanh()),
        ("dense_3", Dense(2)),
    ],
    (8, 8, 1),
)


def wide(exclude: tuple[str, ...] = ("bias",)) -> Model:
    """A chain with two factored kernels; which arrays do not decay is the caller's choice."""
    return Model(fuse(CHAIN), AdamW(exclude_from_weight_decay=exclude).decays)


def test_there_are_layers_with_factors() -> None:
    assert {type(case.layer) for case in FACTORED} == {FusedDense}
    assert len(FACTORED) >= 4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", FACTORED, ids=str)
def test_the_product_of_the_factors_is_the_gradient(case: Case, dtype: str) -> None:
    p, x, dy = case.parameters(dtype), case.x(dtype), case.dy(dtype)
    found, whole = [], gradients_like(p)
    for slot, (a, b) in case.layer.factors(case.in_shape).items():
        # Room for more rows than there are, full of NaN.
        left, right = (np.full((case.rows + 2, n), np.nan, dtype) for n in (a, b))
        parts = gradients_like(p) | {slot: Factors(left, right)}
        for g in (whole, parts):
            ctx = context()
            _, cache = case.layer.forward(p, x, ctx)
            dx = case.layer.backward(p, g, cache, dy, ctx)
            assert dx is not None
            found.append(dx.tobytes())
        product = left[: case.rows].T @ right[: case.rows]
        np.testing.assert_array_equal(product, whole[slot])
        assert np.isnan(left[case.rows :]).all() and np.isnan(right[case.rows :]).all()
        for name in whole.keys() - {slot}:
            np.testing.assert_array_equal(parts[name], whole[name])
    assert len(set(found)) == 1


@pytest.mark.parametrize("exclude", [("bias",), ("dense_2.kernel",), ("dense_1",), ()])
def test_pieces_cover_every_trained_element_once_and_in_order(exclude: tuple[str, ...]) -> None:
    model = wide(exclude)
    pieces = Gradients(model, 32, 8).pieces
    assert pieces[0].start == 0
    assert [piece.stop for piece in pieces[:-1]] == [piece.start for piece in pieces[1:]]
    assert pieces[-1].stop == model.layout.trained
    for piece in pieces:
        assert piece.start < piece.stop
        assert piece.decayed == (piece.start < model.layout.decayed)
        assert piece.stop <= model.layout.decayed or not piece.decayed
    kernels = {piece.kernel for piece in pieces}
    assert kernels == {None, ("dense_1", "kernel"), ("dense_2", "kernel")}
    for kernel in kernels - {None}:
        own = [piece for piece in pieces if piece.kernel == kernel]
        assert len(own) >= gradients.PIECES


def filled(made: Gradients, model: Model, rows: int, shard_size: int) -> Array:
    """The batch's gradient with every factor and every summed element drawn at random."""
    draw = np.random.default_rng(7)
    for number in range(-(-rows // shard_size)):
        for arrays in made.shard(number).values():
            for found in arrays.values():
                for array in found if isinstance(found, Factors) else (found,):
                    array[:] = draw.integers(-3, 4, array.shape)
    out = np.full(model.layout.trained, np.nan, np.float32)
    for piece in made.pieces:
        made.assign(piece, rows, out[piece.start : piece.stop])
    return out


@pytest.mark.parametrize("rows", [32, 31, 16, 9, 1])
def test_a_factored_gradient_is_the_product_over_the_whole_batch(rows: int) -> None:
    model, shard_size = wide(), 8
    made = Gradients(model, 32, shard_size)
    out = filled(made, model, rows, shard_size)
    shards = [made.shard(number) for number in range(4)]
    views = model.layout.named(out)
    for layer in ("dense_1", "dense_2"):
        left, right = (
            np.concatenate([shard[layer]["kernel"][side] for shard in shards])[:rows]
            for side in (0, 1)
        )
        np.testing.assert_array_equal(views[f"{layer}.kernel"], left.T @ right)
    used = -(-rows // shard_size)
    for name in ("dense_1.bias", "dense_3.kernel"):
        layer, slot = name.split(".")
        summed = sum(shard[layer][slot] for shard in shards[:used])
        np.testing.assert_array_equal(views[name], summed)


def test_factors_are_used_only_where_they_are_smaller_than_the_rows_they_replace() -> None:
    tall = Model(fuse(connect([("dense_1", Dense(10))], (4000,))))
    assert all(piece.kernel is None for piece in Gradients(tall, 128, 16).pieces)
    assert all(piece.kernel for piece in Gradients(tall, 16, 8).pieces[:-1])


def test_training_with_factors_learns_what_the_plain_layers_learn() -> None:
    optimizer = AdamW(weight_decay=0.1, exclude_from_weight_decay=("bias",))
    made = recipe(model=wide(), optimizer=optimizer)
    one, epochs, _ = trained(made)
    other, _, _ = trained(replace(made, model=Model(CHAIN, optimizer.decays)))
    assert not np.array_equal(one.theta, made.model.layout.initial(made.seed))
    np.testing.assert_allclose(one.theta, other.theta, rtol=2e-3, atol=2e-5)
    for workers in (2, 3, 4):
        again, same, _ = trained(made, workers)
        assert again.theta.tobytes() == one.theta.tobytes()
        assert same == epochs
