"""What was found in the columns of a delimited file: text, and numbers that are not exact."""

import itertools
import re
import unicodedata
from collections.abc import Container, Sequence

import numpy as np

from dlcli.data.audit import Finding
from dlcli.data.dataset import Array
from dlcli.data.formats.columns import BLOCK, TEXT, ReadColumns, mostly_text
from dlcli.data.formats.looks import advise, begins_with_zero
from dlcli.data.formats.notation import Format, is_number, plain_text
from dlcli.data.formats.text import Text, data_rows, first_rows, line_of, shown_cell
from dlcli.frozen import frozen

EXACT = 2.0**53  # whole numbers up to here are float64 numbers, all of them


@frozen
class TextColumn:
    """A column of text, and where it holds what makes it one.

    where: the file and the line of the first cell that is no number, and the cell.
    """

    where: str
    for_feature: str
    for_target: str
    numeric: bool

    def as_words(self, name: str) -> Finding:
        """The finding about numbers of this column that are about to be learned as words."""
        return Finding(
            "text_among_numbers",
            f"column {name!r} is taken for text, each of its texts for a category of its own: "
            f"{self.where}",
            self.for_target.removesuffix("."),
        )


def text_column(file: Text, texts: Sequence[str], codes: Array) -> TextColumn:
    """What a column of text looks like.

    texts: its distinct texts in file order; codes: the place in them of each row.
    """
    position = next((i for i, t in enumerate(texts) if not is_number(t, file.format)), 0)
    line = line_of(file, int(np.argmax(codes == position)))
    advice = advise(texts, len(codes), file.format)
    return TextColumn(
        f"{file.path}, line {line} holds {shown_cell(texts[position])}",
        advice.for_feature(),
        advice.for_target(),
        advice.numeric,
    )


def first_texts(file: Text, name: str, kind: str | None = None) -> TextColumn | None:
    """What a column looks like by the first block of rows: None where it is one of numbers.

    kind: what it holds, where that is declared.
    """
    with data_rows(file) as rows:
        sample = first_rows(rows, len(file.names))[:BLOCK]
    position = file.position(name)
    whole = itertools.takewhile(lambda row: len(row) == len(file.names), sample)
    cells = [row[position].strip() for row in whole]
    if not (mostly_text(cells, file.format) if kind is None else kind == TEXT):
        return None
    cells = [cell for cell in cells if cell not in file.format.missing]
    if not cells:
        return None
    places: dict[str, int] = {}
    codes = np.array([places.setdefault(cell, len(places)) for cell in cells])
    return text_column(file, list(places), codes)


def two_forms(name: str, texts: Sequence[str]) -> tuple[Finding, ...]:
    """A finding where two texts of a column differ in nothing that a reader sees."""
    seen: dict[str, str] = {}
    for text in texts:
        if text.isascii():
            continue
        other = seen.setdefault(unicodedata.normalize("NFC", text), text)
        if other != text:
            return (
                Finding(
                    "two_forms",
                    f"column {name!r} holds {shown_cell(text)} in two forms of Unicode, which look "
                    "alike and are learned as two different texts",
                    "write them in one form (NFC)",
                ),
            )
    return ()


def leading_zeros(
    file: Text, wanted: Sequence[str], columns: ReadColumns, declared: Container[int]
) -> tuple[Finding, ...]:
    """A finding about each column of numbers that is written with zeros in front, as codes are.

    The first rows are looked at. declared: the places of columns whose kind a person has said.
    """
    places = {name: file.position(name) for name in wanted if name not in columns.texts}
    with data_rows(file) as rows:
        sample = first_rows(rows, len(file.names))
    found = []
    for name, j in places.items():
        if j in declared:
            continue
        cells = ((i, row[j].strip()) for i, row in enumerate(sample) if len(row) > j)
        first = next(((i, cell) for i, cell in cells if begins_with_zero(cell)), None)
        if first is not None:
            found.append(
                Finding(
                    "leading_zeros",
                    f"{file.path}, line {line_of(file, first[0])}, column {name!r} holds "
                    f"{first[1]}, and is taken for numbers, which have no zeros in front",
                    f"if these are codes, set `kinds: {{{name}: text}}` in the source; if not, "
                    f"`kinds: {{{name}: number}}`",
                )
            )
    return tuple(found)


def quantised(file: Text, wanted: Sequence[str], columns: ReadColumns) -> tuple[Finding, ...]:
    """A finding about each column with a whole number that float64 does not hold as it is."""
    numbers = columns.numbers
    most, least = np.fmax.reduce(numbers, axis=0), np.fmin.reduce(numbers, axis=0)
    largest = np.fmax(most, -least).tolist()
    suspects = [
        name
        for name, size in zip(wanted, largest, strict=True)
        if size >= EXACT and name not in columns.texts
    ]
    if not suspects:
        return ()
    large: list[bool] = np.any(np.abs(numbers) >= EXACT, axis=1).tolist()
    found: dict[str, Finding] = {}
    with data_rows(file) as rows:
        for i, (row, look) in enumerate(zip(rows, large, strict=False)):
            for name in suspects if look else ():
                cell = row[file.position(name)].strip()
                known = name in found or cell in file.format.missing
                kept = None if known else _kept(cell, file.format)
                if kept is not None:
                    found[name] = Finding(
                        "rounded_numbers",
                        f"{file.path}, line {line_of(file, i)}, column {name!r} holds {cell}, but "
                        "numbers are float64, which is exact for whole numbers up to 2^53 only; "
                        f"it is kept as {kept}, and other cells of the column may be rounded, too",
                        f"leave the column out, or declare `kinds: {{{name}: text}}`",
                    )
            if len(found) == len(suspects):
                break
    return tuple(found.values())


def _kept(cell: str, format: Format) -> int | None:
    """What float64 makes of a whole number, where that is another one."""
    text = plain_text(cell, format)
    if not re.fullmatch("[+-]?[0-9]{1,400}", text):
        return None
    kept = int(float(text))
    return kept if kept != int(text) else None
