"""Columns that a network should not be given: the answer itself, and identifiers of rows.

Nobody sees such a mistake in the metrics: they are splendid, until the first new row comes. Only
tables are looked at, and of long ones the first rows.
"""

import re
from collections.abc import Iterator

import numpy as np

from dlcli.data.audit import Finding
from dlcli.data.checks import position
from dlcli.data.dataset import Array, Column, Part, Raw, rows_per_chunk

_FEWEST = 20
"""Rows: of fewer, any column may tell the answer by chance."""
_CELLS = 500_000
_MOST_ROWS = 10_000
_SMALL = 0.02
"""Of the errors that the most frequent class would make, the share that still is a mere typo."""
_MOST = 4
"""How many columns a message names."""

_IDENTIFIER = re.compile(
    r"(?i:id|uuid|guid|index|idx|rownames?|row[ _-]?(?:no|nr|num|number|id)?|unnamed: ?\d+)"
    r"|.*[ _.-](?i:id|uuid|guid)|.*[a-z](?:Id|ID)|(?i:id)[ _.-].*"
    r"|(?i:(?:serial|customer|order|case|sample|record|patient)[ _-]?(?:no|nr|num|number))"
)


FEATURES = "the source's `features`"


def giveaways(part: Part, learns_classes: bool, home: str = FEATURES) -> tuple[Finding, ...]:
    """A finding about the columns of which one alone tells the target of every training row.

    Classes: rows with equal numbers or texts are of one class, or each class has a range of its
    own. Numbers: they are a function of the column: equal where it is equal, or rising (or
    falling) with it throughout.
    home: what a column is left out of, for the sentence.
    """
    if len(part.row_shape) != 1 or part.targets.ndim != 1:
        return ()
    count = _looked_at(len(part), part.row_shape[0])
    if count < _FEWEST:
        return ()
    rows, targets = part.take(slice(0, count))
    different, ids = np.unique(targets, return_inverse=True)
    if len(different) < 2:
        return ()
    tells, answers = (_tells_class, ids) if learns_classes else (_tells_number, targets)
    found = [j for j in range(rows.shape[1]) if tells(rows[:, j], answers)]
    if not found:
        return ()
    names = ", ".join(_name(part.columns, j) for j in found[:_MOST])
    dots = ", ..." if len(found) > _MOST else ""
    what = "class" if learns_classes else "target"
    one = len(found) == 1
    subject = f"{_one(part.columns, found[0])} alone tells"
    if not one:
        subject = f"each of the columns {names}{dots} tells"
    return (
        Finding(
            "giveaway",
            f"{subject} the {what} of {'all' if count == len(part) else 'the first'} {count:,} "
            "rows of the training part (or of nearly all of them)",
            f"{'does it hold' if one else 'do they hold'} the answer? If "
            f"{'it is' if one else 'they are'} not known of new rows, leave "
            f"{'it' if one else 'them'} out of {home}",
        ),
    )


def identifiers(raw: Raw, home: str = FEATURES) -> tuple[Finding, ...]:
    """A finding about the columns that number or name the rows; home: as above."""
    table = next(iter(raw.parts.values()))
    if len(table.features.shape) != 2 or len(table) < _FEWEST:
        return ()
    count = _looked_at(len(table), table.features.shape[1])
    rows = np.asarray(table.features[:count])
    found = [(j, why) for j in range(rows.shape[1]) for why in _identifies(rows, j, raw.columns)]
    if not found:
        return ()
    names = ", ".join(f"{_name(raw.columns, j)} ({why})" for j, why in found[:_MOST])
    dots = ", ..." if len(found) > _MOST else ""
    one = len(found) == 1
    subject = f"columns {names}{dots}"
    if one:
        subject = f"{_one(raw.columns, found[0][0])} ({found[0][1]})"
    return (
        Finding(
            "identifier",
            f"{subject} look{'s' if one else ''} like "
            f"{'an identifier' if one else 'identifiers'} of rows, from which nothing can be "
            "learned about new ones",
            f"leave {'it' if one else 'them'} out of {home}",
        ),
    )


def constants(part: Part, home: str = FEATURES) -> tuple[Finding, ...]:
    """A finding about the named columns that are the same in all rows; home: as above."""
    if part.columns is None or len(part.row_shape) != 1 or len(part) < 2:
        return ()
    first = part.take_features(slice(0, 1))[0]
    same = np.ones(len(first), np.bool_)
    step = rows_per_chunk(part.row_shape)
    for start in range(0, len(part), step):
        rows = part.take_features(slice(start, start + step))
        same &= ((rows == first) | (np.isnan(rows) & np.isnan(first))).all(axis=0)
        if not same.any():
            return ()
    found = np.flatnonzero(same)
    names = ", ".join(repr(part.columns[j].name) for j in found[:_MOST])
    dots = ", ..." if len(found) > _MOST else ""
    one = len(found) == 1
    return (
        Finding(
            "constant_column",
            f"column{'' if one else 's'} {names}{dots} {'is' if one else 'are'} the same in all "
            f"{len(part):,} rows of the training part, so nothing can be learned from "
            f"{'it' if one else 'them'}",
            f"leave {'it' if one else 'them'} out of {home}",
        ),
    )


def _identifies(rows: Array, j: int, columns: tuple[Column, ...] | None) -> Iterator[str]:
    """Why a column looks like an identifier, if it does."""
    values, count = rows[:, j], len(rows)
    if columns is not None and columns[j].categories is not None:
        different = len(np.unique(values))
        if 2 * different > count and different >= _FEWEST:
            yield f"{different:,} different texts in {count:,} rows"
        return
    start = values[0]
    if start in (0, 1) and np.array_equal(values, np.arange(count) + start):
        yield f"{int(start)}, {int(start) + 1}, {int(start) + 2}, ..."
    elif columns is not None and _IDENTIFIER.fullmatch(columns[j].name):
        different = len(np.unique(values))
        if 20 * different >= 19 * count and (np.floor(values) == values).all():
            yield f"{different:,} different numbers in {count:,} rows"


def _looked_at(rows: int, columns: int) -> int:
    """Of how many rows a table's columns are looked at."""
    return min(rows, max(200, min(_MOST_ROWS, _CELLS // columns)))


def _tells_class(values: Array, ids: Array) -> bool:
    """ids: the classes, numbered from 0 without a gap."""
    order = np.argsort(values, kind="stable")
    values, ids = values[order], ids[order]
    begins = _begins(values)
    sizes = np.bincount(ids)
    classes = len(sizes)
    if 5 * len(begins) <= len(values):
        groups = np.repeat(np.arange(len(begins)), np.diff(begins, append=len(values)))
        table = np.bincount(groups * classes + ids, minlength=len(begins) * classes)
        right = table.reshape(-1, classes).max(axis=1).sum()
        wrong_by_guess = len(values) - sizes.max()
        if len(values) - right <= _SMALL * wrong_by_guess:
            return True
    if sizes.min() < 3:
        return False
    # Each class in a range of its own, and none in two: no more changes than that.
    changes = ids[1:] != ids[:-1]
    return int(changes.sum()) == classes - 1 and not (changes & (values[1:] == values[:-1])).any()


def _tells_number(values: Array, targets: Array) -> bool:
    order = np.argsort(values, kind="stable")
    values, targets = values[order], targets[order]
    begins = _begins(values)
    if len(begins) < 5:
        return False
    low, high = np.minimum.reduceat(targets, begins), np.maximum.reduceat(targets, begins)
    if (low != high).any():
        return False
    rises = np.diff(low)
    return bool((rises >= 0).all() or (rises <= 0).all() or 2 * len(begins) <= len(values))


def _one(columns: tuple[Column, ...] | None, j: int) -> str:
    return _name(columns, j) if columns is None else f"column {_name(columns, j)}"


def _begins(ordered: Array) -> Array:
    """Where a new number begins."""
    return np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))


def _name(columns: tuple[Column, ...] | None, j: int) -> str:
    return position((j,)) if columns is None else repr(columns[j].name)
