"""What a layer is as source for Keras: a Part, of Pieces."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from dlcli.deploy.sources.writing import call, literal
from dlcli.engine.layer import Array
from dlcli.frozen import frozen

Params = Mapping[str, Array]


@frozen
class Piece:
    """A layer of Keras. ending: what stands behind the name of dlcli's layer in its own. options:
    beside these, its name is given. arrays: of its variables, by their names."""

    kind: str
    given: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    ending: str = ""

    def made(self, name: str) -> str:
        """The expression that makes it."""
        return call(f"layers.{self.kind}", self.given, **self.options, name=f"{name}{self.ending}")


@frozen
class Part:
    """A layer as source: pieces, one behind the other, or a value.

    value: its expression, given that of its input, those of its pieces, and the variable of the
        mask of its input; None where the pieces are applied one after the other.
    mask: the mask that it makes, of the expression of its input.
    """

    pieces: tuple[Piece, ...] = ()
    value: Callable[[str, Sequence[str], str | None], str] | None = None
    mask: Callable[[str], str] | None = None
    helpers: tuple[str, ...] = ()


def layer_of(kind: str, *given: Any, arrays: Params | None = None, **options: Any) -> Part:
    return Part((Piece(kind, tuple(map(literal, given)), options, arrays or {}),))
