"""A graph of layers with its layout, and one worker's way through it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlcli.engine.context import Context, Moment
from dlcli.engine.graph import Node, values_of
from dlcli.engine.layer import Array, BatchLayer, Merge, Params, Shape
from dlcli.engine.layout import Layout, Name
from dlcli.engine.masks import either


class Model:
    """Connected nodes and the place of every array they need; the last node gives the answers.

    decays: which trained arrays weight decay applies to, by (layer, slot).
    inputs: the names of the data's values, in the order in which a pass takes them; if not given,
        that in which the nodes read them.
    plain: the same graph before any layers were fused; these nodes themselves, if not given.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        decays: Callable[[Name], bool] = lambda name: True,
        plain: Sequence[Node] = (),
        inputs: Sequence[str] = (),
    ) -> None:
        self.nodes = tuple(nodes)
        self.plain = tuple(plain) or self.nodes
        self.inputs = tuple(inputs) or values_of(self.nodes)
        self.meetings = tuple(index for index, node in enumerate(self.nodes) if node.meets)
        """Which nodes meet the whole batch in training."""
        slots = {
            (node.name, slot): room for node in self.nodes for slot, room in node.slots().items()
        }
        self.layout = Layout(slots, decays)

    @property
    def out_shape(self) -> Shape:
        """The shape of one output row."""
        return self.nodes[-1].out_shape

    @property
    def flops(self) -> int:
        """Floating point operations of one row's forward pass."""
        return sum(node.flops for node in self.nodes)


Gradients = Mapping[str, dict[str, Array]]
"""Where backward leaves its results, by layer and slot; frozen layers have nothing there."""


@dataclass
class _Step:
    """One node in a pass.

    sources: where the values that it reads lie among all values: the data's, then the nodes'.
    learns: whether it, or anything before it, has something to learn; no other node needs a
        backward pass. needs: the same of what it reads.
    read_masks: the places of the values that made the masks that it reads. makes_mask: the place
        of its own value, where it makes one.
    """

    node: Node
    p: Params
    ctx: Context
    sources: tuple[int, ...]
    learns: bool
    needs: tuple[bool, ...]
    read_masks: tuple[int, ...] = ()
    makes_mask: int | None = None

    def forward(self) -> Callable[[Sequence[Array]], tuple[Array, Any]]:
        """Its way forward, given all values; prepared, because a pass is made of short calls."""
        layer, p, ctx, sources = self.node.layer, self.p, self.ctx, self.sources
        if isinstance(layer, Merge):
            merge = layer.forward
            return lambda values: merge([values[source] for source in sources], ctx)
        forward, (source,) = layer.forward, sources
        return lambda values: forward(p, values[source], ctx)

    def forward_with(self, masks: list[Any]) -> Callable[[Sequence[Array]], tuple[Array, Any]]:
        """The same for a node that reads masks or makes one, in the place of its value."""
        layer, ctx, places, own = self.node.layer, self.ctx, self.read_masks, self.makes_mask
        way = self.forward()
        if isinstance(layer, Merge):
            assert own is not None

            def merged(values: Sequence[Array], own: int = own) -> tuple[Array, Any]:
                masks[own] = either([masks[place] for place in places], ctx)
                return way(values)

            return merged

        def masked(values: Sequence[Array]) -> tuple[Array, Any]:
            if places:
                ctx.mask = masks[places[0]]
            y, cache = way(values)
            if own is not None:
                masks[own] = layer.mask(cache, ctx)
            return y, cache

        return masked

    def backward(self, arrived: Sequence[list[Array]]) -> Callable[[Any, Array, Gradients], None]:
        """Its way back, given the cache, dy and where the gradients go; it leaves those of the
        values that it reads in `arrived`, the last one first."""
        layer, p, ctx, needs, sources = self.node.layer, self.p, self.ctx, self.needs, self.sources
        if isinstance(layer, Merge):
            merge = layer.backward

            def merged(cache: Any, dy: Array, gradients: Gradients) -> None:
                dxs = merge(cache, dy, ctx, need_dx=needs)
                for source, need, dx in zip(sources[::-1], needs[::-1], dxs[::-1], strict=True):
                    if need and dx is not None:
                        arrived[source].append(dx)

            return merged
        backward, name, (need,) = layer.backward, self.node.name, needs
        leave, nothing = arrived[sources[0]].append, dict[str, Array]()

        def through(cache: Any, dy: Array, gradients: Gradients) -> None:
            dx = backward(p, gradients.get(name, nothing), cache, dy, ctx, need_dx=need)
            if dx is not None:
                leave(dx)

        return through


class Pass:
    """One worker's way through a model, forward and back.

    The contexts, and with them all scratch memory, belong to this worker for good.
    parameters: views by layer and slot into the flat vector that the optimizer updates.

    A value that several nodes read has a gradient from each; they are added in the order of the
    nodes.
    """

    def __init__(self, model: Model, parameters: Mapping[str, Params], moment: Moment) -> None:
        self.moment = moment
        self._given = len(model.inputs)
        places = {name: place for place, name in enumerate(model.inputs)}
        learning = [False] * self._given
        made: list[int | None] = [None] * self._given  # the place of the value that made its mask
        self._steps: list[_Step] = []
        for node in model.nodes:
            sources = tuple(places[name] for name in node.inputs)
            needs = tuple(learning[source] for source in sources)
            trains = any(slot.kind == "trained" for slot in node.slots().values())
            learning.append(trains or any(needs))
            places[node.name] = len(places)
            p, ctx = parameters.get(node.name, {}), Context(node.name, moment)
            if isinstance(node.layer, BatchLayer) and not node.meets:
                ctx = Context(node.name)  # as where nothing is trained
            read, mask = _masks(node, [made[source] for source in sources], len(made))
            made.append(mask)
            own = mask if mask == len(made) - 1 else None
            self._steps.append(_Step(node, p, ctx, sources, learning[-1], needs, read, own))
        self._values: list[Any] = [None] * len(places)
        self._masks: list[Any] = [None] * len(places)
        self._forward = [
            step.forward_with(self._masks)
            if step.read_masks or step.makes_mask is not None
            else step.forward()
            for step in self._steps
        ]
        self._caches: list[Any] = [None] * len(self._steps)
        self._arrived: list[list[Array]] = [[] for _ in places]
        self._backward = [step.backward(self._arrived) for step in self._steps]
        self._halted: dict[int, Array] = {}  # the gradients of nodes that wait for other shards
        self._learning = [index for index, step in enumerate(self._steps) if step.learns]

    @property
    def nbytes(self) -> int:
        """Bytes of the scratch memory that its layers have allocated so far."""
        return sum(step.ctx.nbytes for step in self._steps)

    def forward(self, *xs: Array) -> Array:
        """The raw outputs for these rows, remembering what backward needs.

        xs: the data's values, in the order of the model's inputs.
        """
        self.begin(*xs)
        return self.advance(0, len(self._steps))

    def begin(self, *xs: Array) -> None:
        """Take the data's values."""
        self._values[: self._given] = xs

    def advance(self, start: int, stop: int) -> Array:
        """Go forward through some of the nodes; returns what the last one gives."""
        values, caches, forward, given = self._values, self._caches, self._forward, self._given
        for index in range(start, stop):
            values[given + index], caches[index] = forward[index](values)
        return values[given + stop - 1]  # type: ignore[no-any-return]

    def backward(self, dy: Array, gradients: Gradients) -> None:
        """Assign every gradient, given the loss's gradient with respect to the outputs."""
        self.turn(dy)
        self.retreat(len(self._steps), 0, gradients)

    def turn(self, dy: Array) -> None:
        """Take the loss's gradient with respect to the outputs."""
        self._arrived[-1].append(dy)

    def retreat(self, stop: int, start: int, gradients: Gradients) -> None:
        """Go back through the nodes start .. stop - 1, last one first."""
        caches, backward, given = self._caches, self._backward, self._given
        for index in reversed(self._learning):
            if start <= index < stop:
                dy = self._take(given + index)
                backward[index](caches[index], dy, gradients)

    def _take(self, place: int) -> Array:
        """The gradient of a value: the sum of what has arrived, which is forgotten."""
        parts = self._arrived[place]
        if len(parts) == 1:
            return parts.pop()
        total = _sum(parts, self._steps[place - self._given].ctx)
        parts.clear()
        return total

    # The four halves of a node that meets the whole batch; see BatchLayer.

    def tally(self, index: int) -> Array:
        """What this shard adds to the way forward of a node."""
        step, layer = self._meeting(index)
        if step.read_masks:
            step.ctx.mask = self._masks[step.read_masks[0]]
        return layer.tally(step.p, self._values[step.sources[0]], step.ctx)

    def meet(self, index: int, total: Array) -> None:
        """Go forward through a node, given the sum of all shards."""
        step, layer = self._meeting(index)
        y, cache = layer.forward_rest(step.p, self._values[step.sources[0]], total, step.ctx)
        self._values[self._given + index], self._caches[index] = y, cache

    def tally_back(self, index: int, gradients: Gradients) -> Array | None:
        """What this shard adds to the way back of a node; None where nothing learns there."""
        step, layer = self._meeting(index)
        if not step.learns:
            return None
        dy = self._halted[index] = self._take(self._given + index)
        g = gradients.get(step.node.name, {})
        return layer.tally_back(step.p, g, self._caches[index], dy, step.ctx)

    def meet_back(self, index: int, total: Array) -> None:
        """Go back through a node, given the sum of all shards."""
        step, layer = self._meeting(index)
        if step.needs[0]:
            dy = self._halted.pop(index)
            dx = layer.backward_rest(step.p, self._caches[index], dy, total, step.ctx)
            self._arrived[step.sources[0]].append(dx)

    def _meeting(self, index: int) -> tuple[_Step, BatchLayer]:
        step = self._steps[index]
        layer = step.node.layer
        assert isinstance(layer, BatchLayer)
        return step, layer

    def outputs(self, *xs: Array) -> list[tuple[str, Array]]:
        """Every layer's output by name, for finding out where something went wrong."""
        self.forward(*xs)
        names = (step.node.name for step in self._steps)
        return list(zip(names, self._values[self._given :], strict=True))


def _masks(node: Node, made: Sequence[int | None], own: int) -> tuple[tuple[int, ...], int | None]:
    """The masks that a node reads, and the one that its value has.

    Both by the place of the value that made them. made: those of its inputs. own: its own place.
    """
    known = tuple(dict.fromkeys(place for place in made if place is not None))
    layer = node.layer
    if isinstance(layer, Merge):
        if not node.masked or len(known) == 1:
            return (), known[0] if node.masked else None
        return known, own
    read = known if layer.reads_mask else ()
    if layer.makes_mask():
        return read, own
    return read, known[0] if node.masked else None


def _sum(parts: Sequence[Array], ctx: Context) -> Array:
    """The sum of gradients that arrived last node first, added first node first."""
    total = ctx.scratch("sum of dy", parts[0].shape, parts[0].dtype)
    np.add(parts[-1], parts[-2], out=total)
    for part in parts[-3::-1]:
        np.add(total, part, out=total)
    return total
