"""How a batch is cut into shards and a vector into pieces: by the config alone.

The cut decides the order of additions, and so the bits. It must never look at the machine.
"""

from math import prod

from dlcli.engine.model import Model

PIECE = 32_768
"""Elements of the parameter vector that the optimizer updates at a time: 128 KB, of which with the
moments and scratch rows about as much as fits a core's second-level cache is in use at a time."""

SHARD_BYTES = 1 << 19
"""How many bytes the widest activation of a shard may have, so that it too stays in cache."""

HALTING_SHARD_BYTES = 4 * SHARD_BYTES
"""The same where passes halt to meet the whole batch: other shards run in between, so the cache
has forgotten a shard anyway, and fewer calls are worth more."""


def default_shard_size(model: Model, batch_size: int) -> int:
    """Rows in a shard when the config gives none.

    A power of two of at most half a batch, so that a batch keeps two workers busy, and of
    activations that fit a core's cache; at least 8, below which call overhead outweighs it.
    """
    row = 4 * max(prod(node.out_shape) for node in model.nodes)
    most = HALTING_SHARD_BYTES if model.meetings else SHARD_BYTES
    size = 8
    while size * 4 <= batch_size and size * 2 * row <= most:
        size *= 2
    return min(size, batch_size)


def cuts(length: int, size: int) -> int:
    """How many shards (or pieces) of `size` cover `length`; the last may be smaller.

    >>> cuts(32, 8), cuts(33, 8), cuts(0, 8)
    (4, 5, 0)
    """
    return -(-length // size)
