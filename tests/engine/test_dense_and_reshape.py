"""Dense, flatten and reshape: shapes, counts, and what they say about rows that do not fit."""

import numpy as np
import pytest

from dlcli.engine.initializers import Orthogonal
from dlcli.engine.layer import Layer, Shape, ShapeError
from dlcli.engine.layers import Conv2D, Dense, Flatten, Reshape
from tests.engine.cases import context


def test_dense_is_a_product_with_the_kernel_plus_the_bias() -> None:
    p = {"kernel": np.array([[1.0, 2], [3, 4], [5, 6]]), "bias": np.array([10.0, 20])}
    y, _ = Dense(2).forward(p, np.array([[1.0, 0, -1]]), context())
    assert y.tolist() == [[6, 16]]


def test_dense_gives_a_vector_for_every_pixel_of_an_image() -> None:
    assert Dense(10).out_shape((28, 28, 3)) == (28, 28, 10)
    assert Dense(10).slots((28, 28, 3))["kernel"].shape == (3, 10)


def test_dense_operations_are_counted() -> None:
    assert Dense(10).flops((784,)) == 10 * (2 * 784 + 1)
    assert Dense(10, use_bias=False).flops((784,)) == 10 * 2 * 784
    assert Dense(10).flops((7, 784)) == 7 * 10 * (2 * 784 + 1)


def test_slots_are_named_and_shaped_as_in_keras() -> None:
    slots = Dense(3).slots((5,))
    assert {name: slot.shape for name, slot in slots.items()} == {"kernel": (5, 3), "bias": (3,)}
    assert list(Dense(3, use_bias=False).slots((5,))) == ["kernel"]


@pytest.mark.parametrize(
    "layer",
    [Dense(3, bias_initializer=Orthogonal()), Conv2D(3, (1, 1), bias_initializer=Orthogonal())],
)
def test_an_initializer_that_cannot_draw_is_refused_before_anything_is_drawn(layer: Layer) -> None:
    with pytest.raises(ShapeError, match="orthogonal"):
        layer.slots((5, 5, 3))


@pytest.mark.parametrize(
    ("layer", "in_shape", "out_shape"),
    [
        (Flatten(), (2, 3, 4), (24,)),
        (Flatten(), (), (1,)),
        (Reshape((6,)), (2, 3), (6,)),
        (Reshape((-1,)), (2, 3), (6,)),
        (Reshape((4, -1, 2)), (16,), (4, 2, 2)),
        (Reshape((28, 28, 1)), (784,), (28, 28, 1)),
    ],
)
def test_other_shapes_for_the_same_numbers(layer: Layer, in_shape: Shape, out_shape: Shape) -> None:
    assert layer.out_shape(in_shape) == out_shape
    x = np.arange(2 * np.prod(in_shape, dtype=int), dtype=np.float32).reshape(2, *in_shape)
    y, cache = layer.forward({}, x, context())
    np.testing.assert_array_equal(y, x.reshape(2, *out_shape))
    assert np.shares_memory(x, y)
    np.testing.assert_array_equal(layer.backward({}, {}, cache, y, context()), x)
    assert layer.flops(in_shape) == 0


@pytest.mark.parametrize(
    ("layer", "in_shape", "message"),
    [
        (
            Dense(10),
            (),
            "dense needs rows of features, shape (features,), but gets rows of shape (), single "
            "numbers; put a `reshape` layer with target_shape [1] before it",
        ),
        (
            Reshape((4, 4)),
            (10,),
            "reshape cannot turn rows of shape (10,), 10 numbers, into [4, 4], which needs 16; "
            "choose a target_shape with as many numbers",
        ),
        (
            Reshape((3, -1)),
            (5, 2),
            "reshape cannot turn rows of shape (5, 2), 10 numbers, into [3, -1], which needs a "
            "multiple of 3; choose a target_shape with as many numbers",
        ),
        (
            Reshape((-1, -1)),
            (4,),
            "reshape cannot use the target_shape [-1, -1]: its lengths must be at least 1, "
            "except for one that may be -1",
        ),
        (
            Reshape((0,)),
            (4,),
            "reshape cannot use the target_shape [0]: its lengths must be at least 1, except for "
            "one that may be -1",
        ),
    ],
)
def test_rows_that_do_not_fit_are_refused_with_the_way_out(
    layer: Layer, in_shape: Shape, message: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        layer.out_shape(in_shape)
    assert str(caught.value) == message
