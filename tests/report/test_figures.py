"""Figures for papers: which there are, what they are called, and that they show their numbers."""

import math
import re
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from dlcli.deploy.card_wording import number
from dlcli.report.described import (
    Answers,
    Calibrated,
    Filters,
    Paired,
    Part,
    Ranked,
    RunPage,
)
from dlcli.report.figure_files import ENDINGS, MARK, files_of
from dlcli.report.figures import Figure, figures_of
from dlcli.report.page import text_of
from dlcli.report.style import LIGHT
from tests.report.pages import HOSTILE, parsed, plain

SVG = "{http://www.w3.org/2000/svg}"
RANKED = Ranked(1, 4, 6, 0.9, 0.8, ((0.9, 2, 0), (0.5, 3, 2), (0.1, 4, 6)))


def answered(**values: object) -> RunPage:
    """A run of which everything can be drawn, but of its curves only the loss."""
    answers = Answers(
        10, 20, (RANKED,), Calibrated("yes", 0.1, ((4, 0.2, 0.0), (6, 0.8, 1.0))),
        (Paired(None, ((1.0, 1.5), (2.0, 1.0))),),
    )  # fmt: skip
    part = plain().parts[0]
    part = Part(part.role, part.rows, {}, {}, {"confusion_matrix": ((3.0, 1.0), (0.0, 6.0))}, {},
                answers)  # fmt: skip
    return plain(curves={"loss": [1.0, 3.0, 2.0, 1.0]}, parts=(part,), **values)


def curve(values: list[float], name: str = "loss") -> Figure:
    """The figure of a run that has this curve only."""
    return figures_of(
        [plain(len(values), curves={name: values}, rates=[], parts=(), filters=None)]
    )[0]


def svg_of(figure: Figure) -> ElementTree.Element:
    return ElementTree.fromstring(files_of(figure, ["svg"])["svg"])


def texts(root: ElementTree.Element) -> list[str]:
    return ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]


def group(root: ElementTree.Element, name: str) -> ElementTree.Element:
    return next(one for one in root.iter(f"{SVG}g") if one.get("id") == name)


def corners(line: ElementTree.Element) -> list[tuple[float, float]]:
    """Those of the first path in it."""
    path = next(line.iter(f"{SVG}path")).attrib["d"]
    return [(float(x), float(y)) for x, y in re.findall(r"[ML] (\S+) (\S+)", path)]


def scale(root: ElementTree.Element, axis: str) -> list[tuple[float, float]]:
    """The ticks of an axis: what each says, and where it is."""
    found = []
    for one in root.iter(f"{SVG}g"):
        if re.fullmatch(rf"{axis}tick_\d+", one.get("id", "")):
            (text,) = texts(one)
            found.append((float(text), corners(one)[0][axis == "y"]))
    return found


def values_at(root: ElementTree.Element, axis: str, places: list[float]) -> list[float]:
    """What is at these places of an axis, by its first and its last tick."""
    ticks = scale(root, axis)
    (low, start), (high, end) = ticks[0], ticks[-1]
    return [low + (high - low) * (place - start) / (end - start) for place in places]


def test_there_is_a_figure_of_each_chart_of_the_page() -> None:
    run = answered()
    names = [figure.name for figure in figures_of([run])]
    assert names == [
        "loss", "learning_rate", "test_confusion_matrix", "test_roc", "test_precision_recall",
        "test_calibration", "test_actual_vs_predicted", "test_residuals", "filters",
    ]  # fmt: skip
    root = parsed(text_of([run]))
    charts = [one for one in root.iter("svg") if "chart" in one.get("class", "")]
    matrices = [one for one in root.iter("table") if one.get("class") == "matrix"]
    assert len(charts) + len(matrices) + 1 == len(names)
    notes = {figure.name: figure.note for figure in figures_of([run])}
    assert "10 rows, drawn at random from 20" in notes["test_roc"]
    assert all(figure.title.startswith("run-0001: ") for figure in figures_of([run]))


def test_a_line_goes_through_its_values() -> None:
    values = [1.0, 3.0, 2.0, 0.5, 2.5]
    root = svg_of(curve(values))
    line = corners(group(root, "curve_1"))
    assert values_at(root, "y", [y for _, y in line]) == pytest.approx(values, abs=1e-4)
    assert values_at(root, "x", [x for x, _ in line]) == pytest.approx([1, 2, 3, 4, 5], abs=1e-4)
    (mark,) = group(root, "best_1").iter(f"{SVG}use")
    at = [float(mark.attrib["x"])]
    assert values_at(root, "x", at) == pytest.approx([5], abs=1e-4)
    assert "best epoch: 5" in texts(root)


def test_a_loss_is_logarithmic_where_it_is_on_the_page() -> None:
    values = [100.0, 10.0, 1.0, 0.1]
    root = svg_of(curve(values))
    ys = [y for _, y in corners(group(root, "curve_1"))]
    assert ys == pytest.approx([ys[0] + n * (ys[1] - ys[0]) for n in range(4)], abs=1e-3)
    assert [float(text) for text, _ in scale(root, "y")] == [0.1, 1, 10, 100]


def test_the_charts_of_answers_show_their_points() -> None:
    figures = {figure.name: figure for figure in figures_of([answered()])}
    root = svg_of(figures["test_roc"])
    line = corners(group(root, "series_1"))
    assert values_at(root, "x", [x for x, _ in line]) == pytest.approx([0, 0, 1 / 3, 1], abs=1e-4)
    assert values_at(root, "y", [y for _, y in line]) == pytest.approx([0, 0.5, 0.75, 1], abs=1e-4)
    assert "yes (area 0.9)" in texts(root) and "false positive rate" in texts(root)
    root = svg_of(figures["test_residuals"])
    dots = list(group(root, "series_1").iter(f"{SVG}use"))
    ys = values_at(root, "y", [float(dot.attrib["y"]) for dot in dots])
    assert ys == pytest.approx([-0.5, 1.0], abs=1e-4)


@pytest.mark.parametrize("unit", [1.0, 1e5, 1e7, 1e100])
def test_numbers_under_an_axis_do_not_touch(unit: float) -> None:
    points = tuple((n * unit, (8 - n) * unit) for n in range(-1, 9))
    part = Part("test", 3, {}, {}, {}, {}, Answers(3, 3, (), None, (Paired(None, points),)))
    run = plain(curves={}, rates=[], parts=(part,), filters=None)
    for figure in figures_of([run]):
        ticks = scale(svg_of(figure), "x")
        assert len(ticks) >= 2
        for (_, left), (value, right) in pairwise(ticks):
            # A digit of DejaVu Sans is 0.64 of its size wide, and some are narrower.
            assert right - left > 0.6 * 7 * len(number(value))


def test_a_matrix_has_the_shades_of_the_page() -> None:
    (figure,) = [f for f in figures_of([answered()]) if f.name == "test_confusion_matrix"]
    root = svg_of(figure)
    assert [text for text in texts(root) if text.isdigit()] == ["3", "1", "0", "6"]
    fills = re.findall(r"fill: (#\w+); stroke: #cfd6dd", ElementTree.tostring(root).decode())
    assert fills == [LIGHT[shade] for shade in ("q4", "q2", "q0", "q5")]


def test_of_many_classes_the_largest_are_shown() -> None:
    counts = tuple(
        tuple(float(i * (i == j)) for j in range(30)) for i in range(30)
    )  # the larger its number the larger the class
    part = Part("test", 435, {}, {}, {"m": counts}, {})
    names = tuple(f"class {k} of some" for k in range(30))
    (figure,) = figures_of([plain(curves={}, rates=[], filters=None, parts=(part,), classes=names)])
    told = texts(svg_of(figure))
    assert "The 20 largest of 30 classes are shown." in told
    assert "class 10 of some" in told and "class 9 of some" not in told


def test_several_runs_lie_over_each_other() -> None:
    runs = [plain(9, label=f"run-{n:04d}") for n in range(3)]
    names = [figure.name for figure in figures_of(runs)]
    assert names == ["loss", "val_loss", "accuracy", "learning_rate"]
    root = svg_of(figures_of(runs)[0])
    assert [len(corners(group(root, f"curve_{n}"))) for n in (1, 2, 3)] == [9] * 3
    assert {"run-0000", "run-0001", "run-0002"} <= set(texts(root))
    same = [plain(label="_run"), plain(5, label="_run")]
    assert {"1. _run", "2. _run"} <= set(texts(svg_of(figures_of(same)[0])))
    other = [plain(label="_run"), plain(5, label="_other")]
    assert {"_run", "_other"} <= set(texts(svg_of(figures_of(other)[0])))


def test_many_runs_have_a_legend_that_ends() -> None:
    runs = [plain(3, label=f"run-{n:04d}", curves={"loss": [1.0, 2.0, n]}, rates=[])
            for n in range(80)]  # fmt: skip
    (figure,) = figures_of(runs)
    told = texts(svg_of(figure))
    assert "run-0059" in told and "run-0060" not in told and "and 20 more" in told


def test_names_of_files_are_plain_and_each_is_another() -> None:
    names = ["loss", "Loss", "a b", "a/b", "-rf", "", "../../x", "é", HOSTILE, "w" * 500]
    run = plain(curves=dict.fromkeys(names, [1.0] * 4), rates=[], parts=(), filters=None)
    found = [figure.name for figure in figures_of([run])]
    assert len({name.lower() for name in found}) == len(found) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,90}", name) for name in found)
    assert found[:6] == ["loss", "Loss_2", "a_b", "a_b_2", "rf", "figure"]


@pytest.mark.parametrize(
    "name", [HOSTILE, "$x^2$ and $\\frac{", "日本語 😀 अ العربية", "_", "W" * 300, "a\nb", "\udcff"]
)
def test_whatever_a_name_is_it_is_shown_as_text(name: str) -> None:
    files = files_of(curve([1.0, 2.0], name))
    root = ElementTree.fromstring(files["svg"])
    shown = next(text for text in texts(root) if name[0] in text or "udcff" in text)
    assert len(shown) < 80 and "\n" not in shown
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", files["svg"].decode())
    assert not list(root.iter(f"{SVG}script")) and not list(root.iter(f"{SVG}image"))


def test_names_of_classes_runs_and_outputs_are_text_too() -> None:
    part = answered().parts[0]
    assert part.answers is not None
    pairs = ((1.0, 2.0),)
    answers = Answers(3, 3, (RANKED,), None, (Paired(0, pairs), Paired(1, pairs)))
    part = Part(HOSTILE, 3, {}, {}, {HOSTILE: ((1e9, 0.0), (1.5, 123456789.0))}, {}, answers)
    run = plain(
        label=HOSTILE, curves={}, rates=[], classes=(HOSTILE, "$a$"), parts=(part,),
        targets=("", "price in $ of $"), filters=None,
    )  # fmt: skip
    figures = figures_of([run])
    told = [text for figure in figures for text in texts(svg_of(figure))]
    assert "price in $ of $" in told and "$a$" in told and "$a$ (area 0.9)" in told


@pytest.mark.parametrize(
    "values",
    [
        [math.nan, 1.0, math.inf, 2.0, 3.0], [1e308, -1e308, 0.0, 5e-324], [5e-324, 0.0, 0.0],
        [3.0, 3.0], [1e-200, 1e200, 1.0], [1e15, 1e15 + 1, 1e15], [-7.0, -1e9], [1.0],
        [2e289, -2e289],
    ],
)  # fmt: skip
def test_any_numbers_can_be_drawn(values: list[float]) -> None:
    root = svg_of(curve(values))
    drawn = ElementTree.tostring(group(root, "curve_1")).decode()
    assert not re.search(r"\b(nan|inf)\b", drawn)
    shown = sum(abs(value) < 1e290 for value in values)
    assert len(list(group(root, "curve_1").iter(f"{SVG}use"))) == shown


def test_what_cannot_be_drawn_is_no_figure() -> None:
    assert (
        figures_of([plain(curves={"loss": [math.nan] * 4}, rates=[], parts=(), filters=None)]) == ()
    )


def test_a_gap_stays_one_and_a_point_between_gaps_is_seen() -> None:
    values = [1.0] * 70
    values[29:40] = [math.nan] * 11
    values[35] = 2.0
    root = svg_of(curve(values))
    line = group(root, "curve_1")
    path = next(line.iter(f"{SVG}path")).attrib["d"]
    assert path.count("M") >= 2
    assert len(list(line.iter(f"{SVG}use"))) == 1


def test_a_long_run_stays_small_and_keeps_its_peak() -> None:
    values = [1.0 + 0.1 * math.sin(n) for n in range(100_000)]
    values[54_321] = 9.0
    files = files_of(curve(values))
    assert all(len(data) < 500_000 for data in files.values())
    root = ElementTree.fromstring(files["svg"])
    heights = [y for _, y in corners(group(root, "curve_1"))]
    assert max(values_at(root, "y", heights)) == pytest.approx(9.0, abs=1e-3)


def test_filters_are_pictures() -> None:
    grid = (((0.0,) * 3, (1.0,) * 3), ((0.5,) * 3, (0.25,) * 3))
    run = plain(curves={}, rates=[], parts=(), filters=Filters("c", (grid,) * 11, 20))
    (figure,) = figures_of([run])
    assert figure.name == "filters" and figure.note == "The first 11 of 20 are shown."
    files = files_of(figure)
    assert len(files["svg"]) < 100_000 and b"The first 11 of 20 are shown." in files["svg"]


def test_files_name_neither_time_nor_version_and_know_who_made_them() -> None:
    import matplotlib

    for figure in figures_of([answered()])[:3]:
        for ending, data in files_of(figure).items():
            assert MARK.encode() in data and figure.title.encode() in data
            assert matplotlib.__version__.encode() not in data, ending
            assert not re.search(rb"<dc:date>|/CreationDate|/ModDate|tIME|/Producer", data)


@pytest.mark.thorough
def test_figures_are_as_wide_as_a_column() -> None:
    for figure in figures_of([answered()]):
        files = files_of(figure)
        assert tuple(files) == ENDINGS
        width = int.from_bytes(files["png"][16:20], "big")
        assert width <= round(3.4 * 300)
        assert b"/Type3" not in files["pdf"]
        if figure.name not in ("filters", "test_confusion_matrix"):
            assert width == round(3.4 * 300)
            assert ElementTree.fromstring(files["svg"]).get("width") == "244.8pt"


def test_nothing_is_cut_off() -> None:
    points = tuple((n * 1e5, (8 - n) * 1e5) for n in range(-1, 9))
    answers = Answers(3, 3, (RANKED,), None, (Paired(None, points),))
    part = Part("test", 3, {}, {}, {"m": ((3.0, 1.0), (0.0, 6.0))}, {}, answers)
    run = plain(
        curves={"W" * 60: [1.23456e-5, 1.23457e-5]}, rates=[], parts=(part,), filters=None,
        classes=("a class with a long name", "W" * 60), best=2,
    )  # fmt: skip
    figures = [*figures_of([run]), figures_of([plain(label="W" * 90), plain(label="b")])[0]]
    for figure in figures:
        picture = Image.open(BytesIO(files_of(figure, ["png"])["png"])).convert("L")
        dark = picture.point(lambda value: 255 * (value < 250)).getbbox()
        assert dark is not None, figure.name
        left, top, right, bottom = dark
        margins = (left, top, picture.width - right, picture.height - bottom)
        assert min(margins) >= 3, (figure.name, margins)


def test_no_setting_of_the_process_is_touched_or_used() -> None:
    import matplotlib

    figure = curve([1.0, 2.0])
    plainly = files_of(figure)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "text.usetex": True}):
        before = dict(matplotlib.rcParams)
        assert files_of(figure) == plainly
        assert dict(matplotlib.rcParams) == before


def test_a_figure_is_known_by_its_mark_wherever_that_stands(tmp_path: Path) -> None:
    from dlcli.pipeline.report_figures import _is_ours

    runs = [plain(3, label=f"{HOSTILE}{n}", curves={"loss": [1.0, 2.0, n]}, rates=[])
            for n in range(80)]  # fmt: skip
    path = tmp_path / "a.pdf"  # what a PDF says of itself stands before a table that is long here
    path.write_bytes(files_of(figures_of(runs)[0], ["pdf"])["pdf"])
    assert _is_ours(path)
