"""Whether a file has a header: what is refused, what is taken, and columns known by their place."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dlcli.data import Column, Places
from dlcli.data.formats.header import like_data
from dlcli.data.formats.notation import Format
from dlcli.data.rows import read_rows
from dlcli.data.sources import Csv
from dlcli.data.written import Written
from dlcli.errors import DataError, UsageError
from tests.data.tables import TABLES

Write = Callable[..., str]


def save(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("seed", range(4))
def test_tables_without_a_header_are_refused_and_with_one_they_are_not(
    name: str, seed: int, places: Places
) -> None:
    names, rows = TABLES[name](np.random.default_rng(seed), 120)
    source = Csv("t.csv", names[-1])
    save(places.data / "t.csv", [names, *rows])
    assert source.declare(places).row_shape == (len(names) - 1,)
    save(places.data / "t.csv", rows)
    for action in (lambda: source.load(places, 0), lambda: source.declare(places)):
        with pytest.raises(DataError, match="line 1 looks like data") as caught:
            action()
        message = str(caught.value)
        assert str(places.data / "t.csv") in message
        assert "`header: false`" in message and "`header: true`" in message


@pytest.mark.parametrize("name", TABLES)
def test_any_row_looks_like_data_and_the_names_do_not_however_few_rows_there_are(
    name: str,
) -> None:
    names, rows = TABLES[name](np.random.default_rng(9), 120)
    for few in (0, 1, 2, 5, 119):
        assert like_data(names, rows[:few], Format()) is None, few
    for i, row in enumerate(rows):
        assert like_data(row, rows[:i] + rows[i + 1 :], Format()) is not None, row


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5.1,3.5,1.4,setosa\n4.9,3,1.4,virgo\n", "3 of 4 cells are numbers"),
        ("5.1,red\n4.9,blue\n", "1 of 2 cells is a number"),
        ("1,2\n", "2 of 2 cells are numbers"),
        ("1990,1991,1992\n3.5,4.5,5.5\n", "3 of 3 cells are numbers"),
        ("a,b,yes\nb,b,no\na,a,yes\n", "3 of 3 cells come again in their columns"),
        ("2020-01-05,open\n2020-01-06,shut\n", "1 of 2 cells looks like the cells below"),
        ("5%,up\n7%,down\n", "1 of 2 cells looks like the cells below"),
        ('"1,5","2,5",x\n"1,0","3,5",y\n', "2 of 3 cells are numbers"),
        ("1;2;x\n3;4;y\n", "2 of 3 cells are numbers when it is cut at ';'"),
        ("1 2  x\n3  4 y\n", "2 of 3 cells are numbers when it is cut at its blanks"),
        ("?,4,NA,x\n2,?,3,y\n", "1 of 4 cells is a number"),
    ],
)
def test_the_reason_is_told(text: str, reason: str, places: Places, write_csv: Write) -> None:
    write_csv(text)
    with pytest.raises(DataError, match="looks like data") as caught:
        Csv("t.csv", "kind").load(places, 0)
    assert f"line 1 looks like data ({reason}" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "a,b,y\n1,2,0\n3,4,1\n",
        "a,b,y\nred,x,0\nblue,y,1\n",
        "a,1st,y\n1,2,0\n3,4,1\n",
        "a,100m,y\n1,2,0\n3,4,1\n",
        "a,2019,y\n1,2,0\n3,4,1\n",  # one odd name among others
        "color,shape,y\n" + "red,round,y\nblue,long,n\n" * 3,  # a name that is a value, too
        "age,job,y\n30,clerk,y\n40,cook,n\n50,clerk,y\n",
        "0,1,2,y\n0.5,1.5,2.5,x\n3.5,4.5,5.5,z\n",
        "a,b,y\nx,1,0\na,b,y\nz,2,1\n",  # two files, one behind the other
        "date,open,y\n2020-01-05,1,0\n2020-01-06,2,1\n",
        "a;y\n1;0\n",
        "word y\nx 0\n",
    ],
)
def test_names_are_taken_for_names(text: str, places: Places, write_csv: Write) -> None:
    write_csv(text)
    try:
        Csv("t.csv", "y").load(places, 0)
    except (DataError, UsageError) as error:
        assert "looks like data" not in str(error)


def test_a_program_counts_columns(places: Places, write_csv: Write) -> None:
    write_csv("0,1,2,3\n0.5,1.5,2.5,x\n3.5,4.5,5.5,z\n")
    raw = Csv("t.csv", "3").load(places, 0)
    assert raw.classes == ("x", "z") and raw.columns == (Column("0"), Column("1"), Column("2"))
    write_csv("0,1,2\n5,0,1\n3,4,0\n")
    with pytest.raises(DataError, match="3 of 3 cells are numbers"):
        Csv("t.csv", "2").load(places, 0)


def test_numbers_can_be_names(places: Places, write_csv: Write) -> None:
    write_csv("1990,1991,1992\n3.5,4.5,5.5\n2,3,4\n")
    raw = Csv("t.csv", "1992", header=True).load(places, 0)
    assert raw.columns == (Column("1990"), Column("1991")) and raw.width is None
    assert raw.parts["all"].features.tolist() == [[3.5, 4.5], [2, 3]]


def test_a_missing_target_of_a_file_without_a_header_is_a_missing_header(
    places: Places, write_csv: Write
) -> None:
    write_csv("0.1,0.2,rock\n0.3,0.4,mine\n")
    with pytest.raises(DataError, match="line 1 looks like data"):
        Csv("t.csv", "kind").load(places, 0)
    source = Csv("t.csv", "kind", header=True)
    with pytest.raises(UsageError, match=r"no column 'kind': line 1 looks like data .*`header: f"):
        source.load(places, 0)


PLACES = "red,1,4.5\nblue,2,5.5\nred,3,6.5\n"


def test_without_a_header_columns_are_known_by_their_place(
    places: Places, write_csv: Write
) -> None:
    write_csv(PLACES)
    raw = Csv("t.csv", "column_2", header=False).load(places, 0)
    assert raw.columns == (Column("column_1", ("blue", "red")), Column("column_3"))
    assert raw.parts["all"].features.tolist() == [[1, 4.5], [0, 5.5], [1, 6.5]]
    assert raw.parts["all"].targets.tolist() == [1, 2, 3] and raw.width == 3
    assert raw.columns is not None and "line 1 holds 'red'" in raw.columns[0].text
    raw = Csv("t.csv", "column_3", ("column_2",), header=False).load(places, 0)
    assert raw.parts["all"].features.tolist() == [[1], [2], [3]]
    assert Csv("t.csv", "column_3", header=False).declare(places).row_shape == (2,)


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        (PLACES, "column_4", r"no column 'column_4'.*'column_1' to 'column_3'"),
        (PLACES, "kind", r"no column 'kind'.*'column_1' to 'column_3'"),
        ("", "column_1", "is empty"),
        ("\n\n", "column_1", "is empty"),
        ("1,2\n3\n", "column_1", r"line 2 has 1 cell, but line 1 has 2"),
        ("1,2\n\n3,4\n", "column_1", "line 2 is blank"),
        ("1,2\n3,4\n5\n", "column_2", "line 3 has 1 cell"),
        ("a,y\n3,4\n5,6\n7,8\n", "column_2", r"line 1, column 'column_1' holds 'a'.*`header: f"),
        ("1,2\n3,4\nx,5\n", "column_2", "line 3, column 'column_1' holds 'x'"),
    ],
)
def test_mistakes_without_a_header_have_their_lines(
    text: str, target: str, words: str, places: Places, write_csv: Write
) -> None:
    write_csv(text)
    with pytest.raises((DataError, UsageError), match=words):
        Csv("t.csv", target, header=False).load(places, 0)


def test_a_test_file_without_a_header_has_the_same_places(places: Places, write_csv: Write) -> None:
    write_csv(PLACES)
    write_csv("blue,7,8.5\n", "u.csv")
    source = Csv("t.csv", "column_3", header=False, test_path="u.csv")
    assert source.load(places, 0).parts["test"].features.tolist() == [[0, 7]]
    write_csv("0,blue,7,8.5\n", "u.csv")
    for action in (lambda: source.load(places, 0), lambda: source.declare(places)):
        with pytest.raises(DataError, match=r"u.csv, line 1 has 4 cells, but .*t.csv has 3"):
            action()


COLUMNS = (Column("column_1"), Column("column_4", ("a", "b")))
MODEL = Written(Format(header=False), "column_2", 4)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("1,9,5,b\n2,8,6,a\n", [[1, 1], [2, 0]]),  # as it was trained on
        ("1,5,b\n2,6,a\n", [[1, 1], [2, 0]]),  # without the target
        ("1,,5,b\n2,,6,a\n", [[1, 1], [2, 0]]),  # the target not known yet
    ],
)
def test_rows_to_predict_on_have_the_same_places_with_or_without_the_target(
    text: str, rows: list[list[float]], places: Places, write_csv: Write
) -> None:
    write_csv(text)
    assert read_rows(places.data / "t.csv", COLUMNS, (2,), MODEL).tolist() == rows


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,b\n", "line 1 has 2 cells; .* 4 columns without a header, so give all 4, or 3"),
        ("1,2,3,4,b\n", "line 1 has 5 cells"),
        ("1\n", "line 1 has 1 cell;"),
        ("a,b,c,d\n1,9,5,b\n", "line 1, column 'column_1' holds 'a'"),
        ("1,9,5,c\n", "line 1, column 'column_4' holds 'c', which the model was not trained on"),
        ("1,5,b\nx,6,a\n", "line 2, column 'column_1' holds 'x'"),
    ],
)
def test_rows_in_other_places_are_refused(
    text: str, words: str, places: Places, write_csv: Write
) -> None:
    write_csv(text)
    with pytest.raises(DataError, match=words):
        read_rows(places.data / "t.csv", COLUMNS, (2,), MODEL)


def test_a_model_that_knows_names_refuses_rows_without_them(
    places: Places, write_csv: Write
) -> None:
    columns = (Column("height"), Column("1990"))
    for header in (None, True):
        write_csv("1.5,2.5\n3.5,4.5\n")
        written = Written(Format(header=header))
        with pytest.raises(DataError, match=r"line 1 looks like data .*names.*height, 1990"):
            read_rows(places.data / "t.csv", columns, (2,), written)
        write_csv("1990,height\n1.5,2.5\n")
        rows = read_rows(places.data / "t.csv", columns, (2,), written)
        assert rows.tolist() == [[2.5, 1.5]]
