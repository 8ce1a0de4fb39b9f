"""How each layer is written in Keras: the table LAYERS, and MERGES.

Names, shapes and kernels of both are the same, but for these: Keras has no strides together with
dilation, so a kernel is written out with zeros between its taps; it has one stride for both axes of
a depthwise convolution, so the others are left out behind it; and what its backends do differently
(averages over padded places, the cut of a transposed convolution) is said with layers that they all
have alike. Masks are values of their own, for Keras passes them on and reads them otherwise.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

import numpy as np

from dlcli.deploy.keras import helpers
from dlcli.deploy.sources.writing import call, literal
from dlcli.engine.graph import Node
from dlcli.engine.layer import Array, Layer, Merge
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

Params = Mapping[str, Array]


@frozen
class Piece:
    """A layer of Keras. ending: what stands behind the name of dlcli's layer in its own. options:
    beside these, its name is given. arrays: of its variables, by their names."""

    kind: str
    given: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    ending: str = ""

    def made(self, name: str) -> str:
        """The expression that makes it."""
        return call(f"layers.{self.kind}", self.given, **self.options, name=f"{name}{self.ending}")


@frozen
class Part:
    """A layer as source: pieces, one behind the other, or a value.

    value: its expression, given that of its input, those of its pieces, and the variable of the
        mask of its input; None where the pieces are applied one after the other.
    mask: the mask that it makes, of the expression of its input.
    """

    pieces: tuple[Piece, ...] = ()
    value: Callable[[str, Sequence[str], str | None], str] | None = None
    mask: Callable[[str], str] | None = None
    helpers: tuple[str, ...] = ()


def _layer(kind: str, *given: Any, arrays: Params | None = None, **options: Any) -> Part:
    return Part((Piece(kind, tuple(map(literal, given)), options, arrays or {}),))


def _some(**options: tuple[Any, Any]) -> dict[str, Any]:
    """The options that are not as they usually are; each with its usual value."""
    return {name: value for name, (value, usual) in options.items() if value != usual}


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
    return kernel, _some(strides=(strides, ones), dilation_rate=(dilation, ones))


def _conv2d(layer: Conv2D, node: Node, p: Params) -> Part:
    kernel, options = _strides_and_taps(p["kernel"], layer.strides, layer.dilation_rate)
    return _layer(
        "Conv2D",
        layer.filters,
        kernel.shape[:2],
        arrays={**p, "kernel": kernel},
        **options,
        **_some(
            padding=(layer.padding, "valid"),
            groups=(layer.groups, 1),
            use_bias=(layer.use_bias, True),
        ),
    )


def _conv1d(layer: Conv1D, node: Node, p: Params) -> Part:
    strides, dilation = (layer.strides,), (layer.dilation_rate,)
    kernel, options = _strides_and_taps(p["kernel"], strides, dilation)
    return _layer(
        "Conv1D",
        layer.filters,
        kernel.shape[0],
        arrays={**p, "kernel": kernel},
        **{name: value[0] for name, value in options.items()},
        **_some(
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
            **_some(
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


def _depthwise(layer: DepthwiseConv2D, node: Node, p: Params) -> Part:
    return Part(_depthwise_pieces(layer, node, p))


def _separable(layer: SeparableConv2D, node: Node, p: Params) -> Part:
    ones = (1, 1)
    if layer.strides[0] == layer.strides[1] and ones in (layer.strides, layer.dilation_rate):
        return _layer(
            "SeparableConv2D",
            layer.filters,
            layer.kernel_size,
            arrays=p,
            **_some(
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
        _some(use_bias=(layer.use_bias, True)),
        {"kernel": p["pointwise_kernel"], **bias},
        "_pointwise",
    )
    return Part((*_depthwise_pieces(layer.depthwise, node, deep, "_depthwise"), last))


def _transposed(layer: Conv2DTranspose, node: Node, p: Params) -> Part:
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
        _some(
            strides=(layer.strides, (1, 1)),
            output_padding=(more, None),
            use_bias=(layer.use_bias, True),
        ),
        {**p, "kernel": kernel},
    )
    after = [a - b for a, b in zip(whole, wanted, strict=True)]
    return Part((made, *_padding("Cropping2D", _sides(windows.before, after), "_cut")))


def _max_pooling(kind: str) -> Callable[[Any, Node, Params], Part]:
    def part(layer: Any, node: Node, p: Params) -> Part:
        options = _some(strides=(layer.strides, None), padding=(layer.padding, "valid"))
        return _layer(kind, layer.pool_size, **options)

    return part


def _average_pooling(layer: AveragePooling2D, node: Node, p: Params) -> Part:
    windows = layer.windows(*node.in_shape[:2])
    return _average_pool("2D", layer, _sides(windows.before, windows.after))


def _average_pooling1d(layer: AveragePooling1D, node: Node, p: Params) -> Part:
    windows = layer.over_images.windows(1, node.in_shape[0])
    return _average_pool("1D", layer, (windows.before[1], windows.after[1]))


def _average_pool(kind: str, layer: Any, pads: Any) -> Part:
    options = _some(strides=(layer.strides, None))
    pool = Piece(f"AveragePooling{kind}", (literal(layer.pool_size),), options)
    pad = _padding(f"ZeroPadding{kind}", pads, "_padding")
    if not pad:
        return Part((pool,))
    return Part(
        (*pad, pool),
        lambda x, made, mask: f"average_pool({x}, {made[0]}, {made[1]})",
        helpers=(helpers.AVERAGE_POOL,),
    )


def _global_pooling(kind: str) -> Callable[[Any, Node, Params], Part]:
    return lambda layer, node, p: _layer(kind, **_some(keepdims=(layer.keepdims, False)))


def _steps(kind: str, function: str, text: str) -> Callable[[Any, Node, Params], Part]:
    def part(layer: Any, node: Node, p: Params) -> Part:
        if not node.masks[0]:
            return _global_pooling(kind)(layer, node, p)
        keep = ", keepdims=True" if layer.keepdims else ""
        return Part(value=lambda x, made, mask: f"{function}({x}, {mask}{keep})", helpers=(text,))

    return part


def _normalization(kind: str, **more: str) -> Callable[[Any, Node, Params], Part]:
    """more: further options, by the fields that they are."""

    def part(layer: Any, node: Node, p: Params) -> Part:
        options = {option: getattr(layer, name) for option, name in more.items()}
        usual = _some(center=(layer.center, True), scale=(layer.scale, True))
        return _layer(kind, arrays=p, epsilon=layer.epsilon, **options, **usual)

    return part


def _group_normalization(layer: GroupNormalization, node: Node, p: Params) -> Part:
    """Where steps are masked, Keras's own counts them, so only the last step is a layer."""
    if not node.masks[0]:
        return _normalization("GroupNormalization", groups="groups")(layer, node, p)
    channels = node.in_shape[-1]
    groups = channels if layer.groups == -1 else layer.groups
    kernel = p.get("gamma", np.ones(channels, np.float32))
    arrays = {"kernel": kernel, **({"bias": p["beta"]} if layer.center else {})}
    options = {"output_shape": (None, channels), **({"bias_axes": "c"} if layer.center else {})}
    return Part(
        (Piece("EinsumDense", ('"abc,c->abc"',), options, arrays),),
        lambda x, made, mask: (
            f"{made[0]}(normalized_groups({x}, {mask}, {groups}, {literal(layer.epsilon)}))"
        ),
        helpers=(helpers.NORMALIZED_GROUPS,),
    )


def _embedding(layer: Embedding, node: Node, p: Params) -> Part:
    made = Piece("Embedding", (str(layer.input_dim), str(layer.output_dim)), {}, p)
    return Part((made,), mask=(lambda x: f"ops.not_equal({x}, 0.0)") if layer.mask_zero else None)


def _column_embeddings(layer: ColumnEmbeddings, node: Node, p: Params) -> Part:
    """A table for each column; its last row, of zeros, is of what training did not have."""
    pieces, slices, vectors, start = [], [], [], 0
    for number, (position, ids, dim) in enumerate(layer.columns, 1):
        table = p[f"embeddings_{number}"]
        table = np.concatenate([table, np.zeros((1, dim), table.dtype)])
        given = (str(ids + 1), str(dim))
        pieces.append(Piece("Embedding", given, {}, {"embeddings": table}, f"_{number}"))
        if position > start:
            slices.append(f"[:, {start}:{position}]")
        start = position + 1
        vectors.append(f"[:, {position}]")
    if start < node.in_shape[0]:
        slices.append(f"[:, {start}:]")

    def value(x: str, made: Sequence[str], mask: str | None) -> str:
        looked_up = [f"{one}({x}{place})" for one, place in zip(made, vectors, strict=True)]
        every = [*(f"{x}{place}" for place in slices), *looked_up]
        return every[0] if len(every) == 1 else call("ops.concatenate", [_list(every)], axis=-1)

    return Part(tuple(pieces), value)


def _list(pieces: Sequence[str]) -> str:
    return f"[{call('', pieces)[1:-1]}]"


def _masking(layer: Masking, node: Node, p: Params) -> Part:
    value = literal(float(np.float32(layer.mask_value)))
    return Part(
        value=lambda x, made, mask: (
            f"ops.where(ops.any(ops.not_equal({x}, {value}), axis=-1, keepdims=True), {x}, 0.0)"
        ),
        mask=lambda x: f"ops.any(ops.not_equal({x}, {value}), axis=-1)",
    )


def _activation(word: str) -> Callable[[Any, Node, Params], Part]:
    return lambda layer, node, p: _layer("Activation", word)


def _gelu(layer: Gelu, node: Node, p: Params) -> Part:
    if not layer.approximate:
        return _layer("Activation", "gelu")
    return Part(value=lambda x, made, mask: f"ops.gelu({x}, approximate=True)")


LAYERS: Mapping[type[Layer], Callable[[Any, Node, Params], Part]] = {
    AveragePooling1D: _average_pooling1d,
    AveragePooling2D: _average_pooling,
    BatchNormalization: _normalization("BatchNormalization", momentum="momentum"),
    ColumnEmbeddings: _column_embeddings,
    Conv1D: _conv1d,
    Conv2D: _conv2d,
    Conv2DTranspose: _transposed,
    Dense: lambda layer, node, p: _layer(
        "Dense", layer.units, arrays=p, **_some(use_bias=(layer.use_bias, True))
    ),
    DepthwiseConv2D: _depthwise,
    Dropout: lambda layer, node, p: _layer("Dropout", layer.rate),
    Embedding: _embedding,
    Flatten: lambda layer, node, p: _layer("Flatten"),
    GlobalAveragePooling1D: _steps(
        "GlobalAveragePooling1D", "mean_of_steps", helpers.MEAN_OF_STEPS
    ),
    GlobalAveragePooling2D: _global_pooling("GlobalAveragePooling2D"),
    GlobalMaxPooling1D: _steps("GlobalMaxPooling1D", "max_of_steps", helpers.MAX_OF_STEPS),
    GlobalMaxPooling2D: _global_pooling("GlobalMaxPooling2D"),
    GroupNormalization: _group_normalization,
    LayerNormalization: _normalization("LayerNormalization"),
    Masking: _masking,
    MaxPooling1D: _max_pooling("MaxPooling1D"),
    MaxPooling2D: _max_pooling("MaxPooling2D"),
    Reshape: lambda layer, node, p: _layer("Reshape", node.out_shape),
    SeparableConv2D: _separable,
    UpSampling2D: lambda layer, node, p: _layer(
        "UpSampling2D", layer.size, **_some(interpolation=(layer.interpolation, "nearest"))
    ),
    ZeroPadding2D: lambda layer, node, p: _layer("ZeroPadding2D", layer.padding),
    Elu: lambda layer, node, p: _layer("ELU", alpha=layer.alpha),
    Gelu: _gelu,
    LeakyRelu: lambda layer, node, p: _layer("LeakyReLU", negative_slope=layer.negative_slope),
    Linear: _activation("linear"),
    Relu: _activation("relu"),
    Sigmoid: _activation("sigmoid"),
    Silu: _activation("silu"),
    Softmax: lambda layer, node, p: _layer("Softmax"),
    Softplus: _activation("softplus"),
    Tanh: _activation("tanh"),
}
"""By class; activations are layers too."""


def _merged(kind: str) -> Callable[[Any, Node, Sequence[str], str], str]:
    return lambda merge, node, xs, name: f"{call(f'layers.{kind}', name=name)}([{', '.join(xs)}])"


def _dot(merge: Dot, node: Node, xs: Sequence[str], name: str) -> str:
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
    found = f'ops.einsum("{rule}", {xs[0]}, {xs[1]})'
    return found if kept else f"ops.expand_dims({found}, -1)"


MERGES: Mapping[type[Merge], Callable[[Any, Node, Sequence[str], str], str]] = {
    Add: _merged("Add"),
    Average: _merged("Average"),
    Concatenate: _merged("Concatenate"),
    Dot: _dot,
    Maximum: _merged("Maximum"),
    Multiply: _merged("Multiply"),
    Subtract: _merged("Subtract"),
}
"""By class: the value, of the expressions of the inputs and the name that its layer may have."""

HELPERS_OF: Mapping[type[Merge], tuple[str, ...]] = {Dot: (helpers.UNIT_LENGTH,)}
"""What else merges need."""
