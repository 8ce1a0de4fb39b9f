"""How each merge is written in Keras: the table MERGES."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dlcli.deploy.keras import helpers
from dlcli.deploy.sources.graphs import summed
from dlcli.deploy.sources.writing import call
from dlcli.engine.graph import Node
from dlcli.engine.layer import Merge
from dlcli.engine.merges import Add, Average, Concatenate, Dot, Maximum, Multiply, Subtract


def _merged(kind: str) -> Callable[[Any, Node, Sequence[str], str], str]:
    return lambda merge, node, xs, name: f"{call(f'layers.{kind}', name=name)}([{', '.join(xs)}])"


def _dot(merge: Dot, node: Node, xs: Sequence[str], name: str) -> str:
    rule, places, is_number = summed(merge, node)
    if merge.normalize:
        xs = [f"unit_length({x}, {place})" for x, place in zip(xs, places, strict=True)]
    found = f'ops.einsum("{rule}", {xs[0]}, {xs[1]})'
    return f"ops.expand_dims({found}, -1)" if is_number else found


MERGES: Mapping[type[Merge], Callable[[Any, Node, Sequence[str], str], str]] = {
    Add: _merged("Add"),
    Average: _merged("Average"),
    Concatenate: _merged("Concatenate"),
    Dot: _dot,
    Maximum: _merged("Maximum"),
    Multiply: _merged("Multiply"),
    Subtract: _merged("Subtract"),
}
"""By class: the value, of the expressions of the inputs and the name that its layer may have."""

HELPERS_OF: Mapping[type[Merge], tuple[str, ...]] = {Dot: (helpers.UNIT_LENGTH,)}
"""What else merges need."""
