"""Labels that are numbers, whichever they are, in every source: learned as classes under their own
names, as scikit-learn's LabelEncoder numbers them, in everything that somebody reads."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score
from sklearn.preprocessing import LabelEncoder

from tests.cli.calls import dlcli
from tests.data.conftest import idx_bytes
from tests.exactness.runs import a_few

Array = Any
N = 90
NET = """\
data: {{source: {source}, split: {{validation: 0, test: 0.4, stratify: true}}}}
model: {{layers: [{flatten}{{type: dense, units: {units}, activation: {activation}}}]}}
loss: {loss}
optimizer: {{type: adam, learning_rate: 0.1}}
training: {{epochs: 12, batch_size: 8}}
evaluation: {{metrics: [accuracy, recall_per_class, confusion_matrix]}}
"""
LABELS: dict[str, Sequence[float]] = {
    "1 to 3": [1, 2, 3],
    "with gaps": [1, 2, 3, 5, 6, 7],
    "-1 and 1": [-1, 1],
    "1 and 2": [1, 2],
    "2 and 4": [2, 4],
    "years": [1999, 2024, 2020],
    "whole floats": [1.0, 2.0, 4.0],
    "-1, 0 and 1": [-1, 0, 1],
}


def _csv(folder: Path, x: Array, y: Array) -> str:
    rows = [
        "a,b,c,y",
        *(",".join(map(repr, [*r, v])) for r, v in zip(x.tolist(), y.tolist(), strict=True)),
    ]
    (folder / "rows.csv").write_text("\n".join(rows))
    return "{type: csv, path: rows.csv, target: y}"


def _npy(folder: Path, x: Array, y: Array) -> str:
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    return "{type: npy, features: x.npy, target: y.npy}"


def _npz(folder: Path, x: Array, y: Array) -> str:
    np.savez(folder / "a.npz", x=x, y=y)
    return "{type: npz, path: a.npz}"


def _idx(folder: Path, x: Array, y: Array) -> str:
    (folder / "x.idx").write_bytes(idx_bytes(x.astype(">f8").reshape(len(x), 1, 3)))
    (folder / "y.idx").write_bytes(idx_bytes(y.astype(">i4")))
    return "{type: idx, images: x.idx, labels: y.idx}"


SOURCES: dict[str, Callable[[Path, Array, Array], str]] = {
    "csv": _csv, "npy": _npy, "npz": _npz, "idx": _idx,
}  # fmt: skip


def config(folder: Path, source: str, x: Array, y: Array, units: int, loss: str) -> Path:
    text = NET.format(
        source=SOURCES[source](folder, x, y),
        flatten="flatten, " if source == "idx" else "",
        units=units,
        activation="sigmoid" if units == 1 else "softmax",
        loss=loss,
    )
    path = folder / "net.yaml"
    path.write_text(text)
    return path


def rows(labels: Sequence[float]) -> tuple[Array, Array]:
    """Rows of which the first number nearly tells the label."""
    y = np.array(labels)[np.arange(N) % len(labels)]
    x = np.random.default_rng(5).normal(size=(N, 3))
    x[:, 0] += 2 * (np.arange(N) % len(labels))
    return x, y


def name(value: float) -> str:
    return str(int(value))


@pytest.mark.parametrize("kind", a_few(list(LABELS), 4))
@pytest.mark.parametrize("source", SOURCES)
def test_any_labels_are_learned_under_their_names(kind: str, source: str, tmp_path: Path) -> None:
    labels = LABELS[kind]
    x, y = rows(labels)
    binary = len(labels) == 2
    loss = "binary_crossentropy" if binary else "sparse_categorical_crossentropy"
    path = config(tmp_path, source, x, y, 1 if binary else len(labels), loss)
    call = dlcli("train", path, "--output-dir", tmp_path / "runs")
    assert call.code == 0, call.err
    assert "units" not in call.err

    names = [name(value) for value in sorted(labels)]
    document = json.loads((call.run / "deploy/bundle/classes.json").read_text())
    assert document == {"classes": names}
    found = json.loads((call.run / "evaluation.json").read_text())["test"]
    assert found.get("positive_class") == (names[1] if binary else None)

    # What predict prints for the rows of the test part is what the metrics speak of.
    if source == "csv":
        file = tmp_path / "rows.csv"
    else:
        file = tmp_path / "all.npy"
        np.save(file, x.reshape(N, 1, 3, 1) if source == "idx" else x)
    printed = dlcli("predict", call.run, file)
    assert printed.code == 0, printed.err
    table = list(csv.DictReader(io.StringIO(printed.out)))
    assert list(table[0]) == ["class", *(f"p_{one}" for one in (names[1:] if binary else names))]
    answers = [row["class"] for row in table]
    assert set(answers) <= set(names)
    truth = [name(value) for value in y]
    encoder = LabelEncoder().fit(y)
    assert [name(value) for value in encoder.classes_] == names
    assert accuracy_score(truth, answers) > 0.4
    parts = dlcli("evaluate", call.run, "--json", "--split", "train")
    train, test = json.loads(parts.out), found
    # Train and test together are all rows, so their confusion matrices add up.
    together = np.add(train["metrics"]["confusion_matrix"], test["metrics"]["confusion_matrix"])
    assert together.tolist() == confusion_matrix(truth, answers, labels=names).tolist()
    recalls = recall_score(truth, answers, labels=names, average=None)
    counts = np.sum(together, axis=1)
    np.testing.assert_allclose(np.diag(together) / counts, recalls)

    assert dlcli("reproduce", call.run, "--epochs", "2").code == 0
    assert dlcli("verify", call.run).code == 0


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
@pytest.mark.parametrize("source", SOURCES)
def test_class_ids_stay_class_ids(loss: str, source: str, tmp_path: Path) -> None:
    x, y = rows([0, 1, 2])
    call = dlcli(
        "train", config(tmp_path, source, x, y, 3, loss), "--output-dir", tmp_path / "runs"
    )
    assert call.code == 0, call.err
    document = json.loads((call.run / "model/classes.json").read_text())
    assert document == {"classes": None}
    assert "classes" not in json.loads((call.run / "manifest.json").read_text())["data"]


@pytest.mark.parametrize(
    ("labels", "units", "words"),
    [
        ([1, 2, 3], 4, "has 4 units, but the data has 3 classes (1, 2, 3), so 1 of its answers"),
        ([0, 1, 3], 4, "the data has 3 classes (0, 1, 3)"),
        ([1, 2, 9], 5, "so 2 of its answers can never be right: set `units: 3`"),
    ],
)
def test_more_units_than_classes_are_told(
    labels: list[float], units: int, words: str, tmp_path: Path
) -> None:
    x, y = rows(labels)
    path = config(tmp_path, "npy", x, y, units, "sparse_categorical_crossentropy")
    call = dlcli("train", path, "--output-dir", tmp_path / "runs")
    assert call.code == 0, call.err
    assert words in call.err
    np.save(tmp_path / "few.npy", x[:3])
    header = dlcli("predict", call.run, tmp_path / "few.npy").out.splitlines()[0].split(",")
    assert len(set(header)) == len(header) == 1 + units


def test_more_units_than_named_classes_are_told(tmp_path: Path) -> None:
    x, y = rows([0, 1, 2])
    words = np.array(["ash", "beech", "cedar"])[y.astype(int)]
    path = config(tmp_path, "csv", x, words, 4, "sparse_categorical_crossentropy")
    text = (tmp_path / "rows.csv").read_text().replace("'", "")
    (tmp_path / "rows.csv").write_text(text)
    call = dlcli("train", path, "--output-dir", tmp_path / "runs")
    assert call.code == 0, call.err
    assert "has 4 units, but the data has 3 classes (ash, beech, cedar)" in call.err


@pytest.mark.parametrize(
    ("labels", "units", "loss", "words"),
    [
        ([1, 2, 3, 4], 3, "sparse_categorical_crossentropy", "holds 4 different labels (1, 2, 3"),
        ([1, 2, 3, 4], 3, "categorical_crossentropy", "set `units: 4`"),
        ([0, 1, 2], 1, "binary_crossentropy", "`binary_crossentropy` tells two apart"),
        ([-1, 0, 1], 1, "binary_crossentropy", "a last layer of 3 units"),
    ],
)
@pytest.mark.parametrize("source", SOURCES)
def test_more_labels_than_answers_are_refused_with_the_line(
    labels: list[float], units: int, loss: str, words: str, source: str, tmp_path: Path
) -> None:
    x, y = rows(labels)
    y[17] = labels[-1] = labels[-1] + 40  # the rarest; the others of its kind become the first
    y[np.isin(y, labels, invert=True)] = labels[0]
    call = dlcli("train", config(tmp_path, source, x, y, units, loss), "--output-dir", tmp_path)
    assert call.code == 2, call.err
    assert words.replace(", 4)", "") in call.err
    assert f"{tmp_path / 'net.yaml'}:2:" in call.err
    place = "line 19" if source == "csv" else "row 17"
    assert f"The rarest, {labels[-1]:g}, is in " in call.err and place in call.err


def test_a_label_that_only_another_part_has_is_refused_by_its_name(tmp_path: Path) -> None:
    x, y = rows([1, 2, 3])
    np.savez(tmp_path / "a.npz", x_train=x[y < 3], y_train=y[y < 3], x_test=x, y_test=y)
    text = NET.format(
        source="{type: npz, path: a.npz}", flatten="", units=3, activation="softmax",
        loss="sparse_categorical_crossentropy",
    ).replace(", test: 0.4", "")  # fmt: skip
    (tmp_path / "net.yaml").write_text(text)
    call = dlcli("train", tmp_path / "net.yaml", "--output-dir", tmp_path / "runs")
    assert call.code == 3, call.err
    assert "no row of the class '3'" in call.err
