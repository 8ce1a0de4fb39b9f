"""Captured terminals of `runs`, `diff` and errors: what a person sees at 80x24 and at 120x40."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcli.folding import columns
from tests.cli.calls import dlcli
from tests.cli.screens import Screen
from tests.cli.small import TREES, write
from tests.exactness.runs import a_few

LONG = "a-rather-long-name-for-an-experiment-of-tuesday"
SIZES = [(80, 24), (120, 40)]
sizes = pytest.mark.parametrize(("width", "height"), SIZES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs with other settings, long names, many metrics; one diverged, one is damaged."""
    folder = tmp_path_factory.mktemp("captured")
    trees, prices = write(folder, "trees"), write(folder, "prices")
    many = "evaluation.metrics=[accuracy, f1, precision, recall, recall_per_class]"
    diverging = "optimizer={type: sgd, learning_rate: 1000}"
    for config, code, *options in (
        (trees, 0, many),
        (trees, 0, many, "optimizer.learning_rate=0.001", "model.layers.0.units=16"),
        (trees, 0, "training.batch_size=64", "optimizer.learning_rate=0.005"),
        (trees, 0, "optimizer={type: momentum, learning_rate: 0.1}", f"name={LONG}"),
        (trees, 0, "optimizer={type: momentum, learning_rate: 0.2}", f"name={LONG}"),
        (prices, 7, diverging, "training.epochs=60", "name=diverged"),
    ):
        sets = [word for option in options for word in ("--set", option)]
        call = dlcli("train", config, "--output-dir", folder / "runs", "--workers", "1", *sets)
        assert call.code == code, call.err
    (folder / "runs" / "trees-0002" / "model" / "weights.safetensors").write_bytes(b"1")
    (folder / "runs" / "notes").mkdir()
    return folder


def captured(width: int, height: int, folder: Path, *words: str, code: int = 0) -> list[str]:
    """The lines that a command leaves on a terminal; none of them broken by the terminal itself,
    none of them ended within a word."""
    with Screen(width, height, *words, both=True, cwd=folder) as screen:
        assert screen.end() == code, screen.text
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.written.decode())
    # Of what was drawn again in its place, the last is what stays.
    written = [line.rpartition("\r")[2].rstrip() for line in plain.split("\r\n")]
    for line in written:  # but for a path that is longer than a line
        assert columns(line) <= width or " " not in line.strip()
    return written


def cells(lines: list[str], header: str) -> dict[str, list[str]]:
    """A table by its columns: each cell stands below the first or the last letter of its header."""
    place = next(place for place, line in enumerate(lines) if line.startswith(header))
    words = [(match.start(), match.end(), match[0]) for match in re.finditer(r"\S+", lines[place])]
    found: dict[str, list[str]] = {word: [] for _, _, word in words}
    for line in lines[place + 1 : lines.index("", place)]:
        name, *rest = _CELL.finditer(line)
        row = {words[0][2]: name[0]}
        for cell in rest:
            (owner,) = (w for begin, end, w in words if begin == cell.start() or end == cell.end())
            row[owner] = cell[0]
        for column, values in found.items():
            values.append(row.get(column, ""))
    return found


_CELL = re.compile(r"\S+(?: \S+)*")


@sizes
def test_the_list_of_runs(width: int, height: int, folder: Path) -> None:
    lines = captured(width, height, folder, "runs")
    table = cells(lines, "run ")
    # Whatever the width is: which run, how far it is, how good it is.
    assert list(table)[:5] == ["run", "status", "epochs", "val_loss", "val_accuracy"]
    assert list(table)[-1] == "age"
    assert table["status"] == [
        "complete", "complete", "unfinished", "foreign", "complete", "damaged", "complete",
    ]  # fmt: skip
    names = table["run"]
    assert len(set(names)) == 7 and [name for name in names if "…" in name] == names[:2]
    # The numbers tell apart what is called alike.
    assert names[0].endswith("-0001") and names[1].endswith("-0002")
    assert names[2:] == ["diverged-0001", "notes", "trees-0001", "trees-0002", "trees-0003"]
    assert all(re.fullmatch(r"\d\.\d{4}", cell) for cell in table["val_loss"] if cell)
    assert table["val_loss"][2:4] == ["", ""]
    # What has no room is in the second table, and what has none there, is named.
    second = cells(lines[lines.index("") :], "run ")
    settings = [*list(table)[5:-1], *list(second)[1:]]
    assert second["run"] == names and "learning_rate" in settings
    rate = {**table, **second}["learning_rate"]
    assert rate == ["0.1", "0.2", "1000.0", "", "0.02", "0.001", "0.005"]
    words = " ".join(lines[16:]).strip()
    assert "trees-0002: model/weights.safetensors is not the file of" in words
    (told,) = re.findall(r"they differ in (.*) and (\d+) more, too: see --csv or --json$", words)
    assert not set(told[0].split(", ")) & set(settings)
    assert "batch_size" in [*settings, *told[0].split(", ")]


@sizes
def test_one_run(width: int, height: int, folder: Path) -> None:
    lines = captured(width, height, folder, "runs", "show", "runs/trees-0001")
    table = cells(lines, "metric ")
    assert list(table) == ["metric", "train", "validation", "test"]
    assert table["metric"] == ["accuracy", "f1", "loss", "precision", "recall"]
    assert all(re.fullmatch(r"\d\.\d{4}", cell) for part in list(table)[1:] for cell in table[part])
    assert any(re.fullmatch(r"epochs +4/4, kept: epoch \d", line) for line in lines)
    lines = captured(width, height, folder, "runs", "show", "runs/trees-0002", code=4)
    assert "`dlcli verify runs/trees-0002` checks every file" in " ".join(lines)


@sizes
def test_the_difference_of_two_runs(width: int, height: int, folder: Path) -> None:
    lines = captured(width, height, folder, "diff", "runs/trees-0001", f"runs/{LONG}-0001")
    table = cells(lines, "config ")
    rows = dict(zip(table["config"], zip(table["a"], table["b"], strict=True), strict=True))
    assert rows["optimizer.learning_rate"] == ("0.02", "0.1")
    # Of what is too long for its column, that is shown in which they differ.
    a, b = rows["evaluation.metrics"]
    assert a.startswith("…precision, recall") and b.startswith("…recall_per_class")
    assert (a.endswith("…"), b.endswith("…")) == (width == 80, width == 80)
    assert f"b  runs/{LONG}-0001: complete, 4 epochs, kept: epoch 4" in " ".join(lines)
    assert lines[-2].startswith("epochs: first difference at epoch 1, tensor ")


def no_such_word(text: str) -> str:
    return text.replace("activation: relu", "activation: relu_of_the_third_kind_with_a_long_name")


ERRORS: dict[str, tuple[int, Callable[[str], str], tuple[str, ...], str]] = {
    # The exit code, what was done to the config, the command, and what is said.
    "a key": (2, lambda t: t.replace("epochs: 4", "epoch: 4"), ("train", "c.yaml"),
              "error: c.yaml:16:12: unknown key `epoch`, did you mean `epochs`?"),
    "a long line": (2, no_such_word, ("validate", "c.yaml"), "`silu`, `softplus` and `softmax`"),
    "no YAML": (2, lambda t: t.replace("layers:", "layers: ["), ("train", "c.yaml"),
                "the YAML is broken here"),
    "no such data": (3, lambda t: t.replace("trees.csv", "a/long/way/down/to/trees.csv"),
                     ("train", "c.yaml"), "was not found. Looked at:"),
    "no such config": (2, str, ("train", "nothing.yaml"), "there is no such file"),
    "a command": (2, str, ("trian", "c.yaml"), "Did you mean 'train'?"),
    "an option": (2, str, ("train", "c.yaml", "--worker", "3"), "--workers"),
    "a number": (2, str, ("train", "c.yaml", "--workers", "many"), "valid integer, unable to"),
    "a metric": (2, str, ("runs", "--sort", "val_los"), "Did you mean val_loss?"),
    "no such run": (2, str, ("diff", "runs/trees-0001", "runs/trees-0009"), "no such run dir"),
    "a word": (2, str, ("explain", "conv2"), "did you mean 'conv2d'?"),
    "divergence": (7, str, ("train", "--resume", "runs/diverged-0001"), "training diverged at"),
    "damage": (4, str, ("evaluate", "runs/trees-0002"), "weights.safetensors"),
}  # fmt: skip


@pytest.mark.parametrize(("width", "height"), a_few(SIZES, 1))
@pytest.mark.parametrize("name", ERRORS)
def test_an_error(name: str, width: int, height: int, folder: Path) -> None:
    code, spoil, command, words = ERRORS[name]
    (folder / "c.yaml").write_text(spoil(TREES), encoding="utf-8")
    lines = captured(width, height, folder, *command, code=code)
    assert words in " ".join(line.strip() for line in lines)
    marks = [place for place, line in enumerate(lines) if line.strip() == "^"]
    assert bool(marks) == (name in ("a key", "a long line", "no YAML"))
    for place in marks:  # below the word that is meant
        pointed = lines[place - 1][len(lines[place]) - 1 :]
        assert pointed.startswith(("epoch: 4", "relu_of_the_third", "- {type"))


def test_what_is_copied_stays_together(folder: Path, tmp_path: Path) -> None:
    """A command that is longer than a line is not broken by us: it would not be one any more."""
    run = tmp_path / ("deep-" * 12) / "diverged-0001"
    shutil.copytree(folder / "runs" / "diverged-0001", run)
    with Screen(80, 24, "watch", run, both=True) as screen:
        assert screen.end() == 0
    assert f"\n`dlcli train --resume {run}`\r\n".encode() in screen.written
