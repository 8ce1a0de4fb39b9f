"""`category` and `one_hot`: ids and columns of 0 and 1, rare and unknown categories, beside
scikit-learn's OrdinalEncoder and OneHotEncoder."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.data import Column, Dataset, Part, Preprocessing, prepare
from dlcli.data.dataset import Array
from dlcli.data.strange import empty_buckets, takes_unknown, unknown_cells
from dlcli.data.transforms import Category, OneHot
from dlcli.data.transforms.encoders import infrequent
from dlcli.errors import ArtifactError, DataError

WORDS = ("apple", "birch", "cedar", "date", "elm", "fig", "ash é", "Zed")
KNOWN = tuple(sorted(WORDS))
CUTS = st.tuples(
    st.one_of(st.none(), st.integers(1, 9), st.floats(0.01, 0.6)),
    st.one_of(st.none(), st.integers(1, 9)),
)


def coded(texts: list[str]) -> Array:
    return np.array([[KNOWN.index(text)] for text in texts], np.float64)


def fit(texts: list[str], transform: Category | OneHot) -> Preprocessing:
    rows = coded(texts)
    return Preprocessing.fit(
        Part(rows, np.zeros(len(rows)), None, (Column("tree", KNOWN),)), [transform]
    )


def matrix(texts: list[str]) -> Array:
    return np.array(texts, object)[:, None]


@settings(max_examples=120, deadline=None)
@given(st.lists(st.sampled_from(WORDS[:6]), min_size=1, max_size=40), CUTS)
def test_ids_are_those_of_scikit_learns_ordinal_encoder(texts: list[str], cuts: Any) -> None:
    encoder = pytest.importorskip("sklearn.preprocessing").OrdinalEncoder
    other = encoder(min_frequency=cuts[0], max_categories=cuts[1]).fit(matrix(texts))
    found = fit(texts, Category(None, "error", *cuts))
    assert (found.apply(coded(texts)) == other.transform(matrix(texts))).all()
    (column,) = found.columns_after() or ()
    assert column.ids == len(np.unique(found.apply(coded(texts))))


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.sampled_from(WORDS[:6]), min_size=1, max_size=40),
    CUTS,
    st.sampled_from([("ignore", "ignore"), ("bucket", "infrequent_if_exist")]),
)
@pytest.mark.filterwarnings("ignore:Found unknown categories")
def test_columns_of_0_and_1_are_those_of_scikit_learns_one_hot_encoder(
    texts: list[str], cuts: Any, unknown: tuple[str, str]
) -> None:
    encoder = pytest.importorskip("sklearn.preprocessing").OneHotEncoder
    other = encoder(
        handle_unknown=unknown[1], min_frequency=cuts[0], max_categories=cuts[1],
        sparse_output=False,
    ).fit(matrix(texts))  # fmt: skip
    found = fit(texts, OneHot(None, unknown[0], *cuts))
    asked = [*texts, *WORDS]  # two of them in no row of the training part
    assert (found.apply(coded(asked)) == other.transform(matrix(asked))).all()


def test_rare_categories_follow_the_frequent_ones() -> None:
    texts = ["elm"] * 3 + ["apple"] * 2 + ["date", "cedar"]
    ids = fit(texts, Category(min_frequency=2))
    assert ids.apply(coded(["apple", "elm", "date", "cedar"])).ravel().tolist() == [0, 1, 2, 2]
    columns = fit(texts, OneHot(min_frequency=2))
    assert columns.apply(coded(["apple", "elm", "date"])).tolist() == [
        [1, 0, 0], [0, 1, 0], [0, 0, 1],
    ]  # fmt: skip
    after = columns.columns_after() or ()
    assert [column.name for column in after] == ["tree=apple", "tree=elm", "tree=(rare)"]
    share = fit(texts, Category(min_frequency=0.3))
    assert share.apply(coded(["apple", "elm", "date"])).ravel().tolist() == [1, 0, 1]


def test_what_training_did_not_meet_is_refused_or_nowhere_or_rare() -> None:
    texts = ["elm"] * 3 + ["apple"] * 3 + ["date"]
    unknown = coded(["elm", "fig"])
    with pytest.raises(DataError, match=r"Row 1 .*'fig' in column 'tree'.*it has apple, elm, date"):
        fit(texts, Category(min_frequency=2)).apply(unknown)
    # Two frequent ones: rare ones have the id 2, and what is nowhere the id behind that.
    assert fit(texts, Category(None, "ignore", 2)).apply(unknown).ravel().tolist() == [1, 3]
    assert fit(texts, Category(None, "bucket", 2)).apply(unknown).ravel().tolist() == [1, 2]
    # Without rare ones there is nothing that a bucket could have learned.
    assert fit(texts, Category(None, "bucket")).apply(unknown).ravel().tolist() == [2, 3]
    assert fit(texts, Category(None, "ignore")).apply(unknown).ravel().tolist() == [2, 3]
    assert fit(texts, OneHot(None, "ignore", 2)).apply(unknown).tolist() == [[0, 1, 0], [0, 0, 0]]
    assert fit(texts, OneHot(None, "bucket", 2)).apply(unknown).tolist() == [[0, 1, 0], [0, 0, 1]]
    assert fit(texts, OneHot(None, "bucket")).apply(unknown).tolist() == [[0, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("kind", [Category, OneHot])
def test_only_other_rows_may_hold_what_is_unknown_and_it_is_counted(kind: Any) -> None:
    texts = ["elm", "apple", "elm", "fig", "date", "fig"]
    rows = coded(texts)
    columns = (Column("tree", KNOWN),)
    train = Part(rows, np.zeros(6), np.arange(3), columns)
    test = Part(rows, np.zeros(6), np.arange(3, 6), columns)
    with pytest.raises(DataError, match=r"the test part.*'fig'.*handle_unknown: ignore"):
        prepare(Dataset(train, None, test), [kind()])
    fitted = prepare(Dataset(train, None, test), [kind(None, "ignore")])
    assert unknown_cells(fitted, rows) == {"tree": (3, 3)}
    many = np.tile(rows[:3], (400_000, 1))
    many[[700_000, 1_100_000]] = rows[3]
    assert unknown_cells(fitted, many) == {"tree": (2, 700_000)}
    assert takes_unknown(fitted) == {"tree": "ignore"}
    assert not unknown_cells(fitted, rows[:3])
    assert empty_buckets(prepare(Dataset(train), [kind(None, "bucket")])) == ("tree",)
    assert not empty_buckets(prepare(Dataset(train), [kind(None, "bucket", 2)]))


def test_whole_numbers_are_categories_by_their_size() -> None:
    rows = np.array([[10, 0.5], [-3, 0.5], [10, 1.5], [2, 2.5]])
    part = Part(rows, np.zeros(4), None, (Column("code"), Column("x")))
    found = Preprocessing.fit(part, [Category(("code",), "ignore", 2)])
    assert found.apply(rows).tolist() == [[0, 0.5], [1, 0.5], [0, 1.5], [1, 2.5]]
    assert found.apply(np.array([[7.0, 0.0]])).tolist() == [[2, 0]]
    small = Part(rows[:, :1].astype(np.int8), np.zeros(4))
    assert Preprocessing.fit(small, [Category(("0",))]).apply(rows[:, :1].astype(np.int8)).ravel(
    ).tolist() == [2, 0, 2, 1]  # fmt: skip


def test_categories_are_counted_over_many_chunks() -> None:
    draw = np.random.RandomState(5)
    rows = draw.zipf(1.3, (300_000, 4)).clip(0, 500).astype(np.float64)
    part = Part(rows, np.zeros(len(rows)), None, tuple(map(Column, "abcd")))
    found = Preprocessing.fit(part, [Category("numeric", "error", 600)])
    for j in range(4):
        values, counts = np.unique(rows[:, j], return_counts=True)
        frequent = values[counts >= 600]
        wanted = np.searchsorted(frequent, rows[:, j])
        wanted[~np.isin(rows[:, j], frequent)] = len(frequent)
        assert (found.apply(rows)[:, j] == wanted).all()


@pytest.mark.parametrize(
    ("counts", "least", "most", "rare"),
    [
        ([5, 1, 3], None, None, [0, 0, 0]),
        ([5, 1, 3], 3, None, [0, 1, 0]),
        ([5, 1, 3], 1 / 3, None, [0, 1, 0]),
        ([5, 1, 3], 0.34, None, [0, 1, 1]),
        ([5, 1, 3], None, 4, [0, 0, 0]),
        ([5, 1, 3], None, 3, [0, 1, 0]),
        ([5, 1, 3], None, 1, [1, 1, 1]),
        ([2, 2, 2, 2], None, 3, [1, 1, 0, 0]),
        ([4, 1, 1, 1], 2, 2, [0, 1, 1, 1]),
    ],
)
def test_which_categories_are_rare(counts: Any, least: Any, most: Any, rare: Any) -> None:
    assert infrequent(np.array(counts), least, most).tolist() == [bool(one) for one in rare]


STATES = [
    Category(),
    Category(None, "ignore", 2),
    Category(None, "bucket", None, 2),
    Category(None, "error", 100),
    OneHot(None, "bucket", 2),
    OneHot(None, "ignore", 100),
]


@pytest.mark.parametrize("transform", STATES, ids=str)
def test_saved_and_restored_they_answer_the_same(transform: Any) -> None:
    texts = ["elm"] * 3 + ["apple"] * 2 + ["date", "cedar"]
    fitted = fit(texts, transform)
    document, arrays = fitted.state()
    restored = Preprocessing.restore(json.loads(json.dumps(document)), arrays)
    asked = texts if transform.handle_unknown == "error" else list(WORDS)
    assert restored.apply(coded(asked)).tobytes() == fitted.apply(coded(asked)).tobytes()
    assert restored.columns_after() == fitted.columns_after()
    assert takes_unknown(restored) == takes_unknown(fitted)


def test_steps_without_the_new_options_are_saved_as_they_always_were() -> None:
    document, arrays = fit(["elm", "apple"], OneHot()).state()
    assert document["steps"] == [
        {
            "in_shape": [1],
            "type": "one_hot",
            "names": ["tree"],
            "categories": [{"position": 0, "names": ["apple", "elm"]}],
        }
    ]
    assert list(document["steps"][0]) == ["in_shape", "type", "names", "categories"]
    assert list(arrays) == ["0.values_0"]


@pytest.mark.parametrize(
    "change",
    [
        lambda step, arrays: step.update(handle_unknown="error"),
        lambda step, arrays: step.update(handle_unknown="nothing"),
        lambda step, arrays: step.update(handle_unknown=None),
        lambda step, arrays: step.update(handle_unknown=["ignore"]),
        lambda step, arrays: step.update(type="categories"),
        lambda step, arrays: step.update(type=["category"]),
        lambda step, arrays: step.update(names=["tree", "other"]),
        lambda step, arrays: step["categories"][0].pop("rare"),
        lambda step, arrays: step["categories"][0].update(rare=[]),
        lambda step, arrays: step["categories"][0].update(rare=["elm"]),
        lambda step, arrays: step["categories"][0].update(rare=["fig", "date", "x"]),
        lambda step, arrays: step["categories"][0].update(names=[]),
        lambda step, arrays: step["categories"][0].update(position=1),
        lambda step, arrays: arrays.pop("0.rare_0"),
        lambda step, arrays: arrays.update({"0.rare_0": arrays["0.values_0"]}),
        lambda step, arrays: arrays.update({"0.rare_0": arrays["0.rare_0"][::-1]}),
        lambda step, arrays: arrays.update({"0.rare_0": arrays["0.rare_0"].astype("f4")}),
        lambda step, arrays: arrays.update({"0.rare_1": arrays["0.rare_0"]}),
    ],
)
def test_what_is_no_encoding_is_an_artifact_error(change: Any) -> None:
    texts = ["elm"] * 3 + ["apple"] * 3 + ["date", "cedar"]
    document, arrays = fit(texts, Category(None, "ignore", 2)).state()
    Preprocessing.restore(document, arrays)
    change(document["steps"][0], arrays)
    with pytest.raises(ArtifactError, match="cannot be restored"):
        Preprocessing.restore(document, arrays)
