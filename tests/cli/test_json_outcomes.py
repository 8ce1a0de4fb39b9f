"""With `--json` stdout is one JSON document however a command ends; its error has the exit code.

Each command is tried with every kind of failure, and with drawn command lines, most of them wrong.
"""

import errno
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcli import errors
from dlcli.artifacts import files as artifact_files
from dlcli.artifacts import verification
from dlcli.cli import init as initial
from dlcli.errors import DlcliError
from dlcli.pipeline import describe as describing
from dlcli.pipeline import (
    difference,
    evaluate,
    export,
    importance,
    predict,
    removing,
    report,
    reproduce,
    run,
    seen,
    validate,
    watch_many,
)
from dlcli.pipeline import doctor as examining
from dlcli.pipeline.interruption import Interrupted, Stopped
from tests.cli.calls import dlcli
from tests.cli.small import write

KINDS = {
    "bug": 1, "usage": 2, "config": 2, "data": 3, "artifact": 4, "locked": 5, "storage": 6,
    "memory": 6, "diverged": 7, "gate": 8, "export": 9, "differs": 10, "not_comparable": 11,
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A folder with a config, its data and a finished run."""

    folder: Path
    config: Path
    run: Path
    rows: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("outcomes")
    config = write(folder, "trees")
    call = dlcli("train", config, "--output-dir", folder / "runs", "--workers", "1")
    return Place(folder, config, call.run, folder / "trees.csv")


def outcome(*arguments: str | Path) -> dict[str, Any]:
    """The document of a command line that has `--json` in it."""
    call = dlcli(*arguments)
    document = json.loads(call.out, parse_constant=pytest.fail)
    assert isinstance(document, dict)
    assert call.out.endswith("\n") and "Traceback" not in call.err
    if call.code == 0:
        assert "error" not in document
        return document
    error = document["error"]
    assert error["code"] == call.code
    assert KINDS.get(error["kind"], call.code) == call.code
    assert error["kind"] in {*KINDS, "interrupted"}
    assert error["message"] and isinstance(error["message"], str)
    # The person at the terminal is told the same.
    told = "".join(call.err.split())
    assert "".join(error["message"].split()) in told or not error["message"].isprintable()
    for name, kind in (("file", str), ("line", int), ("hint", str)):
        assert isinstance(error.get(name, kind()), kind)
    assert None not in error.values()
    return document


def failure(*arguments: str | Path) -> dict[str, Any]:
    document = outcome(*arguments)
    assert "error" in document
    error: dict[str, Any] = document["error"]
    return error


COMMANDS: dict[str, tuple[Any, str, Callable[[Place], list[str | Path]]]] = {
    # Where a failure is put in, and the arguments.
    "train": (run, "run", lambda p: [p.config, "--output-dir", p.folder / "more"]),
    "watch": (watch_many, "watching", lambda p: [p.run]),
    "evaluate": (evaluate, "results_of", lambda p: [p.run]),
    "validate": (validate, "validate", lambda p: [p.config]),
    "predict": (predict, "predict_rows", lambda p: [p.run, p.rows]),
    "export": (
        export,
        "export",
        lambda p: [p.run, "--format", "bundle", "--output", p.folder / "exported"],
    ),
    "importance": (importance, "importance_of", lambda p: [p.run, "--repeats", "1"]),
    "verify": (verification, "verify", lambda p: [p.run]),
    "reproduce": (reproduce, "reproduce", lambda p: [p.run]),
    "report": (report, "report_runs", lambda p: [p.run]),
    "init": (
        initial,
        "examples",
        lambda p: ["--example", "digits_cnn", "-o", p.folder / "new.yaml"],
    ),
    "describe": (describing, "describe", lambda p: [p.rows]),
    "doctor": (examining, "examine", lambda p: []),
    "diff": (difference, "difference", lambda p: [p.run, p.run]),
    "runs": (seen, "look_into", lambda p: [p.run.parent]),
    "runs show": (seen, "look", lambda p: [p.run]),
    "runs rm": (removing, "remove", lambda p: [p.run, "--dry-run"]),
    "runs prune": (
        removing,
        "prune",
        lambda p: [p.run.parent, "--keep-best", "1", "--by", "loss", "--dry-run"],
    ),
}

FAILURES: dict[str, tuple[BaseException, int]] = {
    name: (kind("what happened\nin two lines"), kind.exit_code)
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, DlcliError)
} | {
    "ctrl-c": (KeyboardInterrupt(), 130),
    "interrupted": (Interrupted("stopped", 15, Path("runs/x-0001")), 143),
    "memory": (MemoryError(), 6),
    "bug": (ZeroDivisionError("oh no"), 1),
    "a bug with a strange name": (KeyError("\udcff\x1b"), 1),
    "end of file": (EOFError(), 1),
}


@pytest.mark.parametrize("failing", FAILURES)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_failure_of_every_command_is_one_document(
    command: str, failing: str, place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # for the report of a bug
    owner, name, arguments = COMMANDS[command]
    error, code = FAILURES[failing]

    def fail(*arguments: Any, **options: Any) -> NoReturn:
        raise error

    monkeypatch.setattr(owner, name, fail)
    found = failure(*command.split(), *arguments(place), "--json")
    assert found["code"] == code
    if isinstance(error, DlcliError):
        assert found["message"] == str(error) and found["kind"] == error.kind
    if found["kind"] == "bug" and not isinstance(error, DlcliError):
        assert Path(found["log"]).parent == tmp_path


def test_every_error_has_a_kind_of_its_own() -> None:
    kinds = [
        kind for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, DlcliError)
    ]  # fmt: skip
    assert {kind.kind: kind.exit_code for kind in kinds} == {
        name: code for name, code in KINDS.items() if name != "memory"
    }


WORDS = [
    "CONFIG", "RUN", "ROWS", "FOLDER", "nothing", "", "-", "a" * 300, "\udcff", "ünï", "--workers",
    "1", "0", "many", "--set", "training.epochs=1", "training.epoch=1", "seed", "--epochs", "-1",
    "--expect", "accuracy>=0", "accuracy>=2", "recall[oak]>=0", "accuracy", "--split", "test",
    "tset", "--frobnicate", "-x", "--example", "digits_cnn", "--list", "--resume", "--name",
    "../up", "--output-dir", "--tolerance", "--data-dir", "--debug=1", "--help",
    "--repeats", "--metric", "accuracy", "--seed",
]  # fmt: skip


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from([*COMMANDS, "schema", "list", "explain", "trian", "--version"]),
    st.lists(st.sampled_from(WORDS), max_size=4),
    st.integers(0, 4),
    st.booleans(),
)
def test_drawn_command_lines_give_one_document(
    place: Place, command: str, words: list[str], where: int, well_begun: bool
) -> None:
    known = {
        "CONFIG": place.config, "RUN": place.run, "ROWS": place.rows, "FOLDER": place.folder,
    }  # fmt: skip
    with tempfile.TemporaryDirectory(dir=place.folder) as name:
        arguments: list[str | Path] = [known.get(word, word) for word in words]
        if well_begun and command in COMMANDS and command not in ("train", "init"):
            arguments = [*COMMANDS[command][2](place), *arguments]
        arguments.insert(where, "--json")
        if command == "train":  # wherever it goes well, it goes there
            arguments += ["--output-dir", Path(name) / "runs", "--workers", "1"]
        if command == "init":
            arguments = ["-o", Path(name) / "new.yaml", *arguments]
        if command.startswith("runs "):  # the run is needed again
            arguments = ["--dry-run"] * (command != "runs show") + arguments
        outcome(*command.split(), *arguments)


def test_a_config_with_several_mistakes_lists_them_all(place: Place, tmp_path: Path) -> None:
    text = place.config.read_text(encoding="utf-8")
    bad = tmp_path / "bad.yaml"
    bad.write_text(text.replace("epochs: 4", "epoch: 4").replace("units: 7", "units: seven"))
    found = failure("train", bad, "--json", "--set", "seed=-1")
    lines = bad.read_text().splitlines()
    row = next(i for i, line in enumerate(lines) if "units: seven" in line)
    first, second, third = found["problems"]
    assert first == {
        "file": str(bad), "line": row + 1, "column": lines[row].index("seven") + 1,
        "message": first["message"],
    }  # fmt: skip
    assert "`units` must be" in first["message"]
    assert second["hint"] == "did you mean `epochs`?" and second["message"].startswith("unknown")
    assert lines[second["line"] - 1][second["column"] - 1 :].startswith("epoch: 4")
    assert third["option"] == "--set seed=-1" and "file" not in third
    assert {name: found[name] for name in ("file", "line", "column")} == {
        name: first[name] for name in ("file", "line", "column")
    }
    assert found["kind"] == "config" and "3 problems in" in found["message"]


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"", 1), (b"# nothing\n", 1), (b"a: 1\nb: \xff\n", 2), (b"- 1\n", 1), (b"a: [1\n", 2)],
)
def test_a_config_that_is_none_has_its_place(content: bytes, line: int, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    found = failure("validate", path, "--json")
    assert (found["file"], found["line"]) == (str(path), line)
    assert str(path) not in found["problems"][0]["message"]


def test_what_is_found_too_late_for_the_text_alone_has_its_line(place: Place) -> None:
    found = failure("train", place.config, "--json", "--set", "data.source.features=[height]")
    assert found["kind"] == "config" and "soil" in found["message"]
    line = place.config.read_text(encoding="utf-8").splitlines()[found["line"] - 1]
    assert "one_hot" in line


def test_a_file_of_a_run_is_named(place: Place, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(place.run, tmp_path / "run"))
    for name in ("evaluation.json", "metrics.jsonl"):
        (copy / name).write_text("{}")
    found = failure("verify", copy, "--json")
    named = [problem["file"] for problem in found["problems"]]
    assert named == [str(copy / "evaluation.json"), str(copy / "metrics.jsonl")]
    (copy / "manifest.json").write_text("[")
    for command in (["evaluate", copy], ["predict", copy, place.rows], ["reproduce", copy]):
        assert failure(*command, "--json")["file"] == str(copy / "manifest.json")
    (copy / "manifest.json").unlink()
    assert failure("verify", copy, "--json")["file"] == str(copy / "manifest.json")


def test_a_disk_that_fails_is_named_with_its_file(place: Place, tmp_path: Path) -> None:
    def full(*arguments: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, "full")

    with artifact_files.using(artifact_files.Operations(write=full)):
        found = failure("train", place.config, "--output-dir", tmp_path, "--json")
    assert found["kind"] == "storage" and found["file"].startswith(str(tmp_path))


def test_an_interrupted_training_says_which_run_goes_on(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*arguments: Any, **more: Any) -> NoReturn:
        raise Stopped(15)

    from dlcli.pipeline import job

    monkeypatch.setattr(job.deploy, "deploy", stopped)
    found = failure("train", place.config, "--output-dir", tmp_path / "runs", "--json")
    path = tmp_path / "runs" / "trees-0001"
    assert (found["code"], found["kind"], found["run"]) == (143, "interrupted", str(path))
    assert found["hint"] == f"dlcli train --resume {path}"


def test_help_is_a_document_too() -> None:
    for command in (*COMMANDS, "schema"):
        words = ["runs", "list"] if command == "runs" else command.split()
        shown = dlcli(*words, "--help").out
        assert outcome(*words, "--json", "--help") == {"help": shown}
        assert outcome(*words, "-h", "--json") == {"help": shown}


@pytest.mark.parametrize("option", ["--output-dir", "--name", "--set", "--data-dir"])
def test_an_option_that_swallows_it_is_a_mistake(option: str, place: Place) -> None:
    found = failure("train", place.config, option, "--json")
    assert found["code"] == 2 and "stands where the value" in found["message"]
    assert [path.name for path in place.folder.glob("--json*")] == []


def test_a_word_behind_two_dashes_is_no_option(place: Place) -> None:
    call = dlcli("validate", "--", "--json")
    assert call.code == 2 and call.out == "" and "--json: there is no such file" in call.err


def test_a_path_that_is_no_text_is_written_in_escapes(tmp_path: Path) -> None:
    found = failure("train", tmp_path / "\udcff.yaml", "--json")
    assert found["code"] == 2 and "no such file" in found["message"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["train", "--frobnicate", "--json"], 2),
        (["evaluate", "--json"], 2),
        (["validate", "nothing.yaml", "--json"], 2),
        (["schema", "--json"], 0),
    ],
)
def test_a_process_writes_one_document(arguments: list[str], code: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dlcli", *arguments],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    document = json.loads(done.stdout)
    assert code == 0 or document["error"]["code"] == code


def test_what_cannot_be_loaded_is_a_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from dlcli import __main__

    for error, code in ((KeyboardInterrupt(), 130), (OSError(errno.EMFILE, "too many"), 6)):

        class Failing:
            def find_spec(self, *arguments: Any, error: BaseException = error) -> NoReturn:
                raise error

        monkeypatch.setattr(sys, "argv", ["dlcli", "train", "--json"])
        monkeypatch.delitem(sys.modules, "dlcli.cli.main", raising=False)
        monkeypatch.setattr(sys, "meta_path", [Failing()])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        monkeypatch.undo()
        assert ended.value.code == code
        assert json.loads(capsys.readouterr().out)["error"]["code"] == code


def test_the_version_is_a_document_too() -> None:
    from dlcli import __version__

    for arguments in (["--version", "--json"], ["--json", "--version"]):
        assert outcome(*arguments) == {"version": __version__}


def test_the_option_belongs_behind_the_command(place: Place) -> None:
    found = failure("--json", "validate", place.config)
    assert found["code"] == 2 and "behind the command" in found["message"]
