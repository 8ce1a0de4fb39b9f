"""The parts of an ONNX graph, each beside what it stands for: layers, merges, numbers, dates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dlcli import builder
from dlcli.data import portable
from dlcli.data.fitted import Fitted
from dlcli.data.targets import _STEPS
from dlcli.data.transforms import TRANSFORMS, dates
from dlcli.data.transforms.curves import Ranked
from dlcli.data.transforms.resizing import Resizing
from dlcli.deploy.onnx import activations, answers, layers, merges, preprocessing, smooth, targets
from dlcli.deploy.onnx.dates import parts_of
from dlcli.deploy.onnx.network import network
from dlcli.deploy.onnx.searching import Found, interpolated
from dlcli.engine.context import Moment
from dlcli.engine.graph import Link, connect
from dlcli.engine.layer import Layer, Merge, Shape
from dlcli.engine.layers import ACTIVATIONS, LAYERS, Conv2D, Dense, Flatten, Masking
from dlcli.engine.losses import LOSSES
from dlcli.engine.merges import MERGES
from dlcli.engine.model import Model, Pass
from tests.deploy.onnx_runs import computed
from tests.engine.cases import CASES, Case
from tests.engine.test_merges import CASES as MERGED

Array = npt.NDArray[Any]


def test_the_tables_have_a_row_for_every_word() -> None:
    assert set(layers.WRITTEN) == set(LAYERS.values())
    assert set(activations.WRITTEN) == set(ACTIVATIONS.values())
    assert set(merges.WRITTEN) == set(MERGES.values())
    assert set(preprocessing.WRITTEN) == {transform.fitted for transform in TRANSFORMS.values()}
    assert set(targets.WRITTEN) == set(_STEPS.values())
    kinds = {LOSSES[word]().kind(shape)[0] for word in LOSSES for shape in ((1,), (3,))}
    assert set(answers.ANSWERS) == kinds


def test_every_fitted_step_is_of_a_transform() -> None:
    def kinds(kind: type[Fitted]) -> set[type[Fitted]]:
        below = set().union(*(kinds(one) for one in kind.__subclasses__()))
        return below | ({kind} if not getattr(kind, "__abstractmethods__", ()) else set())

    known = {one for one in kinds(Fitted) if one.__module__.startswith("dlcli.")}
    assert known == set(preprocessing.WRITTEN)


def agree(links: Sequence[Link], shapes: dict[str, Shape], xs: Sequence[Array], to: Path) -> None:
    """The graph of these layers gives what the engine gives."""
    nodes = connect(links, shapes)
    model = Model(nodes, inputs=tuple(shapes))
    draw = np.random.default_rng(3)
    theta = draw.normal(size=model.layout.size).astype(np.float32)
    for (_, slot), place in model.layout.places.items():
        if slot == "moving_variance":
            theta[place.start : place.stop] = np.abs(theta[place.start : place.stop])
    engine = Pass(model, model.layout.views(theta), Moment(training=False))
    wanted = engine.forward(*xs).copy()
    found = computed(
        lambda graph, *names: network(
            graph, model, theta, dict(zip(model.inputs, names, strict=True))
        ),
        *xs,
        folder=to,
    )
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=2e-5, atol=2e-5)


def chain(case: Case) -> list[Link]:
    """The layer between others: one that makes its mask, and one that ends all masks."""
    before = [Link("masking", Masking())] if case.masked else []
    return [*before, Link("layer", case.layer), Link("last", Flatten())]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_layer_gives_what_the_engine_gives(case: Case, tmp_path: Path) -> None:
    x = case.x("float32")
    if case.masked:
        x[:, ::2] = 0.0
        x[0] = 0.0
    if hasattr(case.layer, "columns"):
        for position, *_ in case.layer.columns:
            x[:, position] = np.floor(x[:, position])
    agree(chain(case), {"": case.in_shape}, [x], tmp_path)


@pytest.mark.parametrize("case", [case for case in CASES if len(case.in_shape) == 3], ids=str)
def test_a_layer_of_images_between_convolutions(case: Case, tmp_path: Path) -> None:
    """Its input has channels first, and what reads it wants them first."""
    shape = case.layer.out_shape(case.in_shape)
    conv = Link("before", Conv2D(case.in_shape[2], (1, 1)))
    after: Layer = Conv2D(2, (1, 1)) if len(shape) == 3 else Dense(2)
    links = [conv, Link("layer", case.layer), Link("after", after), Link("last", Flatten())]
    if case.layer.takes_ids:
        pytest.skip("ids come of the data alone")
    agree(links, {"": case.in_shape}, [case.x("float32")], tmp_path)


@pytest.mark.parametrize(("merge", "shapes"), MERGED, ids=str)
@pytest.mark.parametrize("convolved", [False, True])
def test_a_merge_gives_what_the_engine_gives(
    merge: Merge, shapes: list[Shape], convolved: bool, tmp_path: Path
) -> None:
    given = {f"in_{number}": shape for number, shape in enumerate(shapes)}
    names, links = list(given), []
    if convolved:
        for number, shape in enumerate(shapes):
            if len(shape) == 3:
                links.append(Link(f"conv_{number}", Conv2D(shape[2], (1, 1)), (names[number],)))
                names[number] = f"conv_{number}"
    links.append(Link("merge", merge, tuple(names)))
    draw = np.random.default_rng(1)
    xs = [draw.normal(size=(4, *shape)).astype(np.float32) for shape in shapes]
    agree(links, given, xs, tmp_path)


@pytest.mark.parametrize("word", ACTIVATIONS)
def test_an_activation_holds_far_out(word: str, tmp_path: Path) -> None:
    """Large numbers, infinite ones and 0; softmax of equal and of far ones."""
    row = [0.0, -0.0, 1e-8, -1e-8, 30.0, -30.0, 200.0, -200.0, 1e30, -1e30]
    rows = [row, [3.0] * len(row)]
    if word != "softmax":
        rows += [[np.inf, -np.inf] * (len(row) // 2)]
    x = np.array(rows, np.float32)
    layer = ACTIVATIONS[word]()
    model = Model(connect([Link("layer", layer)], x.shape[1:]))
    engine = Pass(model, {}, Moment(training=False))
    with np.errstate(all="ignore"):
        wanted = engine.forward(x).copy()
    found = computed(
        lambda graph, name: network(graph, model, np.zeros(0, np.float32), {"": name}),
        x,
        folder=tmp_path,
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


NUMBERS = np.array(
    [0.0, 1e-300, 1e-12, -1e-12, 1e-3, -0.3, 0.4999, 0.5, -0.5, 0.51, 1.0, -0.999999, 3.0, 40.0,
     -40.0, 700.0, 1e6, 1e300, np.nan, np.inf, -1.0, -5.0, -800.0, -np.inf],
)  # fmt: skip


@pytest.mark.parametrize("word", ["log1p", "expm1", "normal_share", "normal_quantile"])
def test_functions_of_float64_are_those_of_dlcli(word: str, tmp_path: Path) -> None:
    x = NUMBERS[:, np.newaxis]
    if word == "normal_quantile":
        shares = [1e-7, 1e-4, 0.01, 0.0749, 0.0751, 0.3, 0.5, 0.924, 0.926, 0.99, 1 - 1e-7]
        x = np.array(shares)[:, np.newaxis]
    with np.errstate(all="ignore"):
        wanted = getattr(portable, word)(x)
    found = computed(getattr(smooth, word), x, folder=tmp_path)
    apart = {"normal_share": 3e-16}.get(word, 0.0)
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=apart)


@pytest.mark.parametrize("counts", [(0,), (1,), (2, 5), (3, 4, 0, 1), (1000, 7)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_are_found_among_sorted_ones(
    counts: tuple[int, ...], dtype: Any, tmp_path: Path
) -> None:
    draw = np.random.default_rng(sum(counts))
    known = [np.sort(draw.integers(-9, 9, count)).astype(dtype) for count in counts]
    x = draw.integers(-12, 12, (200, len(counts))).astype(dtype)
    x[:3] = np.array([np.nan, np.inf, -np.inf])[:, np.newaxis]
    wanted = np.stack(
        [np.searchsorted(one, column, side="right") for one, column in zip(known, x.T, strict=True)]
    ).T
    wanted[0] = 0  # NaN is nowhere
    found = computed(lambda graph, x: Found(graph, x, known, dtype).count, x, folder=tmp_path)
    assert (found == wanted).all()


def test_lines_between_points_are_those_of_numpy(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    known = [np.sort(draw.normal(size=n).round(1)) for n in (1, 2, 30)]
    values = [np.sort(draw.normal(size=len(one))) for one in known]
    x = np.concatenate([draw.normal(size=(300, 3)).round(1), draw.normal(size=(300, 3)) * 3])
    x[:3] = np.array([np.nan, np.inf, -np.inf])[:, np.newaxis]
    x[0, 0] = 0.0  # of one point alone, NumPy gives its value even for NaN
    wanted = np.stack([np.interp(*one) for one in zip(x.T, known, values, strict=True)]).T
    found = computed(lambda graph, x: interpolated(graph, x, known, values), x, folder=tmp_path)
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


@pytest.mark.parametrize("normal", [False, True])
def test_ranks_are_those_of_the_transform(normal: bool, tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    known = np.sort(draw.normal(size=(40, 3)).round(1), axis=0)
    known[:, 2] = 0.5
    step = Ranked((3,), (0, 1, 2), known, normal)
    x = np.concatenate([known, draw.normal(size=(300, 3)), np.full((1, 3), np.nan)])
    wanted = np.stack([step.values(column, j) for j, column in enumerate(x.T)], axis=1)
    found = computed(lambda graph, x: preprocessing.ranks(graph, step, x), x, folder=tmp_path)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_dates_are_taken_apart_alike(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    day = 86400.0
    seconds = np.concatenate(
        [
            np.arange(-719_162, 2_932_896, 97) * day,  # from the year 1 to 9999
            np.arange(-3, 1500) * day + 86399.999999,
            draw.uniform(-6e10, 2.5e11, 5000).round(3),
            [np.nan, 0.0, -0.5, -day, day - 1e-6],
        ]
    )[:, np.newaxis]
    wanted = dates.parts_of(seconds)
    for part in dates.PARTS:
        found = computed(
            lambda graph, x, part=part: parts_of(graph, x)[part], seconds, folder=tmp_path
        )
        np.testing.assert_array_equal(found, wanted[part], err_msg=part)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("how", ["", "crop_to_aspect_ratio", "pad_to_aspect_ratio"])
@pytest.mark.parametrize("size", [(4, 9), (11, 3), (7, 5)])
def test_images_are_resized_alike(
    interpolation: str, antialias: bool, how: str, size: tuple[int, int], tmp_path: Path
) -> None:
    options = {how: True, "fill_value": 3.0} if how else {}
    dtype = np.dtype(np.float64 if antialias else np.float32)
    transform = Resizing(*size, interpolation, antialias=antialias, **options)  # type: ignore[arg-type]
    shape = (7, 5, 2)
    step = builder.TRANSFORMS["resizing"].fitted(
        shape, *size, interpolation, transform._window(7, 5), transform.fill_value, antialias
    )
    x = np.random.default_rng(5).uniform(0, 255, (6, *shape)).astype(dtype)
    wanted = step.apply(x, dtype, None)
    found = computed(
        lambda graph, x: preprocessing.WRITTEN[type(step)](graph, step, x, dtype),
        x,
        folder=tmp_path,
    )
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=1e-5, atol=1e-4)
