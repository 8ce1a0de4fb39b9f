"""A file is read line by line, in blocks, or in blocks with Arrow: the same bits, the same words.

The reader by lines defines both. Pieces and blocks are small here, so that every border is met.
"""

import bz2
import csv
import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlcli import progress
from dlcli.data.formats import arrow, blocks, columns
from dlcli.data.formats.blocks import Doubt, Way
from dlcli.data.formats.columns import read_columns
from dlcli.data.formats.notation import BLANKS, MISSING, Format, to_numbers
from dlcli.data.formats.numerals import PAD, to_decimals, to_floats
from dlcli.data.formats.text import Text, read_header
from dlcli.errors import DlcliError

ARROW = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")
WAYS: Sequence[Way] = ("blocks", "arrow")


@contextmanager
def small(piece: int, block: int) -> Iterator[None]:
    """Pieces of so many bytes, and blocks of so many rows."""
    before = blocks.PIECE, columns.BLOCK, blocks.MANY
    blocks.PIECE, columns.BLOCK, blocks.MANY = piece, block, 2
    try:
        yield
    finally:
        blocks.PIECE, columns.BLOCK, blocks.MANY = before


def result(
    file: Text, wanted: Sequence[str], kinds: dict[str, str], most: int | None, way: Way
) -> tuple[object, ...]:
    """All that somebody can see of what was read."""
    try:
        read = read_columns(file, wanted, dict(kinds), most=most, way=way)
    except DlcliError as error:
        return type(error), str(error)
    return read.numbers.shape, read.numbers.tobytes(), [*read.texts.items()]


# Numbers of all shapes.

digits = st.text("0123456789", max_size=26)
halfway = st.floats(0.0, 1e22).map(
    lambda x: format((Decimal(x) + Decimal(float(np.nextafter(x, np.inf)))) / 2, "f")[:40]
)
number_texts = st.one_of(
    st.integers(-999, 999).map(str),
    st.integers(-(10**25), 10**25).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e4, 1e4).map(lambda x: f"{x:.5f}"),
    st.floats(-1e4, 1e4).map(lambda x: f"{x:.18e}"),
    st.builds(lambda a, b, s: f"{s}{a}.{b}", digits, digits, st.sampled_from(["", "-", "+"])),
    st.builds("{}e{}".format, digits, st.integers(-400, 400)),
    halfway,
    st.sampled_from(
        ["-0", "-0.0", "+5", ".5", "5.", "007", "1E5", "1e308", "4.9e-324", "9007199254740993"]
    ),
    st.sampled_from(["9007199254740992.5", "0.30000000000000004", "18446744073709551615"]),
    st.sampled_from(["18446744073709551616", "17999999999999999999", "1.7976931348623159e308"]),
    st.sampled_from(["2.4703282292062328e-324", "0.1234567890123456789012345"]),
)
odd_texts = st.one_of(
    st.sampled_from(["", " ", "  ", "1\xa0", "\xa01", "1\x0b", "1\x1c", "\x0c1", "1 2", "0,5"]),
    st.sampled_from([".", "-", "+", "--1", "1.2.3", "1-2", "1_000", "0x10", "nan", "inf", "1e"]),
    st.sampled_from(["e5", "-.", "1e999", "NaN", "NA", "\u0663", "1/2", "1:2", "./", "1./"]),
    st.sampled_from(["Infinity", "-nan(1)"]),
    st.sampled_from(["9" * 400, "1" + "0" * 320, "0." + "0" * 400 + "1"]),
    st.text("0123456789.-+eE /:_x", max_size=28),
)
padded = st.builds(
    "{}{}{}".format, st.sampled_from(["", " ", "  "]), number_texts, st.sampled_from(["", " "])
)
words = st.sampled_from(
    ["red", "blue", " red ", "é", "x y", "10", "a;b", "ab" * 30, "\ufeffz", "#x"]
)


@given(
    st.lists(st.one_of(number_texts, odd_texts), min_size=1, max_size=40),
    st.sampled_from("x,\n-.1e"),
)
@pytest.mark.properties
def test_a_decimal_is_what_float_makes_of_it(cells: list[str], end: str) -> None:
    texts = [cell.encode() for cell in cells]
    data = bytes(PAD) + b"".join(text + end.encode() for text in texts)
    ends = PAD + np.cumsum([len(text) + 1 for text in texts]) - 1
    starts = ends - [len(text) for text in texts]
    values, others = to_decimals(np.frombuffer(data, np.uint8), starts, ends)
    for i in {*range(len(cells))} - {*others.tolist()}:
        expected = to_numbers([cells[i]])
        assert expected is not None, cells[i]
        assert values[i].tobytes() == expected[0].tobytes(), cells[i]


def test_decimals_are_no_others() -> None:
    cells = "0 -0 1 12345678 -12345678 123456789 1.5 -.5 5. 0.1234567 12345678.9 1234567890123456"
    cells += " 0.12574550945163264 -0.0001234567890123456 1.2345678901234567 17999999999999999999"
    cells += " 1e-05 1.5E+07 -9.123456789012345678e-01 1.000000000000000000e+00 -0e+22 5e-22"
    data = bytes(PAD) + cells.encode() + b" "
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord(" "))
    values, others = to_decimals(np.frombuffer(data, np.uint8), np.r_[PAD, ends[:-1] + 1], ends)
    assert others.tolist() == []
    assert values.tobytes() == np.array([float(cell) for cell in cells.split()]).tobytes()


@given(st.lists(st.one_of(padded, odd_texts), max_size=9))
@example(["1", " ", "2"])
@pytest.mark.properties
def test_numbers_of_a_text_are_what_float_makes_of_them(cells: list[str]) -> None:
    found = to_floats("".join(f"{cell}," for cell in cells).encode())
    if found is not None:
        cells = [part for cell in cells for part in cell.split(",")]
        expected = to_numbers(cells)
        assert expected is not None
        assert found.tobytes() == expected.tobytes()


def by_arrow(cells: Sequence[str]) -> np.ndarray | None:
    lengths = np.array([len(cell.encode()) for cell in cells], np.int64)
    return arrow.numbers(np.frombuffer("".join(cells).encode(), np.uint8), lengths)


@ARROW
@given(st.lists(st.one_of(number_texts, padded, odd_texts), min_size=1, max_size=5))
@pytest.mark.properties
def test_arrow_makes_of_numbers_what_float_does(cells: list[str]) -> None:
    found = by_arrow(cells)
    if found is not None:
        expected = to_numbers(cells)
        assert expected is not None
        assert found.tobytes() == expected.tobytes()


@ARROW
def test_arrow_takes_what_numpy_writes() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 3)) * (10.0 ** np.arange(-20, 30))[:, None]
    found = by_arrow([f"{x:.18e}" for x in rows.reshape(-1)])
    assert found is not None and found.tobytes() == rows.tobytes()


# Whole files.


KINDS = ["number", "text", "number", "date", "%d/%m/%Y"]
dates = st.dates().map(str)


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, Format]:
    """A file, most of it clean."""
    delimiter = draw(st.sampled_from([",", ",", ",", ";", "\t", " ", "|", "1", "e", BLANKS]))
    comment = draw(st.sampled_from([None, None, None, "#", "//"]))
    header = draw(st.sampled_from([True, True, False]))
    decimal = draw(st.sampled_from([".", ".", ".", ","]))
    width = draw(st.integers(1, 4))
    mark = " " if delimiter == BLANKS else delimiter
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    plain = st.one_of(st.integers(-99, 9999).map(str), st.floats(-99, 99).map(lambda x: f"{x:.3f}"))
    kinds = [
        draw(st.sampled_from([plain, number_texts, padded, words, dates])) for _ in range(width)
    ]
    missing = draw(st.sampled_from([(), MISSING, MISSING, ("", "-9", "."), ("?", "red", "0")]))
    hole = draw(st.sampled_from([st.nothing(), st.sampled_from(["", " ", *missing])]))
    kinds = [draw(st.sampled_from([kind, kind | hole, hole | kind | hole])) for kind in kinds]
    rows = [[draw(kind) for kind in kinds] for _ in range(draw(st.integers(0, 40)))]
    for j in range(width if missing and draw(st.booleans()) else 0):
        for row in rows[: draw(st.integers(0, 20))]:
            row[j] = missing[0]
    quote = draw(st.sampled_from(['"', '"', "'"]))
    quoting = draw(st.sampled_from(["never", "never", "all", "texts"]))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2])) if rows else 0):
        row = draw(st.sampled_from(rows))
        row[draw(st.integers(0, len(row) - 1))] = draw(
            st.one_of(odd_texts, st.sampled_from(['5"', '"x"', "two\nlines", "a,b", "\0", "ü"]))
        )
    if draw(st.booleans()) and rows and draw(st.booleans()):
        draw(st.sampled_from(rows)).append("1")
    lines = [["name" + "abcd"[j] for j in range(width)]] * header + rows
    if decimal == ",":
        lines = [[cell.replace(".", ",") for cell in row] for row in lines]

    def written(cell: str) -> str:
        if quoting == "all" or (quoting == "texts" and not cell[:1].isdigit()):
            return quote + cell.replace(quote, quote * 2) + quote
        return cell

    out = [mark.join(map(written, row)) for row in lines]
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        extra = draw(st.sampled_from(["", "#c", "// c", "  ", '"', '#"', "#x\ry", "\t"]))
        out.insert(draw(st.integers(0, len(out))), extra)
    start = draw(st.sampled_from(["", "", "", "\ufeff", "\n", f"sep={mark}\n", "# about\n"]))
    last = draw(st.sampled_from([end, end, "", end * 2, end * 9, end + " " + end]))
    content = (start + end.join(out) + last).encode()
    if draw(st.sampled_from([False] * 9 + [True])) and content:
        place = draw(st.integers(0, len(content) - 1))
        byte = draw(st.sampled_from([b"\xff", b"\0", b'"', b"\r", b"\n", b","]))
        content = content[:place] + byte + content[place + draw(st.integers(0, 1)) :]
    names = tuple("wxyz"[:width]) if draw(st.sampled_from([False, False, False, True])) else None
    return content, Format(delimiter, header, decimal, None, comment, quote, names, missing)


@given(
    files(),
    st.integers(1, 90),
    st.integers(1, 6),
    st.sampled_from([None, None, 1, 3, 7]),
    st.data(),
)
@pytest.mark.properties
def test_all_ways_give_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: tuple[bytes, Format],
    piece: int,
    block: int,
    most: int | None,
    data: st.DataObject,
) -> None:
    content, format = drawn
    path = tmp_path_factory.getbasetemp() / "drawn.csv"
    packed = data.draw(st.sampled_from([bytes, bytes, bytes, gzip.compress, bz2.compress]))
    path.write_bytes(packed(content))
    try:
        file = read_header(path, format)
    except DlcliError:
        return
    names = [name for name in file.names if name]
    wanted = data.draw(st.permutations(names))[: data.draw(st.integers(1, 4))]
    kinds = (
        data.draw(st.dictionaries(st.sampled_from(wanted), st.sampled_from(KINDS)))
        if wanted
        else {}
    )
    with small(piece, block):
        expected = result(file, wanted, kinds, most, "lines")
        for way in WAYS:
            assert result(file, wanted, kinds, most, way) == expected
        assert result(file, wanted, kinds, most, columns.quickest_way(file, most)) == expected


def number_rows(count: int) -> str:
    return "".join(f"{i},{i / 8},{-i}e-3,k{i % 7}\n" for i in range(count))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_clean_file_is_never_read_by_lines(
    way: Way, quoted: bool, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = number_rows(20_000)
    if quoted:
        text = text.replace("k1\n", '"k1, ""or"" more"\n')
    path = tmp_path / "t.csv"
    path.write_bytes(f"a,b,c,d\n{text}\n".replace("\n", end).encode())
    file = read_header(path)
    expected = read_columns(file, file.names, way="lines")

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(columns, "_by_lines", refuse)
    with small(1 << 15, 512):
        read = read_columns(file, file.names, way=way)
    assert read.numbers.tobytes() == expected.numbers.tobytes()
    assert read.numbers[:, 1].tolist() == [i / 8 for i in range(20_000)]
    assert read.texts == expected.texts and len(read.texts["d"]) == 7


@pytest.mark.parametrize("way", WAYS)
def test_wide_rows_make_a_first_block_of_as_many_rows(way: Way, tmp_path: Path) -> None:
    """Which columns hold text is decided by the same rows in all ways, however wide they are."""
    rows = [["x"] * 400 for _ in range(250)] + [["1"] * 400 for _ in range(260)] + [["2"] * 400] * 3
    path = tmp_path / "t.csv"
    path.write_text("\n".join(",".join(row) for row in [[f"c{j}" for j in range(400)], *rows]))
    file = read_header(path)
    for wanted in (file.names, file.names[3:5]):
        assert result(file, wanted, {}, None, way) == result(file, wanted, {}, None, "lines")


def test_a_cell_longer_than_the_csv_module_takes_is_refused_in_blocks(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    path = tmp_path / "t.csv"
    for digits in (limit // 2 - 9, limit - 1, limit, limit + 1, 2 * limit):
        path.write_text("a,b\n" + "1,2\n" * 600 + "1," + "0" * digits + "5\n" + "1,2\n" * 600)
        file = read_header(path)
        expected = result(file, ("a",), {}, None, "lines")
        assert result(file, ("a",), {}, None, "blocks") == expected
        assert (len(expected) == 2) == (digits + 1 > limit)


def test_a_file_that_changes_or_goes_away_is_a_message(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    file = read_header(path)
    path.unlink()
    with pytest.raises(DlcliError, match="cannot be read"):
        read_columns(file, ("a",))


def test_arrow_is_asked_for_large_files_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    file = read_header(path)
    monkeypatch.setattr(arrow, "is_installed", lambda: True)
    assert columns.quickest_way(file, None) == "blocks"
    monkeypatch.setattr(arrow, "WORTH", 5)
    assert columns.quickest_way(file, None) == "arrow"
    assert columns.quickest_way(file, 10) == "blocks"
    monkeypatch.setattr(arrow, "is_installed", lambda: False)
    assert columns.quickest_way(file, None) == "blocks"


def test_without_arrow_the_numbers_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,c,d\n" + "1e5,2.5e-7,3e0,x\n" * 2000)
    file = read_header(path)
    expected = read_columns(file, file.names, way="lines")
    monkeypatch.setattr(arrow, "_module", lambda: None)
    read = read_columns(file, file.names, way="arrow")
    assert read.numbers.tobytes() == expected.numbers.tobytes()


def test_bytes_are_told_as_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    told: list[object] = []

    class Bar:
        def at(self, done: int) -> None:
            told.append(done)

        def end(self) -> None:
            told.append("end")

    def show(what: str, total: int | None, unit: str, began: float) -> Bar:
        told.append((what, total, unit))
        return Bar()

    content = ("a,b,c,d\n" + number_rows(30_000)).encode()
    cases = (("t.csv", content, len(content)), ("t.gz", gzip.compress(content), None))
    for name, written, total in cases:
        told.clear()
        (tmp_path / name).write_bytes(written)
        file = read_header(tmp_path / name)
        with small(1 << 14, 512), progress.shown_by(show):
            read_columns(file, file.names)
        assert told[0] == (f"read {name}", total, "bytes")
        done = [each for each in told if isinstance(each, int)]
        assert done == sorted(done) and done[-1] == len(content) and len(done) > 5
        assert told[-1] == "end"


def test_every_option_of_a_format_is_known_to_the_blocks() -> None:
    """Whoever adds an option decides here what reading in blocks makes of it."""
    known = {"delimiter", "header", "decimal", "thousands", "comment", "quote", "names", "missing"}
    assert set(Format.__annotations__) == known
    with pytest.raises(Doubt):
        next(blocks.cut_blocks(Text(Path("t.csv"), Format("§"), ("a",)), 8, None, "blocks"))
