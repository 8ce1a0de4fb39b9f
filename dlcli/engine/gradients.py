"""The gradient of a batch, piece by piece of the flat parameter vector.

The optimizer wants the gradient of the whole batch for one piece of the parameters after the
other, each small enough to stay in a core's cache. A piece gets its gradient in one of two ways:

    summed     Every shard has left its gradients in a row of its own, laid out as the parameters
               are, and the rows are added in the order of the shards.
    factored   The gradient of a large kernel is a product over all rows of the batch, left^T @
               right (see Layer.factors). Shards have left their rows of the two factors, and the
               product is done here, for the whole batch at once and straight into the piece. It
               has a longer inner dimension than a shard's product has, so it runs faster, and
               the gradient is never written to main memory, let alone once for each shard.

Which way, and how the vector is cut, depends on the model and the sizes of batch and shard alone.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from dlcli.engine.arrays import Array, Factors
from dlcli.engine.layout import Name
from dlcli.engine.memory import shared_zeros
from dlcli.engine.model import Model
from dlcli.engine.sharding import PIECE, cuts
from dlcli.frozen import frozen

FACTORED_PIECE = 2 * PIECE
"""About how many elements a piece of a factored kernel has: a product wants more rows."""

PIECES = 4
"""The vector and each factored kernel are cut into so many pieces at least, to have something to
do for as many workers, unless the pieces become too small to be worth their calls."""

SMALLEST_PIECE = 4_096


@frozen
class Piece:
    """Elements start .. stop-1 of the flat vector.

    decayed: whether weight decay applies to them.
    kernel: the array that they are whole rows of, from `row` on, where their gradient is factored.
    """

    start: int
    stop: int
    decayed: bool
    kernel: Name | None = None
    row: int = 0


class Gradients:
    """Where shards leave their gradients, in memory that forked workers share."""

    def __init__(
        self, model: Model, batch_size: int, shard_size: int, dtype: npt.DTypeLike = np.float32
    ) -> None:
        self._layout = model.layout
        self._shard_size = shard_size
        shards = cuts(batch_size, shard_size)
        self._rows = shared_zeros((shards, self._layout.size), dtype)
        self._factors = {
            (node.name, slot): (
                shared_zeros((batch_size, a), dtype),
                shared_zeros((batch_size, b), dtype),
            )
            for node in model.nodes
            for slot, (a, b) in node.factors().items()
            if a * b >= PIECE and batch_size * (a + b) <= shards * a * b
        }
        self.pieces = tuple(self._cut())
        self._frozen = [node.name for node in model.nodes if not node.trainable and node.slots()]

    @property
    def nbytes(self) -> int:
        """Bytes that are written to in a full batch: pages of rows whose gradient is factored never
        are, nor do they cost memory."""
        factored = [self._layout.places[name] for name in self._factors]
        left_out = sum(place.stop - place.start for place in factored)
        written = self._rows.nbytes - len(self._rows) * left_out * self._rows.itemsize
        return int(written + sum(a.nbytes + b.nbytes for a, b in self._factors.values()))

    def shard(self, number: int) -> dict[str, dict[str, Any]]:
        """The arrays that backward assigns for one shard, by layer and slot; none of frozen layers.

        The last shard of a batch may have fewer rows than these have room for.
        """
        views: dict[str, dict[str, Any]] = {**self._layout.views(self._rows[number])}
        for layer in self._frozen:
            del views[layer]
        rows = slice(number * self._shard_size, (number + 1) * self._shard_size)
        for (layer, slot), (left, right) in self._factors.items():
            views[layer][slot] = Factors(left[rows], right[rows])
        return views

    def assign(self, piece: Piece, rows: int, out: Array) -> None:
        """Assign the gradient of a piece to `out`, for a batch of so many rows."""
        if piece.kernel is not None:
            left, right = self._factors[piece.kernel]
            product = out.reshape(-1, right.shape[1])
            columns = slice(piece.row, piece.row + len(product))
            np.matmul(left[:rows, columns].T, right[:rows], out=product)
            return
        parts = self._rows[: cuts(rows, self._shard_size), piece.start : piece.stop]
        if len(parts) == 1:
            np.copyto(out, parts[0])
            return
        np.add(parts[0], parts[1], out=out)
        for part in parts[2:]:
            np.add(out, part, out=out)

    def _cut(self) -> list[Piece]:
        """The pieces in the order of the flat vector; none is decayed only in part."""
        layout, pieces = self._layout, []
        start = 0
        for name, place in layout.places.items():
            if name in self._factors:
                pieces += self._summed(start, place.start)
                pieces += self._factored(name)
                start = place.stop
        return pieces + self._summed(start, layout.trained)

    def _factored(self, name: Name) -> list[Piece]:
        place = self._layout.places[name]
        height, width = place.shape
        step = cuts(height, max(PIECES, cuts(height * width, FACTORED_PIECE)))
        decayed = place.start < self._layout.decayed
        return [
            Piece(
                place.start + first * width,
                place.start + min(first + step, height) * width,
                decayed,
                name,
                first,
            )
            for first in range(0, height, step)
        ]

    def _summed(self, start: int, stop: int) -> list[Piece]:
        decayed = self._layout.decayed
        step = max(SMALLEST_PIECE, min(PIECE, cuts(self._layout.trained, PIECES)))
        return [
            Piece(a, min(a + step, last), first < decayed)
            for first, last in ((start, min(stop, decayed)), (max(start, decayed), stop))
            for a in range(first, last, step)
        ]
