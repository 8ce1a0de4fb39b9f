"""`runs`, `diff`, `watch` and `report` on runs in every state: the exit code, nothing written but
the page, nothing from a file that commands a terminal or a browser."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calls import Call, dlcli, train
from tests.cli.states import at_work, copied, make
from tests.exactness.runs import edit_manifest

WHOLE, OTHER, STOPPED = "small-0001", "small-0002", "small-0004"
EVIL = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202e<script>alert(1)</script><img src=x onerror=alert(2)>"
COMMANDS = ("runs", "runs show", "diff", "watch", "report", "report -o")
NOTHING = (0, 2, 2, 2, 2, 2)
"""The exit codes for what is no run, in the order of the commands; the list only says so."""


def _cut(name: str) -> Callable[[Path], object]:
    def cut(run: Path) -> None:
        data = (run / name).read_bytes()
        (run / name).write_bytes(data[: len(data) * 2 // 3])

    return cut


def _without(*names: str) -> Callable[[Path], object]:
    return lambda run: [(run / name).unlink() for name in names]


def _edited(old: bytes, new: bytes, name: str = "manifest.json") -> Callable[[Path], object]:
    def edit(run: Path) -> None:
        data = (run / name).read_bytes()
        assert old in data
        (run / name).write_bytes(data.replace(old, new, 1))

    return edit


def _emptied(run: Path) -> None:
    shutil.rmtree(run)
    run.mkdir()


def _somebody_elses(run: Path) -> None:
    _emptied(run)
    (run / "manifest.json").write_text('{"short_name": "Web", "icons": []}')


def _a_pipe(run: Path) -> None:
    (run / "metrics.jsonl").unlink()
    os.mkfifo(run / "metrics.jsonl")


def _later(run: Path) -> None:
    edit_manifest(run / "manifest.json", lambda document: document.update(schema=77))


def _hostile(run: Path) -> None:
    """Names and numbers that nobody has, in a manifest whose digest is right."""

    def change(document: dict[str, Any]) -> None:
        document["config"]["name"] = document["config"]["optimizer"]["type"] = EVIL
        document["config"][EVIL] = {EVIL: EVIL}
        document["versions"][EVIL] = EVIL
        for epoch in document["epochs"]:
            epoch["metrics"][f"val_{EVIL}"] = "0x1.0000000000000p-1"
            epoch["metrics"]["huge"] = int("9" * 390)
            epoch["metrics"]["large"] = "0x1.fffffffffffffp+1023"

    edit_manifest(run / "manifest.json", change)


def _hostile_rows(run: Path) -> None:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    lines = [json.dumps({**row, f"{EVIL}loss": 1e308, "val_\n": -1e308}) for row in rows]
    (run / "metrics.jsonl").write_text("\n".join(lines) + "\n")


STATES: dict[str, tuple[str, Callable[[Path], object], tuple[int, ...]]] = {
    # The run, what is done to it, and the exit code of each command.
    "finished": (WHOLE, lambda run: None, (0, 0, 0, 0, 0, 0)),
    "unfinished": (STOPPED, lambda run: None, (0, 0, 0, 0, 0, 0)),
    "unfinished, before its manifest": (
        STOPPED, _without("manifest.json"), (0, 0, 4, 4, 4, 4)),
    "unfinished, metrics cut": (STOPPED, _cut("metrics.jsonl"), (0, 0, 0, 0, 0, 0)),
    "manifest cut": (WHOLE, _cut("manifest.json"), (0, 4, 4, 4, 4, 4)),
    "manifest edited": (WHOLE, _edited(b'"seed": 5', b'"seed": 6'), (0, 4, 4, 4, 4, 4)),
    "manifest absent": (WHOLE, _without("manifest.json"), (0, 0, 4, 4, 4, 4)),
    "weights absent": (WHOLE, _without("model/weights.safetensors"), (0, 4, 0, 0, 4, 4)),
    "weights cut": (WHOLE, _cut("model/weights.safetensors"), (0, 4, 0, 0, 4, 4)),
    "metrics cut": (WHOLE, _cut("metrics.jsonl"), (0, 4, 0, 4, 0, 0)),
    "metrics absent": (WHOLE, _without("metrics.jsonl"), (0, 4, 0, 4, 0, 0)),
    "metrics a pipe": (WHOLE, _a_pipe, (0, 4, 0, 4, 0, 0)),
    "evaluation edited": (
        WHOLE, _edited(b"0", b"1", "evaluation.json"), (0, 4, 4, 0, 4, 4)),
    "config edited": (
        WHOLE, _edited(b"units: 4", b"units: 5", "config.resolved.yaml"), (0, 0, 0, 0, 4, 4)),
    "of a later version": (WHOLE, _later, (0, 4, 4, 4, 4, 4)),
    "hostile manifest": (WHOLE, _hostile, (0, 0, 0, 0, 4, 4)),
    "hostile metrics": (WHOLE, _hostile_rows, (0, 4, 0, 0, 0, 0)),
    "hostile metrics of an unfinished run": (STOPPED, _hostile_rows, (0, 0, 0, 0, 0, 0)),
    "empty": (WHOLE, _emptied, NOTHING),
    "somebody else's": (WHOLE, _somebody_elses, (0, 2, 4, 4, 4, 4)),
    "absent": (WHOLE, shutil.rmtree, NOTHING),
}  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("states"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return copied(original, tmp_path)


def everything(folder: Path) -> Mapping[str, object]:
    """All that is below a directory, with what it holds; a pipe is not waited for."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        if path.is_file() and not path.is_symlink()
        else path.lstat().st_mode
        for path in folder.rglob("*")
    }


def called(command: str, run: Path, page: Path) -> Call:
    words: dict[str, tuple[str | Path, ...]] = {
        "runs": ("runs", run.parent),
        "runs show": ("runs", "show", run),
        "diff": ("diff", run, run.parent / OTHER),
        "watch": ("watch", run),
        "report": ("report", run),
        "report -o": ("report", run, "-o", page),
    }
    return dlcli(*words[command])


def harmless(text: str) -> bool:
    return not {"\x1b", "\x07", "\x9b", "\u202e", "\r"} & set(text)


@pytest.mark.parametrize("state", STATES)
def test_a_run_in_any_state(state: str, folder: Path, tmp_path: Path) -> None:
    name, spoil, codes = STATES[state]
    run, page = folder / name, tmp_path / "page.html"
    (run / "report.html").unlink(missing_ok=True)
    spoil(run)
    found = {}
    for command in COMMANDS:
        before = everything(tmp_path)
        call = called(command, run, page)
        found[command] = call.code
        assert harmless(call.out + call.err), command
        assert "Traceback" not in call.err and len(call.err) < 2000
        assert bool(call.out) == (call.code == 0)
        after = everything(tmp_path)
        written = {path for path in {*before, *after} if before.get(path) != after.get(path)}
        place = {"report": f"runs/{name}/report.html", "report -o": "page.html"}.get(command, "")
        assert written == ({place} if place and call.code == 0 else set()), command
    assert found == dict(zip(COMMANDS, codes, strict=True))


@pytest.mark.parametrize("name", [WHOLE, STOPPED])
def test_a_run_at_work(name: str, folder: Path, tmp_path: Path) -> None:
    """For `watch` see test_watch.py: it does not end before the run."""
    run, page = folder / name, tmp_path / "page.html"
    with at_work(run):
        before = everything(folder)
        codes = {
            command: called(command, run, page).code for command in COMMANDS if command != "watch"
        }
        assert everything(folder) == before
    assert codes == {"runs": 0, "runs show": 0, "diff": 0, "report": 5, "report -o": 0}


def test_what_a_trained_run_is_called_and_made_of_is_text(tmp_path: Path) -> None:
    """Hostile names that a training takes: of columns, classes, layers, and of the directory."""
    column = EVIL.replace("\u202e", "")
    lines = [f'"{column}",b,kind'] + [
        f"{row * 7 % 11},{row * 5 % 13},{EVIL if row % 2 else 'no'}" for row in range(60)
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = {
        "name": "evil",
        "data": {"source": {"type": "csv", "path": "t.csv", "target": "kind"}},
        "model": {"layers": [{"type": "dense", "units": 2, "activation": "softmax"}]},
        "loss": "sparse_categorical_crossentropy",
        "optimizer": "adam",
        "training": {"epochs": 2},
        "evaluation": {"metrics": ["accuracy", "recall_per_class", "confusion_matrix"]},
    }
    (tmp_path / "c.yaml").write_text(json.dumps(config))
    first = train(tmp_path / "c.yaml", tmp_path / "runs").run
    second = train(tmp_path / "c.yaml", tmp_path / "runs", "--set", "seed=3").run
    run = first.rename(tmp_path / "runs" / f"{EVIL.replace('/', '')}-0001")
    page = tmp_path / "page.html"
    for arguments in (
        ("runs", tmp_path / "runs"), ("runs", tmp_path / "runs", "--csv"), ("runs", "show", run),
        ("diff", run, second), ("watch", run), ("report", run, second, "-o", page),
        ("runs", "rm", run, "--dry-run"),
    ):  # fmt: skip
        call = dlcli(*arguments)
        assert call.code == 0, call.err
        assert harmless(call.out + call.err), arguments
    called("report", run, page)
    for path in (page, run / "report.html"):
        text = path.read_text(encoding="utf-8")
        assert harmless(text) and "<script" not in text and "<img" not in text
        assert "&lt;img src=x onerror=alert(2)&gt;" in text
