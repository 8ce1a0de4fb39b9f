"""`dlcli predict`: rows from CSV and .npy files, answers as CSV and JSON, and bad rows."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.deploy.bundle import Bundle
from tests.cli.calls import dlcli, refused, train
from tests.cli.small import KINDS, write


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("predict")
    return {
        name: train(write(folder, name), folder / "runs").run
        for name in ("trees", "prices", "images", "yes-no")
    }


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_classes_come_with_their_probabilities(runs: dict[str, Path], rows: Path) -> None:
    rows.write_text("height,girth,soil\n10.5,1.0,clay\n18,2,sand\n")
    call = dlcli("predict", runs["trees"], rows)
    assert call.code == 0 and call.err == ""
    assert call.out.splitlines()[0] == "class,p_ash,p_beech,p_cédre"
    found = table(call.out)
    assert len(found) == 2
    for row in found:
        chances = {name: float(row[f"p_{name}"]) for name in KINDS}
        assert sum(chances.values()) == pytest.approx(1.0, abs=1e-5)
        assert row["class"] == max(chances, key=lambda name: chances[name])


def test_columns_are_found_by_name_in_any_order_and_others_are_ignored(
    runs: dict[str, Path], rows: Path
) -> None:
    rows.write_text("height,girth,soil\n10.5,1.0,clay\n18,2,sand\n")
    expected = dlcli("predict", runs["trees"], rows).out
    rows.write_text('note,soil,kind,height,girth\n"a, b",clay,,10.5,1.0\nx,sand,ash,18,2\n')
    assert dlcli("predict", runs["trees"], rows).out == expected


def test_json_holds_the_same(runs: dict[str, Path], rows: Path) -> None:
    rows.write_text("height,girth,soil\n10.5,1.0,clay\n18,2,sand\n")
    lines = table(dlcli("predict", runs["trees"], rows).out)
    document = json.loads(dlcli("predict", runs["trees"], rows, "--json").out)
    assert document["rows"] == 2
    assert [{k: str(v) for k, v in row.items()} for row in document["predictions"]] == lines


def test_the_printed_numbers_are_the_bits_of_the_answer(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    images = np.random.default_rng(0).integers(0, 17, (9, 8, 8, 1), np.uint8)
    np.save(tmp_path / "images.npy", images)
    call = dlcli("predict", runs["images"], tmp_path / "images.npy")
    printed = [[np.float32(row[f"p_{k}"]) for k in range(10)] for row in table(call.out)]
    answers = Bundle.load(runs["images"] / "deploy" / "bundle").predict(images)
    assert np.array(printed).tobytes() == answers.tobytes()


def test_a_row_of_a_file_alone_gets_the_same_line(runs: dict[str, Path], rows: Path) -> None:
    lines = [f"{8 + i / 7:.3f},{0.5 + i / 60:.3f},{('clay', 'sand')[i % 2]}" for i in range(100)]
    header = "height,girth,soil"
    rows.write_text("\n".join([header, *lines]))
    together = dlcli("predict", runs["trees"], rows).out.splitlines()[1:]
    for place in (0, 1, 37, 63, 64, 98, 99):
        rows.write_text(f"{header}\n{lines[place]}\n")
        assert dlcli("predict", runs["trees"], rows).out.splitlines()[1:] == [together[place]]


def test_images_with_and_without_a_channel_axis_are_the_same(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    images = np.random.default_rng(0).integers(0, 17, (4, 8, 8), np.uint8)
    np.save(tmp_path / "a.npy", images)
    np.save(tmp_path / "b.npy", images[..., np.newaxis])
    np.save(tmp_path / "c.npy", np.asfortranarray(images.astype(np.float64)))
    calls = [dlcli("predict", runs["images"], tmp_path / f"{name}.npy") for name in "abc"]
    assert calls[0].out == calls[1].out == calls[2].out
    assert [row["class"] in "0123456789" for row in table(calls[0].out)] == [True] * 4


def test_regression_prints_values_in_the_targets_units(runs: dict[str, Path], rows: Path) -> None:
    rows.write_text("girth\n0.5\n1.5\n2.5\n")
    found = table(dlcli("predict", runs["prices"], rows).out)
    assert [list(row) for row in found] == [["value"]] * 3
    assert all(5.0 < float(row["value"]) < 25.0 for row in found)


def test_two_classes_have_one_probability(runs: dict[str, Path], tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.full((2, 30), 100.0))
    found = table(dlcli("predict", runs["yes-no"], tmp_path / "rows.npy").out)
    assert [list(row) for row in found] == [["class", "p_malignant"]] * 2
    for row in found:
        assert row["class"] == ("malignant" if float(row["p_malignant"]) > 0.5 else "benign")


def test_a_file_is_split_as_the_one_that_was_trained_on(tmp_path: Path) -> None:
    config = write(tmp_path, "trees")
    data = tmp_path / "trees.csv"
    data.write_text(data.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8")
    run = train(config, tmp_path / "runs", "--set", "data.source.delimiter=;").run
    assert len(table(dlcli("predict", run, data).out)) == 120


BAD: dict[str, tuple[str, str]] = {
    "a column is missing": ("height,soil\n1,clay\n", "lacks 1 of the model's 3 feature columns"),
    "another name": ("height,girht,soil\n1,1,clay\n", "did you mean 'girht'?"),
    "text where numbers are": ("height,girth,soil\ntall,1,clay\n", "line 2, column 'height'"),
    "an empty cell": ("height,girth,soil\n1,,clay\n", "line 2, column 'girth' is missing"),
    "a ragged line": ("height,girth,soil\n1,1,clay\n1,1\n", "line 3 has 2 cells"),
    "another category": ("height,girth,soil\n1,1,clay\n1,1,loam\n", "line 3, column 'soil'"),
    "no rows": ("height,girth,soil\n", "has a header but no rows"),
    "nothing at all": ("", "is empty"),
    "a NUL byte": ("height,girth,soil\n1,1,\0\n", "NUL"),
    "too large": ("height,girth,soil\n1e300,1,clay\n", "too large for float32"),
    "infinite": ("height,girth,soil\ninf,1,clay\n", "not a finite number"),
    "the same column twice": ("height,girth,soil,soil\n1,1,clay,clay\n", "two columns"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_rows_are_named_with_their_place(case: str, runs: dict[str, Path], rows: Path) -> None:
    text, words = BAD[case]
    rows.write_text(text)
    message = refused(dlcli("predict", runs["trees"], rows), 3)
    assert words in message and str(rows) in message


def save(path: Path, array: Any) -> Path:
    np.save(path, array, allow_pickle=True)
    return path


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 7, 8)), "the model takes rows of shape (8, 8, 1)"),
        (np.zeros((8, 8, 1)), "without an axis of rows"),
        (np.zeros((0, 8, 8, 1)), "at least one row"),
        (np.zeros(()), "the model takes rows of shape"),
        (np.full((1, 8, 8, 1), np.nan), "holds nan in row 0"),
        (np.array([{}], object), "Python objects"),
        (np.array(["a"]), "values of type"),
        (np.zeros((1, 8, 8, 1), complex), "values of type"),
        (np.full((1, 8, 8, 1), 1e300), "too large for float32"),
    ],
)
def test_arrays_that_do_not_fit_are_named(
    array: Any, words: str, runs: dict[str, Path], tmp_path: Path
) -> None:
    path = save(tmp_path / "rows.npy", array)
    message = refused(dlcli("predict", runs["images"], path), 3)
    assert words in message and str(path) in message


def test_what_is_no_file_of_rows_is_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    assert "was not found" in refused(dlcli("predict", runs["trees"], tmp_path / "no.csv"), 3)
    assert refused(dlcli("predict", runs["trees"], tmp_path), 3)
    (tmp_path / "cut.npy").write_bytes(b"\x93NUM")
    assert "not a .npy array" in refused(dlcli("predict", runs["images"], tmp_path / "cut.npy"), 3)
    csv_of_images = tmp_path / "images.csv"
    csv_of_images.write_text("a\n1\n")
    assert "as a .npy file" in refused(dlcli("predict", runs["images"], csv_of_images), 3)
    np.save(tmp_path / "rows.npy", np.zeros((1, 3)))
    assert "'soil' is text" in refused(dlcli("predict", runs["trees"], tmp_path / "rows.npy"), 3)
