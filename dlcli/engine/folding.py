"""A model as it answers: batch normalizations are folded into the layers before them.

Behind training, a batch normalization multiplies each channel by a number and adds another one:

    y = gamma (z - moving_mean) / sqrt(moving_variance + epsilon) + beta = f z + s

Where z = x kernel + bias (of any affine layer, see layer.py), and nobody else reads z, the same is
y = x (f kernel) + (f bias + s): one layer less, which can be fused with an activation and a pool
behind it, as any other can. f, s and the products are worked out in float64 and rounded once. The
parameters that are kept, and training, know nothing of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from dlcli.engine.fusion import fuse
from dlcli.engine.graph import Node, readers
from dlcli.engine.layer import Array, Layer, Params
from dlcli.engine.layers.batch_normalization import BatchNormalization
from dlcli.engine.memory import shared_zeros
from dlcli.engine.model import Model
from dlcli.frozen import frozen


@frozen
class Fold:
    """A layer and the batch normalization that is put into it; its own name is the latter's."""

    before: Node
    norm: Node


def fold(nodes: Sequence[Node]) -> tuple[tuple[Node, ...], tuple[Fold, ...]]:
    """The graph without the batch normalizations that can be folded, and what became of them."""
    read = readers(nodes)
    given = {node.name: node for node in nodes}
    kept: dict[str, Node] = {}
    folds = []
    for index, node in enumerate(nodes):
        before = given.get(node.inputs[0])
        if (
            isinstance(node.layer, BatchNormalization)
            and before is not None
            and isinstance(before.layer, Layer)
            and before.layer.affine
            and read[before.name] == [index]
        ):
            folds.append(Fold(before, node))
            del kept[before.name]
            layer = cast("Layer", replace(cast("Any", before.layer), use_bias=True))
            node = replace(before, name=node.name, layer=layer)
        kept[node.name] = node
    return tuple(kept.values()), tuple(folds)


class Inference:
    """A model without its foldable normalizations, and the parameters that it answers with.

    model, theta: what is given itself, where there is nothing to fold; else a model of its own,
        and a vector in memory that forked workers share, right after `refresh`.
    """

    def __init__(self, model: Model, theta: Array) -> None:
        self._given, self._trained = model, theta
        self.model, self.theta = model, theta
        nodes, self._folds = fold(model.plain)
        if self._folds:
            self.model = Model(fuse(nodes), inputs=model.inputs)  # folding may move what reads them
            self.theta = shared_zeros((self.model.layout.size,), theta.dtype)

    def refresh(self) -> None:
        """Take over the parameters as they are now."""
        if not self._folds:
            return
        given = self._given.layout.views(self._trained)
        wanted = self.model.layout.views(self.theta)
        folded = {one.norm.name: one for one in self._folds}
        for name, arrays in wanted.items():
            if name in folded:
                _put_together(folded[name], given, arrays)
            else:
                for slot, array in arrays.items():
                    array[...] = given[name][slot]


def _put_together(one: Fold, given: Mapping[str, Params], out: Params) -> None:
    """Assign kernel and bias of the layer that does what both of them do."""
    layer, norm = given[one.before.name], given[one.norm.name]
    how = one.norm.layer
    assert isinstance(how, BatchNormalization)
    factor = 1.0 / np.sqrt(norm["moving_variance"].astype(np.float64) + how.epsilon)
    if how.scale:
        factor *= norm["gamma"]
    bias = -norm["moving_mean"] * factor
    if "bias" in layer:
        bias += layer["bias"] * factor
    if how.center:
        bias += norm["beta"]
    assert isinstance(one.before.layer, Layer)
    for slot, array in one.before.layer.scaled(layer, factor).items():
        out[slot][...] = array
    out["bias"][...] = bias
