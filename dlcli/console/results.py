"""Tables of what was found: metrics, classes, confusion matrices, and any rows on stdout."""

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dlcli.console.words import UNLIMITED, class_name, number
from dlcli.engine.metrics import Subjects
from dlcli.printable import printable

_BIGGEST_MATRIX = 20
_MOST_PAIRS = 10
_INDENT = 6


class Results:
    """Prints an evaluation. whole: where a matrix is in full, of which only a part is shown."""

    def __init__(self, console: Console, whole: str) -> None:
        self._console, self._whole = console, whole

    def show(self, title: str, found: dict[str, Any], subjects: Subjects) -> None:
        """All metrics of one part of the data."""
        metrics, positive, classes = found["metrics"], found.get("positive_class"), subjects.classes
        scalars = {k: v for k, v in metrics.items() if isinstance(v, int | float)}
        heading = Text(printable(title), style="bold")
        table = Table(title=heading, title_justify="left", show_header=False)
        table.add_column(style="cyan")
        table.add_column(justify="right")
        for name, value in scalars.items():
            of_one = positive is not None and name in subjects.positive
            table.add_row(
                Text(printable(f"{name} ({positive})" if of_one else name)), number(float(value))
            )
        self._print(table)
        per_class = {
            name.removesuffix("_per_class"): value
            for name, value in metrics.items()
            if isinstance(value, list) and not isinstance(value[0], list)
        }
        if per_class:
            table = Table(title="per class", title_justify="left", title_style="bold")
            table.add_column("class", style="cyan")
            for name in per_class:
                table.add_column(name, justify="right")
            for index, row in enumerate(zip(*per_class.values(), strict=True)):
                table.add_row(Text(class_name(classes, index)), *(number(value) for value in row))
            self._print(table)
        for name, value in metrics.items():
            if not isinstance(value, list) or not isinstance(value[0], list):
                continue
            what = name.replace("_", " ")
            if not isinstance(value[0][0], list):
                self._matrix(what, value, classes)
            elif len(value) > _BIGGEST_MATRIX:
                self._labels(what, value, classes)
            else:  # one for each label: no and yes
                for label, matrix in enumerate(value):
                    of = f"{what} of label {class_name(classes, label)}"
                    self._matrix(of, matrix, ("no", "yes"))

    def _matrix(self, what: str, matrix: list[list[float]], names: Sequence[str] | None) -> None:
        """The whole matrix, if it can be looked at; else what is in it off the diagonal."""
        table = Table()
        table.add_column("")
        for index in range(len(matrix)):
            table.add_column(Text(class_name(names, index)), justify="right")
        for index, row in enumerate(matrix):
            cells = [
                Text(
                    _count(count),
                    style="green" if index == column else "red" if count else "dim",
                )
                for column, count in enumerate(row)
            ]
            table.add_row(Text(class_name(names, index), style="cyan"), *cells)
        if len(matrix) > _BIGGEST_MATRIX or not self._fits(table):
            self._pairs(what, matrix, names)
            return
        self._say(f"{what}: rows are true, columns predicted", style="bold")
        self._print(table)

    def _pairs(self, what: str, matrix: list[list[float]], names: Sequence[str] | None) -> None:
        """The pairs of classes that were taken for each other most often."""
        found = [
            (count, sum(row), index, column)
            for index, row in enumerate(matrix)
            for column, count in enumerate(row)
            if index != column and count
        ]
        found.sort(key=lambda pair: (-pair[0], pair[2], pair[3]))
        shown = found[:_MOST_PAIRS]
        rows = [
            (class_name(names, true), class_name(names, wrong), _count(count), f"{count / of:.1%}")
            for count, of, true, wrong in shown
        ]
        self._say(f"{what} of {len(matrix)} classes: the most confused", style="bold")
        if rows:
            self._cut_table(("true", "predicted", "rows", "of true"), rows, 2)
        left = found[_MOST_PAIRS:]
        rest = _count(sum(pair[0] for pair in left))
        if not found:
            self._say(f"no row is confused; {self._whole} has the whole matrix")
        elif left:
            pairs = f"{len(left):,} more pair{'s' if len(left) > 1 else ''}"
            rows_left = f"{rest} row{'' if rest == '1' else 's'}"
            self._say(f"{pairs} ({rows_left}) left out; {self._whole} has the whole matrix")
        else:
            self._say(f"no other pair is confused; {self._whole} has the whole matrix")

    def _labels(
        self, what: str, matrices: list[list[list[float]]], names: Sequence[str] | None
    ) -> None:
        """The labels that were decided wrongly most often."""
        found = sorted(
            ((m[1][0] + m[0][1], m[1][0], m[0][1], label) for label, m in enumerate(matrices)),
            key=lambda one: (-one[0], one[3]),
        )
        rows = [
            (class_name(names, label), _count(missed), _count(false))
            for _, missed, false, label in found[:_MOST_PAIRS]
        ]
        self._say(f"{what} of {len(matrices)} labels: the most confused", style="bold")
        self._cut_table(("label", "missed", "false alarms"), rows, 1)
        left = f"{len(found) - len(rows):,} more labels left out"
        self._say(f"{left}; {self._whole} has all matrices")

    def _cut_table(self, header: Sequence[str], rows: Sequence[Sequence[str]], names: int) -> None:
        """A table whose first columns are names, which are cut where there is no room."""
        numbers = sum(
            max(len(word), *(len(row[place]) for row in rows)) + 3
            for place, word in enumerate(header)
            if place >= names
        )
        room = (self._console.width - _INDENT - numbers - 2) // names - 3
        table = Table()
        for place, word in enumerate(header):
            is_name = place < names
            table.add_column(
                word,
                justify="left" if is_name else "right",
                style="cyan" if is_name else "",
                no_wrap=True,
                overflow="ellipsis",
                max_width=max(room, 4) if is_name else None,
            )
        for row in rows:
            table.add_row(*(Text(cell.replace("\n", " ")) for cell in row))
        self._print(table)

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(" " * _INDENT + text, style=style))

    def _fits(self, table: Table) -> bool:
        room = self._console.width - _INDENT
        return Measurement.get(self._console, self._console.options, table).maximum <= room

    def _print(self, table: Table) -> None:
        if not self._fits(table):
            text = "this table is wider than the terminal; --json has its numbers"
            self._say(text, style="yellow")
            return
        self._console.print(Padding(table, (0, 0, 0, _INDENT), expand=False))


def _count(count: float) -> str:
    return str(count) if isinstance(count, int) else number(count)


def print_table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 2
) -> None:
    """A table on stdout, as wide as it needs to be; behind `texts` columns, all hold numbers."""
    console = Console(file=sys.stdout, highlight=False, width=UNLIMITED)
    words = Text(printable(title), style="bold")
    table = Table(title=words, title_justify="left")
    for index, word in enumerate(header):
        table.add_column(word, justify="left" if index < texts else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)
