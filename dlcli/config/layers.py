"""The layers of a model. A new layer is a class here and its name in the union below."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from dlcli.config import hints
from dlcli.config.activations import ACTIVATION_CONFIGS, Activation, Linear
from dlcli.config.base import Component, Model, table
from dlcli.config.initializers import GlorotUniform, Initializer, Ones, RandomUniform, Zeros
from dlcli.config.regularizers import Regularizer
from dlcli.config.values import (
    ByName,
    Checked,
    Choice,
    Listing,
    Real,
    Sizes,
    Switch,
    Text,
    Whole,
    wrong_value,
)
from dlcli.config.words import instead, squeeze

NAME = Text(
    "a name of lower-case letters, digits and `_` that begins with a letter",
    longest=64,
    fits=re.compile(r"[a-z][a-z0-9_]*").fullmatch,
)
LayerName = Annotated[str, NAME]
Padding = Annotated[Literal["valid", "same"], Choice(("valid", "same"))]
Pair = Annotated[tuple[int, int], Sizes()]


class LayerModel(Model):
    """What all layers have. Without a `name` a layer is called `<type>_<n>`.

    trainable: whether its arrays learn; false on a block freezes every layer inside.
    """

    type: str
    name: LayerName | None = None
    trainable: Annotated[bool, Switch()] = True

    @model_serializer(mode="wrap")
    def _without_the_usual(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without options that came later and are not used, so that what does without them is
        written as it always was."""
        written: dict[str, Any] = write(self)
        unused = [name for name in written if _later(name) and getattr(self, name) is None]
        for name in (*unused, *(["trainable"] if self.trainable else [])):
            written.pop(name, None)  # within blocks, it is asked twice
        return written


def _later(name: str) -> bool:
    """Whether this option was not there at first; None stands for its not being used."""
    return name == "input" or name.endswith("_regularizer")


class OneInput(LayerModel):
    """A layer of one input: the value of an earlier layer or of the data; None: the one before."""

    input: LayerName | None = None


class Dense(OneInput):
    type: Literal["dense"] = "dense"
    units: Annotated[int, Whole(1, 1_000_000)]
    activation: Activation = Linear()
    use_bias: Annotated[bool, Switch()] = True
    kernel_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None


class Conv2D(OneInput):
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
    kernel_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None


class MaxPooling2D(OneInput):
    """Without `strides` the windows lie side by side."""

    type: Literal["max_pooling2d"] = "max_pooling2d"
    pool_size: Pair = (2, 2)
    strides: Pair | None = None
    padding: Padding = "valid"


class AveragePooling2D(OneInput):
    """Without `strides` the windows lie side by side."""

    type: Literal["average_pooling2d"] = "average_pooling2d"
    pool_size: Pair = (2, 2)
    strides: Pair | None = None
    padding: Padding = "valid"


class GlobalAveragePooling2D(OneInput):
    type: Literal["global_average_pooling2d"] = "global_average_pooling2d"
    keepdims: Annotated[bool, Switch()] = False


class GlobalMaxPooling2D(OneInput):
    type: Literal["global_max_pooling2d"] = "global_max_pooling2d"
    keepdims: Annotated[bool, Switch()] = False


class BatchNormalization(OneInput):
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
    type: Literal["layer_normalization"] = "layer_normalization"
    epsilon: Annotated[float, Real(above=0.0, high=1e6)] = 1e-3
    center: Annotated[bool, Switch()] = True
    scale: Annotated[bool, Switch()] = True
    beta_initializer: Initializer = Zeros()
    gamma_initializer: Initializer = Ones()
    beta_regularizer: Regularizer | None = None
    gamma_regularizer: Regularizer | None = None


class Flatten(OneInput):
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


class Reshape(OneInput):
    type: Literal["reshape"] = "reshape"
    target_shape: TargetShape


class Dropout(OneInput):
    type: Literal["dropout"] = "dropout"
    rate: Annotated[float, Real(0.0, below=1.0)]


class ActivationLayer(OneInput):
    type: Literal["activation"] = "activation"
    activation: Activation


_Width = Whole(1, 65_536)


class ColumnEmbeddings(OneInput):
    """A vector in place of each id that the transform `category` made: of the length that
    `output_dim` gives for the column, else `default_output_dim`."""

    type: Literal["column_embeddings"] = "column_embeddings"
    output_dim: Annotated[dict[str, int], ByName(Text("the name of a column", 1000), _Width)] = (
        Field(default_factory=dict)
    )
    default_output_dim: Annotated[int, _Width] | None = None
    embeddings_initializer: Initializer = RandomUniform()


class _IdColumn(Checked):
    """Position, number of ids and length of a vector."""

    def __call__(self, value: Any) -> tuple[int, int, int]:
        if not isinstance(value, list | tuple) or len(value) != 3:
            raise wrong_value(f"must be a list of three whole numbers{instead(value)}")
        position, ids, dim = value
        return Whole(0, 2**31)(position), Whole(1, 2**24 - 1)(ids), _Width(dim)


class EmbeddedColumns(Model):
    """What a deployed network says of `column_embeddings`: the columns as training found them."""

    type: Literal["column_embeddings"] = "column_embeddings"
    columns: Annotated[
        tuple[Annotated[tuple[int, int, int], _IdColumn()], ...], Listing(most=100_000, least=1)
    ]
    embeddings_initializer: Initializer = RandomUniform()


class MergeLayer(LayerModel):
    """A layer of several inputs."""

    inputs: Annotated[tuple[LayerName, ...], Listing(most=100, least=2)]


class Add(MergeLayer):
    type: Literal["add"] = "add"


class Average(MergeLayer):
    type: Literal["average"] = "average"


class Concatenate(MergeLayer):
    type: Literal["concatenate"] = "concatenate"


class Maximum(MergeLayer):
    type: Literal["maximum"] = "maximum"


class Multiply(MergeLayer):
    type: Literal["multiply"] = "multiply"


class Subtract(MergeLayer):
    type: Literal["subtract"] = "subtract"


class _Axes(Checked):
    """One axis for both inputs or a pair; becomes the pair."""

    def __call__(self, value: Any) -> tuple[int, int]:
        pair = [value, value] if isinstance(value, int) else value
        what = "must be an axis of the rows (1 is the first, -1 the last), or a pair of such"
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise wrong_value(f"{what}{instead(value)}")
        for axis in pair:
            whole = isinstance(axis, int) and not isinstance(axis, bool)
            if not whole or axis == 0 or abs(axis) > 8:
                raise wrong_value(f"{what}{instead(axis)}")
        return pair[0], pair[1]

    def json_schema(self) -> dict[str, Any]:
        axis = {"type": "integer", "minimum": -8, "maximum": 8}
        return {"anyOf": [axis, {"type": "array", "items": axis, "minItems": 2, "maxItems": 2}]}


class Dot(MergeLayer):
    type: Literal["dot"] = "dot"
    axes: Annotated[tuple[int, int], _Axes()] = (-1, -1)
    normalize: Annotated[bool, Switch()] = False


Layers = tuple["Layer", ...]
Way = Annotated[Layers, Listing(most=1000)]


class Residual(OneInput):
    """activation(layers(x) + shortcut(x)); an empty shortcut is x itself."""

    type: Literal["residual"] = "residual"
    layers: Annotated[Layers, Listing(most=1000, least=1)]
    shortcut: Way = ()
    activation: Activation = Linear()


class Branches(OneInput):
    """Each branch sees x; what they give is merged. An empty branch is x itself."""

    type: Literal["branches"] = "branches"
    branches: Annotated[tuple[Way, ...], Listing(most=100, least=2)]
    merge: Annotated[
        Literal["concatenate", "add", "multiply", "average", "maximum"],
        Choice(("concatenate", "add", "multiply", "average", "maximum")),
    ] = "concatenate"


class Repeat(OneInput):
    """The layers, so many times one after the other, each time with arrays of their own."""

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
    | Conv2D
    | MaxPooling2D
    | AveragePooling2D
    | GlobalAveragePooling2D
    | GlobalMaxPooling2D
    | BatchNormalization
    | LayerNormalization
    | Flatten
    | Reshape
    | Dropout
    | ActivationLayer
    | ColumnEmbeddings
    | Add
    | Average
    | Concatenate
    | Dot
    | Maximum
    | Multiply
    | Subtract
    | Residual
    | Branches
    | Repeat,
    Component("layer", words=hints.LAYERS, hints=_ACTIVATION_HINTS),
]

LAYER_CONFIGS: dict[str, type[LayerModel]] = table(Layer)
