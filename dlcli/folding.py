"""Sentences on a terminal: its lines end between words, where the terminal itself would end them
anywhere."""

import os
import re
import unicodedata
from typing import TextIO

_UNIT = re.compile(r"(?:`[^`\n]*`|[^\s`]|`)+")
"""What stays together: a word, or what stands in backquotes, as a command that is to be copied."""


def folded(text: str, width: int, margin: str = "") -> str:
    """The text in lines of at most `width` columns, each broken between words.

    Later lines of a sentence begin as far in as its first one, and with `margin`. What is too long
    for a line of its own is not broken, so that it can be copied. A line of a file with a mark
    below it stays as it is.

    >>> print(folded("error: there is no such file; try `dlcli init --list`, or\\n  write one", 24))
    error: there is no such
    file; try
    `dlcli init --list`, or
      write one
    """
    lines = text.split("\n")
    marked = {place - 1 for place, line in enumerate(lines) if line.strip() == "^"}
    return "\n".join(
        line if place in marked or place - 1 in marked else _folded(line, width, margin)
        for place, line in enumerate(lines)
    )


def _folded(line: str, width: int, margin: str) -> str:
    if columns(line) <= width:
        return line
    indent = line[: len(line) - len(line.lstrip())] + margin
    found, end = [""], 0
    for unit in _UNIT.finditer(line):
        gap = line[end : unit.start()]
        longer = found[-1] + gap + unit[0]
        if found[-1].strip() and columns(longer) > width:
            found.append(indent + unit[0])
        else:
            found[-1] = longer
        end = unit.end()
    return "\n".join(found)


def columns(text: str) -> int:
    """How many columns a text takes.

    >>> columns("größe"), columns("数字"), columns("e\\u0301")
    (5, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def for_stream(text: str, stream: TextIO) -> str:
    """The text as it is written to a stream: folded if that is a terminal, else as it is."""
    try:
        width = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except (OSError, ValueError, AttributeError):  # it is closed, or no file at all
        width = 0
    return folded(text, width) if width > 0 else text
