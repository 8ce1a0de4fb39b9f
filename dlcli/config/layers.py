"""The layers of a model. A new layer is a class here and its name in the union below."""

import re
from typing import Annotated, Any, Literal

from dlcli.config import hints
from dlcli.config.activations import ACTIVATION_CONFIGS, Activation, Linear
from dlcli.config.base import Component, Model, table
from dlcli.config.initializers import GlorotUniform, Initializer, Zeros
from dlcli.config.values import Choice, Listing, Real, Sizes, Switch, Text, Whole, wrong_value
from dlcli.config.words import squeeze

LayerName = Annotated[
    str,
    Text(
        "a name of lower-case letters, digits and `_` that begins with a letter",
        longest=64,
        fits=re.compile(r"[a-z][a-z0-9_]*").fullmatch,
    ),
]
Padding = Annotated[Literal["valid", "same"], Choice(("valid", "same"))]
Pair = Annotated[tuple[int, int], Sizes()]


class LayerModel(Model):
    """What all layers have. Without a `name` a layer is called `<type>_<n>`."""

    type: str
    name: LayerName | None = None


class Dense(LayerModel):
    type: Literal["dense"] = "dense"
    units: Annotated[int, Whole(1, 1_000_000)]
    activation: Activation = Linear()
    use_bias: Annotated[bool, Switch()] = True
    kernel_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()


class Conv2D(LayerModel):
    type: Literal["conv2d"] = "conv2d"
    filters: Annotated[int, Whole(1, 65_536)]
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "valid"
    dilation_rate: Pair = (1, 1)
    activation: Activation = Linear()
    use_bias: Annotated[bool, Switch()] = True
    kernel_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()


class MaxPooling2D(LayerModel):
    """Without `strides` the windows lie side by side."""

    type: Literal["max_pooling2d"] = "max_pooling2d"
    pool_size: Pair = (2, 2)
    strides: Pair | None = None
    padding: Padding = "valid"


class AveragePooling2D(LayerModel):
    """Without `strides` the windows lie side by side."""

    type: Literal["average_pooling2d"] = "average_pooling2d"
    pool_size: Pair = (2, 2)
    strides: Pair | None = None
    padding: Padding = "valid"


class Flatten(LayerModel):
    type: Literal["flatten"] = "flatten"


class _Size(Whole):
    """One length of a shape; -1 is worked out from the others."""

    def __call__(self, value: Any) -> int:
        if value == 0 and not isinstance(value, bool):
            raise wrong_value("must be a length of 1 or more, or -1 (worked out), not 0")
        return super().__call__(value)


class _TargetShape(Listing):
    def __call__(self, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            raise wrong_value(f"must be a list of lengths: write [{value}]")
        sizes = super().__call__(value)
        if sizes.count(-1) > 1:
            raise wrong_value("may have one -1 only (the length that is worked out)")
        return sizes


TargetShape = Annotated[
    tuple[Annotated[int, _Size(-1, 1_000_000)], ...], _TargetShape(most=8, least=1)
]


class Reshape(LayerModel):
    type: Literal["reshape"] = "reshape"
    target_shape: TargetShape


class Dropout(LayerModel):
    type: Literal["dropout"] = "dropout"
    rate: Annotated[float, Real(0.0, below=1.0)]


class ActivationLayer(LayerModel):
    type: Literal["activation"] = "activation"
    activation: Activation


_ACTIVATION_HINTS = {
    squeeze(name): f"an activation is written `{{type: activation, activation: {name}}}`, "
    f"or as `activation: {name}` in the layer before it"
    for name in ACTIVATION_CONFIGS
    if name != "linear"
}

Layer = Annotated[
    Dense
    | Conv2D
    | MaxPooling2D
    | AveragePooling2D
    | Flatten
    | Reshape
    | Dropout
    | ActivationLayer,
    Component("layer", words=hints.LAYERS, hints=_ACTIVATION_HINTS),
]

LAYER_CONFIGS: dict[str, type[LayerModel]] = table(Layer)
