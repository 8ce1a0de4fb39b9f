"""Layers of Keras that slide over images and steps: convolutions and pooling.

Keras has no strides together with dilation, so a kernel is written out with zeros between its taps;
it has one stride for both axes of a depthwise convolution, so places are left out behind it; and
what its backends do differently (averages over padded places, the cut of a transposed convolution)
is said with layers that they all have alike.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dlcli.deploy.keras import helpers
from dlcli.deploy.keras.parts import Params, Part, Piece, layer_of
from dlcli.deploy.sources.writing import literal, unusual
from dlcli.engine.graph import Node
from dlcli.engine.layer import Array
from dlcli.engine.layers import (
    AveragePooling1D,
    AveragePooling2D,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    SeparableConv2D,
)


def _spread(kernel: Array, dilation: Sequence[int]) -> Array:
    """A kernel (places ..., a, b) with zeros between its taps."""
    if all(one == 1 for one in dilation):
        return kernel
    places = kernel.shape[: len(dilation)]
    lengths = [(n - 1) * d + 1 for n, d in zip(places, dilation, strict=True)]
    spread = np.zeros((*lengths, *kernel.shape[len(dilation) :]), kernel.dtype)
    spread[tuple(slice(None, None, d) for d in dilation)] = kernel
    return spread


def _strides_and_taps(
    kernel: Array, strides: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[Array, dict[str, Any]]:
    """The kernel, and the options of strides and dilation, of which Keras takes one only."""
    ones = (1,) * len(strides)
    if strides != ones and dilation != ones:
        kernel, dilation = _spread(kernel, dilation), ones
    return kernel, unusual(strides=(strides, ones), dilation_rate=(dilation, ones))


def conv2d(layer: Conv2D, node: Node, p: Params) -> Part:
    kernel, options = _strides_and_taps(p["kernel"], layer.strides, layer.dilation_rate)
    return layer_of(
        "Conv2D",
        layer.filters,
        kernel.shape[:2],
        arrays={**p, "kernel": kernel},
        **options,
        **unusual(
            padding=(layer.padding, "valid"),
            groups=(layer.groups, 1),
            use_bias=(layer.use_bias, True),
        ),
    )


def conv1d(layer: Conv1D, node: Node, p: Params) -> Part:
    strides, dilation = (layer.strides,), (layer.dilation_rate,)
    kernel, options = _strides_and_taps(p["kernel"], strides, dilation)
    return layer_of(
        "Conv1D",
        layer.filters,
        kernel.shape[0],
        arrays={**p, "kernel": kernel},
        **{name: value[0] for name, value in options.items()},
        **unusual(
            padding=(layer.padding, "valid"),
            groups=(layer.groups, 1),
            use_bias=(layer.use_bias, True),
        ),
    )


def _depthwise_pieces(
    layer: DepthwiseConv2D, node: Node, p: Params, ending: str = ""
) -> tuple[Piece, ...]:
    strides = layer.strides
    apart = strides[0] != strides[1]
    if apart:
        kernel, options = _strides_and_taps(p["kernel"], (1, 1), layer.dilation_rate)
    else:
        kernel, options = _strides_and_taps(p["kernel"], strides, layer.dilation_rate)
    padding = "valid" if apart else layer.padding
    made = Piece(
        "DepthwiseConv2D",
        (str(kernel.shape[:2]),),
        {
            **options,
            **unusual(
                padding=(padding, "valid"),
                depth_multiplier=(layer.depth_multiplier, 1),
                use_bias=(layer.use_bias, True),
            ),
        },
        {**p, "kernel": kernel},
        ending,
    )
    if not apart:
        return (made,)
    windows = layer.windows(*node.in_shape[:2])
    pads = _sides(windows.before, windows.after)
    return (
        *_padding("ZeroPadding2D", pads, f"{ending}_padding"),
        made,
        Piece("MaxPooling2D", ("(1, 1)",), {"strides": strides}, {}, f"{ending}_strides"),
    )


def _sides(before: Sequence[int], after: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return tuple(zip(before, after, strict=True))


def _padding(kind: str, pads: Any, ending: str) -> tuple[Piece, ...]:
    nothing = not any(np.ravel(pads))
    return () if nothing else (Piece(kind, (str(pads),), {}, {}, ending),)


def depthwise(layer: DepthwiseConv2D, node: Node, p: Params) -> Part:
    return Part(_depthwise_pieces(layer, node, p))


def separable(layer: SeparableConv2D, node: Node, p: Params) -> Part:
    ones = (1, 1)
    if layer.strides[0] == layer.strides[1] and ones in (layer.strides, layer.dilation_rate):
        return layer_of(
            "SeparableConv2D",
            layer.filters,
            layer.kernel_size,
            arrays=p,
            **unusual(
                strides=(layer.strides, ones),
                padding=(layer.padding, "valid"),
                dilation_rate=(layer.dilation_rate, ones),
                depth_multiplier=(layer.depth_multiplier, 1),
                use_bias=(layer.use_bias, True),
            ),
        )
    deep = {"kernel": p["depthwise_kernel"]}
    bias = {"bias": p["bias"]} if layer.use_bias else {}
    last = Piece(
        "Conv2D",
        (str(layer.filters), "1"),
        unusual(use_bias=(layer.use_bias, True)),
        {"kernel": p["pointwise_kernel"], **bias},
        "_pointwise",
    )
    return Part((*_depthwise_pieces(layer.depthwise, node, deep, "_depthwise"), last))


def transposed(layer: Conv2DTranspose, node: Node, p: Params) -> Part:
    """All that the kernel reaches, of which the wanted image is cut out."""
    height, width = node.in_shape[:2]
    windows, out = layer.windows(height, width), node.out_shape
    kernel = np.ascontiguousarray(_spread(p["kernel"], layer.dilation_rate))
    sizes = list(zip((height, width), layer.strides, kernel.shape[:2], strict=True))
    wanted = [before + length for before, length in zip(windows.before, out[:2], strict=True)]
    whole = [(n - 1) * s + max(k, s) for n, s, k in sizes]
    more = None
    if any(a < b for a, b in zip(whole, wanted, strict=True)):
        bare = [(n - 1) * s + k for n, s, k in sizes]
        more = tuple(max(b - a, 0) for a, b in zip(bare, wanted, strict=True))
        whole = [a + b for a, b in zip(bare, more, strict=True)]
    made = Piece(
        "Conv2DTranspose",
        (str(layer.filters), str(kernel.shape[:2])),
        unusual(
            strides=(layer.strides, (1, 1)),
            output_padding=(more, None),
            use_bias=(layer.use_bias, True),
        ),
        {**p, "kernel": kernel},
    )
    after = [a - b for a, b in zip(whole, wanted, strict=True)]
    return Part((made, *_padding("Cropping2D", _sides(windows.before, after), "_cut")))


def max_pooling(kind: str) -> Callable[[Any, Node, Params], Part]:
    def part(layer: Any, node: Node, p: Params) -> Part:
        options = unusual(strides=(layer.strides, None), padding=(layer.padding, "valid"))
        return layer_of(kind, layer.pool_size, **options)

    return part


def average_pooling(layer: AveragePooling2D, node: Node, p: Params) -> Part:
    windows = layer.windows(*node.in_shape[:2])
    return _average_pool("2D", layer, _sides(windows.before, windows.after))


def average_pooling1d(layer: AveragePooling1D, node: Node, p: Params) -> Part:
    windows = layer.over_images.windows(1, node.in_shape[0])
    return _average_pool("1D", layer, (windows.before[1], windows.after[1]))


def _average_pool(kind: str, layer: Any, pads: Any) -> Part:
    options = unusual(strides=(layer.strides, None))
    pool = Piece(f"AveragePooling{kind}", (literal(layer.pool_size),), options)
    pad = _padding(f"ZeroPadding{kind}", pads, "_padding")
    if not pad:
        return Part((pool,))
    return Part(
        (*pad, pool),
        lambda x, made, mask: f"average_pool({x}, {made[0]}, {made[1]})",
        helpers=(helpers.AVERAGE_POOL,),
    )
