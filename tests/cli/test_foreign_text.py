"""Text from files: UTF-8 on stdout in every locale, and no commands to the terminal."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from dlcli.printable import printable
from tests.cli.calls import dlcli, train
from tests.exactness.runs import ROOT, a_few, environment

NAMES = ("größe", "数字", "\x1b[31mred\x1b[0m", "[bold]loud", "evil\u202egnp", "bell\x07\x9b2J")
LOCALES = {
    "posix": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin": {"PYTHONIOENCODING": "latin-1:strict"},
    "replacing": {"PYTHONIOENCODING": "ascii:replace"},
    "utf-8": {"LC_ALL": "C.UTF-8"},
}


def _config(folder: Path, names: tuple[str, ...]) -> Path:
    lines = ["a,b,kind"]
    lines += [f"{row * 7 % 11},{row * 5 % 13},{names[row % len(names)]}" for row in range(60)]
    (folder / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = {
        "version": 1,
        "data": {"source": {"type": "csv", "path": "t.csv", "target": "kind"}},
        "model": {"layers": [{"type": "dense", "units": len(names), "activation": "softmax"}]},
        "loss": "sparse_categorical_crossentropy",
        "optimizer": "adam",
        "training": {"epochs": 1},
        "evaluation": {"metrics": ["accuracy", "recall_per_class", "confusion_matrix", "f1"]},
    }
    path = folder / "c.yaml"
    path.write_text(json.dumps(config))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("names")
    return train(_config(folder, NAMES), folder / "runs").run


SEVERAL = """
import json, sys
from dlcli.__main__ import main
began, kept = (sys.stdout, sys.stderr), []
for words in json.loads(sys.argv[1]):
    sys.argv = ["dlcli", *words]
    sys.stdout, sys.stderr = began
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code
    sys.stdout.flush()
    sys.stdout.buffer.write(bytes(1))
    kept.append((sys.stdout, sys.stderr))  # which would close, were they collected
"""
"""Commands one after the other, each followed by a zero. Each begins with the streams that the
locale gave to the process."""


def _bytes(*commands: Sequence[str | Path], extra: dict[str, str]) -> list[bytes]:
    """What each of these commands writes on stdout."""
    words = json.dumps([list(map(str, command)) for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL, words],
        env=environment(PYTHONPATH=ROOT, **extra),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    *written, rest = done.stdout.split(b"\0")
    assert len(written) == len(commands) and not rest
    return written


@pytest.mark.parametrize("locale", a_few(list(LOCALES), 2))
def test_what_is_on_stdout_is_utf8_in_every_locale(locale: str, run: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b\n1,2\n3,4\n")
    table, answers, shown = _bytes(
        ["predict", run, rows],
        ["predict", run, rows, "--json"],
        ["evaluate", run],
        extra=LOCALES[locale],
    )
    header = table.decode("utf-8").splitlines()[0]
    assert all(f"p_{name}" in header for name in NAMES)
    assert set(json.loads(answers.decode("utf-8"))["predictions"][0]) == {
        "class",
        *(f"p_{name}" for name in NAMES),
    }
    assert "größe" in shown.decode("utf-8") and "数字" in shown.decode("utf-8")


@pytest.mark.parametrize("locale", ["posix", "utf-8"])
def test_a_runs_path_has_the_bytes_of_its_name(locale: str, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    Path(os.fsdecode(folder)).mkdir()
    config = _config(tmp_path, ("a", "b"))
    done = subprocess.run(
        [sys.executable, "-m", "dlcli", "train", config, "--output-dir", folder],
        env=environment(**LOCALES[locale]),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == folder + b"/c-0001\n"
    assert Path(os.fsdecode(done.stdout[:-1])).is_dir()


def test_no_text_from_a_file_commands_the_terminal(run: Path, tmp_path: Path) -> None:
    shown = dlcli("evaluate", run).out
    assert "\x1b" not in shown and "\u202e" not in shown and "\x9b" not in shown
    assert r"\x1b[31mred" in shown and "[bold]loud" in shown and r"evil\u202egnp" in shown
    rows = tmp_path / "rows.csv"
    rows.write_text("a,\x1b]0;title\x07\n1,2\n")
    refused = dlcli("predict", run, rows)
    assert refused.code == 3 and "\x1b" not in refused.err and "\x07" not in refused.err
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"schema": "\x7f", "\\u001b[2J": 1}')
    assert "\x1b" not in dlcli("reproduce", manifest).err


def test_ends_of_lines_and_ordinary_text_stay() -> None:
    assert printable("one\n  two: größe 数字 ✓") == "one\n  two: größe 数字 ✓"
    assert printable("tab\tand\rreturn") == r"tab\tand\rreturn"
    assert printable("caf\udce9") == "caf\udce9"
