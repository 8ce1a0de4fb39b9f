"""Transforms: formulas, edge cases, in-place and threaded use, saving and restoring."""

import json
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.data import (
    TRANSFORMS,
    Column,
    Dataset,
    Part,
    Preprocessing,
    TargetScale,
    Transform,
    TransformError,
    prepare,
    shape_after,
)
from dlcli.data.checks import make_table
from dlcli.data.dataset import Array
from dlcli.data.formats import npy
from dlcli.data.preprocessing import work_dtype
from dlcli.data.transforms import (
    Category,
    CenterCrop,
    Clip,
    Discretize,
    Hash,
    Impute,
    Log1p,
    MinMax,
    OneHot,
    Ordinal,
    Quantile,
    Rescale,
    ReshapeRows,
    Resizing,
    Robust,
    Standardize,
    TakeDatesApart,
    Transpose,
)
from dlcli.data.transforms.resizing import taps
from dlcli.errors import ArtifactError, DataError, UsageError


def part(features: Array, columns: tuple[Column, ...] | None = None) -> Part:
    return Part(features, np.zeros(len(features), np.int64), None, columns)


RNG = np.random.RandomState(0)
TABLE = RNG.standard_normal((300, 4)) * [1.0, 10.0, 0.1, 1e5] + [5.0, -3.0, 0.5, 0.0]
IMAGES = RNG.randint(0, 256, (40, 6, 5, 3)).astype(np.uint8)
MIXED = (Column("size"), Column("color", ("blue", "green", "red")), Column("count"))
DATES = np.array([[0.0, 1.0], [1.7e9, 2.0], [np.nan, 3.0], [-6.2e10, 4.0], [951_782_399.5, 5.0]])
GAPS = np.array(
    [[1.5, 2.0, np.nan], [np.nan, 0.0, 3.0], [3.5, np.nan, 7.0], [4.5, 0.0, 1.0], [2.0, 1.0, 1.0]]
)
MIXED_ROWS = np.array([[1.5, 2.0, 7.0], [2.5, 0.0, 3.0], [3.5, 2.0, 7.0], [4.5, 0.0, 1.0]])


def test_rescale_computes_in_float32_for_bytes() -> None:
    fitted = Preprocessing.fit(part(IMAGES), [Rescale(1 / 255, -0.5)])
    expected = IMAGES.astype(np.float32) * np.float32(1 / 255) + np.float32(-0.5)
    found = fitted.apply(IMAGES)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    assert (found == expected).all()


def test_rescale_computes_in_float64_for_tables() -> None:
    fitted = Preprocessing.fit(part(TABLE), [Rescale(0.1, 3.0)])
    assert (fitted.apply(TABLE) == (TABLE * 0.1 + 3.0).astype(np.float32)).all()


@pytest.mark.parametrize("rows", [TABLE, TABLE.astype(np.float32), IMAGES], ids=["f8", "f4", "u1"])
def test_standardized_training_rows_have_mean_zero_and_deviation_one(rows: Array) -> None:
    found = Preprocessing.fit(part(rows), [Standardize()]).apply(rows).astype(np.float64)
    flat = found.reshape(-1, rows.shape[-1])
    np.testing.assert_allclose(flat.mean(axis=0), 0.0, atol=2e-5)
    np.testing.assert_allclose(flat.std(axis=0), 1.0, atol=1e-4)


def test_a_constant_column_is_standardized_to_zero_and_scaled_to_the_minimum() -> None:
    rows = np.full((1000, 2), 0.1)  # its float64 sum is not 1000 times it
    rows[:, 1] = np.arange(1000)
    assert (Preprocessing.fit(part(rows), [Standardize()]).apply(rows)[:, 0] == 0.0).all()
    scaled = Preprocessing.fit(part(rows), [MinMax(-1.0, 1.0)]).apply(rows)
    assert (scaled[:, 0] == -1.0).all()
    assert (scaled[0, 1], scaled[-1, 1]) == (-1.0, 1.0)


def test_statistics_are_those_of_the_training_part_alone() -> None:
    index = np.arange(0, 300, 3)
    chosen = Part(TABLE, np.zeros(300), index)
    one = Preprocessing.fit(chosen, [Standardize()]).apply(TABLE)
    two = Preprocessing.fit(part(TABLE[index]), [Standardize()]).apply(TABLE)
    assert (one == two).all()


def test_statistics_over_many_chunks_agree_with_numpy() -> None:
    rows = RNG.standard_normal((5000, 30, 30)).astype(np.float32)[..., None]
    step = Preprocessing.fit(part(rows), [Standardize()]).steps[0]
    constants = step.arrays()
    np.testing.assert_allclose(constants["subtract"], rows.mean(dtype=np.float64), rtol=1e-9)
    np.testing.assert_allclose(constants["divide"], rows.std(dtype=np.float64), rtol=1e-9)


def test_a_transposed_row_is_numpys() -> None:
    for dims in ((2, 3, 1), (2, 1, 3), (1, 2, 3), (3, 1, 2)):
        fitted = Preprocessing.fit(part(IMAGES), [Transpose(dims)])
        found = fitted.apply(IMAGES)
        assert found.flags.c_contiguous and found.dtype == np.float32
        assert (found == np.transpose(IMAGES, (0, *dims))).all()
        assert fitted.out_shape == found.shape[1:] == shape_after([Transpose(dims)], (6, 5, 3))


def test_resized_rows_by_hand() -> None:
    line = np.array([[[[0.0], [4.0], [8.0], [2.0]]]], np.float32)
    for one, expected in (
        (Resizing(1, 2), [2.0, 5.0]),
        (Resizing(1, 8), [0.0, 1.0, 3.0, 5.0, 7.0, 6.5, 3.5, 2.0]),
        (Resizing(1, 2, "nearest"), [4.0, 2.0]),
        (Resizing(1, 1), [6.0]),
        (Resizing(2, 2, crop_to_aspect_ratio=True), [4.0] * 4),
        (Resizing(2, 4, "nearest"), [0.0, 4.0, 8.0, 2.0] * 2),
    ):
        found = Preprocessing.fit(part(line), [one]).apply(line)
        assert found.reshape(-1).tolist() == expected, one
    square = np.ones((1, 2, 4, 1), np.float32)
    padded = Preprocessing.fit(
        part(square), [Resizing(4, 4, pad_to_aspect_ratio=True, fill_value=5.0)]
    ).apply(square)
    assert padded[0, :, 0, 0].tolist() == [5.0, 1.0, 1.0, 5.0]


def test_the_shares_of_pixels_add_up_to_one_and_no_number_leaves_their_range() -> None:
    for old in range(1, 12):
        for new in range(1, 12):
            for how, smooth in (("bilinear", False), ("bilinear", True), ("nearest", False)):
                places, shares = taps(old, new, how, smooth)
                assert ((places >= 0) & (places < old)).all() and (shares >= 0).all()
                np.testing.assert_allclose(shares.sum(axis=1), 1.0)
            for smooth in (False, True):
                np.testing.assert_allclose(taps(old, new, "bicubic", smooth)[1].sum(axis=1), 1.0)


def test_the_middle_of_rows() -> None:
    fitted = Preprocessing.fit(part(IMAGES), [CenterCrop(3, 4)])
    found = fitted.apply(IMAGES)
    assert found.flags.c_contiguous and (found == IMAGES[:, 1:4, 0:4]).all()
    assert fitted.out_shape == shape_after([CenterCrop(3, 4)], (6, 5, 3)) == (3, 4, 3)


@pytest.mark.parametrize(
    "change",
    [
        lambda step: step.update(size=[0, 4]),
        lambda step: step.update(size=[4.0, 4]),
        lambda step: step.update(size=[True, 4]),
        lambda step: step.update(size=[4]),
        lambda step: step.update(window=[1, 0, 6, 5]),
        lambda step: step.update(window=[-1, 0, 6, 5]),
        lambda step: step.update(window=[0, 0, 6]),
        lambda step: step.update(window=[0, 0, 0, 5]),
        lambda step: step.update(interpolation="lanczos3"),
        lambda step: step.update(interpolation=["bilinear"]),
        lambda step: step.update(fill_value="0"),
        lambda step: step.update(fill_value=float("nan")),
        lambda step: step.update(antialias=0),
        lambda step: step.update(in_shape=[6, 15]),
        lambda step: step.pop("window"),
    ],
)
def test_a_forged_resizing_is_an_artifact_error(change) -> None:  # type: ignore[no-untyped-def]
    document, arrays = Preprocessing.fit(part(IMAGES), [Resizing(4, 9)]).state()
    change(document["steps"][0])
    with pytest.raises(ArtifactError, match="cannot be restored"):
        Preprocessing.restore(document, arrays)


@pytest.mark.parametrize("size", [[7, 5], [0, 1], [1], [1, -1], "ab", [1.0, 1]])
def test_a_forged_crop_is_an_artifact_error(size: object) -> None:
    document, arrays = Preprocessing.fit(part(IMAGES), [CenterCrop(3, 4)]).state()
    document["steps"][0]["size"] = size
    with pytest.raises(ArtifactError, match="cannot be restored"):
        Preprocessing.restore(document, arrays)


def test_statistics_after_a_transposition_are_those_of_the_new_last_axis() -> None:
    first = np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2))  # channels first
    turned = Preprocessing.fit(part(first), [Transpose((2, 3, 1)), Standardize()])
    plain = Preprocessing.fit(part(IMAGES), [Standardize()])
    assert turned.apply(first).tobytes() == plain.apply(IMAGES).tobytes()


def test_a_transposed_memory_map_is_read_by_batches(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", IMAGES.transpose(0, 3, 1, 2))
    mapped = npy.read(tmp_path / "x.npy")
    table = make_table(mapped, np.zeros(len(mapped)), "x", "y")
    assert np.shares_memory(table.features, mapped)
    fitted = Preprocessing.fit(Part(table.features, table.targets), [Transpose((2, 3, 1))])
    assert (fitted.apply(np.array(mapped[3:5])) == IMAGES[3:5]).all()


RARE = np.array([0.0] * 999 + [1.0])
UNITS = [5e-324, 3e-323, 1e-310, 1e-300, 1e-170, 1e-150, 1e-20, 1.0, 1e100, 1e150, 1e200, 1e300]


@pytest.mark.parametrize("size", UNITS)
def test_columns_of_any_size_are_standardized_and_scaled(size: float) -> None:
    whole = RNG.randint(-9, 10, 200).astype(np.float64)
    rows = np.stack([whole * size / (9 if size > 1 else 1), TABLE[:200, 0]], 1)
    exact = np.array([float(Fraction(x) / Fraction(rows[:, 0].max())) for x in rows[:, 0]])
    found = Preprocessing.fit(part(rows), [Standardize()]).apply(rows)
    np.testing.assert_allclose(found[:, 0], (exact - exact.mean()) / exact.std(), rtol=1e-6)
    alone = Preprocessing.fit(part(rows[:, 1:]), [Standardize()]).apply(rows[:, 1:])
    assert found[:, 1].tobytes() == alone[:, 0].tobytes()
    scaled = Preprocessing.fit(part(rows), [MinMax(-3.0, 5.0)]).apply(rows)
    low, high = exact.min(), exact.max()
    np.testing.assert_allclose(scaled[:, 0], (exact - low) / (high - low) * 8 - 3, atol=1e-6)
    alone = Preprocessing.fit(part(rows[:, 1:]), [MinMax(-3.0, 5.0)]).apply(rows[:, 1:])
    assert scaled[:, 1].tobytes() == alone[:, 0].tobytes()


@pytest.mark.parametrize("size", [5e-324, 1e-322, 1e-300, 1e-160])
def test_one_odd_value_among_many_is_no_constant_column(size: float) -> None:
    rows = (RARE * size)[:, None]
    found = Preprocessing.fit(part(rows), [Standardize()]).apply(rows)
    expected = (RARE - 0.001) / np.sqrt(0.001 - 0.001**2)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("size", [1e-45, 3e-45, 1e-42, 1e-38, 1e-30, 1.0, 1e30, 1e38])
def test_float32_columns_of_any_size_are_standardized_and_scaled(size: float) -> None:
    rows = (RNG.randint(0, 4, (200, 1)) * size / (3 if size > 1 else 1)).astype(np.float32)
    wide = rows.astype(np.float64) / float(rows.max())
    found = Preprocessing.fit(part(rows), [Standardize()]).apply(rows)
    np.testing.assert_allclose(found, (wide - wide.mean()) / wide.std(), rtol=1e-5)
    scaled = Preprocessing.fit(part(rows), [MinMax(-2.0, 7.0)]).apply(rows)
    np.testing.assert_allclose(scaled, wide * 9 - 2, atol=1e-5)


def test_standardized_columns_agree_with_scikit_learn() -> None:
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    found = Preprocessing.fit(part(TABLE), [Standardize()]).apply(TABLE)
    np.testing.assert_allclose(found, scaler.fit_transform(TABLE), rtol=1e-5, atol=1e-6)


def scaled(kind: str, targets: np.ndarray, minimum: float = 0.0) -> TargetScale:  # type: ignore[type-arg]
    """One step; min_max to `minimum` .. 1."""
    bounds = {"minimum": minimum, "maximum": 1.0} if kind == "min_max" else {}
    return TargetScale.fit([{"type": kind, **bounds}], targets)


@pytest.mark.parametrize("size", [1e-315, 1e-300, 1e-160, 1.0, 1e30])
@pytest.mark.parametrize("kind", ["standardize", "min_max"])
def test_targets_of_any_size_are_scaled(size: float, kind: str) -> None:
    t = np.arange(50.0) * size
    scale = scaled(kind, t)
    wide = np.arange(50.0)
    expected = (wide - wide.mean()) / wide.std() if kind == "standardize" else wide / 49
    np.testing.assert_allclose(scale.forward(t), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(scale.inverse(scale.forward(t)), t, rtol=1e-6, atol=1e-322)


def test_targets_that_cannot_be_scaled_are_refused() -> None:
    with pytest.raises(DataError, match="smaller unit"):
        scaled("standardize", np.array([0.0, 5e-324]))


def test_one_hot_encodes_text_in_sorted_order_of_the_training_part() -> None:
    fitted = Preprocessing.fit(part(MIXED_ROWS, MIXED), [OneHot()])
    assert fitted.apply(MIXED_ROWS)[:2].tolist() == [[1.5, 0, 1, 7], [2.5, 1, 0, 3]]
    after = fitted.columns_after()
    assert after is not None
    assert [column.name for column in after] == ["size", "color=blue", "color=red", "count"]


def test_one_hot_encodes_named_columns_of_whole_numbers() -> None:
    fitted = Preprocessing.fit(part(MIXED_ROWS, MIXED), [OneHot(("count", "color"))])
    assert fitted.apply(MIXED_ROWS)[1].tolist() == [2.5, 1, 0, 0, 1, 0]
    unnamed = Preprocessing.fit(part(MIXED_ROWS.astype(np.uint8)), [OneHot(("2",))])
    assert unnamed.out_shape == (5,)


def test_other_transforms_leave_text_columns_to_one_hot() -> None:
    for first in (Standardize(), MinMax(-1.0, 1.0), Rescale(3.0, 1.0)):
        fitted = Preprocessing.fit(part(MIXED_ROWS, MIXED), [first, OneHot()])
        plain = Preprocessing.fit(part(MIXED_ROWS[:, [0, 2]]), [first])
        found = fitted.apply(MIXED_ROWS)
        assert (found[:, [0, 3]] == plain.apply(MIXED_ROWS[:, [0, 2]])).all()
        assert found[:, 1:3].tolist() == [[0, 1], [1, 0], [0, 1], [1, 0]]


def test_an_unseen_category_names_row_column_and_value() -> None:
    rows = np.concatenate([MIXED_ROWS, [[9.5, 1.0, 7.0]]])
    train = Part(rows, np.zeros(5), np.arange(4), MIXED)
    test = Part(rows, np.zeros(5), np.array([3, 4]), MIXED)
    words = "Row 4 of the data .*the test part.* 'green' in column 'color'.*it has blue, red"
    with pytest.raises(DataError, match=words):
        prepare(Dataset(train, None, test), [Standardize(), OneHot()])
    fitted = Preprocessing.fit(train, [OneHot(), OneHot(("count",))])
    with pytest.raises(DataError, match=r"Row 1 .*'green'"):
        fitted.apply(rows[3:])
    with pytest.raises(DataError, match="holds 8 in column 'count'"):
        fitted.apply(np.array([[1.0, 0.0, 8.0]]))


def test_numbers_that_float32_cannot_hold_are_data_errors() -> None:
    huge = part(np.array([[1.0], [1e39], [2.0]]))
    with pytest.raises(DataError, match=r"Row 1 .*the training part.* too large for float32"):
        prepare(Dataset(huge), [])
    assert prepare(Dataset(huge), [Standardize()]).out_shape == (1,)
    with pytest.raises(DataError, match="statistics overflow"):
        prepare(Dataset(part(np.array([[1e308], [-1e308], [1.0]]))), [Standardize()])
    with pytest.raises(DataError, match="statistics overflow"):
        prepare(Dataset(part(np.array([[1e308], [-1e308]]))), [MinMax()])


@pytest.mark.parametrize(
    ("transforms", "shape", "words", "index"),
    [
        ([ReshapeRows((4, 2))], (6, 5, 3), "90 numbers", 0),
        ([Rescale(1.0), ReshapeRows((-1, -1))], (6, 5, 3), "one -1 at most", 1),
        ([Rescale(1.0), ReshapeRows((0,))], (6, 5, 3), "positive", 1),
        ([ReshapeRows((-1,)), Rescale(1.0), OneHot(("91",))], (6, 5, 3), "no column '91'", 2),
        ([OneHot(("0",))], (6, 5, 3), "row has shape", 0),
        ([ReshapeRows((-1,)), OneHot()], (6, 5, 3), "no text column", 1),
        ([ReshapeRows((-1,)), OneHot(("0", "0"))], (6, 5, 3), "none twice", 1),
        ([ReshapeRows((-1,)), Rescale(0.3), OneHot(("0",))], (6, 5, 3), "whole numbers", 2),
        ([MinMax(1.0, 1.0)], (6, 5, 3), "must be below", 0),
        ([Rescale(1.0), Transpose((2, 1))], (6, 5, 3), "each of 1, 2, 3 once", 1),
        ([Transpose((0, 1, 2))], (6, 5, 3), r"\(6, 5, 3\) has 3 axes", 0),
        ([ReshapeRows((6, 15)), Resizing(4, 4)], (6, 5, 3), "resizing needs images, rows of", 1),
        ([ReshapeRows((-1,)), CenterCrop(1, 1)], (6, 5, 3), "make images of them by `reshape`", 1),
        ([CenterCrop(7, 5)], (6, 5, 3), "make them larger before by `resizing`", 0),
        ([CenterCrop(6, 6)], (6, 5, 3), "cannot take 6 x 6 pixels out of", 0),
    ],
)
def test_a_transform_that_does_not_fit_is_named_by_its_index(
    transforms: list[Transform], shape: tuple[int, ...], words: str, index: int
) -> None:
    with pytest.raises(TransformError, match=words) as caught:
        Preprocessing.fit(part(IMAGES), transforms)
    assert caught.value.index == index and isinstance(caught.value, ValueError)


def test_text_must_be_encoded_before_reshape() -> None:
    with pytest.raises(TransformError, match="put one_hot before"):
        Preprocessing.fit(part(MIXED_ROWS, MIXED), [ReshapeRows((1, 3))])
    with pytest.raises(UsageError, match="'color' holds text"):
        Preprocessing.fit(part(MIXED_ROWS, MIXED), [OneHot(("count",))])


def test_shapes_are_known_before_any_row_is_read() -> None:
    assert shape_after([Rescale(1.0), ReshapeRows((-1, 5))], (6, 5, 3)) == (18, 5)
    assert shape_after([Standardize(), OneHot(), ReshapeRows((7,))], (4,)) is None
    with pytest.raises(TransformError) as caught:
        shape_after([MinMax(), ReshapeRows((7,))], (4,))
    assert caught.value.index == 1


CASES: dict[str, tuple[Array, tuple[Column, ...] | None, list[Transform]]] = {
    "nothing": (TABLE, None, []),
    "rescale": (IMAGES, None, [Rescale(1 / 255)]),
    "standardize": (IMAGES, None, [Standardize(), Rescale(0.5, 0.25)]),
    "min_max": (TABLE.astype(">f4"), None, [MinMax(-2.0, 2.0), Standardize()]),
    "reshape": (
        IMAGES,
        None,
        [ReshapeRows((-1,)), Standardize(), ReshapeRows((9, 10)), Rescale(2.0)],
    ),
    "one_hot": (
        MIXED_ROWS,
        MIXED,
        [MinMax(), OneHot(), Standardize(), Rescale(1 / 3), ReshapeRows((2, 2))],
    ),
    "category": (MIXED_ROWS, MIXED, [Category(), MinMax(), Rescale(3.0, 1.0, ("count",))]),
    "category of rare ones": (
        MIXED_ROWS,
        MIXED,
        [Rescale(3.0), Category(("color", "count"), "bucket", 2), Standardize()],
    ),
    "category of bytes": (
        IMAGES[:, 0, 0],
        None,
        [Category(("1",), max_categories=5), Standardize(("0",)), OneHot(("2", "1"), "ignore", 3)],
    ),
    "dates": (
        DATES,
        (Column("when", date=True), Column("size")),
        [TakeDatesApart(), Impute("median"), Standardize()],
    ),
    "dates in circles": (
        DATES,
        (Column("when", date=True, written="%d/%m/%Y"), Column("size")),
        [TakeDatesApart(("days", "month", "hour"), True), Impute("constant")],
    ),
    "bins": (GAPS, MIXED, [Impute("median"), Discretize(3), OneHot()]),
    "numbers of bins": (
        GAPS,
        MIXED,
        [Discretize(4, "uniform", "ordinal", ("size",)), Impute("constant"), Category()],
    ),
    "ordinal": (
        GAPS,
        MIXED,
        [
            Ordinal(("red", "blue"), "ignore", ("color",)),
            Ordinal((7, 3.0, 1), columns=("count",)),
            Impute("mean", add_indicator=True),
        ],
    ),
    "hash": (GAPS, MIXED, [Impute("constant", columns=("color", "count")), Hash(3), Impute()]),
    "hash to columns": (GAPS, MIXED, [Hash(4, "one_hot"), Impute("median"), Standardize()]),
    "robust": (TABLE, None, [Robust(), Robust(False, columns=("2",))]),
    "curves": (
        GAPS,
        MIXED,
        [Clip(1.0, 4.0), Log1p(("size",)), Quantile(3), Impute("most_frequent"), OneHot()],
    ),
    "curves of images": (IMAGES, None, [Log1p(), Quantile(50, "normal"), Clip(None, 2.0)]),
    "impute": (GAPS, MIXED, [Impute("most_frequent", add_indicator=True), OneHot(), Standardize()]),
    "impute by a new category": (GAPS, MIXED, [Impute("constant"), Category(), MinMax()]),
    "impute behind others": (
        GAPS,
        MIXED,
        [Standardize(), Rescale(0.5), MinMax(), Impute("median"), OneHot(None, "ignore")],
    ),
    "a missing category": (
        GAPS,
        MIXED,
        [OneHot(("color",)), Category(("count",), "bucket", 2), Impute("mean")],
    ),
    "some columns": (TABLE, None, [Standardize(("1",)), MinMax(columns=("3", "0")), Rescale(0.3)]),
    "transpose": (IMAGES, None, [Transpose((2, 3, 1))]),
    "transpose in between": (
        IMAGES,
        None,
        [Rescale(0.1, 0.3), Transpose((3, 1, 2)), Standardize(), Transpose((2, 1, 3)), MinMax()],
    ),
    "transpose of big-endian numbers": (
        IMAGES.astype(">i4"),
        None,
        [Transpose((3, 2, 1)), Standardize(), ReshapeRows((-1,))],
    ),
    "resizing": (IMAGES, None, [Resizing(4, 9)]),
    "resizing of doubles": (IMAGES.astype(np.int64), None, [Resizing(9, 2, "bicubic"), MinMax()]),
    "resizing, scaled and antialiased": (
        IMAGES,
        None,
        [Rescale(1 / 255), Resizing(3, 2, antialias=True), Standardize(), Transpose((3, 1, 2))],
    ),
    "resizing to the nearest": (IMAGES, None, [Resizing(11, 3, "nearest"), ReshapeRows((-1,))]),
    "resizing of a part": (IMAGES, None, [Resizing(4, 9, crop_to_aspect_ratio=True)]),
    "resizing with edges": (
        IMAGES,
        None,
        [Resizing(4, 9, "bilinear", pad_to_aspect_ratio=True, fill_value=7.5), MinMax()],
    ),
    "center_crop": (IMAGES, None, [CenterCrop(3, 4)]),
    "center_crop in between": (
        IMAGES.astype(np.float64),
        None,
        [Standardize(), CenterCrop(6, 2), Resizing(2, 5), CenterCrop(2, 2), Rescale(2.0)],
    ),
    "one_hot of bytes": (
        IMAGES[:, 0, 0],
        None,
        [OneHot(("1",)), Rescale(3.0), OneHot(("2",)), ReshapeRows((1, -1))],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_saved_and_restored_gives_the_same_bits(name: str) -> None:
    rows, columns, transforms = CASES[name]
    fitted = Preprocessing.fit(part(rows, columns), transforms)
    document, arrays = fitted.state()
    copies = {
        key: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape) for key, a in arrays.items()
    }
    restored = Preprocessing.restore(json.loads(json.dumps(document)), copies)
    assert restored.apply(rows).tobytes() == fitted.apply(rows).tobytes()
    assert restored.out_shape == fitted.out_shape == fitted.apply(rows).shape[1:]
    assert restored.columns == fitted.columns and restored.row_shape == fitted.row_shape
    again = restored.state()
    assert again[0] == document and list(again[1]) == list(arrays)


@pytest.mark.parametrize("name", CASES)
def test_rows_do_not_depend_on_their_neighbours_nor_the_input_change(name: str) -> None:
    rows, columns, transforms = CASES[name]
    before = rows.tobytes()
    fitted = Preprocessing.fit(part(rows, columns), transforms)
    whole = fitted.apply(rows)
    one_by_one = np.concatenate([fitted.apply(rows[i : i + 1]) for i in range(len(rows))])
    assert (whole == one_by_one).all() and rows.tobytes() == before
    out = np.full(whole.shape, np.nan, np.float32)
    fitted.apply_into(rows, out)
    assert (out == whole).all()


@pytest.mark.parametrize("name", CASES)
def test_a_changed_test_row_changes_no_constant(name: str) -> None:
    """All parts lie in one table, as after a split; only the rows of training are looked at."""
    rows, columns, transforms = CASES[name]
    # A row that training knows all of, so that whatever is done with unknown cells, it is not that.
    table = np.concatenate([rows, rows[:1], rows[1:2]])
    train, test = np.arange(len(rows)), np.arange(len(rows), len(rows) + 2)
    states = []
    for changed in (table, np.concatenate([table[:-2], rows[-1:], rows[-1:]])):
        targets = np.zeros(len(changed), np.int64)
        parts = [Part(changed, targets, index, columns) for index in (train, test)]
        document, arrays = prepare(Dataset(parts[0], test=parts[1]), transforms).state()
        states.append((document, {key: array.tobytes() for key, array in arrays.items()}))
    assert states[0] == states[1]
    whole = prepare(Dataset(part(rows, columns)), transforms).state()
    assert states[0] == (whole[0], {key: array.tobytes() for key, array in whole[1].items()})


def test_every_transform_has_a_case() -> None:
    used = {type(transform) for _, _, transforms in CASES.values() for transform in transforms}
    assert used == set(TRANSFORMS.values())


def test_threads_share_one_preprocessing() -> None:
    fitted = Preprocessing.fit(part(IMAGES), [Standardize(), Rescale(0.5)])
    expected = fitted.apply(IMAGES)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: fitted.apply(IMAGES), range(32)))
    assert all((result == expected).all() for result in results)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("steps"),
        lambda d: d.update(dtype="complex64"),
        lambda d: d.update(row_shape="abc"),
        lambda d: d["steps"][0].update(type="pickle"),
        lambda d: d["steps"][0].update(constants=["evil"]),
        lambda d: d.update(columns=[7]),
    ],
)
def test_a_document_of_another_kind_is_an_artifact_error(change) -> None:  # type: ignore[no-untyped-def]
    document, arrays = Preprocessing.fit(part(IMAGES), [Rescale(2.0)]).state()
    change(document)
    with pytest.raises(ArtifactError, match="cannot be restored"):
        Preprocessing.restore(document, arrays)


def test_small_types_are_computed_in_float32() -> None:
    single = ["u1", "i1", "u2", "i2", "f2", "f4", ">f4"]
    assert {work_dtype(kind).name for kind in single} == {"float32"}
    assert {work_dtype(kind).name for kind in ["i4", "u4", "i8", "f8", ">f8"]} == {"float64"}


@settings(max_examples=40, deadline=None)
@given(
    targets=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50),
    kind=st.sampled_from(["standardize", "min_max"]),
)
def test_the_target_scale_undoes_itself(targets: list[float], kind: str) -> None:
    t = np.array(targets)
    scale = scaled(kind, t, -1.0)
    assert scale.forward(t).shape == t.shape
    np.testing.assert_allclose(scale.inverse(scale.forward(t)), t, rtol=1e-9, atol=1e-6)
    restored = TargetScale.from_json(json.loads(json.dumps(scale.to_json())))
    assert restored.forward(t).tobytes() == scale.forward(t).tobytes()
    if kind == "min_max":
        assert scale.forward(t).min() >= -1 - 1e-6 and scale.forward(t).max() <= 1 + 1e-6


def test_targets_of_several_columns_are_scaled_each() -> None:
    t = np.array([[1.0, 10.0], [3.0, 10.0]])
    scale = scaled("standardize", t)
    assert scale.forward(t).tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    assert scale.inverse(scale.forward(t)).tolist() == t.tolist()
    with pytest.raises(ArtifactError):
        TargetScale.from_json({"scale": 1.0})
