"""Layers whose windows slide over images, or over the steps of a row; and layers that make images
larger."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import model_validator

from dlcli.config.activations import Activation, Linear
from dlcli.config.initializers import GlorotUniform, Initializer, Zeros
from dlcli.config.layer_sections import OneInput, Padding, Pair
from dlcli.config.regularizers import Regularizer
from dlcli.config.values import Checked, Choice, Sizes, Switch, Whole, wrong, wrong_value
from dlcli.config.wording import instead

_Filters = Annotated[int, Whole(1, 65_536)]
_Length = Annotated[int, Whole(1, 1024)]
_Causal = Literal["valid", "same", "causal"]


class Conv2D(OneInput):
    """A convolution over images: filters slide over rows and columns of pixels.

    padding: `valid`: the window stays inside; `same`: zeros around, so that there are as many
        places as before (divided by the strides).
    """

    later: ClassVar[tuple[str, ...]] = ("groups",)

    type: Literal["conv2d"] = "conv2d"
    filters: _Filters
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "valid"
    dilation_rate: Pair = (1, 1)
    groups: _Filters = 1
    activation: Activation = Linear()
    use_bias: Annotated[bool, Switch()] = True
    kernel_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None


class Conv1D(OneInput):
    """A convolution over the steps of rows (steps, features).

    kernel_size: how many steps the window has.
    padding: `valid`: the window stays inside; `same`: zeros around, so that there are as many steps
        as before (divided by the strides); `causal`: all zeros before, so that no step sees a later
        one.
    """

    type: Literal["conv1d"] = "conv1d"
    filters: _Filters
    kernel_size: _Length
    strides: _Length = 1
    padding: Annotated[_Causal, Choice(("valid", "same", "causal"))] = "valid"
    dilation_rate: _Length = 1
    groups: _Filters = 1
    activation: Activation = Linear()
    use_bias: Annotated[bool, Switch()] = True
    kernel_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None


class DepthwiseConv2D(OneInput):
    """A convolution that mixes no channels: `depth_multiplier` filters for each.

    depth_multiplier: how many filters each channel has.
    """

    type: Literal["depthwise_conv2d"] = "depthwise_conv2d"
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "valid"
    depth_multiplier: Annotated[int, Whole(1, 1024)] = 1
    dilation_rate: Pair = (1, 1)
    activation: Activation = Linear()
    use_bias: Annotated[bool, Switch()] = True
    depthwise_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    depthwise_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None


class SeparableConv2D(OneInput):
    """A depthwise convolution, then one over the channels of each pixel."""

    type: Literal["separable_conv2d"] = "separable_conv2d"
    filters: _Filters
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "valid"
    dilation_rate: Pair = (1, 1)
    depth_multiplier: Annotated[int, Whole(1, 1024)] = 1
    activation: Activation = Linear()
    use_bias: Annotated[bool, Switch()] = True
    depthwise_initializer: Initializer = GlorotUniform()
    pointwise_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    depthwise_regularizer: Regularizer | None = None
    pointwise_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None


class Conv2DTranspose(OneInput):
    """A convolution's way back: images become `strides` times as large.

    output_padding: chooses among the several sizes from which a conv2d would lead back.
    """

    type: Literal["conv2d_transpose"] = "conv2d_transpose"
    filters: _Filters
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "valid"
    output_padding: Annotated[tuple[int, int], Sizes(low=0)] | None = None
    dilation_rate: Pair = (1, 1)
    activation: Activation = Linear()
    use_bias: Annotated[bool, Switch()] = True
    kernel_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None

    @model_validator(mode="after")
    def _less_than_a_stride(self) -> Self:
        for more, stride in zip(self.output_padding or (), self.strides, strict=False):
            if more >= stride:
                words = f"must be below the strides, {list(self.strides)}, not "
                raise wrong(
                    f"`output_padding` {words}{list(self.output_padding or ())}", "output_padding"
                )
        return self


class MaxPooling2D(OneInput):
    """The largest number in each window. Without `strides` the windows lie side by side.

    strides: by how much the window moves on; by default by its own size.
    """

    type: Literal["max_pooling2d"] = "max_pooling2d"
    pool_size: Pair = (2, 2)
    strides: Pair | None = None
    padding: Padding = "valid"


class AveragePooling2D(OneInput):
    """The mean of each window. Without `strides` the windows lie side by side.

    strides: by how much the window moves on; by default by its own size.
    """

    type: Literal["average_pooling2d"] = "average_pooling2d"
    pool_size: Pair = (2, 2)
    strides: Pair | None = None
    padding: Padding = "valid"


class MaxPooling1D(OneInput):
    """The largest number in each window of steps, which lie side by side without `strides`.

    pool_size: how many steps the window has.
    strides: by how many steps the window moves on; by default by its own size.
    """

    type: Literal["max_pooling1d"] = "max_pooling1d"
    pool_size: _Length = 2
    strides: _Length | None = None
    padding: Padding = "valid"


class AveragePooling1D(OneInput):
    """The mean of each window of steps, which lie side by side without `strides`.

    pool_size: how many steps the window has.
    strides: by how many steps the window moves on; by default by its own size.
    """

    type: Literal["average_pooling1d"] = "average_pooling1d"
    pool_size: _Length = 2
    strides: _Length | None = None
    padding: Padding = "valid"


class GlobalAveragePooling2D(OneInput):
    """The mean of each channel over all pixels.

    keepdims: whether the axes stay, each of length 1.
    """

    type: Literal["global_average_pooling2d"] = "global_average_pooling2d"
    keepdims: Annotated[bool, Switch()] = False


class GlobalMaxPooling2D(OneInput):
    """The largest number of each channel over all pixels.

    keepdims: whether the axes stay, each of length 1.
    """

    type: Literal["global_max_pooling2d"] = "global_max_pooling2d"
    keepdims: Annotated[bool, Switch()] = False


class GlobalAveragePooling1D(OneInput):
    """The mean of each feature over the steps that are not masked.

    keepdims: whether the axis of steps stays, of length 1.
    """

    type: Literal["global_average_pooling1d"] = "global_average_pooling1d"
    keepdims: Annotated[bool, Switch()] = False


class GlobalMaxPooling1D(OneInput):
    """The largest number of each feature over the steps that are not masked.

    keepdims: whether the axis of steps stays, of length 1.
    """

    type: Literal["global_max_pooling1d"] = "global_max_pooling1d"
    keepdims: Annotated[bool, Switch()] = False


class Edges(Checked):
    """Lines on each side of an image: one number for all, [height, width], or [[above, below],
    [left, right]]; becomes the last."""

    def __call__(self, value: Any) -> tuple[tuple[int, int], tuple[int, int]]:
        what = (
            "must be a whole number from 0 to 1024, a pair [height, width] of such, or "
            "[[above, below], [left, right]]"
        )
        pair = value if isinstance(value, list | tuple) else (value, value)
        if len(pair) != 2:
            raise wrong_value(f"{what}, not a list of {len(pair)}")
        sides = [side if isinstance(side, list | tuple) else (side, side) for side in pair]
        if any(len(side) != 2 for side in sides):
            raise wrong_value(f"{what}{instead(value)}")
        for lines in (*sides[0], *sides[1]):
            whole = isinstance(lines, int) and not isinstance(lines, bool)
            if not whole or not 0 <= lines <= 1024:
                raise wrong_value(f"{what}{instead(lines)}")
        return (sides[0][0], sides[0][1]), (sides[1][0], sides[1][1])

    def json_schema(self) -> dict[str, Any]:
        lines = {"type": "integer", "minimum": 0, "maximum": 1024}
        side = {"type": "array", "items": lines, "minItems": 2, "maxItems": 2}
        pair = {"type": "array", "items": {"anyOf": [lines, side]}, "minItems": 2, "maxItems": 2}
        return {"anyOf": [lines, pair]}


class ZeroPadding2D(OneInput):
    """Lines of zeros around each image.

    padding: how many: one number, [height, width], or [[above, below], [left, right]].
    """

    type: Literal["zero_padding2d"] = "zero_padding2d"
    padding: Annotated[tuple[tuple[int, int], tuple[int, int]], Edges()] = ((1, 1), (1, 1))


class UpSampling2D(OneInput):
    """Images become `size` times as large.

    size: how many times as high and as wide: (height, width).
    """

    type: Literal["up_sampling2d"] = "up_sampling2d"
    size: Pair = (2, 2)
    interpolation: Annotated[Literal["nearest", "bilinear"], Choice(("nearest", "bilinear"))] = (
        "nearest"
    )


Windowed = (
    Conv2D
    | Conv1D
    | DepthwiseConv2D
    | SeparableConv2D
    | Conv2DTranspose
    | MaxPooling2D
    | AveragePooling2D
    | MaxPooling1D
    | AveragePooling1D
    | GlobalAveragePooling2D
    | GlobalMaxPooling2D
    | GlobalAveragePooling1D
    | GlobalMaxPooling1D
    | ZeroPadding2D
    | UpSampling2D
)
