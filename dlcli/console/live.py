"""The live table of a training: the last epochs and the best one, curves, how far the epoch is.

It is as large as the terminal is now: fewer columns and rows where there is less room, so that no
line is ever broken in two, and what was drawn before can be drawn over. A narrower terminal may
have broken the lines of before itself; then their beginning stays above the new ones.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.text import Text

from dlcli.console.sparks import bar, spark
from dlcli.console.words import number, on_one_line, told
from dlcli.printable import printable

if TYPE_CHECKING:
    pass

_INDENT = 6
_MOST_ROWS = 12
_LONGEST_NAME = 20
_LONGEST_MARK = 16
_NARROWEST = 9
_SHORTEST_BAR = 10
_LONGEST_BAR = 28
_ROOM_TO_INDENT = 60


class View:
    """What is drawn of a training while it goes on, and what stays of it.

    table: whether there is a table; else one line that goes away at the end.
    """

    def __init__(self, console: Console, epochs: int, *, table: bool) -> None:
        from rich.live import Live

        self._console, self._epochs, self._table = console, epochs, table
        self._names: list[str] = []
        self._seen: list[tuple[int, dict[str, float]]] = []
        self._best: tuple[int, dict[str, float]] | None = None
        self._curves: dict[str, list[float]] = {}
        self._marks: dict[int, str] = {}
        self._remark = ""
        self._plain = not console.encoding.startswith("utf")
        # stdout belongs to programs, and nobody writes to it while something is trained.
        self._live: Live = Live(
            Text(""),
            console=console,
            auto_refresh=False,
            transient=not table,
            redirect_stdout=False,
            vertical_overflow="crop",
        )

    def start(self) -> None:
        """Take the last lines of the terminal."""
        self._live.start()

    def add(self, epoch: int, logs: Mapping[str, Any], remark: str, best: bool) -> None:
        """An epoch is done."""
        values = told(logs)
        self._names = self._names or list(values)
        for name, value in values.items():
            if "loss" in name:
                self._curves.setdefault(name, []).append(value)
        self._seen = [*self._seen[-_MOST_ROWS:], (epoch, values)]
        if best:
            self._best = epoch, values
        marked = bool(remark) and not best and len(remark) <= _LONGEST_MARK
        self._marks = {
            **{e: mark for e, mark in self._marks.items() if e > epoch - _MOST_ROWS},
            **({epoch: remark} if marked else {}),
        }
        self._remark = "" if best or marked else remark

    def draw(self, done: int, batches: int, epoch: int, pieces: Sequence[str], left: str) -> None:
        """Draw everything anew.

        pieces: what is told of the epoch, the more important first. left: how long the run takes.
        """
        lines = self._lines() if self._table else []
        lines.append(self._progress(done, batches, epoch, pieces, left))
        self._live.update(Group(*lines), refresh=True)

    def end(self, words: str) -> None:
        """Leave the table as it is now, with a last line that says how it ended."""
        if self._table:
            lines = [*self._lines(), self._cut(Text(" " * self._indent + words))]
            self._live.update(Group(*lines))
        self._live.stop()
        if self._table and self._remark:  # a sentence, which may take more than a line
            self._console.print(Text(" " * self._indent + printable(self._remark)))

    @property
    def _width(self) -> int:
        # The last column stays free: some terminals go to the next line when it is written to.
        return max(self._console.width - 1, 1)

    @property
    def _indent(self) -> int:
        return _INDENT if self._width >= _ROOM_TO_INDENT else 0

    def _cut(self, line: Text) -> Text:
        line.no_wrap, line.overflow = True, "crop"
        line.truncate(self._width)
        return line

    def _lines(self) -> list[Text]:
        curves = [] if self._plain else self._sparks()
        room = self._console.height - 3 - len(curves)
        if not self._seen or room < 1:
            return []
        rows = self._seen[-min(_MOST_ROWS, max(room, 1), max(self._console.height // 2, 1)) :]
        if self._best is not None and self._best[0] < rows[0][0]:
            rows = [self._best, *(rows[1:] if len(rows) > 1 else rows)]
        columns = self._columns()
        first = max(5, len(str(rows[-1][0])))
        lines = [Text(" " * self._indent + "epoch".rjust(first), style="dim")]
        for name, width in columns:
            lines[0].append("  " + on_one_line(name)[:width].rjust(width))
        for epoch, values in rows:
            is_best = self._best is not None and epoch == self._best[0]
            line = Text(" " * self._indent + str(epoch).rjust(first))
            for name, width in columns:
                cell = number(values[name]) if name in values else ""
                line.append("  " + cell.rjust(width))
            mark = "best" if is_best else self._marks.get(epoch, "")
            line.append(f"  {printable(mark)}" if mark else "")
            line.style = "green" if is_best else ""
            lines.append(line)
        return [self._cut(line) for line in [*lines, *curves]]

    def _columns(self) -> list[tuple[str, int]]:
        """Those metrics that there is room for: losses before others, validation's first."""
        widths = {
            name: max(min(len(on_one_line(name)), _LONGEST_NAME), _NARROWEST)
            for name in self._names
        }
        room = self._width - self._indent - 5 - 6
        chosen: set[str] = set()
        order = sorted(
            self._names, key=lambda name: ("loss" not in name, not name.startswith("val_"))
        )
        for name in order:
            if room >= widths[name] + 2:
                room -= widths[name] + 2
                chosen.add(name)
        return [(name, widths[name]) for name in self._names if name in chosen]

    def _sparks(self) -> list[Text]:
        """A line for each loss, where there are epochs enough to see something."""
        lines = []
        longest = max(map(len, self._curves), default=0)
        for name, values in self._curves.items():
            room = self._width - self._indent - longest - 2 - 24
            if len(values) < 3 or room < 8 or self._console.height < 12:
                continue
            line = Text(" " * self._indent + on_one_line(name).ljust(longest) + "  ", style="dim")
            line.append(spark(values, min(room, 60)), style="cyan not dim")
            line.append(f"  {number(values[0])} to {number(values[-1])}")
            lines.append(line)
        return lines

    def _progress(
        self, done: int, batches: int, epoch: int, pieces: Sequence[str], left: str
    ) -> Text:
        """How far the epoch is; what has no room is left out, the least important first."""
        name = f"epoch {epoch}/{self._epochs}"
        room = self._width - self._indent - len(name)
        ends = [left] if left and len(left) + 2 <= room else []
        room -= sum(len(end) + 2 for end in ends)
        has_bar = self._width >= _ROOM_TO_INDENT and room > _SHORTEST_BAR
        room -= _SHORTEST_BAR + 1 if has_bar else 0
        kept: list[str] = []
        for piece in pieces:
            if len(piece) + 2 > room:
                break
            kept.append(piece)
            room -= len(piece) + 2
        line = Text(" " * self._indent + name)
        if has_bar:
            size = min(_SHORTEST_BAR + room, _LONGEST_BAR)
            full, empty = bar(done, batches, size, plain=self._plain)
            line.append(" ").append(full, style="magenta").append(empty, style="dim")
        line.append("".join(f"  {printable(piece)}" for piece in [*kept, *ends]))
        return self._cut(line)
