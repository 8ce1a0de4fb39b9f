"""Several values a row: read, checked, cut alike, prepared one by one, told by their names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.data import Places, Split
from dlcli.data.dataset import ONLY, Part, Raw, Table
from dlcli.data.digests import digest_array, digests
from dlcli.data.options import OptionError
from dlcli.data.preprocessing import TransformError, prepare, prepare_each
from dlcli.data.prints import prints
from dlcli.data.sources import NamedArrays, Npz
from dlcli.data.transforms import MinMax, OneHot, Rescale, Standardize
from dlcli.errors import DataError, DlcliError

N = 60
Arrays = dict[str, Any]


def arrays(rows: int = N, first: int = 0) -> Arrays:
    """Every number says its row."""
    row = first + np.arange(rows)
    return {
        "pixels": (row[:, None, None] % 200 + np.zeros((4, 5))).astype(np.uint8),
        "facts": row[:, None] * np.array([1.0, -2.0, 0.5]),
        "y": row % 3,
    }


INPUTS = {"image": {"all": "pixels"}, "facts": {"all": "facts"}}
SOURCE = NamedArrays("a.npz", INPUTS, {"all": "y"})
ROLES = ("train", "test")
PARTS = NamedArrays(
    "a.npz",
    {"image": dict(zip(ROLES, ("pixels", "pixels_2"), strict=True)),
     "facts": dict(zip(ROLES, ("facts", "facts_2"), strict=True))},
    dict(zip(ROLES, ("y", "y_2"), strict=True)),
)  # fmt: skip


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


def saved(places: Places, **changes: Any) -> Places:
    """The archive with some arrays changed; None takes one away."""
    found = {**arrays(), **changes}
    kept = {name: array for name, array in found.items() if array is not None}
    np.savez(places.data / "a.npz", **kept)
    return places


def parts(places: Places, **changes: Any) -> Places:
    more = {f"{name}_2": array for name, array in arrays(20, N).items()}
    return saved(places, **{**more, **changes})


def test_each_value_has_its_array_and_all_have_the_target(places: Places) -> None:
    raw = SOURCE.load(saved(places), 0)
    table = raw.parts["all"]
    each = table.each()
    assert list(each) == ["image", "facts"] and len(table) == N
    assert each["image"].features.shape == (N, 4, 5, 1)  # an image gets its channel axis
    assert each["image"].features.dtype == np.uint8
    assert np.array_equal(each["facts"].features, arrays()["facts"])
    for one in each.values():
        assert one.targets is table.targets
    path = places.data / "a.npz"
    assert each["facts"].files == (f"{path}, array 'facts'", f"{path}, array 'y'")
    with pytest.raises(TypeError, match="several values, image, facts"):
        assert table.features is None
    assert Table(arrays()["facts"], arrays()["y"]).each()[ONLY].features.shape == (N, 3)


def test_declared_shapes_come_from_headers_and_a_sample_is_the_whole(places: Places) -> None:
    declared = SOURCE.declare(saved(places))
    assert declared.row_shapes == {"image": (4, 5, 1), "facts": (3,)}
    assert declared.rows == {"all": N}
    sample = SOURCE.sample(places, 0)
    assert not isinstance(sample, str) and len(sample.raw.parts["all"]) == N
    absent = NamedArrays("b.npz", INPUTS, {"all": "y"}).declare(places)
    assert absent.row_shapes is None and "b.npz" in absent.absent[0]
    assert PARTS.declare(parts(places)).rows == {"train": N, "test": 20}


def test_of_large_arrays_the_headers_are_read(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlcli.data.sources.named_arrays.FEW_BYTES", 1000)
    found = SOURCE.sample(saved(places), 0)
    assert isinstance(found, str) and "only their headers were read" in found


def error(places: Places, source: NamedArrays = SOURCE) -> DlcliError:
    """What `load` refuses; `declare` says the same, or nothing where only numbers tell."""
    with pytest.raises(DlcliError) as caught:
        source.load(places, 0)
    return caught.value


def test_an_unknown_array_lists_those_that_are_there(places: Places) -> None:
    for gone, at in (
        ("pixels", ("inputs", "image", "array")),
        ("facts", ("inputs", "facts", "array")),
        ("y", ("source", "target")),
    ):
        found = error(saved(places, **{gone: None}))
        assert isinstance(found, OptionError) and found.at == at
        left = ", ".join(repr(name) for name in arrays() if name != gone)
        assert f"has no array {gone!r}; it holds {left}." in str(found)
        with pytest.raises(OptionError):
            SOURCE.declare(places)
    found = error(parts(places, facts_2=None), PARTS)
    assert isinstance(found, OptionError) and found.at == ("inputs", "facts", "test_array")
    assert "did you mean 'facts'?" in str(found)


def test_unlike_numbers_of_rows_are_told_with_both_arrays(places: Places) -> None:
    for name in ("pixels", "facts"):
        saved(places, **{name: arrays()[name][:-1]})
        for look in (SOURCE.load, lambda where, _: SOURCE.declare(where)):
            with pytest.raises(DataError) as caught:
                look(places, 0)
            for words in (f"array {name!r} has 59 rows", "array 'y' has 60"):
                assert words in str(caught.value)


def test_numbers_that_cannot_be_used_are_told_with_their_array(places: Places) -> None:
    broken = arrays()["facts"]
    broken[7, 1] = np.nan
    assert "array 'facts' holds nan in row 7, column_2" in str(error(saved(places, facts=broken)))
    texts = np.array(["a"] * N)
    assert "array 'pixels' holds values of type '<U1'" in str(error(saved(places, pixels=texts)))
    assert "is a single number" in str(error(saved(places, facts=np.float64(3))))


def test_parts_that_are_not_alike_are_told_with_their_input(places: Places) -> None:
    found = error(parts(places, facts_2=np.zeros((20, 4))), PARTS)
    assert "The test rows of 'facts' have shape (4,), the train rows of 'facts' (3,)" in str(found)
    with pytest.raises(DataError, match="the input 'facts' has rows of shape"):
        PARTS.declare(places)
    found = error(parts(places, pixels_2=np.zeros((20, 4, 5))), PARTS)
    assert "The test rows of 'image' are float64, the train rows of 'image' uint8" in str(found)


@pytest.mark.parametrize("stratify", [False, True])
def test_a_split_cuts_all_values_alike_and_as_that_of_one(places: Places, stratify: bool) -> None:
    split = Split(validation=0.2, test=0.3, stratify=stratify)
    several = split.apply(SOURCE.load(saved(places), 0), 5)
    one = split.apply(Npz("a.npz", "facts", "y").load(places, 0), 5)
    for role, part in several.parts().items():
        facts, image = part.each()["facts"], part.each()["image"]
        rows = facts.take_features(slice(None))[:, 0]
        assert np.array_equal(rows, one.parts()[role].take_features(slice(None))[:, 0])
        assert np.array_equal(image.take_features(slice(None))[:, 0, 0, 0], rows)
        assert np.array_equal(part.targets_array, rows % 3)
    assert list(several.each()) == ["image", "facts"]
    assert several.each()["facts"].parts().keys() == several.parts().keys()


def test_each_value_is_prepared_by_its_own_training_rows(places: Places) -> None:
    dataset = Split(validation=0.2, test=0.3).apply(SOURCE.load(saved(places), 0), 5)
    both = prepare_each(dataset, {"image": [Rescale(1 / 255)], "facts": [Standardize(), MinMax()]})
    for name, transforms in (("image", [Rescale(1 / 255)]), ("facts", [Standardize(), MinMax()])):
        alone = prepare(dataset.each()[name], transforms)
        rows = dataset.train.each()[name].take_features(slice(None))
        assert both[name].apply(rows).tobytes() == alone.apply(rows).tobytes()
    train = dataset.train.each()["facts"].take_features(slice(None))
    low, high = both["facts"].apply(train).min(), both["facts"].apply(train).max()
    assert (low, high) == (0.0, 1.0)


def test_a_transform_that_does_not_suit_its_value_is_told_with_both(places: Places) -> None:
    dataset = Split().apply(SOURCE.load(saved(places), 0), 0)
    with pytest.raises(TransformError) as caught:
        prepare_each(dataset, {"image": [], "facts": [Standardize(), OneHot(("9",))]})
    assert (caught.value.name, caught.value.index) == ("facts", 1)


def test_an_unseen_category_is_told_with_its_input(places: Places) -> None:
    facts = np.zeros((N, 2))
    dataset = Split(validation=0, test=0.2).apply(SOURCE.load(saved(places, facts=facts), 0), 0)
    assert dataset.test is not None and dataset.test.index is not None
    facts[dataset.test.index[3], 1] = 4
    again = Split(validation=0, test=0.2).apply(SOURCE.load(saved(places, facts=facts), 0), 0)
    words = rf"Row {dataset.test.index[3]} of the data .*in the input 'facts' of the test part"
    with pytest.raises(DataError, match=words):
        prepare_each(again, {"image": [], "facts": [OneHot(("1",))]})


def test_numbers_that_overflow_are_told_with_their_input(places: Places) -> None:
    huge = arrays()["facts"]
    huge[::2, 0], huge[1::2, 0] = -1.7e308, 1.7e308
    dataset = Split(validation=0, test=0.2).apply(SOURCE.load(saved(places, facts=huge), 0), 0)
    with pytest.raises(DataError, match=r"The input 'facts': .* overflow"):
        prepare_each(dataset, {"image": [], "facts": [MinMax()]})


def test_digests_and_prints_are_those_of_each_array(places: Places) -> None:
    raw = PARTS.load(parts(places), 0)
    found = digests(raw)
    assert list(found) == [
        f"{role}.{what}"
        for role in ROLES
        for what in ("features.image", "features.facts", "targets")
    ]
    assert found["train.features.facts"] == digest_array(arrays()["facts"])
    marks = prints(raw)
    assert marks.keys() == found.keys()
    changed = arrays()["facts"]
    changed[11, 2] += 1
    other = prints(PARTS.load(parts(places, facts=changed), 0))
    differing = {
        role: np.flatnonzero(marks[role].values != other[role].values).tolist() for role in marks
    }
    assert {role: rows for role, rows in differing.items() if rows} == {
        "train.features.facts": [11]
    }
    labels = arrays()["y"]
    labels[3] = 2
    other = prints(PARTS.load(parts(places, y=labels), 0))
    assert [role for role in marks if (marks[role].values != other[role].values).any()] == [
        "train.targets"
    ]


def test_data_of_one_value_has_the_names_that_it_always_had(places: Places) -> None:
    raw = Npz("a.npz", "facts", "y").load(saved(places), 0)
    assert list(digests(raw)) == ["all.features", "all.targets"]
    assert list(prints(raw)) == ["all"]
    assert list(raw.each()) == [ONLY] and raw.each()[ONLY].parts["all"] is raw.parts["all"]
    part = Part(np.zeros((3, 2)), np.zeros(3))
    assert part.each() == {ONLY: part}


def test_two_values_may_be_the_same_array(places: Places) -> None:
    twice = NamedArrays("a.npz", {"a": {"all": "facts"}, "b": {"all": "facts"}}, {"all": "y"})
    raw: Raw = twice.load(saved(places), 0)
    each = raw.parts["all"].each()
    assert np.array_equal(each["a"].features, each["b"].features)


def test_whole_numbers_that_float64_does_not_hold_are_told_with_their_array(
    places: Places,
) -> None:
    large = arrays()["facts"].astype(np.int64) + 2**60
    (warning,) = map(str, SOURCE.load(saved(places, facts=large), 0).findings)
    assert "array 'facts' holds" in warning and "2^53" in warning
