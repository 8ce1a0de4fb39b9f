"""THE table of layers: every layer that a configuration can name, with its options.

Each row is put through all laws in `test_layer_laws.py`. A new layer has its first row among the
examples of `dlcli/engine/slopes.py`, and a row here for every other value of an option; tests fail
until it has them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from dlcli.engine.context import Context, Moment
from dlcli.engine.layer import Array, Layer, Shape
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
from dlcli.engine.layers.activations import Elu, Gelu, LeakyRelu, Relu, Softmax
from dlcli.engine.slopes import LAYER_EXAMPLES


@dataclass(frozen=True)
class Case:
    """A layer and the shape of the rows it is tried on.

    random: its output depends on the step and the shard while training.
    ids: the input are whole numbers below this one, and are not moved.
    masked: the input has a mask, which leaves the first of several rows without a step.
    """

    layer: Layer
    in_shape: Shape
    rows: int = 4
    random: bool = False
    ids: int = 0
    masked: bool = False

    def __str__(self) -> str:
        masked = " with a mask" if self.masked else ""
        return f"{self.layer} on {self.in_shape}{masked}".replace("Initializer", "")

    def x(self, dtype: str = "float64", seed: int = 1) -> Array:
        """Rows of normal numbers, without ties; or ids; in columns of ids, ids and what is none."""
        draw = np.random.default_rng(seed)
        if self.ids:
            return draw.integers(0, self.ids, (self.rows, *self.in_shape)).astype(dtype)
        numbers = draw.normal(size=(self.rows, *self.in_shape))
        for position, ids, _ in getattr(self.layer, "columns", ()):
            # In the middle between two whole numbers, which both mean the lower one; so that a
            # short step changes no id.
            numbers[:, position] = draw.integers(0, ids + 1, self.rows) + 0.5
        return numbers.astype(dtype)

    def dy(self, dtype: str = "float64", seed: int = 2) -> Array:
        """A gradient that arrives from above."""
        shape = (self.rows, *self.layer.out_shape(self.in_shape))
        return np.random.default_rng(seed).normal(size=shape).astype(dtype)

    def parameters(self, dtype: str = "float64", seed: int = 3) -> dict[str, Array]:
        """Normal numbers for every slot, biases too; positive ones for what is observed."""
        draw = np.random.default_rng(seed)
        found = {}
        for name, slot in self.layer.slots(self.in_shape).items():
            numbers = draw.normal(size=slot.shape).astype(dtype)
            found[name] = numbers if slot.kind == "trained" else np.abs(numbers)
        return found

    def context(self, training: bool = True, shard: int = 0, rows: slice = slice(None)) -> Context:
        """A context as a pass makes it, for some of the rows."""
        ctx = context(training, shard)
        if self.masked:
            mask = np.random.default_rng(6).random((self.rows, self.in_shape[0])) < 0.6
            mask[0] = self.rows == 1
            ctx.mask = mask[rows]
        return ctx


def gradients_like(p: Mapping[str, Array]) -> dict[str, Array]:
    """Room for gradients, full of NaN, so that what is not assigned shows."""
    return {name: np.full_like(array, np.nan) for name, array in p.items()}


def context(training: bool = True, shard: int = 0) -> Context:
    """A context as the trainer makes it."""
    return Context("layer_1", Moment(seed=5, training=training, step=3, shard=shard))


CASES: list[Case] = [
    *(Case(e.layer, e.in_shape, ids=e.ids, random=e.random) for e in LAYER_EXAMPLES),
    Case(Dense(1), (1,)),
    Case(Dense(4, use_bias=False), (3,)),
    Case(Dense(3), (2, 4)),
    Case(Dense(2), (3, 2, 3)),
    Case(Dense(2), (5,), rows=1),
    *(
        Case(Conv2D(2, kernel, strides, padding, dilation), (6, 7, channels), rows=2)
        for kernel, strides, padding, dilation, channels in [
            (*options, channels)
            for channels, options in zip(
                [1, 2, 3] * 100,
                product(
                    [(3, 3), (2, 3), (1, 1)],
                    [(1, 1), (2, 2), (3, 1)],
                    ["valid", "same"],
                    [(1, 1), (2, 2), (1, 3)],
                ),
                strict=False,
            )
        ]
    ),
    Case(Conv2D(3, (3, 3), use_bias=False), (4, 5, 2)),
    Case(Conv2D(4, (2, 3), groups=2), (4, 5, 6)),
    Case(Conv2D(6, (3, 1), (2, 1), "same", groups=3), (5, 4, 3)),
    Case(Conv2D(3, (1, 1)), (2, 3, 2)),
    Case(Conv2D(2, (3, 3), padding="same"), (1, 1, 2)),
    Case(Conv2D(2, (5, 4), padding="same", dilation_rate=(2, 3)), (3, 2, 1)),
    *(
        Case(Conv1D(filters, kernel, strides, padding, dilation, groups, bias), shape)
        for filters, kernel, strides, padding, dilation, groups, bias, shape in [
            (3, 3, 1, "valid", 1, 1, True, (7, 2)),
            (2, 3, 2, "same", 1, 1, True, (7, 3)),
            (2, 2, 1, "causal", 3, 1, False, (5, 2)),
            (2, 4, 3, "causal", 1, 1, True, (8, 1)),
            (4, 3, 1, "same", 2, 2, True, (6, 4)),
            (1, 1, 1, "valid", 1, 1, False, (1, 1)),
        ]
    ),
    *(
        Case(DepthwiseConv2D(kernel, strides, padding, many, dilation, bias), (6, 5, channels))
        for kernel, strides, padding, many, dilation, bias, channels in [
            ((3, 3), (1, 1), "valid", 1, (1, 1), True, 2),
            ((3, 2), (2, 2), "same", 1, (1, 1), True, 3),
            ((2, 3), (1, 2), "same", 3, (2, 1), True, 2),
            ((1, 1), (1, 1), "valid", 2, (1, 1), False, 1),
            ((3, 3), (1, 1), "same", 1, (2, 3), False, 2),
            ((7, 7), (1, 1), "same", 2, (1, 1), True, 1),
        ]
    ),
    *(
        Case(SeparableConv2D(filters, kernel, strides, padding, dilation, many, bias), (5, 6, 2))
        for filters, kernel, strides, padding, dilation, many, bias in [
            (3, (3, 3), (1, 1), "valid", (1, 1), 1, True),
            (2, (2, 3), (2, 2), "same", (1, 1), 2, False),
            (1, (2, 2), (1, 1), "same", (2, 2), 1, True),
        ]
    ),
    *(
        Case(Conv2DTranspose(filters, kernel, strides, padding, more, d, bias), (3, 4, channels))
        for filters, kernel, strides, padding, more, d, bias, channels in [
            (2, (3, 3), (1, 1), "valid", None, (1, 1), True, 2),
            (3, (3, 2), (2, 2), "same", None, (1, 1), True, 3),
            (2, (2, 3), (3, 1), "valid", None, (1, 1), False, 1),
            (3, (3, 3), (2, 2), "same", (1, 0), (1, 1), True, 2),
            (2, (2, 3), (3, 2), "valid", (2, 1), (1, 1), True, 1),
            (3, (2, 3), (1, 1), "same", None, (2, 2), True, 2),
            (1, (2, 2), (2, 1), "valid", None, (1, 2), True, 1),
        ]
    ),
    *(
        Case(pool(size, strides, padding), (7, 2))
        for pool in (MaxPooling1D, AveragePooling1D)
        for size, strides, padding in [
            (2, None, "valid"),
            (3, 1, "same"),
            (3, 2, "same"),
            (1, 4, "valid"),
        ]
    ),
    Case(ZeroPadding2D(), (2, 3, 2)),
    Case(ZeroPadding2D(((0, 0), (0, 0))), (2, 2, 1)),
    Case(UpSampling2D(), (2, 3, 2)),
    Case(UpSampling2D((3, 1)), (2, 2, 3)),
    Case(UpSampling2D((1, 2), "bilinear"), (1, 1, 1)),
    *(
        Case(pool(size, strides, padding), (6, 7, 2), rows=2)
        for pool in (MaxPooling2D, AveragePooling2D)
        for size in [(2, 2), (3, 2), (1, 1)]
        for strides in [None, (1, 1), (2, 3), (4, 4)]
        for padding in ["valid", "same"]
    ),
    Case(MaxPooling2D((5, 5), (1, 1), "same"), (2, 3, 1)),
    Case(AveragePooling2D((5, 5), (1, 1), "same"), (2, 3, 1)),
    *(
        Case(pool(keepdims), (3, 4, 2), rows=3)
        for pool in (GlobalAveragePooling2D, GlobalMaxPooling2D)
        for keepdims in (False, True)
    ),
    Case(BatchNormalization(), (5,)),
    Case(BatchNormalization(0.5, 0.1), (3, 2, 2)),
    Case(BatchNormalization(0.9, center=False), (2, 3), rows=5),
    Case(BatchNormalization(scale=False), (20, 20, 2), rows=3),
    Case(BatchNormalization(center=False, scale=False), (4,)),
    Case(BatchNormalization(epsilon=0.1), (5, 3), masked=True),
    Case(BatchNormalization(center=False, scale=False), (40, 2), rows=3, masked=True),
    Case(LayerNormalization(), (5,)),
    Case(LayerNormalization(epsilon=0.1), (2, 3)),
    Case(LayerNormalization(center=False), (2, 2, 3)),
    Case(LayerNormalization(scale=False), (4,)),
    Case(LayerNormalization(center=False, scale=False), (4,), rows=1),
    Case(GroupNormalization(), (32,)),
    Case(GroupNormalization(-1, epsilon=0.1), (5, 3)),
    Case(GroupNormalization(3, center=False), (2, 6)),
    Case(GroupNormalization(1, scale=False), (2, 2, 3), rows=1),
    Case(GroupNormalization(2, epsilon=0.1), (5, 4), masked=True),
    Case(GroupNormalization(-1, center=False, scale=False), (6, 3), masked=True),
    Case(Embedding(7, 2, mask_zero=True), (6,), ids=7),
    Case(Embedding(3, 1), (2, 3), ids=3),
    Case(Embedding(4, 2), (), ids=4),
    Case(Masking(0.5), (1, 3)),
    *(
        Case(pool(keepdims), in_shape, masked=masked)
        for pool in (GlobalAveragePooling1D, GlobalMaxPooling1D)
        for keepdims, in_shape, masked in [
            (False, (5, 3), False),
            (True, (4, 1), False),
            (False, (6, 2), True),
            (True, (7, 1), True),
        ]
    ),
    Case(Flatten(), (4,)),
    Case(Reshape((2, 3, 1)), (6,)),
    Case(ColumnEmbeddings(((0, 3, 2),)), (1,), rows=9),
    Case(ColumnEmbeddings(((1, 4, 3), (3, 1, 1))), (5,), rows=6),
    Case(ColumnEmbeddings(((0, 2, 1), (1, 3, 2), (2, 2, 4))), (4,), rows=12),
    Case(Dropout(0.0), (2, 3)),
    Case(Dropout(0.9), (3, 3, 2), random=True),
    Case(Relu(), (3, 2, 2)),
    Case(LeakyRelu(negative_slope=1.5), (2, 3)),
    Case(Elu(alpha=0.7), (2, 3)),
    Case(Gelu(), (9,)),
    Case(Gelu(approximate=True), (3, 3)),
    Case(Softmax(), (5,)),
    Case(Softmax(), (2, 3)),
]
