"""Runs side by side: a table as wide as the terminal, and below it what has no room in it."""

import shutil
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlcli.cli.options import say
from dlcli.folding import columns
from dlcli.printable import printable

if TYPE_CHECKING:
    from dlcli.pipeline.seen import Seen
    from dlcli.pipeline.settings import Setting

_ROOM = 80, 24
"""Columns and lines of what is no terminal."""
_LONGEST_NAME = 28
_LONGEST_VALUE = 16
_LONGEST_WORD = 20
_END_OF_A_NAME = 8
_MOST_TOLD = 10
_MOST_NAMED = 5
_MOST_TWICE = 20
"""So many runs stand in two tables on any terminal; more, where both are seen at once."""
_GAP = 2
_NARROWEST = 4
_SHOWN_ANYWAY = ("name", "training.epochs")
"""Settings that other columns of the table tell."""

Column = tuple[str, list[str]]


def show_list(runs: Sequence["Seen"], differ: Sequence["Setting"], asked: Sequence[str]) -> None:
    """Status, epochs and metrics of each run, and the settings that differ as far as they fit.

    Those that do not stand in a second table as wide as the first; what has no room there either,
    and all of them where there are very many runs, is named.
    asked: metrics that have their columns, whatever room there is.
    """
    if not runs:
        return
    size = shutil.get_terminal_size(_ROOM)
    now = time.time()
    name = "run", [_shortened(printable(run.name), max(_LONGEST_NAME, size.columns // 3))
                   for run in runs]  # fmt: skip
    age = "age", [told_age(run.started, now) for run in runs]
    first: list[Column] = [
        name,
        ("status", [run.status for run in runs]),
        ("epochs", [told_epochs(run) for run in runs]),
    ]
    left = size.columns + _GAP  # none behind the last one
    left -= sum(_width(column) for column in (*first, age))
    numbers = [2]
    for metric in _columns_of_metrics(runs, asked):
        cells = [told_number(run.metrics.get(metric)) for run in runs]
        column = _cut(printable(metric), _LONGEST_WORD), cells
        if _width(column) > left and metric not in asked:
            continue
        left -= _width(column)
        numbers.append(len(first))
        first.append(column)
    settings, rest = _fitting(_columns_of_settings(runs, differ), left)
    _print([*first, *settings, age], [*numbers, len(first) + len(settings)])
    notes = _troubles(runs)
    if rest and len(runs) <= max(_MOST_TWICE, size.lines // 2 - 4):
        more, rest = _fitting(rest, size.columns + _GAP - _width(name))
        say("")
        _print([name, *more], ())
    if rest:
        some = ", ".join(word for word, _ in rest[:_MOST_NAMED])
        others = len(rest) - _MOST_NAMED
        also = f" and {others} more" if others > 0 else ""
        notes.append(f"they differ in {some}{also}, too: see --csv or --json")
    if notes:
        say("")
    for line in notes:
        say(line)


def _print(columns: Sequence[Column], numbers: Sequence[int]) -> None:
    from dlcli.cli.shown import print_narrow

    rows = list(zip(*(cells for _, cells in columns), strict=True))
    print_narrow([word for word, _ in columns], rows, [None] * len(columns), numbers)


def _troubles(runs: Sequence["Seen"]) -> list[str]:
    """What is wrong with runs, or unusual."""
    troubled = [run for run in runs if run.problem and run.status != "foreign"]
    lines = [f"{run.name}: {run.problem}" for run in troubled[:_MOST_TOLD]]
    if len(troubled) > _MOST_TOLD:
        lines.append(f"... and {len(troubled) - _MOST_TOLD} more; --json has all")
    return lines


def _columns_of_metrics(runs: Sequence["Seen"], asked: Sequence[str]) -> list[str]:
    """Those that were asked for, then the loss and the first metric: of the validation part, where
    no run has one of the test part, else of training. Runs that have nothing of what is shown so
    far get one more column, of the next part: else nothing says how good they are."""
    known = {name for run in runs for name in run.metrics}
    usual = list[str]()
    for part in ("val_", "test_", ""):
        waiting = [run for run in runs if run.metrics.keys().isdisjoint(usual)]
        names = dict.fromkeys(n for run in waiting for n in run.metrics if _part(n) == part)
        loss = [name for name in names if name == f"{part}loss"]
        others = [name for name in names if name not in loss]
        usual += [*others, *loss][:1] if usual else [*loss, *others[:1]]
    return list(dict.fromkeys([*(name for name in asked if name in known), *usual]))


def _part(metric: str) -> str:
    """What a metric's name begins with, by the part that it is of; nothing of training."""
    return next((part for part in ("val_", "test_") if metric.startswith(part)), "")


def _columns_of_settings(runs: Sequence["Seen"], differ: Sequence["Setting"]) -> list[Column]:
    """Settings of many values first. Of what has no config that can be read, cells are empty."""
    from dlcli.pipeline.settings import ABSENT, short_names, told

    # Where a run of another task is among them they differ in nearly everything, but once.
    ranked = sorted(differ, key=lambda one: (ABSENT in one.values, -_count(one.values)))
    some = [one.name for one in ranked if one.name not in _SHOWN_ANYWAY]
    found = []
    for name, short in zip(some, short_names(some), strict=True):
        cells = [
            "" if run.settings is None
            else _cut(printable(told(run.settings.get(name, ABSENT))), _LONGEST_VALUE)
            for run in runs
        ]  # fmt: skip
        found.append((_cut(printable(short), _LONGEST_WORD), cells))
    return found


def _count(values: Sequence[Any]) -> int:
    """How many different ones there are; they need not be such that a set takes them."""
    return len({repr(value) for value in values})


def _fitting(these: Sequence[Column], room: int) -> tuple[list[Column], list[Column]]:
    """The columns that there is room for, and the others. A name that is hardly begun is none."""
    fitting: list[Column] = []
    others: list[Column] = []
    for column in these:
        fits = room >= _NARROWEST and _width(column) <= room
        (fitting if fits else others).append(column)
        room -= _width(column) if fits else 0
    return fitting, others


def _width(column: Column) -> int:
    word, cells = column
    return max(columns(text) for text in (word, *cells)) + _GAP


def _cut(text: str, most: int) -> str:
    from rich.cells import set_cell_size

    text = text.replace("\n", " ")
    return text if columns(text) <= most else set_cell_size(text, most - 1) + "…"


def _shortened(name: str, most: int) -> str:
    """A name with its end, where runs have their numbers.

    >>> _shortened("a-name-of-many-words-0001", 18), _shortened("short-0001", 18)
    ('a-name-of…rds-0001', 'short-0001')
    """
    if columns(name) <= most:
        return name
    end = name[-_END_OF_A_NAME:]
    return _cut(name, most - columns(end)) + end


def told_epochs(run: "Seen") -> str:
    """How many epochs a run has, of how many; or how many runs are in it."""
    if run.runs:
        return f"{len(run.runs)} runs"
    if run.epochs is None:
        return ""
    return f"{run.epochs}" if run.of is None else f"{run.epochs}/{run.of}"


def told_number(value: float | None) -> str:
    """A metric; nothing where there is none."""
    from dlcli.console import number

    return "" if value is None else number(value)


def told_age(started: float | None, now: float) -> str:
    """How long ago a run was begun, in one unit.

    >>> [told_age(0.0, seconds) for seconds in (-5, 59, 60, 7200, 200_000, 9e7)]
    ['0 s', '59 s', '1 min', '2 h', '2 d', '2 y']
    """
    if started is None:
        return ""
    seconds = max(0, int(now - started))
    for length, unit in ((31_557_600, "y"), (86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
