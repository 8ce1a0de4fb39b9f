"""How each layer is written in PyTorch: the table LAYERS.

PyTorch has channels before the places of an image or of steps ("first"); dlcli has them behind
("last"). Each layer says which it takes and gives, and network.py turns values where it must. The
kernel of a dense layer is (out, in) there, and (in, out) here; those of convolutions: windows.py.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dlcli.deploy.sources.writing import call, listed, literal, unusual
from dlcli.deploy.torch import helpers, windows
from dlcli.deploy.torch.parts import Params, Part, bias_of, lengths, module, plain
from dlcli.engine.graph import Node
from dlcli.engine.layer import Array, Layer
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


def _dense(layer: Dense, node: Node, p: Params) -> Part:
    made = call(
        "nn.Linear",
        [str(node.in_shape[-1]), str(layer.units)],
        **unusual(bias=(layer.use_bias, True)),
    )
    return module(made, {"weight": p["kernel"].T, **bias_of(p)})


def _global_pooling1d(word: str, masked: str) -> Callable[[Any, Node, Params], Part]:
    def part(layer: Any, node: Node, p: Params) -> Part:
        keep = ", keepdim=True" if layer.keepdims else ""
        if not node.masks[0]:
            return plain(f"{{x}}.{word}(dim=1{keep})")

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
        **unusual(affine=(affine, True)),
    )
    arrays = {
        **_gamma_and_beta(p, channels, affine),
        "running_mean": p["moving_mean"],
        "running_var": p["moving_variance"],
        "num_batches_tracked": np.zeros((), np.int64),
    }
    if rank <= 3:
        return module(made, arrays, "first")

    def value(x: str, me: str, mask: str | None) -> str:
        return f"{me}({x}.reshape(-1, {channels})).reshape(-1, {lengths(node.out_shape)})"

    return Part(value, {"": made}, arrays)


def _layer_normalization(layer: LayerNormalization, node: Node, p: Params) -> Part:
    channels, affine = node.in_shape[-1], layer.scale or layer.center
    options = unusual(elementwise_affine=(affine, True))
    made = call("nn.LayerNorm", [str(channels)], eps=layer.epsilon, **options)
    return module(made, _gamma_and_beta(p, channels, affine))


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
    options = unusual(affine=(affine, True))
    made = call("nn.GroupNorm", [str(groups), str(channels)], eps=layer.epsilon, **options)
    return module(made, _gamma_and_beta(p, channels, affine), "first")


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
    joined = call("torch.cat", [listed([*pieces, *vectors])], dim=1)

    def value(x: str, me: str, mask: str | None) -> str:
        return joined.replace("{x}", x).replace("{me}", me)

    return Part(value, modules, arrays)


def _masking(layer: Masking, node: Node, p: Params) -> Part:
    value = literal(float(np.float32(layer.mask_value)))
    return Part(
        lambda x, me, mask: (
            f"torch.where(({x} != {value}).any(dim=-1, keepdim=True), {x}, torch.zeros_like({x}))"
        ),
        mask=lambda x: f"({x} != {value}).any(dim=-1)",
    )


def _reshape(layer: Any, node: Node, p: Params) -> Part:
    return plain(f"{{x}}.reshape(-1, {lengths(node.out_shape)})")


def _flatten(layer: Flatten, node: Node, p: Params) -> Part:
    return plain("{x}.flatten(1)") if node.in_shape else _reshape(layer, node, p)


def _always(part: Part) -> Callable[[Any, Node, Params], Part]:
    return lambda layer, node, p: part


LAYERS: Mapping[type[Layer], Callable[[Any, Node, Params], Part]] = {
    AveragePooling1D: windows.average_pooling1d,
    AveragePooling2D: windows.average_pooling,
    BatchNormalization: _batch_normalization,
    ColumnEmbeddings: _column_embeddings,
    Conv1D: windows.conv1d,
    Conv2D: windows.conv2d,
    Conv2DTranspose: windows.transposed,
    Dense: _dense,
    DepthwiseConv2D: windows.depthwise,
    Dropout: lambda layer, node, p: module(f"nn.Dropout({literal(layer.rate)})", {}, "any"),
    Embedding: _embedding,
    Flatten: _flatten,
    GlobalAveragePooling1D: _global_pooling1d("mean", helpers.MEAN_OF_STEPS),
    GlobalAveragePooling2D: windows.global_pooling2d("mean"),
    GlobalMaxPooling1D: _global_pooling1d("amax", helpers.AMAX_OF_STEPS),
    GlobalMaxPooling2D: windows.global_pooling2d("amax"),
    GroupNormalization: _group_normalization,
    LayerNormalization: _layer_normalization,
    Masking: _masking,
    MaxPooling1D: windows.max_pooling1d,
    MaxPooling2D: windows.max_pooling,
    Reshape: _reshape,
    SeparableConv2D: windows.separable,
    UpSampling2D: windows.up_sampling,
    ZeroPadding2D: windows.zero_padding,
    Elu: lambda layer, node, p: plain(f"F.elu({{x}}, {literal(layer.alpha)})", "any"),
    Gelu: lambda layer, node, p: plain(
        'F.gelu({x}, approximate="tanh")' if layer.approximate else "F.gelu({x})", "any"
    ),
    LeakyRelu: lambda layer, node, p: plain(
        f"F.leaky_relu({{x}}, {literal(layer.negative_slope)})", "any"
    ),
    Linear: _always(plain("{x}", "any")),
    Relu: _always(plain("torch.relu({x})", "any")),
    Sigmoid: _always(plain("torch.sigmoid({x})", "any")),
    Silu: _always(plain("F.silu({x})", "any")),
    Softmax: _always(plain("torch.softmax({x}, dim=-1)")),
    Softplus: _always(plain("F.softplus({x})", "any")),
    Tanh: _always(plain("torch.tanh({x})", "any")),
}
"""By class; activations are layers too."""
