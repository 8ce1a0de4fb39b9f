"""A hundred drawn trainings as processes, killed at random moments, resumed, compared."""

from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from dlcli.errors import DivergedError
from tests.drawn.dice import Dice
from tests.drawn.drawing import Drawn, draw
from tests.exactness.killing import drawn_place, killed
from tests.exactness.runs import PATIENCE, assert_same, content, start, train

pytestmark = pytest.mark.drawn

GROUPS, EACH = 20, 5
FIRST = 100_000
"""Seeds that no other test takes first."""

KILLS, TRIES = 2, 5
"""How often a run is killed before it may finish; some tries come too late."""


def longer(drawn: Drawn) -> Drawn:
    """The same config with more epochs, so that a kill meets training and not only Python."""
    training = dict(drawn.config["training"], epochs=40)
    if "max_steps" in training:
        training["max_steps"] *= 20
    if training.get("early_stopping") is not None:
        training["early_stopping"] = dict(training["early_stopping"], patience=25)
    return replace(drawn, config=dict(drawn.config, training=training))


@pytest.mark.parametrize("group", range(GROUPS))
def test_a_drawn_training_that_is_killed_ends_as_if_it_had_not_been(
    group: int, tmp_path: Path
) -> None:
    done = kills = 0
    for seed in count(FIRST + group * 1000):
        drawn = longer(draw(seed))
        config = drawn.write(tmp_path / str(seed))
        try:
            expected = content(_uninterrupted(config, drawn))
        except DivergedError:
            continue
        kills += _killed_and_resumed(config, expected, Dice(seed))
        done += 1
        if done == EACH:
            break
    assert kills


def _uninterrupted(config: Path, drawn: Drawn) -> Path:
    output = config.parent / "whole"
    if drawn.config.get("runtime", {}).get("numerics") == "native":  # bits of its own
        process = start(("train", config, "--output-dir", output))
        out, err = process.communicate(timeout=PATIENCE)
        if process.returncode == DivergedError.exit_code:
            raise DivergedError(err)
        assert process.returncode == 0, err
        return Path(out.strip())
    return train(config, output)


def _killed_and_resumed(config: Path, expected: dict[str, bytes], dice: Dice) -> int:
    """How many kills came before the end."""
    kills = 0
    for _ in range(TRIES):
        place, n = drawn_place(dice.choice, lambda most: dice.whole(1, most))
        kills += killed(_arguments(config, dice), place, n)
        if kills == KILLS:
            break
    killed(_arguments(config, dice), None)
    run = _run(config)
    assert run is not None
    try:
        assert_same(content(run), expected)
    except AssertionError as error:
        raise AssertionError(f"{config}: {error}\n{config.read_text(encoding='utf-8')}") from None
    return kills


def _arguments(config: Path, dice: Dice) -> list[str | Path]:
    """Go on with the run, or begin it where none is far enough yet."""
    run = _run(config)
    workers = ["--workers", str(dice.whole(1, 3))]
    if run is not None:
        return ["train", "--resume", run, *workers]
    return ["train", config, "--output-dir", config.parent / "killed", "--name", "killed", *workers]


def _run(config: Path) -> Path | None:
    found = sorted((config.parent / "killed").glob("killed-0*"))
    return next((run for run in found if (run / "config.resolved.yaml").exists()), None)
