"""THE table of layers: every layer that a configuration can name, with its options.

Each row is put through all laws in `test_layer_laws.py`. A new layer needs a row here; a test
fails until it has one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from dlcli.engine.context import Context, Moment
from dlcli.engine.layer import Array, Layer, Shape
from dlcli.engine.layers import (
    AveragePooling2D,
    BatchNormalization,
    ColumnEmbeddings,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    LayerNormalization,
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


@dataclass(frozen=True)
class Case:
    """A layer and the shape of the rows it is tried on.

    random: its output depends on the step and the shard while training.
    """

    layer: Layer
    in_shape: Shape
    rows: int = 4
    random: bool = False

    def __str__(self) -> str:
        return f"{self.layer} on {self.in_shape}".replace("Initializer", "")

    def x(self, dtype: str = "float64", seed: int = 1) -> Array:
        """Rows of normal numbers, without ties; in columns of ids, ids and what is none."""
        draw = np.random.default_rng(seed)
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


def gradients_like(p: Mapping[str, Array]) -> dict[str, Array]:
    """Room for gradients, full of NaN, so that what is not assigned shows."""
    return {name: np.full_like(array, np.nan) for name, array in p.items()}


def context(training: bool = True, shard: int = 0) -> Context:
    """A context as the trainer makes it."""
    return Context("layer_1", Moment(seed=5, training=training, step=3, shard=shard))


CASES: list[Case] = [
    Case(Dense(3), (5,)),
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
    Case(Conv2D(2, (3, 3), padding="same"), (1, 1, 2)),
    Case(Conv2D(2, (5, 4), padding="same", dilation_rate=(2, 3)), (3, 2, 1)),
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
    Case(LayerNormalization(), (5,)),
    Case(LayerNormalization(epsilon=0.1), (2, 3)),
    Case(LayerNormalization(center=False), (2, 2, 3)),
    Case(LayerNormalization(scale=False), (4,)),
    Case(LayerNormalization(center=False, scale=False), (4,), rows=1),
    Case(Flatten(), (2, 3, 2)),
    Case(Flatten(), (4,)),
    Case(Reshape((3, -1)), (2, 6)),
    Case(Reshape((2, 3, 1)), (6,)),
    Case(ColumnEmbeddings(((0, 3, 2),)), (1,), rows=9),
    Case(ColumnEmbeddings(((1, 4, 3), (3, 1, 1))), (5,), rows=6),
    Case(ColumnEmbeddings(((0, 2, 1), (1, 3, 2), (2, 2, 4))), (4,), rows=12),
    Case(Dropout(0.0), (5,)),
    Case(Dropout(0.4), (5,), random=True),
    Case(Dropout(0.9), (3, 3, 2), random=True),
    Case(Linear(), (5,)),
    Case(Sigmoid(), (5,)),
    Case(Tanh(), (2, 3)),
    Case(Relu(), (3, 2, 2)),
    Case(LeakyRelu(), (5,)),
    Case(LeakyRelu(negative_slope=1.5), (5,)),
    Case(Elu(), (5,)),
    Case(Elu(alpha=0.7), (2, 3)),
    Case(Gelu(), (9,)),
    Case(Gelu(approximate=True), (9,)),
    Case(Silu(), (5,)),
    Case(Softplus(), (5,)),
    Case(Softmax(), (5,)),
    Case(Softmax(), (2, 3)),
]
