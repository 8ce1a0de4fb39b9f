"""Confusion matrices that are too large to look at: the most confused, and where the rest is."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from dlcli.console.results import Results
from dlcli.engine.metrics import Subjects


def shown(
    matrix: list[Any], columns: int = 80, classes: tuple[str, ...] | None = None
) -> list[str]:
    console = Console(file=io.StringIO(), width=columns, color_system=None)
    found = {"metrics": {"confusion_matrix": matrix}}
    Results(console, "--json").show("test", found, Subjects(classes, frozenset()))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def cells(lines: list[str]) -> list[list[str]]:
    return [[c.strip() for c in line.split("│")[1:-1]] for line in lines if "│" in line]


def matrix_of(count: int, wrong: dict[tuple[int, int], int]) -> list[list[int]]:
    """Ten rows a class, of which some are taken for another one."""
    matrix = [[10 * (row == column) for column in range(count)] for row in range(count)]
    for (true, predicted), rows in wrong.items():
        matrix[true][predicted] = rows
        matrix[true][true] -= rows
    return matrix


def test_the_most_confused_pairs_of_many_classes() -> None:
    wrong = {(3, 5): 4, (5, 3): 2, **{(n, n + 1): 1 for n in range(8, 20)}}
    lines = shown(matrix_of(30, wrong))
    assert "      confusion matrix of 30 classes: the most confused" in lines
    rows = cells(lines)
    assert rows[:3] == [
        ["3", "5", "4", "40.0%"],
        ["5", "3", "2", "20.0%"],
        ["8", "9", "1", "10.0%"],
    ]
    assert len(rows) == 10
    assert lines[-1] == "      4 more pairs (4 rows) left out; --json has the whole matrix"


def test_one_pair_and_none() -> None:
    wrong = {(0, n): 1 for n in range(1, 10)} | {(1, 0): 1, (2, 0): 1}
    lines = shown(matrix_of(21, wrong))
    assert lines[-1] == "      1 more pair (1 row) left out; --json has the whole matrix"
    lines = shown(matrix_of(21, {(4, 2): 9}))
    assert cells(lines) == [["4", "2", "9", "90.0%"]]
    assert lines[-1] == "      no other pair is confused; --json has the whole matrix"
    lines = shown(matrix_of(21, {}))
    assert lines[-1] == "      no row is confused; --json has the whole matrix" and not cells(lines)


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_long_names_are_cut_and_nothing_is_printed_that_commands(columns: int) -> None:
    names = tuple(f"\x1b[2J a class with a long name, number {n}" for n in range(25))
    lines = shown(matrix_of(25, {(3, 5): 4}), columns, names)
    assert len(cells(lines)) == 1 and "…" in cells(lines)[0][0]
    assert not any("\x1b" in line for line in lines)
    assert max(len(line) for line in lines if "│" in line) <= columns


def test_a_small_matrix_is_shown_whole_where_there_is_room() -> None:
    lines = shown(matrix_of(12, {(3, 5): 4}), 100)
    assert len(cells(lines)) == 12 and "left out" not in "".join(lines)
    assert "the most confused" in "".join(shown(matrix_of(12, {(3, 5): 4}), 50))


def test_rows_that_weigh_are_no_whole_numbers() -> None:
    matrix: list[list[float]] = [
        [0.5 * (row == column) for column in range(22)] for row in range(22)
    ]
    matrix[1][2] = 1.5
    assert cells(shown(matrix)) == [["1", "2", "1.5000", "75.0%"]]


def test_many_labels_show_those_that_are_decided_wrongly() -> None:
    matrices = [[[50, label % 7], [label, 9]] for label in range(30)]
    lines = shown(matrices)
    assert cells(lines)[0] == ["27", "27", "6"] and len(cells(lines)) == 10
    assert lines[-1] == "      20 more labels left out; --json has all matrices"
    assert not re.search("of label", "".join(lines))
