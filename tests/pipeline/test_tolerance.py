"""How far apart metrics may be when somebody asks for a tolerance."""

from typing import Any

import pytest

from dlcli.artifacts.history import Epoch
from dlcli.artifacts.manifest import Manifest
from dlcli.errors import DiffersError
from dlcli.pipeline import provenance
from dlcli.pipeline.reproduce import _require_close

MANIFEST = Manifest({}, {}, 0, 1, "", provenance.versions())


def gap(recorded: dict[str, Any], now: dict[str, Any], tolerance: float) -> float:
    return _require_close(Epoch(7, 9, recorded, ""), Epoch(7, 9, now, ""), tolerance, MANIFEST)


@pytest.mark.parametrize(
    ("recorded", "now", "expected"),
    [
        (1.0, 1.0, 0.0),
        (4.0, 3.0, 0.25),  # of the larger one, whichever it is
        (3.0, 4.0, 0.25),
        (-4.0, -3.0, 0.25),
        (-1.0, 1.0, 2.0),
        (0.0, 0.0, 0.0),
        (0.0, -0.0, 0.0),
        (0.0, 1e-300, 1.0),
    ],
)
def test_the_gap_is_relative_and_just_the_tolerance_is_within(
    recorded: float, now: float, expected: float
) -> None:
    assert gap({"loss": recorded}, {"loss": now}, expected) == expected
    assert gap({"loss": recorded}, {"loss": now}, expected + 0.5) == expected
    if expected:
        with pytest.raises(DiffersError, match=r"TOLERANCE: loss of epoch 7 differs by") as caught:
            gap({"loss": recorded}, {"loss": now}, expected * 0.999)
        assert caught.value.details == {"epoch": 7, "metric": "loss"}


def test_the_worst_metric_counts_and_the_one_that_is_too_far_is_named() -> None:
    recorded = {"loss": 1.0, "a": 1.0, "b": 4.0, "c": 1.0}
    now = {"loss": 1.0, "a": 0.875, "b": 3.0, "c": 1.0}
    assert gap(recorded, now, 0.25) == 0.25
    with pytest.raises(DiffersError, match=r"TOLERANCE: b of epoch 7 differs by 0\.25 "):
        gap(recorded, now, 0.125)
    with pytest.raises(DiffersError, match=r"TOLERANCE: a of epoch 7 differs by 0\.125 "):
        gap(recorded, now, 0.0)


@pytest.mark.parametrize("now", [{}, {"loss": float("nan")}, {"loss": float("inf")}])
def test_what_is_no_number_is_within_no_tolerance(now: dict[str, float]) -> None:
    with pytest.raises(DiffersError, match="TOLERANCE"):
        gap({"loss": 1.0}, now, 1e300)


def test_counts_and_matrices_have_no_gap() -> None:
    assert gap({"matrix": [[1, 2]], "count": 3}, {"matrix": [[9, 9]], "count": 4}, 0.0) == 0.0
