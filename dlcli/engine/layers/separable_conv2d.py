"""A convolution in two: of each channel by itself, then of all channels at each pixel."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from dlcli.engine.context import Context
from dlcli.engine.initializers import GlorotUniform, Initializer, Zeros
from dlcli.engine.layer import Array, Layer, Params, Shape, Slot, slots_of
from dlcli.engine.layers.biases import bias_slot
from dlcli.engine.layers.conv2d import Conv2D
from dlcli.engine.layers.depthwise_conv2d import DepthwiseConv2D
from dlcli.engine.layers.windows import Padding, Pair
from dlcli.engine.regularizers import Regularizer
from dlcli.frozen import frozen


@frozen
class SeparableConv2D(Layer):
    """y = pointwise(depthwise(x)) + bias: a convolution whose kernel is a product of two.

    depthwise: `depthwise_conv2d` without a bias, m = depth_multiplier filters for each channel;
        it has the strides and the dilation. Its kernel has the shape (height, width, in, m).
    pointwise: `conv2d` of one pixel without a bias, kernel (1, 1, in m, filters).

    Source: names, options and shapes are those of keras.layers.SeparableConv2D, channels last.
    """

    affine = True

    filters: int
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "valid"
    dilation_rate: Pair = (1, 1)
    depth_multiplier: int = 1
    use_bias: bool = True
    depthwise_initializer: Initializer = GlorotUniform()
    pointwise_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    depthwise_regularizer: Regularizer | None = None
    pointwise_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None

    @cached_property
    def depthwise(self) -> DepthwiseConv2D:
        """Its first half."""
        return DepthwiseConv2D(
            self.kernel_size,
            self.strides,
            self.padding,
            self.depth_multiplier,
            self.dilation_rate,
            use_bias=False,
        )

    @cached_property
    def pointwise(self) -> Conv2D:
        """Its second half, which has the bias."""
        return Conv2D(self.filters, (1, 1), use_bias=self.use_bias)

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        self.out_shape(in_shape)
        deep = in_shape[2], self.depth_multiplier
        return slots_of(
            depthwise_kernel=Slot(
                (*self.kernel_size, *deep),
                self.depthwise_initializer,
                regularizer=self.depthwise_regularizer,
            ),
            pointwise_kernel=Slot(
                (1, 1, deep[0] * deep[1], self.filters),
                self.pointwise_initializer,
                regularizer=self.pointwise_regularizer,
            ),
            bias=bias_slot(self, self.filters),
        )

    def out_shape(self, in_shape: Shape) -> Shape:
        between = self.depthwise.shape_in_the_name_of("separable_conv2d", in_shape)
        return (*between[:2], self.filters)

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        between, first = self.depthwise.forward(depthwise_of(p), x, ctx.part("depthwise"))
        y, second = self.pointwise.forward(pointwise_of(p), between, ctx.part("pointwise"))
        return y, (first, second)

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        first, second = cache
        between = self.pointwise.backward(
            pointwise_of(p), pointwise_of(g), second, dy, ctx.part("pointwise")
        )
        assert between is not None
        return self.depthwise.backward(
            depthwise_of(p), depthwise_of(g), first, between, ctx.part("depthwise"), need_dx=need_dx
        )

    def scaled(self, p: Params, factor: Array) -> Mapping[str, Array]:
        return {
            "depthwise_kernel": p["depthwise_kernel"],
            "pointwise_kernel": p["pointwise_kernel"] * factor,
        }

    def flops(self, in_shape: Shape) -> int:
        between = self.depthwise.out_shape(in_shape)
        return self.depthwise.flops(in_shape) + self.pointwise.flops(between)


def depthwise_of(arrays: Params) -> Params:
    """The arrays of the first half."""
    return {"kernel": arrays["depthwise_kernel"]} if arrays else {}


def pointwise_of(arrays: Params) -> Params:
    """The arrays of the second half."""
    if not arrays:
        return {}
    bias = {"bias": arrays["bias"]} if "bias" in arrays else {}
    return {"kernel": arrays["pointwise_kernel"], **bias}
