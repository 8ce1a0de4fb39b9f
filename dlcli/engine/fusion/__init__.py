"""Fusion: a plain graph of layers rewritten as a shorter one that does the same faster.

`fuse` is all that others need. A fused layer stands for up to three plain layers, is a Layer
like any other, and takes the place and the name of the one that has parameters, so that
parameters, their initial values and every stream of random numbers stay what they were.

    conv2d [relu] [max_pooling2d]    WinogradConv (winograd_conv.py) or PlanesConv (planes_conv.py)
    depthwise_conv2d [relu]          LinesDepthwise (depthwise.py)
    separable_conv2d [relu]          LinesSeparable (depthwise.py)
    [flatten] dense [relu]           FusedDense (dense.py), also for a dense layer by itself

Read them in this order: dense.py; positions.py, how memory lies; depthwise.py; fused_conv.py and
prepared.py, why calls are prepared; pooling.py, planes_conv.py; winograd.py, the algebra, and
winograd_conv.py. In the last ones, `_plan_...` writes calls down, which `forward` and `backward`
then make.

Only layers of which nobody else reads what is between them become one; so blocks of a graph are
fused as a chain is. What is chosen depends on the layers and the shapes alone, never on the
machine. Plain layers remain what fused ones are tested against.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dlcli.engine.fusion.dense import FusedDense
from dlcli.engine.fusion.depthwise import LinesDepthwise, LinesSeparable
from dlcli.engine.fusion.fused_conv import FusedConv
from dlcli.engine.fusion.planes_conv import PlanesConv
from dlcli.engine.fusion.winograd_conv import WinogradConv
from dlcli.engine.graph import Node, readers
from dlcli.engine.layer import Layer
from dlcli.engine.layers import (
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    MaxPooling2D,
    SeparableConv2D,
)
from dlcli.engine.layers.activations import Linear, Relu

WINOGRAD_FROM = 8
"""From so many channels and filters, Winograd's products are worth their transforms: forward and
backward, 28x28 images with 8 channels and 8 filters take 41 us, by planes 67, by im2col 78."""

PLANES_BELOW = 16
"""With fewer channels than this, planes of pixels are worth their transposition: 28x28 images
with 3 channels and 16 filters take 41 us, by Winograd 57, by im2col 67."""


def fuse(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The graph with fused layers where there is something to fuse, else as it is."""
    fused: list[Node] = []
    called: dict[str, str] = {}  # what the value of a node is called now
    for run in _runs(nodes):
        index = 0
        while index < len(run):
            taken, layer, owner = _fused(run[index:])
            first, last = run[index], run[index + taken - 1]
            inputs = tuple(called.get(name, name) for name in first.inputs)
            if layer is None:
                fused.append(replace(first, inputs=inputs))
            else:
                owning = run[index + owner]
                called[last.name] = owning.name
                node = replace(owning, layer=layer, inputs=inputs, in_shapes=first.in_shapes)
                node = replace(node, out_shape=last.out_shape, masks=first.masks)
                fused.append(replace(node, masked=last.masked))
            index += taken
    return tuple(fused)


def _runs(nodes: Sequence[Node]) -> Iterator[Sequence[Node]]:
    """The nodes cut into chains: each but the first is all that reads the one before it."""
    read = readers(nodes)
    start = 0
    for stop in range(1, len(nodes) + 1):
        before = nodes[stop - 1].name
        if stop == len(nodes) or read[before] != [stop] or nodes[stop].inputs != (before,):
            yield nodes[start:stop]
            start = stop


def _fused(nodes: Sequence[Node]) -> tuple[int, Layer | None, int]:
    """How many nodes at the start become one layer, that layer, and which node gives its name.

    The layer is None where a single node stays as it is.
    """
    head = nodes[0].layer
    if isinstance(head, Conv2D):
        count, relu, pool = _followers(nodes, pools=True)
        layer = _convolution(head, relu, pool, nodes[0])
        return (count, layer, 0) if layer is not None else (1, None, 0)
    if isinstance(head, DepthwiseConv2D | SeparableConv2D):
        if head.depth_multiplier > 1:
            return 1, None, 0
        count, relu, _ = _followers(nodes, pools=False)
        if isinstance(head, DepthwiseConv2D):
            return count, LinesDepthwise(head, relu), 0
        return count, LinesSeparable(head, relu), 0
    at = 1 if isinstance(head, Flatten) and len(nodes) > 1 else 0
    dense = nodes[at].layer
    if isinstance(dense, Dense):
        count, relu, _ = _followers(nodes[at:], pools=False)
        flatten = head if isinstance(head, Flatten) else None
        return at + count, FusedDense(dense, flatten, relu), at
    return 1, None, 0


def _followers(
    nodes: Sequence[Node], *, pools: bool
) -> tuple[int, Relu | None, MaxPooling2D | None]:
    """The relu and the 2x2 pool behind the first node, in any order: they commute."""
    relu, pool = None, None
    count = 1
    for node in nodes[1:]:
        layer = node.layer
        if isinstance(layer, Relu) and relu is None:
            relu = layer
        elif isinstance(layer, MaxPooling2D) and pools and pool is None and _in_quarters(node):
            pool = layer
        elif not isinstance(layer, Linear):
            break
        count += 1
    return count, relu, pool


def _in_quarters(node: Node) -> bool:
    """Whether this pool takes the maxima of 2x2 windows that tile the image."""
    layer = node.layer
    assert isinstance(layer, MaxPooling2D)
    windows = layer.windows(*node.in_shape[:2])
    return (
        layer.pool_size == (2, 2)
        and layer.strides in (None, (2, 2))
        and windows.before == windows.after == (0, 0)
    )


def _convolution(
    conv: Conv2D, relu: Relu | None, pool: MaxPooling2D | None, node: Node
) -> FusedConv | None:
    """The fastest way to do this convolution and its followers, if it is not the plain one."""
    if conv.strides != (1, 1) or conv.dilation_rate != (1, 1) or conv.groups != 1:
        return None
    channels = node.in_shape[2]
    if conv.kernel_size == (3, 3) and min(channels, conv.filters) >= WINOGRAD_FROM:
        return WinogradConv(conv, relu, pool)
    if channels < PLANES_BELOW and (relu is not None or pool is not None):
        return PlanesConv(conv, relu, pool)
    return None


__all__ = [
    "FusedDense",
    "LinesDepthwise",
    "LinesSeparable",
    "PlanesConv",
    "WinogradConv",
    "fuse",
]
