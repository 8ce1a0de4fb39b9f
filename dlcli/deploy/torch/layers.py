"""How each layer is written in PyTorch: the table LAYERS, and MERGES.

PyTorch has channels before the places of an image or of steps ("first"); dlcli has them behind
("last"). Each layer says which it takes and gives, and network.py turns values where it must.
Kernels are turned, too:

    dense                (in, out)                      becomes  (out, in)
    convolution          (height, width, in, out)                (out, in, height, width)
    depthwise            (height, width, in, m)                  (in m, 1, height, width)
    transposed           (height, width, out, in)                (in, out, height, width)

Padding is worked out here, as numbers: the rows' shape is known. Where it is the same on both sides
it is an option of the layer, else F.pad comes before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

import numpy as np

from dlcli.deploy.sources.writing import call, literal
from dlcli.deploy.torch import helpers
from dlcli.engine.graph import Node
from dlcli.engine.layer import Array, Layer, Merge, Shape
from dlcli.engine.layers import (
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    ColumnEmbeddings,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GroupNormalization,
    LayerNormalization,
    Masking,
    MaxPooling1D,
    MaxPooling2D,
    Reshape,
    SeparableConv2D,
    UpSampling2D,
    ZeroPadding2D,
)
from dlcli.engine.layers.activations import (
    Elu,
    LeakyRelu,
    Linear,
    Relu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)
from dlcli.engine.layers.gelu import Gelu
from dlcli.engine.merges import Add, Average, Concatenate, Dot, Maximum, Multiply, Subtract
from dlcli.frozen import frozen

Order = Literal["first", "last", "any"]
Params = Mapping[str, Array]


@frozen
class Part:
    """A layer as source.

    value: its value, given the expression of its input, its own name in the model, and the name of
        the mask of its input.
    modules: what the model holds for it, by what stands behind its name.
    arrays: their state, by the same and the name of the array.
    takes, gives: the order of channels; "any": as it comes, "any": as it came.
    mask: the mask that it makes, of the expression of its input.
    helpers: classes and functions that it needs.
    """

    value: Callable[[str, str, str | None], str]
    modules: Mapping[str, str] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    takes: Order = "last"
    gives: Order = "last"
    mask: Callable[[str], str] | None = None
    helpers: tuple[str, ...] = ()


def _module(made: str, arrays: Params, takes: Order = "last", pads: str = "", **more: Any) -> Part:
    """One module, applied to its input, which is padded before."""

    def value(x: str, me: str, mask: str | None) -> str:
        return f"{me}(F.pad({x}, {pads}))" if pads else f"{me}({x})"

    return Part(value, {"": made}, arrays, takes, takes, **more)


def _plain(expression: str, takes: Order = "last", gives: Order | None = None) -> Part:
    """No module: an expression of {x}."""

    def value(x: str, me: str, mask: str | None) -> str:
        return expression.replace("{x}", x)

    return Part(value, takes=takes, gives=takes if gives is None else gives)


def _some(**options: tuple[Any, Any]) -> dict[str, Any]:
    """The options that are not as they usually are; each with its usual value."""
    return {name: value for name, (value, usual) in options.items() if value != usual}


def _bias(p: Params, name: str = "bias") -> dict[str, Array]:
    return {name: p["bias"]} if "bias" in p else {}


def _dense(layer: Dense, node: Node, p: Params) -> Part:
    made = call(
        "nn.Linear",
        [str(node.in_shape[-1]), str(layer.units)],
        **_some(bias=(layer.use_bias, True)),
    )
    return _module(made, {"weight": p["kernel"].T, **_bias(p)})


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
        **_some(
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


def _conv2d(layer: Conv2D, node: Node, p: Params) -> Part:
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
    return _module(made, {"weight": _turned(p["kernel"]), **_bias(p)}, "first", pads)


def _conv1d(layer: Conv1D, node: Node, p: Params) -> Part:
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
    return _module(made, {"weight": _turned(p["kernel"]), **_bias(p)}, "first", pads)


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


def _depthwise(layer: DepthwiseConv2D, node: Node, p: Params) -> Part:
    made, pads = _depthwise_module(layer, node.in_shape)
    return _module(made, {"weight": _deep(p["kernel"]), **_bias(p)}, "first", pads)


def _separable(layer: SeparableConv2D, node: Node, p: Params) -> Part:
    made, pads = _depthwise_module(layer.depthwise, node.in_shape)
    between = node.in_shape[2] * layer.depth_multiplier
    bias = _some(bias=(layer.use_bias, True))
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
            **_bias(p, "_pointwise.bias"),
        },
        "first",
        "first",
    )


def _transposed(layer: Conv2DTranspose, node: Node, p: Params) -> Part:
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
        **_some(
            stride=(layer.strides, (1, 1)),
            padding=(padding, (0, 0)),
            output_padding=(tuple(more), (0, 0)),
            dilation=(layer.dilation_rate, (1, 1)),
            bias=(layer.use_bias, True),
        ),
    )

    def value(x: str, me: str, mask: str | None) -> str:
        return f"F.pad({me}({x}), {pads})" if pads else f"{me}({x})"

    arrays = {"weight": _turned(p["kernel"]), **_bias(p)}
    return Part(value, {"": made}, arrays, "first", "first")


def _max_pooling(layer: MaxPooling2D, node: Node, p: Params) -> Part:
    windows = layer.windows(*node.in_shape[:2])
    strides = layer.pool_size if layer.strides is None else layer.strides
    return _max_pool("nn.MaxPool2d", layer.pool_size, strides, windows.before, windows.after)


def _max_pooling1d(layer: MaxPooling1D, node: Node, p: Params) -> Part:
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
    options = _some(stride=(strides, size), padding=(padding, (0,) * len(size)))
    pads = f"{pads}, value=-torch.inf" if pads else ""
    return _module(call(kind, [str(size)], **options), {}, "first", pads)


def _average_pooling(layer: AveragePooling2D, node: Node, p: Params) -> Part:
    windows = layer.windows(*node.in_shape[:2])
    strides = layer.pool_size if layer.strides is None else layer.strides
    return _average_pool("2d", layer.pool_size, strides, windows.before, windows.after)


def _average_pooling1d(layer: AveragePooling1D, node: Node, p: Params) -> Part:
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
    options = _some(stride=(strides, size))
    made = call(f"nn.AvgPool{kind}", [str(size)], **options)
    if not any((*before, *after)):
        return _module(made, {}, "first")
    pads = _pads(before, after)

    def value(x: str, me: str, mask: str | None) -> str:
        return f"average_pool({x}, {me}, {pads})"

    return Part(value, {"": made}, {}, "first", "first", helpers=(helpers.AVERAGE_POOL,))


def _global_pooling2d(word: str) -> Callable[[Any, Node, Params], Part]:
    def part(layer: Any, node: Node, p: Params) -> Part:
        keep = ", keepdim=True" if layer.keepdims else ""
        return _plain(f"{{x}}.{word}(dim=(2, 3){keep})", "first")

    return part


def _global_pooling1d(word: str, masked: str) -> Callable[[Any, Node, Params], Part]:
    def part(layer: Any, node: Node, p: Params) -> Part:
        keep = ", keepdim=True" if layer.keepdims else ""
        if not node.masks[0]:
            return _plain(f"{{x}}.{word}(dim=1{keep})")

        def value(x: str, me: str, mask: str | None) -> str:
            return f"{word}_of_steps({x}, {mask}{keep})"

        return Part(value, helpers=(masked,))

    return part


def _gamma_and_beta(p: Params, channels: int, both: bool) -> dict[str, Array]:
    """Weight and bias; where the layer has only one of them, or none but `both` are asked for, the
    other is 1 or 0."""
    if not both:
        return {}
    ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    return {"weight": p.get("gamma", ones), "bias": p.get("beta", zeros)}


def _batch_normalization(layer: BatchNormalization, node: Node, p: Params) -> Part:
    """Its momentum is 1 minus the one of dlcli."""
    channels, rank = node.in_shape[-1], len(node.in_shape)
    affine = layer.scale or layer.center
    kind = "nn.BatchNorm2d" if rank == 3 else "nn.BatchNorm1d"
    made = call(
        kind,
        [str(channels)],
        eps=layer.epsilon,
        momentum=1.0 - layer.momentum,
        **_some(affine=(affine, True)),
    )
    arrays = {
        **_gamma_and_beta(p, channels, affine),
        "running_mean": p["moving_mean"],
        "running_var": p["moving_variance"],
        "num_batches_tracked": np.zeros((), np.int64),
    }
    if rank <= 3:
        return _module(made, arrays, "first")

    def value(x: str, me: str, mask: str | None) -> str:
        return f"{me}({x}.reshape(-1, {channels})).reshape(-1, {_lengths(node.out_shape)})"

    return Part(value, {"": made}, arrays)


def _layer_normalization(layer: LayerNormalization, node: Node, p: Params) -> Part:
    channels, affine = node.in_shape[-1], layer.scale or layer.center
    options = _some(elementwise_affine=(affine, True))
    made = call("nn.LayerNorm", [str(channels)], eps=layer.epsilon, **options)
    return _module(made, _gamma_and_beta(p, channels, affine))


def _group_normalization(layer: GroupNormalization, node: Node, p: Params) -> Part:
    channels, rank = node.in_shape[-1], len(node.in_shape)
    groups = channels if layer.groups == -1 else layer.groups
    places = int(np.prod(node.in_shape[:-1], dtype=np.int64)) * (channels // groups)
    masked = node.masks[0]
    if masked or rank == 1 or places == 1:  # PyTorch's own knows no masks, and refuses one number
        made = call("GroupNormalization", [str(groups), str(channels)], eps=layer.epsilon)

        def value(x: str, me: str, mask: str | None) -> str:
            return f"{me}({x}, {mask})" if masked else f"{me}({x})"

        arrays = _gamma_and_beta(p, channels, True)
        return Part(value, {"": made}, arrays, helpers=(helpers.GROUP_NORMALIZATION,))
    affine = layer.scale or layer.center
    options = _some(affine=(affine, True))
    made = call("nn.GroupNorm", [str(groups), str(channels)], eps=layer.epsilon, **options)
    return _module(made, _gamma_and_beta(p, channels, affine), "first")


def _embedding(layer: Embedding, node: Node, p: Params) -> Part:
    made = call("nn.Embedding", [str(layer.input_dim), str(layer.output_dim)])
    return Part(
        lambda x, me, mask: f"{me}({x}.long())",
        {"": made},
        {"weight": p["embeddings"]},
        mask=(lambda x: f"{x} != 0") if layer.mask_zero else None,
    )


def _column_embeddings(layer: ColumnEmbeddings, node: Node, p: Params) -> Part:
    """A table for each column; its last row, of zeros, is of what training did not have."""
    modules, arrays, start = {}, {}, 0
    pieces: list[str] = []
    vectors: list[str] = []
    for number, (position, ids, dim) in enumerate(layer.columns, 1):
        modules[f"_{number}"] = call("nn.Embedding", [str(ids + 1), str(dim)], padding_idx=ids)
        table = p[f"embeddings_{number}"]
        arrays[f"_{number}.weight"] = np.concatenate([table, np.zeros((1, dim), table.dtype)])
        if position > start:
            pieces.append(f"{{x}}[:, {start}:{position}]")
        start = position + 1
        vectors.append(f"{{me}}_{number}({{x}}[:, {position}].long())")
    if start < node.in_shape[0]:
        pieces.append(f"{{x}}[:, {start}:]")
    joined = call("torch.cat", [call_of_list([*pieces, *vectors])], dim=1)

    def value(x: str, me: str, mask: str | None) -> str:
        return joined.replace("{x}", x).replace("{me}", me)

    return Part(value, modules, arrays)


def call_of_list(pieces: Sequence[str]) -> str:
    """Expressions as a list, one on a line where it is long."""
    return f"[{call('', pieces)[1:-1]}]"


def _masking(layer: Masking, node: Node, p: Params) -> Part:
    value = literal(float(np.float32(layer.mask_value)))
    return Part(
        lambda x, me, mask: (
            f"torch.where(({x} != {value}).any(dim=-1, keepdim=True), {x}, torch.zeros_like({x}))"
        ),
        mask=lambda x: f"({x} != {value}).any(dim=-1)",
    )


def _lengths(shape: Shape) -> str:
    return ", ".join(map(str, shape))


def _reshape(layer: Any, node: Node, p: Params) -> Part:
    return _plain(f"{{x}}.reshape(-1, {_lengths(node.out_shape)})")


def _flatten(layer: Flatten, node: Node, p: Params) -> Part:
    return _plain("{x}.flatten(1)") if node.in_shape else _reshape(layer, node, p)


def _up_sampling(layer: UpSampling2D, node: Node, p: Params) -> Part:
    made = call("nn.Upsample", scale_factor=layer.size, mode=layer.interpolation)
    return _module(made, {}, "first")


def _zero_padding(layer: ZeroPadding2D, node: Node, p: Params) -> Part:
    (top, bottom), (left, right) = layer.padding
    return _plain(f"F.pad({{x}}, {(left, right, top, bottom)})", "first")


def _always(part: Part) -> Callable[[Any, Node, Params], Part]:
    return lambda layer, node, p: part


LAYERS: Mapping[type[Layer], Callable[[Any, Node, Params], Part]] = {
    AveragePooling1D: _average_pooling1d,
    AveragePooling2D: _average_pooling,
    BatchNormalization: _batch_normalization,
    ColumnEmbeddings: _column_embeddings,
    Conv1D: _conv1d,
    Conv2D: _conv2d,
    Conv2DTranspose: _transposed,
    Dense: _dense,
    DepthwiseConv2D: _depthwise,
    Dropout: lambda layer, node, p: _module(f"nn.Dropout({literal(layer.rate)})", {}, "any"),
    Embedding: _embedding,
    Flatten: _flatten,
    GlobalAveragePooling1D: _global_pooling1d("mean", helpers.MEAN_OF_STEPS),
    GlobalAveragePooling2D: _global_pooling2d("mean"),
    GlobalMaxPooling1D: _global_pooling1d("amax", helpers.AMAX_OF_STEPS),
    GlobalMaxPooling2D: _global_pooling2d("amax"),
    GroupNormalization: _group_normalization,
    LayerNormalization: _layer_normalization,
    Masking: _masking,
    MaxPooling1D: _max_pooling1d,
    MaxPooling2D: _max_pooling,
    Reshape: _reshape,
    SeparableConv2D: _separable,
    UpSampling2D: _up_sampling,
    ZeroPadding2D: _zero_padding,
    Elu: lambda layer, node, p: _plain(f"F.elu({{x}}, {literal(layer.alpha)})", "any"),
    Gelu: lambda layer, node, p: _plain(
        'F.gelu({x}, approximate="tanh")' if layer.approximate else "F.gelu({x})", "any"
    ),
    LeakyRelu: lambda layer, node, p: _plain(
        f"F.leaky_relu({{x}}, {literal(layer.negative_slope)})", "any"
    ),
    Linear: _always(_plain("{x}", "any")),
    Relu: _always(_plain("torch.relu({x})", "any")),
    Sigmoid: _always(_plain("torch.sigmoid({x})", "any")),
    Silu: _always(_plain("F.silu({x})", "any")),
    Softmax: _always(_plain("torch.softmax({x}, dim=-1)")),
    Softplus: _always(_plain("F.softplus({x})", "any")),
    Tanh: _always(_plain("torch.tanh({x})", "any")),
}
"""By class; activations are layers too."""


def _joined(sign: str) -> Callable[[Any, Node, Sequence[str], int], str]:
    return lambda merge, node, xs, channels: sign.join(xs)


def _maximum(merge: Maximum, node: Node, xs: Sequence[str], channels: int) -> str:
    found = xs[0]
    for x in xs[1:]:
        found = f"torch.maximum({found}, {x})"
    return found


def _dot(merge: Dot, node: Node, xs: Sequence[str], channels: int) -> str:
    first, second = node.in_shapes
    left, right = (
        axis - 1 if axis > 0 else axis + len(shape)
        for axis, shape in zip(merge.axes, node.in_shapes, strict=True)
    )
    if merge.normalize:
        places = (left, right)
        xs = [f"unit_length({x}, {place + 1})" for x, place in zip(xs, places, strict=True)]
    letters = "abcdefghijklmnopqrstuvwxy"
    a = list(letters[: len(first)])
    b = list(letters[len(first) : len(first) + len(second)])
    a[left] = b[right] = "z"
    kept = [letter for letter in (*a, *b) if letter != "z"]
    rule = f"Z{''.join(a)},Z{''.join(b)}->Z{''.join(kept)}"
    found = f'torch.einsum("{rule}", {xs[0]}, {xs[1]})'
    return found if kept else f"{found}[:, None]"


MERGES: Mapping[type[Merge], Callable[[Any, Node, Sequence[str], int], str]] = {
    Add: _joined(" + "),
    Average: lambda merge, node, xs, channels: f"({' + '.join(xs)}) / {len(xs)}",
    Concatenate: lambda merge, node, xs, channels: call(
        "torch.cat", [call_of_list(list(xs))], dim=channels
    ),
    Dot: _dot,
    Maximum: _maximum,
    Multiply: _joined(" * "),
    Subtract: _joined(" - "),
}
"""By class: the value, of the expressions of the inputs and the axis of their channels."""

LAST = (Dot,)
"""Merges that need channels behind the places."""

HELPERS_OF: Mapping[type[Merge], tuple[str, ...]] = {Dot: (helpers.UNIT_LENGTH,)}
"""What else merges need."""
