"""Targets with a column for each class or label: what they must hold, and which row does not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.errors import DataError
from tests.exactness.runs import SMALL, changed, train, write

ROWS = 20
KINDS = {
    "one-hot": ("categorical_crossentropy", "softmax", "exactly one 1 and otherwise 0"),
    "labels": ("binary_crossentropy", "sigmoid", "only 0 and 1"),
}


def config(folder: Path, kind: str, targets: Any) -> Path:
    loss, activation, _ = KINDS[kind]
    np.save(folder / "x.npy", np.arange(3.0 * ROWS).reshape(ROWS, 3) % 7)
    np.save(folder / "t.npy", np.asarray(targets))
    return write(
        folder,
        changed(
            SMALL,
            data={
                "source": {"type": "npy", "features": "x.npy", "target": "t.npy"},
                "split": {"validation": 0, "test": 0},
            },
            model={"layers": [{"type": "dense", "units": 3, "activation": activation}]},
            loss={"type": loss},
            training={"epochs": 1},
            evaluation={"metrics": []},
        ),
    )


def targets(kind: str) -> Any:
    """Good ones, in which every column has both values."""
    if kind == "one-hot":
        return np.eye(3)[np.arange(ROWS) % 3]
    return (np.arange(ROWS)[:, np.newaxis] >> np.arange(3)) % 2 * 1.0


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8])
@pytest.mark.parametrize("kind", KINDS)
def test_zeros_and_ones_of_any_type_are_learned(kind: str, dtype: Any, tmp_path: Path) -> None:
    made = config(tmp_path, kind, targets(kind).astype(dtype))
    assert train(made, tmp_path / "runs").is_dir()


WRONG = {
    "one-hot": [
        [0, 0, 0], [1, 1, 0], [1, 1, 1], [2, 0, 0], [-1, 1, 1], [0.5, 0.5, 0], [2, -1, 0],
        [0, 0, 0.999], [0, 0, 1.5],
    ],
    "labels": [[2, 0, 1], [0, -1, 1], [0.5, 0, 0], [0, 1, 1e-9], [1, 1, 1.5]],
}  # fmt: skip


@pytest.mark.parametrize("row", [0, 7, ROWS - 1])
@pytest.mark.parametrize(
    ("kind", "wrong"), [(kind, wrong) for kind, rows in WRONG.items() for wrong in rows]
)
def test_a_row_that_holds_anything_else_is_named(
    kind: str, wrong: list[float], row: int, tmp_path: Path
) -> None:
    values = targets(kind)
    values[row] = wrong
    with pytest.raises(DataError) as caught:
        train(config(tmp_path, kind, values), tmp_path / "runs")
    assert f"row {row} (counted from 0) must hold {KINDS[kind][2]}" in str(caught.value)


def test_the_first_of_several_is_named(tmp_path: Path) -> None:
    values = targets("one-hot")
    values[[4, 9]] = 0
    with pytest.raises(DataError, match=r"row 4 \(counted from 0\)"):
        train(config(tmp_path, "one-hot", values), tmp_path / "runs")
