"""Forty times SIGKILL, at drawn places: every run can be resumed, and all end the same."""

import os
import random
import select
from pathlib import Path

import pytest

from tests.exactness.killing import drawn_place, killed
from tests.exactness.runs import (
    PATIENCE,
    SMALL,
    a_part,
    assert_same,
    changed,
    content,
    start,
    train,
    write,
)

KILLS = 40
CHAINS = 8
"""So many runs are killed five times each before they may finish."""

CONFIG = changed(
    SMALL,
    name="killed",
    training={
        "epochs": 200,
        "batch_size": 8,
        "shard_size": 4,
        "keep": "best",
        "checkpoint": {"every_steps": 7},
    },
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("config"), CONFIG)


@pytest.fixture(scope="module")
def expected(config: Path) -> dict[str, bytes]:
    return content(train(config, config.parent / "expected"))


@pytest.mark.parametrize("chain", a_part(CHAINS))
def test_a_run_that_is_killed_again_and_again_ends_the_same(
    chain: int, config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    draw = random.Random(chain)
    run = tmp_path / "killed-0001"
    workers = str(1 + chain % 3)
    kills = 0
    while kills < KILLS // CHAINS:
        if (run / "config.resolved.yaml").exists():
            arguments: list[str | Path] = ["train", "--resume", run]
        else:
            arguments = ["train", config, "--output-dir", tmp_path, "--name", "killed"]
        place, n = drawn_place(draw.choice, lambda most: draw.randint(1, most))
        if killed([*arguments, "--workers", workers], place, n):
            kills += 1
            run = max(tmp_path.glob("killed-0*"), default=run)
        else:  # it was quicker than the kill: another one
            run = max(tmp_path.glob("killed-0*"))
            assert_same(content(run), expected)
            run = tmp_path / "none yet"
    killed(["train", "--resume", run, "--workers", workers], None)
    assert_same(content(run), expected)


def test_the_workers_of_a_killed_run_go_home(config: Path, tmp_path: Path) -> None:
    process = start(("train", config, "--output-dir", tmp_path, "--workers", "3"))
    assert process.stderr is not None
    for line in process.stderr:
        if "epoch 2/" in line:
            break
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 2
    watched = [os.pidfd_open(int(child)) for child in children]  # readable when it has ended
    process.kill()
    process.communicate()
    for child in watched:
        gone, _, _ = select.select([child], [], [], PATIENCE)
        os.close(child)
        assert gone, "a worker outlived the run that it worked for"
