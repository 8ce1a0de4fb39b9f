"""Numbers that stand for something, and rows in which one of them stands for nothing.

A layer that looks its rows up by ids would give any answer to an id that it has not. So all rows
are gone through once, before anything is learned from them or answered to them.
"""

from collections.abc import Mapping, Sequence

from dlcli.data.checks import position
from dlcli.data.dataset import Part, rows_per_chunk
from dlcli.data.preprocessing import Preprocessing, place_of
from dlcli.engine.graph import Node
from dlcli.engine.layer import Array, Fault, Layer
from dlcli.errors import DataError


def require_ids(
    nodes: Sequence[Node],
    preprocessing: Mapping[str, Preprocessing],
    parts: Mapping[str, Part],
    what: str,
) -> None:
    """DataError for the first number that a layer takes for an id and that is none.

    parts: stored rows of each value, by its name. what: how messages call them, such as "the test
    part".
    """
    for name, part in parts.items():
        takers = [
            (node.name, node.layer)
            for node in nodes
            if isinstance(node.layer, Layer) and node.layer.takes_ids and node.inputs == (name,)
        ]
        if not takers:
            continue
        fitted = preprocessing[name]
        step = rows_per_chunk(fitted.out_shape)
        for start in range(0, len(part), step):
            x = fitted.apply(part.take_features(slice(start, min(start + step, len(part)))))
            for layer, takes in takers:
                fault = takes.fault(x)
                if fault is not None:
                    where = place_of(part, start + fault.row, what)
                    raise DataError(f"{where} {_sentence(layer, fault, x, fitted)}")


def _sentence(layer: str, fault: Fault, x: Array, fitted: Preprocessing) -> str:
    held = float(x[(fault.row, *fault.place)])
    shown = f"{held:.0f}" if held.is_integer() else f"{held:g}"
    columns = fitted.columns_after()
    at = position(fault.place) if columns is None else f"column {columns[fault.place[0]].name!r}"
    changed = "" if not fitted.steps else ", which the transforms have made of what was stored"
    return (
        f"holds {shown} ({at}){changed}; the layer `{layer}` takes {fault.wanted}. Correct the "
        "data, or let the layer know more of them, by `input_dim`"
    )
