"""The layers of a model. A new layer is a class here and its name in the union below."""

from typing import Annotated, Any, Literal

from dlcli.config import synonyms
from dlcli.config.activations import ACTIVATION_CONFIGS, Activation, Linear
from dlcli.config.base import Component, table
from dlcli.config.convolutions import Windowed
from dlcli.config.embeddings import ColumnEmbeddings, Embedding, Masking
from dlcli.config.initializers import GlorotUniform, Initializer, Ones, Zeros
from dlcli.config.layer_sections import LayerModel, OneInput, TargetShape
from dlcli.config.merges import IN_BRANCHES, Merges
from dlcli.config.regularizers import Regularizer
from dlcli.config.values import (
    Choice,
    Listing,
    Real,
    Switch,
    Whole,
    wrong_value,
)
from dlcli.config.wording import squeeze


class Dense(OneInput):
    """A fully connected layer: each output is a weighted sum of all inputs.

    units: how many outputs it has.
    """

    type: Literal["dense"] = "dense"
    units: Annotated[int, Whole(1, 1_000_000)]
    activation: Activation = Linear()
    use_bias: Annotated[bool, Switch()] = True
    kernel_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None


class BatchNormalization(OneInput):
    """Each channel is normalized over the rows and pixels of a batch, then scaled and shifted.

    momentum: how much of the moving mean and variance stays at each step.
    moving_mean_initializer: how the moving mean begins.
    moving_variance_initializer: how the moving variance begins.
    """

    type: Literal["batch_normalization"] = "batch_normalization"
    momentum: Annotated[float, Real(0.0, 1.0)] = 0.99
    epsilon: Annotated[float, Real(above=0.0, high=1e6)] = 1e-3
    center: Annotated[bool, Switch()] = True
    scale: Annotated[bool, Switch()] = True
    beta_initializer: Initializer = Zeros()
    gamma_initializer: Initializer = Ones()
    moving_mean_initializer: Initializer = Zeros()
    moving_variance_initializer: Initializer = Ones()
    beta_regularizer: Regularizer | None = None
    gamma_regularizer: Regularizer | None = None


class LayerNormalization(OneInput):
    """Each vector along the last axis is normalized by its own mean and variance."""

    type: Literal["layer_normalization"] = "layer_normalization"
    epsilon: Annotated[float, Real(above=0.0, high=1e6)] = 1e-3
    center: Annotated[bool, Switch()] = True
    scale: Annotated[bool, Switch()] = True
    beta_initializer: Initializer = Zeros()
    gamma_initializer: Initializer = Ones()
    beta_regularizer: Regularizer | None = None
    gamma_regularizer: Regularizer | None = None


class _Groups(Whole):
    """How many groups; -1: one for each channel."""

    def __call__(self, value: Any) -> int:
        if value == 0 and not isinstance(value, bool):
            raise wrong_value("must be a number of groups, or -1 (one for each channel), not 0")
        return super().__call__(value)


class GroupNormalization(OneInput):
    """Groups of channels are normalized by the mean and variance of each row.

    groups: how many groups; they must divide the channels. -1 makes a group for each channel.
    """

    type: Literal["group_normalization"] = "group_normalization"
    groups: Annotated[int, _Groups(-1, 65_536)] = 32
    epsilon: Annotated[float, Real(above=0.0, high=1e6)] = 1e-3
    center: Annotated[bool, Switch()] = True
    scale: Annotated[bool, Switch()] = True
    beta_initializer: Initializer = Zeros()
    gamma_initializer: Initializer = Ones()
    beta_regularizer: Regularizer | None = None
    gamma_regularizer: Regularizer | None = None


class Flatten(OneInput):
    """Rows of any shape become vectors."""

    type: Literal["flatten"] = "flatten"


class Reshape(OneInput):
    """Rows get another shape with as many numbers."""

    type: Literal["reshape"] = "reshape"
    target_shape: TargetShape


class Dropout(OneInput):
    """In training, numbers are set to zero at random; the others grow to keep the mean.

    rate: the share that is set to zero.
    """

    type: Literal["dropout"] = "dropout"
    rate: Annotated[float, Real(0.0, below=1.0)]


class ActivationLayer(OneInput):
    """An activation as a layer of its own.

    activation: which one.
    """

    type: Literal["activation"] = "activation"
    activation: Activation


Layers = tuple["Layer", ...]
Way = Annotated[Layers, Listing(most=1000)]


class Residual(OneInput):
    """activation(layers(x) + shortcut(x)): a way around some layers.

    layers: those that are gone around, in order.
    shortcut: layers on the way around; an empty list is x itself.
    activation: what the sum goes through.
    example: {type: residual, layers: [{type: dense, units: 16, activation: relu}]}
    """

    type: Literal["residual"] = "residual"
    layers: Annotated[Layers, Listing(most=1000, least=1)]
    shortcut: Way = ()
    activation: Activation = Linear()


class Branches(OneInput):
    """Each branch sees x; what they give is merged.

    branches: lists of layers; an empty one is x itself.
    merge: how what they give is brought together.
    example: {type: branches, branches: [[{type: dense, units: 8}], []], merge: concatenate}
    """

    type: Literal["branches"] = "branches"
    branches: Annotated[tuple[Way, ...], Listing(most=100, least=2)]
    merge: Annotated[str, Choice(IN_BRANCHES)] = "concatenate"


class Repeat(OneInput):
    """The layers, so many times one after the other, each time with arrays of their own.

    times: how often.
    layers: those that come again, in order.
    example: {type: repeat, times: 2, layers: [{type: dense, units: 16, activation: relu}]}
    """

    type: Literal["repeat"] = "repeat"
    times: Annotated[int, Whole(1, 1000)]
    layers: Annotated[Layers, Listing(most=1000, least=1)]


_ACTIVATION_HINTS = {
    squeeze(name): f"an activation is written `{{type: activation, activation: {name}}}`, "
    f"or as `activation: {name}` in the layer before it"
    for name in ACTIVATION_CONFIGS
    if name != "linear"
}

Layer = Annotated[
    Dense
    | Windowed
    | Embedding
    | Masking
    | BatchNormalization
    | LayerNormalization
    | GroupNormalization
    | Flatten
    | Reshape
    | Dropout
    | ActivationLayer
    | ColumnEmbeddings
    | Merges
    | Residual
    | Branches
    | Repeat,
    Component("layer", words=synonyms.LAYERS, hints=_ACTIVATION_HINTS),
]

LAYER_CONFIGS: dict[str, type[LayerModel]] = table(Layer)
