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
    AveragePooling2D,
    BatchNormalization,
    ColumnEmbeddings,
    Conv2D,
    Dense,
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
    MaxPooling2D,
    Reshape,
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


class TorchConv2D(K.Conv2D):
    """Keras's own on PyTorch has no gradient in float64."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        x = padded(inputs, self.kernel_size, self.strides, self.dilation_rate, self.padding)
        weight = torch.as_tensor(kernel.value).permute(3, 2, 0, 1).contiguous()
        y = torch.nn.functional.conv2d(
            x.contiguous(), weight, stride=self.strides, dilation=self.dilation_rate
        )
        return y.permute(0, 2, 3, 1)


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
    return Conv2D(draw(st.integers(1, 9)), draw(pair(3)), strides, padding, dilation, draw(YES))


def pools(kind: type[Any]) -> Draw:
    strides = st.one_of(st.none(), pair(3))
    return st.builds(kind, pool_size=pair(3), strides=strides, padding=PADDING)


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
            use_bias=one.use_bias,
        ),
        IMAGES,
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
