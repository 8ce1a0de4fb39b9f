"""Masks: who makes, passes on, reads and ends them; and that no answer changes with its padding.

Padding: steps that are masked, before or behind the others, whatever they hold. Answers are equal
to the last bit of what is worked out step by step, and of a maximum. Sums over steps add in another
order where there are more of them, and the rows of a matrix product depend on how many there are;
there, they are equal to a millionth.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.engine.batch import Batch
from dlcli.engine.context import Context, Moment
from dlcli.engine.evaluation import Forward
from dlcli.engine.folding import Inference
from dlcli.engine.fusion import fuse
from dlcli.engine.graph import GraphError, Link, connect
from dlcli.engine.inference import predict
from dlcli.engine.layer import Array, Layer, Merge
from dlcli.engine.layers import (
    ACTIVATIONS,
    LAYERS,
    BatchNormalization,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    GroupNormalization,
    Masking,
    Reshape,
)
from dlcli.engine.layers.activations import Relu, Tanh
from dlcli.engine.layers.steps import GlobalPooling1D
from dlcli.engine.losses import MeanSquaredError
from dlcli.engine.merges import MERGES, Add, Concatenate, Subtract
from dlcli.engine.metrics import MetricSet
from dlcli.engine.model import Model, Pass
from dlcli.engine.optimizers import SGD
from dlcli.engine.team import Alone, Threads
from dlcli.engine.training import Recipe, Training
from tests.engine.cases import CASES, Case, context, gradients_like
from tests.engine.test_graph import parameters

WITH_MASKS = {
    name: kind
    for name, kind in (LAYERS | ACTIVATIONS).items()
    if kind.passes_mask or kind.reads_mask
}
STEPWISE = [case for case in CASES if type(case.layer) in WITH_MASKS.values()]
STEPWISE = [case for case in STEPWISE if len(case.in_shape) == 2 and not case.ids]
SIDES = pytest.mark.parametrize("side", ["left", "right"])


def test_which_layers_know_of_masks() -> None:
    """Who joins is in the law below; who passes a mask on without cause breaks it."""
    assert {name for name, kind in WITH_MASKS.items() if kind.passes_mask} == {
        "batch_normalization", "dense", "dropout", "group_normalization", "layer_normalization",
        *ACTIVATIONS,
    }  # fmt: skip
    assert {name for name, kind in WITH_MASKS.items() if kind.reads_mask} == {
        "batch_normalization", "global_average_pooling1d", "global_max_pooling1d",
        "group_normalization", "masking",
    }  # fmt: skip
    assert {name for name, kind in MERGES.items() if not kind.passes_mask} == {"dot"}


@pytest.mark.parametrize("name", sorted(WITH_MASKS))
def test_every_layer_that_knows_of_masks_has_a_case_of_steps(name: str) -> None:
    kind = WITH_MASKS[name]
    found = any(type(case.layer) is kind for case in STEPWISE)
    assert found, f"add a row for {name} on rows (steps, features) to cases.py"


def padded(x: Array, side: str, more: Array) -> Array:
    """More steps on one side."""
    return np.concatenate([more, x] if side == "left" else [x, more], axis=1)


@SIDES
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", STEPWISE, ids=str)
def test_more_masked_steps_change_nothing(case: Case, training: bool, side: str) -> None:
    layer = case.layer
    training = training and not case.random  # what is drawn depends on how many numbers there are
    case = replace(case, masked=True)
    x, p = case.x("float32"), case.parameters("float32")
    short = case.context(training)
    assert short.mask is not None
    y, dx, g = through(layer, p, x, short)
    draw = np.random.default_rng(8)
    more = draw.normal(size=(case.rows, 3, case.in_shape[1])).astype(np.float32) * 10
    long = case.context(training)
    long.mask = padded(short.mask, side, np.zeros((case.rows, 3), bool))
    noise = draw.normal(size=x.shape).astype(np.float32)
    x = padded(np.where(short.mask[:, :, None], x, noise), side, more)
    y_long, dx_long, g_long = through(layer, p, x, long)
    exact = (not layer.reads_mask and not layer.affine) or isinstance(layer, GlobalMaxPooling1D)
    if layer.passes_mask or layer.makes_mask():
        y, y_long = y[short.mask], y_long[long.mask]
    assert_alike(y_long, y, exact)
    assert_alike(dx_long[long.mask], dx[short.mask], exact)
    for slot in g:
        assert_alike(g_long[slot], g[slot], False)


def through(
    layer: Layer, p: dict[str, Array], x: Array, ctx: Context
) -> tuple[Array, Array, dict[str, Array]]:
    """y, dx and g, where dy is 0 at masked steps, as whoever reads them has it."""
    assert ctx.mask is not None
    g = {name: np.zeros_like(array) for name, array in gradients_like(p).items()}
    y, cache = layer.forward(p, x, ctx)
    y = y.copy()
    width = y.shape[-1]
    if layer.passes_mask or layer.makes_mask():
        dy = np.zeros_like(y)
        real = int(np.count_nonzero(ctx.mask))
        dy[ctx.mask] = np.random.default_rng(9).normal(size=(real, width))
    else:
        dy = np.random.default_rng(9).normal(size=y.shape).astype(np.float32)
    dx = layer.backward(p, g, cache, dy, ctx)
    assert dx is not None
    return y, dx.copy(), g


def assert_alike(found: Array, wanted: Array, exact: bool) -> None:
    if exact:
        np.testing.assert_array_equal(found, wanted)
    else:
        size = float(np.abs(wanted).max(initial=1.0))
        np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=2e-6 * size)


def between(first: Layer, layers: Sequence[Layer | Merge], pool: Layer) -> list[Link]:
    """What makes a mask, what passes it on, and one vector for all steps."""
    links = [Link("first", first), Link("other", Tanh())]
    for index, layer in enumerate(layers):
        inputs = ("first", "other") if isinstance(layer, Merge) else None
        links.append(Link(f"between_{index}", layer, inputs))
    return [*links, Link("pool", pool), Link("last", Dense(2))]


PASSING: dict[str, Layer | Merge] = {
    **{str(case): case.layer for case in STEPWISE if case.layer.passes_mask},
    **{name: kind() for name, kind in MERGES.items() if kind.passes_mask},
}
WIDTHS = {str(case): case.in_shape[1] for case in STEPWISE}


@SIDES
@pytest.mark.parametrize("pool", [GlobalAveragePooling1D(), GlobalMaxPooling1D()], ids=str)
@pytest.mark.parametrize("made", ["embedding", "masking"])
@pytest.mark.parametrize("name", PASSING)
def test_an_answer_does_not_change_with_its_padding(
    name: str, made: str, pool: Layer, side: str
) -> None:
    width, draw = WIDTHS.get(name, 3), np.random.default_rng(7)
    lengths = [3, 0, 5, 1]
    if made == "embedding":
        first: Layer = Embedding(9, width, mask_zero=True)
        rows = [draw.integers(1, 9, length).astype(np.float32) for length in lengths]
        nothing = np.zeros((1,), np.float32)
    else:
        first = Masking(0.5)
        rows = [draw.normal(size=(length, width)).astype(np.float32) for length in lengths]
        nothing = np.full((1, width), 0.5, np.float32)
    answers = []
    for steps, end in ((5, "right"), (8, side)):
        x = [
            padded(row[None], end, np.repeat(nothing[None], steps - len(row), axis=1))
            for row in rows
        ]
        whole = np.concatenate(x)
        model = Model(connect(between(first, [PASSING[name]], pool), whole.shape[1:]))
        theta = parameters(model).astype(np.float32)
        answers.append(predict(model, MeanSquaredError(), theta, whole))
    size = float(np.abs(answers[0]).max())
    np.testing.assert_allclose(answers[1], answers[0], rtol=1e-6, atol=1e-6 * size)
    # A row without a step is 0 before the last layer; so its answer is the bias.
    np.testing.assert_array_equal(answers[0][1], model.layout.named(theta)["last.bias"])


def masked_at(links: Sequence[Link], shapes: Any) -> dict[str, bool]:
    return {node.name: node.masked for node in connect(links, shapes)}


def test_a_mask_goes_on_to_the_layer_that_ends_it() -> None:
    links = [
        Link("words", Embedding(5, 4, mask_zero=True)),
        Link("dense", Dense(4)),
        Link("dropout", Dropout(0.5)),
        Link("sum", Add(), ("dropout", "words")),
        Link("flat", Flatten(), ("sum",)),
        Link("steps", Reshape((3, 4))),
        Link("again", Masking()),
        Link("pool", GlobalMaxPooling1D()),
    ]
    assert masked_at(links, (3,)) == {
        "words": True, "dense": True, "dropout": True, "sum": True, "flat": False, "steps": False,
        "again": True, "pool": False,
    }  # fmt: skip


@pytest.mark.parametrize("merge", [Add(), Concatenate()], ids=str)
def test_a_merge_has_the_steps_of_any_input_and_no_mask_where_an_input_has_none(
    merge: Merge,
) -> None:
    ids = {"a": np.array([[1, 2, 0, 0], [0, 0, 0, 0]]), "b": np.array([[0, 1, 2, 0], [0, 0, 0, 3]])}

    def links(*, second: bool) -> list[Link]:
        return [
            Link("one", Embedding(4, 2, mask_zero=True), ("a",)),
            Link("two", Embedding(4, 2, mask_zero=second), ("b",)),
            Link("both", merge, ("one", "two")),
            Link("pool", GlobalAveragePooling1D()),
        ]

    shapes = {"a": (4,), "b": (4,)}
    assert masked_at(links(second=True), shapes)["both"]
    assert not masked_at(links(second=False), shapes)["both"]
    model = Model(connect(links(second=True), shapes))
    theta = parameters(model)
    p = model.layout.named(theta)
    parts = [p[f"{name}.embeddings"][x] for name, x in (("one", ids["a"]), ("two", ids["b"]))]
    both = sum(parts) if isinstance(merge, Add) else np.concatenate(parts, axis=-1)
    wanted = [both[0, :3].mean(axis=0), both[1, 3]]
    found = Pass(model, model.layout.views(theta), Moment()).forward(
        *(ids[name].astype(float) for name in model.inputs)
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("links", "index", "words"),
    [
        ([Link("a", Embedding(5, 2, mask_zero=True))], 0, "bring the steps together before"),
        ([Link("a", Embedding(5, 2, mask_zero=True)), Link("b", Dense(1))], 1, "are masked"),
        ([Link("a", Relu()), Link("b", Embedding(5, 2))], 1, "takes ids, whole numbers that"),
        ([Link("a", Reshape((2, 2))), Link("b", Embedding(5, 2, mask_zero=True))], 1, "(steps,)"),
        ([Link("a", Masking())], 0, "masking needs rows of steps"),
        ([Link("a", GlobalMaxPooling1D())], 0, "global_max_pooling1d needs rows of steps"),
        ([Link("a", GroupNormalization(3))], 0, "cannot put 4 channels into 3 groups"),
    ],
)  # fmt: skip
def test_what_is_refused(links: list[Link], index: int, words: str) -> None:
    with pytest.raises(GraphError) as caught:
        connect(links, (4,))
    assert caught.value.index == index
    assert words in str(caught.value)


def test_what_is_already_masked_stays_so() -> None:
    links = [
        Link("words", Embedding(3, 1, mask_zero=True)),
        Link("difference", Subtract(), ("words", "words")),
        Link("again", Masking(5.0)),
        Link("pool", GlobalMaxPooling1D()),
        Link("count", Dense(1)),
    ]
    model = Model(connect(links, (3,)))
    passing = Pass(model, model.layout.views(parameters(model)), Moment())
    passing.forward(np.array([[0.0, 1.0, 2.0]]))
    (pool,) = (step for step in passing._steps if step.node.name == "pool")
    assert pool.ctx.mask is not None
    assert pool.ctx.mask.tolist() == [[False, True, True]]


def test_masking_puts_zeros_where_all_features_have_the_value() -> None:
    x = np.array([[[1.0, 0.5], [0.5, 0.5], [0.5, 0.0]]], np.float32)
    layer, ctx = Masking(0.5), context()
    y, cache = layer.forward({}, x, ctx)
    assert y.tolist() == [[[1.0, 0.5], [0.0, 0.0], [0.5, 0.0]]]
    assert layer.mask(cache, ctx).tolist() == [[True, False, True]]
    dx = layer.backward({}, {}, cache, np.ones_like(x), ctx)
    assert dx is not None
    assert dx.tolist() == [[[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]]


@pytest.mark.parametrize("kind", [GlobalAveragePooling1D, GlobalMaxPooling1D])
def test_pools_by_hand(kind: type[GlobalPooling1D]) -> None:
    x = np.array([[[-1.0], [-3.0], [9.0]], [[5.0], [6.0], [7.0]]])
    ctx = context()
    ctx.mask = np.array([[True, True, False], [False, False, False]])
    y, cache = kind().forward({}, x, ctx)
    assert y.tolist() == ([[-2.0], [0.0]] if kind is GlobalAveragePooling1D else [[-1.0], [0.0]])
    dx = kind().backward({}, {}, cache, np.array([[8.0], [8.0]]), ctx)
    first = [4.0, 4.0, 0.0] if kind is GlobalAveragePooling1D else [8.0, 0.0, 0.0]
    assert dx is not None
    assert dx[:, :, 0].tolist() == [first, [0.0, 0.0, 0.0]]


class Texts:
    """Rows of ids, some of them without any."""

    def __init__(self, count: int) -> None:
        draw = np.random.default_rng(5)
        self.x = draw.integers(0, 6, (count, 4)).astype(np.float32)
        self.x[draw.random(count) < 0.4] = 0
        self.x[:3] = 0  # a shard without any
        self.t = (self.x == 2).any(axis=1).astype(np.float64)

    def __len__(self) -> int:
        return len(self.t)

    def fetch(self, positions: Array, ctx: Context, epoch: int | None = None, /) -> Batch:
        return Batch([self.x[positions]], self.t[positions])


TEXT = connect(
    [
        Link("words", Embedding(6, 3, mask_zero=True)),
        Link("norm", BatchNormalization(momentum=0.5)),
        Link("dense", Dense(4)),
        Link("group", GroupNormalization(2)),
        Link("pool", GlobalAveragePooling1D()),
        Link("last", Dense(1)),
    ],
    (4,),
)


def recipe(shard_size: int) -> Recipe:
    metrics = MetricSet(["mean_absolute_error"], "regression", 1)
    model = Model(fuse(TEXT), plain=TEXT)
    return Recipe(model, MeanSquaredError(), SGD(0.5), metrics, 3, 4, 10, shard_size, shuffle=False)


def test_workers_change_no_bits_and_training_learns() -> None:
    found = []
    for workers in (1, 2, 3):
        training = Training(recipe(3), {"train": Texts(41), "validation": Texts(9)})
        phases = training.phases
        with Alone(phases) if workers == 1 else Threads(phases, workers) as team:
            logs = [report.logs for report in training.fit(team) if hasattr(report, "logs")]
        assert logs[-1]["loss"] < logs[0]["loss"]
        found.append((training.theta.tobytes(), logs))
    assert found[1:] == found[:1] * 2


def test_statistics_are_those_of_the_steps_that_are_not_masked() -> None:
    rows = Texts(10)
    training = Training(replace(recipe(3), epochs=1), {"train": rows})
    before = {n: a.copy() for n, a in training.recipe.model.layout.named(training.theta).items()}
    with Alone(training.phases) as team:
        list(training.fit(team))
    after = training.recipe.model.layout.named(training.theta)
    ids = rows.x.astype(int)
    real = before["words.embeddings"][ids[ids > 0]].astype(np.float64)
    np.testing.assert_allclose(after["norm.moving_mean"], 0.5 * real.mean(axis=0), rtol=1e-5)
    wanted = 0.5 + 0.5 * real.var(axis=0)
    np.testing.assert_allclose(after["norm.moving_variance"], wanted, rtol=1e-6)
    np.testing.assert_array_equal(after["words.embeddings"][0], before["words.embeddings"][0])


def test_a_batch_without_a_step_changes_nothing_but_what_needs_none() -> None:
    rows = Texts(10)
    rows.x[:] = 0
    training = Training(replace(recipe(3), epochs=1), {"train": rows})
    before = {n: a.copy() for n, a in training.recipe.model.layout.named(training.theta).items()}
    with Alone(training.phases) as team:
        list(training.fit(team))
    for name, array in training.recipe.model.layout.named(training.theta).items():
        assert name == "last.bias" or np.array_equal(array, before[name]), name


def test_a_folded_normalization_of_masked_steps_answers_as_the_plain_one() -> None:
    links = [
        Link("words", Embedding(6, 3, mask_zero=True)),
        Link("dense", Dense(4)),
        Link("norm", BatchNormalization()),
        Link("pool", GlobalMaxPooling1D()),
    ]
    model = Model(connect(links, (4,)))
    theta = parameters(model)
    inference = Inference(model, theta)
    inference.refresh()
    assert [node.name for node in inference.model.nodes] == ["words", "norm", "pool"]
    x = Texts(20).x.astype(np.float64)
    plain = Pass(model, model.layout.views(theta), Moment()).forward(x).copy()
    folded = Pass(inference.model, inference.model.layout.views(inference.theta), Moment())
    np.testing.assert_allclose(folded.forward(x), plain, rtol=1e-9, atol=1e-9)


def test_rows_that_fill_a_shard_up_do_not_matter() -> None:
    model = Model(TEXT)
    theta = parameters(model).astype(np.float32)
    forward, x = Forward(model, theta, 8), Texts(8).x
    whole = np.array(forward(x))
    assert np.isfinite(whole).all()
    assert np.array(forward(x[:5])).tobytes() == whole[:5].tobytes()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_ids_that_are_known_are_no_fault(ids: list[int]) -> None:
    assert Embedding(6, 2).fault(np.array([ids], np.float32)) is None


@pytest.mark.parametrize("wrong", [-1.0, 6.0, 2.5, np.nan, np.inf, -np.inf, 2.0**60])
def test_the_first_number_that_is_no_id_is_found(wrong: float) -> None:
    x = np.zeros((4, 3), np.float32)
    x[2, 1] = x[3, 0] = wrong
    fault = Embedding(6, 2).fault(x)
    assert fault is not None
    assert (fault.row, fault.place) == (2, (1,))
    assert fault.wanted == "ids, whole numbers from 0 to 5"
