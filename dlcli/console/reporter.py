"""What a person sees on stderr of the five stages.

On a terminal training draws a live table (see live.py) with curves, a bar and the time left;
anywhere else every epoch is one plain line, so that a CI log stays readable.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from dlcli.console.bars import Taken
from dlcli.console.live import View
from dlcli.console.pace import Pace
from dlcli.console.results import Results
from dlcli.console.words import can_draw, clock, console_on, number, pairs
from dlcli.engine.metrics import Subjects
from dlcli.engine.training import EpochReport, StepReport
from dlcli.folding import folded
from dlcli.printable import printable

_REDRAW_SECONDS = 0.1


class ConsoleReporter:
    """Draws what the pipeline reports.

    verbose: every epoch has its line on a terminal, too, and there is no table.
    """

    def __init__(self, *, to_stdout: bool = False, verbose: bool = False) -> None:
        self._console = console_on(stderr=not to_stdout)
        self._results = Results(
            self._console, "--json" if to_stdout else "evaluation.json in the run"
        )
        self._draws, self._verbose = can_draw(self._console), verbose
        self._view: View | None = None
        self._epochs = self._done = self._best = 0
        self._pace = Pace(0)
        self._drawn = self._began = self._epoch_began = 0.0
        self._first_step = True
        self._skipped_rows = self._seen_rows = 0

    def stage(self, number: int, verb: str, text: str) -> None:
        head = f"[{number}/5] {verb:<9}"
        line = Text(self._folded(f"{head}{printable(text)}", " " * len(head)))
        line.stylize("dim", 0, 6)
        line.stylize("bold cyan", 6, len(head))
        self._console.print(line)

    def note(self, text: str) -> None:
        self._console.print(Text(self._folded(f"      {printable(text)}"), style="yellow"))

    def say(self, text: str) -> None:
        self._console.print(Text(self._folded(f"      {printable(text)}")))

    def _folded(self, text: str, margin: str = "") -> str:
        return folded(text, self._console.width, margin)

    def begin(
        self,
        epochs: int,
        batches: int,
        rows: int,
        steps: int | None = None,
        past: Sequence[tuple[Mapping[str, Any], bool]] = (),
    ) -> None:
        self._epochs, self._done, self._best = epochs, len(past), 0
        self._pace = Pace(min(epochs * batches, steps or epochs * batches))
        self._began = self._epoch_began = time.perf_counter()
        if not self._draws:
            return
        self._view = View(self._console, epochs, table=not self._verbose)
        for epoch, (logs, best) in enumerate(past, 1):
            self._view.add(epoch, logs, "", best)
            self._best = epoch if best else self._best
        self._view.start()
        Taken.now = True

    def step(self, report: StepReport) -> None:
        now = time.perf_counter()
        self._seen_rows = report.rows
        left = self._pace.left(now, (report.epoch - 1) * report.batches + report.batch)
        if self._first_step:
            # An epoch that was resumed in its middle has rows that were not done just now.
            self._first_step = False
            self._skipped_rows = report.rows - report.rows // max(report.batch, 1)
        if self._view is None or now - self._drawn < _REDRAW_SECONDS:
            return
        self._drawn = now
        rate = max(report.rows - self._skipped_rows, 1) / max(now - self._epoch_began, 1e-9)
        pieces = [f"loss {number(report.loss)}", pairs(report.values()), f"{rate:,.0f} rows/s"]
        self._view.draw(
            report.batch,
            report.batches,
            report.epoch,
            [piece for piece in pieces if piece],
            "" if left is None else f"{clock(left)} left",
        )

    def epoch(self, report: EpochReport, remark: str, best: bool = False) -> None:
        now = time.perf_counter()
        seconds = max(now - self._epoch_began, 1e-9)
        rate = max(self._seen_rows - self._skipped_rows, 1) / seconds
        self._epoch_began = now
        self._first_step, self._skipped_rows = True, 0
        self._done, self._best = report.epoch, report.epoch if best else self._best
        if self._view is not None:
            self._view.add(report.epoch, report.logs, remark, best)
        if self._view is not None and not self._verbose:
            return
        line = Text(f"      epoch {report.epoch}/{self._epochs}  {pairs(report.logs)}")
        speed = f"  {rate:,.0f} rows/s"
        words = f"  {remark}" if remark else ""
        if len(line) + len(speed) + len(words) <= self._console.width:
            line.append(speed, style="dim")
        line.append(words, style="green")
        self._console.print(line)

    def end(self) -> None:
        if self._view is None:
            return
        of = f"{self._done} of {self._epochs}" if self._done < self._epochs else f"{self._done}"
        words = f"{of} epoch{'s' if self._epochs != 1 else ''}"
        words += f" in {clock(time.perf_counter() - self._began)}"
        if self._best:
            words += f", the best: {self._best}"
        self._view.end(words)
        self._view, Taken.now = None, False

    def result(self, title: str, found: dict[str, Any], subjects: Subjects) -> None:
        self._results.show(title, found, subjects)
