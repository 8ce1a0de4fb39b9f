"""`dlcli report --rows`: the rows that were answered worst, which no other page shows."""

import base64
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dlcli.pipeline.row_shown import as_it_seems
from dlcli.report.described import Shown, WorstRow, WorstRows
from dlcli.report.png import png
from tests.cli.calls import dlcli, refused, train
from tests.exactness.runs import CNN, SMALL, changed, write
from tests.pipeline.test_answer_curves import ENDS, trained
from tests.report.pages import HOSTILE, page, parsed, plain, sound, text_of


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_has_its_pixels(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels), np.uint8)
    found = Image.open(io.BytesIO(png(pixels.tobytes(), 5, 7, channels)))
    np.testing.assert_array_equal(np.asarray(found).reshape(pixels.shape), pixels)


def cells(page: str) -> list[list[str]]:
    """The table of the worst rows, its header first."""
    root = parsed(page)
    (section,) = [s for s in root.iter("section") if s.findtext("h2") == "Worst rows"]
    return [["".join(cell.itertext()) for cell in row] for row in section.iter("tr")]


@pytest.mark.parametrize("learned", sorted(ENDS))
def test_the_worst_of_a_table_are_those_farthest_from_the_truth(
    learned: str, tmp_path: Path
) -> None:
    """Worked out again from the file and what `predict` answers to it."""
    run, rows = trained(tmp_path, learned)
    path = tmp_path / "page.html"
    call = dlcli("report", run, "--rows", "-o", path)
    assert call.code == 0, call.err
    header, *found = cells(path.read_text())
    assert header == ["row", "true", "answered", "how far off", *"abcd"] and len(found) == 12
    answered = dlcli("predict", run, tmp_path / "test.csv").out
    values = [
        {k: float(v) for k, v in row.items() if k not in ("class", *"abcd")}
        for row in csv.DictReader(io.StringIO(answered))
    ]
    wrong = np.array([distance(row[4:], one) for row, one in zip(rows, values, strict=True)])
    order = [int(re.sub(r".*line (\d+)$", r"\1", row[0])) - 2 for row in found]
    np.testing.assert_allclose(wrong[order], np.sort(wrong)[::-1][:12], rtol=1e-4)
    for place, shown in zip(order, found, strict=True):
        assert [float(cell) for cell in shown[4:]] == [
            pytest.approx(v, rel=1e-3) for v in rows[place][:4]
        ]
        if learned in ("binary", "classes"):
            assert shown[1] == rows[place][4]
        elif learned == "number":
            assert float(shown[1]) == pytest.approx(rows[place][4], rel=1e-3)
            assert float(shown[2]) == pytest.approx(values[place]["value"], rel=1e-3)
    assert "test.csv, line" not in (run / "report.html").read_text()


def distance(true: list[Any], answer: dict[str, float]) -> float:
    if isinstance(true[0], str):
        own = answer.get(f"p_{true[0]}")
        return 1 - own if own is not None else answer["p_yes"]  # of two classes, one is printed
    off = np.array(true) - [*answer.values()]
    labels = all(name.startswith("p_") for name in answer)
    return float(np.abs(off).sum() if labels else np.sqrt((off**2).sum()))


def test_pictures_are_shown_as_pictures(tmp_path: Path) -> None:
    run = train(write(tmp_path, changed(CNN, training__max_steps=5)), tmp_path / "runs").run
    before = (run / "report.html").read_bytes()
    assert b"Worst rows" not in before and b"<img" not in before
    assert dlcli("report", run, "--rows").code == 0
    text = (run / "report.html").read_text()
    sound(text)
    pictures = re.findall(r'base64,([^"]+)"', text)
    assert len(pictures) == 12
    for one in pictures:
        picture = Image.open(io.BytesIO(base64.b64decode(one)))
        assert picture.size == (8, 8) and picture.getextrema() == (0, 255)
    words = "".join(parsed(text).itertext())
    assert re.search(r"answered \d \(\d+\.\d %\)\d+\.\d % for the true one", words)
    assert "from its least number, black" in words
    assert dlcli("verify", run).code == 0  # the page is not listed
    assert dlcli("report", run).code == 0 and (run / "report.html").read_bytes() == before


def test_signals_and_several_values_are_shown(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "two.npz", long=rng.random((60, 40, 2)), few=rng.random((60, 3)),
        y=rng.integers(0, 2, 60),
    )  # fmt: skip
    config = {
        "name": "two",
        "data": {
            "source": {"type": "npz", "path": "two.npz", "target": "y"},
            "inputs": {"long": {"array": "long"}, "few": {"array": "few"}},
            "split": {"test": 0.3},
        },
        "model": {
            "layers": [
                {"type": "flatten", "input": "long", "name": "flat"},
                {"type": "concatenate", "inputs": ["flat", "few"]},
                {"type": "dense", "units": 1, "activation": "sigmoid"},
            ]
        },
        "loss": {"type": "binary_crossentropy"},
        "optimizer": {"type": "sgd", "learning_rate": 0.1},
        "training": {"epochs": 1, "batch_size": 8},
    }
    (tmp_path / "two.yaml").write_text(json.dumps(config))
    run = train(tmp_path / "two.yaml", tmp_path / "runs").run
    assert dlcli("report", run, "--rows").code == 0
    root = parsed((run / "report.html").read_text())
    (section,) = [s for s in root.iter("section") if s.findtext("h2") == "Worst rows"]
    figures = list(section.iter("figure"))
    assert len(figures) == 12
    for one in figures:
        lines = [path.attrib["d"] for path in one.iter("path")]
        assert len(lines) == 2 and all(line.count("L") == 39 for line in lines)
        assert one.findtext("p", "").count(",") == 2  # three numbers


def test_odd_values_are_shown_as_something() -> None:
    wide = np.zeros((1, 5, 400), np.float32)
    holes = np.full((1, 9, 9), np.nan, np.float32)
    large = np.zeros((1, 600, 500, 3), np.uint8)
    few = {"holes": holes, "one": np.array([[np.nan, 2.0]])}
    shown = as_it_seems(few)
    assert [one.name for one in shown.pictures] == ["holes"] and not shown.is_cut
    words = text_of([plain(worst=WorstRows("test", 1, (), (WorstRow("a", "b", "c", "d", shown),)))])
    assert "<p>missing, 2</p>" in words
    for name, value in {"wide": wide, "large": large, "long": np.zeros((1, 1001))}.items():
        shown = as_it_seems({name: value})
        assert shown.is_cut, name
    assert max(as_it_seems({"large": large}).pictures[0].height, 250) <= 300
    assert len(as_it_seems({"long": np.zeros((1, 1001))}).signals[0][0]) <= 600


def test_what_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    config = write(tmp_path, SMALL)
    one, other = (train(config, tmp_path / "runs").run for _ in range(2))
    before = (one / "report.html").read_bytes()
    words = refused(dlcli("report", one, other, "--rows", "-o", tmp_path / "p.html"), 2)
    assert "--rows is for one run" in words
    (tmp_path / "small.csv").rename(tmp_path / "gone.csv")
    assert "small.csv" in refused(dlcli("report", one, "--rows"), 3)
    (tmp_path / "small.csv").write_text((tmp_path / "gone.csv").read_text().replace("yes", "no", 1))
    assert "is not what" in refused(dlcli("report", one, "--rows"), 3)
    assert (one / "report.html").read_bytes() == before and not (tmp_path / "p.html").exists()


def test_whatever_a_row_says_is_text() -> None:
    row = WorstRow(HOSTILE, HOSTILE, HOSTILE, HOSTILE, Shown(cells=(HOSTILE,)))
    found = WorstRows(HOSTILE, 3, (HOSTILE,), (row,))
    sound(text_of([plain(worst=found)]))
    assert "alert(1)" in "".join(page(plain(worst=found)).itertext())
