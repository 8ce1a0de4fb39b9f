"""Fusion: a plain graph of layers rewritten as a shorter one that does the same faster.

`fuse` is all that others need. A fused layer stands for up to three plain layers, is a Layer
like any other, and takes the place and the name of the one that has parameters, so that
parameters, their initial values and every stream of random numbers stay what they were.

    conv2d [relu] [max_pooling2d]    WinogradConv (winograd_conv.py) or PlanesConv (planes_conv.py)
    depthwise_conv2d [relu]          LinesDepthwise (depthwise.py)
    separable_conv2d [relu]          LinesSeparable (depthwise.py)
    [flatten] dense [relu]           FusedDense (dense.py), also for a dense layer by itself

Each row of FUSERS is a function that fuses the beginning of a chain (following.py).

Read them in this order: dense.py; positions.py, how memory lies; depthwise.py; fused_conv.py and
prepared.py, why calls are prepared; pooling.py, planes_conv.py; winograd.py, the algebra, and
winograd_conv.py; convolutions.py. In the two before the last, `_plan_...` writes calls down, which
`forward` and `backward` then make.

Only layers of which nobody else reads what is between them become one; so blocks of a graph are
fused as a chain is. What is chosen depends on the layers and the shapes alone, never on the
machine. Plain layers remain what fused ones are tested against.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dlcli.engine.fusion.convolutions import convolution
from dlcli.engine.fusion.dense import FusedDense, dense
from dlcli.engine.fusion.depthwise import LinesDepthwise, LinesSeparable, lines
from dlcli.engine.fusion.following import ALONE, Fused, Fuser
from dlcli.engine.fusion.planes_conv import PlanesConv
from dlcli.engine.fusion.winograd_conv import WinogradConv
from dlcli.engine.graph import Node, readers
from dlcli.engine.layer import Layer
from dlcli.engine.layers import LAYERS

FUSERS: dict[str, Fuser] = {
    "conv2d": convolution,
    "dense": dense,
    "depthwise_conv2d": lines,
    "flatten": dense,
    "separable_conv2d": lines,
}
"""By the word of the layer that a chain begins with."""

_BY_CLASS = {LAYERS[word]: fuser for word, fuser in FUSERS.items()}


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


def _fused(nodes: Sequence[Node]) -> Fused:
    head = nodes[0].layer
    fuser = _BY_CLASS.get(type(head)) if isinstance(head, Layer) else None
    return ALONE if fuser is None else fuser(nodes)


__all__ = [
    "FusedDense",
    "LinesDepthwise",
    "LinesSeparable",
    "PlanesConv",
    "WinogradConv",
    "fuse",
]
