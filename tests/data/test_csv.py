"""Delimited text: what is read, and every mistake with its file, line and column."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.data import Column, Places, Preprocessing, Split
from dlcli.data.formats.columns import BLOCK
from dlcli.data.sources import Csv
from dlcli.data.transforms import OneHot
from dlcli.errors import DataError, DlcliError, UsageError

Write = Callable[..., str]


def test_a_text_target_becomes_classes_in_sorted_order(places: Places, write_csv: Write) -> None:
    write_csv("a,b,kind\n1,2.5,red\n3, 4e1 , blue\n-5,6,red\n")
    raw = Csv("t.csv", "kind").load(places, 0)
    assert raw.classes == ("blue", "red")
    assert raw.columns == (Column("a"), Column("b"))
    assert raw.parts["all"].targets.tolist() == [1, 0, 1]
    assert raw.parts["all"].features.tolist() == [[1, 2.5], [3, 40], [-5, 6]]
    assert raw.parts["all"].features.dtype == np.float64


def test_number_targets_are_ids_when_all_are_whole(places: Places, write_csv: Write) -> None:
    write_csv("a,y\n1,0\n2,1\n")
    write_csv("a,y\n1,0.5\n2,1\n", "u.csv")
    assert Csv("t.csv", "y").load(places, 0).parts["all"].targets.dtype == np.int64
    raw = Csv("t.csv", "y", test_path="u.csv").load(places, 0)
    assert {table.targets.dtype.name for table in raw.parts.values()} == {"float64"}


def test_features_are_chosen_and_ordered_by_name(places: Places, write_csv: Write) -> None:
    write_csv('\ufeffa;"b, ""c""";note;y\r\n1;2;"two\nlines";0\r\n3;4;x;1\r\n\r\n')
    raw = Csv("t.csv", "y", ('b, "c"', "a"), ";").load(places, 0)
    assert raw.parts["all"].features.tolist() == [[2, 1], [4, 3]]


def test_text_features_hold_sorted_categories_of_all_files(
    places: Places, write_csv: Write
) -> None:
    write_csv("color,y\nred,0\nblue,1\n")
    write_csv("y,color\n1,green\n0,red\n", "u.csv")
    raw = Csv("t.csv", "y", test_path="u.csv").load(places, 0)
    assert raw.columns == (Column("color", ("blue", "green", "red")),)
    assert raw.parts["train"].features.tolist() == [[2.0], [0.0]]
    assert raw.parts["test"].features.tolist() == [[1.0], [2.0]]


def test_a_text_feature_without_one_hot_is_an_error_that_says_so(
    places: Places, write_csv: Write
) -> None:
    write_csv("color,y\nred,0\nblue,1\n")
    part = Split(0.0, 0.0).apply(Csv("t.csv", "y").load(places, 0), 0).train
    with pytest.raises(UsageError, match=r"'color' holds text.*one_hot"):
        Preprocessing.fit(part, [])
    assert Preprocessing.fit(part, [OneHot()]).out_shape == (2,)


MANY = "\n".join(f"{i},0" for i in range(2 * BLOCK))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("a,y\n", "header but no rows"),
        ("a,y\n\n\n", "header but no rows"),
        ("a,a,y\n1,2,3\n", "line 1: two columns are called 'a'"),
        ("a,,y\n1,2,3\n", "line 1: column 2 has no name"),
        ("a,y\n1,0\n2\n", "line 3 has 1 cell, but the header names 2"),
        ("a,y\n1,0\n2,1,5\n", "line 3 has 3 cells"),
        ("a,y\n1,0\n\n2,1\n", "line 3 is blank"),
        ("a,y\n1,0\n,1\n", "line 3, column 'a' is empty"),
        ("a,y\n1,0\n2,\n", "line 3, column 'y' is empty"),
        ("a,y\nred,0\n ,1\nred,1\n", "line 3, column 'a' is empty"),
        ("a,y\n1,0\n2,1\noops,1\n", "line 4, column 'a' holds 'oops'"),
        ('a,y\n1,"x\ny"\n2,z\nnan,z\n', "line 5, column 'a' holds 'nan', not a finite"),
        ("a,y\n1,0\n-Infinity,1\n", "line 3, column 'a' holds '-Infinity', not a finite"),
        ("a,y\n1,0\n1e999,1\n", "line 3, column 'a' holds '1e999'"),
        ("a,y\n1,0\n2,1\n1_000,1\n", "line 4, column 'a' holds '1_000'"),
        ("a,y\n1,0\n2,1\n\u0663,1\n", "line 4, column 'a' holds"),
        (f"a,y\n{MANY}\nbad,0\n", f"line {2 * BLOCK + 2}, column 'a' holds 'bad'"),
        (f"a,y\n{MANY}\n7\n", f"line {2 * BLOCK + 2} has 1 cell"),
        ("a,y\n1,0\n2,\0\n", "line 3 holds a NUL byte"),
        (b"a,y\n1,0\n\xff,1\n", "line 3 is not UTF-8 text \\(byte 0xff\\)"),
        ("a,y\n1,0\n".encode("utf-16"), "UTF-16"),
        ('a,y\n1,"0\n', "line 2: unexpected end of data"),
        ('a,y\n1,"0"1\n', "line 2: .*expected after"),
        ("a,y\n1," + "9" * 200_000 + "\n", "line 2: field larger than field limit"),
        ("y\n1\n", "has only the column 'y'"),
    ],
)
def test_a_malformed_file_is_refused_with_its_place(
    content: str | bytes, words: str, places: Places, write_csv: Write
) -> None:
    write_csv(content)
    with pytest.raises(DataError, match=words) as caught:
        Csv("t.csv", "y", missing=()).load(places, 0)
    assert str(places.data / "t.csv") in str(caught.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Csv("t.csv", "lable"), "no column 'lable'; did you mean 'label'?"),
        (Csv("t.csv", "zzz"), "the columns are 'weight', 'label'"),
        (Csv("t.csv", "label", ("wieght",)), "did you mean 'weight'"),
        (Csv("t.csv", "label", ("label",)), "cannot be a feature too"),
        (Csv("t.csv", "label", ("weight", "weight")), "none twice"),
        (Csv("t.csv", "label", delimiter=";"), 'set `delimiter: ","`'),
        (Csv("t.csv", "label", delimiter=";;"), "must be one character"),
        (Csv("t.csv", "label", test_path="u.csv"), "u.csv has no column 'weight'"),
    ],
)
def test_a_wrong_column_name_is_an_error_of_the_config(
    source: Csv, words: str, places: Places, write_csv: Write
) -> None:
    write_csv("weight,label\n1,0\n2,1\n")
    write_csv("height,label\n1,0\n2,1\n", "u.csv")
    for action in (lambda: source.load(places, 0), lambda: source.declare(places)):
        with pytest.raises(UsageError, match=words.replace("?", "\\?")):
            action()


def test_the_test_file_must_have_the_same_kinds_of_columns(
    places: Places, write_csv: Write
) -> None:
    write_csv("a,y\n1,0\n2,1\n")
    write_csv("a,y\nx,0\nz,1\n", "u.csv")
    with pytest.raises(DataError, match=r"u.csv, line 2, column 'a' holds 'x'"):
        Csv("t.csv", "y", test_path="u.csv").load(places, 0)


def test_declare_reads_the_header_and_lists_absent_files(places: Places, write_csv: Write) -> None:
    write_csv("a,b,y\nthis is, not looked at\n")
    declared = Csv("t.csv", "y", test_path="gone.csv").declare(places)
    assert declared.row_shape == (2,) and declared.rows == {"train": None, "test": None}
    assert declared.columns == (Column("a"), Column("b")) and "gone.csv" in declared.absent[0]


def test_a_folder_or_an_unreadable_file_is_a_data_error(places: Places) -> None:
    (places.data / "t.csv").mkdir()
    with pytest.raises(DataError, match="folder"):
        Csv("t.csv", "y").load(places, 0)


@settings(max_examples=150, deadline=None)
@given(content=st.one_of(st.binary(max_size=60), st.text('ay,"\r\n0159.e-\t \\é', max_size=60)))
def test_no_content_raises_a_foreign_exception(
    content: str | bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    data = content if isinstance(content, bytes) else ("a,y\n" + content).encode()
    (folder / "t.csv").write_bytes(data)
    try:
        Csv("t.csv", "y").load(Places(Path(folder)), 0)
    except DlcliError as error:
        assert "t.csv" in str(error)


@settings(max_examples=30, deadline=None)
@given(
    numbers=st.lists(
        st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.integers(-9, 9)), min_size=1
    )
)
def test_numbers_are_read_back_exactly(
    numbers: list[tuple[float, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("exact")
    lines = "".join(f"{a!r},{b}\n" for a, b in numbers)
    (folder / "t.csv").write_text("a,y\n" + lines)
    table = Csv("t.csv", "y").load(Places(folder), 0).parts["all"]
    assert table.features[:, 0].tolist() == [a for a, _ in numbers]
    assert table.targets.tolist() == [b for _, b in numbers]
