"""A run that is not where the command line says: which one was meant, and how to give many."""

import json
import shlex
from pathlib import Path

import pytest

from tests.cli.calls import dlcli, files, refused, train
from tests.cli.small import write

COMMANDS = (
    "diff RUN RUN", "report RUN", "runs show RUN", "runs rm RUN", "verify RUN", "watch RUN",
    "predict RUN rows.csv", "train --resume RUN", "evaluate RUN", "reproduce RUN",
    "importance RUN", "export RUN --format onnx",
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("missing")
    config = write(folder, "trees")
    for _ in range(2):
        train(config, folder / "runs", "--set", "training.epochs=1")
    return folder


@pytest.fixture(autouse=True)
def _there(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["latest", "trees-0001"])
def test_a_name_without_its_folder_is_recognized(command: str, name: str, trained: Path) -> None:
    before = files(trained)
    words = refused(dlcli(*command.replace("RUN", name).split()), 2)
    assert name in words and words.endswith(f"; did you mean runs/{name}?\n")
    assert files(trained) == before


@pytest.mark.parametrize("name", ["trees-0009", "../runs", "a" * 253, "/nothing"])
def test_nothing_is_meant_that_is_not_there(name: str) -> None:
    for command in ("verify", "evaluate"):
        assert "did you mean" not in refused(dlcli(command, name), 2)


def test_programs_are_told_too() -> None:
    error = json.loads(dlcli("evaluate", "latest", "--json").out)["error"]
    assert (error["file"], error["hint"]) == ("latest", "did you mean runs/latest?")


def test_a_page_of_a_directory_of_runs_says_how_to_ask_for_it(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = refused(dlcli("report", "runs", "-o", "all.html"), 2)
    assert "it holds 2 runs" in words and not Path("all.html").exists()
    command = shlex.split(words.split("`")[1])
    assert command == ["dlcli", "report", "runs/*", "-o", "all.html"]
    there = sorted(Path("runs").iterdir())  # as a shell has it, with `latest`
    call = dlcli("report", *there, "-o", "all.html")
    assert call.code == 0, call.err
    once = Path("all.html").read_bytes()
    assert dlcli("report", *there[1:], "-o", "all.html").code == 0 and len(there) == 3
    assert Path("all.html").read_bytes() == once
    monkeypatch.chdir(trained / "runs")
    assert "report ./* -o FILE" in refused(dlcli("report", "."), 2).replace("'", "")


def test_a_directory_without_runs_is_none(tmp_path: Path) -> None:
    assert "is not a run directory" in refused(dlcli("report", tmp_path), 2)
