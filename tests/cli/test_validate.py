"""`validate` says valid of what it looked at, and says what it did not look at."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.data.sources import columnar
from tests.cli.calls import Call, dlcli
from tests.cli.small import trees

NET = """\
data:
  source: SOURCE
  transforms: TRANSFORMS
model: {layers: [{type: dense, units: UNITS, activation: softmax}]}
loss: LOSS
optimizer: adam
training: {epochs: 1}
"""
TABLE = "{type: csv, path: trees.csv, target: kind}"


def net(
    folder: Path,
    source: str = TABLE,
    transforms: str = "[one_hot, standardize]",
    units: int = 3,
    loss: str = "sparse_categorical_crossentropy",
) -> Path:
    text = NET.replace("SOURCE", source).replace("TRANSFORMS", transforms)
    path = folder / "net.yaml"
    path.write_text(text.replace("UNITS", str(units)).replace("LOSS", loss))
    if not (folder / "trees.csv").exists():
        (folder / "trees.csv").write_text(trees(), encoding="utf-8")
    return path


def edited(old: str, new: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        text = trees()
        assert old in text
        (folder / "trees.csv").write_text(text.replace(old, new, 1), encoding="utf-8")

    return write


LINES = trees().splitlines()
CELLS = LINES[40].split(",")
WRONG: Mapping[str, tuple[Callable[[Path], None], Mapping[str, Any], str]] = {
    "text without one_hot": (lambda _: None, {"transforms": "[]"}, "olumn 'soil' holds text"),
    "a gap": (edited(LINES[40], f"{CELLS[0]},,{','.join(CELLS[2:])}"), {}, "line 41 (in the"),
    "a gap in the target": (edited(f",{CELLS[4]}\n", ",\n"), {}, "'kind' is missing"),
    "a cell of text": (edited(CELLS[1], "high"), {}, "column 'height' holds 'high'"),
    "a class too many": (edited(CELLS[4], "doum"), {}, "4 classes"),
    "too few units": (lambda _: None, {"units": 2}, "3 classes"),
    "a loss for numbers": (lambda _: None, {"loss": "mse"}, "column 'kind' holds text"),
    "no such column": (edited("girth", "girht"),
                       {"source": TABLE.replace("kind}", "kind, features: [girth]}"),
                        "transforms": "[]"}, "no column 'girth'"),
    "no header": (edited(LINES[0] + "\n", ""), {}, "looks like data"),
    "numbers too large": (edited(CELLS[1], "1e308"), {}, "overflow"),
}  # fmt: skip


def both(path: Path, folder: Path) -> tuple[Call, Call]:
    return dlcli("validate", path), dlcli("train", path, "--output-dir", folder / "runs")


@pytest.mark.parametrize("case", WRONG)
def test_what_train_refuses_is_not_valid(case: str, tmp_path: Path) -> None:
    write, options, words = WRONG[case]
    write(tmp_path)
    checked, trained = both(net(tmp_path, **options), tmp_path)
    assert trained.code in (2, 3), trained.err
    assert words in trained.err
    assert checked.code == trained.code
    assert checked.err == trained.err[trained.err.index("error:") :]
    assert "is valid" not in checked.out


@pytest.mark.parametrize(
    "case", ["text without one_hot", "a gap", "a cell of text", "a gap in the target", "no header"]
)
def test_the_first_rows_of_a_long_file_are_looked_at(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columnar, "FEW", 60)
    write, options, words = WRONG[case]
    write(tmp_path)
    checked = dlcli("validate", net(tmp_path, **options))
    assert checked.code in (2, 3), checked.out
    assert words in checked.err


def test_what_was_not_looked_at_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columnar, "FEW", 30)
    edited(CELLS[1], "high")(tmp_path)  # behind the first rows
    checked = dlcli("validate", net(tmp_path))
    assert checked.code == 0, checked.err
    assert "trees.csv: the cells behind the first 30 rows" in checked.out
    assert "The layers' shapes depend on how many categories" in checked.out
    narrow = dlcli("validate", net(tmp_path, TABLE.replace("kind}", "kind, features: [girth]}"),
                                   "[standardize]"))  # fmt: skip
    assert "not checked: " in narrow.out
    assert "dense_1" in narrow.out
    path = net(tmp_path, TABLE.replace("kind}", "kind, features: [girth]}"), "[]", units=2)
    assert "3 classes" in dlcli("validate", path).err


def test_a_good_small_table_is_checked_as_a_whole(tmp_path: Path) -> None:
    checked, trained = both(net(tmp_path), tmp_path)
    assert trained.code == 0, trained.err
    assert "not checked" not in checked.out
    assert "dense_1" in checked.out and "is valid" in checked.out
    warned = [line.strip() for line in trained.err.splitlines() if "warning:" in line]
    assert warned == [line for line in checked.out.splitlines() if "warning:" in line]
    assert len(warned) == 1 and "'id' (0, 1, 2, ...)" in warned[0]


def arrays(folder: Path, rows: int) -> tuple[Any, Any]:
    x = np.random.default_rng(0).normal(size=(rows, 6))
    y = np.arange(rows) % 3
    x[rows - 5, 2] = np.nan
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    np.savez(folder / "a.npz", x=x, y=y)
    return x, y


NPY = "{type: npy, features: x.npy, target: y.npy}"


@pytest.mark.parametrize("source", [NPY, "{type: npz, path: a.npz}"])
def test_arrays_are_looked_at(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dlcli.data.sources import arrays as sources

    arrays(tmp_path, 3000)
    path = net(tmp_path, source, "[standardize]")
    checked, trained = both(path, tmp_path)
    assert checked.code == trained.code == 3
    assert "nan in row 2995, column_3" in checked.err
    monkeypatch.setattr(sources, "FEW_BYTES", 1000)
    checked = dlcli("validate", path)
    assert checked.code == 0, checked.err
    words = "x.npy: the rows behind the first 1,000." if source == NPY else "only their headers"
    assert words in checked.out


def test_initial_weights_that_are_not_there_are_said(tmp_path: Path) -> None:
    path = net(tmp_path)
    path.write_text(path.read_text().replace("}]}", "}], initial_weights: w.safetensors}"))
    checked = dlcli("validate", path)
    assert checked.code == 0
    assert "not checked: The data file 'w.safetensors' was not found" in checked.out
    (tmp_path / "w.safetensors").write_bytes(b"no tensors")
    assert dlcli("validate", path).code == 4
