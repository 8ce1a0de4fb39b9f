"""What a step learns from: rows with their targets and weights."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from dlcli.engine.arrays import Array
from dlcli.engine.context import Context


class Batch(NamedTuple):
    """Some rows, ready for the first layer and for the loss.

    values: the features (n, *in_shape) float32 of each of the model's inputs, in their order.
    targets: (n, ...), as the loss takes them.
    weights: (n,) float32, how much each row counts in the loss; None: each counts 1.
    original: (n, ...) float64, the targets as the data has them; None where `targets` are those.
    """

    values: Sequence[Array]
    targets: Array
    weights: Array | None = None
    original: Array | None = None


class Examples(Protocol):
    """Rows that can be fetched by position."""

    def __len__(self) -> int: ...

    def fetch(self, positions: Array, ctx: Context, epoch: int | None = None, /) -> Batch:
        """The rows at these positions.

        epoch: in training, the one that they are fetched for, counted from 0: rows are augmented,
            targets may be mixed, and classes have their weights. None: the rows as they are, to be
            judged.
        """
        ...
