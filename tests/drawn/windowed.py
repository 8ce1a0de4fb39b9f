"""Layers whose windows slide over images, or over the steps of a row."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dlcli.engine.layers.windows import slide
from tests.drawn.chain import Chain, activation
from tests.drawn.data import Shape
from tests.drawn.options import sizes

Pair = tuple[int, int]


def conv2d(chain: Chain) -> None:
    """Images by any convolution."""
    channels = chain.shape[2]
    given, size, out = _sliding(chain, 4)
    groups, filters = _groups(chain, channels)
    given |= {"filters": filters, **activation(chain, filters, {}), **groups}
    kernel = (*_pair(size), channels // groups.get("groups", 1), filters)
    arrays = {"kernel": kernel, "bias": (filters,)}
    chain.add("conv2d", given, (*out, filters), ("activation", "groups", *SLIDING), arrays)


def conv1d(chain: Chain) -> None:
    """Steps by any convolution."""
    dice, (steps, features) = chain.dice, chain.shape
    groups, filters = _groups(chain, features)
    size = dice.whole(1, min(steps, 4))
    given: dict[str, Any] = {"filters": filters, "kernel_size": size, **groups}
    given |= activation(chain, filters, {})
    if dice.chance(0.3):
        given["strides"] = dice.whole(1, 3)
    if dice.chance(0.3):
        given["dilation_rate"] = dice.whole(1, 2)
    if dice.chance(0.5):
        given["padding"] = dice.choice(["same", "valid", "causal"])
    if _places(steps, size, given) < 1:
        given["padding"] = dice.choice(["same", "causal"])
    arrays = {"kernel": (size, features // groups.get("groups", 1), filters), "bias": (filters,)}
    shape = (_places(steps, size, given), filters)
    chain.add("conv1d", given, shape, ("activation", "groups", *SLIDING), arrays)


def depthwise(chain: Chain) -> None:
    """Images, each channel by itself."""
    given, size, out = _sliding(chain, 4)
    many = _multiplier(chain, given)
    channels = chain.shape[2]
    given |= activation(chain, channels * many, {})
    arrays = {"kernel": (*_pair(size), channels, many), "bias": (channels * many,)}
    shape = (*out, channels * many)
    skip = ("activation", "depth_multiplier", *SLIDING)
    chain.add("depthwise_conv2d", given, shape, skip, arrays)


def separable(chain: Chain) -> None:
    """Images, in two steps."""
    given, size, out = _sliding(chain, 4)
    many, filters = _multiplier(chain, given), chain.dice.whole(1, 6)
    given |= {"filters": filters, **activation(chain, filters, {})}
    deep = chain.shape[2] * many
    arrays = {
        "depthwise_kernel": (*_pair(size), chain.shape[2], many),
        "pointwise_kernel": (1, 1, deep, filters),
        "bias": (filters,),
    }
    skip = ("activation", "depth_multiplier", *SLIDING)
    chain.add("separable_conv2d", given, (*out, filters), skip, arrays)


def transpose(chain: Chain) -> None:
    """Small images become larger."""
    dice, (height, width, channels) = chain.dice, chain.shape
    filters, size = dice.whole(1, 4), sizes(dice, 3, 3)
    given: dict[str, Any] = {"filters": filters, "kernel_size": size}
    given |= activation(chain, filters, {})
    strides, dilation, more = (1, 1), (1, 1), None
    if dice.chance(0.6):
        given["strides"] = sizes(dice, 2, 2)
        strides = _pair(given["strides"])
    if dice.chance(0.3):
        given["dilation_rate"] = sizes(dice, 2, 2)
        dilation = _pair(given["dilation_rate"])
    same = dice.chance(0.5)
    if same or dice.chance(0.4):
        given["padding"] = "same" if same else "valid"
    odd = all(length % 2 for length in _pair(size))
    if dice.chance(0.3) and (odd or not same):
        each = [dice.whole(0, stride - 1) for stride in strides]
        given["output_padding"] = dice.choice([None, each, min(each)])
        more = given["output_padding"]
    out = []
    for axis, n in enumerate((height, width)):
        k, s = (_pair(size)[axis] - 1) * dilation[axis] + 1, strides[axis]
        if more is not None:
            cut = 2 * (k // 2) if same else 0
            out.append((n - 1) * s + k - cut + _pair(more)[axis])
        else:
            out.append(n * s + (0 if same else max(k - s, 0)))
    arrays = {"kernel": (*_pair(size), filters, channels), "bias": (filters,)}
    skip = ("activation", "output_padding", *SLIDING)
    chain.add("conv2d_transpose", given, (*out, filters), skip, arrays)


def pooling(word: str) -> Callable[[Chain], None]:
    """Windows of images."""

    def pool(chain: Chain) -> None:
        dice = chain.dice
        height, width, channels = chain.shape
        size = sizes(dice, min(height, 3), min(width, 3))
        given: dict[str, Any] = {"pool_size": size}
        if min(height, width) > 1 and dice.chance(0.4):
            given, size = {}, 2
        if dice.chance(0.4):
            given["strides"] = dice.choice([None, sizes(dice, 2, 3)])
        if dice.chance(0.4):
            given["padding"] = dice.choice(["same", "valid"])
        strides = given.get("strides") or size
        out = _windows(chain.shape, size, given | {"strides": strides})
        chain.add(word, given, (*out, channels), ("pool_size", "strides", "padding"))

    return pool


def pooling1d(word: str) -> Callable[[Chain], None]:
    """Windows of steps."""

    def pool(chain: Chain) -> None:
        dice, (steps, features) = chain.dice, chain.shape
        size = dice.whole(1, min(steps, 3))
        given: dict[str, Any] = {"pool_size": size}
        if steps > 1 and dice.chance(0.4):
            given, size = {}, 2
        if dice.chance(0.4):
            given["strides"] = dice.choice([None, dice.whole(1, 3)])
        if dice.chance(0.4):
            given["padding"] = dice.choice(["same", "valid"])
        strides = given.get("strides") or size
        shape = (_places(steps, size, given | {"strides": strides}), features)
        chain.add(word, given, shape, ("pool_size", "strides", "padding"))

    return pool


def zero_padding(chain: Chain) -> None:
    """A few lines around each image."""
    dice, (height, width, channels) = chain.dice, chain.shape
    lines = [[dice.whole(0, 2), dice.whole(0, 2)] for _ in range(2)]
    written: Any = lines
    if dice.chance(0.5):
        written = dice.choice([0, 1, [1, 0], [2, 1]])
        pair = [written] * 2 if isinstance(written, int) else written
        lines = [[one, one] for one in pair]
    given = {"padding": written}
    if dice.chance(0.2):
        given, lines = {}, [[1, 1], [1, 1]]
    shape = (height + sum(lines[0]), width + sum(lines[1]), channels)
    chain.add("zero_padding2d", given, shape, ("padding",))


def up_sampling(chain: Chain) -> None:
    """Small images become larger."""
    dice, (height, width, channels) = chain.dice, chain.shape
    given: dict[str, Any] = {"size": sizes(dice, 2, 3)} if dice.chance(0.6) else {}
    down, across = _pair(given.get("size", 2))
    chain.add("up_sampling2d", given, (height * down, width * across, channels), ("size",))


SLIDING = ("strides", "padding", "dilation_rate")
"""The options that `_sliding` draws."""


def _sliding(chain: Chain, most: int) -> tuple[dict[str, Any], Any, Pair]:
    """How a kernel slides over images, its size, and how many places there are."""
    dice, (height, width, _) = chain.dice, chain.shape
    size = sizes(dice, min(height, most), min(width, most))
    given: dict[str, Any] = {"kernel_size": size}
    if dice.chance(0.3):
        given["strides"] = sizes(dice, 2, 3)
    if dice.chance(0.3):
        given["dilation_rate"] = sizes(dice, 2, 2)
    if dice.chance(0.4):
        given["padding"] = dice.choice(["same", "valid"])
    out = _windows(chain.shape, size, given)
    if min(out) < 1:
        given["padding"] = "same"
        out = _windows(chain.shape, size, given)
    return given, size, out


def _groups(chain: Chain, channels: int) -> tuple[dict[str, int], int]:
    """The option `groups`, perhaps, and a number of filters for it."""
    if not chain.dice.chance(0.3):
        return {}, chain.dice.whole(1, 6)
    fitting = [count for count in range(1, channels + 1) if channels % count == 0]
    groups = chain.dice.choice(fitting)
    return {"groups": groups}, groups * chain.dice.whole(1, 3)


def _multiplier(chain: Chain, given: dict[str, Any]) -> int:
    if chain.dice.chance(0.4):
        given["depth_multiplier"] = chain.dice.whole(1, 3)
    return int(given.get("depth_multiplier", 1))


def _windows(shape: Shape, size: Any, given: Mapping[str, Any]) -> Pair:
    return slide(
        (shape[0], shape[1]),
        _pair(size),
        _pair(given.get("strides", 1)),
        _pair(given.get("dilation_rate", 1)),
        given.get("padding", "valid"),
    ).out


def _places(steps: int, size: int, given: Mapping[str, Any]) -> int:
    strides, dilation = given.get("strides", 1), given.get("dilation_rate", 1)
    padding = given.get("padding", "valid")
    return slide((1, steps), (1, size), (1, strides), (1, dilation), padding).out[1]


def _pair(size: Any) -> Pair:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def is_image(shape: Shape) -> bool:
    return len(shape) == 3


def is_small(shape: Shape) -> bool:
    """An image that may become larger."""
    return len(shape) == 3 and int(np.prod(shape)) <= 150


def is_steps(shape: Shape) -> bool:
    return len(shape) == 2


WINDOWED: dict[str, tuple[Callable[[Chain], None], Callable[[Shape], bool]]] = {
    # How it is added, and to which rows.
    "conv2d": (conv2d, is_image),
    "conv1d": (conv1d, is_steps),
    "depthwise_conv2d": (depthwise, is_image),
    "separable_conv2d": (separable, is_image),
    "conv2d_transpose": (transpose, is_small),
    "max_pooling2d": (pooling("max_pooling2d"), is_image),
    "average_pooling2d": (pooling("average_pooling2d"), is_image),
    "max_pooling1d": (pooling1d("max_pooling1d"), is_steps),
    "average_pooling1d": (pooling1d("average_pooling1d"), is_steps),
    "zero_padding2d": (zero_padding, is_small),
    "up_sampling2d": (up_sampling, is_small),
}
