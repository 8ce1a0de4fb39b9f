"""Markdown as GitHub renders it, made of texts that may hold anything.

What comes from data or from a config (names of columns and classes, sentences that quote them) is
never read as Markdown or HTML: names stand in code spans, in which nothing is interpreted, and of
sentences every character that could be is escaped.

Source: GitHub Flavored Markdown Spec 0.29 (6.3 code spans, 6.1 backslash escapes, 4.10 tables).
"""

import re
from collections.abc import Sequence

from dlcli.printable import printable

LONGEST = 80
"""Characters of a name that are shown."""

_LIVE = re.compile(r"([\\`*_\[\]<>&~#$!])")
"""What can begin something in the middle of a line."""

_LINKS = re.compile(r"@|:/|www\.", re.IGNORECASE)
"""What GitHub makes a link of, escaped or not: addresses, and names of people."""


def _visible(text: str) -> str:
    """One line of visible characters."""
    shown = printable(text).replace("\n", "\\n")
    return shown.encode("utf-8", "backslashreplace").decode()


def code(text: str, longest: int = LONGEST) -> str:
    """A code span that shows the text as it is.

    >>> print(code("<b>"), code("two `ticks`"), code(" "))
    `<b>` `` two `ticks` `` `' '`
    """
    shown = _visible(text)
    if len(shown) > longest:
        shown = shown[: longest - 1] + "…"
    if not shown.strip(" "):
        shown = repr(shown)
    longest_run = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest_run + 1) if longest_run else "`"
    # One space is taken away at both ends, where there is one at both.
    ends = shown[0] + shown[-1]
    pad = " " if "`" in ends or ends == "  " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def prose(text: str) -> str:
    """A sentence that may quote anything, to be read as it is.

    >>> prose("column '*id*' numbers the rows")
    "column '\\\\*id\\\\*' numbers the rows"
    """
    if _LINKS.search(text):
        return code(text, len(text) + 1)
    return _LIVE.sub(r"\\\1", _visible(text))


def _cell(text: str) -> str:
    """Within a cell every | is escaped, in code spans, too.

    Renderers do not agree on a backslash before one that is escaped.
    """
    return text.replace("\\|", "\\\\x7c").replace("|", "\\|")


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 0) -> list[str]:
    """The lines of a table, whose cells are Markdown already; the last `numbers` columns stand at
    the right. Readable as plain text: columns are as wide as their widest cell."""
    header, rows = [list(map(_cell, header)), [list(map(_cell, row)) for row in rows]]
    widths = [max(3, *(len(row[j]) for row in (header, *rows))) for j in range(len(header))]
    right = [j >= len(header) - numbers for j in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        filled = [
            cell.rjust(width) if at_right else cell.ljust(width)
            for cell, width, at_right in zip(cells, widths, right, strict=True)
        ]
        return f"| {' | '.join(filled)} |"

    rule = [
        "-" * (width - 1) + (":" if at_right else "-")
        for width, at_right in zip(widths, right, strict=True)
    ]
    return [line(header), line(rule), *map(line, rows)]


def listed(items: Sequence[str]) -> list[str]:
    """A list; each item is Markdown of one line."""
    return [f"- {item}" for item in items]


def fenced(lines: Sequence[str], language: str = "text") -> list[str]:
    """Lines of ours as they are."""
    return [f"```{language}", *lines, "```"]
