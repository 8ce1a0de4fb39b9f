"""The function `build` of the source for Keras, and the weights of its layers.

A chain of layers is a Sequential. All else is functional: a chain line by line with one `x`; where
a value is read twice, or not by the next layer, each value has the name of its layer.
"""

from collections.abc import Mapping, Sequence

from dlcli.deploy.bundle import Bundle
from dlcli.deploy.keras.layers import LAYERS
from dlcli.deploy.keras.merges import HELPERS_OF, MERGES
from dlcli.deploy.keras.parts import Part
from dlcli.deploy.sources.graphs import is_chain, read_masks
from dlcli.deploy.sources.writing import Identifiers, body, call, literal, statement
from dlcli.engine.graph import Node
from dlcli.engine.layer import Array, Layer, Merge
from dlcli.frozen import frozen

TAKEN = frozenset(
    {
        *("average_pool", "build", "keras", "layers", "max_of_steps", "mean_of_steps"),
        *("normalized_groups", "ops", "unit_length"),
    }
)
"""Names that `build` reads beside its values."""


@frozen
class Network:
    """statements: of build. arrays: of variables, as <layer>/<variable>. helpers: text of
    functions. inputs: the names of the values that it takes, in their order."""

    statements: tuple[str, ...]
    arrays: Mapping[str, Array]
    helpers: tuple[str, ...]
    inputs: tuple[str, ...]


def network(bundle: Bundle) -> Network:
    """The network of a bundle, as statements and arrays."""
    return _Writing(bundle).done()


class _Writing:
    """What is written so far."""

    def __init__(self, bundle: Bundle) -> None:
        model = bundle.model
        self.nodes, self.inputs = model.plain, model.inputs
        views = model.layout.views(bundle.theta)
        self.parts = {
            node.name: LAYERS[type(node.layer)](node.layer, node, views.get(node.name, {}))
            for node in self.nodes
            if isinstance(node.layer, Layer)
        }
        self.shapes = {name: bundle.preprocessing[name].out_shape for name in self.inputs}
        self.chain = is_chain(self.nodes, self.inputs)
        self.needed = read_masks(self.nodes)
        self.names = Identifiers(TAKEN)
        self.called = _Names()
        self.arrays: dict[str, Array] = {}
        self.helpers: dict[str, None] = {}
        self.lines: list[str] = []
        self.variables: dict[str, str] = {}
        self.masks: dict[str, str] = {}

    def done(self) -> Network:
        """All of it."""
        plain = all(part.value is None for part in self.parts.values())
        if self.chain and plain and len(self.parts) == len(self.nodes) and not self.needed:
            self._sequential()
        else:
            self._functional()
        return Network(tuple(self.lines), self.arrays, tuple(self.helpers), self.inputs)

    def _sequential(self) -> None:
        made = [call("keras.Input", [literal(self.shapes[self.inputs[0]])], dtype="float32")]
        for node in self.nodes:
            made += self._pieces(node, self.parts[node.name])
        self.lines = ["return keras.Sequential(", "    [", body([f"{one}," for one in made], 2)]
        self.lines += ["    ]", ")"]

    def _pieces(self, node: Node, part: Part) -> list[str]:
        """The layers of Keras for one; their arrays are taken over."""
        name = self.called.of(node.name, [piece.ending for piece in part.pieces])
        for piece in part.pieces:
            for variable, array in piece.arrays.items():
                self.arrays[f"{name}{piece.ending}/{variable}"] = array
        self.helpers |= dict.fromkeys(part.helpers)
        return [piece.made(name) for piece in part.pieces]

    def _functional(self) -> None:
        for name in self.inputs:
            own = self.variables[name] = self.names.of(name or "x")
            given = {"name": name} if name else {}
            made = call("keras.Input", [literal(self.shapes[name])], dtype="float32", **given)
            self.lines.append(f"{own} = {made}")
        starts = [self.variables[name] for name in self.inputs]
        if self.chain:
            self.lines.insert(1, f"inputs = {starts[0]}")
            starts = ["inputs"]
        for node in self.nodes:
            self._node(node)
        inputs = starts[0] if len(starts) == 1 else f"[{', '.join(starts)}]"
        self.lines.append(f"return keras.Model({inputs}, {self.variables[self.nodes[-1].name]})")

    def _node(self, node: Node) -> None:
        own = self.names.of(node.name)
        variable = self.variables[self.inputs[0]] if self.chain else own
        xs = [self.variables[name] for name in node.inputs]
        part = self.parts.get(node.name)
        mask = self.masks.get(node.inputs[0])
        if node.name in self.needed:
            self._mask(node, part, own, xs)
        if part is None:
            assert isinstance(node.layer, Merge)
            self.helpers |= dict.fromkeys(HELPERS_OF.get(type(node.layer), ()))
            name = self.called.of(node.name, [""])
            value = MERGES[type(node.layer)](node.layer, node, xs, name)
            self.lines.append(statement(variable, value))
        else:
            made = self._pieces(node, part)
            if part.value is not None:
                self.lines.append(statement(variable, part.value(xs[0], made, mask)))
            else:
                x = xs[0]
                for one in made:
                    self.lines.append(statement(variable, f"{one}({x})"))
                    x = variable
        self.variables[node.name] = variable

    def _mask(self, node: Node, part: Part | None, own: str, xs: Sequence[str]) -> None:
        """The variable of its mask; what makes one is written down first."""
        masks = [self.masks[name] for name in node.inputs if name in self.masks]
        if part is not None and part.mask is not None:
            expression, joins = part.mask(xs[0]), "logical_and"
            expressions = [expression, *masks]
        else:
            expressions, joins = list(dict.fromkeys(masks)), "logical_or"
            if len(expressions) == 1:
                self.masks[node.name] = masks[0]
                return
        expression = expressions[0]
        for other in expressions[1:]:
            expression = f"ops.{joins}({expression}, {other})"
        variable = masks[0] if self.chain and masks else self.names.of(f"{own}_mask")
        self.lines.append(f"{variable} = {expression}")
        self.masks[node.name] = variable


class _Names:
    """Names of layers of Keras, each its own. On PyTorch, they can have no point."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, name: str, endings: Sequence[str]) -> str:
        """The name, or one near to it, that with each of these behind it is nobody's yet."""
        name = name.replace(".", "_")
        while any(f"{name}{ending}" in self._taken for ending in endings):
            name += "_"
        self._taken |= {f"{name}{ending}" for ending in endings}
        return name
