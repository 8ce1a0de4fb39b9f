"""Bars of long work, and when a training says how much time is left; the clocks here are wound by
hand."""

import io
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dlcli import progress
from dlcli.console import Bar, ConsoleReporter, Pace, bars, reporter, show


class Clock:
    """What the time is: `now`, until somebody turns it on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (progress, bars, reporter):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=clock))
    return clock


class Shown:
    """Keeps what is shown."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def __call__(self, what: str, total: int | None, unit: str, began: float) -> "Shown":
        self.told.append((what, total, unit, began))
        return self

    def at(self, done: int) -> None:
        self.told.append(done)

    def end(self) -> None:
        self.told.append("end")


def test_work_of_a_moment_shows_nothing(clock: Clock) -> None:
    shown = Shown()
    with progress.shown_by(shown), progress.work("read a.csv", 10) as at:
        for done in range(11):
            clock.now += progress.PATIENCE / 11.5
            at(done)
    assert shown.told == []


def test_long_work_is_shown_from_the_moment_that_a_person_wonders(clock: Clock) -> None:
    shown = Shown()
    with progress.shown_by(shown), progress.work("read a.csv", 10, "bytes") as at:
        at(1)
        clock.now += 1.5
        at(2)
        clock.now += 1.0
        at(3)
        at(4)
    assert shown.told == [("read a.csv", 10, "bytes", 100.0), 3, 4, "end"]


def test_what_is_hidden_stays_hidden_until_the_block_ends(clock: Clock) -> None:
    shown, told = Shown(), list[str]()
    with progress.shown_by(shown, told.append):
        progress.hide()
        progress.tell("fetching")
        with progress.work("read a.csv", 10) as at:
            clock.now += 9
            at(1)
    assert shown.told == told == []
    with progress.shown_by(shown, told.append):
        progress.tell("fetching")
    assert told == ["fetching"]


def test_work_inside_work_is_part_of_it(clock: Clock) -> None:
    shown = Shown()
    with progress.shown_by(shown), progress.work("outside") as outside:
        with progress.work("inside") as inside:
            clock.now += 9
            inside(5)
        assert shown.told == []
        outside(1)
    assert shown.told == [("outside", None, "rows", 100.0), 1, "end"]
    with progress.shown_by(shown), progress.work("another") as at:
        clock.now += 9
        at(1)
    assert shown.told[3][0] == "another"


def test_a_bar_goes_away_when_work_fails(clock: Clock) -> None:
    shown = Shown()
    with pytest.raises(ZeroDivisionError), progress.shown_by(shown), progress.work("x") as at:
        clock.now += 9
        at(1)
        raise ZeroDivisionError
    assert shown.told[-1] == "end"
    with progress.work("nobody looks") as at:
        at(1)


def test_nothing_is_shown_where_there_is_no_terminal(clock: Clock) -> None:
    assert show("read a.csv", 10, "rows", 0.0) is None


class Tty(io.StringIO):
    """A terminal that keeps all that it was told."""

    def isatty(self) -> bool:
        return True


def terminal(columns: int = 80) -> Console:
    return Console(
        file=Tty(), force_terminal=True, width=columns, legacy_windows=False,
        color_system=None,
    )  # fmt: skip


def lines(console: Console) -> list[str]:
    """What was drawn, one after the other."""
    assert isinstance(console.file, io.StringIO)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    return [line.rstrip() for line in re.split(r"[\r\n]+", plain) if line.strip()]


@pytest.mark.parametrize(
    ("total", "unit", "expected"),
    [
        (40_000_000, "bytes", "10.0/40.0 MB  2.0 MB/s  0:15 left"),
        (40_000_000, "rows", "10,000,000/40,000,000 rows  2,000,000 rows/s  0:15 left"),
        (None, "bytes", "10.0 MB  2.0 MB/s"),
        (9_000_000, "bytes", "10.0/9.0 MB  2.0 MB/s"),  # it grew: nobody knows what is left
    ],
)
def test_a_bar_says_how_far_it_is(
    total: int | None, unit: str, expected: str, clock: Clock
) -> None:
    screen = terminal(120)
    bar = Bar(screen, "read [bold]\x1b[31ma.csv", total, unit, clock.now)
    clock.now += 5
    bar.at(10_000_000)
    bar.at(10_000_001)  # too soon to be drawn again
    bar.end()
    drawn = [line for line in lines(screen) if expected in line]
    assert drawn and all(line.endswith(expected) for line in drawn)
    assert "read [bold]\\x1b[31ma.csv" in drawn[0]
    assert all(len(line) <= 120 for line in lines(screen))


def test_a_bar_fits_eighty_columns(clock: Clock) -> None:
    screen = terminal()
    bar = Bar(screen, "read " + "a_long_name_" * 9 + ".csv", 123_456_789, "bytes", clock.now)
    clock.now += 5
    bar.at(77_000_000)
    bar.end()
    assert any("0:03 left" in line for line in lines(screen))
    assert all(len(line) <= 80 for line in lines(screen))


def report(epoch: int, batch: int, batches: int) -> Any:
    return SimpleNamespace(
        epoch=epoch, batch=batch, batches=batches, rows=batch * 10, loss=0.5, values=dict
    )


@pytest.fixture
def watch(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[ConsoleReporter, Console]]:
    screen = terminal(100)
    for module in (bars, reporter):
        monkeypatch.setattr(module, "console_on", lambda stderr: screen)
    watch = ConsoleReporter()
    yield watch, screen
    watch.end()


def left(screen: Console) -> list[str]:
    """The times that the bars said were left, as they were drawn; "" where none was said."""
    found = []
    for line in lines(screen):
        if "rows/s" in line and "━" in line:
            match = re.search(r"(\S+) left", line)
            found.append(match[1] if match else "")
    return found


def test_no_time_is_said_to_be_left_before_there_is_evidence(
    watch: tuple[ConsoleReporter, Console], clock: Clock
) -> None:
    """The first step takes 30 seconds here, and every other one a second."""
    watching, screen = watch
    watching.begin(2, 50, 500)
    clock.now += 30
    for batch in range(1, 6):
        watching.step(report(1, batch, 50))
        clock.now += 1
    # After 0 to 4 seconds and 0 to 4 steps more than the first; three steps are evidence.
    assert list(dict.fromkeys(left(screen))) == ["", "1:36", "1:35"]


def test_a_training_is_not_drawn_over(watch: tuple[ConsoleReporter, Console], clock: Clock) -> None:
    watching, _ = watch
    watching.begin(2, 50, 500)
    assert show("digest a.npy", 10, "bytes", clock.now) is None
    watching.end()
    bar = show("digest a.npy", 10, "bytes", clock.now)
    assert bar is not None
    bar.end()


def test_the_steps_before_a_resume_are_no_evidence(
    watch: tuple[ConsoleReporter, Console], clock: Clock
) -> None:
    watching, screen = watch
    watching.begin(10, 50, 500)
    for batch in range(40, 46):  # of the ninth epoch
        watching.step(report(9, batch, 50))
        clock.now += 2
    assert list(dict.fromkeys(left(screen))) == ["", "1:54", "1:52", "1:50"]


def test_a_limit_of_steps_is_what_is_left(
    watch: tuple[ConsoleReporter, Console], clock: Clock
) -> None:
    watching, screen = watch
    watching.begin(1000, 50, 500, 20)
    for batch in range(1, 21):
        watching.step(report(1, batch, 50))
        clock.now += 1
    assert left(screen)[-1] == "0:00" and "0:10" in left(screen)


def test_what_comes_between_epochs_counts(
    watch: tuple[ConsoleReporter, Console], clock: Clock
) -> None:
    """Ten steps of a second each, then ten seconds of validation: five epochs take 100 seconds."""
    watching, screen = watch
    watching.begin(5, 10, 100)
    for epoch in (1, 2):
        for batch in range(1, 11):
            clock.now += 1
            watching.step(report(epoch, batch, 10))
        clock.now += 10
        watching.epoch(SimpleNamespace(epoch=epoch, logs={"loss": 0.5}), "")  # type: ignore[arg-type]
    for batch in range(1, 11):
        clock.now += 1
        watching.step(report(3, batch, 10))
    assert left(screen)[-1] == "0:33"  # 49 seconds for 29 steps, and 20 steps are left


@given(st.integers(1, 10**6), st.floats(0.001, 100.0), st.data())
def test_a_steady_pace_is_foretold(steps: int, seconds: float, data: st.DataObject) -> None:
    pace = Pace(steps)
    begun = data.draw(st.integers(0, steps))
    assert pace.left(5.0, begun) is None
    now = data.draw(st.integers(begun, steps))
    found = pace.left(5.0 + seconds * (now - begun), now)
    if found is None:
        assert now - begun < 3 or seconds * (now - begun) < 2.1
    else:
        assert np.isclose(found, seconds * (steps - now), rtol=1e-6, atol=1e-6)
