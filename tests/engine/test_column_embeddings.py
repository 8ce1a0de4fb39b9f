"""column_embeddings: which number comes where, ids that nobody knows, and sums by id."""

import numpy as np
import pytest

from dlcli.engine.context import Context
from dlcli.engine.layer import ShapeError
from dlcli.engine.layers import ColumnEmbeddings
from tests.engine.cases import context

COLOUR = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32)
CITY = np.array([[7.0], [8.0]], np.float32)
P = {"embeddings_1": COLOUR, "embeddings_2": CITY}
LAYER = ColumnEmbeddings(((1, 3, 2), (3, 2, 1)))


def test_columns_that_stay_come_first_and_vectors_in_the_order_of_their_columns() -> None:
    x = np.array([[0.5, 2, -1, 0, 9], [0.25, 0, -2, 1, 8]], np.float32)
    y, _ = LAYER.forward(P, x, context())
    assert y.tolist() == [[0.5, -1, 9, 5, 6, 7], [0.25, -2, 8, 1, 2, 8]]
    assert LAYER.out_shape((5,)) == (6,)
    assert {name: slot.shape for name, slot in LAYER.slots((5,)).items()} == {
        "embeddings_1": (3, 2),
        "embeddings_2": (2, 1),
    }


def test_an_id_behind_the_last_has_zeros_and_learns_nothing() -> None:
    x = np.array([[0, 3, 0, 2, 0], [0, 2, 0, 0, 0]], np.float32)
    ctx, g = context(), {name: np.full_like(array, np.nan) for name, array in P.items()}
    y, cache = LAYER.forward(P, x, ctx)
    assert y.tolist() == [[0] * 6, [0, 0, 0, 5, 6, 7]]
    dy = np.arange(12, dtype=np.float32).reshape(2, 6)
    LAYER.backward(P, g, cache, dy, ctx)
    assert g["embeddings_1"].tolist() == [[0, 0], [0, 0], [9, 10]]
    assert g["embeddings_2"].tolist() == [[11], [0]]


def test_what_rows_of_one_id_say_is_added_in_the_order_of_the_rows() -> None:
    draw = np.random.default_rng(1)
    layer = ColumnEmbeddings(((0, 5, 3),))
    x = draw.integers(0, 5, (200, 1)).astype(np.float32)
    dy = draw.normal(size=(200, 3)).astype(np.float32)
    g = {"embeddings_1": np.full((5, 3), np.nan, np.float32)}
    ctx = Context()
    _, cache = layer.forward({"embeddings_1": np.zeros((5, 3), np.float32)}, x, ctx)
    assert layer.backward({}, g, cache, dy, ctx, need_dx=False) is None
    wanted = np.zeros((5, 3), np.float32)
    for row, place in enumerate(x[:, 0].astype(int)):
        wanted[place] += dy[row]
    assert g["embeddings_1"].tobytes() == wanted.tobytes()


def test_every_id_that_a_large_table_may_have_is_found() -> None:
    layer, most = ColumnEmbeddings(((0, 100_000, 1),)), 100_000
    table = np.arange(most, dtype=np.float32)[:, None]
    x = np.array([[0], [most - 1], [77_777]], np.float32)
    y, _ = layer.forward({"embeddings_1": table}, x, context())
    assert (y == x).all()


@pytest.mark.parametrize(
    ("columns", "shape", "words"),
    [
        (((0, 3, 2),), (2, 2), "needs rows of columns"),
        (((0, 3, 2),), (), "needs rows of columns"),
        (((2, 3, 2),), (2,), r"positions \[2\] of rows of shape \(2,\)"),
        (((1, 3, 2), (0, 3, 2)), (2,), r"positions \[1, 0\]"),
        (((1, 3, 2), (1, 3, 2)), (2,), r"positions \[1, 1\]"),
        ((), (2,), r"positions \[\]"),
    ],
)
def test_rows_without_these_columns_are_refused(columns: object, shape: object, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        ColumnEmbeddings(columns).slots(shape)  # type: ignore[arg-type]
