"""Which of the fast convolutions stands for a plain one and its followers."""

from collections.abc import Sequence

from dlcli.engine.fusion.following import ALONE, Fused, followers
from dlcli.engine.fusion.planes_conv import PlanesConv
from dlcli.engine.fusion.winograd_conv import WinogradConv
from dlcli.engine.graph import Node
from dlcli.engine.layers.conv2d import Conv2D
from dlcli.engine.layers.pool2d import MaxPooling2D

WINOGRAD_FROM = 8
"""From so many channels and filters, Winograd's products are worth their transforms: forward and
backward, 28x28 images with 8 channels and 8 filters take 41 us, by planes 67, by im2col 78."""

PLANES_BELOW = 16
"""With fewer channels than this, planes of pixels are worth their transposition: 28x28 images
with 3 channels and 16 filters take 41 us, by Winograd 57, by im2col 67."""


def convolution(nodes: Sequence[Node]) -> Fused:
    """conv2d [relu] [max_pooling2d]: the fastest way to do it, if that is not the plain one."""
    conv = nodes[0].layer
    assert isinstance(conv, Conv2D)
    count, relu, pool = followers(nodes, _in_quarters)
    assert pool is None or isinstance(pool, MaxPooling2D)
    if conv.strides != (1, 1) or conv.dilation_rate != (1, 1) or conv.groups != 1:
        return ALONE
    channels = nodes[0].in_shape[2]
    if conv.kernel_size == (3, 3) and min(channels, conv.filters) >= WINOGRAD_FROM:
        return count, WinogradConv(conv, relu, pool), 0
    if channels < PLANES_BELOW and (relu is not None or pool is not None):
        return count, PlanesConv(conv, relu, pool), 0
    return ALONE


def _in_quarters(node: Node) -> bool:
    """Whether this takes the maxima of 2x2 windows that tile the image."""
    layer = node.layer
    if not isinstance(layer, MaxPooling2D):
        return False
    windows = layer.windows(*node.in_shape[:2])
    return (
        layer.pool_size == (2, 2)
        and layer.strides in (None, (2, 2))
        and windows.before == windows.after == (0, 0)
    )
