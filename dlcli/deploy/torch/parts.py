"""What a layer is as source for PyTorch: a Part."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Literal

from dlcli.engine.layer import Array, Shape
from dlcli.frozen import frozen

Order = Literal["first", "last", "any"]
"""Where channels are: before the places of an image or of steps, behind them, or either."""

Params = Mapping[str, Array]


@frozen
class Part:
    """A layer as source.

    value: its value, given the expression of its input, its own name in the model, and the name of
        the mask of its input.
    modules: what the model holds for it, by what stands behind its name.
    arrays: their state, by the same and the name of the array.
    takes, gives: the order of channels; "any": as it comes, "any": as it came.
    mask: the mask that it makes, of the expression of its input.
    helpers: classes and functions that it needs.
    """

    value: Callable[[str, str, str | None], str]
    modules: Mapping[str, str] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    takes: Order = "last"
    gives: Order = "last"
    mask: Callable[[str], str] | None = None
    helpers: tuple[str, ...] = ()


def module(made: str, arrays: Params, takes: Order = "last", pads: str = "", **more: Any) -> Part:
    """One module, applied to its input, which is padded before."""

    def value(x: str, me: str, mask: str | None) -> str:
        return f"{me}(F.pad({x}, {pads}))" if pads else f"{me}({x})"

    return Part(value, {"": made}, arrays, takes, takes, **more)


def plain(expression: str, takes: Order = "last", gives: Order | None = None) -> Part:
    """No module: an expression of {x}."""

    def value(x: str, me: str, mask: str | None) -> str:
        return expression.replace("{x}", x)

    return Part(value, takes=takes, gives=takes if gives is None else gives)


def bias_of(p: Params, name: str = "bias") -> dict[str, Array]:
    return {name: p["bias"]} if "bias" in p else {}


def lengths(shape: Shape) -> str:
    """A shape as arguments."""
    return ", ".join(map(str, shape))
