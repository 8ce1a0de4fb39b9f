"""What follows from a table's columns: the target, the task, and which columns are of use."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dlcli.data.audit import Finding
from dlcli.data.dataset import Array, Column, Part, Raw, Table
from dlcli.data.formats.notation import Format, to_numbers
from dlcli.data.formats.text import read_header
from dlcli.data.leaks import giveaways, identifiers
from dlcli.data.looking.gathering import Facts, Gathered, gather
from dlcli.data.looking.look import ColumnLook, Look, Survey
from dlcli.data.looking.written import sniff
from dlcli.errors import UsageError

_MOST_CLASSES = 20
_ROWS_OF_A_CLASS = 10
"""Rows of whole-number classes, on average."""
_FEW = 20
_TELLS = "it alone tells"
_FEWEST, _SPARSE = 5, 0.005
"""Cells that a column needs, and the share of the rows."""
RULE = (
    "a target of text, of two values, or of at most 20 whole numbers that begin at 0 or 1, as "
    "numbers of classes do, is classes (with 10 rows each on average); any other is numbers"
)
"""What is a class and what is a number."""


def look_at(path: Path, target: str | None = None) -> Look:
    """All there is to say about a table. UsageError for a target that it does not have."""
    return conclude(survey(path), target)


def survey(path: Path) -> Survey:
    """What the table holds; DataError for what is none."""
    written = sniff(path)
    text = read_header(path, written.format)
    gathered = gather(path, written.format, text.names, text.header)
    return Survey(path, written, text.names, text.header, gathered)


def conclude(seen: Survey, target: str | None = None) -> Look:
    """What follows. UsageError for a target that the table does not have, or can not have."""
    gathered, format = seen.gathered, seen.written.format
    given = read_header(seen.path, format).position(target) if target else None
    columns = gathered.columns
    place, because = _target(given, gathered)
    facts = columns[place]
    task, why = task_of(facts, gathered.rows)
    series = _series(columns, place)
    notes: list[Finding] = []
    if series is not None:
        task = "series"
        why = f"{series.name!r} and one number: each row is the next moment of a series"
    if facts.missing:
        count = "1 row has" if facts.missing == 1 else f"{facts.missing:,} rows have"
        notes.append(
            Finding("rows_left_out", f"{count} no {facts.name!r}", "they can not be learned from")
        )
    told = coded(gathered, place, format)
    looks = [_column(j, place, told, task, gathered, format, notes) for j in range(len(columns))]
    looks = _something(looks, notes)
    return Look(
        path=seen.path,
        format=format,
        written_because=seen.written.reasons,
        rows=gathered.rows,
        columns=tuple(looks),
        marks=tuple(dict.fromkeys(mark for column in columns for mark in column.marks)),
        target=facts.name,
        target_because=because,
        task=task,
        task_because=why,
        series=None if series is None else series.name,
        notes=(*notes, *notes_on(columns)),
    )


def task_of(target: Facts, rows: int) -> tuple[str, str]:
    """The task and the reason. UsageError where the column can not be learned."""
    if target.kind == "empty":
        raise UsageError(f"column {target.name!r} has no values; name another by --target")
    if target.distinct < 2:
        only = target.counts[0][0] if target.counts else target.low
        raise UsageError(
            f"column {target.name!r} is {only!r} in all rows, so there is nothing to learn; name "
            "another by --target"
        )
    if target.kind == "date":
        raise UsageError(
            f"column {target.name!r} holds dates, which can not be learned; name another by "
            "--target"
        )
    several = "binary" if target.distinct == 2 else "multiclass"
    if target.kind == "text":
        if _is_name(target, rows):
            raise UsageError(
                f"column {target.name!r} holds {target.distinct:,} different texts in {rows:,} "
                "rows, as names and free text do, so there is no class to learn; name another by "
                "--target"
            )
        return several, f"{target.distinct} texts"
    if target.distinct == 2:
        return several, "two values"
    codes = target.whole and target.low in (0, 1) and target.distinct <= _MOST_CLASSES
    if codes and rows >= _ROWS_OF_A_CLASS * target.distinct:
        return several, f"{target.distinct} whole numbers, beginning at {target.low:.0f}"
    if target.whole and target.distinct <= _MOST_CLASSES and not codes:
        return "regression", (
            f"whole numbers that begin at {target.low:.0f} and not at 0 or 1, so they are amounts"
        )
    more = "" if target.is_exact else "more than "
    return "regression", f"{more}{target.distinct:,} different numbers"


def _target(given: int | None, gathered: Gathered) -> tuple[int, str]:
    """Where the target is, and why it is that."""
    if given is not None:
        return given, "as you said"
    columns = gathered.columns
    named = [j for j, column in enumerate(columns) if column.name]
    for place in reversed(named):
        facts = columns[place]
        if facts.kind in ("number", "text") and facts.distinct > 1:
            if facts.kind == "text" and _is_name(facts, gathered.rows):
                continue
            last = place == named[-1]
            return place, (
                "the last column; --target names another"
                if last
                else "the last column that can be learned; --target names another"
            )
    raise UsageError("no column of this table can be learned: none has two values that come again")


def _is_name(facts: Facts, rows: int) -> bool:
    """Whether a text is a name of its own for more than half of the rows that have one."""
    filled = rows - facts.missing
    many = facts.distinct >= _FEW or (facts.distinct == filled > 4)
    return many and (2 * facts.distinct > filled or not facts.is_exact)


def _series(columns: Sequence[Facts], target: int) -> Facts | None:
    """The column by which the rows of a series follow each other."""
    others = [c for j, c in enumerate(columns) if j != target and c.name]
    if len(others) != 1 or columns[target].kind != "number" or columns[target].missing:
        return None
    other = others[0]
    if other.missing:
        return None
    if other.kind == "date" and other.ascending:
        return other
    if other.periods is not None:
        return other
    if other.kind == "number" and other.ascending and other.even and other.distinct > 2:
        assert other.low is not None and other.high is not None
        years = other.low >= 1500 and other.high <= 2200
        counted = other.low in (0, 1) and other.high - other.low == other.distinct - 1
        return other if years or counted else None
    return None


def _column(
    j: int,
    target: int,
    told: Array,
    task: str,
    gathered: Gathered,
    format: Format,
    notes: list[Finding],
) -> ColumnLook:
    """What a column is good for; told: the first rows of the target, as `coded` has them."""
    facts, rows = gathered.columns[j], gathered.rows
    if j == target:
        return ColumnLook(facts, "target")
    if not facts.name:
        return ColumnLook(facts, "index", "it has no name: the index of a table")
    if facts.kind == "empty":
        return ColumnLook(facts, "ignored", "it is empty", "empty_column")
    filled = rows - facts.missing
    if facts.missing and filled < max(_FEWEST, _SPARSE * rows):
        few = f"only {filled:,} of its {rows:,} cells are filled"
        return ColumnLook(facts, "ignored", few, "empty_column")
    if facts.distinct == 1 and not facts.missing:
        return ColumnLook(facts, "ignored", "the same in all rows", "constant_column")
    if task == "series":
        return ColumnLook(facts, "feature")
    if facts.kind == "text" and _is_name(facts, rows):
        names = f"{facts.distinct:,} different texts in {filled:,} rows"
        return ColumnLook(facts, "ignored", f"{names}: names or free text", "identifier")
    values = coded(gathered, j, format)
    column = (Column(facts.name),)
    if facts.kind == "number" and identifiers(
        Raw({"all": Table(values[:, None], np.zeros(len(values)))}, columns=column)
    ):
        return ColumnLook(facts, "ignored", "it numbers the rows", "identifier")
    kept = ~np.isnan(told)
    if facts.missing and (~np.isnan(values) & kept).sum() < min(_FEWEST, kept.sum()):
        name = gathered.columns[target].name
        return ColumnLook(facts, "ignored", f"it is empty where {name!r} is known", "empty_column")
    part = Part(_filled(values)[kept][:, None], told[kept], columns=column)
    if giveaways(part, task in ("binary", "multiclass")):
        if facts.kind == "number" and facts.distinct > _FEW and task != "regression":
            notes.append(
                Finding(
                    "giveaway",
                    f"{facts.name!r} alone tells the class, by its range",
                    "is it known of new rows? If not, leave it out by `ignore`",
                )
            )
        else:
            what = "class" if task != "regression" else "target"
            return ColumnLook(
                facts, "ignored", f"{_TELLS} the {what}: it gives it away", "giveaway"
            )
    return ColumnLook(facts, "feature")


def _something(looks: list[ColumnLook], notes: list[Finding]) -> list[ColumnLook]:
    """The columns; where all that is left are ones that tell the target, they are kept."""
    if any(column.role == "feature" for column in looks):
        return looks
    kept = []
    for column in looks:
        told = column.code == "giveaway"
        if told:
            what = f"{column.name!r} alone tells the target"
            notes.append(Finding("giveaway", what, "it is kept, as there is no other"))
        kept.append(ColumnLook(column.facts, "feature") if told else column)
    return kept


def coded(gathered: Gathered, j: int, format: Format) -> Array:
    """The first rows of a column as numbers: of texts their places in sorted order; NaN: missing.

    (n,) float64.
    """
    facts = gathered.columns[j]
    marks = {*format.missing, *facts.marks}
    cells = [row[j].strip() for row in gathered.first]
    filled = [cell for cell in cells if cell not in marks]
    values = to_numbers(filled, format) if facts.kind == "number" else None
    if values is None:
        values = np.unique(np.array(filled, object), return_inverse=True)[1].astype(np.float64)
    found = np.full(len(cells), np.nan)
    found[np.array([cell not in marks for cell in cells], np.bool_)] = values
    return found


def _filled(values: Array) -> Array:
    """With a number of their own for the cells that are missing."""
    holes = np.isnan(values)
    if holes.all() or not holes.any():
        return np.where(holes, 0.0, values)
    return np.where(holes, np.nanmax(values) + 1, values)


def notes_on(columns: Sequence[Facts]) -> list[Finding]:
    """Findings about single columns."""
    notes = []
    for column in columns:
        if column.zeros is not None and column.kind == "text":
            digits = f"codes of {len(column.zeros)} digits, such as {column.zeros}"
            found = Finding("leading_zeros", f"{column.name!r} holds {digits}", "taken for text")
            notes.append(found)
        elif column.zeros is not None:
            fix = f"if they are codes, set `kinds: {{{column.name}: text}}`"
            zeros = f"{column.name!r} has numbers such as {column.zeros}"
            notes.append(Finding("leading_zeros", zeros, fix))
        if len(column.dates) > 1:
            first, second = column.dates[:2]
            fix = "set `kinds` if that is wrong"
            ways = f"{column.name!r} is read as {first}, but {second} fits, too"
            notes.append(Finding("ambiguous_dates", ways, fix))
        if column.marks:
            shown = ", ".join(map(repr, column.marks))
            marks = f"{column.name!r} has {shown} among numbers"
            notes.append(Finding("missing_marks", marks, "taken for missing"))
    return notes
