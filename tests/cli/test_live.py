"""Training on terminals of several sizes: what stands on the screen, and what stays of it."""

import re
import signal
from pathlib import Path

import pytest

from tests.cli.calls import dlcli
from tests.cli.screens import Screen
from tests.cli.small import write
from tests.exactness.runs import a_few

TWENTY = ("--set", "training.epochs=20")
ENDLESS = ("--set", "training.epochs=100000")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("live")
    write(folder, "trees")
    write(folder, "prices")
    return folder


def train(columns: int, lines: int, folder: Path, *more: str, **extra: str) -> Screen:
    arguments = ("train", folder / "trees.yaml", "--output-dir", folder / "runs", *more)
    return Screen(columns, lines, *arguments, **extra)


def table(lines: list[str]) -> list[list[str]]:
    """The rows of the live table, as words, with its header."""
    begin = max(place for place, line in enumerate(lines) if line.split()[:2] == ["epoch", "loss"])
    rows = [lines[begin].split()]
    for line in lines[begin + 1 :]:
        if not re.match(r" *\d+  +\d", line):
            break
        rows.append(line.split())
    return rows


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (120, 40)])
def test_the_last_epochs_and_the_best_one_stay(columns: int, lines: int, folder: Path) -> None:
    with train(columns, lines, folder, *TWENTY) as screen:
        assert screen.end() == 0, screen.text
        header, *rows = table(screen.lines)
        assert header == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
        numbers = [int(row[0]) for row in rows]
        assert len(rows) == 12 and numbers[1:] == list(range(10, 21)) and numbers[0] <= 9
        best = [int(row[0]) for row in rows if row[-1] == "best"]
        assert len(best) == 1
        assert numbers[0] in (9, *best)
        curves = [line for line in screen.lines if "█" in line]
        assert [line.split()[0] for line in curves] == ["loss", "val_loss"]
        assert "▁" in curves[0] and re.search(r"\d to \d", curves[0])
        done = [line for line in screen.lines if "20 epochs in 0:0" in line]
        assert len(done) == 1 and f"the best: {best[0]}" in done[0]
        # Of the 20 epochs there are these lines alone, each of them whole.
        assert not re.search(r"epoch \d+/20", screen.text)
        assert sum(line.split()[:2] == ["epoch", "loss"] for line in screen.lines) == 1
        assert screen.lines[2].startswith("[3/5] train") and screen.has_cursor
        assert any(line.startswith("[4/5] evaluate") for line in screen.lines)


def test_a_bar_and_the_time_left_stand_below_the_table(folder: Path) -> None:
    with train(80, 24, folder, *ENDLESS) as screen:
        frame = screen.until(lambda lines: any(" left" in line for line in lines))
        (bar,) = (line for line in frame if re.match(r" +epoch \d+/100000 [━─]+  loss \d", line))
        assert re.search(r"  \d*:?\d+:\d\d left$", bar) and len(bar) < 80
        assert len(table(frame)) > 2
        screen.process.send_signal(signal.SIGINT)
        assert screen.end() == 130
        # The table as it was, then how far it came, then the sentence: nothing is left of the bar.
        assert re.search(r"\d+ of 100000 epochs in 0:\d\d", screen.text)
        assert "100000 [━" not in screen.text and "━" not in screen.text.partition("[3/5]")[2]
        assert "stopped after step" in screen.text and screen.has_cursor
        assert len(table(screen.lines)) > 2


def test_a_window_that_is_closed_does_not_end_a_training(folder: Path) -> None:
    with train(80, 24, folder, "--set", "training.epochs=120") as screen:
        screen.until(lambda lines: any(re.search(r"epoch [1-9]\d/120", line) for line in lines))
        screen.go_away()
        assert screen.end() == 0
    assert (Path(screen.out.strip()) / "evaluation.json").is_file()


def test_a_second_signal_gives_the_cursor_back(folder: Path) -> None:
    with train(80, 24, folder, *ENDLESS) as screen:
        screen.until(lambda lines: any("/100000" in line for line in lines))
        assert not screen.has_cursor
        for _ in range(2):
            screen.process.send_signal(signal.SIGTERM)
        assert screen.end() in (143, -signal.SIGTERM)
        assert screen.has_cursor


def test_a_divergence_leaves_the_table(folder: Path) -> None:
    more = ("optimizer={type: sgd, learning_rate: 1000}", "training.epochs=40")
    options = [word for one in more for word in ("--set", one)]
    with Screen(
        80, 24, "train", folder / "prices.yaml", "--output-dir", folder, *options
    ) as screen:
        assert screen.end() == 7
        assert "error: training diverged at step" in " ".join(screen.text.split())
        assert re.search(r"\d of 40 epochs in 0:0\d", screen.text) and screen.has_cursor


@pytest.mark.parametrize("lines", a_few([24, 3, 6], 2))
def test_a_narrow_terminal_has_fewer_columns(lines: int, folder: Path) -> None:
    with train(40, lines, folder, *TWENTY) as screen:
        assert screen.end() == 0
        if lines > 3:
            header, *rows = table(screen.lines)
            assert header == ["epoch", "loss", "val_loss"]
            assert 1 <= len(rows) <= lines // 2 and "20" in (row[0] for row in rows)
        assert sum("20 epochs in" in line for line in screen.lines) == 1
        assert not re.search(r"epoch \d+/20", screen.text)


def test_a_window_may_change_while_it_is_drawn_in(folder: Path) -> None:
    with train(100, 30, folder, *ENDLESS) as screen:
        for columns, lines in ((40, 12), (120, 40), (60, 24)):
            screen.until(lambda lines: sum("/100000" in line for line in lines) == 1)
            screen.resize(columns, lines)
            screen.frames.clear()
            screen.until(lambda lines: len(screen.frames) > 3)
        screen.process.send_signal(signal.SIGINT)
        assert screen.end() == 130
        assert len(re.findall(r"\d+ of 100000 epochs", screen.text)) == 1
        header, *rows = table(screen.lines)
        assert header[:2] == ["epoch", "loss"] and len(rows) > 1
        assert [int(row[0]) for row in rows[1:]] == sorted(int(row[0]) for row in rows[1:])


def test_why_a_training_stopped_early_stands_in_full(folder: Path) -> None:
    stopping = "training.early_stopping={patience: 1, min_delta: 100.0}"
    with train(40, 12, folder, "--set", stopping, "--set", "training.epochs=9") as screen:
        assert screen.end() == 0, screen.text
    words = " ".join(screen.text.split())
    assert "2 of 9 epochs in 0:00" in words
    assert "no better val_loss for 1 epoch: stopping early" in "".join(screen.lines)
    assert [row[0] for row in table(screen.lines)[1:]] == ["1", "2"]


def test_a_run_that_goes_on_shows_the_epochs_before(folder: Path) -> None:
    with train(80, 24, folder, "--name", "on") as first:
        assert first.end() == 0
        more = ("--resume", first.out.strip(), "--set", "training.epochs=6")
        with Screen(80, 24, "train", *more) as screen:
            assert screen.end() == 0, screen.text
            _, *rows = table(screen.lines)
            assert [row[0] for row in rows] == [str(number) for number in range(1, 7)]
            assert [row[-1] == "best" for row in rows].count(True) == 1


def test_without_colours_and_without_movements(folder: Path) -> None:
    with train(80, 24, folder, NO_COLOR="1") as screen:
        assert screen.end() == 0
        assert not re.search(rb"\x1b\[[0-9;]*3[0-7][0-9;]*m", screen.written)
        assert len(table(screen.lines)) == 5
        with Screen(
            80, 24, "train", folder / "trees.yaml", "--output-dir", folder, TERM="dumb"
        ) as dumb:
            assert dumb.end() == 0
            assert b"\x1b" not in dumb.written
            assert "epoch 1/4  loss" in dumb.text
            assert "█" not in dumb.text


def test_verbose_has_a_line_an_epoch_and_no_table(folder: Path) -> None:
    with train(120, 24, folder, *TWENTY, "--verbose") as screen:
        assert screen.end() == 0
        lines = re.findall(r"^      epoch (\d+)/20  loss .* val_loss", screen.text, re.MULTILINE)
        assert lines == [str(number) for number in range(1, 21)]
        assert any("rows/s" in line and "─" in line for frame in screen.frames for line in frame)
        assert "█" not in screen.text and screen.has_cursor


def test_quiet_leaves_the_run_and_errors(folder: Path) -> None:
    with train(80, 24, folder, "--quiet") as screen:
        assert screen.end() == 0 and screen.written == b""
    run = Path(screen.out.strip())
    assert (run / "manifest.json").is_file()
    for name in ("evaluate", "reproduce"):
        call = dlcli(name, run, "--quiet")
        assert call.code == 0 and call.err == ""
        assert call.out == dlcli(name, run, "--verbose").out != ""
    call = dlcli("train", folder / "nothing.yaml", "--quiet")
    assert call.err == f"error: {folder / 'nothing.yaml'}: there is no such file\n"
    call = dlcli("evaluate", run, "--quiet", "--expect", "loss<=0")
    assert call.code == 8 and call.err.startswith("error: ") and call.err.count("error: ") == 1


@pytest.mark.parametrize("name", ["train", "evaluate", "reproduce"])
def test_quiet_and_verbose_exclude_each_other(name: str, folder: Path) -> None:
    call = dlcli(name, folder / "trees.yaml", "--quiet", "--verbose")
    assert call.code == 2 and "give --quiet or --verbose, not both" in call.err


def test_a_pipe_gets_the_same_with_and_without_verbose(folder: Path) -> None:
    config = ("train", folder / "trees.yaml", "--output-dir", folder / "pipes")
    shown = []
    for more in ((), ("--verbose",)):
        err = dlcli(*config, *more).err
        shown.append(re.sub(r"[\d,]+ rows/s", "", err))
    assert shown[0] == shown[1] and "\x1b" not in shown[0] and shown[0].count("epoch 1/4") == 1
