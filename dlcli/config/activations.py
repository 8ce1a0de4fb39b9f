"""The activations: functions of one number, but for softmax, which goes over the last axis."""

from typing import Annotated, Literal

from dlcli.config import synonyms
from dlcli.config.base import Component, Section, table
from dlcli.config.values import Real, Switch


class Linear(Section):
    type: Literal["linear"] = "linear"


class Sigmoid(Section):
    type: Literal["sigmoid"] = "sigmoid"


class Tanh(Section):
    type: Literal["tanh"] = "tanh"


class Relu(Section):
    type: Literal["relu"] = "relu"


class LeakyRelu(Section):
    """y = x where x > 0, else negative_slope x.

    negative_slope: the slope below 0.
    """

    type: Literal["leaky_relu"] = "leaky_relu"
    negative_slope: Annotated[float, Real(0.0, 1e6)] = 0.2


class Elu(Section):
    """y = x where x > 0, else alpha (exp(x) - 1).

    alpha: how far below 0 it goes.
    """

    type: Literal["elu"] = "elu"
    alpha: Annotated[float, Real(0.0, 1e6)] = 1.0


class Gelu(Section):
    """y = x Phi(x), with Phi the distribution function of the normal distribution.

    approximate: whether by tanh; else the exact form by erf.
    """

    type: Literal["gelu"] = "gelu"
    approximate: Annotated[bool, Switch()] = False


class Silu(Section):
    type: Literal["silu"] = "silu"


class Softplus(Section):
    type: Literal["softplus"] = "softplus"


class Softmax(Section):
    type: Literal["softmax"] = "softmax"


Activation = Annotated[
    Linear | Sigmoid | Tanh | Relu | LeakyRelu | Elu | Gelu | Silu | Softplus | Softmax,
    Component("activation", words=synonyms.ACTIVATIONS),
]

ACTIVATION_CONFIGS: dict[str, type[Section]] = table(Activation)
