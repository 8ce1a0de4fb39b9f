"""Charts of answers on the page: every point is where its numbers are, and tells them."""

import copy
import hashlib
import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from dlcli.artifacts.digests import canonical_json
from dlcli.artifacts.run_directory import EVALUATION_CURVES
from dlcli.pipeline.page_answers import answers_of
from dlcli.report.axes import Span, labels
from dlcli.report.described import Answers, Calibrated, Paired, Part, Ranked
from dlcli.report.plots import plots_of
from tests.cli.calls import dlcli, refused
from tests.exactness.runs import SMALL, edit_manifest, train, write
from tests.report.pages import HOSTILE, page, plain, sound, text_of

RANKED = Ranked(1, 4, 5, 0.8, 0.7, ((0.9, 1, 0), (0.5, 3, 1), (0.1, 4, 5)))
CLASSES = Answers(
    9, 9, (RANKED,), Calibrated("yes", 0.125, ((5, 0.05, 0.2), (4, 0.95, 0.75))), columns=2
)  # fmt: skip
NUMBERS = Answers(3, 40, paired=(Paired(0, ((10.0, 12.0), (20.0, 19.0), (30.0, 30.0))),))


def with_answers(answers: Answers, role: str = "test") -> Any:
    return plain(parts=(Part(role, answers.of, {"loss": 0.5}, {}, {}, {}, answers),))


def figures(root: ElementTree.Element) -> dict[str, ElementTree.Element]:
    """Those that are not over epochs, by their titles."""
    found = {}
    for one in root.iter("figure"):
        words = "".join(str(title.text) for title in one.iter("title"))
        if "epoch" not in words and one.find("svg[@role]") is not None:
            found["".join(one.find("figcaption").itertext())] = one  # type: ignore[union-attr]
    return found


def points(figure: ElementTree.Element) -> list[tuple[float, float, str]]:
    """Where each point is, and what it tells."""
    found = []
    for path in figure.iter("path"):
        if path.find("title") is not None:
            x, y = re.findall(r"[\d.]+", path.attrib["d"])[:2]
            found.append((float(x), float(y), str(path.findtext("title"))))
    return found


def test_a_classifier_has_roc_precision_and_calibration() -> None:
    found = figures(page(with_answers(CLASSES)))
    roc, precision, calibration = (points(one) for one in list(found.values())[-3:])
    assert list(found)[-3:] == [
        "ROC",
        "precision and recall (AP: average precision)",
        "calibration",
    ]
    assert [told for _, _, told in roc] == [
        "above every threshold",
        "threshold 0.9: 1 of 4 found, 0 of 5 wrongly",
        "threshold 0.5: 3 of 4 found, 1 of 5 wrongly",
        "threshold 0.1: 4 of 4 found, 5 of 5 wrongly",
    ]
    # From corner to corner: 52 to 370 across, 206 up to 18.
    assert roc[0][:2] == (52, 206) and roc[-1][:2] == (370, 18)
    assert roc[2][0] == pytest.approx(52 + 318 / 5, abs=0.06)
    assert roc[2][1] == pytest.approx(206 - 188 * 3 / 4, abs=0.06)
    assert precision[2][2] == "threshold 0.5: precision 0.75, recall 0.75"
    assert precision[2][1] == roc[2][1]
    # From recall 0 on, so that the area below is the average precision.
    assert precision[0][0] == 52 and precision[0][1:] == precision[1][1:]
    assert [told for _, _, told in calibration] == [
        "5 answers held 5.0 % probable: 20.0 % are so",
        "4 answers held 95.0 % probable: 75.0 % are so",
    ]
    words = "".join(found["ROC"].itertext())
    assert "yes (area 0.8)" in words  # the name of the class


def test_a_regression_has_pairs_and_residuals() -> None:
    run = with_answers(NUMBERS)
    words = "".join(page(run).itertext())
    assert "The charts below are of 3 rows, drawn at random from 40." in words
    found = figures(page(run))
    pairs, rest = points(found["actual against predicted"]), points(found["residuals"])
    assert pairs[0][2] == rest[0][2] == "true 10, predicted 12, residual -2"
    # Where answers are right, they lie on the line from corner to corner, and at zero.
    x, y, _ = pairs[2]
    assert (x - 52) / 318 == pytest.approx((206 - y) / 188, abs=0.002)
    (line,) = [one for one in found["residuals"].iter("path") if one.get("class") == "best"]
    zero = float(line.attrib["d"].split()[1].partition("H")[0])
    assert rest[2][1] == zero and rest[0][1] > zero > rest[1][1]


def test_outputs_have_the_names_of_their_targets() -> None:
    pairs = tuple(Paired(output, ((1.0, 2.0), (2.0, 1.0))) for output in range(3))
    run = plain(parts=(Part("test", 2, {}, {}, {}, {}, Answers(2, 2, paired=pairs)),))
    plots = plots_of(run, run.parts[0])
    assert [one.name for one in plots][::2] == [
        "test_actual_vs_predicted", "test_actual_vs_predicted_1", "test_actual_vs_predicted_2",
    ]  # fmt: skip
    alone = plain(parts=run.parts, targets=("price",))  # what it names is another thing
    for one in (run, alone):
        assert {"residuals: output 0", "residuals: output 2"} <= figures(page(one)).keys()
    named = plain(parts=run.parts, targets=("price", "days", HOSTILE))
    assert "residuals: days" in figures(page(named))
    sound(text_of([named]))


@pytest.mark.parametrize(
    "pairs",
    [
        ((1e308, -1e308), (0.0, 0.0)),
        ((5.0, 5.0),),
        ((1e-320, 2e-320), (0.0, 0.0)),
        ((1e15, 1e15 + 2), (1e15, 1e15)),
    ],
)
def test_any_numbers_can_be_drawn(pairs: tuple[tuple[float, float], ...]) -> None:
    run = with_answers(Answers(9, 9, paired=(Paired(None, pairs),)))
    for path in page(run).iter("path"):
        assert not re.search("nan|inf|e", path.attrib["d"])
    there = sum(abs(true) < 1e290 and abs(answered) < 1e290 for true, answered in pairs)
    for figure in figures(page(run)).values():
        assert len(points(figure)) in (there, len(CLASSES.ranked))


def test_what_is_not_shown_is_told() -> None:
    ranked = tuple(replace(RANKED, place=place) for place in range(20))
    held = Calibrated("answer", 0.0, ((9, 0.5, 0.5),))
    words = "".join(page(with_answers(Answers(9, 9, ranked, held, columns=26))).itertext())
    assert "are of 20 of the 26 classes" in words
    assert "of the 26 classes" not in "".join(page(with_answers(CLASSES)).itertext())
    some = Answers(9, 9, paired=(Paired(None, ((1.0, 2.0),), 500_000),))
    assert "1 of 500,000 numbers are shown." in "".join(page(with_answers(some)).itertext())


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.6931, 0.69318), (123456.1, 123458.9), (1000001.0, 1000001.5), (0.0, 1.0), (-3e-9, 2e-9)],
)
def test_ticks_that_differ_have_words_that_differ(low: float, high: float) -> None:
    ticks = Span(low, high).ticks()
    told = labels(ticks)
    assert len(set(told)) == len(ticks) > 2
    for word, tick in zip(told, ticks, strict=True):
        assert abs(float(word) - tick) < (ticks[1] - ticks[0]) / 10


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("answers")
    return train(write(folder, SMALL), folder / "runs")


WRONG: list[tuple[str, Any]] = [
    ("test", 3), ("test.rows", -1), ("test.of", "9"), ("test.classes", {}),
    ("test.classes.0", 1), ("test.classes.0.yes", 0), ("test.classes.0.no", 1.5),
    ("test.classes.0.roc_auc", None), ("test.classes.0.points.0", [1, 2]),
    ("test.classes.0.points.0", [0.5, 0, 0]), ("test.classes.0.points.0", [0.5, 10**6, 0]),
    ("test.classes.0.points.0.0", True), ("test.calibration.of", "x"),
    ("test.calibration.bins", None), ("test.calibration.bins.0.1", 1.5),
    ("test.columns", -1), ("test.calibration.error", "<b>"),
    ("test.outputs", [{"output": -1, "points": []}]), ("test.outputs", [{"points": []}]),
    ("test.outputs", [{"output": None, "points": [[1, 10**400]]}]),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value"), WRONG)
def test_what_was_not_written_like_this_is_refused(run: Path, place: str, value: Any) -> None:
    document = json.loads((run / EVALUATION_CURVES).read_text())
    assert answers_of(document["test"]).ranked
    changed = copy.deepcopy(document)
    at: Any = changed
    *parents, last = place.split(".")
    for key in parents:
        at = at[int(key)] if isinstance(at, list) else at[key]
    at[int(last) if isinstance(at, list) else last] = value
    with pytest.raises(ValueError):
        answers_of(changed["test"])


def test_a_foreign_file_is_told_and_an_absent_one_is_an_older_run(run: Path) -> None:
    text = (run / "report.html").read_bytes()
    kept = (run / EVALUATION_CURVES).read_bytes()
    manifest = (run / "manifest.json").read_bytes()
    assert dlcli("report", run).code == 0 and (run / "report.html").read_bytes() == text
    for content, words in (
        (b"{}x", "not a valid JSON"),
        (canonical_json({"test": 1}), "did not write"),
    ):
        (run / EVALUATION_CURVES).write_bytes(content)
        assert refused(dlcli("report", run), 4)  # not what the manifest says
        record = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        edit_manifest(run / "manifest.json", partial(_list_as, record))
        assert words in refused(dlcli("report", run), 4)
    (run / EVALUATION_CURVES).unlink()
    edit_manifest(run / "manifest.json", lambda document: document["files"].pop(EVALUATION_CURVES))
    assert dlcli("report", run).code == 0
    assert b"ROC" not in (run / "report.html").read_bytes()
    again = dlcli("reproduce", run)
    assert again.code == 0 and f"{EVALUATION_CURVES} is not compared" in again.err
    (run / EVALUATION_CURVES).write_bytes(kept)
    (run / "manifest.json").write_bytes(manifest)
    assert dlcli("report", run).code == 0 and (run / "report.html").read_bytes() == text


def _list_as(record: dict[str, Any], document: dict[str, Any]) -> None:
    document["files"][EVALUATION_CURVES] = record
