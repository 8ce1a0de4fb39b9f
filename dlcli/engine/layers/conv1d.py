"""Convolution over the steps of a row: a view on that over images."""

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

from dlcli.engine.initializers import GlorotUniform, Initializer, Zeros
from dlcli.engine.layer import Array, Params, Shape, Slot, slots_of
from dlcli.engine.layers.biases import bias_slot
from dlcli.engine.layers.conv2d import Conv2D, require_groups
from dlcli.engine.layers.one_axis import OneAxis, places
from dlcli.engine.layers.steps import require_steps
from dlcli.engine.layers.windows import Causal, slide
from dlcli.engine.regularizers import Regularizer
from dlcli.frozen import frozen


@frozen
class Conv1D(OneAxis):
    """A convolution over steps: x (n, steps, in), y (n, places, filters).

        y[r, i, f] = bias[f] + sum over u, c of x[r, i s + u d - before, c] kernel[u, c, f]

    with stride s, dilation d, and zeros where the padded row goes beyond x. It is `conv2d` over
    images of one line; the kernel has the shape (kernel_size, in / groups, filters).

    padding: causal puts all zeros before the row, so that y at a step knows no later one.

    Source: names, options and shapes are those of keras.layers.Conv1D with channels last.
    """

    affine = True

    filters: int
    kernel_size: int
    strides: int = 1
    padding: Causal = "valid"
    dilation_rate: int = 1
    groups: int = 1
    use_bias: bool = True
    kernel_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None

    type_name: ClassVar[str] = "conv1d"

    @cached_property
    def over_images(self) -> Conv2D:
        return Conv2D(
            self.filters,
            (1, self.kernel_size),
            (1, self.strides),
            self.padding,
            (1, self.dilation_rate),
            self.use_bias,
            groups=self.groups,
        )

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        self.out_shape(in_shape)
        kernel = self.kernel_size, in_shape[1] // self.groups, self.filters
        return slots_of(
            kernel=Slot(kernel, self.kernel_initializer, regularizer=self.kernel_regularizer),
            bias=bias_slot(self, self.filters),
        )

    def out_shape(self, in_shape: Shape) -> Shape:
        require_steps(self.type_name, in_shape)
        require_groups(self.type_name, self.groups, in_shape[1], self.filters)
        conv = self.over_images
        size, strides, dilation = conv.kernel_size, conv.strides, conv.dilation_rate
        windows = slide((1, in_shape[0]), size, strides, dilation, self.padding)
        span = (self.kernel_size - 1) * self.dilation_rate + 1
        return places(self.type_name, "kernel_size", span, in_shape, windows)[0], self.filters

    def scaled(self, p: Params, factor: Array) -> Mapping[str, Array]:
        return {"kernel": p["kernel"] * factor}
