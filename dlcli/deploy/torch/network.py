"""The class Model of the source for PyTorch, and its state_dict.

A chain is written line by line with one `x`. Where a value is read twice, or not by the next layer,
each value has the name of its layer.
"""

from collections.abc import Mapping

from dlcli.deploy.bundle import Bundle
from dlcli.deploy.sources.graphs import is_chain, read_masks
from dlcli.deploy.sources.writing import Identifiers, statement
from dlcli.deploy.torch.layers import LAYERS
from dlcli.deploy.torch.merges import HELPERS_OF, LAST, MERGES
from dlcli.deploy.torch.parts import Order, Part
from dlcli.deploy.torch.taken import TAKEN
from dlcli.engine.graph import Node
from dlcli.engine.layer import Array, Layer
from dlcli.engine.masks import carries_mask
from dlcli.frozen import frozen


@frozen
class Network:
    """init, forward: statements. arguments: of forward. inputs: the names of the values that they
    stand for. arrays: the state_dict. helpers: text of functions and classes."""

    init: tuple[str, ...]
    forward: tuple[str, ...]
    arguments: tuple[str, ...]
    inputs: tuple[str, ...]
    arrays: Mapping[str, Array]
    helpers: tuple[str, ...]


@frozen
class _Value:
    """variable: its name in forward. rank: axes of a row. order: of its channels. mask: the
    variable of its mask, where one is needed."""

    variable: str
    rank: int
    order: Order
    mask: str | None = None

    def in_order(self, order: Order) -> str:
        """Its expression with channels there."""
        if self.rank < 2 or order in ("any", self.order):
            return self.variable
        ends = "-1, 1" if order == "first" else "1, -1"
        return f"{self.variable}.movedim({ends})"


def network(bundle: Bundle) -> Network:
    """The network of a bundle, as statements and arrays."""
    return _Writing(bundle).done()


class _Writing:
    """What is written so far."""

    def __init__(self, bundle: Bundle) -> None:
        model = bundle.model
        self.nodes, self.inputs = model.plain, model.inputs
        self.views = model.layout.views(bundle.theta)
        self.chain = is_chain(self.nodes, self.inputs)
        self.names = Identifiers(TAKEN)
        self.needed = read_masks(self.nodes)
        self.init: list[str] = []
        self.forward: list[str] = []
        self.arrays: dict[str, Array] = {}
        self.helpers: dict[str, None] = {}
        self.values: dict[str, _Value] = {}
        for name in self.inputs:
            rank = len(bundle.preprocessing[name].out_shape)
            self.values[name] = _Value(self.names.of(name or "x"), rank, "last")
        self.arguments = tuple(self.values[name].variable for name in self.inputs)

    def done(self) -> Network:
        """All of it."""
        for node in self.nodes:
            self._node(node)
        last = self.values[self.nodes[-1].name]
        self.forward.append(f"return {last.in_order('last')}")
        return Network(
            tuple(self.init),
            tuple(self.forward),
            self.arguments,
            self.inputs,
            self.arrays,
            tuple(self.helpers),
        )

    def _node(self, node: Node) -> None:
        part = self._part(node)
        own = self.names.of(node.name, () if part is None else part.modules)
        variable = self.arguments[0] if self.chain else own
        xs = [self.values[name] for name in node.inputs]
        if part is not None:
            expression, order = self._layer(part, own, xs[0])
        else:
            expression, order = self._merge(node, xs)
        mask = self._mask(node, part, own, xs) if node.name in self.needed else None
        if expression != variable:
            self.forward.append(statement(variable, expression))
        self.values[node.name] = _Value(variable, len(node.out_shape), order, mask)

    def _part(self, node: Node) -> Part | None:
        """How a layer is written; None of a merge."""
        if not isinstance(node.layer, Layer):
            return None
        return LAYERS[type(node.layer)](node.layer, node, self.views.get(node.name, {}))

    def _layer(self, part: Part, own: str, x: _Value) -> tuple[str, Order]:
        for suffix, made in part.modules.items():
            self.init.append(f"self.{own}{suffix} = {made}")
        for key, array in part.arrays.items():
            dot = "" if key.startswith("_") else "."
            self.arrays[f"{own}{dot}{key}"] = array
        self.helpers |= dict.fromkeys(part.helpers)
        found = part.value(x.in_order(part.takes), f"self.{own}", x.mask)
        return found, x.order if part.gives == "any" else part.gives

    def _merge(self, node: Node, xs: list[_Value]) -> tuple[str, Order]:
        kind = type(node.layer)
        firsts = all(x.order == "first" for x in xs) and kind not in LAST
        order: Order = "first" if firsts else "last"
        axis = 1 if firsts else len(node.in_shapes[0])
        self.helpers |= dict.fromkeys(HELPERS_OF.get(kind, ()))  # type: ignore[arg-type]
        written = [x.in_order(order) for x in xs]
        return MERGES[kind](node.layer, node, written, axis), order  # type: ignore[index]

    def _mask(self, node: Node, part: Part | None, own: str, xs: list[_Value]) -> str:
        """The variable of its mask; what makes one is written down first."""
        masks = [x.mask for x in xs if x.mask is not None]
        if part is None or part.mask is None:
            assert carries_mask(node.layer, node.masks)
            if len(set(masks)) == 1:
                return masks[0]
            expression = " | ".join(masks)
        else:
            expression = " & ".join([part.mask(xs[0].in_order(part.takes)), *masks])
        variable = masks[0] if self.chain and masks else self.names.of(f"{own}_mask")
        self.forward.append(f"{variable} = {expression}")
        return variable
