"""How each layer is written in Keras: the table LAYERS.

Names, shapes and kernels of both are the same, but for those in windows.py. Masks are values of
their own, for Keras passes them on and reads them otherwise.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dlcli.deploy.keras import helpers, windows
from dlcli.deploy.keras.parts import Params, Part, Piece, layer_of
from dlcli.deploy.sources.writing import call, listed, literal, unusual
from dlcli.engine.graph import Node
from dlcli.engine.layer import Layer
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


def _global_pooling(kind: str) -> Callable[[Any, Node, Params], Part]:
    return lambda layer, node, p: layer_of(kind, **unusual(keepdims=(layer.keepdims, False)))


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
        usual = unusual(center=(layer.center, True), scale=(layer.scale, True))
        return layer_of(kind, arrays=p, epsilon=layer.epsilon, **options, **usual)

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
        return every[0] if len(every) == 1 else call("ops.concatenate", [listed(every)], axis=-1)

    return Part(tuple(pieces), value)


def _masking(layer: Masking, node: Node, p: Params) -> Part:
    value = literal(float(np.float32(layer.mask_value)))
    return Part(
        value=lambda x, made, mask: (
            f"ops.where(ops.any(ops.not_equal({x}, {value}), axis=-1, keepdims=True), {x}, 0.0)"
        ),
        mask=lambda x: f"ops.any(ops.not_equal({x}, {value}), axis=-1)",
    )


def _activation(word: str) -> Callable[[Any, Node, Params], Part]:
    return lambda layer, node, p: layer_of("Activation", word)


def _gelu(layer: Gelu, node: Node, p: Params) -> Part:
    if not layer.approximate:
        return layer_of("Activation", "gelu")
    return Part(value=lambda x, made, mask: f"ops.gelu({x}, approximate=True)")


LAYERS: Mapping[type[Layer], Callable[[Any, Node, Params], Part]] = {
    AveragePooling1D: windows.average_pooling1d,
    AveragePooling2D: windows.average_pooling,
    BatchNormalization: _normalization("BatchNormalization", momentum="momentum"),
    ColumnEmbeddings: _column_embeddings,
    Conv1D: windows.conv1d,
    Conv2D: windows.conv2d,
    Conv2DTranspose: windows.transposed,
    Dense: lambda layer, node, p: layer_of(
        "Dense", layer.units, arrays=p, **unusual(use_bias=(layer.use_bias, True))
    ),
    DepthwiseConv2D: windows.depthwise,
    Dropout: lambda layer, node, p: layer_of("Dropout", layer.rate),
    Embedding: _embedding,
    Flatten: lambda layer, node, p: layer_of("Flatten"),
    GlobalAveragePooling1D: _steps(
        "GlobalAveragePooling1D", "mean_of_steps", helpers.MEAN_OF_STEPS
    ),
    GlobalAveragePooling2D: _global_pooling("GlobalAveragePooling2D"),
    GlobalMaxPooling1D: _steps("GlobalMaxPooling1D", "max_of_steps", helpers.MAX_OF_STEPS),
    GlobalMaxPooling2D: _global_pooling("GlobalMaxPooling2D"),
    GroupNormalization: _group_normalization,
    LayerNormalization: _normalization("LayerNormalization"),
    Masking: _masking,
    MaxPooling1D: windows.max_pooling("MaxPooling1D"),
    MaxPooling2D: windows.max_pooling("MaxPooling2D"),
    Reshape: lambda layer, node, p: layer_of("Reshape", node.out_shape),
    SeparableConv2D: windows.separable,
    UpSampling2D: lambda layer, node, p: layer_of(
        "UpSampling2D", layer.size, **unusual(interpolation=(layer.interpolation, "nearest"))
    ),
    ZeroPadding2D: lambda layer, node, p: layer_of("ZeroPadding2D", layer.padding),
    Elu: lambda layer, node, p: layer_of("ELU", alpha=layer.alpha),
    Gelu: _gelu,
    LeakyRelu: lambda layer, node, p: layer_of("LeakyReLU", negative_slope=layer.negative_slope),
    Linear: _activation("linear"),
    Relu: _activation("relu"),
    Sigmoid: _activation("sigmoid"),
    Silu: _activation("silu"),
    Softmax: lambda layer, node, p: layer_of("Softmax"),
    Softplus: _activation("softplus"),
    Tanh: _activation("tanh"),
}
"""By class; activations are layers too."""
