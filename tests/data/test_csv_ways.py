"""One small table, written in every way that people write tables: the same numbers, or advice.

numbers   with fractions, groups of thousands and gaps
texts     one of them holds a delimiter, which only a quote keeps together
dates     ISO 8601 and day first
"""

import bz2
import gzip
import io
import itertools
import lzma
import zipfile
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from dlcli.data.places import Places
from dlcli.data.sources import Csv
from dlcli.errors import DlcliError

NAMES = ["size", "place", "when", "y"]
SIZES = [1234.5, -0.25, None, 7.0, 12345678.75, 0.5, 3.0, 1.5]
TEXTS = ["Göteborg", "New York", None, "Rio", "Oslo", "Rio", "Oslo", "Lima"]
DATES = [datetime(2024, 1, day, 10 if day % 2 else 0) for day in range(1, 9)]
TARGETS = [0, 1, 0, 1, 0, 1, 0, 1]

DELIMITERS = {",": ",", ";": ";", "tab": "\t", "|": "|", "blanks": "blanks"}
NOTATIONS = [(".", None), (",", None), (".", ","), (",", "."), (",", " ")]
MARKS = ["", "NA", "n.a.", "-9"]
ENDS = ["\n", "\r\n", "\r"]


def _zip(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.csv", content)
    return stream.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": _zip,
}


def number(value: float, decimal: str, thousands: str | None) -> str:
    text = f"{value:,.2f}"
    return text.translate({ord(","): thousands or "", ord("."): decimal})


def written(
    header: bool,
    delimiter: str,
    notation: tuple[str, str | None],
    quote: str,
    mark: str,
    end: str,
    date: str,
) -> str:
    """The table; every cell is in quotes where it needs them."""
    cut = " " if delimiter == "blanks" else delimiter

    def cell(text: str) -> str:
        needs = cut in text or quote in text or (delimiter == "blanks" and not text)
        return f"{quote}{text.replace(quote, quote * 2)}{quote}" if needs else text

    rows = [NAMES] if header else []
    for size, text, when, y in zip(SIZES, TEXTS, DATES, TARGETS, strict=True):
        rows.append(
            [
                mark if size is None else number(size, *notation),
                mark if text is None else text,
                when.strftime(date),
                str(y),
            ]
        )
    return "".join(cut.join(map(cell, row)) + end for row in rows)


def options(
    header: bool, delimiter: str, notation: tuple[str, str | None], quote: str, mark: str, date: str
) -> dict[str, Any]:
    """What the source must be told."""
    kind = "date" if date.startswith("%Y-") else date
    chosen: dict[str, Any] = {"delimiter": delimiter, "decimal": notation[0], "quote": quote}
    chosen |= {"thousands": notation[1], "missing": ("", "NA", "n.a.", "-9")}
    when, target = ("when", "y") if header else ("column_3", "column_4")
    if not header:
        chosen["header"] = False
    return {**chosen, "target": target, "kinds": {when: kind}}


def combinations() -> list[tuple[Any, ...]]:
    """Every pair of delimiter, notation and quote; the others take turns beside them."""
    dates = ["%Y-%m-%d %H:%M", "%d/%m/%Y %H.%M"]
    turns = itertools.cycle(
        itertools.product(MARKS, ENDS, PACKED, [True, False], ["utf-8", "utf-8-sig"], dates)
    )
    found = []
    for delimiter, notation, quote in itertools.product(DELIMITERS, NOTATIONS, "\"'"):
        if notation[1] == " " and delimiter == "blanks":
            continue
        for _ in range(8):
            found.append((delimiter, notation, quote, *next(turns)))
            for _ in range(16):  # so that neighbours differ in all of them
                next(turns)
    return found


WAYS = combinations()


def check(places: Places, source: Csv) -> None:
    raw = source.load(places, 0)
    table, columns = raw.parts["all"], raw.columns
    assert columns is not None
    sizes, places_, dates = table.features.T
    assert columns[1].categories == ("Göteborg", "Lima", "New York", "Oslo", "Rio")
    np.testing.assert_array_equal(sizes, [np.nan if v is None else v for v in SIZES])
    texts = [None if np.isnan(code) else columns[1].categories[int(code)] for code in places_]
    assert texts == TEXTS
    assert columns[2].date
    assert dates.tolist() == [(day - datetime(1970, 1, 1)).total_seconds() for day in DATES]
    assert table.targets.tolist() == TARGETS and table.targets.dtype == np.int64


def test_there_are_hundreds_of_ways() -> None:
    assert len(set(WAYS)) >= 300


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_a_table_is_the_same_however_it_is_written(delimiter: str, places: Places) -> None:
    for _, notation, quote, mark, end, packed, header, encoding, date in (
        way for way in WAYS if way[0] == delimiter
    ):
        way = (header, DELIMITERS[delimiter], notation, quote, mark)
        content = written(*way, end, date).encode(encoding)
        (places.data / "t.csv").write_bytes(PACKED[packed](content))
        check(places, Csv("t.csv", **options(*way, date)))


def advice(places: Places, content: bytes | str, **given: Any) -> str:
    """What is said of the file, by an error or by a warning."""
    text = content.encode() if isinstance(content, str) else content
    (places.data / "t.csv").write_bytes(text)
    try:
        raw = Csv("t.csv", **given).load(places, 0)
    except DlcliError as error:
        return str(error)
    about = [column.text for column in raw.columns or ()]
    return " ".join((*map(str, raw.findings), *about, raw.text_target or ""))


PLAIN = (True, ",", (".", None), '"', "", "\n", "%Y-%m-%d %H:%M")


@pytest.mark.parametrize("delimiter", ["; ", "tab", "|", "blanks"])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("notation", [(".", None), (",", None)])
def test_the_wrong_delimiter_is_told(
    delimiter: str, header: bool, notation: tuple[str, str | None], places: Places
) -> None:
    mark = DELIMITERS[delimiter.strip()]
    text = written(header, mark, notation, '"', "NA", "\n", "%Y-%m-%d")
    told = advice(places, text, target="y" if header else "column_4")
    shown = mark.replace("\t", "\\t")
    assert f'`delimiter: "{shown}"`' in told or f"`delimiter: {shown}`" in told, told


@pytest.mark.parametrize("notation", NOTATIONS[1:])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_wrong_notation_is_told(
    delimiter: str, notation: tuple[str, str | None], places: Places
) -> None:
    text = written(True, delimiter, notation, '"', "NA", "\n", "%Y-%m-%d")
    told = advice(places, text, target="y", delimiter=delimiter)
    decimal, thousands = notation
    wanted = f'`decimal: "{decimal}"`' if decimal == "," else f'`thousands: "{thousands}"`'
    assert wanted in told, told


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_the_wrong_quote_is_told(delimiter: str, places: Places) -> None:
    rows = "".join(f"{i}{delimiter}'a{delimiter} b'{delimiter}{i % 2}\n" for i in range(30))
    told = advice(places, f"n{delimiter}t{delimiter}y\n" + rows, target="y", delimiter=delimiter)
    assert '`quote: "\'"`' in told, told


@pytest.mark.parametrize("mark", ["-", "n/a", "missing", "NULL"])
def test_another_mark_is_told(mark: str, places: Places) -> None:
    text = written(True, ",", (".", None), '"', "NA", "\n", "%Y-%m-%d").replace("NA", mark)
    assert "`missing`" in advice(places, text, target="y")


@pytest.mark.parametrize(
    ("encoding", "words"), [("latin-1", "is not UTF-8 text"), ("utf-16", "is UTF-16 text")]
)
def test_another_encoding_is_told(encoding: str, words: str, places: Places) -> None:
    told = advice(places, written(*PLAIN).encode(encoding), target="y")
    assert words in told and "save" in told


def test_a_file_without_names_is_told(places: Places) -> None:
    assert "`header: false`" in advice(places, written(False, *PLAIN[1:]), target="column_4")


def test_a_date_that_is_written_otherwise_is_told(places: Places) -> None:
    text = written(*PLAIN[:-1], "%d/%m/%Y")
    told = advice(places, text, target="y", kinds={"when": "date"})
    assert "line 2, column 'when' holds '01/01/2024'" in told and "%d/%m/%Y" in told
