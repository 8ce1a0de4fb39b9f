"""Numbers in other notations, and numbers that float64 does not hold: right, or refused."""

import re
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.data import Places
from dlcli.data.formats.notation import Format, is_number, to_numbers
from dlcli.data.rows import read_rows
from dlcli.data.sources import Csv
from dlcli.data.written import Written
from dlcli.errors import DataError

Write = Callable[..., str]
MARKS = (",", ".", " ", "'", "_", None)
NOTATIONS = [(d, t) for d in ".," for t in MARKS if t != d]


def written(value: Decimal, decimal: str, thousands: str | None) -> str:
    """The number by Python's own formatting, with other separators."""
    text = f"{value:,f}"
    names = {",": thousands or "", ".": decimal}
    return re.sub("[.,]", lambda found: names[found.group()], text)


@given(
    value=st.decimals(-(10**12), 10**12, places=3) | st.integers(-(10**12), 10**12).map(Decimal),
    notation=st.sampled_from(NOTATIONS),
)
def test_every_notation_gives_the_number_that_was_written(
    value: Decimal, notation: tuple[str, str | None]
) -> None:
    decimal, thousands = notation
    cell = written(value, decimal, thousands)
    numbers = to_numbers([f" {cell} "], Format(decimal=decimal, thousands=thousands))
    assert numbers is not None and numbers.tolist() == [float(value)]


@given(
    cell=st.text("0123456789.,' _+-e", min_size=1, max_size=12),
    notation=st.sampled_from(NOTATIONS),
)
def test_a_cell_is_the_number_that_its_digits_say_or_none(
    cell: str, notation: tuple[str, str | None]
) -> None:
    """Whatever is taken has well-formed groups: written again with them, it is the same."""
    decimal, thousands = notation
    format = Format(decimal=decimal, thousands=thousands)
    if not is_number(cell, format):
        return
    digits = cell.strip()
    whole = re.split(f"[{re.escape(decimal)}e]", digits.lstrip("+-"))[0]
    if thousands is not None and thousands in digits:
        assert thousands in whole
        assert whole == f"{int(whole.replace(thousands, '')):,}".replace(",", thousands)
        assert thousands not in digits.lstrip("+-")[len(whole) :]
    numbers = to_numbers([cell], format)
    plain = digits.replace(thousands or "", "").replace(decimal, ".")
    assert numbers is not None and numbers.tolist() == [float(plain)]


@pytest.mark.parametrize(
    ("source", "cells", "values"),
    [
        ({"decimal": ","}, ["3,5", "-0,25", "7", "1,5e3", ",5"], [3.5, -0.25, 7, 1500, 0.5]),
        ({"thousands": ","}, ["1,234,567", "12", "-1,234.5"], [1234567, 12, -1234.5]),
        ({"decimal": ",", "thousands": "."}, ["1.234,5", "1.234.567"], [1234.5, 1234567]),
        ({"decimal": ",", "thousands": " "}, ["1 234,5", "9\u202f876", "5\u00a0000"],
         [1234.5, 9876, 5000]),
        ({"thousands": "'"}, ["1'234.5", "1’234"], [1234.5, 1234]),
        ({"thousands": "_"}, ["1_234", "1234"], [1234, 1234]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_file_is_read_and_predicted_on_alike(
    source: dict[str, str],
    cells: list[str],
    values: list[float],
    delimiter: str,
    places: Places,
    write_csv: Write,
) -> None:
    lines = [f'"{cell}"{delimiter}x\n' for cell in cells]
    write_csv(f"a{delimiter}y\n" + "".join(lines))
    csv = Csv("t.csv", "y", delimiter=delimiter, **source)
    raw = csv.load(places, 0)
    assert raw.parts["all"].features[:, 0].tolist() == values and not raw.findings
    rows = read_rows(places.data / "t.csv", raw.columns, (1,), Written(csv.format))
    assert rows[:, 0].tolist() == values


def test_a_target_in_another_notation_is_a_number(places: Places, write_csv: Write) -> None:
    write_csv("a;y\n0,5;1.000,5\n1,5;2.000\n")
    raw = Csv("t.csv", "y", delimiter=";", decimal=",", thousands=".").load(places, 0)
    assert raw.classes is None and raw.text_target is None
    assert raw.parts["all"].targets.tolist() == [1000.5, 2000.0]


@pytest.mark.parametrize(
    ("source", "cell", "words"),
    [
        ({"thousands": ","}, "12,34", 'Set `decimal: ","`'),
        ({"thousands": ","}, "1,2345", "decimal comma"),
        ({"thousands": ","}, "0,123", "decimal comma"),
        ({"thousands": ","}, "1,234,56", "line 4, column 'a' holds '1,234,56'"),
        ({"thousands": ","}, "1,234_567", "line 4"),
        ({"decimal": ","}, "1.234", "thousands"),
        ({"decimal": ","}, "1.5", "a decimal point"),
        ({"decimal": ",", "thousands": "."}, "1.23", "a decimal point"),
        ({"decimal": ",", "thousands": "."}, "1,234.5", "thousands separators"),
        ({"thousands": " "}, "1  234", "line 4"),
        ({"thousands": "_"}, "1__234", "line 4"),
        ({}, "3,5", 'a number with a decimal comma. Set `decimal: ","` in the source'),
        ({}, "1,234,567", 'Set `thousands: ","` in the source'),
        ({}, "1.234.567", 'Set `decimal: ","` and `thousands: "."` in the source'),
    ],
)
def test_a_number_in_another_notation_than_the_option_says_is_refused_with_its_line(
    source: dict[str, str], cell: str, words: str, places: Places, write_csv: Write
) -> None:
    write_csv(f'a,y\n1,0\n2,1\n"{cell}",1\n4,0\n')
    with pytest.raises(DataError, match=r"t.csv, line 4, column 'a' holds") as caught:
        Csv("t.csv", "y", **source).load(places, 0)
    assert words in str(caught.value)


def test_other_cells_with_a_point_forbid_the_advice_to_set_a_decimal_comma(
    places: Places, write_csv: Write
) -> None:
    write_csv('a,y\n1.5,0\n2.5,1\n"3,5",1\n')
    with pytest.raises(DataError, match="written in another way") as caught:
        Csv("t.csv", "y").load(places, 0)
    assert "Set `decimal" not in str(caught.value)


def test_advice_can_be_followed(places: Places, write_csv: Write) -> None:
    """With the options that a message asks for, the file is read, and as it was meant."""
    draw = np.random.default_rng(3)
    values = [Decimal(int(v)) / 10 for v in draw.integers(10_000, 10**8, 40)]
    for decimal, thousands in NOTATIONS:
        cells = [written(value, decimal, thousands) for value in values]
        write_csv("a\ty\n" + "".join(f"{cell}\t1\n" for cell in cells))
        column = Csv("t.csv", "y", delimiter="\t").load(places, 0)
        advice = column.columns[0].text if column.columns else ""
        options = dict(re.findall(r'`(decimal|thousands): "(.)"`', advice))
        raw = Csv("t.csv", "y", delimiter="\t", **options).load(places, 0)
        assert raw.parts["all"].features[:, 0].tolist() == [float(v) for v in values], advice


LARGE = 2**53 + 1


@pytest.mark.parametrize(
    ("text", "line", "name", "cell"),
    [
        (f"a,b,y\n1,{LARGE - 1},0\n2,{LARGE},1\n3,{LARGE + 2},1\n", 3, "b", str(LARGE)),
        (f"a,b,y\n1,2,0\n2,3,-{LARGE}\n", 3, "y", f"-{LARGE}"),
        (f"a,b,y\n1,2,0.5\n2,3,{10**30 + 1}\n", 3, "y", str(10**30 + 1)),
        (f'a,b,y\n"\n",2,0\n{LARGE},3,1\n', 0, "", ""),
    ],
)
def test_a_whole_number_that_is_rounded_is_told_with_its_place(
    text: str, line: int, name: str, cell: str, places: Places, write_csv: Write
) -> None:
    write_csv(text)
    if not line:
        with pytest.raises(DataError, match="is empty"):
            Csv("t.csv", "y", missing=()).load(places, 0)
        return
    (warning,) = map(str, Csv("t.csv", "y").load(places, 0).findings)
    assert f"t.csv, line {line}, column {name!r} holds {cell}" in warning
    assert f"kept as {int(float(cell))}" in warning


@pytest.mark.parametrize("cell", [str(2**53), str(2**60), "1e300", "12345678901234567890.5", "x9"])
def test_numbers_that_are_kept_as_they_are_need_no_warning(
    cell: str, places: Places, write_csv: Write
) -> None:
    write_csv(f"a,y\n{cell},red\n{cell},blue\n")
    assert not Csv("t.csv", "y").load(places, 0).findings


def test_long_numbers_as_classes_are_told_and_as_text_are_not(
    places: Places, write_csv: Write
) -> None:
    write_csv(f'a,id,y\n1,"{LARGE:,}",u{LARGE}\n2,12,u{LARGE + 1}\n')
    raw = Csv("t.csv", "y", thousands=",").load(places, 0)
    assert raw.classes == (f"u{LARGE}", f"u{LARGE + 1}")
    assert len(raw.findings) == 1 and f"line 2, column 'id' holds {LARGE:,}" in str(raw.findings[0])
