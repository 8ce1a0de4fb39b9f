"""Prints of rows: they find the first row that is another, and nothing else."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.data.dataset import Column, Raw, Table
from dlcli.data.prints import MOST, Prints, prints, together

KINDS = ("uint8", "int16", "int64", "float16", "float32", "float64", ">f8", ">i4")


def of(features: Any, targets: Any = None, **names: Any) -> Prints:
    x = np.asarray(features)
    y = np.zeros(len(x)) if targets is None else np.asarray(targets)
    return prints(Raw({"all": Table(x, y)}, **names))["all"]


def others(one: Prints, other: Prints) -> list[int]:
    return [int(n) for n in np.flatnonzero(one.values != other.values)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1,), (5,), (3, 3, 1)])
def test_a_changed_number_changes_the_print_of_its_row_alone(
    kind: str, shape: tuple[int, ...]
) -> None:
    rows = np.arange(40 * np.prod(shape)).reshape(40, *shape).astype(kind)
    before = of(rows)
    for row in (0, 17, 39):
        for place in range(int(np.prod(shape))):
            changed = rows.copy()
            changed.reshape(40, -1)[row, place] += 1
            assert others(before, of(changed)) == [row]


@given(st.integers(0, 19), st.integers(0, 19), st.integers(0, 2), st.integers(0, 63))
def test_one_bit_or_a_swap_is_enough(row: int, other: int, place: int, bit: int) -> None:
    rows = np.arange(60, dtype=np.int64).reshape(20, 3)
    before = of(rows)
    changed = rows.copy()
    changed[row, place] ^= np.int64(np.uint64(1 << bit).astype(np.int64))
    assert others(before, of(changed)) == [row]
    swapped = rows.copy()
    swapped[[row, other]] = swapped[[other, row]]
    assert others(before, of(swapped)) == sorted({row, other} if row != other else ())
    assert others(before, of(rows[:, [1, 0, 2]])) == list(range(20))


def test_targets_are_part_of_their_rows_whether_whole_or_not() -> None:
    x, y = np.ones((6, 2)), np.array([3, 1, 4, 1, 5, 9])
    assert others(of(x, y), of(x, y.astype(np.float64))) == []
    assert others(of(x, y), of(x, [3, 1, 4, 1.5, 5, 9])) == [3]
    assert others(of(x, y[:, None] * [1.0, 2.0]), of(x, y[:, None] * [1.0, 2.5])) == list(range(6))


def test_a_new_text_changes_its_own_row_and_not_those_whose_positions_it_shifts() -> None:
    def table(texts: list[str]) -> Prints:
        known = tuple(sorted(set(texts)))
        codes = [[float(known.index(text)), 0.5] for text in texts]
        return of(codes, columns=(Column("colour", known), Column("b")))

    def labelled(texts: list[str]) -> Prints:
        known = tuple(sorted(set(texts)))
        return of(np.ones((len(texts), 1)), [known.index(text) for text in texts], classes=known)

    for kind in (table, labelled):
        before = kind(["red", "blue", "red", "green", "é"])
        assert others(before, kind(["red", "blue", "amber", "green", "é"])) == [2]
        assert others(before, kind(["red", "blue", "red", "green", "e"])) == [4]


@pytest.mark.parametrize("rows", [MOST, MOST + 1, 3 * MOST + 7])
def test_many_rows_share_prints_of_which_there_are_never_too_many(rows: int) -> None:
    x = np.arange(rows, dtype=np.float32)[:, None]
    before = of(x)
    several = together(rows)
    assert before.together == several
    assert len(before.values) == -(-rows // several) <= MOST
    for row in (0, rows // 2, rows - 1):
        changed = x.copy()
        changed[row] += 1
        assert others(before, of(changed)) == [row // several]
    if several > 1:  # order within the rows that share one counts, too
        swapped = x.copy()
        swapped[[2, 3]] = swapped[[3, 2]]
        assert others(before, of(swapped)) == [2 // several]


@pytest.mark.parametrize("step", [1, 7, 4096])
def test_rows_in_other_chunks_have_the_same_prints(
    step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.arange((MOST + 5 if step > 100 else 300) * 3, dtype=np.float64).reshape(-1, 3)
    before = of(x)
    monkeypatch.setattr("dlcli.data.prints.rows_per_chunk", lambda shape: step)
    assert others(before, of(x)) == []


def test_other_strides_and_byte_orders_have_the_same_prints() -> None:
    x = np.arange(60, dtype=np.float64).reshape(20, 3)
    for same in (np.asfortranarray(x), x.astype(">f8"), np.repeat(x, 2, axis=1)[:, ::2]):
        assert others(of(x), of(same)) == []
