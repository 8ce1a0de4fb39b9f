"""Ids of categories among the layers."""

from collections.abc import Mapping, Sequence

from dlcli.data.fitted import Columns
from dlcli.engine.graph import Node
from dlcli.engine.layers import ColumnEmbeddings


def ids_as_numbers(nodes: Sequence[Node], columns: Mapping[str, Columns]) -> tuple[str, ...]:
    """A sentence for each layer that computes with ids, of which no number is more than another."""
    found = []
    for node in nodes:
        for value in node.inputs:
            ids = [column.name for column in columns.get(value) or () if column.ids]
            if ids and not isinstance(node.layer, ColumnEmbeddings):
                names = ", ".join(map(repr, ids[:3])) + (", ..." if len(ids) > 3 else "")
                found.append(
                    f"layer `{node.name}` computes with the ids of {names}, whose order means "
                    "nothing: put the layer `column_embeddings` before it, or use the transform "
                    "`one_hot` in place of `category`"
                )
    return tuple(found)
