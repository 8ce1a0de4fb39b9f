"""`--summary FILE`: what a command ended with, as Markdown that nothing in a file can change."""

import json
import os
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any, NoReturn

import pytest

from dlcli.artifacts import files
from dlcli.artifacts.history import digest_of_tensors
from dlcli.cli.summarized import summarized
from dlcli.errors import DataError, DiffersError
from dlcli.pipeline import reproduce
from dlcli.pipeline.job_summary import JobSummary
from tests.cli.calls import dlcli, train
from tests.cli.small import write
from tests.exactness.runs import edit_manifest


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("summary")
    return train(write(folder, "trees"), folder / "runs").run


def cells(text: str, first: str) -> list[str]:
    """The cells of the table row whose first cell this is, without what sets them in type."""
    for line in text.splitlines():
        row = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if row and row[0].strip("` ") == first:
            return [cell.strip("` ") for cell in row]
    raise AssertionError(f"no row {first!r} in {text}")


def test_train_adds_its_metrics_and_gates(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("### what was there\n")
    gates = ("--expect", "accuracy>=0", "--expect", "recall[cédre]<=1")
    call = train(write(tmp_path, "trees"), tmp_path / "runs", "--summary", page, *gates)
    assert call.code == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("### what was there\n\n### dlcli train ")
    assert text.splitlines()[2].endswith("trees.yaml`: done")
    results = json.loads((call.run / "evaluation.json").read_bytes())
    assert cells(text, "metric")[1:] == ["test (30 rows)", "validation (24 rows)"]
    for name in ("loss", "accuracy", "f1"):
        found = [float(cell) for cell in cells(text, name)[1:]]
        wanted = [results[part]["metrics"][name] for part in ("test", "validation")]
        assert found == pytest.approx(wanted, rel=1e-3)
    assert cells(text, "recall[cédre] <= 1")[-1] == "met"
    assert str(call.run) in text and "4 epochs, kept: " in text
    before = page.read_bytes()
    assert dlcli("train", "--resume", call.run, "--summary", page).code == 0
    assert page.read_bytes().startswith(before) and page.stat().st_size > len(before)


def test_a_gate_that_is_not_met_is_told_with_what_was_found(run: Path, tmp_path: Path) -> None:
    gates = ("--expect", "accuracy>=2", "--expect", "loss>=0")
    for number, command in enumerate((
        ["evaluate", run],
        ["train", write(tmp_path, "trees"), "--output-dir", tmp_path / "r", "--workers", "1"],
    )):  # fmt: skip
        page = tmp_path / f"{number}.md"
        assert dlcli(*command, *gates, "--summary", page).code == 8
        text = page.read_text(encoding="utf-8")
        assert "**not good enough** (exit code 8)" in text.splitlines()[0]
        assert cells(text, "accuracy >= 2")[-1] == "**not met**"
        assert cells(text, "loss >= 0")[-1] == "met"
        assert 0 < float(cells(text, "accuracy")[1]) <= 1


def test_several_runs_have_mean_and_spread(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    call = train(write(tmp_path, "prices"), tmp_path / "r", "--seeds", "2", "--summary", page)
    found = json.loads((call.run / "summary.json").read_bytes())
    text = page.read_text(encoding="utf-8")
    assert cells(text, "metric")[1] == "test, mean of 2 seeds"
    mean, spread = cells(text, "r2")[1:]
    assert float(mean) == pytest.approx(found["mean"]["r2"], rel=1e-3)
    assert float(spread.removeprefix("± ")) == pytest.approx(found["spread"]["r2"], rel=1e-3)
    assert len(cells(text, "seed-0")) == 1 + len(found["mean"])
    assert dlcli("evaluate", call.run, "--summary", page, "--expect", "r2>=2").code == 8
    assert cells(page.read_text(encoding="utf-8"), "r2 >= 2")[-1] == "**not met**"
    other = tmp_path / "other.md"
    assert dlcli("reproduce", call.run, "--summary", other, "--workers", "1").code == 0
    assert other.read_text().count(": identical: 3 epochs") == 2


def test_reproduce_tells_the_first_difference(run: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    assert dlcli("reproduce", run, "--summary", page, "--workers", "1").code == 0
    assert "- identical: 4 epochs" in page.read_text()
    other = tmp_path / "other"
    shutil.copytree(run, other)

    def change(document: Any) -> None:
        tensors = document["tensors"]["2"]
        tensors["dense_1.bias"] = "0" * 64
        document["epochs"][1]["digest"] = digest_of_tensors(tensors)

    edit_manifest(other / "manifest.json", change)
    page = tmp_path / "differs.md"
    call = dlcli("reproduce", other, "--summary", page, "--workers", "1")
    assert call.code == 10, call.err
    told = page.read_text(encoding="utf-8")
    assert told.splitlines()[0].endswith("**differs** (exit code 10)")
    assert cells(told, "epoch")[1] == "2"
    assert cells(told, "tensor")[1] == "dense_1.bias"
    assert "differs: first at epoch 2" in told


def test_the_run_that_differs_is_named_with_those_that_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = train(write(tmp_path, "prices"), tmp_path / "r", "--seeds", "2")
    right = reproduce.reproduce

    def second_differs(place: Path, *arguments: Any) -> reproduce.Reproduced:
        if place.name == "seed-1":
            details = {"epoch": 3, "tensor": "dense_1/kernel"}
            raise DiffersError("differs: first at epoch 3", details=details)
        return right(place, *arguments)

    monkeypatch.setattr(reproduce, "reproduce", second_differs)
    page = tmp_path / "page.md"
    assert dlcli("reproduce", call.run, "--summary", page, "--workers", "1").code == 10
    text = page.read_text()
    assert "- `seed-0`: identical" in text
    wanted = [["run", "seed-1"], ["epoch", "3"], ["tensor", "dense_1/kernel"]]
    assert [cells(text, first) for first, _ in wanted] == wanted


def test_a_mistake_is_told_as_it_is(tmp_path: Path) -> None:
    """In a fence that the config's own lines cannot close, and without loading a network."""
    config = write(tmp_path, "trees")
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("loss:", 'lossy: "```` <img src=x onerror=alert(1)> |"\nloss:'))
    page = tmp_path / "page.md"
    call = train(config, tmp_path / "runs", "--summary", page)
    assert call.code == 2
    lines = page.read_text(encoding="utf-8").splitlines()
    assert lines[0].endswith("**failed** (exit code 2)")
    first = next(i for i, line in enumerate(lines) if line.startswith("`"))
    assert lines[first] == "`````text" and lines[-1] == "`````"
    inside = lines[first + 1 : -1]
    assert any("<img" in line for line in inside)
    assert not any(line.lstrip().startswith("`````") for line in inside)
    assert call.err.removeprefix("error: ").rstrip("\n").splitlines() == inside


ODD = "a|b `c` <b>x</b> *d* [e](http://f)"


def test_names_of_classes_are_not_markdown(tmp_path: Path) -> None:
    config = write(tmp_path, "trees")
    table = tmp_path / "trees.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("ash", ODD), encoding="utf-8")
    page = tmp_path / "page.md"
    gate = f"recall[{ODD}]>=0"
    assert train(config, tmp_path / "r", "--summary", page, "--expect", gate).code == 0
    text = page.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if "recall[" in line)
    assert "a\\|b" in line and len(re.split(r"(?<!\\)\|", line)) == 6
    assert re.search(r"`` ?recall\[a.*\] >= 0 ?``", line)  # a span of code, in spite of its ticks


def test_everything_that_is_told_is_escaped() -> None:
    """Outside of code, no character of a message is left that begins something."""
    page = JobSummary("train", ODD)
    page.reproduced({"": "<script>| *x*"})
    (line,) = [line for line in page._lines if line]
    assert line == "- \\<script\\>| \\*x\\*"
    assert unescape(line) == line


@pytest.mark.parametrize("name", ["", ".", "nowhere/page.md", "page.md/x", "a" * 5000, "pipe"])
def test_a_page_that_cannot_be_written_is_known_before_anything_is_done(
    name: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.md").write_text("")
    os.mkfifo(tmp_path / "pipe")
    config = write(tmp_path / "c", "trees")
    for command in (["evaluate", run], ["reproduce", run],
                    ["train", config, "--output-dir", "runs"]):  # fmt: skip
        call = dlcli(*command, "--summary", name, "--json")
        error = json.loads(call.out)["error"]
        assert call.code == error["code"] == 2
        assert "$GITHUB_STEP_SUMMARY" in error["message"]
    assert not (tmp_path / "runs").exists()


def test_a_disk_that_fails_at_the_end_leaves_the_run_and_says_so(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    right = files.append_text

    def full(path: Path, text: str) -> None:
        if path == page:
            raise files.StorageError("the disk is full", file=path)
        right(path, text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "append_text", full)
        call = train(write(tmp_path, "prices"), tmp_path / "runs", "--summary", page)
        assert call.code == 6 and "the disk is full" in call.err
        run = Path(call.out.strip())
        assert run.is_dir()  # its path was told before
        # What went wrong first keeps its code.
        call = dlcli("evaluate", run, "--summary", page, "--expect", "r2>=2")
        assert call.code == 8 and "the disk is full" in call.err
    assert dlcli("verify", run).code == 0
    shutil.rmtree(run)


def test_without_a_file_nothing_is_told() -> None:
    def fail() -> NoReturn:
        with summarized(None, "train", Path("a")) as page:
            assert page is None
            raise DataError("x")

    with pytest.raises(DataError):
        fail()
