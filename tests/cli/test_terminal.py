"""The real command in a process of its own, on terminals and pipes of every kind."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.calls import dlcli, refused, train
from tests.cli.small import IMAGES, write
from tests.exactness.runs import PATIENCE, a_few, command, environment

ROOT = str(Path(__file__).parents[2])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("terminal")
    write(folder, "images")
    return folder


def on_a_terminal(columns: int, *arguments: str | Path, both: bool = False) -> tuple[int, str, str]:
    """Exit code, stdout and what the terminal showed; stdout is a pipe unless `both` are shown."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "dlcli", *map(str, arguments)],
        env=environment(PYTHONPATH=ROOT, TERM="xterm-256color", COLUMNS="", LINES=""),
        stdin=theirs,
        stdout=theirs if both else subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # nobody writes to it any more
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    out, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, (out or b"").decode(), shown.decode()


def plain(shown: str) -> list[str]:
    """The lines without colours and movements."""
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown))


@pytest.mark.parametrize("columns", a_few([20, 80, 200], 2))
def test_training_draws_a_bar_and_prints_one_line(columns: int, folder: Path) -> None:
    output = folder / f"a rather long name of a directory {columns}"
    code, out, shown = on_a_terminal(
        columns, "train", folder / "images.yaml", "--output-dir", output
    )
    assert code == 0, shown
    assert out == f"{output / 'images-0001'}\n"
    drawn = [line for line in plain(shown) if re.match(" *epoch 1/2( |$)", line)]
    assert drawn and all(len(line) < columns for line in drawn)
    assert all(bool(re.search("[━─]", line)) == (columns >= 80) for line in drawn)
    assert "left" not in drawn[0]  # one step is no evidence
    if columns >= 80:
        assert re.search(r"epoch 1/2 [━─]+  loss \d\S+  accuracy 0\.\d+", drawn[0])
    if columns >= 200:
        assert "rows/s" in drawn[0]
    assert "\x1b[?25h" in shown  # the cursor is back


def test_the_line_stays_whole_on_a_narrow_terminal(folder: Path) -> None:
    output = folder / "another rather long name of a directory"
    arguments = ("train", folder / "images.yaml", "--output-dir", output)
    code, _, shown = on_a_terminal(20, *arguments, both=True)
    assert code == 0
    assert plain(shown)[-2:] == [str(output / "images-0001"), ""]


def test_without_a_terminal_there_is_a_line_an_epoch_and_no_colour(folder: Path) -> None:
    out, err = command("train", folder / "images.yaml", "--output-dir", folder / "piped")
    assert out == f"{folder / 'piped' / 'images-0001'}\n"
    assert "\x1b" not in err and "\r" not in err
    assert len(re.findall(r"^ +epoch \d/2  loss ", err, re.MULTILINE)) == 1  # max_steps: 20 of 26


def test_a_matrix_that_has_no_room_is_not_squeezed(folder: Path) -> None:
    metrics = "evaluation.metrics=[accuracy, confusion_matrix]"
    arguments = ("train", folder / "images.yaml", "--set", metrics, "--output-dir", folder / "m")
    _, out, shown = on_a_terminal(40, *arguments)
    assert "confusion matrix of 10 classes: the most confused" in shown
    assert "┃ true ┃ pre… ┃ rows ┃ of true ┃" in re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert re.search(r"more pairs \(\d+ rows\) left out; evaluation.json in the run has", shown)
    _, _, shown = on_a_terminal(80, "evaluate", out.strip(), both=True)
    assert "confusion matrix" in shown and "wider" not in shown
    rows = [line for line in plain(shown) if "│" in line]
    assert len(rows) == 2 + 10


def test_an_error_is_one_sentence_on_a_terminal_too(folder: Path) -> None:
    code, out, shown = on_a_terminal(80, "train", folder / "nothing.yaml")
    assert code == 2 and out == ""
    assert " ".join(plain(shown)) == f"error: {folder / 'nothing.yaml'}: there is no such file "


LOCALES = [
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX", "NO_COLOR": "1", "TERM": "dumb"},
]


def in_place(place: bytes, extra: dict[str, str], *arguments: str | bytes | Path) -> bytes:
    """Run a command in a directory whose name need not be text; what it wrote on stdout."""
    Path(os.fsdecode(place)).mkdir(exist_ok=True)
    process = subprocess.run(
        [sys.executable, "-m", "dlcli", *arguments],
        env=environment(PYTHONPATH=ROOT, **extra),
        cwd=place,
        capture_output=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.mark.parametrize("extra", a_few(LOCALES, 2), ids=" ".join)
@pytest.mark.parametrize("name", [b"\xc3\xbcn\xc3\xaf", b"no text \xff"], ids=["text", "bytes"])
def test_a_path_is_printed_as_the_file_system_has_it(
    extra: dict[str, str], name: bytes, folder: Path
) -> None:
    place = os.fsencode(folder) + b"/" + name + b" ".join(map(str.encode, extra))
    out = in_place(place, extra, "train", folder / "images.yaml", "--workers", "1")
    assert out == place + b"/runs/images-0001\n"


def test_a_run_in_a_directory_that_is_no_text_can_be_worked_on(folder: Path) -> None:
    place = os.fsencode(folder) + b"/later \xff"
    run = in_place(place, {}, "train", folder / "images.yaml").rstrip(b"\n")
    for arguments in (
        [b"evaluate", run, b"--json"],
        [b"verify", run],
        [b"train", b"--resume", run],
    ):
        assert in_place(place, {}, *arguments)


def test_json_is_json_whatever_the_path_is(folder: Path) -> None:
    place = os.fsencode(folder) + b"/json \xff"
    out = in_place(place, {}, "train", folder / "images.yaml", "--json")
    found = json.loads(out.decode("utf-8"))
    assert os.fsencode(found["run"]) == place + b"/runs/images-0001"


def test_names_of_classes_reach_a_stdout_of_any_encoding(tmp_path: Path) -> None:
    config = write(tmp_path, "trees")
    extra = {"PYTHONIOENCODING": "ascii"}
    out, _ = command("train", config, "--output-dir", tmp_path / "runs", extra=extra)
    place = os.fsencode(tmp_path)
    printed = in_place(place, extra, "predict", out.strip(), tmp_path / "trees.csv")
    assert printed.decode("utf-8").startswith("class,p_ash,p_beech,p_cédre\n")


@pytest.mark.parametrize("arguments", [["--help"], ["schema"], ["init", "--list"]])
def test_a_reader_that_leaves_is_no_failure(arguments: list[str]) -> None:
    line = f'"{sys.executable}" -m dlcli {" ".join(arguments)} | true; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(
        ["bash", "-c", line], env=environment(PYTHONPATH=ROOT), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout == "0\n" and done.stderr == ""


def test_the_small_config_is_what_this_file_expects() -> None:
    assert "max_steps: 20" in IMAGES and "epochs: 2" in IMAGES


def test_a_full_disk_under_the_progress_does_not_end_a_training(folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        out, _ = command("train", folder / "images.yaml", cwd=folder, stderr=full)
    run = Path(out.strip())
    assert json.loads((run / "manifest.json").read_bytes())["status"] == "complete"
    for arguments in (("verify", run), ("verify", run, "--json"), ("--help",)):
        with Path("/dev/full").open("w") as full:
            _, err = command(*arguments, stdout=full, expect=6)
        assert "could not be written to stdout: the disk is full" in err


def test_a_terminal_that_goes_away_does_not_end_a_training(folder: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = ["train", str(folder / "images.yaml"), "--set", "training.epochs=300"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dlcli", *arguments],
        env=environment(PYTHONPATH=ROOT, TERM="xterm-256color"),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    seen = b""
    while b"design" not in seen:
        seen += os.read(ours, 1 << 12)
    os.close(ours)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert (Path(out.strip()) / "evaluation.json").is_file()


NO_TEXT = "a\udcff"


@pytest.mark.parametrize("name", ["a" * 300, "a/" * 3000, NO_TEXT])
@pytest.mark.parametrize("before", [["evaluate"], ["reproduce"], ["verify"], ["train", "--resume"]])
def test_a_name_that_nothing_can_have_is_a_mistake_and_no_bug(before: list[str], name: str) -> None:
    said = refused(dlcli(*before, name), 2)
    assert said.startswith("error: ") and "bug" not in said


def test_a_name_that_is_no_text_reaches_stderr() -> None:
    _, err = command("verify", NO_TEXT, expect=2)
    assert err.startswith("error: ") and "bug" not in err and "Traceback" not in err


def test_rows_with_a_name_that_nothing_can_have_are_code_3(folder: Path) -> None:
    run = train(folder / "images.yaml", folder / "runs").run
    assert "was not found" in refused(dlcli("predict", run, "a" * 300), 3)


def test_a_working_directory_that_is_gone_is_said(folder: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    program = "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.executable, sys.argv[1:])"
    for arguments, code in (
        (["train", str(folder / "images.yaml")], 6),
        (["train", "images.yaml"], 2),
        (["train", str(folder / "images.yaml"), "--output-dir", str(tmp_path)], 0),
    ):
        gone.mkdir()
        starter = (sys.executable, "-c", program, sys.executable, "-m", "dlcli")
        _, err = command(
            *arguments, python=starter, cwd=gone, extra={"PYTHONPATH": ROOT}, expect=code
        )
        assert "bug" not in err
