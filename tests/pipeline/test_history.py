"""What is better, when training stops, and which epochs are kept tensor by tensor."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.artifacts.history import Epoch, digest_of_tensors
from dlcli.artifacts.manifest import BY_TENSOR
from dlcli.config import Config
from dlcli.config.loading import parse_config
from dlcli.pipeline.history import History, Monitor, enter
from tests.exactness.runs import SMALL, changed


def config(stopping: dict[str, Any] | None) -> Config:
    text = json.dumps(changed(SMALL, training__early_stopping=stopping))
    return parse_config(text, "history").config


def told(monitor: Monitor, values: list[float]) -> tuple[list[bool], History]:
    """Whether each epoch of these values is the best so far, and the history behind them."""
    history = History()
    found = []
    for number, value in enumerate(values, start=1):
        found.append(monitor.enter(history, Epoch(number, number, {monitor.name: value}, "")))
        if history.stopped:
            break
    return found, history


def stopping(**options: Any) -> Monitor:
    return Monitor(
        config({"monitor": "val_loss", "patience": 99, **options}).training.early_stopping, True
    )


def test_lower_is_better_by_more_than_min_delta() -> None:
    found, history = told(stopping(min_delta=0.25), [1.0, 0.875, 0.75, 0.5, 0.75, 0.25, 0.125])
    assert found == [True, False, False, True, False, False, True]
    assert (history.best, history.best_epoch, history.waited) == (0.125, 7, 0)


def test_higher_is_better_by_more_than_min_delta() -> None:
    monitor = stopping(monitor="val_accuracy", mode="max", min_delta=0.25)
    found, history = told(monitor, [0.0, 0.125, 0.25, 0.5, 0.75, 0.25, 1.0])
    assert found == [True, False, False, True, False, False, True]
    assert (history.best, history.best_epoch, history.waited) == (1.0, 7, 0)


@pytest.mark.parametrize(("mode", "sign"), [("min", 1.0), ("max", -1.0)])
def test_the_same_again_is_not_better(mode: str, sign: float) -> None:
    monitor = stopping(monitor="val_accuracy" if mode == "max" else "val_loss", mode=mode)
    found, history = told(monitor, [sign * value for value in (3.0, 3.0, 2.0, 2.0, 2.5)])
    assert found == [True, False, True, False, False]
    assert (history.best_epoch, history.waited) == (3, 2)


@pytest.mark.parametrize(("patience", "epochs"), [(0, 3), (1, 3), (2, 4), (3, 5)])
def test_training_stops_after_so_many_epochs_in_a_row_that_were_not_better(
    patience: int, epochs: int
) -> None:
    found, history = told(stopping(patience=patience), [2.0, 1.0, 1.5, 1.5, 1.5, 1.5, 1.5])
    assert len(found) == len(history.epochs) == epochs
    assert history.stopped and history.waited == max(patience, 1)


def test_an_epoch_that_is_better_begins_the_wait_anew() -> None:
    _, history = told(stopping(patience=2), [3.0, 3.5, 2.0, 2.5, 1.0, 1.5])
    assert not history.stopped and (history.best_epoch, history.waited) == (5, 1)


def test_without_early_stopping_nothing_stops_and_the_loss_decides() -> None:
    for validates, name in ((True, "val_loss"), (False, "loss")):
        monitor = Monitor(config(None).training.early_stopping, validates)
        assert monitor.name == name
        found, history = told(monitor, [2.0, 1.0, 1.0, *[5.0] * 50, 0.5])
        assert found == [True, True, False, *[False] * 50, True]
        assert not history.stopped


@given(
    st.lists(st.integers(-8, 8), min_size=1, max_size=30),
    st.integers(0, 4),
    st.integers(0, 4),
    st.sampled_from(["min", "max"]),
)
def test_it_is_what_keras_does(values: list[int], patience: int, delta: int, mode: str) -> None:
    """Keras's EarlyStopping as its documentation and source have it, in whole numbers."""
    best, wait, expected = None, 0, []
    for value in values:
        if best is None:
            improved = True
        elif mode == "min":
            improved = value + delta < best
        else:
            improved = value - delta > best
        best, wait = (value, 0) if improved else (best, wait + 1)
        expected.append(improved)
        if wait >= max(patience, 1):
            break
    monitor = stopping(
        monitor="val_loss" if mode == "min" else "val_accuracy",
        mode=mode,
        patience=patience,
        min_delta=float(delta),
    )
    found, history = told(monitor, [float(value) for value in values])
    assert found == expected
    assert (history.best, history.waited) == (best, wait)
    assert history.stopped == (wait >= max(patience, 1))


def test_the_first_the_best_and_the_last_epochs_are_kept_by_tensor() -> None:
    monitor, history = stopping(), History()
    assert history.by_tensor() == []
    losses = [9.0, 8.0, 1.0, *[5.0] * 2 * BY_TENSOR]
    for number, loss in enumerate(losses, start=1):
        tensors = {"w": f"{number:064x}", "b": "0" * 64}
        better = enter(monitor, history, number, 10 * number, {"val_loss": loss}, tensors)
        assert better == (number <= 3)
        recent = range(max(1, number - BY_TENSOR + 1), number + 1)
        expected = sorted({1, min(number, 3), *recent})
        assert history.by_tensor() == expected == sorted(history.tensors)
        last = history.epochs[-1]
        assert (last.epoch, last.step, last.metrics) == (number, 10 * number, {"val_loss": loss})
        assert last.digest == digest_of_tensors(tensors)
        assert history.tensors[number] == tensors
