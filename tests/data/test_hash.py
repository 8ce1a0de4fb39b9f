"""hash beside scikit-learn's function, and for texts that only new rows have."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils import murmurhash3_32

from dlcli.data.dataset import Column, Part
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.rows import read_rows
from dlcli.data.strange import codes_of_unknown, takes_missing, takes_unknown
from dlcli.data.transforms import Hash, Impute
from dlcli.data.transforms.hashing import murmur3

TEXTS = ("ash", "elm", "fig")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_the_function_is_scikit_learns(text: str) -> None:
    assert murmur3(text) == murmurhash3_32(text.encode(), positive=True)


def answered(fitted: Preprocessing, path: Path, cells: list[str]) -> np.ndarray:
    path.write_text("tree\n" + "".join(f"{cell}\n" for cell in cells))
    odd = takes_unknown(fitted), takes_missing(fitted), codes_of_unknown(fitted)
    return fitted.apply(read_rows(path, fitted.columns, fitted.row_shape, takes_unknown=odd[0],
                                  takes_missing=odd[1], codes=odd[2]))  # fmt: skip


def test_new_texts_are_in_the_bins_that_are_theirs(tmp_path: Path) -> None:
    rows = np.array([[0.0], [1.0], [2.0], [np.nan]])
    part = Part(rows, np.zeros(4), None, (Column("tree", TEXTS),))
    cells = ["fig", "oak", "ash", "linden", "an unknown tree"]
    bins = [murmurhash3_32(cell, positive=True) % 5 for cell in cells]
    for before in ([], [Impute("constant", "a")], [Impute("most_frequent")]):
        plain = Preprocessing.fit(part, [*before, Hash(5)])
        assert answered(plain, tmp_path / "new.csv", cells)[:, 0].tolist() == bins
        columns = Preprocessing.fit(part, [*before, Hash(5, "one_hot")])
        found = answered(columns, tmp_path / "new.csv", cells)
        np.testing.assert_array_equal(found, np.eye(5)[bins])
    assert Preprocessing.fit(part, [Hash(5)]).apply(rows)[3, 0] == 5
    assert not Preprocessing.fit(part, [Hash(5, "one_hot")]).apply(rows)[3].any()
