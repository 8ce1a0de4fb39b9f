"""What is measured: networks, the rows they learn from, who takes part, and the targets."""

from dataclasses import dataclass
from math import prod
from typing import Literal

Activation = Literal["relu", "tanh", "linear"]


@dataclass(frozen=True)
class Conv:
    """A 3x3 convolution of stride 1, then relu."""

    filters: int


@dataclass(frozen=True)
class NormConv:
    """A 3x3 convolution without a bias, then batch normalization and relu."""

    filters: int


@dataclass(frozen=True)
class Residual:
    """relu(norm(conv(relu(norm(conv(x))))) + shortcut(x)), 3x3 convolutions without biases.

    strides: of the first convolution. The shortcut is x itself, or a 1x1 convolution of these
    strides and batch normalization where the shape changes.
    """

    filters: int
    strides: int = 1


@dataclass(frozen=True)
class Separable:
    """A separable 3x3 convolution of stride 1, then relu."""

    filters: int


@dataclass(frozen=True)
class Depthwise:
    """A depthwise 3x3 convolution, a 1x1 convolution; each without a bias, then batch
    normalization and relu: MobileNet's block.

    strides: of the first one.
    """

    filters: int
    strides: int = 1


@dataclass(frozen=True)
class Steps:
    """A convolution over steps, of stride 1, then relu, then max pooling of two steps."""

    filters: int
    size: int


@dataclass(frozen=True)
class Pool:
    """2x2 max pooling."""


@dataclass(frozen=True)
class GlobalAverage:
    """The mean over height and width, or over steps."""


@dataclass(frozen=True)
class Dense:
    """A fully connected layer; the last one of a network gives logits."""

    units: int
    activation: Activation = "relu"


@dataclass(frozen=True)
class Network:
    """A chain of layers, flattened where the first dense layer follows an image.

    binary: one logit, binary cross-entropy, AdamW; else ten logits, cross-entropy, Adam.
    """

    in_shape: tuple[int, ...]
    layers: tuple[
        Conv | NormConv | Residual | Separable | Depthwise | Steps | Pool | GlobalAverage | Dense,
        ...,
    ]
    same: bool = False
    binary: bool = False

    @property
    def padding(self) -> str:
        """How convolutions are padded."""
        return "same" if self.same else "valid"

    @property
    def products(self) -> list[int]:
        """Operations of one row's matrix products, forward, layer by layer.

        A multiply-add counts two, and a convolution counts as if it were computed directly.
        """
        shape, found = self.in_shape, []
        for layer in self.layers:
            if isinstance(layer, Residual):
                height, width, channels = shape
                s, f = layer.strides, layer.filters
                shape = (-(-height // s), -(-width // s), f)
                found += [2 * 9 * channels * prod(shape), 2 * 9 * f * prod(shape)]
                if (s, f) != (1, channels):
                    found.append(2 * channels * prod(shape))
            elif isinstance(layer, Separable | Depthwise):
                height, width, channels = shape
                s = getattr(layer, "strides", 1)
                shape = (-(-height // s), -(-width // s), layer.filters)
                found += [2 * 9 * channels * prod(shape[:2]), 2 * channels * prod(shape)]
            elif isinstance(layer, Steps):
                steps, features = shape
                found.append(2 * layer.size * features * steps * layer.filters)
                shape = (steps // 2, layer.filters)
            elif isinstance(layer, Conv | NormConv):
                edge = 0 if self.same else 2
                height, width, channels = shape
                shape = (height - edge, width - edge, layer.filters)
                found.append(2 * 9 * channels * prod(shape))
            elif isinstance(layer, Pool):
                shape = (shape[0] // 2, shape[1] // 2, shape[2])
            elif isinstance(layer, GlobalAverage):
                shape = shape[-1:]
            else:
                found.append(2 * prod(shape) * layer.units)
                shape = (layer.units,)
        return found

    @property
    def training_flops(self) -> int:
        """Operations of one row in training: three products a layer, but no dx for the first."""
        return 3 * sum(self.products) - self.products[0]


SEED_CNN = Network((28, 28, 1), (Conv(32), Pool(), Conv(64), Pool(), Dense(10, "linear")))
WIDE_CNN = Network(
    (32, 32, 3),
    (Conv(64), Conv(64), Pool(), Conv(128), Conv(128), Pool(), Dense(10, "linear")),
    same=True,
)
RESIDUAL_CNN = Network(
    (28, 28, 1),
    (NormConv(16), Pool(), Residual(16), Residual(32, 2), GlobalAverage(), Dense(10, "linear")),
    same=True,
)
SEPARABLE_CNN = Network(
    (32, 32, 3),
    (Conv(32), Separable(64), Pool(), Separable(128), Pool(), GlobalAverage(), Dense(10, "linear")),
    same=True,
)
MOBILE_CNN = Network(
    (32, 32, 3),
    (
        *(NormConv(32), Depthwise(64), Depthwise(128, 2), Depthwise(128)),
        *(GlobalAverage(), Dense(10, "linear")),
    ),
    same=True,
)
SIGNAL_CNN = Network(
    (256, 1),
    (Steps(32, 7), Steps(64, 5), Steps(64, 3), GlobalAverage(), Dense(10, "linear")),
    same=True,
)
MLP = Network((784,), (Dense(128), Dense(10, "linear")))
WIDE_MLP = Network((784,), (Dense(1024), Dense(1024), Dense(10, "linear")))
CELLS = Network((30,), (Dense(16, "tanh"), Dense(1, "linear")), binary=True)

DLCLI, ALONE, NATIVE, EVALUATE = "dlcli", "dlcli 1 worker", "dlcli native", "dlcli evaluate"
TORCH, CHANNELS_LAST = "torch", "torch channels_last"
KERAS, SKLEARN = "keras", "sklearn"

PACKAGES = {
    TORCH: ("torch",),
    CHANNELS_LAST: ("torch",),
    KERAS: ("keras", "tensorflow"),
    SKLEARN: ("sklearn",),
}
"""What must be installed for a peer to take part. Its first word is the peer's name."""


@dataclass(frozen=True)
class Case:
    """One race.

    rows: how many rows an epoch has. target, stretch: dlcli's rate over the fastest peer's.
    fraction: target and stretch for the part of the machine's own rate of products.
    variants: dlcli in other ways than its default.
    scaling: target for the rate of all workers over that of one.
    """

    name: str
    title: str
    network: Network
    data: Literal["images", "flat images", "colours", "signals", "cells"]
    batch: int
    rows: int
    peers: tuple[str, ...]
    target: tuple[float, float] | None = None
    fraction: tuple[float, float] | None = None
    variants: tuple[str, ...] = ()
    scaling: float | None = None
    task: Literal["train", "infer"] = "train"


_CNN_PEERS = (TORCH, CHANNELS_LAST, KERAS)
_MLP_PEERS = (TORCH, SKLEARN, KERAS)
_WIDE = (0.75, 0.9)

CASES = (
    Case(
        "cnn-32",
        "seed CNN, batch 32",
        SEED_CNN,
        "images",
        32,
        12_800,
        _CNN_PEERS,
        target=(1.5, 2.0),
        variants=(ALONE, NATIVE),
        scaling=1.75,
    ),
    Case(
        "cnn-128",
        "seed CNN, batch 128",
        SEED_CNN,
        "images",
        128,
        12_800,
        _CNN_PEERS,
        target=(1.3, 1.8),
    ),
    Case(
        "mlp-32",
        "MLP 784-128-10, batch 32",
        MLP,
        "flat images",
        32,
        32_000,
        _MLP_PEERS,
        target=(1.6, 2.5),
        variants=(ALONE,),
    ),
    Case(
        "mlp-128",
        "MLP 784-128-10, batch 128",
        MLP,
        "flat images",
        128,
        32_000,
        _MLP_PEERS,
        target=(1.2, 1.6),
        variants=(ALONE,),
    ),
    Case(
        "wide-mlp",
        "MLP 784-1024-1024-10, batch 128",
        WIDE_MLP,
        "flat images",
        128,
        12_800,
        _MLP_PEERS,
        fraction=_WIDE,
    ),
    Case(
        "wide-cnn",
        "wide CNN, batch 32",
        WIDE_CNN,
        "colours",
        32,
        640,
        _CNN_PEERS,
        fraction=_WIDE,
    ),
    Case(
        "residual-cnn",
        "residual CNN with batch normalization, batch 64",
        RESIDUAL_CNN,
        "images",
        64,
        3_200,
        _CNN_PEERS,
        variants=(ALONE,),
        scaling=1.7,
    ),
    Case(
        "separable-cnn",
        "separable CNN, batch 32",
        SEPARABLE_CNN,
        "colours",
        32,
        1_280,
        _CNN_PEERS,
        target=(1.0, 1.2),
        variants=(ALONE,),
    ),
    Case(
        "mobile-cnn",
        "depthwise CNN with batch normalization, batch 32",
        MOBILE_CNN,
        "colours",
        32,
        1_280,
        _CNN_PEERS,
        target=(1.0, 1.2),
        variants=(ALONE,),
    ),
    Case(
        "signal-cnn",
        "CNN over 256 steps, batch 32",
        SIGNAL_CNN,
        "signals",
        32,
        6_400,
        (TORCH, KERAS),
        target=(1.0, 1.2),
        variants=(ALONE,),
    ),
    Case(
        "cells",
        "breast_cancer, batch 32",
        CELLS,
        "cells",
        32,
        370,
        _MLP_PEERS,
        variants=(ALONE,),
    ),
    Case(
        "infer",
        "seed CNN, inference",
        SEED_CNN,
        "images",
        256,
        10_240,
        _CNN_PEERS,
        variants=(EVALUATE,),
        task="infer",
    ),
)

BY_NAME = {case.name: case for case in CASES}
