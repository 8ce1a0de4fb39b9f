"""What a file is that is not of the format that is wanted, by its first bytes."""

import re

START = 1024
"""So many first bytes tell."""

_POINTER = (
    "a Git LFS pointer and not the file itself: fetch the file with `git lfs pull`, or get the "
    "original from where it is kept"
)
_SAVE = "save the table as CSV"
NPZ = "a NumPy archive (.npz): use the source `npz`"
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs.github.com/spec/", _POINTER),
    (b"/annex/objects/", "a pointer of git-annex: fetch the file itself with `git annex get`"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", f"a spreadsheet of old Excel (.xls): {_SAVE}"),
    (b"PAR1\x15", "a Parquet file: use the source `parquet`"),
    (b"ARROW1\0\0", f"an Arrow file: {_SAVE}"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file: save its arrays as .npy or .npz"),
    (b"SQLite format 3\0", f"an SQLite database: {_SAVE}"),
    (b"%PDF-", f"a PDF document: {_SAVE}"),
    (b"\x93NUMPY", "a NumPy array (.npy): use the source `npy`"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"\x7fELF", "a program"),
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard: unpack it (`unzstd`), or use gzip"),
    (b"\x04\x22\x4d\x18", "compressed by LZ4: unpack it (`unlz4`), or use gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it"),
    (b"Rar!\x1a\x07", "a RAR archive: unpack it"),
    (b"RDX2\n", "data of R (.RData): save the table with write.csv"),
    (b"RDX3\n", "data of R (.RData): save the table with write.csv"),
    (b"X\n\0\0\0", "data of R (.rds): save the table with write.csv"),
    (b"<stata_dta>", f"a Stata file: {_SAVE}"),
    (b"$FL2", f"an SPSS file: {_SAVE}"),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file (.mat): save its arrays as .npy, or the table as CSV"),
    (b"{\\rtf", f"a text document (RTF): {_SAVE}"),
)
_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|body|script)\b", re.IGNORECASE)
_JSON = (b"{\n", b'{"', b'[{"', b"[[", b"[\n")
_XML = re.compile(rb"<\?xml\b|<!--")


def recognise(start: bytes, json: bool = False) -> str | None:
    """What a file with these first bytes is, and what to do about it: "a PDF document: ...".

    None for what may be text with a table in it, or is not known. json: JSON is no foreign format.

    >>> recognise(b"<!DOCTYPE html><title>404</title>")
    'a web page (HTML) and not a data file: download the file itself'
    >>> recognise(b"a,b,c")
    """
    start = start[:START]
    for magic, what in _MAGIC:
        if start.startswith(magic):
            return what
    if start[257:262] == b"ustar":
        return "a tar archive: unpack it, and name the file inside"
    if start[:1] == b"\x80" and start[1:2] in b"\2\3\4\5" and start[2:3] in b"\x95}](c\x8c":
        return "a Python pickle, which is never loaded, because that runs code: save arrays as .npy"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(_JSON) and not json:
        return f"JSON and not a table of text: {_SAVE}, or with an object a line for `jsonl`"
    if _PAGE.match(text) or (_XML.match(text) and _PAGE.search(text)):
        return "a web page (HTML) and not a data file: download the file itself"
    if _XML.match(text):
        return f"an XML document: {_SAVE}"
    if text.lower().startswith(b"@relation "):
        return "an ARFF file (Weka): save its rows as CSV, with a first line of names"
    return None


def start_of(start: bytes) -> str:
    """How a message about a file of another format goes on: what it is, or how it starts."""
    what = recognise(start)
    if what is None and start.startswith(b"PK\x03\x04"):
        what = "a zip archive: unpack it, or use the source `npz` for an .npz"
    elif what is None and start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ")):
        what = "compressed: unpack it"
    if what is not None:
        return f"it is {what}"
    return f"it starts with {start[:6]!r}" if start else "it is empty"


def archive_of(names: list[str]) -> str | None:
    """What a zip archive with these members is, where it is no plain archive."""
    if any(name.startswith("xl/") for name in names):
        return f"a spreadsheet of Excel (.xlsx): {_SAVE}"
    if "mimetype" in names and "content.xml" in names:
        return f"a spreadsheet of LibreOffice (.ods): {_SAVE}"
    if any(name.startswith(("word/", "ppt/")) for name in names):
        return f"an Office document: {_SAVE}"
    if any(name.startswith("Index/") and name.endswith(".iwa") for name in names):
        return f"a spreadsheet of Numbers: {_SAVE}"
    if names and all(name.endswith(".npy") for name in names):
        return NPZ
    return None
