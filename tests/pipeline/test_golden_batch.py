"""A bundle answers the rows that lie with it: to the bit in the run's class, nearly in another.

The recorded answers are changed with the digests that belong to them, so nothing but the answers
themselves shows it.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.artifacts.manifest import record_file
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.tensors import encode_tensors, read_tensors
from dlcli.numerics import numerics_class
from tests.cli.calls import dlcli, refused, train
from tests.cli.small import write
from tests.exactness.runs import edit_manifest

GOLDEN = "deploy/bundle/golden.safetensors"
OTHERS = ["another class", "~ and one whose name comes behind all others"]
Change = Callable[[Any], Any]


@pytest.fixture(scope="module", params=["prices", "trees"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden")
    return train(write(folder, request.param), folder / "runs").run


def answered(run: Path, folder: Path, change: Change, recorded: str | None = None) -> Any:
    """`predict` with a copy of the run whose recorded answers were changed.

    recorded: the class that the copy says it was trained in, if not its own.
    """
    copy = Path(shutil.copytree(run, folder / "run"))
    arrays, words = read_tensors(copy / GOLDEN)
    y = np.array(arrays["y"])
    data = encode_tensors({**arrays, "y": change(y).astype(y.dtype)}, words)
    (copy / GOLDEN).write_bytes(data)
    record = record_file(RunDirectory(copy), GOLDEN)

    def lie(document: dict[str, Any]) -> None:
        document["files"][GOLDEN] = {"size": record.size, "sha256": record.sha256}
        document["numerics_class"] = recorded or document["numerics_class"]

    edit_manifest(copy / "manifest.json", lie)
    return dlcli("predict", copy, run.parents[1] / "trees.csv")


def one(place: int, of: Change) -> Change:
    """Changes one answer: the last number of a row gets `of` of it."""

    def change(y: Any) -> Any:
        y[place].reshape(-1)[-1] = of(y[place].reshape(-1)[-1])
        return y

    return change


def size(run: Path) -> float:
    """How large the recorded answers are."""
    return float(np.abs(read_tensors(run / GOLDEN).arrays["y"]).max())


@pytest.mark.parametrize("recorded", [None, *OTHERS])
def test_the_answers_that_were_recorded_are_given(
    recorded: str | None, run: Path, tmp_path: Path
) -> None:
    expected = dlcli("predict", run, run.parents[1] / "trees.csv").out
    call = answered(run, tmp_path, lambda y: y, recorded)
    assert (call.code, call.out) == (0, expected), call.err


@pytest.mark.parametrize("towards", [-np.inf, np.inf])
@pytest.mark.parametrize("place", [0, 7, 15])
def test_in_its_own_class_one_last_bit_of_one_answer_is_too_much(
    place: int, towards: float, run: Path, tmp_path: Path
) -> None:
    other = one(place, lambda value: np.nextafter(value, type(value)(towards)))
    message = refused(answered(run, tmp_path, other), 4)
    assert "gives other answers to its golden batch than were recorded: it was edited" in message
    assert numerics_class() not in OTHERS


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("recorded", OTHERS)
def test_in_another_class_a_thousandth_is_little_and_more_is_not(
    recorded: str, sign: int, run: Path, tmp_path: Path
) -> None:
    whole = size(run)
    for number, (little, change) in enumerate(
        [
            (True, lambda y: y * (1 + sign * 5e-4)),
            (True, lambda y: y + sign * 5e-4 * whole),
            (True, one(3, lambda value: value + sign * 5e-4 * whole)),
            (False, lambda y: y * (1 + sign * 4e-3)),
            (False, lambda y: y * 0.5),
            (False, lambda y: y * 2),
            (False, lambda y: -y),
            (False, lambda y: y * 0),
            (False, lambda y: y[::-1]),
            (False, one(0, lambda value: value + sign * 4e-3 * whole)),
            (False, one(15, lambda value: value + sign * 4e-3 * whole)),
            (False, one(5, lambda value: np.nan)),
            (False, one(5, lambda value: sign * np.inf)),
            (False, lambda y: y * np.inf),
        ]
    ):
        call = answered(run, tmp_path / str(number), change, recorded)
        assert call.code == (0 if little else 4), f"{number}: {call.err}"
        told = [line for line in call.err.splitlines() if not line.startswith("note: ")]
        assert len(told) == 1 - little  # nothing but the error, if there is one
        assert little == ("other answers to its golden batch" not in call.err)
