"""Pages of real runs in Chromium: on a phone, on a desk, on paper, in the light and in the dark."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from dlcli.report.described import Answers, Paired, Part
from dlcli.report.page import text_of
from tests.cli.calls import dlcli
from tests.exactness.runs import SMALL, changed, train, write
from tests.report.browser import PHONE, SETTINGS, Browser, Chart, Setting, started, wrong_curves
from tests.report.pages import plain

pytestmark = pytest.mark.browser

CONFIGS = Path(__file__).parents[2] / "configs"
BREEDS = (
    "Norwegian forest cat", "British shorthair", "Maine coon", "Siamese", "Sphynx", "Persian",
    "Bengal", "Russian blue", "Turkish angora", "European wildcat (Felis silvestris)",
)  # fmt: skip
"""Ten classes, with names as people have them."""


def config(name: str, **values: Any) -> dict[str, Any]:
    """One of configs/, with other values."""
    return changed(yaml.safe_load((CONFIGS / f"{name}.yaml").read_text()), **values)


def breeds(folder: Path) -> Path:
    """A config of ten classes, and its table."""
    lines = ["weight,length of the hair,breed"]
    lines += [f"{row % 10 + row % 7 / 8},{row % 10 * row % 13},{BREEDS[row % 10]}"
              for row in range(300)]  # fmt: skip
    folder.mkdir()
    (folder / "breeds.csv").write_text("\n".join(lines) + "\n")
    return write(folder, changed(
        SMALL,
        name="breeds",
        data__source={"type": "csv", "path": "breeds.csv", "target": "breed"},
        model={"layers": [{"type": "dense", "units": 10, "activation": "softmax"}]},
        loss={"type": "sparse_categorical_crossentropy"},
        training__early_stopping=None,
        evaluation={"metrics": ["accuracy", "top_k_accuracy", "f1", "confusion_matrix",
                                "precision_per_class", "recall_per_class"]},
    ))  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests."""
    with started() as browser:
        yield browser


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """The runs that each page shows."""
    folder = tmp_path_factory.mktemp("pages")
    several = [
        changed(SMALL, name=f"small-{n}", seed=n, optimizer__learning_rate=0.02 * n,
                training__early_stopping__patience=n, training__epochs=6 + 20 * (n == 5))
        for n in range(1, 6)
    ]  # fmt: skip
    configs = {
        "classes": [breeds(folder / "breeds")],
        "two": [write(folder, config("breast_cancer", training__epochs=70))],
        "regression": [write(folder, config("friedman1", training__epochs=12))],
        "pictures": [write(folder, config("digits_cnn", training__epochs=5))],
        "several": [write(folder, one) for one in several],
    }
    made = {
        name: [train(path, folder / "runs", workers=2) for path in paths]
        for name, paths in configs.items()
    }
    return made | {"worst": made["pictures"], "worst cells": made["regression"]}


PAGES = ["classes", "two", "regression", "pictures", "several", "worst", "worst cells"]


@pytest.fixture(scope="module")
def pages(runs: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The file of each page."""
    found = {name: runs[name][0] / "report.html" for name in PAGES[:4]}
    for name, more in (("several", []), ("worst", ["--rows"]), ("worst cells", ["--rows"])):
        found[name] = tmp_path_factory.mktemp("page") / f"{name}.html"
        assert dlcli("report", *runs[name], *more, "-o", found[name]).code == 0
    return found


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wrong_with_a_page(
    name: str,
    setting: Setting,
    browser: Browser,
    pages: dict[str, Path],
    runs: dict[str, list[Path]],
) -> None:
    shown = browser.show(pages[name], setting)
    assert shown.faults == []
    histories = [
        [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        for run in runs[name]
    ]
    assert wrong_curves(shown.charts, histories) == []


ENDS = {
    "large": (123456789.0, 987654321.0),
    "alike": (1000001.0, 1000001.5),
    "small": (-1.2345e-12, 3e-5),
    "logarithms": (0.00012, 0.007),
}
"""The first value of a curve, and the last."""


def answers(*ends: float) -> Answers:
    """Two true numbers, answered the other way round."""
    return Answers(2, 2, paired=(Paired(0, (ends, ends[::-1])),))


MANY = tuple(f"a class with a number, {n}" for n in range(25))
COUNTS = tuple(tuple(9999.0 if k == j else 9.0 for k in range(25)) for j in range(25))
FOURS = (((1.0, 2.0), (3.0, 4.0)),) * 25
ODD = {
    **{f"{epochs} epochs": [plain(epochs, best=(epochs + 1) // 2)]
       for epochs in (1, 2, 3, 10, 11, 99, 1234)},
    **{name: [plain(2, curves={"val_loss": ends}, rates=[], best=1)]
       for name, ends in ENDS.items()},
    **{f"{name} answers": [plain(parts=(Part("test", 2, {}, {}, {}, {}, answers(*ends)),))]
       for name, ends in ENDS.items()},
    "classes": [plain(classes=MANY, parts=(Part("test", 9, {}, {}, {"m": COUNTS}, {}),))],
    "labels": [plain(classes=MANY, parts=(Part("test", 9, {}, {}, {}, {"m": FOURS}),))],
    "names": [plain(label="no-space" * 20, classes=("no-space" * 20,) * 2, done=False)],
    "runs": [plain(9 + n, label=f"no-space-{n}" * 8,
                   settings={f"some.setting.of.many_{k}": n * k for k in range(12)})
             for n in range(12)],
}  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS[::2], ids=str)
@pytest.mark.parametrize("name", ODD)
def test_odd_runs_look_well(name: str, setting: Setting, browser: Browser, tmp_path: Path) -> None:
    """Numbers, names and counts that are longer than those of most runs."""
    (tmp_path / "page.html").write_text(text_of(ODD[name]))
    assert browser.show(tmp_path / "page.html", setting).faults == []


LABELS = '<svg viewBox="0 0 300 30"><text x="9" y="20">one</text>{}</svg>'


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<p style='color: #777'>grey", 'contrast: "grey" in p has 4.48 : 1'),
        ("<p style='color: #0008'>half", 'contrast: "half" in p has 4.48'),
        ("<p style='opacity: .5'>half", 'contrast: "half" in p has 3.9'),
        ("<p style='background: #000'>black", 'contrast: "black" in p has 1.00'),
        ("<p style='background: #000c'>dark", 'contrast: "dark" in p has 1.6'),
        (
            "<p style='color: color-mix(in oklab, red, white)'>pink",
            'contrast: "pink" in p has 1.95',
        ),
        (LABELS.format("<text x='200' y='20' fill='yellow'>two</text>"), 'contrast: "two" in text'),
        (
            "<style>body { background: none !important }</style>a",
            'contrast: "a" in body stands on no color',
        ),
        ("<p style='font-size: 8px'>a", 'size: "a" in p is 8.0 px'),
        (LABELS.format("").replace("300", "900"), 'size: "one" in text is 6.'),
        ("<p style='width: 400px'>a", "width: the page is"),
        ("<p style='width: 400px'>a", "width: p goes from"),
        ("<p style='position: relative; left: -10px'>a", "width: p goes from -2 to"),
        ("<div class='box'><p style='width: 400px'>a", "width: p goes from"),
        ("<p style='width: 9px; overflow: hidden'>aaaa", "cut: the text of p"),
        (LABELS.format("<text x='290' y='20'>two</text>"), 'cut: the label "two" leaves'),
        (LABELS.format("<text x='20' y='20'>two</text>"), 'overlap: the labels "one" and "two"'),
        (LABELS.format("<g class='p'><path d='M9 40h0'/></g>"), "cut: the point"),
        ("a<img src='http://localhost:9/a.png'>", "request: http://localhost:9/a.png"),
        ("a<img src='http://localhost:9/a.png'>", "console: http://localhost:9/a.png"),
        ("a<style>@import 'absent.css'</style>", "request: file:///"),
        ("a<script>console.warn('beware')</script>", "console: "),
        ("a<script>throw new Error('beware')</script>", "console: "),
        ("", "text: nothing can be read"),
        ("<style>body { background: #111 !important; color: white }</style>a", "scheme: the page"),
    ],
)
def test_what_is_wrong_is_found(body: str, fault: str, browser: Browser, tmp_path: Path) -> None:
    found = made_up(body, browser, tmp_path)
    assert any(one.startswith(fault) for one in found), found


@pytest.mark.parametrize(
    "body",
    [
        "<p style='color: #767676'>grey enough",
        "<div class='box' style='overflow-x: auto'><p style='width: 400px'>scrolls",
        "<pre style='overflow: auto'><code style='display: block; width: 400px'>scrolls",
        LABELS.format("<title>no label</title><text x='100' y='20'>two</text>"),
        "a<p style='display: none; color: white'>not shown",
        "a<p style='visibility: hidden; color: white'>not shown",
        "a<script>console.info('well')</script>",
        "a<img alt='' src='data:image/gif;base64,R0lGODlhAQABAAAAACH5BAAAAAAALAAAAAABAAEAAAI='/>",
    ],
)
def test_what_is_well_is_not_blamed(body: str, browser: Browser, tmp_path: Path) -> None:
    assert made_up(body, browser, tmp_path) == []


def made_up(body: str, browser: Browser, folder: Path) -> Sequence[str]:
    """What is wrong with a page that is made of this, on a phone."""
    path = folder / "page.html"
    path.write_text(
        "<!DOCTYPE html><meta charset='utf-8'/>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'/>"
        f"<body style='margin: 8px; background: white; color: black'>{body}"
    )
    return browser.show(path, Setting(PHONE, "light")).faults


def test_a_page_for_desks_is_found_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(re.sub('<meta name="viewport".*?>', "", text_of([plain()])))
    faults = browser.show(path, Setting(PHONE, "light")).faults
    assert any(fault.startswith("width: the page is laid out for 98") for fault in faults)


HISTORY = [{"epoch": n, "step": 9 * n, "loss": 1 / n} for n in (1, 2, 3)]
POINTS = ["epoch 1: 1", "epoch 2: 0.5", "epoch 3: 0.3333 (best)"]


def test_a_point_that_is_missing_or_wrong_is_found() -> None:
    def wrong(*curves: Sequence[str], history: Any = HISTORY) -> str:
        return "; ".join(wrong_curves([Chart("c", curves)], [history]))

    assert wrong(POINTS) == ""
    assert wrong(["training, " + told for told in POINTS]) == ""
    assert "there are [1, 3]" in wrong([POINTS[0], POINTS[2]])
    assert "there are [1, 2]" in wrong(POINTS[:2])
    assert "there are [1, 2, 3]" in wrong([*POINTS, "a point without an epoch"])
    assert wrong([*POINTS[:2], "epoch 3: 0.3"]) == "points: no curve tells loss of run 1"
    # Other charts are over something else than epochs.
    assert wrong(POINTS, ["false 0.1, true 0.9: threshold 0.5"], []) == ""
    assert wrong(["threshold 0.5: 1"]) == "points: no curve tells loss of run 1"
    more = [line | {"val_loss": 2.0} for line in HISTORY]
    assert wrong(POINTS, history=more) == "points: no curve tells val_loss of run 1"
    two = [Chart("c", [[f"run {n}, {told}" for told in POINTS] for n in (1, 2)])]
    assert wrong_curves(two, [HISTORY, HISTORY]) == []
    assert wrong_curves(two, [HISTORY, more]) == ["points: no curve tells val_loss of run 2"]
