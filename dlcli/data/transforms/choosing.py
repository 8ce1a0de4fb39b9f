"""Which columns of a table a transform works on: the option `columns`.

It is a list of names (of positions, counted from 0, where rows have no names), or a kind:

    numeric    read as numbers; neither ids nor indicators
    text       not encoded yet
    date       not taken apart yet
    category   ids that the transform `category` made

Left out, a transform takes whatever suits it. What a column holds is as the transforms before left
it.
"""

from collections.abc import Collection

import numpy as np

from dlcli.data.dataset import Array, ColumnKind, Shape
from dlcli.data.fitting import Misfit, TrainingRows
from dlcli.data.names import place_of, suggestion

Chosen = tuple[str, ...] | str | None
"""Names, a kind, or None for what suits."""

_HOLDS: dict[ColumnKind, str] = {
    "numeric": "holds numbers",
    "text": "holds text",
    "date": "holds dates",
    "category": "holds ids of categories",
    "indicator": "holds 0 and 1 (`one_hot` made it)",
}


def require_table(chosen: Chosen, shape: Shape) -> None:
    """Misfit where columns are chosen of rows that are none of a table."""
    if chosen is not None and len(shape) != 1:
        raise Misfit(
            f"`columns` are those of a table, but a row has shape {shape}; leave the option out.",
            "columns",
        )


def require_columns(does: str, chosen: Chosen, shape: Shape) -> None:
    """Misfit unless rows are those of a table; does: the transform and its verb, "impute fills"."""
    if len(shape) != 1:
        raise Misfit(f"{does} columns of a table, but a row has shape {shape}.")
    require_table(chosen, shape)


def choose(
    chosen: Chosen,
    rows: TrainingRows,
    word: str,
    takes: Collection[ColumnKind],
    usual: Collection[str],
) -> Array:
    """Whether each number of the last axis is chosen: bool, (last axis,).

    word: the transform. takes: the kinds that it can work on. usual: those that it works on where
    nothing is said. Misfit for columns that are not there, and for those of another kind.
    """
    require_table(chosen, rows.shape)
    width = rows.shape[-1] if rows.shape else 1
    kinds: list[ColumnKind] = ["numeric"] * width
    if rows.columns is not None:
        kinds = [column.kind for column in rows.columns]
    if chosen is None:
        return np.array([kind in usual for kind in kinds], np.bool_)
    if isinstance(chosen, str):
        mask = np.array([kind == chosen for kind in kinds], np.bool_)
        if not mask.any():
            raise Misfit(f"there is no {chosen} column for {word}.", "columns")
        return mask
    mask = np.zeros(width, np.bool_)
    for number, name in enumerate(chosen):
        place = place_of(name, rows.names)
        if place is None:
            words = f"there is no column {name!r} for {word}{suggestion(name, rows.names)}"
            raise Misfit(words, "columns", number)
        if kinds[place] not in takes:
            raise Misfit(
                f"column {name!r} {_HOLDS[kinds[place]]}, and {word} takes columns of "
                f"{_taken(takes)}: {_remedy(kinds[place])}",
                "columns",
                number,
            )
        if mask[place]:
            raise Misfit(f"`columns` of {word} must name at least one, and none twice.", "columns")
        mask[place] = True
    if not mask.any():
        raise Misfit(f"`columns` of {word} must name at least one, and none twice.", "columns")
    return mask


def _taken(takes: Collection[ColumnKind]) -> str:
    words = {"numeric": "numbers", "text": "text", "date": "dates"}
    return " and ".join(words[kind] for kind in words if kind in takes)


def _remedy(kind: ColumnKind) -> str:
    if kind == "text":
        return "put `one_hot` before it, or leave the column out."
    if kind == "date":
        return "put `date_parts` before it, or leave the column out."
    return "leave the column out, or put this transform before the one that encodes the column."
