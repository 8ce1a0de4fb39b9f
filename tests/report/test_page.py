"""The page as text: well-formed, sound, readable, the same, and not too large."""

import math
import re

import pytest

from dlcli.deploy.markdown import code, listed, prose, table
from dlcli.report import cardtext, lines
from dlcli.report.described import Filters, LayerLine, Part, Timing
from dlcli.report.page import text_of
from tests.report.pages import (
    HOSTILE,
    contrast,
    page,
    parsed,
    plain,
    schemes,
    sound,
    titles,
)


def test_every_curve_has_a_point_for_each_epoch() -> None:
    told = titles(page(plain(30)))
    for label in ("training, ", "validation, ", ""):
        for epoch in range(1, 31):
            assert sum(t.startswith(f"{label}epoch {epoch}: ") for t in told) == (
                2 if label == "" else 1  # accuracy and the learning rate
            )
    assert sum(t.endswith("(best)") for t in told) == 4
    assert "training, epoch 4: 0.25" in told and "validation, epoch 4: 0.5" in told


def test_a_line_goes_where_its_values_are() -> None:
    root = page(plain(3, curves={"val_loss": [1.0, 3.0, 2.0]}, rates=[], best=1, value=1.0))
    (line,) = [one.attrib["d"] for one in root.iter("path") if one.get("class") == "l"]
    ys = [float(y) for y in re.findall(r" ([\d.]+)", line)]
    assert ys[1] < ys[2] < ys[0] and ys[2] == pytest.approx((ys[0] + ys[1]) / 2, abs=0.1)


@pytest.mark.parametrize(
    "values",
    [
        [math.nan, 1.0, math.inf, 2.0],
        [math.nan] * 4,
        [1e308, -1e308, 0.0, 5e-324],
        [5e-324, 0.0, 0.0, 0.0],
        [3.0, 3.0, 3.0, 3.0],
        [1e-200, 1e200, 1.0, 2.0],
        [1e15, 1e15 + 1, 1e15, 1e15],
        [-7.0, -7.5, -8.0, -1e9],
    ],
)
def test_any_numbers_can_be_drawn(values: list[float]) -> None:
    text = text_of([plain(curves={"val_loss": values}, rates=[])])
    root = parsed(text)
    for element in root.iter("path"):
        assert not re.search("nan|inf|e", element.attrib["d"]), element.attrib
    shown = sum(abs(value) < 1e290 for value in values)
    assert sum("epoch" in told for told in titles(root)) == shown


def test_one_epoch_is_a_page_too() -> None:
    assert "epoch 1: 1 (best)" in "".join(titles(page(plain(1))))


def test_whatever_a_file_says_is_text() -> None:
    part = plain().parts[0]
    odd = plain(
        label=HOSTILE, name=HOSTILE, monitor=HOSTILE, kept=HOSTILE, classes=(HOSTILE, "\udcff"),
        curves={HOSTILE: [1.0] * 4}, card=None, config=HOSTILE, findings=((HOSTILE, HOSTILE),),
        data={HOSTILE: HOSTILE}, environment={HOSTILE: HOSTILE}, settings={HOSTILE: HOSTILE},
        parts=(
            part,
            Part(
                HOSTILE, 3, {HOSTILE: 1.0}, {HOSTILE: (1.0,)}, {HOSTILE: ((1.0,),)},
                {HOSTILE: (((1.0, 2.0), (3.0, 4.0)),)},
            ),
        ),
        layers=(LayerLine(HOSTILE, HOSTILE, (HOSTILE,), (2,), 6, 10),),
        filters=Filters(HOSTILE, ((((0.0,),),),), 9),
        timings=(Timing(HOSTILE, 1.0),),
    )  # fmt: skip
    for runs in ([odd], [odd, plain()]):
        text = text_of(runs)
        sound(text)
        assert "<script" not in text and "<img" not in text and "http" not in text
        assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", text)
        assert text.encode()
        assert "alert(1)" in "".join(parsed(text).itertext())


def test_a_card_is_read_as_it_was_written() -> None:
    """The Markdown of the card becomes the same words again, whatever they are."""
    names = [HOSTILE, "a_b", "a|b", "`x`", "*b*", " ", "\\|", "a\nb", "``", "<i>"]
    for name in names:
        lines = ["## Data", "", prose(name), "", *listed([code(name, 200)]), ""]
        lines += [*table(("name", "n"), [(code(name, 200), "1")], 1), "", "```", "## no", "```"]
        (body,) = cardtext.sections("# t\n\n" + "\n".join(lines)).values()
        root = parsed(f"<!DOCTYPE html>\n<div>{cardtext.html_of(body)}</div>")
        shown = name.replace("\n", "\\n")
        shown = shown.replace("\x00", "\\x00").replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
        shown = repr(shown) if not shown.strip() else shown
        (item,) = root.iter("li")
        assert "".join(item.itertext()) == shown
        cell = next(root.iter("tbody"))[0][0]
        assert "".join(cell.itertext()) == shown.replace("\\|", "\\\\x7c")
        if shown.strip() == name.strip() and name.strip():
            assert "".join(next(root.iter("p")).itertext()) == shown
        assert [pre.text for pre in root.iter("pre")] == ["## no"]
        assert cell.tag == "th" and next(root.iter("tbody"))[0][1].attrib == {"class": "n"}


def test_all_texts_can_be_read_in_both_schemes() -> None:
    light, dark = schemes(text_of([plain()]))
    assert light.keys() == dark.keys() and light["paper"] != dark["paper"]
    shades = [name for name in light if re.fullmatch(r"q\d", name)]
    colors = [name for name in light if re.fullmatch(r"c\d", name)]
    assert len(shades) == 6 and len(colors) == 8
    for scheme in (light, dark):
        for text in ("ink", "soft", "warn", "link", *colors):
            assert contrast(scheme[text], scheme["paper"]) >= 4.5, text
        for text in ("ink", "soft"):
            assert contrast(scheme[text], scheme["raised"]) >= 4.5, text
        for shade in shades:
            assert contrast(scheme["ink"], scheme[shade]) >= 4.5, shade
        # Shades are told apart by their order.
        steps = [contrast(scheme[shade], scheme["paper"]) for shade in shades]
        assert steps == sorted(steps) and len(set(steps)) == len(steps)
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)


def test_the_style_names_no_color_beside_those() -> None:
    text = text_of([plain()])
    style = text.partition("<style>")[2].partition("</style>")[0]
    rules = re.sub(r":root \{[^}]*\}", "", style)
    assert not re.search(r"#[0-9a-f]{3,8}\b|rgb|hsl", rules)
    used = set(re.findall(r"var\(--(\w+)\)", rules))
    assert used <= schemes(text)[0].keys()
    assert "@media print" in rules and "prefers-color-scheme: dark" in rules


def test_wide_tables_scroll_in_a_box_of_their_own() -> None:
    for runs in ([plain()], [plain(), plain(3)]):
        root = page(*runs)
        parents = {child: parent for parent in root.iter() for child in parent}
        tables = list(root.iter("table"))
        assert tables and all(parents[one].get("class") == "box" for one in tables)


def test_a_matrix_is_shaded_by_the_share_of_its_row() -> None:
    root = page(plain())
    (matrix,) = [one for one in root.iter("table") if one.get("class") == "matrix"]
    rows = [[(c.get("class"), c.text) for c in row if c.tag == "td"] for row in matrix[1]]
    assert rows == [[("q4", "3"), ("q2", "1")], [("q0", "0"), ("q5", "6")]]
    told = [cell.get("title") for cell in matrix.iter("td")]
    assert told[1] == "no answered as yes: 25.0 % of the class"
    words = "".join(root.itertext())
    assert "Each class of the test part" in words
    # Precision and recall follow from the matrix, f1 was measured.
    body = next(t for t in root.iter("table") if "recall" in "".join(t.itertext()))
    cells = [[cell.text for cell in row] for row in body[1]]
    assert cells == [["no", "1", "0.75", "0.5", "4"], ["yes", "0.8571", "1", "1", "6"]]


def test_long_names_above_a_matrix_are_written_sideways() -> None:
    for names, kind in ((("no", "yes"), "matrix"), (("n" * 29, "y" * 29), "matrix sideways")):
        kinds = [one.get("class") for one in page(plain(classes=names)).iter("table")]
        assert [one for one in kinds if one and "matrix" in one] == [kind]


def test_filters_are_pictures_from_black_to_white() -> None:
    root = page(plain())
    (picture,) = [one for one in root.iter("svg") if one.get("shape-rendering")]
    fills = [one.get("fill") for one in picture.iter("path")]
    assert fills == ["#000000", "#ffffff", "#808080", "#404040"]


def test_speed_is_rows_by_seconds() -> None:
    assert "50" in [cell.text for cell in page(plain()).iter("td")]
    assert "Time" not in [one.text for one in page(plain(timings=())).iter("h2")]


def test_the_same_runs_have_the_same_bytes() -> None:
    assert text_of([plain()]) == text_of([plain()])
    assert text_of([plain(), plain(9)]) == text_of([plain(), plain(9)])


def test_several_runs_show_only_what_differs() -> None:
    one = plain(settings={"seed": 1, "a.b": True, "c": "x"}, data={"all": "a" * 64})
    other = plain(
        6, label="run-0002", settings={"seed": 2, "a.b": True}, data={"all": "a" * 64}, seed=2,
        environment={"numpy": "2.1", "python": "3.12"},
    )  # fmt: skip
    root = page(one, other)
    heads = [[cell.findtext("code") for cell in t[0][0]][1:] for t in root.iter("table")]
    metrics, settings, environment = heads
    assert settings == ["seed", "c"] and environment == ["numpy", "python"]
    assert metrics == [
        "epochs",
        "best epoch",
        "best val_loss",
        "kept epoch",
    ]  # the test part is alike
    words = "".join(root.itertext())
    assert "Nothing: every digest is the same." in words
    told = titles(root)
    for place, run in ((1, one), (2, other)):
        for epoch in range(1, run.epochs + 1):
            # loss, val_loss, accuracy, learning rate
            assert sum(t.startswith(f"run {place}, epoch {epoch}: ") for t in told) == 4


def test_digests_that_begin_alike_are_shown_whole() -> None:
    one, other = plain(data={"all": "a" * 64}), plain(data={"all": "a" * 63 + "b"})
    assert "a" * 63 + "b" in "".join(page(one, other).itertext())


def test_many_runs_stay_below_five_megabytes() -> None:
    values = {name: [1 + math.sin(e * 1.7) for e in range(200)] for name in "abcdefgh"}
    many = [plain(200, label=f"run-{n:04d}", curves=values | {"val_loss": [1.0] * 200}, best=77)
            for n in range(50)]  # fmt: skip
    text = text_of(many)
    assert len(text.encode()) < 5_000_000
    told = titles(parsed(text))
    assert "every 4th has a point" in text
    for n in range(1, 51):  # the best and the last are never left out
        assert sum(t.startswith(f"run {n}, epoch 77: ") for t in told) == 10
        assert sum(t.startswith(f"run {n}, epoch 200: ") for t in told) == 10


def test_a_long_run_stays_small_and_keeps_its_peaks() -> None:
    values = [1.0] * 100_000
    values[54_321] = 9.0
    text = text_of([plain(100_000, curves={"val_loss": values}, rates=[])])
    assert len(text.encode()) < 3_000_000
    kept = lines.corners(values)
    assert 54_322 in kept and len(kept) <= 602


def test_a_gap_of_a_long_run_hides_no_peak() -> None:
    values = [1.0] * 9_000
    values[4_500:4_520] = [math.nan] * 20
    values[4_520] = 9.0
    kept = lines.corners(values)
    assert 4_521 in kept and any(math.isnan(values[epoch - 1]) for epoch in kept)
    assert len(kept) <= 603


def test_an_unfinished_run_says_so() -> None:
    run = plain(done=False, parts=(), layers=(), filters=None, kept="")
    assert "This run is not finished: it has 4 epochs so far" in "".join(page(run).itertext())
    several = "".join(page(run, plain(label="other")).itertext())
    assert "run-0001 is not finished." in several and "other is not finished" not in several
