"""HTML made of texts that may hold anything: whatever comes from a file goes through `escaped`."""

from collections.abc import Sequence

from dlcli.printable import printable

_LIVE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def escaped(text: str, longest: int | None = None) -> str:
    """The text as it is read, within an element or an attribute; cut where it is too long.

    >>> escaped("<b>&'\\x00"), escaped("abcdef", 4)
    ('&lt;b&gt;&amp;&#39;\\\\x00', 'abc…')
    """
    return readable(text, longest).translate(_LIVE)


def readable(text: str, longest: int | None = None) -> str:
    """The same without any markup."""
    if longest is not None and len(text) > longest:
        text = text[: longest - 1] + "…"
    # Names of files may hold bytes that are no text.
    return printable(text).encode("utf-8", "backslashreplace").decode()


def code(text: str, longest: int | None = 80) -> str:
    """A name, or a word of the config."""
    return f"<code>{escaped(text, longest)}</code>"


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 0, kind: str = ""
) -> str:
    """A table of cells that are HTML already, in a box in which it scrolls; the last `numbers`
    columns stand at the right, the first cell of each row names it."""
    left = len(header) - numbers

    def line(cells: Sequence[str], named: bool) -> str:
        made = []
        for place, cell in enumerate(cells):
            right = ' class="n"' if place >= left else ""
            if named and place == 0:
                made.append(f'<th scope="row"{right}>{cell}</th>')
            else:
                made.append(f"<td{right}>{cell}</td>")
        return f"<tr>{''.join(made)}</tr>"

    heads = "".join(
        f'<th scope="col" class="n">{cell}</th>'
        if place >= left
        else f'<th scope="col">{cell}</th>'
        for place, cell in enumerate(header)
    )
    body = "\n".join(line(row, True) for row in rows)
    return boxed(f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>", kind)


def boxed(inner: str, kind: str = "") -> str:
    """A table in a box that scrolls by itself, also by the keyboard."""
    word = f' class="{kind}"' if kind else ""
    return f'<div class="box" tabindex="0">\n<table{word}>\n{inner}\n</table>\n</div>'


def section(title: str, *parts: str) -> str:
    """A section, or nothing where there is nothing in it."""
    filled = [part for part in parts if part]
    if not filled:
        return ""
    return "\n".join([f"<section>\n<h2>{title}</h2>", *filled, "</section>"])


def paragraph(text: str) -> str:
    """A paragraph of HTML."""
    return f"<p>{text}</p>"
