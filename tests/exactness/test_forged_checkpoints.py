"""A checkpoint whose digests are right but whose contents were put together by hand: code 4."""

import json
import shutil
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.artifacts.checkpoint import Checkpoint
from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.digests import to_hex
from dlcli.artifacts.history import Epoch
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.errors import ArtifactError
from dlcli.pipeline.interruption import Interrupted
from tests.exactness.runs import (
    SMALL,
    assert_same,
    changed,
    content,
    resume,
    stop_after,
    train,
    write,
)

CONFIG = changed(
    SMALL,
    evaluation={"metrics": ["accuracy", "confusion_matrix", "f1"]},
    training={"epochs": 6, "batch_size": 8, "shard_size": 4, "checkpoint": {"every_steps": 1}},
)
IN_AN_EPOCH, AT_AN_END = 10, 8
"""Reports until a stop: three steps and an epoch's end make four."""


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    return content(train(write(folder, CONFIG), folder / "runs"))


@pytest.fixture(params=[IN_AN_EPOCH, AT_AN_END], ids=["in an epoch", "at an end"])
def stopped(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with pytest.raises(Interrupted):
        train(write(tmp_path, CONFIG), tmp_path / "runs", stop=stop_after(request.param))
    return tmp_path / "runs" / "small-0001"


State = dict[str, Any]


def _put(key: str, value: Any) -> Callable[[State], Any]:
    return lambda state: state.update({key: value})


STATES: dict[str, Callable[[State], Any]] = {
    **{
        f"{key} {value!r}": _put(key, value)
        for key in ("step", "epoch", "batch")
        for value in (-1, 0.5, 2.0, True, None, "1", 10**12, [1], 99)
    },
    **{f"loss_sum {value!r}": _put("loss_sum", value) for value in (1, None, "nan", "inf", "0x")},
    "another step": lambda state: state.update(step=state["step"] + 1),
    "another epoch": lambda state: state.update(epoch=state["epoch"] + 1),
    "a batch too many": lambda state: state.update(batch=state["batch"] + 1),
    "no step": lambda state: state.pop("step"),
    "another key": _put("rows", 3),
}


def _forge(run: Path, change: Callable[[Checkpoint, list[Epoch]], tuple[Checkpoint, Any]]) -> None:
    """Other contents under digests that belong to them."""
    directory = RunDirectory(run)
    store = Checkpoints(directory)
    last = store.load()
    assert last is not None
    checkpoint, history = change(last, store.history())
    shutil.rmtree(run / "checkpoints")
    again = Checkpoints(directory)
    again.save(checkpoint, checkpoint, history)


def _refused(run: Path, words: str = "does not belong to this config") -> None:
    before = content(run)
    with pytest.raises(ArtifactError, match=words):
        resume(run)
    after = content(run)
    assert before.keys() == after.keys()


@pytest.mark.parametrize("name", STATES)
def test_a_forged_state_is_refused(name: str, stopped: Path) -> None:
    def change(last: Checkpoint, history: list[Epoch]) -> tuple[Checkpoint, list[Epoch]]:
        state = json.loads(json.dumps(dict(last.state)))
        STATES[name](state)
        assert json.dumps(state) != json.dumps(dict(last.state)) or state == last.state
        return Checkpoint(last.parameters, last.optimizer, state, last.counts), history

    before = Checkpoints(RunDirectory(stopped)).load()
    _forge(stopped, change)
    now = Checkpoints(RunDirectory(stopped)).load()
    assert before is not None and now is not None
    if json.dumps(dict(before.state)) == json.dumps(dict(now.state)):
        return  # this is what it was
    _refused(stopped)


def _equal(one: Any, other: Any) -> bool:
    return bool(one.dtype == other.dtype and one.shape == other.shape and (one == other).all())


def test_forged_arrays_are_refused(stopped: Path, tmp_path: Path) -> None:
    last = Checkpoints(RunDirectory(stopped)).load()
    assert last is not None
    number = 0
    for group in ("parameters", "optimizer", "counts"):
        arrays = last.optimizer["m"] if group == "optimizer" else getattr(last, group)
        for name, array in arrays.items():
            forged = [array.reshape(-1)[:1], array[np.newaxis], array.astype(np.float16), None]
            if group == "parameters":
                forged += [np.full_like(array, np.nan)]
            if group == "counts":
                forged += [array + 1 if name == "digests" else array - 1]
            if array.dtype.kind == "i":
                forged += [array.astype(np.float64)]
            for other in forged:
                if other is not None and _equal(other, array):  # the bias of one unit, say
                    continue
                number += 1
                run = tmp_path / f"copy{number}" / "small-0001"
                shutil.copytree(stopped, run)
                new = {**arrays, name: other} if other is not None else dict(arrays)
                if other is None:
                    del new[name]

                def change(
                    found: Checkpoint,
                    history: list[Epoch],
                    new: dict[str, Any] = new,
                    group: str = group,
                ) -> tuple[Checkpoint, list[Epoch]]:
                    parts = {
                        "parameters": found.parameters,
                        "optimizer": found.optimizer,
                        "counts": found.counts,
                    }
                    parts[group] = {**found.optimizer, "m": new} if group == "optimizer" else new
                    return (
                        Checkpoint(
                            parts["parameters"], parts["optimizer"], found.state, parts["counts"]
                        ),
                        history,
                    )

                _forge(run, change)
                shutil.copy(tmp_path / "small.csv", run.parent)
                _refused(run)


HISTORIES: dict[str, Callable[[list[Epoch]], list[Epoch]]] = {
    "one epoch less": lambda history: history[:-1],
    "none": lambda history: [],
    "other metrics": lambda history: [
        Epoch(e.epoch, e.step, {"loss": 0.5}, e.digest) for e in history
    ],
    "another step": lambda history: [
        Epoch(e.epoch, e.step + 1, e.metrics, e.digest) for e in history
    ],
    "another digest": lambda history: [
        Epoch(e.epoch, e.step, e.metrics, "0" * 64) for e in history
    ],
    "a metric that is a text": lambda history: [
        Epoch(e.epoch, e.step, {**e.metrics, "val_loss": [1.0]}, e.digest) for e in history
    ],
}


GROUPS = ("parameters", "m", "v", "counts")
"""The optimizer's vectors have a name each."""


HOW = ("missing", "added", "renamed")


def _otherwise(named: dict[str, Any], how: str) -> None:
    name = sorted(named)[-1]  # of the counts a tally, not the digests
    named["another"] = named[name]
    if how != "added":
        del named[name]
    if how == "missing":
        del named["another"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("group", GROUPS)
def test_arrays_of_other_names_are_called_that(group: str, how: str, stopped: Path) -> None:
    def change(last: Checkpoint, history: list[Epoch]) -> tuple[Checkpoint, list[Epoch]]:
        groups: dict[str, dict[str, Any]] = {
            "parameters": dict(last.parameters),
            "counts": dict(last.counts),
            **{vector: dict(last.optimizer[vector]) for vector in ("m", "v")},
        }
        _otherwise(groups[group], how)
        optimizer = {vector: groups[vector] for vector in ("m", "v")}
        return (
            Checkpoint(groups["parameters"], optimizer, last.state, groups["counts"]),
            history,
        )

    _forge(stopped, change)
    _refused(stopped, r"does not belong to this config \(it has arrays of other names\)")


@pytest.mark.parametrize("how", HOW)
def test_other_vectors_of_the_optimizer_are_called_that(how: str, stopped: Path) -> None:
    def change(last: Checkpoint, history: list[Epoch]) -> tuple[Checkpoint, list[Epoch]]:
        optimizer = dict(last.optimizer)
        _otherwise(optimizer, how)
        return Checkpoint(last.parameters, optimizer, last.state, last.counts), history

    _forge(stopped, change)
    _refused(stopped, r"\(it has other vectors of the optimizer\)")


NUMBERS = changed(
    CONFIG,
    data__source={"type": "csv", "path": "small.csv", "target": "b", "features": ["a"]},
    model={"layers": [{"type": "dense", "units": 1}]},
    loss={"type": "mean_squared_error"},
    evaluation={"metrics": ["r2", "mean_absolute_error"]},
)
"""Its tallies are sums of float64, where those of classes are counts."""


@pytest.mark.parametrize("at_an_end", [False, True], ids=["in an epoch", "at an end"])
@pytest.mark.parametrize("config", [CONFIG, NUMBERS], ids=["counts", "sums"])
def test_sums_that_an_epoch_so_far_cannot_have_are_refused(
    config: dict[str, Any], at_an_end: bool, tmp_path: Path
) -> None:
    """Behind an epoch's end there are no rows yet, so every sum is 0."""
    stop = stop_after(AT_AN_END if at_an_end else IN_AN_EPOCH)
    with pytest.raises(Interrupted):
        train(write(tmp_path, config), tmp_path / "runs", stop=stop)
    stopped = tmp_path / "runs" / "small-0001"
    last = Checkpoints(RunDirectory(stopped)).load()
    assert last is not None and (last.state["batch"] == 0) == at_an_end
    tallies = {name: array for name, array in last.counts.items() if name != "digests"}
    floats = {name for name, array in tallies.items() if array.dtype.kind == "f"}
    assert bool(floats) == (config is NUMBERS)
    forged: list[tuple[str, Any, str]] = [
        ("loss_sum", to_hex(value), "an impossible sum of losses")
        for value in (0.5, -0.5, 5e-324, float("nan"), float("inf"))
        if at_an_end or not isfinite(value)
    ]
    for name, array in tallies.items():
        less, more, broken = array.copy(), array.copy(), array.astype(np.float64)
        less.reshape(-1)[-1], more.reshape(-1)[-1], broken.reshape(-1)[-1] = -1, 1, np.nan
        others = [less, array - 1]
        if name in floats:
            others = [broken, array * np.nan, array + np.inf]
        if at_an_end:
            assert not array.any()
            others += [array + 1, more]
        forged += [(name, other, "wrong counts") for other in others]
    for number, (name, other, words) in enumerate(forged):
        run = Path(shutil.copytree(stopped, tmp_path / str(number) / "small-0001"))

        def change(
            last: Checkpoint, history: list[Epoch], name: str = name, other: Any = other
        ) -> tuple[Checkpoint, list[Epoch]]:
            state, counts = dict(last.state), dict(last.counts)
            (state if name == "loss_sum" else counts)[name] = other
            return Checkpoint(last.parameters, last.optimizer, state, counts), history

        _forge(run, change)
        _refused(run, rf"\(it has {words}\)")


@pytest.mark.parametrize("group", ["parameters", "m", "v"])
def test_at_an_end_one_last_bit_of_one_number_is_too_much(group: str, tmp_path: Path) -> None:
    """The history holds the digests of the arrays after every epoch."""
    with pytest.raises(Interrupted):
        train(write(tmp_path, CONFIG), tmp_path / "runs", stop=stop_after(AT_AN_END))
    run = tmp_path / "runs" / "small-0001"

    def change(last: Checkpoint, history: list[Epoch]) -> tuple[Checkpoint, list[Epoch]]:
        groups = {"parameters": dict(last.parameters)}
        groups |= {vector: dict(arrays) for vector, arrays in last.optimizer.items()}
        name = sorted(groups[group])[-1]
        other = groups[group][name].copy()
        other.reshape(-1)[-1] = np.nextafter(other.reshape(-1)[-1], np.float32(1))
        groups[group][name] = other
        parameters = groups.pop("parameters")
        return Checkpoint(parameters, groups, last.state, last.counts), history

    _forge(run, change)
    _refused(run, r"\(it has arrays that are not its last epoch's\)")


@pytest.mark.parametrize("name", HISTORIES)
def test_a_forged_history_is_refused(name: str, stopped: Path) -> None:
    _forge(stopped, lambda last, history: (last, HISTORIES[name](history)))
    _refused(stopped)


def test_what_was_not_forged_goes_on(stopped: Path, expected: dict[str, bytes]) -> None:
    _forge(stopped, lambda last, history: (last, history))
    resume(stopped)
    assert content(stopped).keys() == expected.keys()


def test_a_stopped_run_with_counts_ends_as_the_uninterrupted_one(
    stopped: Path, expected: dict[str, bytes]
) -> None:
    resume(stopped)
    assert_same(content(stopped), expected)
    rows = [json.loads(line) for line in (stopped / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        assert row.keys() == {
            "epoch", "step", *(f"{part}{name}" for part in ("", "val_") for name in
                               ("loss", "accuracy", "f1"))
        }  # fmt: skip
    evaluation = json.loads((stopped / "evaluation.json").read_bytes())
    for line in evaluation["test"]["metrics"]["confusion_matrix"]:
        assert all(type(count) is int for count in line)
