"""Rows that are in two parts: what is judged on them was learned by heart.

Rows are told apart by a number of 64 bits each, and where two are equal, by all their bytes.
"""

import math

import numpy as np
import numpy.typing as npt

from dlcli.data.audit import Finding
from dlcli.data.dataset import Array, Dataset, Part, rows_per_chunk

Prints = npt.NDArray[np.uint64]

_MOST_BYTES = 1 << 28
"""So much of a part is looked through."""


def duplicate_rows(dataset: Dataset) -> tuple[Finding, ...]:
    """A finding for each other part with rows (features and target) of the training part."""
    train, *others = dataset.parts().items()
    known: Prints | None = None
    told = []
    for role, part in others:
        known = _prints(train[1]) if known is None else known
        found = _again(train[1], known, part)
        if not found:
            continue
        first, twin = found[0]
        looked = _looked_at(part)
        rows = f"{len(found):,} of {'the' if looked == len(part) else 'the first'} {looked:,} rows"
        are = "is" if len(found) == 1 else "are"
        told.append(
            Finding(
                "duplicate_rows",
                f"{rows} of the {role} part {are} in the training part, too (the first: "
                f"{part.where(first)} is as {train[1].where(twin)}), so its metrics may flatter",
                "leave copies out of the data; rows that are alike by chance do no harm",
            )
        )
    return tuple(told)


def _looked_at(part: Part) -> int:
    """How many rows of the part: all but of a very large one."""
    size = sum(math.prod(one.row_shape) * one.features.itemsize for one in part.each().values())
    return min(len(part), max(1000, _MOST_BYTES // max(1, size)))


def _again(train: Part, known: Prints, part: Part) -> list[tuple[int, int]]:
    """The rows of the part that are in the training part, each with the first that it is as."""
    order = np.argsort(known, kind="stable")
    mine = _prints(part)
    at = np.searchsorted(known, mine, sorter=order)
    at[at == len(order)] = 0
    rows = np.flatnonzero(known[order[at]] == mine)
    twins = order[at[rows]]
    if not len(rows):
        return []
    same = _same(part, rows, train, twins)
    return [(int(row), int(twin)) for row, twin in zip(rows[same], twins[same], strict=True)]


def _same(one: Part, rows: Array, other: Part, twins: Array) -> Array:
    """Whether the rows have the same bytes as their twins."""
    found = _alike(one.take_targets(rows), other.take_targets(twins))
    theirs = other.each()
    for name, values in one.each().items():
        step = rows_per_chunk(values.row_shape)
        for start in range(0, len(rows), step):
            some = slice(start, start + step)
            twin = theirs[name].take_features(twins[some])
            found[some] &= _alike(values.take_features(rows[some]), twin)
    return found


def _alike(one: Array, other: Array) -> Array:
    """Of arrays of as many rows, whether each row has the same bytes."""
    return np.asarray((_bytes(one) == _bytes(other)).all(axis=1))


def _bytes(rows: Array) -> npt.NDArray[np.uint8]:
    """(n, bytes of a row)."""
    return np.ascontiguousarray(rows).reshape(len(rows), -1).view(np.uint8)


def _prints(part: Part) -> Prints:
    """A number for each row, the same for equal ones."""
    count = _looked_at(part)
    found = np.zeros(count, np.uint64)
    for one in part.each().values():
        step = rows_per_chunk(one.row_shape)
        for start in range(0, count, step):
            stop = min(start + step, count)
            found[start:stop] += _mixed(one.take_features(slice(start, stop)))
    mixed: Prints = found * _weights(2)[1]
    mixed += _mixed(part.take_targets(slice(0, count)))
    return mixed


def _mixed(rows: Array) -> Prints:
    """The words of each row, weighed and added up modulo 2^64."""
    table = _bytes(rows)
    words = -(-table.shape[1] // 8)
    if table.shape[1] % 8:
        padded = np.zeros((len(table), 8 * words), np.uint8)
        padded[:, : table.shape[1]] = table
        table = padded
    return np.asarray(table.view(np.uint64) @ _weights(words))


def _weights(count: int) -> Prints:
    """Odd numbers without a pattern (the finaliser of SplitMix64)."""
    mixed = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    return np.asarray(mixed | np.uint64(1))
