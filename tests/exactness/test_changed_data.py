"""Data that is not what a run was trained on is told with its file, its row, its names."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.run_directory import ROWS, RunDirectory
from dlcli.artifacts.verification import verify
from dlcli.pipeline.interruption import Interrupted
from tests.cli.calls import dlcli
from tests.exactness.runs import SMALL, changed, content, edit_manifest, stop_after, train, write
from tests.exactness.test_earlier_versions import FIXTURES

FLOWERS = changed(
    SMALL,
    data__source={"type": "csv", "path": "flowers.csv", "target": "kind"},
    model={"layers": [{"type": "dense", "units": 3, "activation": "softmax"}]},
    loss={"type": "sparse_categorical_crossentropy"},
    data__transforms=[{"type": "one_hot", "columns": ["colour"]}],
    training={"epochs": 2, "batch_size": 8},
)
ARRAYS = changed(
    FLOWERS,
    data__source={"type": "npy", "features": "x.npy", "target": "y.npy"},
    data__transforms=[],
)


def lines() -> list[str]:
    colours, kinds = ("red", "green", "blue"), ("rose", "iris", "lily")
    rows = [f"{n % 7},{colours[n % 3]},{kinds[n * 5 % 3]}" for n in range(40)]
    return ["size,colour,kind", *rows]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run; line 2 of its CSV is row 0."""
    config = write(tmp_path, FLOWERS)
    (tmp_path / "flowers.csv").write_text("\n".join(lines()) + "\n")
    return train(config, tmp_path / "runs")


def told(run: Path, *, command: str = "evaluate") -> str:
    """What a command says of the data; the error for programs says the same."""
    words = {"resume": ["train", "--resume", run, "--set", "training.epochs=9"]}
    call = dlcli(*words.get(command, [command, run]), "--json")
    assert call.code == 3, call.err
    error = json.loads(call.out)["error"]
    assert error["message"].startswith("the data is not what the run was trained on: ")
    return str(error["message"])


Edit = Callable[[list[str]], Any]


def cell(line: int, old: str, new: str) -> Edit:
    def edit(text: list[str]) -> None:
        assert old in text[line - 1]
        text[line - 1] = text[line - 1].replace(old, new, 1)

    return edit


@pytest.mark.parametrize(
    ("edit", "roles", "words"),
    [
        (cell(14, "5,", "5.5,"), "all.features", ["flowers.csv: the first row that differs is"]),
        (cell(2, "0,", "1,"), "all.features", ["the first row that differs is line 2"]),
        (cell(41, "4,", "3,"), "all.features", ["the first row that differs is line 41"]),
        (cell(5, "rose", "iris"), "all.targets", ["column 'kind': the first row that differs is"]),
        (
            cell(20, "red", "amber"),
            "all.features, columns",
            ["columns: their names are as they were, but the texts in them", "differs is line 20"],
        ),
        (
            cell(5, "rose", "aster"),
            "all.targets, classes",
            ["classes: new: 'aster'", "the first row that differs is", "line 5"],
        ),
        (cell(1, "size", "girth"), "columns", ["columns: new: 'girth'; gone: 'size'"]),
        (
            lambda text: text.append("1,red,rose"),
            "all.features, all.targets",
            ["it has 41 rows now, it had 40; the first 40 rows are as they were"],
        ),
        (
            lambda text: text.pop(),
            "all.features, all.targets",
            ["it has 39 rows now, it had 40; the first 39 rows are as they were"],
        ),
        (
            lambda text: text.insert(10, "9,red,lily"),
            "all.features, all.targets",
            ["it has 41 rows now, it had 40; the first row that differs is line 11"],
        ),
        (
            lambda text: text.__setitem__(slice(1, None), [f"0,{line}" for line in text[1:]])
            or cell(1, "size", "id,size")(text),
            "all.features, columns",
            ["columns: new: 'id'", "of a row are float64 (3,) now, they were float64 (2,)"],
        ),
    ],
    ids=[
        "a number", "the first row", "the last row", "a class", "a new category", "a new class",
        "a column's name", "a row more", "a row less", "a row between", "a column more",
    ],
)  # fmt: skip
def test_what_is_another_is_told(edit: Edit, roles: str, words: list[str], run: Path) -> None:
    path = run.parents[1] / "flowers.csv"
    text = lines()
    edit(text)
    path.write_text("\n".join(text) + "\n")
    before = content(run)
    for command in ("evaluate", "reproduce", "resume"):
        message = told(run, command=command)
        assert message.partition("\n")[0].endswith(f": {roles} changed")
        for part in words:
            assert part in message
        assert str(path) in message or roles == "columns"
        assert message.endswith("Restore the original data, or train anew")
    assert content(run) == before


def test_programs_get_file_and_line(run: Path) -> None:
    path = run.parents[1] / "flowers.csv"
    path.write_text("\n".join(lines()).replace("5,red", "6,red", 1) + "\n")
    error = json.loads(dlcli("evaluate", run, "--json").out)["error"]
    assert error["file"] == str(path)
    assert "\n".join(lines()).splitlines()[error["line"] - 1].startswith("5,red")


def test_a_new_class_is_told_before_the_network_is_found_too_narrow(run: Path) -> None:
    text = lines()
    cell(4, "iris", "tulip")(text)
    (run.parents[1] / "flowers.csv").write_text("\n".join(text) + "\n")
    assert "classes: new: 'tulip'" in told(run)


def test_an_interrupted_run_tells_the_row_too(tmp_path: Path) -> None:
    config = write(tmp_path)
    with pytest.raises(Interrupted):
        train(config, tmp_path / "runs", stop=stop_after(3))
    run = tmp_path / "runs" / "small-0001"
    verify(RunDirectory(run))
    text = (tmp_path / "small.csv").read_text()
    (tmp_path / "small.csv").write_text(text.replace("\n7,", "\n8,", 1))
    line = text.splitlines().index(next(row for row in text.splitlines() if row.startswith("7,")))
    assert f"the first row that differs is line {line + 1}" in told(run, command="resume")
    (tmp_path / "small.csv").write_text(text)
    call = dlcli("train", "--resume", run)
    assert call.code == 0, call.err


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    x = np.arange(120, dtype=np.float32).reshape(40, 3)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", np.arange(40) % 3)
    return train(write(tmp_path, ARRAYS), tmp_path / "runs")


def test_of_arrays_the_file_that_changed_is_told(arrays: Path) -> None:
    folder = arrays.parents[1]
    x, y = np.load(folder / "x.npy"), np.load(folder / "y.npy")
    other = y.copy()
    other[7] = 0
    np.save(folder / "y.npy", other)
    message = told(arrays)
    assert f"{folder / 'y.npy'}: the first row that differs is row 7 (counted from 0)" in message
    assert "x.npy" not in message
    np.save(folder / "y.npy", y)
    x[11, 2] += 1
    np.save(folder / "x.npy", x)
    message = told(arrays, command="reproduce")
    assert f"{folder / 'x.npy'}: the first row that differs is row 11 (counted from 0)" in message
    np.save(folder / "x.npy", x.astype(np.float64))
    assert "are float64 (3,) now, they were float32 (3,)" in told(arrays)


def test_of_many_rows_those_that_share_a_print_are_told(tmp_path: Path) -> None:
    rows = 140_000
    x = np.arange(rows, dtype=np.float32)[:, None] / rows
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", np.arange(rows) % 3)
    many = changed(ARRAYS, training={"epochs": 1, "batch_size": 4096, "max_steps": 1})
    run = train(write(tmp_path, many), tmp_path / "runs")
    assert (run / ROWS).stat().st_size < 300_000
    x[100_001] += 1
    np.save(tmp_path / "x.npy", x)
    assert "(rows 100,000 to 100,003, counted from 0)" in told(run)


def test_the_record_of_rows_is_a_listed_file_that_knows_no_place(tmp_path: Path) -> None:
    one = train(write(tmp_path / "a"), tmp_path / "runs")
    (tmp_path / "b" / "c").mkdir(parents=True)
    other = train(write(tmp_path / "b" / "c"), tmp_path / "others")
    assert (one / ROWS).read_bytes() == (other / ROWS).read_bytes()
    assert ROWS in read_manifest(one).files
    (one / ROWS).write_bytes(b"")
    assert dlcli("verify", one).code == 4


def old(run: Path) -> Path:
    """As an earlier version has left it."""
    (run / ROWS).unlink()
    edit_manifest(run / "manifest.json", lambda document: document["files"].pop(ROWS))
    return run


def test_a_run_without_the_record_is_verified_evaluated_and_reproduced(run: Path) -> None:
    old(run)
    for command in (["verify", run], ["evaluate", run], ["reproduce", run]):
        call = dlcli(*command)
        assert call.code == 0, call.err
    path = run.parents[1] / "flowers.csv"
    path.write_text("\n".join(lines()).replace("5,red", "6,red", 1) + "\n")
    message = told(run)
    assert f"{path}: which row is another cannot be told, because the run has no record" in message


def test_a_run_of_an_earlier_version_names_the_file(tmp_path: Path) -> None:
    run = tmp_path / "flowers-0001"
    shutil.copytree(FIXTURES / run.name, run)
    for path in FIXTURES.glob("*.csv"):
        shutil.copy(path, tmp_path)
        text = (tmp_path / path.name).read_text().splitlines()
        (tmp_path / path.name).write_text("\n".join(text[:-1]) + "\n")
    call = dlcli("evaluate", run, "--data-dir", tmp_path)
    assert call.code == 3
    assert "which row is another cannot be told" in call.err and ".csv" in call.err


def test_a_manifest_alone_names_the_file(run: Path, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    shutil.copy(run / "manifest.json", tmp_path / "alone")
    text = "\n".join(lines()).replace("5,red", "6,red", 1)
    (tmp_path / "alone" / "flowers.csv").write_text(text)
    call = dlcli("reproduce", tmp_path / "alone" / "manifest.json")
    assert call.code == 3
    assert "flowers.csv: which row is another cannot be told" in call.err


@pytest.mark.parametrize("what", ["pipe", "huge", "empty", "of other data", "a link", "cut"])
def test_a_record_that_lies_is_not_followed(what: str, tmp_path: Path) -> None:
    config = write(tmp_path)
    with pytest.raises(Interrupted):
        train(config, tmp_path / "runs", stop=stop_after(3))
    run = tmp_path / "runs" / "small-0001"
    path = run / ROWS
    data = path.read_bytes()
    path.unlink()
    if what == "pipe":
        os.mkfifo(path)
    elif what == "huge":
        with path.open("wb") as file:
            file.truncate(1 << 40)
    elif what == "a link":
        path.symlink_to("/dev/zero")
    elif what == "of other data":
        other = train(write(tmp_path / "other", changed(SMALL, data__source={
            "type": "friedman1", "samples": 40,
        }, loss={"type": "mean_squared_error"}, evaluation={"metrics": []},
            model={"layers": [{"type": "dense", "units": 1}]})), tmp_path / "others")  # fmt: skip
        path.write_bytes((other / ROWS).read_bytes())
    else:
        path.write_bytes(data[: len(data) // 2] if what == "cut" else b"")
    text = (tmp_path / "small.csv").read_text()
    (tmp_path / "small.csv").write_text(text.replace("\n7,", "\n8,", 1))
    assert "which row is another cannot be told" in told(run, command="resume")
