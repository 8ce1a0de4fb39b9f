"""What stands behind a layer and can be done together with it."""

from collections.abc import Callable, Sequence

from dlcli.engine.graph import Node
from dlcli.engine.layer import Layer, Merge
from dlcli.engine.layers.activations import Linear, Relu

Fused = tuple[int, Layer | None, int]
"""How many nodes at the start of a chain become one layer, that layer, and which of the nodes gives
its name. The layer is None where a single node stays as it is."""

ALONE: Fused = (1, None, 0)

Fuser = Callable[[Sequence[Node]], Fused]
"""Takes a chain of nodes and fuses its beginning."""


def followers(
    nodes: Sequence[Node], pools: Callable[[Node], bool] = lambda node: False
) -> tuple[int, Relu | None, Layer | Merge | None]:
    """How many nodes are the first one and its followers: a relu and a pool, in any order, for they
    commute; the relu, and the pool.

    pools: whether a node is a pool that can be fused.
    """
    relu: Relu | None = None
    pool: Layer | Merge | None = None
    count = 1
    for node in nodes[1:]:
        layer = node.layer
        if isinstance(layer, Relu) and relu is None:
            relu = layer
        elif pool is None and pools(node):
            pool = layer
        elif not isinstance(layer, Linear):
            break
        count += 1
    return count, relu, pool
