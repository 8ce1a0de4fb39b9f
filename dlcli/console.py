"""What a person sees on stderr: stages, a progress bar, tables.

On a terminal training draws a bar with loss, metric, rows per second and the time left; anywhere
else every epoch is one plain line, so that a CI log stays readable. Other long work gets a bar of
its own (`show`). No time is said to be left before there is evidence for it.
"""

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from dlcli.engine.metrics import Subjects
from dlcli.engine.training import EpochReport, StepReport
from dlcli.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_REDRAW_SECONDS = 0.1
_BIGGEST_MATRIX = 20
_ROOM_FOR_A_BAR = 70
_UNLIMITED = 10_000
_ENOUGH_SECONDS = 2.0
_ENOUGH_STEPS = 3
_LONGEST_NAME = 30


def number(value: float) -> str:
    """A metric for people: four decimals, or four digits where that would say nothing.

    >>> number(0.98765), number(0.00001234), number(12345.678)
    ('0.9877', '1.234e-05', '1.235e+04')
    """
    if value == 0 or 0.001 <= abs(value) < 1000:
        return f"{value:.4f}"
    return f"{value:.4g}" if 1000 <= abs(value) < 10_000 else f"{value:.3e}"


def _pairs(values: dict[str, Any]) -> str:
    """The loss and the first metric, of training and of validation; the rest is in the files."""
    numbers = {name: value for name, value in values.items() if isinstance(value, float)}
    training = [name for name in numbers if not name.startswith("val_")]
    validation = [name for name in numbers if name.startswith("val_")]
    shown = training[: 1 + ("loss" in numbers)] + validation[:2]
    return "  ".join(f"{name} {number(numbers[name])}" for name in shown)


class ConsoleReporter:
    """Draws what the pipeline reports."""

    is_drawing: ClassVar[bool] = False
    """Whether the bar of a training stands in the last line of the terminal."""

    def __init__(self, *, to_stdout: bool = False) -> None:
        self._console = _console(stderr=not to_stdout)
        self._bars = self._console.is_terminal
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._epochs = self._batches = 0
        self._pace = Pace(0)
        self._drawn = self._began = self._epoch_began = 0.0
        self._first_step = True
        self._skipped_rows = self._seen_rows = 0

    def stage(self, number: int, verb: str, text: str) -> None:
        line = Text()
        line.append(f"[{number}/5] ", style="dim")
        line.append(f"{verb:<9}", style="bold cyan")
        line.append(printable(text))
        self._console.print(line)

    def note(self, text: str) -> None:
        self._console.print(Text(f"      {printable(text)}", style="yellow"))

    def say(self, text: str) -> None:
        self._console.print(Text(f"      {printable(text)}"))

    def begin(self, epochs: int, batches: int, rows: int, steps: int | None = None) -> None:
        self._epochs, self._batches = epochs, batches
        self._pace = Pace(min(epochs * batches, steps or epochs * batches))
        self._began = self._epoch_began = time.perf_counter()
        if self._bars:
            self._progress = _progress(self._console, 13 + 2 * len(str(epochs)))
            self._progress.start()
            ConsoleReporter.is_drawing = True

    def step(self, report: StepReport) -> None:
        now = time.perf_counter()
        self._seen_rows = report.rows
        left = self._pace.left(now, (report.epoch - 1) * report.batches + report.batch)
        if self._first_step:
            # An epoch that was resumed in its middle has rows that were not done just now.
            self._first_step = False
            self._skipped_rows = report.rows - report.rows // max(report.batch, 1)
        if self._progress is None or (
            now - self._drawn < _REDRAW_SECONDS and report.batch < report.batches
        ):
            return
        self._drawn = now
        if self._task is None:
            name = f"epoch {report.epoch}/{self._epochs}"
            self._task = self._progress.add_task(name, total=self._batches, told="")
        elapsed = max(now - self._epoch_began, 1e-9)
        rate = max(report.rows - self._skipped_rows, 1) / elapsed
        told = f"loss {number(report.loss)}  {_pairs(report.values())}  {rate:,.0f} rows/s"
        if left is not None:
            told += f"  {_clock(left)} left"
        self._progress.update(
            self._task,
            completed=report.batch,
            description=f"epoch {report.epoch}/{self._epochs}",
            told=told,
        )
        self._progress.refresh()

    def epoch(self, report: EpochReport, remark: str) -> None:
        now = time.perf_counter()
        seconds = max(now - self._epoch_began, 1e-9)
        rate = max(self._seen_rows - self._skipped_rows, 1) / seconds
        self._epoch_began = now
        self._first_step, self._skipped_rows = True, 0
        line = Text(f"      epoch {report.epoch}/{self._epochs}  {_pairs(report.logs)}")
        speed = f"  {rate:,.0f} rows/s"
        words = f"  {remark}" if remark else ""
        if len(line) + len(speed) + len(words) <= self._console.width:
            line.append(speed, style="dim")
        line.append(words, style="green")
        self._console.print(line)
        if self._progress is not None and self._task is not None:
            self._progress.reset(self._task, completed=0, told="")

    def end(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = self._task = None
            ConsoleReporter.is_drawing = False

    def result(self, title: str, found: dict[str, Any], subjects: Subjects) -> None:
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
        self._print_indented(table)
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
                table.add_row(Text(_class_name(classes, index)), *(number(value) for value in row))
            self._print_indented(table)
        for name, value in metrics.items():
            if not isinstance(value, list) or not isinstance(value[0], list):
                continue
            if len(value) > _BIGGEST_MATRIX:
                continue
            what = name.replace("_", " ")
            if isinstance(value[0][0], list):  # one for each label: no and yes
                for label, matrix in enumerate(value):
                    of = f"{what} of label {_class_name(classes, label)}"
                    self._matrix(of, matrix, ("no", "yes"))
            else:
                self._matrix(what, value, classes)

    def _matrix(self, what: str, matrix: list[list[float]], names: Sequence[str] | None) -> None:
        title = f"      {what}: rows are true, columns predicted"
        self._console.print(Text(title, style="bold"))
        table = Table()
        table.add_column("")
        for index in range(len(matrix)):
            table.add_column(Text(_class_name(names, index)), justify="right")
        for index, row in enumerate(matrix):
            cells = [
                Text(
                    str(count) if isinstance(count, int) else number(count),
                    style="green" if index == column else "red" if count else "dim",
                )
                for column, count in enumerate(row)
            ]
            table.add_row(Text(_class_name(names, index), style="cyan"), *cells)
        self._print_indented(table)

    def _print_indented(self, table: Table) -> None:
        from rich.padding import Padding

        room = self._console.width - 6
        if Measurement.get(self._console, self._console.options, table).maximum > room:
            self.note("this table is wider than the terminal; --json has its numbers")
            return
        self._console.print(Padding(table, (0, 0, 0, 6), expand=False))


class Pace:
    """How long the rest of a training takes, as far as the steps of this process tell.

    The first step is no evidence: it pays for what is done once. Nor are the steps before a
    resume, which may have been done on another machine.

    steps: how many the training has in all.

    >>> pace = Pace(100)
    >>> pace.left(10.0, 40), pace.left(10.5, 49), pace.left(14.0, 60)
    (None, None, 8.0)
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._first: tuple[float, int] | None = None

    def left(self, now: float, step: int) -> float | None:
        """Seconds, or None where nobody can know yet; `step` of the steps are done."""
        if self._first is None:
            self._first = now, step
        seconds, done = now - self._first[0], step - self._first[1]
        if seconds < _ENOUGH_SECONDS or done < _ENOUGH_STEPS:
            return None
        return max(self._steps - step, 0) * seconds / done


def show(what: str, total: int | None, unit: str, began: float) -> "Bar | None":
    """A bar on the terminal; None where stderr is none, or is taken by the bar of a training. See
    `dlcli.progress`."""
    console = _console(stderr=True)
    if ConsoleReporter.is_drawing or not console.is_terminal:
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
        return f"{told}  {_clock((total - done) / rate)} left"

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


def _class_name(classes: Sequence[str] | None, index: int) -> str:
    known = classes is not None and index < len(classes)
    return printable(classes[index]) if classes is not None and known else str(index)


def _clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss.

    >>> _clock(7.4), _clock(75), _clock(3700)
    ('0:07', '1:15', '1:01:40')
    """
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    clock = f"{minutes}:{whole % 60:02d}"
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else clock


def _console(stderr: bool) -> Console:
    """A console on a stream as it is now; a pipe has no width, so nothing is cut off there."""
    console = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if console.is_terminal:
        return console
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=_UNLIMITED)


def print_table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 2
) -> None:
    """A table on stdout, as wide as it needs to be; behind `texts` columns, all hold numbers."""
    console = Console(file=sys.stdout, highlight=False, width=_UNLIMITED)
    words = Text(printable(title), style="bold")
    table = Table(title=words, title_justify="left")
    for index, word in enumerate(header):
        table.add_column(word, justify="left" if index < texts else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)
