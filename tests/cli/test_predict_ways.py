"""`dlcli predict`: every way in and out, the columns of answers, rows that are left out, bundles
that have left their run, files larger than what is answered at once."""

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from dlcli.deploy import answering
from tests.cli.calls import dlcli, refused, train
from tests.cli.small import KINDS, write
from tests.exactness.runs import environment

HEADER = "name,height,girth,soil"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("ways")
    return {
        name: train(write(folder, name), folder / "runs").run
        for name in ("trees", "prices", "images")
    }


def lines(count: int) -> list[str]:
    return [
        f'"tree, {i}",{8 + i / 7:.3f},{0.5 + i / 60:.3f},{("clay", "sand")[i % 2]}'
        for i in range(count)
    ]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("\n".join([HEADER, *lines(50)]))
    return path


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_what_is_asked_in_other_formats_gets_the_same_answers(
    runs: dict[str, Path], rows: Path
) -> None:
    expected = dlcli("predict", runs["trees"], rows, "--id", "name")
    assert expected.code == 0 and expected.out.startswith("name,class,p_ash")
    records = table(rows.read_text())
    numbers = [
        {**row, "height": float(row["height"]), "girth": float(row["girth"])} for row in records
    ]
    for suffix in ("jsonl", "ndjson"):
        other = rows.with_suffix(f".{suffix}")
        other.write_text("".join(json.dumps(row) + "\n" for row in numbers))
        assert dlcli("predict", runs["trees"], other, "--id", "name").out == expected.out
    for suffix in ("parquet", "pq"):
        other = rows.with_suffix(f".{suffix}")
        parquet.write_table(pyarrow.Table.from_pylist(numbers), other)
        assert dlcli("predict", runs["trees"], other, "--id", "name").out == expected.out


def test_answers_are_written_in_three_formats(runs: dict[str, Path], rows: Path) -> None:
    wanted = table(dlcli("predict", runs["trees"], rows, "--id", "name").out)
    found = {}
    for suffix in ("csv", "jsonl", "parquet"):
        output = rows.with_name(f"answers.{suffix}")
        call = dlcli("predict", runs["trees"], rows, "--id", "name", "-o", output)
        assert call.code == 0 and call.out == f"{output}\n"
        found[suffix] = output
    assert table(found["csv"].read_text()) == wanted
    records = [json.loads(line) for line in found["jsonl"].read_text().splitlines()]
    assert [{key: str(value) for key, value in row.items()} for row in records] == wanted
    records = parquet.read_table(found["parquet"]).to_pylist()
    assert [{key: str(value) for key, value in row.items()} for row in records] == wanted
    call = dlcli("predict", runs["trees"], rows, "--format", "jsonl", "--id", "name")
    assert call.out == found["jsonl"].read_text()
    assert "give --output FILE" in refused(
        dlcli("predict", runs["trees"], rows, "--format", "parquet"), 2
    )


def test_a_file_of_answers_appears_when_all_are_there(runs: dict[str, Path], rows: Path) -> None:
    rows.write_text(rows.read_text() + "\nlast,1,x,clay\n")
    output = rows.with_name("answers.csv")
    refused(dlcli("predict", runs["trees"], rows, "-o", output), 3)
    assert not output.exists() and {path.name for path in output.parent.iterdir()} == {"rows.csv"}


def test_the_best_classes_their_names_or_their_probabilities(
    runs: dict[str, Path], rows: Path
) -> None:
    whole = table(dlcli("predict", runs["trees"], rows).out)
    top = table(dlcli("predict", runs["trees"], rows, "--top", 2).out)
    assert [list(row) for row in top] == [["class_1", "p_1", "class_2", "p_2"]] * 50
    for row, best in zip(whole, top, strict=True):
        order = sorted(KINDS, key=lambda name: -float(row[f"p_{name}"]))
        assert [best["class_1"], best["class_2"]] == order[:2] and best["class_1"] == row["class"]
        assert [best["p_1"], best["p_2"]] == [row[f"p_{name}"] for name in order[:2]]
    classes = table(dlcli("predict", runs["trees"], rows, "--classes").out)
    assert classes == [{"class": row["class"]} for row in whole]
    numbers = table(dlcli("predict", runs["trees"], rows, "--proba").out)
    assert numbers == [{k: v for k, v in row.items() if k != "class"} for row in whole]
    names = table(dlcli("predict", runs["trees"], rows, "--top", 1, "--classes").out)
    assert names == [{"class_1": row["class"]} for row in whole]
    assert "the network knows 3 classes" in refused(
        dlcli("predict", runs["trees"], rows, "--top", 4), 2
    )
    assert "leave nothing" in refused(
        dlcli("predict", runs["trees"], rows, "--proba", "--classes"), 2
    )
    rows.write_text("girth\n1\n")
    assert "answers numbers" in refused(dlcli("predict", runs["prices"], rows, "--top", 1), 2)


def test_columns_that_are_left_aside_are_counted(runs: dict[str, Path], rows: Path) -> None:
    call = dlcli("predict", runs["trees"], rows)
    assert call.err == f"note: 1 column of {rows} left aside, the model reads others: name\n"
    message = refused(dlcli("predict", runs["trees"], rows, "--id", "nam"), 2)
    assert "has no column 'nam'; did you mean 'name'?" in message
    np.save(rows.with_name("rows.npy"), np.zeros((2, 8, 8, 1), np.uint8))
    message = refused(dlcli("predict", runs["images"], rows.with_name("rows.npy"), "--id", "a"), 2)
    assert "no columns with names" in message


def test_what_a_table_lacks_is_told_with_both_schemas(runs: dict[str, Path], rows: Path) -> None:
    rows.write_text("height,girht\n1,2\n")
    message = refused(dlcli("predict", runs["trees"], rows), 3)
    assert "lacks 2 of the model's 3 feature columns: 'girth', 'soil'" in message
    assert (
        "The model reads 'height' (number), 'girth' (number), 'soil' (text: clay, sand)" in message
    )
    assert "the file has 'height', 'girht'" in message


BAD = {
    3: "a,1,2\n",
    7: "b,x,1,clay\n",
    8: "c,1,,clay\n",
    20: "d,1,1,loam\n",
    21: "e,1e300,1,clay\n",
    40: "f,1,1,clay,more\n",
}


def test_bad_rows_are_named_and_left_out_where_that_is_wanted(
    runs: dict[str, Path], rows: Path
) -> None:
    good = lines(50)
    expected = dlcli("predict", runs["trees"], rows).out.splitlines()
    text, places, number = [HEADER + "\n"], [], 0
    for i, line in enumerate(good):
        if i in BAD:
            text.append(BAD[i])
            number += 1
        text.append(line + "\n")
        places.append(number)
        number += 1
    rows.write_text("".join(text))
    refused(dlcli("predict", runs["trees"], rows), 3)
    call = dlcli("predict", runs["trees"], rows, "--skip-bad")
    assert call.code == 0
    found = call.out.splitlines()
    assert found[0] == "row," + expected[0]
    assert found[1:] == [f"{n},{line}" for n, line in zip(places, expected[1:], strict=True)]
    assert call.err.count("left out: ") == len(BAD)
    assert f"warning: {len(BAD)} rows of {rows} are left out" in call.err
    for words in ("has 3 cells", "'x'", "is missing", "'loam'", "too large", "has 5 cells"):
        assert words in call.err, words
    named = dlcli("predict", runs["trees"], rows, "--skip-bad", "--id", "name").out
    assert [row["name"] for row in table(named)] == [f"tree, {i}" for i in range(50)]
    rows.write_text(HEADER + "\n" + "".join(BAD.values()))
    assert "no row can be answered" in refused(
        dlcli("predict", runs["trees"], rows, "--skip-bad"), 3
    )


def test_a_bundle_answers_wherever_it_lies(
    runs: dict[str, Path], rows: Path, tmp_path: Path
) -> None:
    expected = dlcli("predict", runs["trees"], rows).out
    away = tmp_path / "away"
    shutil.copytree(runs["trees"] / "deploy" / "bundle", away / "net")
    shutil.copy(runs["trees"] / "deploy" / "bundle.pyz", away / "net.pyz")
    for place in (away / "net", away / "net.pyz", runs["trees"] / "model"):
        call = dlcli("predict", place, rows)
        assert (call.code, call.out) == (0, expected)
    (away / "net" / "weights.safetensors").unlink()
    refused(dlcli("predict", away / "net", rows), 4)
    assert "it has neither" in refused(dlcli("predict", away, rows), 2)


def test_a_large_file_is_answered_in_pieces(
    runs: dict[str, Path], rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows.write_text("\n".join([HEADER, *lines(3000)]))
    whole = dlcli("predict", runs["trees"], rows).out
    monkeypatch.setattr(answering, "AT_ONCE", 70)
    monkeypatch.setattr(answering, "_DESK_BYTES", 1)
    for workers in (1, 3):
        assert dlcli("predict", runs["trees"], rows, "--workers", workers).out == whole
    images = np.random.default_rng(0).integers(0, 17, (300, 8, 8), np.uint8)
    np.save(rows.with_name("images.npy"), images)
    pieces = dlcli("predict", runs["images"], rows.with_name("images.npy")).out
    monkeypatch.undo()
    assert dlcli("predict", runs["images"], rows.with_name("images.npy")).out == pieces


def alone(run: Path, rows: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`dlcli predict` as a process by itself, which may fork."""
    command = [sys.executable, "-m", "dlcli", "predict", str(run), str(rows), *options]
    return subprocess.run(command, env=environment(), capture_output=True, text=True)


def test_processes_give_the_same_answers_and_the_same_errors(
    runs: dict[str, Path], rows: Path
) -> None:
    rows.write_text("\n".join([HEADER, *lines(40_000)]))
    many = alone(runs["trees"], rows, "--workers", "3")
    assert (many.returncode, many.stdout) == (0, dlcli("predict", runs["trees"], rows).out)
    far = [*lines(30_000), '"tree, x",1e300,0.5,clay', *lines(5000)]
    rows.write_text("\n".join([HEADER, *far]))
    for options in ([], ["--skip-bad"]):
        one, three = (alone(runs["trees"], rows, "--workers", n, *options) for n in ("1", "3"))
        assert one.returncode == (0 if options else 3) and "30000" in one.stderr
        told = (one.returncode, one.stdout, one.stderr)
        assert told == (three.returncode, three.stdout, three.stderr)


def test_a_worker_that_is_lost_is_said(runs: dict[str, Path], rows: Path) -> None:
    program = """
import os, signal, sys
from dlcli.deploy import answering
task = answering.Answering._task
def killed(self, worker, number):
    if worker == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    task(self, worker, number)
answering.Answering._task = killed
from dlcli.__main__ import main
main()
"""
    rows.write_text("\n".join([HEADER, *lines(5000)]))
    command = [sys.executable, "-c", program, "predict", str(runs["trees"]), str(rows)]
    done = subprocess.run(
        [*command, "--workers", "2"], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 6 and "a worker process was ended by SIGKILL" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_quoted_line_break_far_down_changes_how_a_file_is_read_and_no_answer(
    runs: dict[str, Path], rows: Path
) -> None:
    """The quick reader gives up in the middle; what it has read is not answered twice."""
    text = lines(30_000)
    text[25_000] = text[25_000].replace("tree, ", "tr\x0bee\n, ")
    text[29_999] += ",more"
    rows.write_text("\n".join([HEADER, *text[:-1]]))
    call = dlcli("predict", runs["trees"], rows, "--id", "name", "--classes")
    assert call.code == 0
    assert [row["name"] for row in table(call.out)][::24_999] == ["tree, 0", "tree, 24999"]
    assert len(table(call.out)) == 29_999
    rows.write_text("\n".join([HEADER, *text]))
    call = dlcli("predict", runs["trees"], rows)
    assert call.code == 3 and "line 30002 has 5 cells" in call.err
    assert len(table(call.out)) > 16_000  # what was answered until then
