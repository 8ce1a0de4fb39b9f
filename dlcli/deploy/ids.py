"""Numbers that stand for something, and rows in which one of them stands for nothing.

A layer that looks its rows up by ids would give any answer to an id that it has not. So all rows
are gone through once, before anything is learned from them or answered to them.
"""

from collections.abc import Mapping, Sequence

from dlcli.data.checks import position
from dlcli.data.dataset import ONLY, Part, rows_per_chunk
from dlcli.data.preprocessing import Preprocessing, place_of
from dlcli.engine.graph import Node
from dlcli.engine.layer import Array, Fault, Layer
from dlcli.errors import DataError


def require_ids(
    nodes: Sequence[Node],
    preprocessing: Mapping[str, Preprocessing],
    parts: Mapping[str, Part],
    what: str,
    *,
    learned: bool = False,
) -> None:
    """DataError for the first number that a layer takes for an id and that is none.

    parts: stored rows of each value, by its name. what: how messages call them, such as "the test
    part". learned: whether it is too late for other options of the layer.
    """
    for name, part in parts.items():
        takers = id_takers(nodes, name)
        if not takers:
            continue
        fitted = preprocessing[name]
        called = what if name == ONLY else f"the input {name!r} of {what}"
        step = rows_per_chunk(fitted.out_shape)
        for start in range(0, len(part), step):
            x = fitted.apply(part.take_features(slice(start, min(start + step, len(part)))))
            for layer, takes in takers:
                fault = takes.fault(x)
                if fault is not None:
                    where = place_of(part, start + fault.row, called)
                    raise _error(where, layer, fault, x, fitted, learned)


def id_takers(nodes: Sequence[Node], name: str) -> list[tuple[str, Layer]]:
    """The layers that take a value's numbers for ids, with their names."""
    return [
        (node.name, node.layer)
        for node in nodes
        if isinstance(node.layer, Layer) and node.layer.takes_ids and node.inputs == (name,)
    ]


def _error(
    where: str, layer: str, fault: Fault, x: Array, fitted: Preprocessing, learned: bool
) -> DataError:
    held = float(x[(fault.row, *fault.place)])
    whole = held.is_integer()
    columns = fitted.columns_after()
    column = None if columns is None else columns[fault.place[0]].name
    at = position(fault.place) if column is None else f"column {column!r}"
    remedy = "Correct the data"
    if fitted.steps and not whole:
        remedy = "Ids are learned from as they are: leave out transforms that make other numbers"
    elif whole and held > 0 and not learned:
        remedy = "Correct the data, or give the layer a larger `input_dim`"
    return DataError(
        f"{where} holds {f'{held:.0f}' if whole else f'{held:g}'} ({at}), but the layer `{layer}` "
        f"takes {fault.wanted}. {remedy}",
        column=column,
    )
