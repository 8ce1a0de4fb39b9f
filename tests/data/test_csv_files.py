"""Tables as they lie about: compressed, with lines before them, with an index, cut at blanks."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.data import Column, Places
from dlcli.data.formats.lines import rows_of
from dlcli.data.formats.notation import Format
from dlcli.data.rows import read_rows
from dlcli.data.sources import Csv
from dlcli.errors import DataError, UsageError

TABLE = "a,b,y\n1,2.5,red\n3,4,blue\n-5,6,red\n"
FEATURES = [[1, 2.5], [3, 4], [-5, 6]]


def zipped(content: bytes, *names: str) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return memory.getvalue()


PACKED: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "two gzip members": lambda b: gzip.compress(b[:9]) + gzip.compress(b[9:]),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": lambda b: zipped(b, "t.csv"),
    "zip of a Mac": lambda b: zipped(b, "__MACOSX/._t.csv", "t.csv"),
    "plain": bytes,
}


@pytest.fixture
def folder(places: Places) -> Path:
    assert places.data.is_dir()
    return places.data


def refused(places: Places, content: bytes, **options: str | bool) -> str:
    """What is said of a file with this content."""
    assert places.data.is_dir()
    (places.data / "t.csv").write_bytes(content)
    with pytest.raises((DataError, UsageError)) as caught:
        Csv("t.csv", "y", **options).load(places, 0)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize("way", PACKED)
def test_a_compressed_file_is_known_by_its_content(way: str, places: Places, folder: Path) -> None:
    (folder / "t.dat").write_bytes(PACKED[way](TABLE.encode("utf-8-sig")))
    raw = Csv("t.dat", "y").load(places, 0)
    assert raw.parts["all"].features.tolist() == FEATURES
    assert raw.classes == ("blue", "red")
    assert Csv("t.dat", "y").declare(places).row_shape == (2,)
    columns = (Column("b"), Column("a"))
    assert read_rows(folder / "t.dat", columns, (2,)).tolist() == [r[::-1] for r in FEATURES]


@pytest.mark.parametrize("way", PACKED)
def test_a_mistake_in_a_compressed_file_has_its_line(way: str, places: Places) -> None:
    said = refused(places, PACKED[way](TABLE.replace("4", "four").encode()))
    assert "line 3, column 'b' holds 'four'" in said
    said = refused(places, PACKED[way](TABLE.encode() + b"\xff,1,red\n"))
    assert "line 5 is not UTF-8 text" in said
    said = refused(places, PACKED[way](TABLE.encode() + b"1\x00,1,red\n"))
    assert "line 5 holds a NUL byte" in said


@pytest.mark.parametrize("way", ["gzip", "bzip2", "xz", "zip"])
def test_a_damaged_compressed_file_is_named(way: str, places: Places) -> None:
    content = PACKED[way]("".join(f"{i},{i * i},red\n" for i in range(5000)).encode())
    draw = random.Random(way)
    for cut in sorted(draw.sample(range(8, len(content) - 1), 12)):
        said = refused(places, content[:cut])
        assert "damaged" in said, f"cut at {cut}: {said}"
    for place in draw.sample(range(len(content) // 4, 3 * len(content) // 4), 12):
        broken = bytearray(content)
        broken[place] ^= 0x55
        assert "t.csv" in refused(places, bytes(broken)), f"changed at {place}"


SPREADSHEET = ("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml")


def tar() -> bytes:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as archive:
        member = tarfile.TarInfo("t.csv")
        member.size = len(TABLE)
        archive.addfile(member, io.BytesIO(TABLE.encode()))
    return memory.getvalue()


FOREIGN: Mapping[str, tuple[bytes, str]] = {
    "xlsx": (zipped(b"x", *SPREADSHEET), "a spreadsheet of Excel"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "a spreadsheet of old Excel"),
    "ods": (zipped(b"x", "mimetype", "content.xml"), "a spreadsheet of LibreOffice"),
    "web page": (b"\n<!DOCTYPE html>\n<html><head><title>404</title>", "a web page"),
    "web page with a remark": (b"<!-- x -->\n<html lang='en'>", "a web page"),
    "XML": (b"<?xml version='1.0'?>\n<table/>", "an XML document"),
    "old web page": (b'\xef\xbb\xbf<HTML><BODY BGCOLOR="#fff">', "a web page"),
    "Git LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
        "a Git LFS pointer",
    ),
    "git-annex": (b"/annex/objects/SHA256E-s1--00.csv\n", "git-annex"),
    "Parquet": (b"PAR1\x15\x04\x15", "a Parquet file"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(40), "an HDF5 file"),
    "PDF": (b"%PDF-1.7\n", "a PDF document"),
    "npy": (b"\x93NUMPY\x01\0", "use the source `npy`"),
    "npz": (zipped(b"x", "x.npy", "y.npy"), "use the source `npz`"),
    "pickle": (b"\x80\x04\x95\x00", "a Python pickle"),
    "JSON": (b'[{"a": 1}]', "JSON"),
    "two files": (zipped(b"a,y\n1,2\n", "a.csv", "b.csv"), "holds 2 files ('a.csv', 'b.csv')"),
    "no file": (zipped(b""), "holds no file"),
    "tar.gz": (gzip.compress(tar()), "holds a tar archive"),
    "page, zipped": (gzip.compress(b"<html><body>"), "holds a web page"),
    "UTF-16": (TABLE.encode("utf-16"), "is UTF-16 text"),
    "UTF-16, zipped": (gzip.compress(TABLE.encode("utf-16")), "is UTF-16 text"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_table_is_called_by_its_name(kind: str, places: Places) -> None:
    content, words = FOREIGN[kind]
    assert words in refused(places, content)


@pytest.mark.parametrize(
    "name", ["PAR1", "PAR1x", "GIF8", "BZh", "@relations", "MATLAB", "version", "PK", "<b>", "[a]"]
)
def test_a_name_that_begins_like_another_format_is_a_name(name: str, places: Places) -> None:
    assert places.data.is_dir()
    (places.data / "t.csv").write_text(f"{name},y\n1,0\n2,1\n")
    raw = Csv("t.csv", "y").load(places, 0)
    assert raw.columns == (Column(name),)


BEFORE: Mapping[str, tuple[str, dict[str, str]]] = {
    "a blank line": ("\n", {}),
    "blank lines": ("\r\n  \n\t\n", {}),
    "Excel's line": ("sep=,\n", {}),
    "both": ("\nsep=,\r\n\n", {}),
    "comments": ("# made by me, today\n#, again\n\n", {"comment": "#"}),
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("header", [True, None])
def test_lines_before_the_table_are_passed_over_and_counted(
    before: str, header: bool | None, places: Places, folder: Path
) -> None:
    lines, options = BEFORE[before]
    (folder / "t.csv").write_text(lines + TABLE, newline="")
    raw = Csv("t.csv", "y", header=header, **options).load(places, 0)  # type: ignore[arg-type]
    assert raw.parts["all"].features.tolist() == FEATURES
    place = raw.parts["all"].place
    first = len(lines.splitlines()) + 2
    assert place is not None
    assert place(0).endswith(f"line {first}")
    text = lines + TABLE.replace("3,4", "3,")
    assert f"line {first + 1}, column 'b' is empty" in refused(
        places, text.encode(), header=header, missing=(), **options
    )


def test_excels_line_must_name_the_delimiter_of_the_config(places: Places) -> None:
    text = "sep=;\n" + TABLE.replace(",", ";")
    assert 'set `delimiter: ";"`' in refused(places, text.encode())
    assert places.data.is_dir()
    raw = Csv("t.csv", "y", delimiter=";").load(places, 0)
    assert raw.parts["all"].features.tolist() == FEATURES


def test_a_comment_is_advised_and_only_between_rows_is_one(places: Places, folder: Path) -> None:
    text = '# made by me\na,y\n1,"x\n# no comment"\n# a comment\n2,z\n'
    assert 'set `comment: "#"`' in refused(places, text.encode())
    raw = Csv("t.csv", "y", comment="#").load(places, 0)
    assert raw.classes == ("x\n# no comment", "z")
    place = raw.parts["all"].place
    assert place is not None
    assert [place(row).rsplit(" ", 1)[1] for row in (0, 1)] == ["3", "6"]


INDEXED: Mapping[str, str] = {
    "pandas": ",a,b,y\n0,1,2.5,red\n1,3,4,blue\n2,-5,6,red\n",
    "pandas, in another order": ",a,b,y\n17,1,2.5,red\n3,3,4,blue\n5,-5,6,red\n",
    "write.csv of R": '"","a","b","y"\n"Mazda RX4",1,2.5,red\n"Fiat 128",3,4,blue\n"x",-5,6,red\n',
    "write.table of R": '"a","b","y"\n"1",1,2.5,"red"\n"2",3,4,"blue"\n"3",-5,6,"red"\n',
    "a delimiter at the end": "a,b,y,\n1,2.5,red,\n3,4,blue,\n-5,6,red,\n",
}


@pytest.mark.parametrize("kind", INDEXED)
@pytest.mark.parametrize("features", [None, ("a", "b")])
def test_an_index_without_a_name_is_left_out_and_said(
    kind: str, features: tuple[str, ...] | None, places: Places, folder: Path
) -> None:
    (folder / "t.csv").write_text(INDEXED[kind])
    raw = Csv("t.csv", "y", features).load(places, 0)
    assert raw.columns == (Column("a"), Column("b"))
    assert raw.parts["all"].features.tolist() == FEATURES
    assert ["has no name" in str(finding) for finding in raw.findings] == [True]
    declared = Csv("t.csv", "y", features).declare(places)
    assert declared.row_shape == (2,)
    columns = (Column("a"), Column("b"))
    assert read_rows(folder / "t.csv", columns, (2,)).tolist() == FEATURES


@pytest.mark.parametrize(
    "text",
    [
        ",a,y\n1,2,0\n1,3,1\n2,4,0\n",  # a column of data, its name forgotten
        "a,,y\n1,2,0\n2,3,1\n3,4,0\n",
        "a,b,y,\n1,2,0,5\n2,3,1,6\n",
        ",,y\n0,2,0\n1,3,1\n",
    ],
)
def test_a_column_of_data_without_a_name_is_refused(text: str, places: Places) -> None:
    assert "has no name, and does not look like an index" in refused(places, text.encode())


def test_names_are_the_same_in_every_form_of_unicode(places: Places, folder: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "größe") for form in ("NFC", "NFD"))
    for written, asked in ((composed, decomposed), (decomposed, composed)):
        (folder / "t.csv").write_text(f"{written},b,y\n1,2.5,x\n3,4,y\n", encoding="utf-8")
        raw = Csv("t.csv", "y", (asked, "b"), kinds={asked: "number"}).load(places, 0)
        assert raw.parts["all"].features.tolist() == [[1, 2.5], [3, 4]]
        other = (Column(asked), Column("b"))
        assert read_rows(folder / "t.csv", other, (2,)).tolist() == [[1, 2.5], [3, 4]]
        raw = Csv("t.csv", asked).load(places, 0)
        assert [column.name for column in raw.columns or ()] == ["b", "y"]
    text = f"{composed},{decomposed},y\n1,2,0\n2,3,1\n"
    assert "two forms of Unicode" in refused(places, text.encode())


def test_texts_in_two_forms_of_unicode_are_told(places: Places, folder: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "grün") for form in ("NFC", "NFD"))
    (folder / "t.csv").write_text(f"a,y\n1,{composed}\n2,{decomposed}\n3,rot\n", encoding="utf-8")
    raw = Csv("t.csv", "y").load(places, 0)
    assert raw.classes is not None
    assert len(raw.classes) == 3
    assert any("two forms of Unicode" in str(finding) for finding in raw.findings)


CODES = ["a,id,y"] + [f"{i},{'A' * (i >= 600)}{1000 + i},{i % 2}" for i in range(800)]


def test_the_kind_of_a_column_can_be_declared(places: Places, folder: Path) -> None:
    said = refused(places, "\n".join(CODES).encode())
    assert "line 602, column 'id' holds 'A1600', but the 600 rows before it hold numbers" in said
    assert "`kinds: {id: text}`" in said
    assert "remove the row" not in said
    raw = Csv("t.csv", "y", kinds={"id": "text"}).load(places, 0)
    assert raw.columns is not None
    assert raw.columns[1].categories is not None
    assert len(raw.columns[1].categories) == 800
    assert not raw.findings
    (folder / "t.csv").write_text("a,code,y\n1,007,0\n2,7,1\n3,007,unknown\n")
    raw = Csv("t.csv", "y", kinds={"code": "text", "y": "text"}).load(places, 0)
    assert raw.columns == (Column("a"), Column("code", ("007", "7")))
    assert raw.classes == ("0", "1", "unknown")
    assert Csv("t.csv", "y", kinds={"y": "text"}).declare(places).text_target is not None


def test_a_kind_that_the_cells_do_not_have_is_refused(places: Places, folder: Path) -> None:
    (folder / "t.csv").write_text("a,y\nlow,1\nhigh,0\n3,1\n")
    with pytest.raises(DataError, match=r"line 2, column 'a' holds 'low', but `kinds` says"):
        Csv("t.csv", "y", kinds={"a": "number"}).load(places, 0)
    with pytest.raises(UsageError, match=r"no column 'b'"):
        Csv("t.csv", "y", kinds={"b": "number"}).load(places, 0)


def test_columns_are_cut_at_runs_of_blanks(places: Places, folder: Path) -> None:
    text = '  a   "the b" \t y\n1  2.5\tred\n  3 4 "dark ""blue"" sky"  \n-5\t\t6 red\n\n'
    (folder / "t.csv").write_text(text)
    raw = Csv("t.csv", "y", delimiter="blanks").load(places, 0)
    assert raw.columns == (Column("a"), Column("the b"))
    assert raw.parts["all"].features.tolist() == FEATURES
    assert raw.classes == ('dark "blue" sky', "red")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a b y\n1 "2 0\n', "line 2 has at character 3 a quote that is not closed"),
        ('a b y\n1 "2"3 0\n', "line 2 has at character 3 a quote that is not closed"),
        ("a b y\n1 2 0\n1 2\n", "line 3 has 2 cells, but the header names 3"),
        ("a b y\n1 2 0\n\n1 2 1\n", "line 3 is blank"),
        ("1 2 0\n1 3 1\n2 2 0\n", "`header: false`"),
    ],
)
def test_mistakes_between_blanks_have_their_lines(text: str, words: str, places: Places) -> None:
    assert words in refused(places, text.encode(), delimiter="blanks")


def test_another_delimiter_is_advised(places: Places) -> None:
    assert "`delimiter: blanks`" in refused(places, b"a b y\n1 2 0\n2 3 1\n")
    assert "`delimiter: blanks` and `header: false`" in refused(places, b"1 2 0\n2 3 1\n3 4 0\n")
    assert '`delimiter: "\\t"`' in refused(places, b"a\tb\ty\n1\t2\t0\n2\t3\t1\n")


@settings(max_examples=100)
@given(
    st.lists(
        st.lists(st.text("ab\"' \t,#;é", max_size=4), min_size=3, max_size=3),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([" ", "\t", "  ", " \t "]),
)
def test_quoted_cells_come_back_from_between_blanks(rows: list[list[str]], gap: str) -> None:
    import tempfile

    lines = (gap.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
        file.write("\n".join(lines))
        file.flush()
        with rows_of(Path(file.name), Format(delimiter="blanks")) as found:
            assert list(found) == rows


def test_a_line_without_an_end_is_not_read_into_memory(
    places: Places, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlcli.data.formats.lines.LONGEST", 10_000)
    bomb = gzip.compress(b"1" * 1_000_000)
    assert "line 1 is longer than" in refused(places, bomb)
