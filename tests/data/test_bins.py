"""discretize and ordinal beside scikit-learn."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import KBinsDiscretizer, OrdinalEncoder

from dlcli.data.dataset import Column, Part
from dlcli.data.preprocessing import Preprocessing, TransformError
from dlcli.data.strange import takes_missing
from dlcli.data.transforms import Discretize, Impute, OneHot, Ordinal
from dlcli.errors import DataError


def fitted(rows: Any, columns: Any, *transforms: Any) -> Preprocessing:
    return Preprocessing.fit(Part(rows, np.zeros(len(rows)), None, columns), transforms)


@pytest.mark.filterwarnings("ignore:Bins whose width")
@pytest.mark.filterwarnings("ignore:Feature")
@given(st.data())
def test_bins_are_those_of_scikit_learn(data: st.DataObject) -> None:
    cell = st.one_of(st.integers(-5, 5).map(float), st.floats(-1e3, 1e3, width=16))
    rows = np.array(data.draw(st.lists(cell, min_size=2, max_size=40)))[:, None]
    strategy = data.draw(st.sampled_from(["quantile", "uniform"]))
    # Shares that float64 holds: of others, scikit-learn's quantiles are those of a rounded share.
    bins = data.draw(st.integers(2, 9) if strategy == "uniform" else st.sampled_from([2, 4, 8]))
    encode = data.draw(st.sampled_from(["one_hot", "ordinal"]))
    ours = fitted(rows, (Column("a"),), Discretize(bins, strategy, encode))
    theirs = KBinsDiscretizer(
        bins,
        strategy=strategy,
        encode="ordinal" if encode == "ordinal" else "onehot-dense",
        subsample=None,
    ).fit(rows)
    asked = np.concatenate([rows, [[-1e9], [1e9], [0.5]]])
    if np.ptp(rows) == 0:  # one bin, whatever is asked for
        expected = np.zeros((len(asked), 1)) if encode == "ordinal" else np.ones((len(asked), 1))
    else:
        expected = theirs.transform(asked)
    np.testing.assert_array_equal(ours.apply(asked), expected)
    after = ours.columns_after()
    assert after is not None and len(after) == expected.shape[1]


def test_what_is_missing_is_in_no_bin() -> None:
    rows = np.array([[1.0], [2.0], [np.nan], [4.0]])
    ordinal = fitted(rows, (Column("a"),), Discretize(2, "uniform", "ordinal"), Impute("median"))
    assert ordinal.apply(rows)[:, 0].tolist() == [0, 0, 0, 1]
    assert np.isnan(fitted(rows, (Column("a"),), Discretize(2)).apply(rows)[2]).all()


SIZES = ("large", "medium", "small")


@pytest.mark.parametrize("order", [("small", "medium", "large"), ("medium", "large", "small")])
def test_an_order_is_scikit_learns(order: tuple[str, ...]) -> None:
    codes = np.array([[2.0], [0.0], [1.0], [np.nan], [2.0]])
    texts = np.array([[np.nan if c != c else SIZES[int(c)]] for c in codes[:, 0]], object)
    theirs = OrdinalEncoder(categories=[[*order, np.nan]]).fit_transform(texts)
    found = fitted(codes, (Column("size", SIZES),), Ordinal(order), Impute("constant", -1.0))
    np.testing.assert_array_equal(
        found.apply(codes), np.where(np.isnan(theirs.astype(float)), -1.0, theirs.astype(float))
    )


def test_a_missing_cell_may_be_filled_behind_an_order() -> None:
    codes, columns = np.array([[2.0], [0.0], [1.0]]), (Column("size", SIZES),)
    assert takes_missing(fitted(codes, columns, Ordinal(SIZES), Impute("median"))) == ("size",)
    assert takes_missing(fitted(codes, columns, Ordinal(SIZES))) == ()


def test_what_has_no_place() -> None:
    codes, columns = np.array([[2.0], [0.0], [1.0]]), (Column("size", SIZES),)
    with pytest.raises(DataError, match="holds 'medium' in column 'size'"):
        fitted(codes, columns, Ordinal(("small", "large"))).apply(codes)
    ignoring = fitted(
        codes, columns, Ordinal(("small", "large"), "ignore"), Impute("constant", 9.0)
    )
    assert ignoring.apply(codes)[:, 0].tolist() == [0, 1, 9]
    with pytest.raises(TransformError, match="no cell of column 'size'"):
        fitted(codes, columns, Ordinal(("tiny",)))
    with pytest.raises(TransformError, match="whole numbers"):
        fitted(codes, (Column("n"),), Ordinal((1, "two"), columns=("n",)))


def test_a_value_that_the_order_lacks_is_named_also_where_steps_behind_it_are_fitted() -> None:
    rows = np.array([[0.0, 1.0], [np.nan, 2.0], [1.0, 1.0]])
    columns = (Column("size", ("L", "S")), Column("y"))
    steps = [Impute("constant"), Ordinal(("S", "L"), columns=("size",)), OneHot(("y",))]
    with pytest.raises(DataError, match=r"holds 'missing_value' in column 'size', which the order"):
        fitted(rows, columns, *steps)
