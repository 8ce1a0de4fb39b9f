"""Columns of ids, as the layer `column_embeddings` finds them."""

from collections.abc import Mapping

from dlcli.data.fitted import Columns
from dlcli.data.fitting import Misfit
from dlcli.data.names import place_of, suggestion

IdColumn = tuple[int, int, int]
"""The position of a column of ids, the number of ids, and the length of a vector for each."""


def embedded(
    columns: Columns, output_dim: Mapping[str, int], default_output_dim: int | None
) -> tuple[IdColumn, ...]:
    """The columns of ids, in their order; the length of a vector is that of `output_dim` for the
    column's name, else the default.

    Misfit where there are none, where a name is none of theirs, or where a length lacks.
    """
    found = {c.name: (j, c.ids) for j, c in enumerate(columns or ()) if c.kind == "category"}
    if not found:
        raise Misfit(
            "column_embeddings finds no column of ids in the rows that it reads; put the transform "
            "`category` before it, into the transforms of these rows"
        )
    names = list(found)
    dims: dict[int, int] = {}
    for name, dim in output_dim.items():
        place = place_of(name, names)
        if place is None:
            words = f"there is no column {name!r}{suggestion(name, names)}"
            if place_of(name, [column.name for column in columns or ()]) is not None:
                words = f"column {name!r} holds no ids; the transform `category` makes them"
            raise Misfit(words.removesuffix("."), "output_dim", name)
        dims[place] = dim
    chosen = []
    for place, (name, (position, ids)) in enumerate(found.items()):
        length = dims.get(place, default_output_dim)
        if length is None:
            raise Misfit(
                f"it is not said how long the vectors of the column {name!r} are; give "
                f"`output_dim: {{{name}: 4}}`, or `default_output_dim` for all columns"
            )
        chosen.append((position, ids, length))
    return tuple(chosen)
