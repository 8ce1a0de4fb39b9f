"""When a checkpoint is due: after so many steps, so many epochs, or so much time."""

import json
from typing import Any

import pytest

from dlcli.config.loading import parse_config
from dlcli.pipeline import train
from dlcli.pipeline.train import CheckpointSchedule
from tests.exactness.runs import SMALL, changed


class Clock:
    """Goes on when it is told to, and not by itself."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(train, "time", clock)
    return clock


def cadence(**options: Any) -> CheckpointSchedule:
    options = {"every_epochs": None, "every_steps": None, "every_seconds": None} | options
    text = json.dumps(changed(SMALL, training__checkpoint=options))
    return CheckpointSchedule(parse_config(text, "cadence").config)


def due(times: int, ask: Any, saved: Any) -> list[int]:
    """The numbers of the calls after which one is due; each is saved."""
    found = []
    for number in range(1, times + 1):
        if ask():
            found.append(number)
            saved()
    return found


@pytest.mark.parametrize(("every", "expected"), [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6]), (8, [])])
def test_every_so_many_steps(every: int, expected: list[int], clock: Clock) -> None:
    wanted = cadence(every_steps=every)
    assert due(7, wanted.step, wanted.saved) == expected
    assert not any(wanted.epoch() for _ in range(20))


@pytest.mark.parametrize(("every", "expected"), [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6]), (8, [])])
def test_every_so_many_epochs(every: int, expected: list[int], clock: Clock) -> None:
    wanted = cadence(every_epochs=every)
    assert due(7, wanted.epoch, wanted.saved) == expected
    assert not any(wanted.step() for _ in range(20))


def test_every_so_many_seconds_since_the_last_one(clock: Clock) -> None:
    wanted = cadence(every_seconds=10)
    found = []
    for second in (1, 9.5, 10, 10.5, 19.5, 20, 24, 35, 44, 45):
        clock.now = 1000.0 + second
        if wanted.step():
            found.append(second)
            wanted.saved()
    assert found == [10, 20, 35, 45]
    assert not wanted.epoch()


def test_what_is_due_stays_due_until_it_is_saved(clock: Clock) -> None:
    steps, epochs, seconds = (
        cadence(every_steps=2),
        cadence(every_epochs=2),
        cadence(every_seconds=3),
    )
    assert [steps.step() for _ in range(4)] == [False, True, True, True]
    assert [epochs.epoch() for _ in range(4)] == [False, True, True, True]
    clock.now += 4
    assert [seconds.step() for _ in range(2)] == [True, True]
    for wanted in (steps, epochs, seconds):
        wanted.saved()
        assert not wanted.step() and not wanted.epoch()


def test_whichever_comes_first_counts_and_all_begin_anew(clock: Clock) -> None:
    wanted = cadence(every_steps=5, every_epochs=2, every_seconds=100)
    assert [wanted.step() for _ in range(4)] == [False] * 4
    assert not wanted.epoch()
    clock.now += 100
    assert wanted.step()
    wanted.saved()
    assert [wanted.step() for _ in range(4)] == [False] * 4
    assert [wanted.epoch(), wanted.epoch()] == [False, True]
    wanted.saved()
    assert [wanted.step() for _ in range(5)] == [False] * 4 + [True]


def test_without_any_nothing_is_ever_due(clock: Clock) -> None:
    wanted = cadence()
    clock.now += 1e9
    assert not any(wanted.step() or wanted.epoch() for _ in range(1000))
