"""Cutting rows into parts by what they are: their order, a time, a group, or what a column says.

    order    the last rows are the test part, those before them the validation part
    time     the same, of the rows sorted by a column; rows of the same time stay together, in the
             earlier of the two parts
    group    all rows of one value of a column go to the same part
    column   the column itself says it: train, validation or test

Each function gives the rows of the parts that are cut off, in ascending order.
"""

import hashlib
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from dlcli.data.dataset import Key, Role, Table
from dlcli.errors import DataError

Rows = npt.NDArray[np.int64]
Counts = Mapping[Role, int]

_WORDS: Mapping[str, Role] = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


def by_order(pool: Table, counts: Counts) -> dict[Role, Rows]:
    """The last rows, in the order of the file."""
    return _from_the_end(np.arange(len(pool), dtype=np.int64), counts, lambda place: place)


def by_time(key: Key, counts: Counts) -> dict[Role, Rows]:
    """The last rows by the key's values (of texts, in sorted order); DataError where too many rows
    have the same time."""
    order = np.argsort(key.values, kind="stable")
    times = key.values[order]

    def whole(place: int) -> int:
        """The place, moved behind the rows of its time, or before them where nothing is behind."""
        if place in (0, len(times)):
            return place
        behind = int(np.searchsorted(times, times[place - 1], side="right"))
        return behind if behind < len(times) else int(np.searchsorted(times, times[-1]))

    return _from_the_end(order, counts, whole)


def _from_the_end(order: Rows, counts: Counts, whole: Callable[[int], int]) -> dict[Role, Rows]:
    found: dict[Role, Rows] = {}
    end = len(order)
    roles: tuple[Role, ...] = ("test", "validation")
    for role in roles:
        if not counts[role]:
            continue
        start = whole(end - counts[role])
        if not 0 < start < end:
            raise DataError(
                f"The rows cannot be cut: too many have the same time, so that the {role} part or "
                "the part before it would have none. Split by another column, or by `order`."
            )
        found[role] = np.sort(order[start:end], kind="stable")
        end = start
    return found


def by_group(key: Key, counts: Counts, seed: int, column: str) -> dict[Role, Rows]:
    """Whole groups, in an order that is drawn for each by its own value: a new group changes the
    draw of no other. A part takes a group as long as that brings it nearer to its count.

    DataError where there are too few groups.
    """
    values, groups = np.unique(key.values, return_inverse=True)
    sizes = np.bincount(groups)
    numbers = values.tolist()
    names = list(map(repr, numbers)) if key.texts is None else [key.texts[int(v)] for v in numbers]
    drawn = sorted(range(len(names)), key=lambda g: _draw(seed, names[g]))
    free, found = list(drawn), {}
    roles: tuple[Role, ...] = ("test", "validation")
    for role in roles:
        wanted, taken, chosen = counts[role], 0, []
        for group in list(free) if wanted else ():
            size = int(sizes[group])
            if len(free) > 1 and abs(taken + size - wanted) < abs(taken - wanted):
                taken += size
                chosen.append(group)
                free.remove(group)
        if wanted and not chosen:
            raise DataError(
                f"Column {column!r} has {len(names)} group{'s' if len(names) > 1 else ''}, from "
                f"which no {role} part of about {wanted} rows can be made. Bring more groups, or "
                f"set split.{role} to another share."
            )
        if wanted:
            found[role] = np.flatnonzero(np.isin(groups, chosen)).astype(np.int64)
    return found


def _draw(seed: int, name: str) -> bytes:
    """A number that is the group's own."""
    return hashlib.sha256(f"split by group|{seed}|{name}".encode()).digest()


def by_column(pool: Table, key: Key, column: str) -> dict[Role, Rows]:
    """What the column says; DataError, with its place, for another word."""
    texts = key.texts
    roles = [_WORDS.get(text.casefold()) for text in texts or ()]
    if texts is None or None in roles:
        row = 0
        if texts is not None:
            row = int(np.argmax(key.values == roles.index(None)))
        where = f"row {row}, counted from 0" if pool.place is None else pool.place(row)
        held = f"{key.values[row]:g}" if texts is None else repr(texts[int(key.values[row])])
        raise DataError(
            f"{where}, column {column!r} holds {held}, but rows are split by it: each is train, "
            "validation or test."
        )
    found: dict[Role, Rows] = {}
    ids = key.values.astype(np.int64)
    for role in ("validation", "test"):
        mine = [code for code, known in enumerate(roles) if known == role]
        rows = np.flatnonzero(np.isin(ids, mine)).astype(np.int64)
        if len(rows):
            found[role] = rows
    if sum(map(len, found.values())) == len(pool):
        raise DataError(f"No row is for training: column {column!r} says train nowhere.")
    return found
