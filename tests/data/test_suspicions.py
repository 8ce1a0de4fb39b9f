"""Sentences about what is probably not meant, and refusals of what cannot be learned."""

from pathlib import Path

import numpy as np
import pytest

from dlcli.data import Column, Dataset, Part, Places, Preprocessing, Transform
from dlcli.data.dataset import Array, Shape
from dlcli.data.known import require_known, single_class, unknown_labels
from dlcli.data.sources import Npy, Npz
from dlcli.data.suspicions import (
    channels_first,
    exclusive_labels,
    large_wholes,
    looks_channels_first,
    lost_in_float32,
)
from dlcli.data.transforms import MinMax, OneHot, Rescale, ReshapeRows, Standardize, Transpose
from dlcli.errors import DataError


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (4, 8, 9), (3, 480, 640), (2, 16, 5)])
def test_channels_first_are_seen(shape: Shape) -> None:
    (warning,) = map(str, channels_first(shape, [Rescale(1 / 255)]))
    c, h, w = shape
    assert f"rows of {c}x{h}x{w} look like images of {h} x {w} pixels" in warning
    assert "{type: transpose, dims: [2, 3, 1]}" in warning


@pytest.mark.parametrize(
    "shape",
    [(32, 32, 3), (28, 28, 1), (8, 8, 1), (5, 32, 32), (3, 4, 4), (3, 32, 4), (3, 5, 5), (64,),
     (3, 32), (1, 1, 30)],
)  # fmt: skip
def test_other_rows_are_not(shape: Shape) -> None:
    assert not looks_channels_first(shape) and channels_first(shape, []) == ()


def test_what_is_transposed_or_flattened_is_fine_and_what_is_reshaped_is_mixed_up() -> None:
    shape = (3, 32, 32)
    assert channels_first(shape, [Standardize(), Transpose((2, 3, 1))]) == ()
    assert channels_first(shape, [ReshapeRows((-1,))]) == ()
    (warning,) = map(str, channels_first(shape, [Rescale(1.0), ReshapeRows((32, 32, 3))]))
    assert "`reshape` to [32, 32, 3] mixes the pixels up" in warning
    (warning,) = map(
        str, channels_first((3072,), [Standardize(), ReshapeRows((3, 32, 32)), Rescale(0.5)])
    )
    assert warning.endswith("dims: [2, 3, 1]}` behind number 2 of data.transforms")
    assert channels_first((3072,), [ReshapeRows((3, 32, 32)), Transpose((2, 3, 1))]) == ()
    (warning,) = map(str, channels_first((32, 32, 3), [Transpose((3, 1, 2))]))
    assert warning.endswith("behind number 1 of data.transforms")
    assert channels_first((4,), [OneHot(("1",)), ReshapeRows((3, 32, 32))]) == ()
    assert channels_first(shape, [ReshapeRows((5, -1))]) == ()


def test_labels_that_exclude_each_other_are_seen() -> None:
    rows = np.eye(3)[[0, 1, 2, 2, 1]]
    (warning,) = map(str, exclusive_labels({"train": rows, "test": rows[:2]}))
    assert "exactly one 1 in its 3 columns" in warning and "categorical_crossentropy" in warning
    assert exclusive_labels({"train": rows, "test": rows * 0}) == ()
    assert exclusive_labels({"train": np.ones((4, 1))}) == ()


def test_columns_that_float32_cannot_tell_apart_are_told() -> None:
    rows = np.arange(30.0).reshape(10, 3)
    rows[:, 0] = rows[:, 0] * 1e-300
    rows[:, 2] = 1_700_000_000 + np.arange(10)
    columns = (Column("tiny"), Column("plain"), Column("seconds"))

    def warned(features: Array, *transforms: Transform) -> tuple[str, ...]:
        part = Part(features, np.zeros(10), None, columns)
        return lost_in_float32(part, Preprocessing.fit(part, transforms))

    (warning,) = map(str, warned(rows))
    assert warning.startswith("column 'tiny' holds numbers such as 0.0 and 3e-300, which float32")
    assert (
        "all of the first 10 rows of the training part (the same holds for 1 more): add" in warning
    )
    (warning,) = map(str, warned(rows.astype(np.int64), Rescale(0.5)))
    assert warning.startswith("column 'seconds' holds numbers such as 1700000000 and 1700000001")
    for transform in (Standardize(), MinMax()):
        assert warned(rows, transform) == ()
    assert warned(rows, ReshapeRows((3, 1))) == () and warned(np.full((10, 3), 1e-300)) == ()
    assert warned(rows.astype(np.float32)) == ()


LARGE = 2**53 + 1


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([[1, 2], [3, LARGE]]), f"{LARGE} in row 1, column_2"),
        (np.array([1, 2, -LARGE]), f"-{LARGE} in row 2 "),
        (np.array([[0, -(2**63)]]), f"{-(2**63)} in row 0, column_2"),
        (np.array([2**64 - 1], np.uint64), f"{2**64 - 1} in row 0 "),
        (np.array([[[7, LARGE]]]), f"{LARGE} in row 0, at [0, 1]"),
    ],
)
def test_whole_numbers_beyond_float64_are_told(array: Array, words: str) -> None:
    (warning,) = map(str, large_wholes(array, "x.npy"))
    assert f"x.npy holds {words}" in warning


def test_whole_numbers_that_float64_holds_are_not() -> None:
    for array in (np.array([2**53, -(2**53)]), np.array([2**31 - 1], np.int32), np.array([1e300])):
        assert large_wholes(array, "x") == ()


def test_the_first_large_number_is_found_in_a_later_chunk() -> None:
    array = np.zeros((1 << 20, 2), np.int64)
    array[900_000, 1] = array[900_001, 0] = LARGE
    (warning,) = map(str, large_wholes(array, "x"))
    assert "row 900000, column_2 " in warning


def test_numpys_files_tell_of_large_whole_numbers(tmp_path: Path) -> None:
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    x[4, 1] = y[7] = LARGE
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    np.savez(tmp_path / "d.npz", x=x, y=y)
    places = Places(tmp_path, tmp_path)
    for source in (Npy("x.npy", "y.npy"), Npz("d.npz")):
        features, target = map(str, source.load(places, 0).findings)
        assert "in row 4, column_2" in features and "in row 7 " in target


def dataset(train: Array, test: Array, classes: tuple[str, ...] | None = None) -> Dataset:
    def part(values: Array) -> Part:
        return Part(np.zeros((len(values), 1)), values, None, None, "trees.csv, line {}".format)

    return Dataset(part(train), None, part(test), classes)


def checked(data: Dataset, classes: int) -> None:
    require_known(data, {role: p.targets for role, p in data.parts().items()}, classes)


def test_a_class_that_the_training_part_lacks_is_named_with_its_first_row() -> None:
    train, test = np.array([0, 1, 0]), np.array([1, 2, 2, 0])
    with pytest.raises(DataError) as caught:
        checked(dataset(train, test, ("ash", "oak", "yew")), 3)
    assert str(caught.value) == (
        "The training part has no row of the class 'yew', but the test part has 2 rows, the first "
        "in trees.csv, line 1: no network can learn a class that it is never shown. Bring rows of "
        "it for training, or take these out."
    )
    with pytest.raises(DataError, match="class 2, but the test part has 2 rows"):
        checked(dataset(train, test), 5)
    with pytest.raises(DataError, match="class 2, but"):
        checked(dataset(np.eye(3)[train], np.eye(3)[test]), 3)
    checked(dataset(test, train), 3)


def test_a_named_class_without_any_row_is_refused() -> None:
    ids = np.array([0, 1])
    with pytest.raises(DataError, match="class 'c', which the data names"):
        checked(dataset(ids, ids, ("a", "b", "c")), 3)
    checked(dataset(ids, ids), 3)


def test_several_unknown_classes_are_listed() -> None:
    with pytest.raises(DataError, match=r"class 1, .* The same holds for the classes 2, 3\."):
        checked(dataset(np.array([0]), np.arange(4)), 4)


def test_a_class_missed_by_the_draw_is_answered_by_stratify() -> None:
    targets = np.array([0, 1, 0, 2])
    drawn = Part(np.zeros((4, 1)), targets, np.array([1, 3]))
    train = Part(np.zeros((4, 1)), targets, np.array([0, 2]))
    data = Dataset(train, None, drawn)
    values = {role: part.targets_array for role, part in data.parts().items()}
    words = r"class 1, .* 1 row in row 1, counted from 0.*classes 2\. Set data.split.stratify"
    with pytest.raises(DataError, match=words):
        require_known(data, values, 3)


def test_a_training_part_of_one_class_is_told() -> None:
    ids = np.array([1, 1, 1])
    for targets in (ids, np.eye(2)[ids]):
        (warning,) = map(str, single_class(dataset(ids, ids, ("a", "b")), targets))
        assert "is of the class 'b', so" in warning
    assert single_class(dataset(ids, ids), np.array([1, 0])) == ()


def test_labels_that_are_never_one_in_training_are_told() -> None:
    train, test = np.array([[1, 0, 0], [0, 0, 1]]), np.array([[1, 0, 0], [1, 1, 0]])
    data = dataset(train, test)
    (warning,) = map(str, unknown_labels(data, {"train": train, "test": test}))
    assert "no 1 in column_2 of the target" in warning and "trees.csv, line 1" in warning
    assert unknown_labels(data, {"train": test, "test": train[:1]}) == ()
