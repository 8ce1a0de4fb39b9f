"""The laws of tests/drawn/laws.py, for a handful of seeds here, for many with `-m drawn`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlcli.errors import DivergedError
from tests.drawn import laws
from tests.drawn.drawing import draw
from tests.drawn.laws import Outcome, tried
from tests.exactness import runs
from tests.exactness.runs import environment

FEW = 4
PARTS = 8
MINUTES = 8.0
"""How long the many take on however many workers pytest has."""

LEAST = 12
"""So many seeds each part tries in any case."""


def require_laws(outcome: Outcome) -> None:
    """All of them hold; a failure shows every seed at fault with its YAML."""
    assert outcome.good, "\n".join([*outcome.differing.values(), str(outcome.refused)])


def test_a_handful_of_drawn_trainings_keeps_all_laws(tmp_path: Path) -> None:
    outcome = tried(range(FEW), tmp_path)
    require_laws(outcome)
    assert outcome.counts["stops"] >= FEW
    assert outcome.counts["reproduced"] == outcome.trained


@pytest.mark.drawn
@pytest.mark.parametrize("part", range(PARTS))
def test_many_drawn_trainings_keep_all_laws(part: int) -> None:
    """Seeds in order until the time is used, always the same ones first."""
    together = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    minutes = MINUTES * together / PARTS
    # In a process of its own, because a test runner has threads, and workers would be threads too.
    seeds = ["--from", str(FEW + part), "--every", str(PARTS), "--count", str(LEAST)]
    process = subprocess.run(
        [sys.executable, "-m", "tests.drawn", *seeds, "--minutes", str(minutes)],
        env=environment(PYTHONPATH=str(Path(__file__).parents[2])),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr


def test_a_difference_is_told_with_seed_and_yaml(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = []

    def train(config: Path, output: Path, workers: int = 1, *rest: object, **more: object) -> Path:
        run = runs.train(config, output, workers, *rest, **more)  # type: ignore[arg-type]
        calls.append(workers)
        if workers == 2:
            (run / "evaluation.json").write_bytes(b"{}")
        return run

    monkeypatch.setattr(laws, "train", train)
    outcome = tried([0], tmp_path)
    assert 2 in calls
    told = outcome.differing[0]
    assert "seed 0" in told and "2 workers" in told and "evaluation.json" in told
    assert draw(0).text in told
    with pytest.raises(AssertionError, match="seed 0"):
        require_laws(outcome)


def test_a_set_of_configs_of_which_hardly_any_trains_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def train(*_: object, **__: object) -> Path:
        raise DivergedError("training diverged at step 1: the loss is NaN. Lower it")

    monkeypatch.setattr(laws, "train", train)
    outcome = tried(range(3), tmp_path)
    assert not outcome.differing and len(outcome.refused) == 3
    with pytest.raises(AssertionError, match="diverged at step 1"):
        require_laws(outcome)
