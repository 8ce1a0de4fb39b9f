"""Preprocessing that was saved, made again: everything in it is checked here, once.

Each step checks its own part (see fitted.py); here is what the steps are called, and whether they
and the table go together.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dlcli.data.dataset import Array, Column, Shape
from dlcli.data.fitted import Columns, Fitted
from dlcli.data.recorded import names_of, shape_of
from dlcli.data.transforms import TRANSFORMS
from dlcli.dates import check_format

FITTED: Mapping[str, type[Fitted]] = {
    transform.fitted.word: transform.fitted for transform in TRANSFORMS.values()
}
"""The steps, by what they are called where they are saved."""


def entry_of(number: int, step: Fitted) -> tuple[dict[str, Any], dict[str, Array]]:
    """A step as it is saved: a part of the document, and arrays under names of its own."""
    entry = {"in_shape": list(step.in_shape), "type": step.word, **step.document()}
    return entry, {f"{number}.{name}": array for name, array in step.arrays().items()}


def step_of(number: int, entry: Mapping[str, Any], arrays: Mapping[str, Array]) -> Fitted:
    """The inverse of `entry_of`; KeyError, TypeError or ValueError for what is no step."""
    kind = entry["type"]
    if kind not in FITTED:
        raise ValueError(f"unknown step {str(kind)[:50]!r}")
    before = f"{number}."
    own = {
        name.removeprefix(before): array
        for name, array in arrays.items()
        if name.startswith(before)
    }
    return FITTED[kind].restored(shape_of(entry["in_shape"]), entry, own)


def columns_of(entries: Any, row_shape: Shape) -> tuple[Column, ...] | None:
    """The columns of a table; ValueError where they are not those of rows of that shape."""
    if entries is None:
        return None
    names = names_of([entry["name"] for entry in entries])
    if row_shape != (len(names),):
        raise ValueError(f"{len(names)} columns for rows of shape {row_shape}")
    return tuple(_column(name, entry) for name, entry in zip(names, entries, strict=True))


def entry_of_column(column: Column) -> dict[str, Any]:
    """A column as it is saved."""
    known = None if column.categories is None else list(column.categories)
    dates = {"date": column.written} if column.date else {}
    return {"name": column.name, "categories": known, **dates}


def _column(name: str, entry: Mapping[str, Any]) -> Column:
    """The inverse of `entry_of_column`."""
    known = entry["categories"]
    if "date" in entry:
        check_format(entry["date"])
        if known is not None:
            raise ValueError("a column of dates that has categories")
        return Column(name, date=True, written=entry["date"])
    return Column(name, None if known is None else names_of(known, least=0))


def require_alike(
    found: tuple[Mapping[str, Any], Mapping[str, Array]],
    written: tuple[Mapping[str, Any], Mapping[str, Array]],
) -> None:
    """ValueError unless what was restored would be saved as it was found, to the last type."""
    if json.dumps(found[0], sort_keys=True) != json.dumps(written[0], sort_keys=True):
        raise ValueError("the document is written in another way")
    if found[1].keys() != written[1].keys():
        raise ValueError("there are arrays that no step has")


def require_chain(row_shape: Shape, columns: Columns, steps: Sequence[Fitted]) -> None:
    """ValueError unless each step takes what the one before it gives."""
    shape = row_shape
    for step in steps:
        if step.in_shape != shape:
            raise ValueError(f"a step takes rows of shape {step.in_shape}, but gets {shape}")
        step.check_columns(columns)
        shape, columns = step.out_shape, step.columns_after(columns)
