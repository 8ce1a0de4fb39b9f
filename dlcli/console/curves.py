"""The curves of a run in the terminal, in dots of braille, as large as the terminal is now."""

import math
from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.console import Group
from rich.text import Text

from dlcli.console.bars import Taken
from dlcli.console.sparks import is_steep, picked
from dlcli.console.words import can_draw, console_on, number, on_one_line, told

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Of a character of braille, by row and column."""

_LABEL = 10
_COLOURS = ("cyan", "yellow")
_ROOM_FOR_TWO = 30
_LOWEST = 2

Epochs = Sequence[Mapping[str, float]]


def dots(series: Sequence[Sequence[float]], width: int, height: int) -> list[list[tuple[str, int]]]:
    """Lines of characters of braille, and which of the curves each belongs to (the last one of
    those that meet in it).

    series: of each curve a value an epoch. Values that are not finite make a gap.

    >>> for line in dots([[0.0, 3.0]], 3, 1):
    ...     print("".join(character for character, _ in line))
    ⡠⠔⠊
    """
    across, down = 2 * width, 4 * height
    finite = [value for one in series for value in one if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    half = high / 2 - low / 2  # the difference itself may be too large for a float
    bits = [[0] * width for _ in range(height)]
    owner = [[0] * width for _ in range(height)]

    def put(x: int, y: int, curve: int) -> None:
        bits[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        owner[y // 4][x // 2] = curve

    for curve, values in enumerate(series):
        some = picked(values, across)
        before: tuple[int, int] | None = None
        for place, value in enumerate(some):
            if not math.isfinite(value):
                before = None
                continue
            x = place * (across - 1) // max(len(some) - 1, 1)
            share = (value / 2 - low / 2) / half if half > 0 else 0.5
            y = round((down - 1) * (1 - share))
            for step_x, step_y in _between(before or (x, y), (x, y)):
                put(step_x, step_y, curve)
            before = x, y
    return [
        [(chr(0x2800 + bit) if bit else " ", of) for bit, of in zip(line, owners, strict=True)]
        for line, owners in zip(bits, owner, strict=True)
    ]


def _between(begin: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """The dots of a straight line."""
    (x, y), (to_x, to_y) = begin, end
    steps = max(abs(to_x - x), abs(to_y - y), 1)
    return [
        (x + round((to_x - x) * step / steps), y + round((to_y - y) * step / steps))
        for step in range(steps + 1)
    ]


class Curves:
    """Shows a run on stdout: on a terminal its curves, drawn anew; elsewhere a line an epoch.

    A context: when it ends, the last picture stays.
    """

    def __init__(self) -> None:
        from rich.live import Live

        self._console = console_on(stderr=False)
        self._name = self._head = self._left = ""
        self._draws = can_draw(self._console) and self._console.encoding.startswith("utf")
        self._live = Live(
            Text(""),
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._printed: list[Mapping[str, float]] = []
        self._drawn: tuple[int, int, int, str] | None = None

    def __enter__(self) -> "Curves":
        if self._draws:
            self._live.start()
            Taken.now = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self._draws:
            self._live.stop()
            Taken.now = False

    def show(
        self,
        name: str,
        epochs: Epochs,
        best: Sequence[bool],
        wanted: int | None,
        state: str,
        head: str = "",
    ) -> None:
        """Show these epochs, if there is anything new to see.

        name: whose they are; of the one before, a line is left above the curves. best: of each
        epoch whether it was the best so far. wanted: how many there are to be. head: what stands in
        front of each line that is printed.
        """
        if name != self._name:
            if self._draws and self._left:
                self._console.print(Text(self._left))
            self._name, self._head, self._left = name, head, ""
            self._printed, self._drawn = [], None
        if not self._draws:
            self._print(epochs, best, wanted)
            return
        if epochs:
            last = "  ".join(
                f"{on_one_line(word)} {number(value)}" for word, value in told(epochs[-1]).items()
            )
            self._left = f"{on_one_line(name)}  epoch {_of(len(epochs), wanted)}  {last}"
        now = (len(epochs), *self._console.size, state)
        if now != self._drawn:
            self._drawn = now
            self._live.update(Group(*self._picture(epochs, best, wanted, state)), refresh=True)

    def _print(self, epochs: Epochs, best: Sequence[bool], wanted: int | None) -> None:
        """The lines of epochs that were not printed, or not so: a run that goes on after it was
        interrupted takes some of them again."""
        same = 0
        for mine, theirs in zip(self._printed, epochs, strict=False):
            if mine != theirs:
                break
            same += 1
        for place in range(same, len(epochs)):
            values = told(epochs[place])
            words = "  ".join(f"{on_one_line(name)} {number(v)}" for name, v in values.items())
            mark = "  best so far" if best[place] and place else ""
            line = f"{self._head}epoch {_of(place + 1, wanted)}  {words}{mark}"
            self._console.print(Text(line))
        self._console.file.flush()
        self._printed = [*epochs] if len(epochs) > same else self._printed

    def _picture(
        self, epochs: Epochs, best: Sequence[bool], wanted: int | None, state: str
    ) -> list[Text]:
        # The last column stays free, as some terminals go on in the next line when it is written
        # to; so do two lines, for the words that come last and for the prompt of the shell.
        width, height = max(self._console.width - 1, 1), self._console.height - 3
        title = Text(on_one_line(self._name), style="bold")
        title.append(f"  epoch {_of(len(epochs), wanted)}  {state}", style="not bold")
        lines = [title]
        if epochs:
            names = list(told(epochs[-1]))
            losses = [name for name in names if "loss" in name]
            others = [name for name in names if name not in losses]
            groups = [group for group in (losses, others) if group]
            groups = groups if height >= _ROOM_FOR_TWO else groups[:1]
            each = (height - 2) // len(groups) - 1  # a line above each, one below all
            at = max((place for place, is_best in enumerate(best) if is_best), default=None)
            for group in groups:
                lines += self._plot(group, epochs, at, width, each)
            if width > _LABEL + 12 and height >= 6:
                last = f"{len(epochs):,}"
                first = " " * (_LABEL + 1) + "1"
                lines.append(Text(first + last.rjust(width - len(first)), style="dim"))
        for line in lines:
            line.no_wrap, line.overflow = True, "crop"
            line.truncate(width)
        return lines[: max(height, 1)]

    def _plot(
        self, names: Sequence[str], epochs: Epochs, best: int | None, width: int, height: int
    ) -> list[Text]:
        """One above the other: what the colours mean, and the curves with their range."""
        series = [[epoch.get(name, math.nan) for epoch in epochs] for name in names]
        every = [value for one in series for value in one]
        logarithmic = is_steep(every)
        legend = Text(" " * (_LABEL + 1) if width > 40 else "")
        for place, name in enumerate(names):
            legend.append("━ ", style=_COLOURS[place % 2])
            legend.append(f"{on_one_line(name)} {number(series[place][-1])}  ")
        if best is not None:
            # The epoch is the best by what is monitored, of which this need not be the curve.
            values = f"best epoch {best + 1}: {number(series[-1][best])}"
            legend.append(values, style="green")
        if logarithmic:
            legend.append("  log", style="dim")
        room = width - _LABEL - 1
        if room < 4 or height < _LOWEST:
            return [legend]
        if logarithmic:
            series = [[math.log(v) if math.isfinite(v) else v for v in one] for one in series]
        finite = [value for value in every if math.isfinite(value)]
        ends = {0: max(finite, default=0.0), height - 1: min(finite, default=0.0)}
        lines = [legend]
        for row, characters in enumerate(dots(series, room, height)):
            label = number(ends[row]) if row in ends else ""
            line = Text(f"{label:>{_LABEL}}", style="dim").append("│")
            for character, curve in characters:
                line.append(character, style=f"{_COLOURS[curve % 2]} not dim")
            lines.append(line)
        return lines


def _of(done: int, wanted: int | None) -> str:
    return f"{done}" if wanted is None else f"{done}/{wanted}"
