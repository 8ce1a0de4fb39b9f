"""Rows in and answers out, as `dlcli predict` and a bundle by itself do it alike."""

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcli.cli.outcome import finite, print_json, tell

if TYPE_CHECKING:
    from dlcli.deploy.answer_table import AnswerTable
    from dlcli.deploy.rows_answered import Answered, Wishes

Lines = Iterator[list[list[Any]]]
"""Some lines of a table at a time."""


def rows_named(name: str) -> Path | None:
    """The file of rows that a command line names; None for standard input, which is `-`."""
    if name != "-":
        return Path(name)
    if _comes_from_a_terminal():
        tell("reading rows from this terminal; end them with Ctrl-D")
    return None


def lined(
    answered: Iterable["Answered"], table: "AnswerTable", wishes: "Wishes"
) -> tuple[list[str], Lines]:
    """The header of a table of answers, and its lines, some at a time.

    Answers come with the cells of the column that was asked for; else, where rows may be left out,
    with their numbers.
    """
    if wishes.id is not None:
        return [wishes.id, *table.header], _named(answered, table)
    if wishes.skip_bad:
        return ["row", *table.header], _numbered(answered, table)
    return table.header, (table.lines(one.answers) for one in answered)


def _named(answered: Iterable["Answered"], table: "AnswerTable") -> Lines:
    for one in answered:
        lines = zip(one.cells or (), table.lines(one.answers), strict=True)
        yield [[cell, *line] for cell, line in lines]


def _numbered(answered: Iterable["Answered"], table: "AnswerTable") -> Lines:
    for one in answered:
        lines = zip(one.numbers.tolist(), table.lines(one.answers), strict=True)
        yield [[number, *line] for number, line in lines]


def csv_pieces(header: Sequence[str], lines: Lines) -> Iterator[str]:
    """Comma-separated, a header first; nothing comes before the first rows are answered."""
    for number, some in enumerate(lines):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if number == 0:
            writer.writerow(header)
        writer.writerows(some)
        yield text.getvalue()


def json_line_pieces(header: Sequence[str], lines: Lines) -> Iterator[str]:
    """A JSON object on each line."""
    for some in lines:
        yield "".join(f"{_object(header, line)}\n" for line in some)


def print_document(header: Sequence[str], lines: Lines) -> None:
    """One JSON document, which has to wait for the last row."""
    every = [dict(zip(header, line, strict=True)) for some in lines for line in some]
    print_json({"rows": len(every), "predictions": every})


def _object(header: Sequence[str], line: Sequence[Any]) -> str:
    row = finite(dict(zip(header, line, strict=True)))
    text = json.dumps(row, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a letter of Unicode: JSON has escapes for it
        text = json.dumps(row)
    return text


def _comes_from_a_terminal() -> bool:
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # somebody has closed it
        return False
