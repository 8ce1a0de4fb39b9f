"""How a figure of a paper is drawn by matplotlib: as wide as a column, in the page's light colors.

Values become parts of an axis here (`Span.part`), as they do on the page, so no number is too
large or too small for matplotlib, and ticks are those of the page.
"""

from collections.abc import Sequence
from math import nan, sqrt
from typing import Any

from dlcli.deploy.card_wording import number
from dlcli.report.anatomy import brightness
from dlcli.report.axes import DASHES, Span, drawable, labels, with_room
from dlcli.report.described import Filters
from dlcli.report.epochs import EpochChart
from dlcli.report.figures import Figure, NamedMatrix
from dlcli.report.lines import (
    Curve,
    corners,
    epoch_ticks,
    is_crowded,
    longest,
    only_best,
    part_of_epoch,
    span_of,
)
from dlcli.report.markup import readable
from dlcli.report.plots import Plot, Series, spans_of
from dlcli.report.style import COLORS, LIGHT

COLUMN, PAGE = 3.4, 7.0
"""Inches: the width of a column of a paper, and of its page."""

_HEIGHT, _SQUARE = 2.4, 3.1
"""Inches: of a chart, and of one whose axes are alike; a legend below comes on top."""

_ACROSS = 2.2
"""Inches of an axis from left to right, whatever stands beside it."""

_DPI = 300
_SMALL = 7.0
_MOST_KEYS = 60
_FRAME = {"linewidth": 0.6, "color": LIGHT["soft"]}
_GUIDE = {"linewidth": 0.6, "color": LIGHT["soft"], "linestyle": (0, (4, 3)), "zorder": 1.5}


def drawn(figure: Figure) -> Any:
    """A matplotlib.figure.Figure."""
    content = figure.content
    if isinstance(content, EpochChart):
        return _epochs(content, figure.runs)
    if isinstance(content, Plot):
        return _plot(content)
    if isinstance(content, NamedMatrix):
        return _matrix(content)
    return _filters(content)


def _sheet(width: float, height: float, layout: str | None = "constrained") -> Any:
    """An empty figure of so many inches, with a canvas that can measure texts.

    layout: of matplotlib; "compressed" for axes whose height is their width.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Sheet

    sheet = Sheet(figsize=(width, height), dpi=_DPI, layout=layout)
    FigureCanvasAgg(sheet)
    return sheet


def _width(sheet: Any, text: str, size: float) -> float:
    """How many inches a text needs."""
    from matplotlib.font_manager import FontProperties

    renderer = sheet.canvas.get_renderer()
    width, _, _ = renderer.get_text_width_height_descent(text, FontProperties(size=size), False)
    return float(width) / _DPI


def _fitted(sheet: Any, text: str, inches: float, size: float) -> str:
    """The text as it can be shown in one line, cut where it is too long."""
    text = readable(text, 200).replace("\n", " ")
    if _width(sheet, text, size) <= inches:
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if _width(sheet, text[:middle] + "…", size) <= inches:
            fits = middle
        else:
            too_long = middle
    return text[:fits] + "…"


def _axes(sheet: Any, x: str, y: str) -> Any:
    axes = sheet.add_subplot()
    axes.grid(color=LIGHT["line"], linewidth=0.4)
    axes.set_axisbelow(True)
    for side in ("left", "bottom"):
        axes.spines[side].set(**_FRAME)
    for side in ("right", "top"):
        axes.spines[side].set_visible(False)
    axes.tick_params(
        width=0.6, length=2.5, pad=2, color=LIGHT["soft"], labelcolor=LIGHT["ink"], labelsize=_SMALL
    )
    axes.set_xlabel(_fitted(sheet, x, 2.6, 8), color=LIGHT["ink"], labelpad=2)
    axes.set_ylabel(_fitted(sheet, y, 1.9, 8), color=LIGHT["ink"], labelpad=3)
    return axes


def _ticks(axis: Any, span: Span, ticks: Sequence[float] | None = None) -> None:
    """ticks: which; without these, those of the page."""
    ticks = span.ticks() if ticks is None else ticks
    axis.set_ticks([span.part(tick) for tick in ticks], labels(ticks))


def _ticks_across(sheet: Any, span: Span) -> Sequence[float]:
    """Those of the page, or of long numbers so many that none touches the next."""
    ticks = span.ticks()
    widest = max((_width(sheet, told, _SMALL) for told in labels(ticks)), default=0.0)
    return with_room(ticks, _ACROSS / (widest + 0.08))


def _epochs(chart: EpochChart, runs: Sequence[str]) -> Any:
    sheet = _sheet(COLUMN, _HEIGHT)
    axes = _axes(sheet, "epoch", chart.title)
    span, epochs = span_of(chart.curves, chart.linear), longest(chart.curves)
    assert span is not None, "such a chart is no figure"
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.05, 1.05))
    _ticks(axes.yaxis, span)
    ticks = epoch_ticks(epochs)
    axes.xaxis.set_ticks([part_of_epoch(tick, epochs) for tick in ticks], list(map(str, ticks)))
    crowded = is_crowded(chart.curves)
    lines = [
        _curve(axes, curve, place, span, epochs, crowded)
        for curve, place in zip(chart.curves, chart.places, strict=True)
    ]
    if runs:
        _legend_below(sheet, lines, [runs[place] for place in chart.places])
        return sheet
    keys = [(line, curve.key) for line, curve in zip(lines, chart.curves, strict=True) if curve.key]
    best = only_best(chart.curves)
    if best is not None:
        mark = axes.axvline(part_of_epoch(best, epochs), **_GUIDE)
        keys.append((mark, f"best epoch: {best}"))
    if keys:
        handles, labels = zip(*keys, strict=True)
        axes.legend(
            handles, labels, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(keys),
            **_LEGEND,
        )  # fmt: skip
    return sheet


def _look(place: int) -> dict[str, Any]:
    """Color and dash of the n-th line."""
    dash = DASHES[place // COLORS % len(DASHES)]
    style: Any = (0, tuple(0.7 * float(part) for part in dash.split())) if dash else "-"
    return {"color": LIGHT[f"c{place % COLORS}"], "linestyle": style, "linewidth": 1.0}


_DOT = {"marker": "o", "markeredgewidth": 0.0}


def _curve(axes: Any, curve: Curve, place: int, span: Span, epochs: int, crowded: bool) -> Any:
    """The line of a curve; a point for each epoch where they are few, and for the best."""
    kept = corners(curve.values)
    values = [curve.values[epoch - 1] for epoch in kept]
    x = [part_of_epoch(epoch, epochs) for epoch in kept]
    y = [span.part(value) if drawable(value) else nan for value in values]
    seen = [False, *map(drawable, values), False]
    # A point between two gaps is no line.
    alone = [n for n in range(len(x)) if seen[n + 1] and not (seen[n] or seen[n + 2])]
    dots = alone if crowded else list(range(len(x)))
    dotted = {**_DOT, "markersize": 2.4, "markevery": dots} if dots else {}
    (line,) = axes.plot(x, y, **_look(place), **dotted, gid=f"curve_{place + 1}")
    for best in curve.values[curve.marked - 1 : curve.marked] if curve.marked else ():
        if not drawable(best):
            continue
        at = part_of_epoch(curve.marked, epochs), span.part(best)
        color = LIGHT[f"c{place % COLORS}"]
        axes.plot([at[0]], [at[1]], **_DOT, markersize=4.5, color=color, gid=f"best_{place + 1}")
    return line


_LEGEND: dict[str, Any] = {
    "frameon": False,
    "fontsize": _SMALL,
    "labelcolor": LIGHT["ink"],
    "borderaxespad": 0.2,
    "borderpad": 0.2,
    "handlelength": 2.0,
    "handletextpad": 0.5,
    "columnspacing": 1.2,
    "labelspacing": 0.3,
}
_KEY = (2.0 + 0.5 + 1.2) * _SMALL / 72
"""Inches that an entry needs beside its text."""


def _legend_below(sheet: Any, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """A legend below the axes, in as many columns as fit; the sheet grows by its height."""
    from matplotlib.lines import Line2D

    handles, labels = list(handles[:_MOST_KEYS]), list(labels)
    if len(labels) > _MOST_KEYS:
        left = len(labels) - _MOST_KEYS
        handles.append(Line2D([], [], linestyle="none"))
        labels = [*labels[:_MOST_KEYS], f"and {left:,} more"]
    room = COLUMN - 0.1
    texts = [_fitted(sheet, label, room - _KEY, _SMALL) for label in labels]
    widest = max(_width(sheet, text, _SMALL) for text in texts) + _KEY
    columns = max(1, min(4, int(room / widest), len(texts)))
    rows = -(-len(texts) // columns)
    sheet.set_size_inches(COLUMN, sheet.get_figheight() + rows * 1.3 * _SMALL / 72 + 0.06)
    # A label that begins with _ would be left out, so the texts come afterwards.
    legend = sheet.legend(
        handles, ["."] * len(texts), loc="outside lower center", ncols=columns, **_LEGEND
    )
    for shown, text in zip(legend.get_texts(), texts, strict=True):
        shown.set_text(text)


def _plot(plot: Plot) -> Any:
    spans = spans_of(plot)
    assert spans is not None, "such a plot is no figure"
    across, up = spans
    square = plot.share or plot.alike
    sheet = _sheet(COLUMN, _SQUARE, "compressed") if square else _sheet(COLUMN, _HEIGHT)
    axes = _axes(sheet, plot.x, plot.y)
    if plot.of:
        axes.set_title(_fitted(sheet, plot.of, 2.6, 8), fontsize=8, color=LIGHT["ink"], pad=4)
    if square:
        axes.set_box_aspect(1)
    edge = 0.02 if plot.share else 0.0
    axes.set(xlim=(-edge, 1 + edge), ylim=(-edge, 1 + edge))
    _ticks(axes.xaxis, across, _ticks_across(sheet, across))
    _ticks(axes.yaxis, up)
    if plot.guide == "zero":
        axes.axhline(up.part(0.0), **_GUIDE)
    elif plot.guide == "rising":  # both axes have the same ends then
        axes.plot([0, 1], [0, 1], **_GUIDE)
    lines = [_series(axes, plot, one, place, across, up) for place, one in enumerate(plot.series)]
    keys = [(line, one.label) for line, one in zip(lines, plot.series, strict=True) if one.label]
    if keys:
        _legend_below(sheet, [line for line, _ in keys], [label for _, label in keys])
    return sheet


def _series(axes: Any, plot: Plot, series: Series, place: int, across: Span, up: Span) -> Any:
    points = series.drawable
    x, y = [across.part(point.x) for point in points], [up.part(point.y) for point in points]
    color, gid = LIGHT[f"c{place % COLORS}"], f"series_{place + 1}"
    if not plot.line:
        (dots,) = axes.plot(
            x, y, **_DOT, linestyle="none", markersize=2.6, alpha=0.6, color=color, gid=gid
        )
        return dots
    few = {} if plot.crowded else {**_DOT, "markersize": 2.4}
    style = "steps-pre" if plot.steps else "default"
    (line,) = axes.plot(x, y, **_look(place), **few, drawstyle=style, gid=gid)
    for n, point in enumerate(points):
        if point.share is not None:  # it stands for many rows, and is as large as they are many
            size = 2.4 + 8 * sqrt(point.share)
            axes.plot([x[n]], [y[n]], **_DOT, markersize=size, color=color, clip_on=False)
    return line


def _matrix(named: NamedMatrix) -> Any:
    """Cells that fit a column where they can, and else a page."""
    count = len(named.names)
    sheet = _sheet(COLUMN, COLUMN, None)
    names = [_fitted(sheet, name, 1.1, _SMALL) for name in named.names]
    widest = max(_width(sheet, name, _SMALL) for name in names)
    left = 0.32 + widest
    cell = min(0.6, (COLUMN - left - 0.06) / count)
    if cell < 0.2:
        cell = min(0.28, (PAGE - left - 0.06) / count)
    upright = widest > cell - 0.04
    below = 0.28 + (widest if upright else 0.12)
    side, top = cell * count, 0.06
    # The least width leaves room for the words of the axis.
    width, height = max(left + side + 0.06, 1.6), below + side + top
    if named.matrix.cut:
        width, height, below = max(width, COLUMN), height + 0.15, below + 0.15
    sheet.set_size_inches(width, height)
    axes = sheet.add_axes((left / width, below / height, side / width, side / height))
    axes.set(xlim=(0, count), ylim=(count, 0))
    for edge in axes.spines.values():
        edge.set(**_FRAME)
    places = [place + 0.5 for place in range(count)]
    axes.xaxis.set_ticks(places, names, rotation=90 if upright else 0)
    axes.yaxis.set_ticks(places, names)
    axes.tick_params(length=0, pad=3, labelcolor=LIGHT["ink"], labelsize=_SMALL)
    middle = (left + side / 2) / width
    words = {"fontsize": 8, "color": LIGHT["ink"], "ha": "center"}
    cut = 0.15 if named.matrix.cut else 0.0
    sheet.text(middle, (0.05 + cut) / height, "predicted class", va="bottom", **words)
    sheet.text(
        0.05 / width, (below + side / 2) / height, "true class", va="center", rotation=90,
        **(words | {"ha": "left"}),
    )  # fmt: skip
    if cut:
        sheet.text(
            0.5, 0.04 / height, named.matrix.cut, va="bottom",
            **(words | {"fontsize": 6, "color": LIGHT["soft"]}),
        )  # fmt: skip
    _cells(sheet, axes, named, cell)
    return sheet


def _cells(sheet: Any, axes: Any, named: NamedMatrix, inches: float) -> None:
    from matplotlib.collections import PolyCollection

    rows = named.matrix.rows
    texts = {number(cell.count) for row in rows for cell in row}
    widest = max(_width(sheet, text, _SMALL) for text in texts)
    size = min(_SMALL, 0.85 * inches * _SMALL / widest, 0.7 * inches * 72)
    cells = [(x, y, cell) for y, row in enumerate(rows) for x, cell in enumerate(row)]
    axes.add_collection(
        PolyCollection(
            [[(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)] for x, y, _ in cells],
            facecolors=[LIGHT[f"q{cell.shade}"] for _, _, cell in cells],
            edgecolors=LIGHT["line"],
            linewidths=0.4,
        ),
        autolim=False,
    )
    for x, y, cell in cells:
        axes.text(
            x + 0.5, y + 0.5, number(cell.count), fontsize=size, color=LIGHT["ink"],
            ha="center", va="center_baseline",
        )  # fmt: skip


def _filters(found: Filters) -> Any:
    """Each filter as a picture, eight in a row; all have one size."""
    from matplotlib.patches import Rectangle

    columns = min(8, len(found.values))
    rows = -(-len(found.values) // columns)
    tall = len(found.values[0]) / len(found.values[0][0])
    gap, wide = 0.12, min(0.6, COLUMN / (columns * 1.12 + 0.12))
    across, down = 1 + gap, tall + gap
    width, height = columns * across + gap, rows * down + gap
    sheet = _sheet(wide * width, wide * height, None)
    axes = sheet.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for place, grid in enumerate(found.values):
        x, y = gap + place % columns * across, gap + place // columns * down
        colors = [
            [pixel * 3 if len(pixel) == 1 else pixel for pixel in row] for row in brightness(grid)
        ]
        axes.imshow(colors, extent=(x, x + 1, y + tall, y), interpolation="nearest", aspect="auto")
        axes.add_patch(
            Rectangle((x, y), 1, tall, fill=False, edgecolor=LIGHT["line"], linewidth=0.4)
        )
    axes.set(xlim=(0, width), ylim=(height, 0))
    return sheet
