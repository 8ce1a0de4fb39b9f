"""Columns that hold the answer, and columns that number the rows: told, and nothing else is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from dlcli.data.dataset import Column, Part, Raw, Table
from dlcli.data.leaks import giveaways, identifiers

Array = Any
N = 400


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def classes_told(column: Array, ids: Array, *others: Array) -> tuple[str, ...]:
    rows = np.stack([draw(9).normal(size=len(ids)), column, *others], axis=1)
    columns = tuple(Column(f"c{j}") for j in range(rows.shape[1]))
    return tuple(map(str, giveaways(Part(rows, ids, None, columns), True)))


def numbers_told(column: Array, targets: Array) -> tuple[str, ...]:
    rows = np.stack([draw(9).normal(size=len(targets)), column], axis=1)
    part = Part(rows, targets, None, (Column("c0"), Column("c1")))
    return tuple(map(str, giveaways(part, False)))


IDS = draw(1).integers(0, 3, N)
TARGETS = draw(2).normal(size=N)

TELLING: dict[str, Array] = {
    "a copy": IDS.astype(float),
    "another code": np.array([7.0, 3.0, 5.0])[IDS],
    "several codes for a class": IDS + 3.0 * draw(3).integers(0, 4, N),
    "ranges": IDS * 10 + draw(4).random(N),
    "the wrong way round": -IDS + draw(4).random(N) * 0.9,
    "with two typos": np.where(np.arange(N) < 2, 1.0, IDS),
}
SILENT: dict[str, Array] = {
    "noise": draw(5).normal(size=N),
    "a code of something else": draw(6).integers(0, 3, N).astype(float),
    "a good feature": IDS + draw(7).normal(size=N),
    "a very good feature": IDS * 10 + draw(7).normal(scale=5, size=N),
    "constant": np.zeros(N),
    "its own number in each row": np.arange(N, dtype=float),
    "one class alone": (IDS == 1).astype(float),
    "a code with many errors": np.where(draw(8).random(N) < 0.1, 0.0, IDS),
}


@pytest.mark.parametrize("kind", TELLING)
def test_a_column_that_gives_the_class_away_is_told(kind: str) -> None:
    (said,) = classes_told(TELLING[kind], IDS)
    assert "column 'c1' alone tells the class of all 400 rows" in said


@pytest.mark.parametrize("kind", SILENT)
def test_a_column_that_does_not_tell_the_class_is_no_giveaway(kind: str) -> None:
    assert classes_told(SILENT[kind], IDS) == ()


@pytest.mark.parametrize(
    "column",
    [
        TARGETS,
        TARGETS * 0.43 + 7,
        -np.exp(TARGETS),
        np.floor(TARGETS * 1e6),
    ],
)
def test_a_column_that_gives_the_number_away_is_told(column: Array) -> None:
    (said,) = numbers_told(column, TARGETS)
    assert "column 'c1' alone tells the target" in said


def test_codes_that_stand_for_numbers_are_told() -> None:
    codes = draw(3).integers(0, 30, N)
    prices = draw(4).normal(size=30)
    assert numbers_told(codes.astype(float), prices[codes])
    assert not numbers_told(codes.astype(float), prices[codes] + draw(5).normal(size=N) * 0.01)


@pytest.mark.parametrize(
    "column",
    [
        draw(5).normal(size=N),
        TARGETS + draw(5).normal(size=N) * 0.01,
        TARGETS**2,
        np.arange(N, dtype=float),
        np.zeros(N),
    ],
)
def test_a_column_that_does_not_tell_the_number_is_no_giveaway(column: Array) -> None:
    assert numbers_told(column, TARGETS) == ()


def test_several_columns_are_named_and_few_rows_tell_nothing() -> None:
    copies = [IDS.astype(float)] * 7
    (said,) = classes_told(IDS.astype(float), IDS, *copies)
    assert "each of the columns 'c1', 'c2', 'c3', 'c4', ... tells the class" in said
    assert classes_told(IDS[:19].astype(float), IDS[:19]) == ()


def test_images_and_rows_without_names_are_looked_at_as_they_are() -> None:
    rows = np.stack([draw(9).normal(size=N), IDS.astype(float)], axis=1)
    (said,) = map(str, giveaways(Part(rows, IDS), True))
    assert "column_2 alone tells" in said
    assert giveaways(Part(rows.reshape(N, 1, 2, 1), IDS), True) == ()
    assert giveaways(Part(rows, np.eye(3)[IDS]), True) == ()


def named(name: str, values: Sequence[float] | Array, texts: int = 0) -> tuple[str, ...]:
    rows = np.stack([draw(9).normal(size=len(values)), np.asarray(values, float)], axis=1)
    categories = tuple(str(i) for i in range(texts)) if texts else None
    columns = (Column("x"), Column(name, categories))
    raw = Raw({"all": Table(rows, np.zeros(len(values)))}, None, columns)
    return tuple(map(str, identifiers(raw)))


UNIQUE = draw(3).permutation(10 * N)[:N]


@pytest.mark.parametrize(
    "name",
    ["id", "ID", "Id", "customer_id", "customerID", "patientId", "PassengerId", "sample id",
     "Unnamed: 0", "index", "uuid", "row_number", "id_student", "Order No"],
)  # fmt: skip
def test_numbers_that_name_the_rows_are_told_by_their_name(name: str) -> None:
    (said,) = named(name, UNIQUE)
    assert f"column {name!r} (400 different numbers in 400 rows) looks like an identifier" in said


@pytest.mark.parametrize("start", [0, 1])
def test_a_column_that_counts_the_rows_is_told(start: int) -> None:
    (said,) = named("anything", np.arange(N) + start)
    assert f"({start}, {start + 1}, {start + 2}, ...)" in said


def test_texts_of_which_each_row_has_its_own_are_told() -> None:
    (said,) = named("name", UNIQUE % 390, texts=10 * N)
    assert "different texts in 400 rows" in said


@pytest.mark.parametrize(
    ("name", "values", "texts"),
    [
        ("income", UNIQUE, 0),
        ("width", UNIQUE, 0),  # ends like "id" does not
        ("humid", UNIQUE, 0),
        ("year", np.arange(N) + 1900, 0),
        ("idle_time", UNIQUE + 0.5, 0),
        ("id", draw(3).integers(0, 5, N), 0),  # a group
        ("soil", draw(3).integers(0, 5, N), 5),
        ("x", np.zeros(N), 0),
    ],
)
def test_other_columns_are_no_identifiers(name: str, values: Array, texts: int) -> None:
    assert named(name, values, texts) == ()
