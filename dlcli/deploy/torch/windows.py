"""Layers of PyTorch that slide over images and steps: convolutions, pooling, other sizes.

Channels come before the places. Kernels are turned:

    convolution          (height, width, in, out)      becomes  (out, in, height, width)
    depthwise            (height, width, in, m)                 (in m, 1, height, width)
    transposed           (height, width, out, in)               (in, out, height, width)

Padding is worked out here, as numbers: the rows' shape is known. Where it is the same on both sides
it is an option of the layer, else F.pad comes before.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dlcli.deploy.sources.writing import call, unusual
from dlcli.deploy.torch import helpers
from dlcli.deploy.torch.parts import Params, Part, bias_of, module, plain
from dlcli.engine.graph import Node
from dlcli.engine.layer import Array, Shape
from dlcli.engine.layers import (
    AveragePooling1D,
    AveragePooling2D,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    MaxPooling1D,
    MaxPooling2D,
    SeparableConv2D,
    UpSampling2D,
    ZeroPadding2D,
)


def _pads(before: Sequence[int], after: Sequence[int]) -> str:
    """What F.pad takes: the last axis first."""
    pairs = reversed(list(zip(before, after, strict=True)))
    return str(tuple(number for pair in pairs for number in pair))


def _padding(before: Sequence[int], after: Sequence[int]) -> tuple[Any, str]:
    """The option `padding` of a module, and what comes before by F.pad."""
    if tuple(before) == tuple(after):
        return tuple(before), ""
    return (0,) * len(before), _pads(before, after)


def _convolution(
    kind: str,
    channels: tuple[int, int],
    size: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: Any,
    groups: int,
    bias: bool,
) -> str:
    ones = (1,) * len(size)
    return call(
        kind,
        [*map(str, channels), str(size)],
        **unusual(
            stride=(strides, ones),
            padding=(padding, (0,) * len(size)),
            dilation=(dilation, ones),
            groups=(groups, 1),
            bias=(bias, True),
        ),
    )


def _turned(kernel: Array) -> Array:
    """(height, width, a, b) as (b, a, height, width); of steps likewise."""
    return np.moveaxis(kernel, (-1, -2), (0, 1))


def conv2d(layer: Conv2D, node: Node, p: Params) -> Part:
    windows = layer.windows(*node.in_shape[:2])
    padding, pads = _padding(windows.before, windows.after)
    made = _convolution(
        "nn.Conv2d",
        (node.in_shape[2], layer.filters),
        layer.kernel_size,
        layer.strides,
        layer.dilation_rate,
        padding,
        layer.groups,
        layer.use_bias,
    )
    return module(made, {"weight": _turned(p["kernel"]), **bias_of(p)}, "first", pads)


def conv1d(layer: Conv1D, node: Node, p: Params) -> Part:
    windows = layer.over_images.windows(1, node.in_shape[0])
    padding, pads = _padding(windows.before[1:], windows.after[1:])
    made = _convolution(
        "nn.Conv1d",
        (node.in_shape[1], layer.filters),
        (layer.kernel_size,),
        (layer.strides,),
        (layer.dilation_rate,),
        padding,
        layer.groups,
        layer.use_bias,
    )
    return module(made, {"weight": _turned(p["kernel"]), **bias_of(p)}, "first", pads)


def _deep(kernel: Array) -> Array:
    height, width, channels, many = kernel.shape
    return kernel.transpose(2, 3, 0, 1).reshape(channels * many, 1, height, width)


def _depthwise_module(layer: DepthwiseConv2D, shape: Shape) -> tuple[str, str]:
    """The module, and what its input is padded by."""
    windows = layer.windows(*shape[:2])
    padding, pads = _padding(windows.before, windows.after)
    made = _convolution(
        "nn.Conv2d",
        (shape[2], shape[2] * layer.depth_multiplier),
        layer.kernel_size,
        layer.strides,
        layer.dilation_rate,
        padding,
        shape[2],
        layer.use_bias,
    )
    return made, pads


def depthwise(layer: DepthwiseConv2D, node: Node, p: Params) -> Part:
    made, pads = _depthwise_module(layer, node.in_shape)
    return module(made, {"weight": _deep(p["kernel"]), **bias_of(p)}, "first", pads)


def separable(layer: SeparableConv2D, node: Node, p: Params) -> Part:
    made, pads = _depthwise_module(layer.depthwise, node.in_shape)
    between = node.in_shape[2] * layer.depth_multiplier
    bias = unusual(bias=(layer.use_bias, True))
    pointwise = call("nn.Conv2d", [str(between), str(layer.filters), "1"], **bias)

    def value(x: str, me: str, mask: str | None) -> str:
        x = f"F.pad({x}, {pads})" if pads else x
        return f"{me}_pointwise({me}_depthwise({x}))"

    return Part(
        value,
        {"_depthwise": made, "_pointwise": pointwise},
        {
            "_depthwise.weight": _deep(p["depthwise_kernel"]),
            "_pointwise.weight": _turned(p["pointwise_kernel"]),
            **bias_of(p, "_pointwise.bias"),
        },
        "first",
        "first",
    )


def transposed(layer: Conv2DTranspose, node: Node, p: Params) -> Part:
    """All that the kernel reaches, maybe with lines more, of which the wanted image is cut out."""
    height, width = node.in_shape[:2]
    windows, out = layer.windows(height, width), node.out_shape
    more, after = [], []
    for axis, n in enumerate((height, width)):
        covered = (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis] + 1
        whole = (n - 1) * layer.strides[axis] + covered
        wanted = windows.before[axis] + out[axis]
        more.append(max(wanted - whole, 0))
        after.append(max(whole - wanted, 0))
    padding, pads = (0, 0), ""
    if tuple(after) == windows.before:
        padding = windows.before
    else:
        pads = _pads([-cut for cut in windows.before], [-cut for cut in after])
    made = call(
        "nn.ConvTranspose2d",
        [str(node.in_shape[2]), str(layer.filters), str(layer.kernel_size)],
        **unusual(
            stride=(layer.strides, (1, 1)),
            padding=(padding, (0, 0)),
            output_padding=(tuple(more), (0, 0)),
            dilation=(layer.dilation_rate, (1, 1)),
            bias=(layer.use_bias, True),
        ),
    )

    def value(x: str, me: str, mask: str | None) -> str:
        return f"F.pad({me}({x}), {pads})" if pads else f"{me}({x})"

    arrays = {"weight": _turned(p["kernel"]), **bias_of(p)}
    return Part(value, {"": made}, arrays, "first", "first")


def max_pooling(layer: MaxPooling2D, node: Node, p: Params) -> Part:
    windows = layer.windows(*node.in_shape[:2])
    strides = layer.pool_size if layer.strides is None else layer.strides
    return _max_pool("nn.MaxPool2d", layer.pool_size, strides, windows.before, windows.after)


def max_pooling1d(layer: MaxPooling1D, node: Node, p: Params) -> Part:
    windows = layer.over_images.windows(1, node.in_shape[0])
    strides = layer.pool_size if layer.strides is None else layer.strides
    before, after = windows.before[1:], windows.after[1:]
    return _max_pool("nn.MaxPool1d", (layer.pool_size,), (strides,), before, after)


def _max_pool(
    kind: str,
    size: tuple[int, ...],
    strides: tuple[int, ...],
    before: Sequence[int],
    after: Sequence[int],
) -> Part:
    padding, pads = _padding(before, after)
    options = unusual(stride=(strides, size), padding=(padding, (0,) * len(size)))
    pads = f"{pads}, value=-torch.inf" if pads else ""
    return module(call(kind, [str(size)], **options), {}, "first", pads)


def average_pooling(layer: AveragePooling2D, node: Node, p: Params) -> Part:
    windows = layer.windows(*node.in_shape[:2])
    strides = layer.pool_size if layer.strides is None else layer.strides
    return _average_pool("2d", layer.pool_size, strides, windows.before, windows.after)


def average_pooling1d(layer: AveragePooling1D, node: Node, p: Params) -> Part:
    windows = layer.over_images.windows(1, node.in_shape[0])
    strides = layer.pool_size if layer.strides is None else layer.strides
    before, after = windows.before[1:], windows.after[1:]
    return _average_pool("1d", (layer.pool_size,), (strides,), before, after)


def _average_pool(
    kind: str,
    size: tuple[int, ...],
    strides: tuple[int, ...],
    before: Sequence[int],
    after: Sequence[int],
) -> Part:
    """Padded places never count: where there are some, the sum is divided by the others."""
    options = unusual(stride=(strides, size))
    made = call(f"nn.AvgPool{kind}", [str(size)], **options)
    if not any((*before, *after)):
        return module(made, {}, "first")
    pads = _pads(before, after)

    def value(x: str, me: str, mask: str | None) -> str:
        return f"average_pool({x}, {me}, {pads})"

    return Part(value, {"": made}, {}, "first", "first", helpers=(helpers.AVERAGE_POOL,))


def global_pooling2d(word: str) -> Callable[[Any, Node, Params], Part]:
    def part(layer: Any, node: Node, p: Params) -> Part:
        keep = ", keepdim=True" if layer.keepdims else ""
        return plain(f"{{x}}.{word}(dim=(2, 3){keep})", "first")

    return part


def up_sampling(layer: UpSampling2D, node: Node, p: Params) -> Part:
    made = call("nn.Upsample", scale_factor=layer.size, mode=layer.interpolation)
    return module(made, {}, "first")


def zero_padding(layer: ZeroPadding2D, node: Node, p: Params) -> Part:
    (top, bottom), (left, right) = layer.padding
    return plain(f"F.pad({{x}}, {(left, right, top, bottom)})", "first")
