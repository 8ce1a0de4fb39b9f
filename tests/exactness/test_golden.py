"""The bits of small trainings are those that are written down."""

import json
from pathlib import Path

import pytest

from dlcli import numerics
from tests.exactness import golden

RECORDED = json.loads(golden.FILE.read_bytes())


def test_the_golden_digests_are_those_of_this_engine() -> None:
    assert RECORDED["engine"] == numerics.ENGINE
    assert RECORDED["digests"].keys() == golden.CONFIGS.keys()


@pytest.mark.parametrize("name", golden.CONFIGS)
def test_a_small_training_gives_the_golden_digest(name: str, tmp_path: Path) -> None:
    assert golden.computed(tmp_path, name) == RECORDED["digests"][name], (
        "the engine's bits have changed; where that is meant, see tests/exactness/golden.py"
    )
