"""Bars of long work that is no training, and who has the last lines of the terminal."""

import contextlib
import os
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from dlcli.console.words import can_draw, clock, console_on
from dlcli.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress

_REDRAW_SECONDS = 0.1
_ROOM_FOR_A_BAR = 70
_LONGEST_NAME = 30


class Taken:
    """Whether something live stands in the last lines of the terminal."""

    now = False


def give_back() -> None:
    """Make the cursor visible again where the process is about to end within its live lines."""
    if Taken.now:
        with contextlib.suppress(OSError):
            os.write(2, b"\n\x1b[?25h")


def show(what: str, total: int | None, unit: str, began: float) -> "Bar | None":
    """A bar on the terminal; None where stderr is none, or is taken by a training. See
    `dlcli.progress`."""
    console = console_on(stderr=True)
    if Taken.now or not can_draw(console):
        return None
    return Bar(console, what, total, unit, began)


class Bar:
    """How far one piece of work is: a bar, how much of how much, how fast, how long still."""

    def __init__(
        self, console: Console, what: str, total: int | None, unit: str, began: float
    ) -> None:
        self._total, self._unit, self._began, self._drawn = total, unit, began, 0.0
        self._progress = _progress(console, 0)
        self._task = self._progress.add_task(escape(_short(what)), total=total, told="")
        self._progress.start()

    def at(self, done: int) -> None:
        now = time.perf_counter()
        if now - self._drawn < _REDRAW_SECONDS:
            return
        self._drawn = now
        self._progress.update(self._task, completed=done, told=self._told(done, now - self._began))
        self._progress.refresh()

    def _told(self, done: int, seconds: float) -> str:
        rate = done / max(seconds, 1e-9)
        total = self._total
        of = "" if total is None else f"/{self._amount(total)}"
        told = f"{self._amount(done)}{of} {self._name}  {self._amount(rate)} {self._name}/s"
        if total is None or not 0 < done <= total:
            return told
        return f"{told}  {clock((total - done) / rate)} left"

    @property
    def _name(self) -> str:
        return "MB" if self._unit == "bytes" else self._unit

    def _amount(self, count: float) -> str:
        return f"{count / 1e6:,.1f}" if self._unit == "bytes" else f"{count:,.0f}"

    def end(self) -> None:
        self._progress.stop()


def _short(what: str) -> str:
    """The name of a piece of work with room for numbers behind it: of a path the end is kept.

    >>> _short("read /a/long/way/from/home/to/rows.csv")
    'read .../from/home/to/rows.csv'
    """
    text = printable(what)
    if len(text) <= _LONGEST_NAME:
        return text
    verb, _, rest = text.partition(" ")
    tail = rest[-(_LONGEST_NAME - len(verb) - 4) :]
    return f"{verb} ...{tail}"


def _progress(console: Console, width: int) -> "Progress":
    """A line that is drawn again and again and leaves nothing behind: a name, a bar, numbers."""
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    # The numbers are worth more than the bar where there is no room for both.
    bar = [BarColumn(bar_width=28)] if console.width >= _ROOM_FOR_A_BAR else []
    return Progress(
        TextColumn("      {task.description}", table_column=Column(no_wrap=True, min_width=width)),
        *bar,
        TextColumn("{task.fields[told]}", table_column=Column(no_wrap=True)),
        console=console,
        transient=True,
        auto_refresh=False,
    )
