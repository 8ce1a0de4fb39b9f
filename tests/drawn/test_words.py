"""Every word of the vocabulary is drawn, or it is said why not; every drawn config is good."""

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from dlcli import config as vocabulary
from dlcli.config.augmentation import AUGMENTATION_CONFIGS
from dlcli.config.base import Section
from dlcli.config.loading import parse_config
from dlcli.config.values import Choice, Real, Sizes, Switch, Text, Whole
from tests.drawn.data import AUGMENTATIONS, SOURCES, TRANSFORMS
from tests.drawn.dice import Dice
from tests.drawn.drawing import EPOCHS, Drawn, draw
from tests.drawn.network import FITS, LAYERS
from tests.drawn.options import NotKnown, options
from tests.drawn.words import NOT_DRAWN, every_word, used_words
from tests.exactness.runs import environment

SEEDS = 400
ENOUGH = 8000
"""The rarest word is drawn within so many seeds."""

BROAD = (
    1492, 303, 242, 37, 431, 1271, 1014, 243, 1417, 1811, 1773, 1298, 228, 1536, 1392, 1510, 225,
    975, 1637, 2077, 2124, 1781, 2377, 987, 1728, 1, 47, 400, 521, 236, 249, 1251, 1325, 2338, 418,
    1147, 1440, 1982, 46, 181, 241, 293, 587, 1012, 1297, 14, 136, 238, 258, 281, 383, 610, 870,
    977, 1462, 1483, 56, 67, 145, 147, 288, 312, 350, 394, 536, 622, 670, 806, 824, 904, 984, 1633,
    2229,
)  # fmt: skip
"""Seeds that together drew every word when this was written; no promise, but a good beginning."""

TABLES: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "SOURCES of tests/drawn/data.py": (vocabulary.SOURCE_CONFIGS, SOURCES),
    "AUGMENTATIONS of tests/drawn/data.py": (AUGMENTATION_CONFIGS, AUGMENTATIONS),
    "TRANSFORMS of tests/drawn/data.py": (vocabulary.TRANSFORM_CONFIGS, TRANSFORMS),
    "LAYERS of tests/drawn/network.py": (vocabulary.LAYER_CONFIGS, LAYERS),
    "FITS of tests/drawn/network.py": (vocabulary.LOSS_CONFIGS, FITS),
}


@cache
def drawn() -> tuple[Drawn, ...]:
    return tuple(draw(seed) for seed in range(SEEDS))


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_the_generator_knows_the_words_of_the_vocabulary(table: str) -> None:
    words, known = TABLES[table]
    reasons = {place.split(": ")[1] for place in NOT_DRAWN if place.startswith("Data.source: ")}
    unknown = sorted(words.keys() - known.keys() - reasons)
    assert not unknown, f"{table} must learn what the vocabulary has: {', '.join(unknown)}"


def _in_brief(places: Iterable[str]) -> set[str]:
    """The words, wherever they stand, and the options, whatever their values."""
    brief = set()
    for place in places:
        brief.add(re.split(": | = | is ", place)[0])
        if ": " in place:
            brief.add(place.partition(": ")[2])
    return brief


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(_in_brief, id="in any place and with any value"),
        pytest.param(set, id="in every place and with every value", marks=pytest.mark.thorough),
    ],
)
def test_every_word_and_option_is_drawn_or_has_a_reason(
    seen: Callable[[Iterable[str]], set[str]],
) -> None:
    missing = seen(every_word() - NOT_DRAWN.keys())
    unknown: set[str] = set()
    for seed in dict.fromkeys((*BROAD, *range(ENOUGH))):
        used = used_words(draw(seed).config)
        missing -= seen(used)
        unknown |= used - every_word()
        if not missing:
            break
    assert not missing, (
        f"not drawn within {ENOUGH} seeds: {'; '.join(sorted(missing))}. Let the tables of "
        "tests/drawn know what is good there, or put it into NOT_DRAWN of tests/drawn/words.py "
        "with the reason"
    )
    assert not unknown


def test_a_reason_for_leaving_out_belongs_to_a_word_that_there_is() -> None:
    assert not sorted(NOT_DRAWN.keys() - every_word())
    assert all(NOT_DRAWN.values())


def test_every_drawn_config_loads() -> None:
    for one in drawn():
        config = parse_config(one.text, f"seed {one.seed}").config
        assert config.training.epochs <= EPOCHS


def test_every_drawn_config_names_files_that_lie_beside_it(tmp_path: Path) -> None:
    for one in drawn()[:50]:
        folder = tmp_path / str(one.seed)
        assert one.write(folder).is_file()
        files = {path for path in folder.rglob("*") if path.is_file()}
        names = {path.relative_to(folder).as_posix() for path in files}
        assert names == {"drawn.yaml", *one.files}
        text = one.text
        assert all(f'"{name.partition("/")[0]}"' in text for name in one.files)


DIGEST = """
from tests.drawn.test_words import digest
print(digest())
"""


def digest() -> str:
    """Of a few draws with all their files."""
    sha = hashlib.sha256()
    for seed in (*range(25), 2**62):
        one = draw(seed)
        sha.update(one.text.encode())
        for name in sorted(one.files):
            sha.update(name.encode() + one.files[name])
    return sha.hexdigest()


def test_a_seed_draws_the_same_in_another_process_and_at_another_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = str(Path(__file__).parents[2])
    found = subprocess.run(
        [sys.executable, "-c", DIGEST],
        env=environment(PYTHONPATH=root, PYTHONHASHSEED="77"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert found == digest()


class Everything(Section):
    """Options of all kinds whose annotation says enough."""

    type: Literal["everything"] = "everything"
    count: Annotated[int, Whole(3, 10**9)]
    share: Annotated[float, Real(0.0, below=1.0)] = 0.5
    size: Annotated[tuple[int, int], Sizes()] = (1, 1)
    wanted: Annotated[bool, Switch()] = False
    way: Annotated[str, Choice(("there", "back"))] | None = None


def test_a_new_option_joins_by_itself_where_its_annotation_says_enough() -> None:
    dice = Dice(1)
    values = [options(dice, Everything) for _ in range(200)]
    for value in values:
        Everything.model_validate(value)
        assert value["count"] >= 3
    assert {name for value in values for name in value} == Everything.model_fields.keys() - {"type"}


class Wordy(Section):
    """An option of which the annotation says too little."""

    type: Literal["wordy"] = "wordy"
    column: Annotated[str, Text("the name of a column")]


def test_an_option_whose_annotation_says_too_little_is_an_error() -> None:
    with pytest.raises(NotKnown, match=r"Wordy\.column"):
        options(Dice(1), Wordy)
