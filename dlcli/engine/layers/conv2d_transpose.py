"""The transpose of a convolution: images become larger."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.initializers import GlorotUniform, Initializer, Zeros
from dlcli.engine.layer import Array, Layer, Params, Shape, ShapeError, Slot, slots_of
from dlcli.engine.layers.biases import bias_slot
from dlcli.engine.layers.conv2d import span
from dlcli.engine.layers.im2col import add_taps, columns_of
from dlcli.engine.layers.windows import Padding, Pair, Windows, image_size, slide
from dlcli.engine.regularizers import Regularizer
from dlcli.engine.sums import sum_rows
from dlcli.frozen import frozen


@frozen
class Conv2DTranspose(Layer):
    """What a convolution from y to x does on its way back: dx of `conv2d`, as a layer.

        y[r, i s + u d - top, j s + v d - left, f] = bias[f]
            + sum over all i, j, u, v, c that meet there of x[r, i, j, c] kernel[u, v, f, c]

    with strides s and dilation d. Along an axis of n pixels and a kernel that covers
    k = (taps - 1) d + 1 of them, y has

        padding: same     n s pixels, max(k - s, 0) // 2 of those before the image cut off
        padding: valid    n s + max(k - s, 0) pixels, none cut off

    so that a `conv2d` with the same options leads back to x's shape. Of several such lengths,
    `output_padding` p, below s, chooses another one: (n - 1) s + k - 2 (k // 2) + p for `same`, and
    (n - 1) s + k + p for `valid`. The kernel has the shape (height, width, filters, in).

    kernel_size, strides, dilation_rate, output_padding: (height, width).

    Source: names, options, shapes and alignment are those of keras.layers.Conv2DTranspose on
    TensorFlow, channels last.
    """

    affine = True

    filters: int
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "valid"
    output_padding: Pair | None = None
    dilation_rate: Pair = (1, 1)
    use_bias: bool = True
    kernel_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None

    def windows(self, height: int, width: int) -> Windows:
        """Where the kernel lies on an image y, for an image x of this size."""
        image = self._larger(height, width)
        return slide(image, self.kernel_size, self.strides, self.dilation_rate, self.padding)

    def _larger(self, height: int, width: int) -> Pair:
        covered = span(self.kernel_size, self.dilation_rate)
        rows, columns = (
            self._length(n, axis, covered[axis]) for axis, n in enumerate((height, width))
        )
        return rows, columns

    def _length(self, n: int, axis: int, k: int) -> int:
        """The length of y along an axis."""
        s, same = self.strides[axis], self.padding == "same"
        if self.output_padding is None:
            return n * s + (0 if same else max(k - s, 0))
        return (n - 1) * s + k - (2 * (k // 2) if same else 0) + self.output_padding[axis]

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        self.out_shape(in_shape)
        kernel = (*self.kernel_size, self.filters, in_shape[2])
        return slots_of(
            kernel=Slot(kernel, self.kernel_initializer, regularizer=self.kernel_regularizer),
            bias=bias_slot(self, self.filters),
        )

    def out_shape(self, in_shape: Shape) -> Shape:
        image = image_size("conv2d_transpose", in_shape)
        if self.windows(*image).out != image:
            given = list(self.output_padding or ())
            larger = self._larger(*image)
            raise ShapeError(
                f"conv2d_transpose cannot have `output_padding: {given}`: a convolution with these "
                f"options would not lead back from images of {larger[0]} x {larger[1]} pixels to "
                f"those of {image[0]} x {image[1]} that it gets. It must be below the strides, and "
                "not 0 where the kernel covers an even number of pixels with `padding: same`"
            )
        return (*self._larger(*image), self.filters)

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        windows = self.windows(*x.shape[1:3])
        y = ctx.scratch("y", (len(x), *self._larger(*x.shape[1:3]), self.filters), x.dtype)
        y.fill(0)
        rows = x.reshape(-1, x.shape[3])
        add_taps(p["kernel"], rows, windows, 1, y, ctx)
        if self.use_bias:
            np.add(y, p["bias"], out=y)
        return y, (rows, x.shape)

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        rows, x_shape = cache
        size, strides, dilation = self.kernel_size, self.strides, self.dilation_rate
        columns = columns_of(dy, self.windows(*x_shape[1:3]), size, strides, dilation, 1, ctx)[0]
        if g:
            np.matmul(columns.T, rows, out=g["kernel"].reshape(-1, x_shape[3]))
            if self.use_bias:
                sum_rows(dy.reshape(-1, self.filters), g["bias"], ctx)
        if not need_dx:
            return None
        dx = ctx.scratch("dx", rows.shape, dy.dtype)
        np.matmul(columns, p["kernel"].reshape(-1, x_shape[3]), out=dx)
        return dx.reshape(x_shape)

    def scaled(self, p: Params, factor: Array) -> Mapping[str, Array]:
        return {"kernel": p["kernel"] * factor[:, None]}

    def flops(self, in_shape: Shape) -> int:
        height, width = self.kernel_size
        products = 2 * height * width * self.filters * int(np.prod(in_shape, dtype=np.int64))
        outputs = int(np.prod(self.out_shape(in_shape), dtype=np.int64))
        return products + self.use_bias * outputs
