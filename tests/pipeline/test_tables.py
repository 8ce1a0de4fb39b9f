"""Tables as people have them, from the file to the answers for new rows."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import r2_score

from tests.cli.calls import dlcli

CONFIG = """\
seed: 3
data:
  source:
    type: csv
    path: trees.csv
    target: kind
    ignore: [note]
    kinds: {{planted: "%d.%m.%Y"}}
  split: {split}
  transforms:
    - {{type: impute, strategy: median, columns: numeric, add_indicator: true}}
    - {{type: date_parts, parts: [year, month], cyclic: true}}
    - {{type: impute, strategy: most_frequent, columns: numeric}}
    - {{type: standardize, columns: numeric}}
    - {{type: one_hot, handle_unknown: ignore}}
model:
  layers:
    - {{type: dense, units: 8, activation: relu}}
    - {{type: dense, units: 3, activation: softmax}}
loss: sparse_categorical_crossentropy
optimizer: {{type: adam, learning_rate: 0.02}}
training: {{epochs: 6, batch_size: 16}}
evaluation: {{metrics: [accuracy]}}
"""
NAMES = ["height", "girth", "soil", "planted", "plot", "note", "kind"]


def rows(count: int) -> list[list[str]]:
    draw = np.random.RandomState(5)
    made = []
    for number in range(count):
        kind = number % 3
        made.append(
            [
                "NA" if number % 7 == 3 else f"{10 * kind + draw.random_sample():.3f}",
                f"{draw.random_sample():.3f}",
                "" if number % 11 == 5 else ["clay", "sand", "peat"][(number // 2) % 3],
                "?"
                if number % 13 == 6
                else f"{1 + number % 28:02}.{1 + kind * 4:02}.{2000 + kind}",
                f"p{number % 20}",
                f"free text, number {number}",
                ["ash", "elm", "fig"][kind],
            ]
        )
    return made


def write(path: Path, table: list[list[str]], names: list[str] = NAMES) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, *table])


def train(folder: Path, split: str = "{validation: 0.2}") -> tuple[str, str]:
    write(folder / "trees.csv", rows(150))
    (folder / "c.yaml").write_text(CONFIG.format(split=split))
    done = dlcli("train", folder / "c.yaml", "--output-dir", folder / "runs")
    assert done.code == 0, done.err
    return done.out.strip(), done.err


def predict(run: str, path: Path) -> tuple[list[list[str]], str]:
    done = dlcli("predict", run, path)
    assert done.code == 0, done.err
    return list(csv.reader(io.StringIO(done.out)))[1:], done.err


def test_new_rows_are_treated_as_training_did(tmp_path: Path) -> None:
    run, _ = train(tmp_path)
    saved = Path(run, "model", "preprocessing.json").read_text()
    assert "%d.%m.%Y" in saved and "missingindicator_height" in saved
    whole = ["12.5", "0.5", "clay", "07.05.2001", "p1"]
    gaps = ["NA", "0.5", "clay", "07.05.2001", "p1"]
    odd = ["12.5", "0.5", "loam", "07.05.2001", "p77"]
    write(tmp_path / "new.csv", [whole, gaps, odd], NAMES[:5])
    answers, told = predict(run, tmp_path / "new.csv")
    assert "column 'height': 1 of 3 cells, the first in row 1 (counted from 0), are missing" in told
    assert "column 'soil': 1 of 3 cells, the first in row 2" in told
    assert "column 'plot': 1 of 3 cells" in told
    # Each row is answered as if it were alone, and with its columns in any order.
    turned = [1, 4, 0, 3, 2]
    for row, answer in zip((whole, gaps, odd), answers, strict=True):
        write(tmp_path / "one.csv", [[row[j] for j in turned]], [NAMES[j] for j in turned])
        assert predict(run, tmp_path / "one.csv")[0] == [answer]


def test_a_gap_where_training_had_no_way_with_gaps_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "trees.csv", rows(150))
    config = CONFIG.format(split="{validation: 0.2}")
    kept = [line for line in config.splitlines() if "most_frequent" not in line]
    (tmp_path / "c.yaml").write_text("\n".join(kept))
    done = dlcli("validate", tmp_path / "c.yaml")
    assert done.code == 2 and "the cell of column 'planted.year' is missing" in done.err
    assert re.search(r"trees.csv, line \d+ ", done.err) and "`impute`" in done.err


@pytest.mark.parametrize(
    "split",
    ["{by: order}", "{by: time, column: girth}", "{by: group, column: plot, test: 0.3}"],
)
def test_a_run_that_is_split_otherwise_is_a_run(split: str, tmp_path: Path) -> None:
    run, _ = train(tmp_path, split)
    for command in (("verify", run), ("evaluate", run), ("reproduce", run, "--epochs", "2")):
        done = dlcli(*command)
        assert done.code == 0, done.err
    columns = json.loads(Path(run, "model", "preprocessing.json").read_text())
    assert ("plot" in json.dumps(columns)) == ("plot" not in split)


def test_several_targets_are_learned_and_answered_by_name(tmp_path: Path) -> None:
    draw = np.random.RandomState(2)
    x = draw.standard_normal((200, 3))
    y = np.column_stack([x[:, 0] * 100.0, x[:, 1] - x[:, 2]]) + 5.0
    write(
        tmp_path / "t.csv",
        np.column_stack([x, y]).astype(str).tolist(),
        ["a", "b", "c", "big", "low"],
    )
    (tmp_path / "c.yaml").write_text(
        """
data:
  source: {type: csv, path: t.csv, target: [big, low]}
  target_transform: standardize
model: {layers: [{type: dense, units: 16, activation: relu}, {type: dense, units: 2}]}
loss: mse
optimizer: {type: adam, learning_rate: 0.02}
training: {epochs: 40, batch_size: 16}
evaluation: {metrics: [r2]}
"""
    )
    done = dlcli("train", tmp_path / "c.yaml", "--output-dir", tmp_path / "runs", "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    told = dlcli("predict", result["run"], tmp_path / "t.csv")
    header, *lines = csv.reader(io.StringIO(told.out))
    assert header == ["value_big", "value_low"]
    found = np.array(lines, float)
    assert r2_score(y, found) > 0.9
    assert result["metrics"]["test"]["metrics"]["r2"] > 0.8
