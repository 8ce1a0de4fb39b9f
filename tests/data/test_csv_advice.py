"""What a message says about a column of text: its first text with the line, and what helps."""

from collections.abc import Callable

import numpy as np
import pytest

from dlcli.data import Places, Preprocessing, Split
from dlcli.data.formats.looks import kind_of
from dlcli.data.formats.notation import Format
from dlcli.data.sources import Csv
from dlcli.data.transforms import OneHot
from dlcli.errors import DataError, UsageError

Write = Callable[..., str]
N = 60
PRICES = [1000 + 37 * i for i in range(N)]

STRANGE: dict[str, tuple[list[str], str]] = {
    "decimal comma": ([f'"{p // 10},{p % 10}"' for p in PRICES], '`decimal: ","`'),
    "thousands": ([f'"{p:,}"' for p in PRICES], '`thousands: ","`'),
    "both": ([f'"{p // 1000}.{p % 1000:03d},5"' for p in PRICES], '`thousands: "."`'),
    "apostrophes": ([f"{p:,}".replace(",", "'") for p in PRICES], '`thousands: "\'"`'),
    "percent": ([f"{p / 100}%" for p in PRICES], "percentage"),
    "dollars": ([f"${p / 10:.2f}" for p in PRICES], "money"),
    "euros": ([f'"{p:,} €"' for p in PRICES], "money"),
    "ISO dates": ([f"2020-{i // 28 + 1:02d}-{i % 28 + 1:02d}" for i in range(N)], "date"),
    "dates with points": ([f"{i % 28 + 1}.1.2020" for i in range(N)], "date"),
    "dates with slashes": ([f"{i % 12 + 1}/28/20" for i in range(N)], "date"),
    "dates with names": ([f"{i % 28 + 1} Jan 2020" for i in range(N)], "date"),
    "months": ([f"19{49 + i // 12}-{i % 12 + 1:02d}" for i in range(N)], "date"),
    "moments": ([f"2020-01-01T{i % 24:02d}:00:00Z" for i in range(N)], "date"),
    "times": ([f"{i % 24:02d}:30" for i in range(N)], "a time"),
    "kilograms": ([f"{p} kg" for p in PRICES], "a unit"),
    "a few minutes": ([("1 min", "15 min", "30 min")[i % 3] for i in range(N)], "a unit"),
    "unknown units": ([f"{p}bleem" for p in PRICES], "a unit"),
    "mostly missing": (["5" if i % 3 == 0 else "--" for i in range(N)], "missing value"),
    "another minus": ([f"−{p}" for p in PRICES], "another sign"),
    "quotes": ([f"'{p}'" for p in PRICES], "in quotes"),
    "identifiers": ([f"u-{p}" for p in PRICES], "different texts in"),
    "names": ([f"car no {p} of many" for p in PRICES], "different texts in"),
}
CATEGORIES: dict[str, list[str]] = {
    "colors": ["red", "blue", "green"],
    "truth values": ["False", "True"],
    "ranges": ["40-49", "30-39", "50-59"],
    "months": ["January", "February", "May"],
    "drives": ["4WD", "fwd", "rwd"],
    "incomes": ["<=50K", ">50K"],
    "ordinals": ["1st", "2nd", "3rd"],
    "codes": ["A11", "A12", "B3"],
}


def text_of(column: list[str], *, leading: int = 0) -> str:
    """A file whose column `a` begins with `leading` plain numbers."""
    cells = ["7"] * leading + column
    return "b,a,y\n" + "".join(f"{i}.5,{cell},{i % 7}.5\n" for i, cell in enumerate(cells))


def told(places: Places) -> str:
    part = Split(0.0, 0.0).apply(Csv("t.csv", "y").load(places, 0), 0).train
    with pytest.raises(UsageError, match="Column 'a' holds text") as caught:
        Preprocessing.fit(part, [])
    return str(caught.value)


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("leading", [0, 5])
def test_one_hot_is_not_advised_for_what_is_no_category(
    name: str, leading: int, places: Places, write_csv: Write
) -> None:
    column, words = STRANGE[name]
    write_csv(text_of(column, leading=leading))
    message = told(places)
    assert words in message and "transform one_hot" not in message
    first = next(i for i, cell in enumerate(column) if not cell.isdigit())
    assert f"t.csv, line {2 + leading + first} holds" in message
    assert repr(column[first].strip('"'))[1:-1] in message


@pytest.mark.parametrize("name", CATEGORIES)
def test_one_hot_is_advised_for_categories_with_the_first_of_them(
    name: str, places: Places, write_csv: Write
) -> None:
    words = CATEGORIES[name]
    write_csv(text_of([words[i % len(words)] for i in range(N)]))
    message = told(places)
    assert f"t.csv, line 2 holds {words[0]!r}. Add the transform one_hot" in message
    raw = Csv("t.csv", "y").load(places, 0)
    assert not raw.findings


@pytest.mark.parametrize("name", [name for name in STRANGE if "texts" not in STRANGE[name][1]])
def test_numbers_that_are_learned_as_words_are_told(
    name: str, places: Places, write_csv: Write
) -> None:
    """one_hot asks for it, so it is done; but not without a word."""
    write_csv(text_of(STRANGE[name][0]))
    raw = Csv("t.csv", "y").load(places, 0)
    part = Split(0.0, 0.0).apply(raw, 0).train
    assert Preprocessing.fit(part, [OneHot()]).out_shape > (2,)
    (warning,) = map(str, raw.findings)
    assert "column 'a' is taken for text" in warning and "t.csv, line" in warning


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("--", "a missing value. Name it, and all other marks of missing values, by `missing`"),
        ("n/a", "a missing value"),
        ("-", "a missing value"),
        ("12%", "a percentage"),
        ("$5", "an amount of money"),
        ("5 kg", "a number with a unit"),
        ("2020-01-05", "a date"),
        ("12:30", "a time"),
        ("<5", "a bound and not a number"),
        ("oops", "Correct the cell; or, if the column holds codes or names, set `kinds: "),
        ("A1600", "Correct the cell; or, if the column holds codes or names, set `kinds: "),
        ("５", "other digits than 0 to 9"),
        ("(5)", "an amount of money"),
        ("5-", "another sign"),
    ],
)
@pytest.mark.parametrize("target", ["a", "y"])
def test_an_odd_cell_among_numbers_is_named_with_its_line_and_its_look(
    cell: str, words: str, target: str, places: Places, write_csv: Write
) -> None:
    write_csv(f"b,a,y\n1,5,0\n2,6,1\n3,{cell},1\n4,8,0\n")
    with pytest.raises(DataError, match=r"t.csv, line 4, column 'a' holds") as caught:
        Csv("t.csv", target).load(places, 0)
    assert repr(cell) in str(caught.value) and words in str(caught.value)


def test_the_first_text_is_the_first_of_the_file_not_of_the_alphabet(
    places: Places, write_csv: Write
) -> None:
    write_csv(text_of(["zebra", "ape", "mole"] * 4))
    assert "line 2 holds 'zebra'" in told(places)
    write_csv('b,a,y\n1,"ze\nbra",2.5\n' + "2,ape,3.5\n" * 3)
    assert r"line 2 holds 'ze\nbra'" in told(places)


def test_a_text_target_is_described_for_a_loss_that_wants_numbers(
    places: Places, write_csv: Write
) -> None:
    for column, words in STRANGE.values():
        write_csv("b,a\n" + "".join(f"{i}.5,{cell}\n" for i, cell in enumerate(column)))
        source = Csv("t.csv", "a")
        raw, declared = source.load(places, 0), source.declare(places)
        assert raw.text_target is not None and raw.text_target == declared.text_target
        assert "column 'a' holds text: " in raw.text_target and "t.csv, line" in raw.text_target
        assert words in raw.text_target or "a loss for classes" in raw.text_target


def test_a_target_of_numbers_is_none(places: Places, write_csv: Write) -> None:
    write_csv("b,a\n1,5\n2,6\nred\n")
    assert Csv("t.csv", "a").declare(places).text_target is None


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        ("number", "5 -5 +5 .5 5. 1e5 -1.5E-3 007 20200131"),
        ("notation", "3,5 1,234 1,234,567 1.234.567 1.234,5 12'345 1_000 -3,5 1,5e3"),
        ("missing", "? - -- NA na N/A nan NaN null None . #N/A"),
        ("date", "2020-01-31 2020/1/31 31.12.2020 1/31/2020 31-12-99 2020-01 01/2020 Jan-20 "
                 "2020-W05 Q1-2020 2020Q1 2020-01-31T10:00:00+01:00 31.12.2020,10:00"),
        ("time", "12:30 12:30:15 23:59:59.5"),
        ("percentage", "5% 12.5% -3% 12,5%"),
        ("money", "$5 -$5 5€ £1,234.50 USD5 5EUR (1,234)"),
        ("unit", "5kg 12cm 3.5GHz 10k 5°C 15min"),
        (None, "red 1st 2nd 40-49 A11 5'11\" 3/4 192.168.0.1 1.2.3 May s13 12,34,567 inf kg"),
    ],
)  # fmt: skip
def test_kinds_of_cells(kind: str | None, cells: str) -> None:
    for cell in cells.split():
        assert kind_of(cell, Format()) == kind, cell


def test_the_look_of_any_text_is_found_in_time() -> None:
    """No pattern goes wild on long or strange cells."""
    draw = np.random.default_rng(5)
    letters = list("0123456789.,-+:/ $%kgJanT'\u2212é(")
    for length in (5, 30, 60, 10_000):
        for _ in range(300 if length < 100 else 3):
            kind_of("".join(draw.choice(letters, length)), Format())
    kind_of("1" * 60, Format(decimal=",", thousands="."))
    kind_of("1," * 29 + "x", Format())
    kind_of("1'1 1_" * 9 + "!", Format())
