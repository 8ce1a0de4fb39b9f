"""The rows that were answered worst, as HTML: pictures, signals, or cells of a table."""

from binascii import b2a_base64

from dlcli.deploy.card_wording import number
from dlcli.report.axes import drawable, place_of
from dlcli.report.described import Picture, WorstRow, WorstRows
from dlcli.report.markup import escaped, paragraph, table
from dlcli.report.png import png
from dlcli.report.style import COLORS

_WIDTH, _HEIGHT = 240.0, 80.0
_MOST_ACROSS = 12


def rows(found: WorstRows | None) -> str:
    """The rows, and a word of warning: the page is not about the network alone any more."""
    if found is None:
        return ""
    told = (
        f"The {len(found.rows)} rows of the {escaped(found.role, 80)} part, of {found.of:,}, whose "
        "answers are the farthest from what is true. They are data: think of whose before you pass "
        "this page on."
    )
    if found.cut:
        told += f" {found.cut}"
    if any(row.shown.pictures for row in found.rows):
        told += " A picture goes from its least number, black, to its largest, white."
    if found.header:
        names = (escaped(name, 60) for name in found.header)
        lines = [["row", "true", "answered", "how far off", *names]]
        for row in found.rows:
            lines.append([*_answer(row), *(escaped(cell, 80) for cell in row.shown.cells)])
        if len(found.header) > _MOST_ACROSS:  # a column a line, which paper has room for
            lines = [list(line) for line in zip(*lines, strict=True)]
        shown = table(lines[0], lines[1:], kind="level")
    else:
        tiles = "\n".join(_tile(row) for row in found.rows)
        shown = f'<div class="tiles narrow">\n{tiles}\n</div>'
    return f"{paragraph(told)}\n{shown}"


def _answer(row: WorstRow) -> list[str]:
    return [escaped(text, 200) for text in (row.where, row.true, row.answered, row.how)]


def _tile(row: WorstRow) -> str:
    where, true, answered, how = _answer(row)
    inner = "\n".join(
        [
            *map(_picture, row.shown.pictures),
            *map(_signal, row.shown.signals),
            *map(_numbers, row.shown.numbers),
        ]
    )
    words = f"<b>{true}</b>, answered {answered}<br/>{how}<br/>{where}"
    return f'<figure>\n{inner}\n<p class="soft">{words}</p>\n</figure>'


def _picture(picture: Picture) -> str:
    data = png(picture.pixels, picture.height, picture.width, picture.channels)
    text = b2a_base64(data, newline=False).decode()
    return (
        f'<img class="row" alt="{escaped(picture.name, 60)}" src="data:image/png;base64,{text}"/>'
    )


def _signal(channels: tuple[tuple[float, ...], ...]) -> str:
    """Each channel as a line, all in one range."""
    values = [value for channel in channels for value in channel if drawable(value)]
    low, high = min(values, default=0.0), max(values, default=0.0)
    size = high - low if high > low else 1.0
    lines = []
    for place, channel in enumerate(channels):
        step = _WIDTH / max(1, len(channel) - 1)
        points = "L".join(
            f"{place_of(n * step)} {place_of(_HEIGHT * (1 - (value - low) / size))}"
            for n, value in enumerate(channel)
            if drawable(value)
        )
        lines.append(f'<g class="c{place % COLORS}"><path class="l" d="M{points}"/></g>')
    told = f"{number(low)} to {number(high)}"
    return (
        f'<svg viewBox="-2 -2 {_WIDTH + 4:g} {_HEIGHT + 4:g}" role="img"><title>{told}</title>'
        f"{''.join(lines)}</svg>"
    )


def _numbers(values: tuple[float, ...]) -> str:
    told = ", ".join("missing" if value != value else number(value) for value in values)
    return paragraph(escaped(told, 400))
