"""Pages of real runs in Chromium: on a phone, on a desk, on paper, in the light and in the dark."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.calls import dlcli
from tests.exactness.runs import SMALL, changed, train, write
from tests.report.browser import (
    SETTINGS,
    Browser,
    Setting,
    started,
    wrong_curves,
)

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
    return {
        name: [train(path, folder / "runs", workers=2) for path in paths]
        for name, paths in configs.items()
    }


PAGES = ["classes", "two", "regression", "pictures", "several"]


@pytest.fixture(scope="module")
def pages(runs: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The file of each page."""
    together = tmp_path_factory.mktemp("several") / "report.html"
    assert dlcli("report", *runs["several"], "-o", together).code == 0
    return {name: runs[name][0] / "report.html" for name in PAGES[:-1]} | {"several": together}


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
    assert not shown.faults
    histories = [
        [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        for run in runs[name]
    ]
    assert not wrong_curves(shown.charts, histories)
    assert shown.smallest is not None
