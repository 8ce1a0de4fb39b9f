"""`dlcli runs`: the list, one run, and removal, with runs in every state."""

import csv
import io
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from dlcli.artifacts import locks
from dlcli.artifacts.locks import is_locked
from dlcli.cli import listed as listed_runs
from dlcli.pipeline import seen
from tests.cli.calls import Call, dlcli, files, refused
from tests.cli.small import write
from tests.cli.states import DAMAGE, at_work, copied, make
from tests.exactness.runs import edit_manifest

FIRST, SECOND, THIRD, STOPPED = (f"small-{number:04d}" for number in range(1, 5))
EVIL = "\x1b[31mred\x9b2J\u202e"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("states"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return copied(original, tmp_path)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    config = write(folder, "trees")
    call = dlcli(
        "train", config, "--output-dir", folder / "runs", "--workers", "1", "--folds", "2",
        "--set", "training.epochs=1", "--set", "training.keep=last",
    )  # fmt: skip
    return call.run.parent


def listed(*arguments: str | Path) -> dict[str, dict[str, Any]]:
    """The runs of `--json` by name, in their order."""
    call = dlcli("runs", *arguments, "--json")
    assert call.code == 0, call.err
    return {run["name"]: run for run in json.loads(call.out)["runs"]}


def table(call: Call) -> list[list[str]]:
    assert call.code == 0, call.err
    return [line.split() for line in call.out.splitlines()]


def test_a_line_for_each_run_with_what_differs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    lines = table(dlcli("runs", folder))
    assert lines[0] == [
        "run", "status", "epochs", "val_loss", "val_accuracy", "units", "learning_rate", "age",
    ]  # fmt: skip
    assert [line[:3] for line in lines[1:5]] == [
        [FIRST, "complete", "3/3"],
        [SECOND, "complete", "4/4"],
        [THIRD, "complete", "5/5"],
        [STOPPED, "unfinished", "3/8"],
    ]
    assert [line[5:7] for line in lines[1:5]] == [
        ["4", "0.05"], ["4", "0.01"], ["6", "0.05"], ["4", "0.05"],
    ]  # fmt: skip


def test_what_has_no_room_stands_in_a_second_table(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = table(dlcli("runs", folder))
    assert lines[0][-2:] == ["units", "age"] and lines[5] == []
    assert lines[6:] == [
        ["run", "learning_rate"], [FIRST, "0.05"], [SECOND, "0.01"], [THIRD, "0.05"],
        [STOPPED, "0.05"],
    ]  # fmt: skip
    monkeypatch.setenv("LINES", "9")
    monkeypatch.setattr(listed_runs, "_MOST_TWICE", 3)  # of very many runs it is named
    words = "they differ in learning_rate, too: see --csv or --json"
    assert dlcli("runs", folder).out.splitlines()[5:] == ["", words]


def test_metrics_are_those_of_the_kept_epoch_and_of_the_test_part(folder: Path) -> None:
    found = listed(folder)
    for name, run in found.items():
        lines = (folder / name / "metrics.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        last = {key: value for key, value in rows[-1].items() if key not in ("epoch", "step")}
        tested = {}
        if run["status"] == "complete":
            document = json.loads((folder / name / "evaluation.json").read_bytes())
            tested = {f"test_{key}": v for key, v in document["test"]["metrics"].items()}
        assert run["metrics"] == {**last, **tested}
        assert run["epochs"] == run["kept_epoch"] == len(rows)
    assert found[STOPPED]["settings"] == {
        "optimizer.learning_rate": 0.05, "model.layers.0.units": 4, "training.epochs": 8,
    }  # fmt: skip


def test_of_a_run_that_keeps_the_best_its_metrics_are_shown(tmp_path: Path) -> None:
    call = dlcli(
        "train", write(tmp_path, "trees"), "--output-dir", tmp_path / "runs", "--workers", "1",
        "--set", "optimizer.learning_rate=0.9", "--set", "training.epochs=40", "--json",
    )  # fmt: skip
    told = json.loads(call.out)
    (run,) = listed(tmp_path / "runs").values()
    assert told["kept_epoch"] < told["epochs"] == run["epochs"]
    assert run["kept_epoch"] == told["kept_epoch"]
    assert run["metrics"]["val_loss"] == told["best"]["value"]


def test_the_default_is_the_directory_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert listed() == listed("list") == listed("list", "runs") == listed("runs")
    assert len(listed()) == 4
    now = time.time()
    monkeypatch.setattr("dlcli.cli.listed.time.time", lambda: now)  # ages do not change meanwhile
    assert dlcli("runs").out == dlcli("runs", "list").out == dlcli("runs", "runs").out
    monkeypatch.chdir(folder)
    assert "the directory runs is not there" in refused(dlcli("runs"), 2)


def test_a_slip_of_a_command_is_no_directory(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert "prune" in refused(dlcli("runs", "prun"), 2)
    (tmp_path / "prun").mkdir()
    assert dlcli("runs", "prun").code == 0


@pytest.mark.parametrize(
    ("metric", "way"),
    [("val_loss", 1), ("loss", 1), ("accuracy", -1), ("val_accuracy", -1), ("test_accuracy", -1)],
)
def test_the_best_come_first(metric: str, way: int, folder: Path) -> None:
    runs = listed(folder, "--sort", metric)
    known = [run["metrics"].get(metric) for run in runs.values()]
    values = [way * value for value in known if value is not None]
    assert len(values) >= 3 and values == sorted(values)
    assert None not in known[: len(values)]  # a run without it comes last
    assert metric in table(dlcli("runs", folder, "--sort", metric))[0]


def _without_validation(run: Path) -> None:
    """As if it had no validation part."""

    def change(document: dict[str, Any]) -> None:
        for epoch in document["epochs"]:
            metrics = epoch["metrics"]
            epoch["metrics"] = {k: v for k, v in metrics.items() if not k.startswith("val_")}

    edit_manifest(run / "manifest.json", change)


def test_runs_without_a_validation_part_are_shown_with_the_test_part(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    _without_validation(folder / FIRST)
    lines = table(dlcli("runs", folder))
    assert lines[0][3:6] == ["val_loss", "val_accuracy", "test_accuracy"]
    shutil.rmtree(folder / STOPPED)
    for name in (SECOND, THIRD):
        _without_validation(folder / name)
    lines = table(dlcli("runs", folder))
    assert lines[0][3:6] == ["test_loss", "test_accuracy", "units"]
    assert "note" not in dlcli("runs", folder).err
    by = [run["metrics"]["test_accuracy"] for run in listed(folder).values()]
    found = listed(folder, "--where", f"test_accuracy>={max(by)!r}", "--sort", "test_loss")
    assert 0 < len(found) == by.count(max(by))


def test_of_a_run_without_validation_and_test_the_training_part_is_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    path = folder / STOPPED / "metrics.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows = [{k: v for k, v in row.items() if not k.startswith("val_")} for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = table(dlcli("runs", folder))
    assert lines[0][3:6] == ["val_loss", "val_accuracy", "accuracy"]
    for name in (FIRST, SECOND, THIRD):
        shutil.rmtree(folder / name)
    assert table(dlcli("runs", folder))[0][3:5] == ["loss", "accuracy"]
    assert dlcli("runs", folder, "--sort", "accuracy").err == ""


def test_it_is_told_of_which_part_a_bare_name_is(folder: Path) -> None:
    words = "note: accuracy is the training part's; there are val_accuracy and test_accuracy, too\n"
    for arguments in (
        ("--sort", "accuracy"), ("--where", "accuracy>0"),
        ("--sort", "accuracy", "--where", "accuracy>0"), ("--sort", "accuracy", "--json"),
    ):  # fmt: skip
        assert dlcli("runs", folder, *arguments).err == words
    prune = ("runs", "prune", folder, "--keep-best", "1", "--dry-run", "--by")
    assert dlcli(*prune, "accuracy").err == words
    for metric in ("val_accuracy", "test_accuracy"):
        assert dlcli("runs", folder, "--sort", metric, "--where", f"{metric}>0").err == ""
        assert dlcli(*prune, metric).err == ""
    assert dlcli("runs", folder, "--sort", "epochs").err == ""


def test_sorting_by_other_facts(folder: Path) -> None:
    assert list(listed(folder, "--sort", "name")) == [FIRST, SECOND, THIRD, STOPPED]
    assert list(listed(folder, "--sort", "epochs")) == [THIRD, SECOND, FIRST, STOPPED]
    assert list(listed(folder, "--sort", "status"))[-1] == STOPPED
    for number, name in enumerate((THIRD, FIRST, STOPPED, SECOND)):
        path = folder / name / "environment.json"
        document = json.loads(path.read_bytes())
        document["started"] = f"2026-01-0{number + 1}T00:00:00+0000"
        path.write_text(json.dumps(document))
    assert list(listed(folder, "--sort", "age")) == [SECOND, STOPPED, FIRST, THIRD]


def test_only_those_that_satisfy_every_gate(folder: Path) -> None:
    runs = listed(folder)
    losses = {name: run["metrics"]["val_loss"] for name, run in runs.items()}
    low, high = min(losses.values()), max(losses.values())
    assert low < high
    some = listed(folder, "--where", f"val_loss<{high!r}")
    assert list(some) == [name for name, value in losses.items() if value < high]
    both = listed(folder, "--where", f"val_loss < {high!r}", "--where", f"val_loss>{low!r}")
    assert list(both) == [name for name, value in losses.items() if low < value < high]
    assert STOPPED not in listed(folder, "--where", "test_accuracy>=0")
    call = dlcli("runs", folder, "--where", "val_loss<0")
    assert call.code == 0 and "no run is like that" in call.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sort", "val_acuracy"], "Did you mean val_accuracy?"),
        (["--sort", "val_acuracy", "--where", "val_loss<0"], "Did you mean val_accuracy?"),
        (["--where", "acuracy>0"], "Did you mean accuracy?"),
        (["--where", "accuracy"], "--where 'accuracy': write a metric"),
        (["--where", "recall[yes]>0"], "single classes"),
        (["--csv", "--json"], "not both"),
    ],
)
def test_mistakes_are_told(arguments: list[str], words: str, folder: Path) -> None:
    call = dlcli("runs", folder, *arguments)
    assert call.code == 2 and words in call.err and "Traceback" not in call.err


def test_places_that_hold_no_runs(folder: Path, tmp_path: Path) -> None:
    assert "is not there" in refused(dlcli("runs", "list", tmp_path / "nothing"), 2)
    (tmp_path / "file").write_text("")
    assert "is a file" in refused(dlcli("runs", tmp_path / "file"), 2)
    assert "is a run; `dlcli runs show" in refused(dlcli("runs", folder / FIRST), 2)
    refused(dlcli("runs", "a" * 5000), 2)
    refused(dlcli("runs", "list", "a\0b"), 2)
    (tmp_path / "empty").mkdir()
    assert "no run is there" in dlcli("runs", tmp_path / "empty").out
    assert listed(tmp_path / "empty", "--sort", "val_loss") == {}


def test_csv_has_every_metric_and_setting(folder: Path) -> None:
    call = dlcli("runs", folder, "--csv")
    rows = list(csv.DictReader(io.StringIO(call.out)))
    found = listed(folder)
    assert [row["run"] for row in rows] == [run["run"] for run in found.values()]
    for row, run in zip(rows, found.values(), strict=True):
        assert (row["status"], int(row["epochs"])) == (run["status"], run["epochs"])
        for name, value in run["metrics"].items():
            assert float(row[name]) == value
        assert float(row["optimizer.learning_rate"]) == run["settings"]["optimizer.learning_rate"]
        assert row["training.epochs"] == str(run["settings"]["training.epochs"])
    assert rows[3]["test_loss"] == ""


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_run_is_told_in_its_line_and_the_others_are_shown(
    what: str, folder: Path
) -> None:
    spoil, words = DAMAGE[what]
    spoil(folder / SECOND)
    before = files(folder)
    runs = listed(folder)
    assert [run["status"] for run in runs.values()] == [
        "complete", "damaged", "complete", "unfinished",
    ]  # fmt: skip
    assert words in runs[SECOND]["problem"]
    call = dlcli("runs", folder, "--sort", "val_loss")
    assert call.code == 0 and words in call.out
    assert dlcli("runs", folder, "--csv").code == 0
    assert words in refused(dlcli("runs", "show", folder / SECOND), 4)
    assert files(folder) == before


@pytest.mark.parametrize("content", [b"[]\n", b"{\n", b"\xff\n", b'{"epoch": "x"}\n', b"[" * 999])
def test_an_unfinished_run_with_other_metrics(content: bytes, folder: Path) -> None:
    (folder / STOPPED / "metrics.jsonl").write_bytes(content)
    expected = "damaged" if content.endswith(b"\n") else "unfinished"  # a line that is not whole
    assert listed(folder)[STOPPED]["status"] == expected


def test_a_run_before_its_first_epoch_and_before_its_manifest(folder: Path) -> None:
    (folder / STOPPED / "metrics.jsonl").unlink()
    (folder / STOPPED / "manifest.json").unlink()
    run = listed(folder)[STOPPED]
    assert (run["status"], run["epochs"], run["metrics"]) == ("unfinished", 0, {})
    assert run["settings"]["training.epochs"] == 8


def test_a_folder_of_somebody_elses_is_foreign(folder: Path) -> None:
    (folder / "notes").mkdir()
    (folder / "notes" / "file.txt").write_text("mine")
    (folder / "website").mkdir()
    (folder / "website" / "manifest.json").write_text('{"short_name": "Web"}')
    (folder / "README.txt").write_text("a file is no run")
    (folder / ".hidden").mkdir()
    (folder / "link").symlink_to("small-0001")
    runs = listed(folder)
    assert runs.keys() == {FIRST, SECOND, THIRD, STOPPED, "notes", "website"}
    assert runs["notes"]["status"] == runs["website"]["status"] == "foreign"
    for name in ("notes", "website"):
        refused(dlcli("runs", "show", folder / name), 2)


@pytest.mark.parametrize("name", [FIRST, STOPPED])
def test_a_run_at_work_is_running(name: str, folder: Path) -> None:
    with at_work(folder / name):
        runs = listed(folder)
        assert [n for n, run in runs.items() if run["status"] == "running"] == [name]
        assert dlcli("runs", "show", folder / name).code == 0
    assert "running" not in [run["status"] for run in listed(folder).values()]


def test_a_run_that_has_only_just_begun_is_running(folder: Path) -> None:
    (folder / "small-0005").mkdir()
    assert listed(folder)["small-0005"]["status"] == "unfinished"
    with at_work(folder / "small-0005"):
        assert listed(folder)["small-0005"]["status"] == "running"


def test_who_looks_whether_a_run_is_at_work_does_not_keep_others_from_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock that a look takes for a moment is there at the first try, and gone at the next."""
    run = folder / FIRST
    flock = locks.fcntl.flock
    looking = os.open(run, os.O_RDONLY)
    flock(looking, locks.fcntl.LOCK_SH)
    assert not is_locked(run)  # two may look at once
    monkeypatch.setattr(locks.time, "sleep", lambda seconds: flock(looking, locks.fcntl.LOCK_UN))
    with locks.locked(run):
        assert is_locked(run)
    os.close(looking)
    assert not is_locked(run)


def test_what_files_hold_does_not_command_the_terminal(folder: Path) -> None:
    def rename(document: dict[str, Any]) -> None:
        document["config"]["name"] = EVIL
        document["config"]["optimizer"]["type"] = EVIL
        for epoch in document["epochs"]:
            epoch["metrics"][f"val_{EVIL}"] = "0x1.0000000000000p-1"

    path = folder / FIRST / "manifest.json"
    edit_manifest(path, rename)
    (folder / f"small{EVIL}-0007").mkdir()
    shutil.copytree(folder / SECOND, folder / f"x{EVIL}-0001")
    (folder / f"x{EVIL}-0001" / "rows.safetensors").unlink()
    for arguments in (
        ["runs", folder],
        ["runs", folder, "--csv"],
        ["runs", "show", folder / FIRST],
        ["runs", "show", folder / f"x{EVIL}-0001"],
        ["runs", "rm", folder / f"x{EVIL}-0001", "--dry-run"],
        ["runs", "prune", folder, "--keep-best", "1", "--dry-run"],
        ["diff", folder / FIRST, folder / SECOND],
    ):
        call = dlcli(*arguments)
        text = call.out + call.err
        assert not {"\x1b", "\x9b", "\u202e"} & set(text), arguments
        assert "\\x1b" in text, arguments


def test_numbers_and_dates_that_nobody_has(folder: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["config"]["evaluation"] = {"metrics": ["nothing", {"type": 3}, 4]}
        document["config"]["training"] = {"keep": "best", "early_stopping": [1], "epochs": "many"}
        for epoch in document["epochs"]:
            epoch["metrics"]["huge"] = int("9" * 390)

    edit_manifest(folder / FIRST / "manifest.json", change)
    (folder / FIRST / "environment.json").write_text('{"started": "9999-99-99"}')
    (folder / SECOND / "environment.json").write_text("[")
    runs = listed(folder)
    assert runs[FIRST]["started"] is None is runs[SECOND]["started"]
    assert runs[FIRST]["status"] == "complete" and "huge" not in runs[FIRST]["metrics"]
    assert dlcli("runs", folder).code == 0 == dlcli("runs", "show", folder / FIRST).code


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_table_is_as_wide_as_the_terminal(
    columns: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    def grow(document: dict[str, Any]) -> None:
        for number in range(30):
            document["config"][f"setting_{number}"] = "a value of many words " * 3

    edit_manifest(folder / FIRST / "manifest.json", grow)
    (folder / FIRST).rename(folder / ("long" * 40 + "-0001"))
    lines = dlcli("runs", folder).out.splitlines()
    rows = lines[: lines.index("")]
    assert len(rows) == 5
    assert max(map(len, rows)) <= max(columns, 70)
    assert "too: see --csv or --json" in lines[-1]
    assert ("setting_1" in rows[0]) == (columns == 200)


def test_two_hundred_runs_take_no_time(folder: Path) -> None:
    for number in range(200):
        shutil.copytree(folder / THIRD, folder / f"copy-{number:04d}")
    began = time.process_time()
    assert len(listed(folder)) == 204
    assert time.process_time() - began < 4


def test_of_a_large_file_only_the_end_is_read(folder: Path) -> None:
    with (folder / FIRST / "metrics.jsonl").open("r+b") as file:
        file.truncate(1 << 40)
    with (folder / STOPPED / "metrics.jsonl").open("r+b") as file:
        file.truncate(1 << 40)
    runs = listed(folder)
    assert (runs[FIRST]["status"], runs[STOPPED]["status"]) == ("damaged", "unfinished")


@pytest.mark.parametrize("what", ["pipe", "device", "folder"])
def test_nothing_in_a_files_place_hangs_the_list(what: str, folder: Path) -> None:
    for name in ("manifest.json", "environment.json", "evaluation.json", "metrics.jsonl"):
        for run in (FIRST, STOPPED):
            path = folder / run / name
            if not path.exists():
                continue
            path.rename(folder / "kept")
            if what == "pipe":
                os.mkfifo(path)
            elif what == "device":
                path.symlink_to("/dev/zero")
            else:
                path.mkdir()
            assert len(listed(folder)) == 4
            assert dlcli("runs", "show", folder / run).code in (0, 4)
            path.rmdir() if what == "folder" else path.unlink()
            (folder / "kept").rename(path)


def test_several_runs_are_one_line_and_their_directory_lists_them(many: Path) -> None:
    (run,) = listed(many).values()
    assert (run["status"], run["runs"]) == ("complete", ["fold-1", "fold-2"])
    summary = json.loads((many / run["name"] / "summary.json").read_bytes())
    for name, value in summary["mean"].items():
        assert run["metrics"][f"test_{name}"] == pytest.approx(value)
    inside = listed(many / run["name"])
    assert list(inside) == ["fold-1", "fold-2"]
    assert inside["fold-2"]["settings"] == {"data.split.fold": 2}
    shown = dlcli("runs", "show", many / run["name"])
    assert shown.code == 0 and "mean of all" in shown.out and "fold-2" in shown.out


def test_several_runs_that_are_half_way(many: Path, tmp_path: Path) -> None:
    folder = copied(many, tmp_path)
    root = folder / "trees-0001"
    (root / "summary.json").unlink()
    shutil.rmtree(root / "fold-2")
    run = listed(folder)["trees-0001"]
    assert (run["status"], run["problem"]) == ("unfinished", "1 of 2 folds are complete")
    with at_work(root / "fold-1"):
        assert listed(folder)["trees-0001"]["status"] == "running"
    (root / "fold-1" / "manifest.json").write_text("{")
    assert listed(folder)["trees-0001"]["status"] == "damaged"
    (root / "many.json").write_text("{}")
    assert listed(folder)["trees-0001"]["status"] == "damaged"


def test_show_tells_of_one_run(folder: Path) -> None:
    call = dlcli("runs", "show", folder / "latest")
    assert call.code == 0 and STOPPED in call.out and "unfinished" in call.out
    call = dlcli("runs", "show", folder / FIRST)
    assert max(map(len, call.out.splitlines()[1:])) <= 80
    lines = [line.split() for line in call.out.splitlines()]
    run = listed(folder)[FIRST]
    (accuracy,) = [line for line in lines if line[:1] == ["accuracy"]]
    assert [float(cell) for cell in accuracy[1:]] == [
        round(run["metrics"][name], 4) for name in ("accuracy", "val_accuracy", "test_accuracy")
    ]
    document = json.loads(dlcli("runs", "show", folder / FIRST, "--json").out)
    assert document["settings"]["optimizer.learning_rate"] == 0.05
    assert document["data"] == json.loads((folder / FIRST / "manifest.json").read_bytes())["data"]
    refused(dlcli("runs", "show", folder / "nothing"), 2)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_rm_removes_what_is_named_and_says_so(folder: Path) -> None:
    content = {name: files(folder / name) for name in (FIRST, SECOND, THIRD, STOPPED)}
    told = dlcli("runs", "rm", folder / FIRST, folder / THIRD, folder / THIRD, "--dry-run")
    assert told.out.count("would remove") == 2 and FIRST in names(folder)
    call = dlcli("runs", "rm", folder / FIRST, folder / THIRD)
    assert call.out == told.out.replace("would remove", "removed")
    size = sum(map(len, content[FIRST].values()))
    line = f"removed {folder / FIRST} ({len(content[FIRST])} files, {size:,} bytes)"
    assert call.out.splitlines()[0] == line
    assert names(folder) == ["latest", SECOND, STOPPED]
    assert files(folder / SECOND) == content[SECOND] and files(folder / STOPPED) == content[STOPPED]
    assert str((folder / "latest").readlink()) == STOPPED  # as it was


def test_latest_points_at_the_newest_run_that_is_left(folder: Path) -> None:
    found = json.loads(dlcli("runs", "rm", folder / "latest", "--json").out)
    assert [one["run"] for one in found["removed"]] == [str(folder / STOPPED)]
    assert str((folder / "latest").readlink()) == THIRD
    assert dlcli("runs", "rm", folder / SECOND).code == 0
    assert str((folder / "latest").readlink()) == THIRD
    assert dlcli("runs", "rm", folder / FIRST, folder / "latest").code == 0
    assert names(folder) == []


@pytest.mark.parametrize("what", [*DAMAGE, "unfinished", "without a manifest", "claimed"])
def test_what_dlcli_made_can_be_removed_in_any_state(what: str, folder: Path) -> None:
    run = folder / SECOND
    if what in DAMAGE:
        DAMAGE[what][0](run)
    elif what == "unfinished":
        run = folder / STOPPED
    elif what == "without a manifest":
        (run / "manifest.json").unlink()
    else:
        run = folder / "small-0009"
        run.mkdir()
        (run / "environment.json").write_text("{}")
    assert dlcli("runs", "rm", run).code == 0
    assert not run.exists()


def test_a_removal_that_was_interrupted_is_seen_and_done_again(folder: Path) -> None:
    """What a run is known by goes last."""
    from dlcli.artifacts import files as artifact_files

    left = [9]

    def interrupted(path: Path) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        path.unlink()

    with artifact_files.using(artifact_files.Operations(unlink=interrupted)):
        assert dlcli("runs", "rm", folder / FIRST).code == 130
    assert listed(folder)[FIRST]["status"] == "damaged"
    assert dlcli("runs", "rm", folder / FIRST).code == 0
    assert FIRST not in names(folder)


def test_rm_refuses_what_is_no_run_and_what_others_have_put_there(folder: Path) -> None:
    (folder / "notes").mkdir()
    (folder / "website-0001").mkdir()
    (folder / "website-0001" / "manifest.json").write_text('{"short_name": "Web"}')
    (folder / "project-0001" / "model").mkdir(parents=True)
    (folder / "project-0001" / "config.yaml").write_text("mine")
    (folder / FIRST / "notes.txt").write_text("mine")
    before = files(folder)
    for path, words in {
        folder / "nothing": "there is no run directory",
        folder / "notes": "no run directory of dlcli",
        folder / "website-0001": "no run directory of dlcli",
        folder / "project-0001": "no run directory of dlcli",
        folder / FIRST / "model": "no run directory of dlcli",
        folder / FIRST / "config.yaml": "is a file",
        folder / FIRST: "dlcli did not write notes.txt in it",
        folder: "no run directory of dlcli",
    }.items():
        assert words in refused(dlcli("runs", "rm", folder / SECOND, path), 2)
    assert files(folder) == before  # not even the good one was removed


def test_rm_follows_no_link_out_of_a_run(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    (folder / FIRST / "deploy" / "link").symlink_to(outside)
    assert dlcli("runs", "rm", folder / FIRST).code == 0
    assert (outside / "file").read_text() == "mine"


def test_rm_leaves_a_run_at_work_alone(folder: Path) -> None:
    before = files(folder)
    with at_work(folder / STOPPED):
        for more in ([], ["--dry-run"]):
            call = dlcli("runs", "rm", folder / FIRST, folder / STOPPED, *more)
            assert "in use by another process" in refused(call, 5)
    assert files(folder) == before


def test_rm_takes_several_runs_together_or_not_at_all(many: Path, tmp_path: Path) -> None:
    folder = copied(many, tmp_path)
    root = folder / "trees-0001"
    before = files(folder)
    assert "remove them together" in refused(dlcli("runs", "rm", root / "fold-1"), 2)
    with at_work(root / "fold-2"):
        refused(dlcli("runs", "rm", root), 5)
    (root / "fold-1" / "notes.txt").write_text("mine")
    assert "fold-1/notes.txt" in refused(dlcli("runs", "rm", root), 2)
    (root / "fold-1" / "notes.txt").unlink()
    assert files(folder) == before
    assert dlcli("runs", "rm", root).code == 0
    assert names(folder) == []


def test_prune_keeps_the_best(folder: Path) -> None:
    losses = {
        name: run["metrics"]["val_loss"]
        for name, run in listed(folder).items()
        if run["status"] == "complete"
    }
    first, second, third = sorted(losses, key=lambda name: losses[name])
    call = dlcli("runs", "prune", folder, "--keep-best", "2", "--dry-run", "--json")
    told = json.loads(call.out)
    assert len(names(folder)) == 5 and told["dry_run"] is True
    call = dlcli("runs", "prune", folder, "--keep-best", "2", "--json")
    done = json.loads(call.out)
    assert {**told, "dry_run": False} == done
    assert [one["run"] for one in done["removed"]] == [str(folder / third)]
    assert done["kept"] == [str(folder / first), str(folder / second)]
    assert done["skipped"] == [{"run": str(folder / STOPPED), "why": "unfinished"}]
    assert names(folder) == sorted(["latest", first, second, STOPPED])
    call = dlcli("runs", "prune", folder, "--keep-best", "1", "--by", "val_accuracy")
    assert call.out.count("removed ") == 1 and call.out.count("left alone ") == 1
    assert len(names(folder)) == 3


def test_prune_touches_nothing_that_is_not_complete_or_not_only_dlclis(folder: Path) -> None:
    worst = max(
        (run["metrics"]["val_loss"], name)
        for name, run in listed(folder, "--where", "test_loss>=0").items()
    )[1]
    (folder / "notes").mkdir()
    (folder / worst / "notes.txt").write_text("mine")
    damaged = next(name for name in (FIRST, SECOND, THIRD) if name != worst)
    (folder / damaged / "model" / "model.json").unlink()
    before = files(folder)
    call = dlcli("runs", "prune", folder, "--keep-best", "1")
    assert call.code == 0 and "removed" not in call.out.replace("is not removed", "")
    for words in ("dlcli did not write notes.txt", "damaged", "foreign", "unfinished"):
        assert words in call.out
    assert files(folder) == before
    (folder / worst / "notes.txt").unlink()
    with at_work(folder / worst):
        call = dlcli("runs", "prune", folder, "--keep-best", "1")
        assert call.code == 0 and f"left alone {folder / worst}: running" in call.out
    assert dlcli("runs", "prune", folder, "--keep-best", "1").out.count("removed ") == 1


def test_prune_compares_only_runs_on_the_same_data(folder: Path, many: Path) -> None:
    shutil.copytree(many / "trees-0001", folder / "trees-0001")
    call = dlcli("runs", "prune", folder, "--keep-best", "1", "--json")
    done = json.loads(call.out)
    assert str(folder / "trees-0001") in done["kept"] and len(done["kept"]) == 2
    assert "trees-0001" in names(folder)


def test_of_a_metric_that_nobody_knows_the_largest_comes_first_and_nothing_is_pruned(
    folder: Path,
) -> None:
    for number, name in enumerate((FIRST, SECOND, THIRD)):

        def change(document: dict[str, Any], number: int = number) -> None:
            for epoch in document["epochs"]:
                epoch["metrics"]["val_speed"] = (5, 9, 7)[number]

        edit_manifest(folder / name / "manifest.json", change)
    assert list(listed(folder, "--sort", "val_speed")) == [SECOND, THIRD, FIRST, STOPPED]
    words = refused(dlcli("runs", "prune", folder, "--keep-best", "1", "--by", "val_speed"), 2)
    assert "not known" in words and len(names(folder)) == 5


def test_prune_that_removes_the_newest_turns_the_link(folder: Path) -> None:
    assert dlcli("runs", "rm", folder / STOPPED).code == 0
    losses = {name: run["metrics"]["val_loss"] for name, run in listed(folder).items()}
    best = min(losses, key=lambda name: losses[name])
    assert dlcli("runs", "prune", folder, "--keep-best", "1").code == 0
    assert names(folder) == ["latest", best]
    assert str((folder / "latest").readlink()) == best


def test_prune_tells_mistakes(folder: Path) -> None:
    refused(dlcli("runs", "prune", folder), 2)
    refused(dlcli("runs", "prune", folder, "--keep-best", "0"), 2)
    words = refused(dlcli("runs", "prune", folder, "--keep-best", "1", "--by", "val_acuracy"), 2)
    assert "--by val_acuracy" in words and "Did you mean val_accuracy?" in words
    assert len(names(folder)) == 5


def test_a_run_that_cannot_be_removed_is_an_error_that_says_what_was(folder: Path) -> None:
    from dlcli.artifacts import files as artifact_files

    def fails(path: Path) -> None:
        if SECOND in str(path):
            raise OSError(5, "broken")
        path.unlink()

    with artifact_files.using(artifact_files.Operations(unlink=fails)):
        call = dlcli("runs", "rm", folder / FIRST, folder / SECOND, "--json")
    document = json.loads(call.out)
    assert (call.code, document["error"]["kind"]) == (6, "storage")
    assert [one["run"] for one in document["removed"]] == [str(folder / FIRST)]
    assert FIRST not in names(folder) and SECOND in names(folder)


def test_of_metrics_the_direction_is_known_by_their_type_or_their_name() -> None:
    config = {
        "evaluation": {
            "metrics": [
                "accuracy", "confusion_matrix", {"type": "mean_squared_error", "name": "off"},
                {"type": "top_k_accuracy", "k": 3}, {"type": "later"}, 7,
            ]
        }
    }  # fmt: skip
    assert seen.directions(config) == {
        "loss": "min", "accuracy": "max", "off": "min", "top_k_accuracy_3": "max",
    }  # fmt: skip
