"""How each merge is written in PyTorch: the table MERGES."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dlcli.deploy.sources.graphs import summed
from dlcli.deploy.sources.writing import call, listed
from dlcli.deploy.torch import helpers
from dlcli.engine.graph import Node
from dlcli.engine.layer import Merge
from dlcli.engine.merges import Add, Average, Concatenate, Dot, Maximum, Multiply, Subtract


def _joined(sign: str) -> Callable[[Any, Node, Sequence[str], int], str]:
    return lambda merge, node, xs, channels: sign.join(xs)


def _maximum(merge: Maximum, node: Node, xs: Sequence[str], channels: int) -> str:
    found = xs[0]
    for x in xs[1:]:
        found = f"torch.maximum({found}, {x})"
    return found


def _dot(merge: Dot, node: Node, xs: Sequence[str], channels: int) -> str:
    rule, places, is_number = summed(merge, node)
    if merge.normalize:
        xs = [f"unit_length({x}, {place})" for x, place in zip(xs, places, strict=True)]
    found = f'torch.einsum("{rule}", {xs[0]}, {xs[1]})'
    return f"{found}[:, None]" if is_number else found


MERGES: Mapping[type[Merge], Callable[[Any, Node, Sequence[str], int], str]] = {
    Add: _joined(" + "),
    Average: lambda merge, node, xs, channels: f"({' + '.join(xs)}) / {len(xs)}",
    Concatenate: lambda merge, node, xs, channels: call(
        "torch.cat", [listed(list(xs))], dim=channels
    ),
    Dot: _dot,
    Maximum: _maximum,
    Multiply: _joined(" * "),
    Subtract: _joined(" - "),
}
"""By class: the value, of the expressions of the inputs and the axis of their channels."""

LAST = (Dot,)
"""Merges that need channels behind the places."""

HELPERS_OF: Mapping[type[Merge], tuple[str, ...]] = {Dot: (helpers.UNIT_LENGTH,)}
"""What else merges need."""
