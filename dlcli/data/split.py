"""Cutting rows into training, validation and test parts.

Only membership is drawn: within every part the rows keep the order of the file. A part that the
source brings is used as it is. The test rows are drawn first, then the validation rows among the
others, each from a stream of its own.

Where the rows are stratified by class, at least one row of every class stays in the training part:
a network cannot learn a class that it has never seen, however large the shares of the others are.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from dlcli.data.audit import Finding
from dlcli.data.cuts import by_column, by_group, by_order, by_time
from dlcli.data.dataset import Dataset, Key, Part, Raw, Role, Table
from dlcli.data.folds import dealt, of_groups, of_order, whole_times
from dlcli.data.names import class_name
from dlcli.errors import DataError, UsageError
from dlcli.frozen import frozen
from dlcli.randomness import Stream

DEFAULTS: dict[Role, float] = {"validation": 0.1, "test": 0.2}
Rows = npt.NDArray[np.int64]
_MOST = 5
"""How many classes a warning names."""


@frozen
class Split:
    """Which fractions of the rows become the validation and the test part.

    validation, test: fractions of the rows to be split; None is the default (0.1 and 0.2)
        where the source does not bring the part.
    stratify: every class keeps its share in every part (largest remainder, exact in total).
    keep_rare: with stratify, the last row of a class always stays in the training part.
    by: random, order, time, group or column; see cuts.py.
    column: of times, groups, or the names of parts.
    folds, fold: the test part is this one (from 1) of so many folds; see folds.py.
    """

    validation: float | None = None
    test: float | None = None
    stratify: bool = False
    keep_rare: bool = True
    by: str = "random"
    column: str | None = None
    folds: int | None = None
    fold: int | None = None

    def fraction(self, role: Role, brought: bool) -> Fraction:
        """The fraction to draw for this role; UsageError where the source brings the part."""
        given = self.validation if role == "validation" else self.test
        if self.folds is not None and role == "test":
            if brought:
                raise UsageError(
                    "The source brings its own test part, but folds are test parts of its other "
                    "rows. Leave the source's test part out, or the folds."
                )
            return Fraction(0)
        if given is not None and not 0.0 <= given < 1.0:
            raise UsageError(f"split.{role} is {given}; a fraction is at least 0 and below 1.")
        if self.by == "column" and not brought:
            return Fraction(0)
        if brought:
            if given:
                raise UsageError(
                    f"split.{role} is {given}, but the source brings its own {role} part. "
                    "Leave the option out, or set it to 0."
                )
            return Fraction(0)
        # By its decimal digits: 0.1 of 5 rows is one half, not a little more.
        return Fraction(repr(float(DEFAULTS[role] if given is None else given)))

    def apply(self, raw: Raw, seed: int, learns_classes: bool = True) -> Dataset:
        """The parts; DataError where one that was asked for would have no rows.

        learns_classes: whether the target's whole numbers are classes to be learned; the rare
            numbers of a regression need no row in the training part.
        """
        pool_role: Role = "all" if "all" in raw.parts else "train"
        pool = raw.parts[pool_role]
        fractions = {role: self.fraction(role, role in raw.parts) for role in DEFAULTS}
        test, validation = fractions["test"], fractions["validation"]
        if test + validation >= 1:
            raise UsageError(
                f"split.validation and split.test add up to {float(test + validation):g}; "
                "nothing is left to train on."
            )
        drawn: dict[Role, Rows] = {}
        counts = {role: _round(len(pool) * part) for role, part in fractions.items()}
        for role, part in fractions.items():
            if part and not counts[role]:
                raise DataError(
                    f"The {role} part would have no rows: {float(part):g} of {len(pool)} rows is "
                    f"less than one. Bring more data, or set split.{role} to 0."
                )
        if sum(counts.values()) >= len(pool):
            raise DataError(f"{len(pool)} rows are too few to split: none is left for training.")
        if self.by != "random":
            return self._cut(raw, pool, counts, seed)
        classes = (
            self._classes(pool, learns_classes) if self.stratify else np.zeros(len(pool), np.int64)
        )
        kept = int(self.stratify and self.keep_rare and learns_classes)
        taken = np.zeros(len(pool), np.bool_)
        if self.folds is not None:
            assert self.fold is not None
            drawn["test"] = dealt(classes, self.folds, self.fold, seed, bool(kept))
            taken[drawn["test"]] = True
        if kept:
            _require_room(raw, pool, classes, int(taken.sum()) + sum(counts.values()))
        roles: tuple[Role, ...] = ("test", "validation")
        for role in roles:
            if counts[role]:
                order = Stream(seed, "split", role).permutation(len(pool))
                rows = _draw(order, classes, taken, counts[role], fractions[role], kept)
                taken[rows] = True
                drawn[role] = rows
        told = _told_of_rare(raw, pool, classes, drawn) if kept else ()
        return replace(_dataset(raw, pool, drawn), findings=told)

    def _cut(self, raw: Raw, pool: Table, counts: Mapping[Role, int], seed: int) -> Dataset:
        """The parts, where nothing is drawn row by row."""
        if self.by == "order" and self.folds is None:
            return _dataset(raw, pool, by_order(pool, counts))
        key = None if self.column is None else pool.keys[self.column]
        if self.folds is not None:
            return self._fold(raw, pool, key, counts["validation"], seed)
        assert self.column is not None and key is not None
        if self.by == "time":
            return _dataset(raw, pool, by_time(key, counts))
        if self.by == "group":
            return _dataset(raw, pool, by_group(key, counts, seed, self.column))
        drawn = by_column(pool, key, self.column)
        twice = next((role for role in drawn if role in raw.parts), None)
        if twice is not None:
            raise UsageError(
                f"Column {self.column!r} says which rows are the {twice} part, but the source "
                "brings one of its own."
            )
        return _dataset(raw, pool, drawn)

    def _fold(self, raw: Raw, pool: Table, key: Key | None, validation: int, seed: int) -> Dataset:
        """The parts of one fold, of groups or in an order; validation: rows of that part."""
        assert self.folds is not None and self.fold is not None
        drawn: dict[Role, Rows]
        if self.by == "group":
            assert key is not None and self.column is not None
            drawn = {"test": of_groups(key, self.folds, self.fold, seed, self.column)}
            left = np.delete(np.arange(len(pool)), drawn["test"])
            others = Key(key.values[left], key.texts)
            counts: dict[Role, int] = {"validation": validation, "test": 0}
            found = by_group(others, counts, seed, self.column)
            drawn |= {role: left[rows] for role, rows in found.items()}
            return _dataset(raw, pool, drawn)
        order = np.arange(len(pool), dtype=np.int64)
        start, end = of_order(len(pool), self.folds, self.fold)
        if key is not None:
            order = np.argsort(key.values, kind="stable")
            times = key.values[order]
            start, end = whole_times(times, start), whole_times(times, end)
        middle = start - validation
        if key is not None and validation:
            middle = whole_times(times, middle) if middle > 0 else middle
        if not middle > 0 or start == end or (validation and middle == start):
            raise DataError(
                f"Fold {self.fold} of {self.folds} would have a part without rows: there are too "
                "few rows before its test part, or too many of the same time. Take fewer folds, or "
                "a smaller validation part."
            )
        drawn = {"test": np.sort(order[start:end], kind="stable")}
        if validation:
            drawn["validation"] = np.sort(order[middle:start], kind="stable")
        return _dataset(raw, pool, drawn, order[end:])

    def _classes(self, pool: Table, learns_classes: bool) -> Rows:
        values = pool.targets
        whole = values.dtype.kind == "i" or (
            learns_classes and bool((np.floor(values) == values).all())
        )
        if values.ndim != 1 or not whole:
            raise UsageError(
                "split.stratify needs classes, but the target holds numbers; set it to false."
            )
        return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _dataset(
    raw: Raw, pool: Table, drawn: Mapping[Role, Rows], unused: Rows | None = None
) -> Dataset:
    """The parts: these rows of the pool, the parts that the source brings, and for training the
    rows of the pool that are left, but for those of no use."""
    taken = np.zeros(len(pool), np.bool_)
    if unused is not None:
        taken[unused] = True
    for rows in drawn.values():
        taken[rows] = True
    validation, test = (
        _part(raw, pool, drawn[role]) if role in drawn else _whole(raw, role) for role in DEFAULTS
    )
    return Dataset(
        _part(raw, pool, np.flatnonzero(~taken) if drawn else None),
        validation,
        test,
        raw.classes,
        raw.columns,
        text_target=raw.text_target,
        width=raw.width,
    )


def _whole(raw: Raw, role: Role) -> Part | None:
    table = raw.parts.get(role)
    return None if table is None else _part(raw, table, None)


def _part(raw: Raw, table: Table, index: Rows | None) -> Part:
    return Part(table.values, table.targets, index, raw.columns, table.place, table.weights)


def _require_room(raw: Raw, pool: Table, classes: Rows, drawn: int) -> None:
    """DataError where fewer rows are left for training than there are classes."""
    first = np.unique(classes, return_index=True)[1]
    if len(pool) - drawn < len(first):
        name = class_name(raw.classes, pool.targets[first[-1]])
        raise DataError(
            f"The data has {len(first):,} classes (such as {name}), but {len(pool) - drawn:,} of "
            f"{len(pool):,} rows are left for training, so there would be classes that the "
            "training part does not have. Bring more rows of each class, or make "
            "split.validation and split.test smaller."
        )


def _told_of_rare(
    raw: Raw, pool: Table, classes: Rows, drawn: Mapping[Role, Rows]
) -> tuple[Finding, ...]:
    """A finding about the classes that have too few rows to be in every part."""
    sizes = np.bincount(classes)
    absent = np.zeros(len(sizes), np.bool_)
    for rows in drawn.values():
        absent |= np.bincount(classes[rows], minlength=len(sizes)) == 0
    rare = np.flatnonzero(absent & (sizes <= len(drawn)))
    if not len(rare):
        return ()
    told = []
    for number in rare[:_MOST]:
        row = int(np.argmax(classes == number))
        name = class_name(raw.classes, pool.targets[row])
        where = f"row {row}, counted from 0" if pool.place is None else pool.place(row)
        count = int(sizes[number])
        rows_ = "1 row" if count == 1 else f"{count} rows, the first"
        told.append(f"{name} ({rows_}: {where})")
    others = f" and {len(rare) - _MOST:,} more" if len(rare) > _MOST else ""
    names = " and ".join(f"the {role} part" for role in drawn)
    subject, has, them = ("class", "has", "it") if len(rare) == 1 else ("classes", "have", "them")
    return (
        Finding(
            "rare_classes",
            f"the {subject} {', '.join(told)}{others} {has} too few rows to be in every part; one "
            f"row of each class stays in the training part, so {names} can say little or nothing "
            f"about {them}",
            "bring more rows",
        ),
    )


def _round(value: Fraction) -> int:
    """To the nearest integer, halves up."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def _draw(
    order: Rows,
    classes: Rows,
    taken: npt.NDArray[np.bool_],
    total: int,
    part: Fraction,
    kept: int,
) -> Rows:
    """`total` rows that are not taken, in ascending order.

    Every class gives the first rows of `order`, as many as its share says, and keeps `kept`.
    """
    free = order[~taken[order]]
    sizes = np.bincount(classes).tolist()
    room = np.bincount(classes[free], minlength=len(sizes)).tolist()
    given = [max(0, count - kept) for count in room]
    shares = np.array(_shares(sizes, given, total, part), np.int64)
    grouped = np.argsort(classes[free], kind="stable")  # by class, each in drawn order
    group = classes[free][grouped]
    starts = np.cumsum(room) - np.array(room, np.int64)
    place = np.arange(len(free)) - starts[group]
    return np.sort(free[grouped[place < shares[group]]], kind="stable")


def _shares(sizes: list[int], room: list[int], total: int, part: Fraction) -> list[int]:
    """How many rows each class gives: size times `part` rounded down, and the rows that are
    then still missing one each to the classes with the largest remainders (ties: the first)."""
    quotas = [size * part for size in sizes]
    shares = [min(int(quota), free) for quota, free in zip(quotas, room, strict=True)]
    by_remainder = sorted(
        range(len(sizes)), key=lambda number: (int(quotas[number]) - quotas[number], number)
    )
    missing = total - sum(shares)
    while missing > 0:
        for number in by_remainder:
            if missing > 0 and shares[number] < room[number]:
                shares[number] += 1
                missing -= 1
    return shares
