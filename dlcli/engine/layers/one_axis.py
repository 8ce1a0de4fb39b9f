"""Layers over the steps of a row that are those over images, of images of one line.

Rows (steps, features) are images (1, steps, features): nothing is copied, x and y are views.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Layer, Params, Shape, ShapeError
from dlcli.engine.layers.windows import Pair, Windows


class OneAxis(Layer):
    """What they share: the layer over images, and the views on the way in and out."""

    type_name: ClassVar[str]

    @property
    def over_images(self) -> Layer:
        """The layer that does it; its kernel has a first axis more, of length 1."""
        raise NotImplementedError

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        y, cache = self.over_images.forward(of_images(p), x[:, None], ctx)
        return y[:, 0], cache

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        dx = self.over_images.backward(
            of_images(p), of_images(g), cache, dy[:, None], ctx, need_dx=need_dx
        )
        return None if dx is None else dx[:, 0]

    def flops(self, in_shape: Shape) -> int:
        return self.over_images.flops((1, *in_shape))


def of_images(arrays: Params) -> Mapping[str, Array]:
    """Kernels (steps, ...) as those over images of one line (1, steps, ...); biases as they are."""
    return {name: array[None] if array.ndim > 1 else array for name, array in arrays.items()}


def places(word: str, option: str, span: int, in_shape: Shape, windows: Windows) -> Pair:
    """(places, features), of rows of steps; ShapeError where `span` of them fit nowhere."""
    if windows.out[1] < 1:
        raise ShapeError(
            f"{word} has a window of {span} steps, but gets rows of {in_shape[0]} steps; choose a "
            f"smaller {option} or `padding: same`, or shrink the rows less in the layers before it"
        )
    return windows.out[1], in_shape[1]
