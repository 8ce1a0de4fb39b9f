"""The activations: functions of one number, but for softmax, which goes over the last axis."""

from typing import Annotated, Literal

from dlcli.config import synonyms
from dlcli.config.base import Component, Model, table
from dlcli.config.values import Real, Switch


class Linear(Model):
    type: Literal["linear"] = "linear"


class Sigmoid(Model):
    type: Literal["sigmoid"] = "sigmoid"


class Tanh(Model):
    type: Literal["tanh"] = "tanh"


class Relu(Model):
    type: Literal["relu"] = "relu"


class LeakyRelu(Model):
    type: Literal["leaky_relu"] = "leaky_relu"
    negative_slope: Annotated[float, Real(0.0, 1e6)] = 0.2


class Elu(Model):
    type: Literal["elu"] = "elu"
    alpha: Annotated[float, Real(0.0, 1e6)] = 1.0


class Gelu(Model):
    """The exact form by erf, or the approximation by tanh."""

    type: Literal["gelu"] = "gelu"
    approximate: Annotated[bool, Switch()] = False


class Silu(Model):
    type: Literal["silu"] = "silu"


class Softplus(Model):
    type: Literal["softplus"] = "softplus"


class Softmax(Model):
    type: Literal["softmax"] = "softmax"


Activation = Annotated[
    Linear | Sigmoid | Tanh | Relu | LeakyRelu | Elu | Gelu | Silu | Softplus | Softmax,
    Component("activation", words=synonyms.ACTIVATIONS),
]

ACTIVATION_CONFIGS: dict[str, type[Model]] = table(Activation)
