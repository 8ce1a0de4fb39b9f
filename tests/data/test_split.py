"""Splitting: laws that hold for any data, and requests that cannot be met."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dlcli.data import Part, Places, Raw, Split, Table
from dlcli.data.sources import Digits
from dlcli.errors import DataError, UsageError


def raw(rows: int, classes: int = 3, **parts: int) -> Raw:
    def table(count: int) -> Table:
        ids = np.arange(count, dtype=np.int64)
        return Table(ids[:, None].astype(np.float64), ids * 7 % max(1, classes))

    tables = {role: table(count) for role, count in parts.items()}
    return Raw({"train" if parts else "all": table(rows), **tables})  # type: ignore[dict-item]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(20, 400),
    classes=st.integers(1, 30),
    validation=st.sampled_from([0.0, 0.1, 0.25, 0.3]),
    test=st.sampled_from([0.0, 0.07, 0.2, 0.5]),
    stratify=st.booleans(),
    seed=st.integers(0, 5),
)
def test_parts_are_disjoint_complete_and_in_file_order(
    rows: int, classes: int, validation: float, test: float, stratify: bool, seed: int
) -> None:
    split = Split(validation, test, stratify)
    try:
        dataset = split.apply(raw(rows, classes), seed)
    except DataError:
        assume(False)
    seen = []
    for part in dataset.parts().values():
        index = np.arange(rows) if part.index is None else part.index
        assert (np.diff(index) > 0).all()
        assert part.take(slice(None))[0][:, 0].tolist() == index.tolist()
        seen += index.tolist()
    assert sorted(seen) == list(range(rows))
    for drawn, share in ((dataset.validation, validation), (dataset.test, test)):
        half_up = int(rows * Fraction(str(share)) + Fraction(1, 2))
        assert (0 if drawn is None else len(drawn)) == half_up


@settings(max_examples=60, deadline=None)
@given(
    targets=st.lists(st.integers(0, 6), min_size=10, max_size=200),
    validation=st.sampled_from([0.1, 0.3, 0.45]),
    test=st.sampled_from([0.1, 0.2, 0.5]),
)
def test_stratified_shares_differ_from_the_exact_ones_by_less_than_one_row(
    targets: list[int], validation: float, test: float
) -> None:
    # A class of one row cannot give its share, so every class has some.
    ids = np.concatenate([np.array(targets, np.int64), np.arange(21) % 7])
    pool = Raw({"all": Table(np.zeros((len(ids), 1)), ids)})
    try:
        dataset = Split(validation, test, True).apply(pool, 1)
    except DataError:
        assume(False)
    assert set(dataset.train.targets_array) == set(range(7))
    assert dataset.test is not None and dataset.validation is not None
    assert len(dataset.test) == int(len(ids) * Fraction(str(test)) + Fraction(1, 2))
    assert len(dataset.validation) == int(len(ids) * Fraction(str(validation)) + Fraction(1, 2))
    exact = np.bincount(ids, minlength=7) * test
    found = np.bincount(dataset.test.targets_array, minlength=7)
    assert (np.abs(found - exact) < 1 + 1e-9).all()


def counts(part: Part | None, classes: int = 3) -> list[int]:
    assert part is not None
    return np.bincount(part.targets_array, minlength=classes).tolist()


def rare(*sizes: int, classes: tuple[str, ...] | None = None) -> Raw:
    """Classes of these sizes, the rows of each together."""
    ids = np.repeat(np.arange(len(sizes)), sizes).astype(np.int64)
    table = Table(np.zeros((len(ids), 1)), ids, "trees.csv, row {}".format)
    return Raw({"all": table}, classes)


def test_the_only_row_of_a_class_stays_in_the_training_part() -> None:
    for seed in range(20):
        dataset = Split(0.2, 0.2, True).apply(rare(1, 30, 29, classes=("yew", "ash", "oak")), seed)
        assert counts(dataset.train)[0] == 1
        assert (sum(counts(dataset.test)), sum(counts(dataset.validation))) == (12, 12)
        (warning,) = map(str, dataset.findings)
        assert warning.startswith("the class 'yew' (1 row: trees.csv, row 0) has too few rows")


def test_of_two_rows_one_stays_in_the_training_part() -> None:
    for seed in range(20):
        dataset = Split(0.3, 0.5, True).apply(rare(2, 20, 18), seed)
        assert counts(dataset.train)[0] == 1
        assert sum(counts(dataset.test)) == 20 and sum(counts(dataset.validation)) == 12
        (warning,) = map(str, dataset.findings)
        assert "the class 0 (2 rows, the first: trees.csv, row 0)" in warning


def test_many_rare_classes_are_told_in_one_sentence() -> None:
    (warning,) = map(str, Split(0.0, 0.1, True).apply(rare(*[1] * 9, 200), 1).findings)
    assert warning.startswith("the classes 0 (1 row: ") and "and 4 more have too few" in warning


def test_more_classes_than_rows_to_train_on_are_refused() -> None:
    with pytest.raises(DataError, match=r"30 classes .* 28 of 40 rows are left for training"):
        Split(0.1, 0.2, True).apply(rare(*[1] * 29, 11), 0)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=2, max_size=8),
    validation=st.sampled_from([0.0, 0.1, 0.3]),
    test=st.sampled_from([0.1, 0.25, 0.5]),
    seed=st.integers(0, 5),
)
def test_where_every_class_had_a_training_row_before_the_draw_is_the_same(
    sizes: list[int], validation: float, test: float, seed: int
) -> None:
    data = rare(*sizes)
    try:
        before = Split(validation, test, True, keep_rare=False).apply(data, seed)
    except DataError:
        assume(False)
    assume(set(before.train.targets_array) == set(range(len(sizes))))
    after = Split(validation, test, True).apply(data, seed)
    for role, part in before.parts().items():
        assert part.index is not None
        assert after.parts()[role].index.tolist() == part.index.tolist()  # type: ignore[union-attr]


def test_the_rare_numbers_of_a_regression_are_drawn_as_any() -> None:
    data = rare(*[1] * 40)
    assert len(Split(0.1, 0.5, True).apply(data, 0, learns_classes=False).train) == 16


def test_the_split_depends_on_the_seed_alone() -> None:
    one, same, other = (Split().apply(raw(100), seed) for seed in (1, 1, 2))
    assert one.test is not None and same.test is not None and other.test is not None
    assert one.test.index is not None and other.test.index is not None
    assert (one.test.index == same.test.index).all()
    assert (one.test.index != other.test.index).any()
    assert (len(one.train), len(one.test)) == (70, 20)


def test_the_test_part_does_not_depend_on_the_validation_fraction() -> None:
    few, many = (Split(validation, 0.2).apply(raw(100), 1) for validation in (0.0, 0.5))
    assert few.test is not None and many.test is not None
    assert (few.test.targets_array == many.test.targets_array).all()
    assert few.validation is None


def test_digits_split_as_their_defaults_say(places: Places) -> None:
    source = Digits().load(places, 0)
    dataset = Split(stratify=True).apply(source, 7)
    assert {role: len(part) for role, part in dataset.parts().items()} == {
        "train": 1258,
        "validation": 180,
        "test": 359,
    }


def test_parts_that_the_source_brings_are_used_as_they_are() -> None:
    dataset = Split().apply(raw(50, test=30), 0)
    assert dataset.test is not None and dataset.test.index is None and len(dataset.test) == 30
    assert dataset.validation is not None and len(dataset.validation) == 5
    both = Split().apply(raw(50, test=30, validation=20), 0)
    assert both.train.index is None and len(both.train) == 50
    assert Split(test=0.0).apply(raw(50, test=30), 0).test is not None
    only = raw(50)
    dataset = Split().apply(Raw({"train": only.parts["all"]}), 0)
    assert dataset.test is not None and len(dataset.test) == 10


@pytest.mark.parametrize(
    ("split", "data", "error", "words"),
    [
        (Split(test=0.2), raw(50, test=30), UsageError, "brings its own test part"),
        (Split(validation=0.2), raw(50, validation=9), UsageError, "its own validation part"),
        (Split(0.5, 0.5), raw(50), UsageError, "nothing is left"),
        (Split(-0.1), raw(50), UsageError, "at least 0 and below 1"),
        (Split(test=1.0), raw(50), UsageError, "at least 0 and below 1"),
        (Split(test=float("nan")), raw(50), UsageError, "at least 0 and below 1"),
        (Split(0.001), raw(50), DataError, "validation part would have no rows"),
        (Split(), raw(1), DataError, "no rows"),
        (Split(0.49, 0.5), raw(2), DataError, "none is left for training"),
    ],
)
def test_requests_that_cannot_be_met(
    split: Split, data: Raw, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        split.apply(data, 0)


def test_numbers_cannot_be_stratified() -> None:
    table = Table(np.zeros((9, 1)), np.linspace(0.0, 1.0, 9))
    with pytest.raises(UsageError, match="stratify needs classes"):
        Split(stratify=True).apply(Raw({"all": table}), 0)
