"""Targets with a column for each class or label: what they must hold, and which row does not."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dlcli import builder
from dlcli.config import load_config
from dlcli.errors import ConfigError, DataError
from dlcli.pipeline import evaluate
from dlcli.pipeline.design import refuse_names
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


def labelled(folder: Path, values: Any, loss: str = "sparse_categorical_crossentropy") -> Path:
    """A config on one label a row, with three units."""
    path = config(folder, "one-hot", values)
    return write(folder, json.loads(path.read_text()) | {"loss": {"type": loss}})


@pytest.mark.parametrize("row", [0, 5, ROWS - 1])
def test_a_label_that_is_no_whole_number_puts_the_loss_at_fault(row: int, tmp_path: Path) -> None:
    values = np.arange(ROWS) % 3 * 1.0
    values[row] = 1.25
    with pytest.raises(ConfigError) as caught:
        train(labelled(tmp_path, values), tmp_path / "runs")
    assert (
        "`sparse_categorical_crossentropy` is for classes, but the target holds 1.25 "
        f"(row {row}, counted from 0) and more numbers; use a loss for numbers"
    ) in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_labels_that_are_whole_are_learned_whatever_their_type(dtype: Any, tmp_path: Path) -> None:
    values = (np.arange(ROWS) % 3).astype(dtype)
    assert train(labelled(tmp_path, values), tmp_path / "runs").is_dir()


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ("ab", "'a', 'b'"),
        ("abcd", "'a', 'b', 'c', 'd'"),
        ("abcde", "'a', 'b', 'c', 'd', ..."),
    ],
)
def test_names_are_no_numbers_to_learn(names: str, shown: str, tmp_path: Path) -> None:
    loaded = load_config(labelled(tmp_path, [0.0] * ROWS, "mean_squared_error"))
    loss = builder.loss(loaded.config)
    with pytest.raises(ConfigError) as caught:
        refuse_names(loaded, loss, tuple(names), None)
    assert (
        f"`mean_squared_error` learns numbers, but the target holds names of classes ({shown}). "
        "Choose a loss for classes, or a target that holds numbers"
    ) in str(caught.value)
    with pytest.raises(ConfigError, match="learns numbers, but it is text\n"):
        refuse_names(loaded, loss, None, "it is text.")
    refuse_names(loaded, loss, ("0", "1", "2"), None)
    refuse_names(loaded, loss, None, None)
    classes = load_config(labelled(tmp_path, [0.0] * ROWS))
    refuse_names(classes, builder.loss(classes.config), tuple(names), "it is text.")


@pytest.mark.parametrize(
    ("kind", "count", "classes", "names", "positive"),
    [
        ("regression", 2, None, (), None),
        ("regression", 1, ("no", "yes"), (), None),
        ("binary", 2, None, ("0", "1"), "1"),
        ("binary", 2, ("no", "yes"), ("no", "yes"), "yes"),
        ("multiclass", 2, ("no", "yes"), ("no", "yes"), "yes"),
        ("multiclass", 2, None, ("0", "1"), "1"),
        ("multiclass", 3, None, ("0", "1", "2"), None),
        ("multiclass", 3, ("a", "b", "c"), ("a", "b", "c"), None),
        ("multilabel", 2, None, ("0", "1"), None),
        ("multilabel", 3, None, ("0", "1", "2"), None),
    ],
)
def test_classes_have_names_and_the_second_of_two_is_positive(
    kind: str, count: int, classes: Any, names: tuple[str, ...], positive: str | None
) -> None:
    recipe: Any = SimpleNamespace(metrics=SimpleNamespace(learns=(kind, count)))
    assert evaluate.class_names(recipe, classes) == names
    assert evaluate.positive_class(recipe, classes) == positive


@pytest.mark.parametrize(
    ("parts", "judged"),
    [
        (["train", "validation", "test"], "test"),
        (["train", "test"], "test"),
        (["train", "validation"], "validation"),
        (["train"], "train"),
    ],
)
def test_the_part_that_judges_a_run(parts: list[str], judged: str) -> None:
    assert evaluate.judged_part(parts) == evaluate.judged_part(dict.fromkeys(parts[::-1])) == judged
