"""What there is to say about a file of data: its columns or arrays, the target, what stands out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlcli.data.audit import Finding
from dlcli.data.formats.notation import MISSING
from dlcli.data.looking.arrays import ArrayLook, ArraysLook, kind_of_arrays, look_at_arrays
from dlcli.data.looking.concluding import conclude, notes_on, survey
from dlcli.data.looking.gathering import Facts, histogram
from dlcli.data.looking.look import Look, Survey
from dlcli.data.looking.pictures import PicturesLook, look_at_pictures
from dlcli.errors import UsageError
from dlcli.frozen import frozen

_SHOWN = 10
"""Texts of a column, the most frequent ones."""


@frozen
class Description:
    """A table.

    histograms: of each column, how many cells are in ten equal parts of its range; empty where
    there are none. look: what was concluded; None where nothing can be learned. nothing: why.
    """

    seen: Survey
    histograms: tuple[tuple[int, ...], ...]
    look: Look | None
    findings: tuple[Finding, ...]
    nothing: str = ""

    @property
    def target(self) -> Facts | None:
        """The column to learn."""
        return None if self.look is None else self.look.of(self.look.target).facts


def describe(path: Path, target: str | None = None) -> Description | ArraysLook | PicturesLook:
    """The content of a file, or a folder of pictures; a table is read as a whole, and no more of
    it kept than a part.

    UsageError for a target that the table does not have; DataError for what is no data.
    """
    if path.is_dir():
        if target is not None:
            raise UsageError(f"{path} is a folder of pictures, whose classes are its subfolders")
        return look_at_pictures(path)
    kind = kind_of_arrays(path)
    if kind is not None:
        if target is not None:
            raise UsageError(f"{path} holds arrays and no columns, so there is no target to name")
        return look_at_arrays(path, kind)
    seen = survey(path)
    look, findings, why = None, list(notes_on(seen.gathered.columns)), ""
    try:
        look = conclude(seen, target)
    except UsageError as error:
        if target is not None:
            raise
        why = str(error)
    if look is not None:
        left_out = [
            Finding(c.code, f"{c.name!r}: {c.reason}", "`dlcli init` leaves it out")
            for c in look.having("ignored")
        ]
        findings = [*left_out, *look.notes]
        if look.series is not None:
            told = "windows of earlier rows are not made yet: write them as columns"
            findings.insert(0, Finding("series", look.task_because, told))
    parts = histogram(path, seen.written.format, seen.gathered, seen.header)
    return Description(seen, tuple(map(tuple, parts)), look, tuple(findings), why)


def as_json(found: Description | ArraysLook | PicturesLook) -> dict[str, Any]:
    """For programs."""
    if isinstance(found, PicturesLook):
        return {"file": str(found.path), "kind": "image_folder", **pictures_document(found)}
    if isinstance(found, ArraysLook):
        arrays = [_array(one) for one in found.arrays]
        return {"file": str(found.path), "kind": found.kind, "arrays": arrays}
    seen, look = found.seen, found.look
    roles = {} if look is None else {c.name: (c.role, c.reason) for c in look.columns}
    columns = []
    for facts, parts in zip(seen.gathered.columns, found.histograms, strict=True):
        role, reason = roles.get(facts.name, ("", ""))
        columns.append(
            {
                "name": facts.name,
                "kind": facts.kind,
                **({"role": role} if role else {}),
                **({"reason": reason} if reason else {}),
                "missing": facts.missing,
                "distinct": facts.distinct,
                **({} if facts.is_exact else {"more_distinct": True}),
                **_content(facts, parts),
            }
        )
    document = {
        "file": str(seen.path),
        "kind": "csv",
        "rows": seen.gathered.rows,
        "columns": columns,
        "source": dict(options(seen)),
    }
    if look is not None:
        document["target"] = {
            "name": look.target,
            "because": look.target_because,
            "task": look.task,
            "task_because": look.task_because,
        }
    if found.nothing:
        document["nothing_to_learn"] = found.nothing
    return {**document, "findings": [finding.to_json() for finding in found.findings]}


def pictures_document(look: PicturesLook) -> dict[str, Any]:
    """What is known of a folder of pictures."""
    sizes = [{"height": size[0], "width": size[1], "pictures": n} for size, n in look.sizes]
    return {
        "rows": look.count,
        "parts": dict(look.parts),
        "classes": [{"class": name, "rows": count} for name, count in look.classes],
        "sizes": sizes,
        "grey": look.grey,
        "bits": 16 if look.deep else 8,
        "unreadable": look.unreadable,
    }


def options(seen: Survey) -> Mapping[str, Any]:
    """How the file is written, in the words of the source `csv`."""
    format = seen.written.format
    marks = [mark for column in seen.gathered.columns for mark in column.marks]
    return {
        "delimiter": format.delimiter,
        "header": seen.header,
        "quote": format.quote,
        "decimal": format.decimal,
        "thousands": format.thousands,
        "comment": format.comment,
        "missing": [*MISSING, *dict.fromkeys(marks)],
    }


def _content(facts: Facts, parts: tuple[int, ...]) -> dict[str, Any]:
    if facts.kind == "number":
        return {"low": facts.low, "high": facts.high, "histogram": list(parts)}
    frequent = [{"value": cell, "rows": count} for cell, count in facts.counts[:_SHOWN]]
    dates = {"format": facts.dates[0]} if facts.dates else {}
    return {**dates, "most_frequent": frequent} if frequent else dates


def _array(one: ArrayLook) -> dict[str, Any]:
    classes = [{"class": label, "rows": count} for label, count in one.classes]
    return {
        "name": one.name,
        "shape": list(one.shape),
        "dtype": one.dtype,
        "low": one.low,
        "high": one.high,
        "not_finite": one.odd,
        **({"classes": classes} if classes else {}),
    }
