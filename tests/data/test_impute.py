"""Missing cells: filled in, taken for a category, or refused; beside scikit-learn's pipelines."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from dlcli.data.dataset import Column, Dataset, Part
from dlcli.data.options import OptionError
from dlcli.data.places import Places
from dlcli.data.preprocessing import Preprocessing, TransformError, prepare
from dlcli.data.sources import Csv
from dlcli.data.split import Split
from dlcli.data.strange import missing_cells, takes_missing, unknown_cells
from dlcli.data.transforms import Category, Impute, MinMax, OneHot, Standardize
from dlcli.data.transforms.imputing import MISSING_VALUE
from dlcli.errors import DataError

NAN = np.nan
TEXTS = ("ash", "elm", "fig")


def fitted(rows: Any, *transforms: Any, columns: Any = None) -> Preprocessing:
    rows = np.array(rows, float)
    names = columns or tuple(Column(f"c{j}") for j in range(rows.shape[1]))
    return Preprocessing.fit(Part(rows, np.zeros(len(rows)), None, names), transforms)


@given(st.data())
def test_numbers_are_filled_as_by_scikit_learn(data: st.DataObject) -> None:
    cells = st.sampled_from([NAN, -2.5, 0.0, 1.0, 1.0, 3.0, 1e6, 0.1])
    rows = np.array(data.draw(st.lists(st.tuples(cells, cells), min_size=2, max_size=30)))
    if np.isnan(rows).all(axis=0).any():
        rows[0] = 1.0
    strategy = data.draw(st.sampled_from(["mean", "median", "most_frequent", "constant"]))
    flags = data.draw(st.booleans())
    fill = 7.5 if strategy == "constant" else None
    ours = fitted(rows, Impute(strategy, fill, flags))
    theirs = SimpleImputer(strategy=strategy, fill_value=fill, add_indicator=flags).fit(rows)
    np.testing.assert_allclose(
        ours.apply(rows), theirs.transform(rows).astype(np.float32), rtol=1e-6
    )
    columns = ours.columns_after()
    assert columns is not None
    names = [column.name for column in columns]
    assert names == theirs.get_feature_names_out(["c0", "c1"]).tolist()
    new = np.array([[NAN, NAN], [5.0, NAN]])
    np.testing.assert_allclose(ours.apply(new), theirs.transform(new), rtol=1e-6)


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, NAN]), min_size=2, max_size=25), st.data())
def test_texts_are_encoded_as_by_scikit_learn(codes: list[float], data: st.DataObject) -> None:
    """With gaps as a category, rare ones and unknown ones; filled before, or not."""
    if np.isnan(codes).all():
        codes[0] = 1.0
    unknown = data.draw(st.sampled_from(["ignore", "bucket"]))
    least = data.draw(st.sampled_from([None, 2, 3]))
    filled = data.draw(st.sampled_from([None, "most_frequent", "constant"]))
    rows, columns = np.array(codes)[:, None], (Column("tree", TEXTS),)

    def texts(values: Any) -> Any:
        return np.array([[None if v != v else TEXTS[int(v)]] for v in values], object)

    theirs_in, ask = texts(codes), [0.0, 1.0, 2.0, NAN, 7.0]
    asked = np.array([["ash"], ["elm"], ["fig"], [None], ["oak"]], object)
    steps: list[Any] = []
    if filled is not None:
        imputer = SimpleImputer(
            strategy=filled,
            missing_values=None,
            fill_value=MISSING_VALUE if filled == "constant" else None,
        ).fit(theirs_in)
        theirs_in, asked = imputer.transform(theirs_in), imputer.transform(asked)
        steps.append(Impute(filled))
    encoder = OneHotEncoder(
        handle_unknown="ignore" if unknown == "ignore" else "infrequent_if_exist",
        min_frequency=least,
        sparse_output=False,
    ).fit(theirs_in)
    ours = fitted(rows, *steps, OneHot(None, unknown, least), columns=columns)
    expected = encoder.transform(asked)
    np.testing.assert_array_equal(ours.apply(np.array(ask)[:, None]), expected)
    ids = fitted(rows, *steps, Category(None, unknown), columns=columns)
    ordinal = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
    ).fit(theirs_in)
    places = ids.apply(np.array(ask)[:, None])[:, 0]
    after = ids.columns_after()
    assert after is not None
    wanted = ordinal.transform(asked)[:, 0]
    gap = np.float32(after[0].ids - 1)
    wanted = np.where(wanted == -2, gap, np.where(wanted == -1, after[0].ids, wanted))
    np.testing.assert_array_equal(places, wanted)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(Standardize(), StandardScaler()), (MinMax(), MinMaxScaler())]
)
def test_statistics_do_not_count_gaps(ours: Any, theirs: Any) -> None:
    rows = np.array([[1.0, NAN], [NAN, 5.0], [4.0, 9.0], [2.5, NAN], [7.0, 1.0]])
    found = fitted(rows, ours, Impute("constant", 9.0)).apply(rows)
    expected = theirs.fit(rows).transform(rows)
    np.testing.assert_allclose(found, np.where(np.isnan(expected), 9.0, expected), rtol=1e-6)


def test_a_column_without_any_value_has_no_statistic() -> None:
    rows = np.array([[1.0, NAN], [2.0, NAN]])
    for transform in (Standardize(), MinMax(), Impute("median"), Impute("mean")):
        with pytest.raises(TransformError, match="column 'c1' has no value in the training part"):
            fitted(rows, transform)
    assert fitted(rows, Impute("constant", 3.0)).apply(rows).tolist() == [[1, 3], [2, 3]]


def test_a_cell_that_nothing_fills_is_refused_with_its_line(places: Places) -> None:
    rows = "".join(f"{i},{'' if i == 7 else i % 3},{i % 2}\n" for i in range(20))
    (places.data / "t.csv").write_text("a,b,y\n" + rows)
    dataset = Split(validation=0.2).apply(Csv("t.csv", "y").load(places, 0), 0)
    with pytest.raises(OptionError, match=r"t.csv, line 9 .*column 'b' is missing.*`impute`"):
        prepare(dataset, [Standardize()])
    assert prepare(dataset, [Standardize(), Impute()]).out_shape == (2,)


def test_a_gap_that_only_other_rows_have_is_an_unknown_category() -> None:
    columns = (Column("tree", TEXTS),)
    rows = np.array([[0.0], [1.0], [2.0], [NAN]])
    train, test = (Part(rows, np.zeros(4), np.array(i), columns) for i in ([0, 1, 2], [3]))
    with pytest.raises(DataError, match=r"holds a missing cell in column 'tree'"):
        prepare(Dataset(train, None, test), [OneHot()])
    found = prepare(Dataset(train, None, test), [OneHot(None, "ignore")])
    assert found.apply(rows[3:]).tolist() == [[0, 0, 0]]
    assert unknown_cells(found, np.array([[NAN], [9.0]])) == {"tree": (1, 1)}
    assert missing_cells(found, np.array([[9.0], [NAN], [NAN]])) == {"tree": (2, 1)}


def test_what_may_be_missing_in_new_rows_is_known() -> None:
    columns = (Column("size"), Column("tree", TEXTS), Column("age"), Column("kind", TEXTS))
    rows = np.array([[1.0, 0.0, 2.0, 1.0], [2.0, NAN, NAN, 2.0], [3.0, 1.0, 4.0, 0.0]])
    found = fitted(rows, Impute("mean", columns=("age",)), OneHot(), columns=columns)
    assert takes_missing(found) == ("tree", "age")
    found = fitted(rows, Impute("mean"), OneHot(None, "ignore"), columns=columns)
    assert takes_missing(found) == ("size", "tree", "age", "kind")
