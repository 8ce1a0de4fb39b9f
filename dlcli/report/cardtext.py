"""Sections of a model card as HTML: the Markdown that deploy/card.py writes, and no other.

Anything in it that is not known here is shown as the text that it is.
"""

import re
from collections.abc import Iterator

from dlcli.report.markup import escaped, paragraph, table

_INLINE = re.compile(r"(?P<ticks>`+)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)|\\(?P<plain>[^\w\s]|_)")
_BAR = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"\|[ :|-]+\|")


def sections(card: str) -> dict[str, str]:
    """The body of each section by its heading."""
    found: dict[str, list[str]] = {}
    body: list[str] = []
    fenced = False
    for line in card.split("\n"):
        fenced = fenced != line.startswith("```")
        if line.startswith("## ") and not fenced:
            body = found.setdefault(line[3:].strip(), [])
        else:
            body.append(line)
    return {title: "\n".join(lines) for title, lines in found.items()}


def html_of(body: str) -> str:
    """A section as HTML."""
    return "\n".join(_blocks(body.split("\n")))


def _blocks(lines: list[str]) -> Iterator[str]:
    place = 0
    while place < len(lines):
        line = lines[place]
        if line.startswith("```"):
            fence = [n for n in range(place + 1, len(lines)) if lines[n].startswith("```")]
            end = fence[0] if fence else len(lines)
            yield f"<pre>{escaped(chr(10).join(lines[place + 1 : end]))}</pre>"
            place = end + 1
        elif line.startswith("### "):
            yield f"<h3>{_inline(line[4:])}</h3>"
            place += 1
        elif line.startswith("|"):
            end = _end(lines, place, "|")
            yield _table(lines[place:end])
            place = end
        elif line.startswith("- "):
            end = _end(lines, place, "- ")
            items = "".join(f"<li>{_inline(item[2:])}</li>" for item in lines[place:end])
            yield f"<ul>{items}</ul>"
            place = end
        else:
            if line.strip():
                yield paragraph(_inline(line))
            place += 1


def _end(lines: list[str], place: int, sign: str) -> int:
    """Where lines that begin with a sign end."""
    while place < len(lines) and lines[place].startswith(sign):
        place += 1
    return place


def _table(lines: list[str]) -> str:
    cells = [[cell.strip() for cell in _BAR.split(line.strip())[1:-1]] for line in lines]
    numbers = 0
    if len(lines) > 1 and _RULE.fullmatch(lines[1].strip()):
        numbers = sum(cell.endswith(":") for cell in cells.pop(1))
    made = [[_inline(cell.replace("\\|", "|")) for cell in row] for row in cells]
    return table(made[0], made[1:], numbers)


def _inline(text: str) -> str:
    """Code spans and escaped characters; all else is text.

    >>> _inline("a `<b>` \\\\* and <i>")
    'a <code>&lt;b&gt;</code> * and &lt;i&gt;'
    """
    parts, place = [], 0
    for match in _INLINE.finditer(text):
        parts.append(escaped(text[place : match.start()]))
        if match["plain"] is not None:
            parts.append(escaped(match["plain"]))
        else:
            inner = match["code"]
            if len(inner) > 2 and inner[0] == inner[-1] == " ":
                inner = inner[1:-1]
            parts.append(f"<code>{escaped(inner)}</code>")
        place = match.end()
    return "".join([*parts, escaped(text[place:])])
