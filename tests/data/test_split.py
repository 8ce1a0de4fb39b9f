"""Splitting: laws that hold for any data, and requests that cannot be met."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dlcli.data import Places, Raw, Split, Table
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
    dataset = split.apply(raw(rows, classes), seed)
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
    ids = np.array(targets, np.int64)
    pool = Raw({"all": Table(np.zeros((len(ids), 1)), ids)})
    try:
        dataset = Split(validation, test, True).apply(pool, 1)
    except DataError:
        assume(False)
    assert dataset.test is not None and dataset.validation is not None
    assert len(dataset.test) == int(len(ids) * Fraction(str(test)) + Fraction(1, 2))
    assert len(dataset.validation) == int(len(ids) * Fraction(str(validation)) + Fraction(1, 2))
    exact = np.bincount(ids, minlength=7) * test
    found = np.bincount(dataset.test.targets_array, minlength=7)
    assert (np.abs(found - exact) < 1 + 1e-9).all()


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
