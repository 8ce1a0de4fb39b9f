"""For every word, the component of Keras that does the same, and how its options are drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import torch
from hypothesis import strategies as st
from keras import layers as K
from keras import losses as L
from keras import optimizers as O
from keras.src.backend.common import dtypes

from dlcli.engine import losses, merges, optimizers, regularizers
from dlcli.engine.layer import Layer, Merge, Shape
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
    Gelu,
    LeakyRelu,
    Linear,
    Relu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)

# On PyTorch, Keras would work in float32 where everything is float64.
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


def use(dtype: str) -> None:
    """Let Keras make variables of this type from now on."""
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)


Draw = st.SearchStrategy[Any]
VECTORS = st.tuples(st.integers(1, 9))
ROWS = st.one_of(VECTORS, st.tuples(st.integers(1, 4), st.integers(1, 4)))
IMAGES = st.tuples(st.integers(3, 9), st.integers(3, 9), st.integers(1, 9))
ANY = st.one_of(ROWS, IMAGES)
STEPS = st.tuples(st.integers(1, 6), st.integers(1, 5))
LONGER = st.tuples(st.integers(3, 9), st.integers(1, 6))
MASKED_STEPS = st.tuples(st.integers(1, 6), st.integers(2, 5))
"""With a mask, Keras's batch normalization fails on a single channel."""
YES = st.booleans()
REAL = st.floats(0.05, 1.5)


@dataclass(frozen=True)
class Twin:
    """make: the layer, drawn. keras: the same in Keras, of that layer. rows: what it takes.

    masked: whether Keras's, too, reads the mask that it gets.
    """

    make: Draw
    keras: Callable[[Any], Any]
    rows: Draw
    masked: bool = False


def pair(most: int) -> Draw:
    return st.tuples(st.integers(1, most), st.integers(1, most))


def padded(x: Any, size: Any, strides: Any, dilation: Any, padding: str) -> Any:
    """Channels first, and as much larger as Keras's `same` asks for: the odd pixel at the end."""
    x = x.permute(0, 3, 1, 2)
    if padding == "valid":
        return x
    pads: list[int] = []
    for length, k, s, d in zip(x.shape[2:], size, strides, dilation, strict=True):
        total = max(0, (-(-length // s) - 1) * s + (k - 1) * d + 1 - length)
        pads = [total // 2, total - total // 2, *pads]
    return torch.nn.functional.pad(x, pads)


def convolved(layer: Any, inputs: Any, weight: Any, groups: int) -> Any:
    """By PyTorch, since Keras's own on PyTorch has no gradient in float64."""
    x = padded(inputs, layer.kernel_size, layer.strides, layer.dilation_rate, layer.padding)
    options = {"stride": layer.strides, "dilation": layer.dilation_rate, "groups": groups}
    y = torch.nn.functional.conv2d(x.contiguous(), weight.contiguous(), **options)
    return y.permute(0, 2, 3, 1)


class TorchConv2D(K.Conv2D):
    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        weight = torch.as_tensor(kernel.value).permute(3, 2, 0, 1)
        return convolved(self, inputs, weight, self.groups)


class TorchConv1D(K.Conv1D):
    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        x = inputs.permute(0, 2, 1)
        size, stride, dilation = self.kernel_size[0], self.strides[0], self.dilation_rate[0]
        span = (size - 1) * dilation + 1
        if self.padding == "causal":
            x = torch.nn.functional.pad(x, (span - 1, 0))
        elif self.padding == "same":
            total = max(0, (-(-x.shape[2] // stride) - 1) * stride + span - x.shape[2])
            x = torch.nn.functional.pad(x, (total // 2, total - total // 2))
        weight = torch.as_tensor(kernel.value).permute(2, 1, 0).contiguous()
        options = {"stride": stride, "dilation": dilation, "groups": self.groups}
        y = torch.nn.functional.conv1d(x.contiguous(), weight, **options)
        return y.permute(0, 2, 1)


class TorchDepthwiseConv2D(K.DepthwiseConv2D):
    def call(self, inputs: Any) -> Any:
        y = convolved(self, inputs, deep(self.kernel), inputs.shape[3])
        return y if self.bias is None else y + self.bias


class TorchSeparableConv2D(K.SeparableConv2D):
    def call(self, inputs: Any) -> Any:
        y = convolved(self, inputs, deep(self.depthwise_kernel), inputs.shape[3])
        y = y @ torch.as_tensor(self.pointwise_kernel.value)[0, 0]
        return y if self.bias is None else y + self.bias


def deep(kernel: Any) -> Any:
    """The kernel (height, width, in, m) of a depthwise convolution as PyTorch has it."""
    weight = torch.as_tensor(kernel.value)
    height, width, channels, many = weight.shape
    return weight.permute(2, 3, 0, 1).reshape(channels * many, 1, height, width)


class TorchConv2DTranspose(K.Conv2DTranspose):
    """All of it, cut as TensorFlow does; on PyTorch, Keras warns, it may be cut otherwise."""

    def call(self, inputs: Any) -> Any:
        weight = torch.as_tensor(self.kernel.value).permute(3, 2, 0, 1).contiguous()
        y = torch.nn.functional.conv_transpose2d(
            inputs.permute(0, 3, 1, 2).contiguous(),
            weight,
            stride=self.strides,
            dilation=self.dilation_rate,
        )
        lengths = self.compute_output_shape(inputs.shape)[1:3]
        for axis, (length, n) in enumerate(zip(lengths, inputs.shape[1:3], strict=True)):
            covered = (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1
            whole = (n - 1) * self.strides[axis] + covered
            before = max(whole - length, 0) // 2 if self.padding == "same" else 0
            y = y.narrow(axis + 2, before, min(length, whole - before))
            missing = [0, length - y.shape[axis + 2]]
            y = torch.nn.functional.pad(y, missing if axis else [0, 0, *missing])
        y = y.permute(0, 2, 3, 1)
        return y if self.bias is None else y + self.bias


class TorchAveragePooling1D(K.AveragePooling1D):
    def call(self, inputs: Any) -> Any:
        size, strides = (1, *self.pool_size), (1, *(self.strides or self.pool_size))
        return TorchAveragePooling2D(size, strides, self.padding)(inputs[:, None])[:, 0]


class TorchAveragePooling2D(K.AveragePooling2D):
    """Keras's own on PyTorch counts some padded pixels, which it does not on TensorFlow and JAX."""

    def call(self, inputs: Any) -> Any:
        strides = self.strides or self.pool_size
        sums = []
        for x in (inputs, torch.ones_like(inputs)):
            x = padded(x, self.pool_size, strides, (1, 1), self.padding)
            sums.append(torch.nn.functional.avg_pool2d(x, self.pool_size, strides))
        return (sums[0] / sums[1]).permute(0, 2, 3, 1)


PADDING = st.sampled_from(["valid", "same"])


@st.composite
def convolutions(draw: st.DrawFn) -> Conv2D:
    strides, dilation = draw(pair(2)), draw(pair(2))
    if strides != (1, 1):  # Keras has one or the other
        dilation = (1, 1)
    padding = "same" if dilation != (1, 1) else draw(PADDING)
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    filters = groups * draw(st.integers(1, 4))
    return Conv2D(filters, draw(pair(3)), strides, padding, dilation, draw(YES), groups=groups)


@st.composite
def convolutions_of_steps(draw: st.DrawFn) -> Conv1D:
    strides = draw(st.integers(1, 3))
    dilation = draw(st.integers(1, 2)) if strides == 1 else 1
    padding = draw(st.sampled_from(["valid", "same", "causal"]))
    groups = draw(st.sampled_from([1, 1, 2]))
    filters, size = groups * draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return Conv1D(filters, size, strides, padding, dilation, groups, draw(YES))


@st.composite
def depthwise(draw: st.DrawFn) -> DepthwiseConv2D:
    s = draw(st.integers(1, 2))  # Keras has one for both
    dilation = draw(pair(2)) if s == 1 else (1, 1)
    padding = "same" if dilation != (1, 1) else draw(PADDING)
    many = draw(st.integers(1, 3))
    return DepthwiseConv2D(draw(pair(3)), (s, s), padding, many, dilation, draw(YES))


@st.composite
def separable(draw: st.DrawFn) -> SeparableConv2D:
    one = draw(depthwise())
    return SeparableConv2D(
        draw(st.integers(1, 9)),
        one.kernel_size,
        one.strides,
        one.padding,
        one.dilation_rate,
        one.depth_multiplier,
        one.use_bias,
    )


@st.composite
def transposed(draw: st.DrawFn) -> Conv2DTranspose:
    strides, padding, size = draw(pair(3)), draw(PADDING), draw(pair(3))
    dilation = draw(pair(2)) if strides == (1, 1) else (1, 1)
    more = None
    if draw(YES) and (padding == "valid" or all(length % 2 for length in size)):
        more = tuple(draw(st.integers(0, stride - 1)) for stride in strides)
    filters = draw(st.integers(1, 9))
    return Conv2DTranspose(filters, size, strides, padding, more, dilation, draw(YES))


def pools(kind: type[Any]) -> Draw:
    strides = st.one_of(st.none(), pair(3))
    return st.builds(kind, pool_size=pair(3), strides=strides, padding=PADDING)


def pools1d(kind: type[Any]) -> Draw:
    strides = st.one_of(st.none(), st.integers(1, 3))
    return st.builds(kind, pool_size=st.integers(1, 3), strides=strides, padding=PADDING)


EDGE = st.tuples(st.integers(0, 2), st.integers(0, 2))


class KerasColumnEmbeddings(K.Layer):
    """An Embedding for each column of ids, behind the other columns."""

    def __init__(self, one: ColumnEmbeddings) -> None:
        super().__init__()
        self.columns = one.columns
        self.tables = [K.Embedding(ids, dim) for _, ids, dim in one.columns]

    def build(self, shape: Any) -> None:
        for number, table in enumerate(self.tables, 1):
            table.build((None,))
            table._embeddings._name = f"embeddings_{number}"

    def call(self, x: Any) -> Any:
        positions = [position for position, _, _ in self.columns]
        others = [j for j in range(x.shape[1]) if j not in positions]
        pairs = zip(positions, self.tables, strict=True)
        vectors = [table(x[:, position].int()) for position, table in pairs]
        return torch.cat([x[:, others], *vectors], dim=1)


LAYERS: Mapping[type[Layer], Twin] = {
    Dense: Twin(
        st.builds(Dense, units=st.integers(1, 9), use_bias=YES),
        lambda one: K.Dense(one.units, use_bias=one.use_bias),
        ANY,
    ),
    Conv2D: Twin(
        convolutions(),
        lambda one: TorchConv2D(
            one.filters,
            one.kernel_size,
            strides=one.strides,
            padding=one.padding,
            dilation_rate=one.dilation_rate,
            groups=one.groups,
            use_bias=one.use_bias,
        ),
        IMAGES,
    ),
    Conv1D: Twin(
        convolutions_of_steps(),
        lambda one: TorchConv1D(
            one.filters,
            one.kernel_size,
            strides=one.strides,
            padding=one.padding,
            dilation_rate=one.dilation_rate,
            groups=one.groups,
            use_bias=one.use_bias,
        ),
        LONGER,
    ),
    DepthwiseConv2D: Twin(
        depthwise(),
        lambda one: TorchDepthwiseConv2D(
            one.kernel_size,
            strides=one.strides,
            padding=one.padding,
            depth_multiplier=one.depth_multiplier,
            dilation_rate=one.dilation_rate,
            use_bias=one.use_bias,
        ),
        IMAGES,
    ),
    SeparableConv2D: Twin(
        separable(),
        lambda one: TorchSeparableConv2D(
            one.filters,
            one.kernel_size,
            strides=one.strides,
            padding=one.padding,
            dilation_rate=one.dilation_rate,
            depth_multiplier=one.depth_multiplier,
            use_bias=one.use_bias,
        ),
        IMAGES,
    ),
    Conv2DTranspose: Twin(
        transposed(),
        lambda one: TorchConv2DTranspose(
            one.filters,
            one.kernel_size,
            strides=one.strides,
            padding=one.padding,
            output_padding=one.output_padding,
            dilation_rate=one.dilation_rate,
            use_bias=one.use_bias,
        ),
        IMAGES,
    ),
    ZeroPadding2D: Twin(
        st.builds(ZeroPadding2D, st.tuples(EDGE, EDGE)),
        lambda one: K.ZeroPadding2D(one.padding),
        IMAGES,
    ),
    UpSampling2D: Twin(
        st.builds(UpSampling2D, pair(3), st.sampled_from(["nearest", "bilinear"])),
        lambda one: K.UpSampling2D(one.size, interpolation=one.interpolation),
        IMAGES,
    ),
    MaxPooling1D: Twin(
        pools1d(MaxPooling1D),
        lambda one: K.MaxPooling1D(one.pool_size, one.strides, one.padding),
        LONGER,
    ),
    AveragePooling1D: Twin(
        pools1d(AveragePooling1D),
        lambda one: TorchAveragePooling1D(one.pool_size, one.strides, one.padding),
        LONGER,
    ),
    MaxPooling2D: Twin(
        pools(MaxPooling2D),
        lambda one: K.MaxPooling2D(one.pool_size, one.strides, one.padding),
        IMAGES,
    ),
    AveragePooling2D: Twin(
        pools(AveragePooling2D),
        lambda one: TorchAveragePooling2D(one.pool_size, one.strides, one.padding),
        IMAGES,
    ),
    GlobalAveragePooling2D: Twin(
        st.builds(GlobalAveragePooling2D, keepdims=YES),
        lambda one: K.GlobalAveragePooling2D(keepdims=one.keepdims),
        IMAGES,
    ),
    GlobalMaxPooling2D: Twin(
        st.builds(GlobalMaxPooling2D, keepdims=YES),
        lambda one: K.GlobalMaxPooling2D(keepdims=one.keepdims),
        IMAGES,
    ),
    BatchNormalization: Twin(
        st.builds(
            BatchNormalization, momentum=st.floats(0, 1), epsilon=REAL, center=YES, scale=YES
        ),
        lambda one: K.BatchNormalization(
            momentum=one.momentum, epsilon=one.epsilon, center=one.center, scale=one.scale
        ),
        ANY,
        masked=True,
    ),
    GroupNormalization: Twin(
        st.builds(
            GroupNormalization,
            groups=st.sampled_from([-1, 1, 2, 3]),
            epsilon=REAL,
            center=YES,
            scale=YES,
        ),
        lambda one: K.GroupNormalization(
            groups=one.groups, epsilon=one.epsilon, center=one.center, scale=one.scale
        ),
        ANY,
    ),
    Embedding: Twin(
        st.builds(
            Embedding, input_dim=st.integers(1, 9), output_dim=st.integers(1, 5), mask_zero=YES
        ),
        lambda one: K.Embedding(one.input_dim, one.output_dim, mask_zero=one.mask_zero),
        st.one_of(st.tuples(st.integers(1, 9)), STEPS),
    ),
    Masking: Twin(
        st.builds(Masking, mask_value=st.sampled_from([0.0, 0.5])),
        lambda one: K.Masking(one.mask_value),
        STEPS,
    ),
    GlobalAveragePooling1D: Twin(
        st.builds(GlobalAveragePooling1D, keepdims=YES),
        lambda one: K.GlobalAveragePooling1D(keepdims=one.keepdims),
        STEPS,
        masked=True,
    ),
    GlobalMaxPooling1D: Twin(
        st.builds(GlobalMaxPooling1D, keepdims=YES),
        lambda one: K.GlobalMaxPooling1D(keepdims=one.keepdims),
        STEPS,
    ),
    LayerNormalization: Twin(
        st.builds(LayerNormalization, epsilon=REAL, center=YES, scale=YES),
        lambda one: K.LayerNormalization(epsilon=one.epsilon, center=one.center, scale=one.scale),
        ANY,
    ),
    ColumnEmbeddings: Twin(
        st.sampled_from([((1, 4, 3), (3, 2, 1)), ((0, 3, 2),), ((0, 5, 1), (1, 1, 4))]).map(
            ColumnEmbeddings
        ),
        KerasColumnEmbeddings,
        st.tuples(st.integers(4, 6)),
    ),
    Flatten: Twin(st.just(Flatten()), lambda one: K.Flatten(), ANY),
    Reshape: Twin(st.just(Reshape((-1, 1))), lambda one: K.Reshape(one.target_shape), ANY),
    Linear: Twin(st.just(Linear()), lambda one: K.Activation("linear"), ANY),
    Sigmoid: Twin(st.just(Sigmoid()), lambda one: K.Activation("sigmoid"), ANY),
    Tanh: Twin(st.just(Tanh()), lambda one: K.Activation("tanh"), ANY),
    Relu: Twin(st.just(Relu()), lambda one: K.Activation("relu"), ANY),
    LeakyRelu: Twin(
        st.builds(LeakyRelu, negative_slope=REAL),
        lambda one: K.LeakyReLU(negative_slope=one.negative_slope),
        ANY,
    ),
    Elu: Twin(st.builds(Elu, alpha=REAL), lambda one: K.ELU(alpha=one.alpha), ANY),
    Gelu: Twin(
        st.builds(Gelu, approximate=YES),
        lambda one: K.Activation(lambda x: keras.activations.gelu(x, approximate=one.approximate)),
        ANY,
    ),
    Silu: Twin(st.just(Silu()), lambda one: K.Activation("silu"), ANY),
    Softplus: Twin(st.just(Softplus()), lambda one: K.Activation("softplus"), ANY),
    Softmax: Twin(st.just(Softmax()), lambda one: K.Softmax(), st.tuples(st.integers(2, 9))),
}
"""By class; activations are layers too."""

BY_HAND = {Dropout: "which numbers are dropped is drawn by another generator"}


@dataclass(frozen=True)
class MergeTwin:
    """shapes: of the inputs, drawn for the merge."""

    make: Draw
    keras: Callable[[Any], Any]
    shapes: Callable[[Any], Draw]


@st.composite
def alike(draw: st.DrawFn, least: int = 2, most: int = 4) -> list[Shape]:
    return [draw(ANY)] * draw(st.integers(least, most))


@st.composite
def side_by_side(draw: st.DrawFn) -> list[Shape]:
    shape = draw(ANY)
    widths = draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    return [(*shape[:-1], width) for width in widths]


def dotted(merge: merges.Dot) -> Draw:
    # A single number of length 1 does not change, so all that is left of its gradient is rounding.
    length = st.integers(2, 5)
    if merge.axes == (1, 2):
        return st.tuples(length, length, length).map(lambda n: [(n[0], n[1]), (n[2], n[0])])
    return length.map(lambda n: [(n,), (n,)])


MERGES: Mapping[type[Merge], MergeTwin] = {
    merges.Add: MergeTwin(st.just(merges.Add()), lambda m: K.Add(), lambda m: alike()),
    merges.Average: MergeTwin(st.just(merges.Average()), lambda m: K.Average(), lambda m: alike()),
    merges.Maximum: MergeTwin(st.just(merges.Maximum()), lambda m: K.Maximum(), lambda m: alike()),
    merges.Multiply: MergeTwin(
        st.just(merges.Multiply()), lambda m: K.Multiply(), lambda m: alike()
    ),
    merges.Subtract: MergeTwin(
        st.just(merges.Subtract()), lambda m: K.Subtract(), lambda m: alike(2, 2)
    ),
    merges.Concatenate: MergeTwin(
        st.just(merges.Concatenate()), lambda m: K.Concatenate(), lambda m: side_by_side()
    ),
    merges.Dot: MergeTwin(
        st.builds(merges.Dot, axes=st.sampled_from([(-1, -1), (1, 2)]), normalize=YES),
        lambda m: K.Dot(axes=m.axes, normalize=m.normalize),
        dotted,
    ),
}

WEIGHT = st.floats(1e-5, 1e-2)
REGULARIZERS: Mapping[
    type[regularizers.Regularizer], tuple[Callable[[Draw], Draw], Callable[[Any], Any]]
] = {
    # How it is drawn, given how its l1 is, and the same in Keras.
    regularizers.L1: (
        lambda l1: st.builds(regularizers.L1, l1=l1),
        lambda r: keras.regularizers.L1(r.l1),
    ),
    regularizers.L2: (
        lambda l1: st.builds(regularizers.L2, l2=WEIGHT),
        lambda r: keras.regularizers.L2(r.l2),
    ),
    regularizers.L1L2: (
        lambda l1: st.builds(regularizers.L1L2, l1=l1, l2=WEIGHT),
        lambda r: keras.regularizers.L1L2(r.l1, r.l2),
    ),
}


def regularized(layer: Layer, l1: Draw) -> Draw:
    """The layer, with regularizers for some of its arrays; l1: how strong they are."""
    fields = [name for name in vars(layer) if name.endswith("_regularizer")]
    chosen = st.one_of(st.none(), *(make(l1) for make, _ in REGULARIZERS.values()))
    drawn = st.fixed_dictionaries(dict.fromkeys(fields, chosen))
    return drawn.map(lambda options: replace(layer, **options))  # type: ignore[type-var]


def regularize(layer: Layer, other: Any) -> None:
    """Give Keras's layer, which is not built yet, the regularizers of ours."""
    for name, value in vars(layer).items():
        if name.endswith("_regularizer") and value is not None:
            assert hasattr(other, name)
            setattr(other, name, REGULARIZERS[type(value)][1](value))


OPTIMIZERS: Mapping[type[optimizers.Optimizer], tuple[Draw, Callable[[Any], Any]]] = {
    optimizers.SGD: (
        st.builds(optimizers.SGD, learning_rate=REAL),
        lambda o: O.SGD(o.learning_rate),
    ),
    optimizers.Momentum: (
        st.builds(
            optimizers.Momentum, learning_rate=REAL, momentum=st.floats(0.1, 0.99), nesterov=YES
        ),
        lambda o: O.SGD(o.learning_rate, momentum=o.momentum, nesterov=o.nesterov),
    ),
    optimizers.Adagrad: (
        st.builds(
            optimizers.Adagrad,
            learning_rate=REAL,
            initial_accumulator_value=st.floats(0, 1),
            epsilon=st.floats(1e-7, 0.1),
        ),
        lambda o: O.Adagrad(
            o.learning_rate,
            initial_accumulator_value=o.initial_accumulator_value,
            epsilon=o.epsilon,
        ),
    ),
    optimizers.RMSprop: (
        st.builds(
            optimizers.RMSprop,
            learning_rate=REAL,
            rho=st.floats(0, 0.99),
            epsilon=st.floats(1e-7, 0.1),
        ),
        lambda o: O.RMSprop(o.learning_rate, rho=o.rho, epsilon=o.epsilon),
    ),
    optimizers.Adam: (
        st.builds(
            optimizers.Adam,
            learning_rate=REAL,
            beta_1=st.floats(0, 0.99),
            beta_2=st.floats(0, 0.999),
            epsilon=st.floats(1e-7, 0.1),
        ),
        lambda o: O.Adam(o.learning_rate, o.beta_1, o.beta_2, o.epsilon),
    ),
    optimizers.AdamW: (
        st.builds(
            optimizers.AdamW,
            learning_rate=st.floats(0.01, 0.3),
            beta_1=st.floats(0, 0.99),
            beta_2=st.floats(0, 0.999),
            epsilon=st.floats(1e-7, 0.1),
            weight_decay=st.floats(0, 1),
        ),
        lambda o: O.AdamW(
            o.learning_rate,
            beta_1=o.beta_1,
            beta_2=o.beta_2,
            epsilon=o.epsilon,
            weight_decay=o.weight_decay,
        ),
    ),
}


def _sparse(loss: losses.SparseCategoricalCrossentropy) -> Any:
    """Keras smooths no class ids, so the smoothed rows are written out."""
    if not loss.label_smoothing:
        return L.SparseCategoricalCrossentropy(from_logits=True)
    smooth = L.CategoricalCrossentropy(from_logits=True, label_smoothing=loss.label_smoothing)
    return lambda t, y, weights=None: smooth(keras.ops.one_hot(t, y.shape[1]), y, weights)


LOSSES: Mapping[type[losses.Loss], Callable[[Any], Any]] = {
    losses.MeanSquaredError: lambda loss: L.MeanSquaredError(),
    losses.MeanAbsoluteError: lambda loss: L.MeanAbsoluteError(),
    losses.BinaryCrossentropy: lambda loss: L.BinaryCrossentropy(
        from_logits=True, label_smoothing=loss.label_smoothing
    ),
    losses.CategoricalCrossentropy: lambda loss: L.CategoricalCrossentropy(
        from_logits=True, label_smoothing=loss.label_smoothing
    ),
    losses.SparseCategoricalCrossentropy: _sparse,
}
