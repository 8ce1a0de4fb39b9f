"""Images of another size: `resizing` and `center_crop`."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np

from dlcli.data.dataset import Array, Shape
from dlcli.data.fitted import Columns, Fitted
from dlcli.data.fitting import Misfit, TrainingRows, Transform
from dlcli.data.recorded import shape_of
from dlcli.frozen import frozen

Interpolation = Literal["bilinear", "nearest", "bicubic"]
_KERNELS: dict[str, int] = {"bilinear": 1, "bicubic": 2}
"""How many pixels on either side of a place count."""

Window = tuple[int, int, int, int]
"""First line, first column, height and width of a part of an image; what is outside of the image
is filled."""

_LARGEST = 1 << 24


@frozen
class Cropped(Fitted):
    """The middle of images. ValueError where they are smaller."""

    word = "center_crop"
    changes_size = True

    in_shape: Shape
    height: int
    width: int

    def __post_init__(self) -> None:
        is_image = len(self.in_shape) == 3
        if not (is_image and self.height <= self.in_shape[0] and self.width <= self.in_shape[1]):
            raise ValueError(f"{self.height} x {self.width} cannot be cropped of {self.in_shape}")

    @property
    def out_shape(self) -> Shape:
        """The new size, and the channels."""
        return (self.height, self.width, self.in_shape[2])

    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        top, left = (self.in_shape[0] - self.height) // 2, (self.in_shape[1] - self.width) // 2
        middle = x[:, top : top + self.height, left : left + self.width]
        if out is None:
            return np.ascontiguousarray(middle)
        np.copyto(out, middle, casting="unsafe")
        return out

    def columns_after(self, columns: Columns) -> Columns:
        return None

    def document(self) -> dict[str, Any]:
        return {"size": [self.height, self.width]}

    @classmethod
    def restored(
        cls, in_shape: Shape, entry: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> "Cropped":
        return cls(in_shape, *_counts(entry["size"], 2, least=1))


@frozen
class Resized(Fitted):
    """A window of images, made larger or smaller. ValueError for impossible choices.

    window: see Window.
    """

    word = "resizing"
    changes_size = True

    in_shape: Shape
    height: int
    width: int
    interpolation: Interpolation
    window: Window
    fill_value: float
    antialias: bool

    def __post_init__(self) -> None:
        known = self.interpolation in ("nearest", *_KERNELS)
        if len(self.in_shape) != 3 or not known or min(self.window[2:]) < 1:
            raise ValueError(f"{self} cannot be")
        if not abs(self.fill_value) <= 1e30:
            raise ValueError(f"images cannot be padded by {self.fill_value}")

    @property
    def out_shape(self) -> Shape:
        """The new size, and the channels."""
        return (self.height, self.width, self.in_shape[2])

    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        x = self._windowed(x)
        for axis, (places, shares) in enumerate(self._taps, start=1):
            x = weighed(x, places, shares, axis, dtype)
        if out is None:
            return np.ascontiguousarray(x, dtype)
        np.copyto(out, x, casting="unsafe")
        return out

    def _windowed(self, x: Array) -> Array:
        top, left, tall, wide = self.window
        height, width = self.in_shape[:2]
        if top >= 0 and left >= 0:
            return x[:, top : top + tall, left : left + wide]
        padded = np.full((len(x), tall, wide, x.shape[3]), self.fill_value, floating_like(x.dtype))
        padded[:, -top : height - top, -left : width - left] = x
        return padded

    @cached_property
    def _taps(self) -> tuple[tuple[Array, Array], ...]:
        """For both axes, which pixels count (n, k) for each of the new ones, and how much."""
        sides = ((self.window[2], self.height), (self.window[3], self.width))
        return tuple(taps(*side, self.interpolation, self.antialias) for side in sides)

    def columns_after(self, columns: Columns) -> Columns:
        return None

    def document(self) -> dict[str, Any]:
        return {
            "size": [self.height, self.width],
            "interpolation": self.interpolation,
            "window": list(self.window),
            "fill_value": self.fill_value,
            "antialias": self.antialias,
        }

    @classmethod
    def restored(
        cls, in_shape: Shape, entry: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> "Resized":
        top, left, tall, wide = _counts(entry["window"], 4, least=-_LARGEST)
        height, width = _counts(entry["size"], 2, least=1)
        shape_of([height, width, *in_shape[2:]])
        shape_of([tall, wide, *in_shape[2:]])
        fill_value, antialias = entry["fill_value"], entry["antialias"]
        inside = 0 <= top <= in_shape[0] - tall and 0 <= left <= in_shape[1] - wide
        around = tall == in_shape[0] - 2 * top and wide == in_shape[1] - 2 * left
        if not (inside or (around and top <= 0 and left <= 0)):
            raise ValueError(f"the window {entry['window']} does not suit rows of {in_shape}")
        if type(fill_value) is not float or type(antialias) is not bool:
            raise ValueError("it is written in another way")
        window = (top, left, tall, wide)
        how = entry["interpolation"]
        return cls(in_shape, height, width, how, window, fill_value, antialias)


def _counts(found: Any, count: int, least: int) -> list[int]:
    """A list of so many whole numbers."""
    whole = isinstance(found, list) and all(type(n) is int and least <= n < _LARGEST for n in found)
    if not whole or len(found) != count:
        raise ValueError(f"{str(found)[:100]} are no sizes")
    return list(found)


def taps(old: int, new: int, interpolation: str, antialias: bool) -> tuple[Array, Array]:
    """Which of `old` pixels of a line count for each of `new` ones, and how much.

    Places int64 and shares float64, both (new, k); the shares of a pixel add up to 1.
    """
    number = np.arange(new)
    if interpolation == "nearest":
        # In float32, as there: of two pixels that are as near, its rounding chooses.
        ratio = np.float32(old) / np.float32(new)
        nearest = np.floor((number.astype(np.float32) + np.float32(0.5)) * ratio)
        return np.minimum(nearest.astype(np.int64), old - 1)[:, np.newaxis], np.ones((new, 1))
    place = (number + 0.5) * old / new - 0.5
    reach = _KERNELS[interpolation]
    smooth = antialias and old > new
    # Of a smaller image, each pixel stands for several: the kernel is so much wider.
    wider = old / new if smooth else 1.0
    first = np.floor(place - reach * wider).astype(np.int64) + 1
    count = int(np.ceil(2 * reach * wider)) + smooth
    places = first[:, np.newaxis] + np.arange(count)
    apart = np.abs(places - place[:, np.newaxis]) / wider
    shares = np.maximum(1.0 - apart, 0.0) if reach == 1 else _cubic(apart, antialias)
    if antialias:  # what is beyond the edge does not count; else it is as the pixel at the edge
        shares = np.where((places >= 0) & (places < old), shares, 0.0)
    total = np.add.accumulate(shares, axis=1)[:, -1:]
    return np.minimum(np.maximum(places, 0), old - 1), shares / total


def _cubic(x: Array, antialias: bool) -> Array:
    """Keys's kernel of cubic convolution (1981), which is 0 from 2 on."""
    a = -0.5 if antialias else -0.75
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    far = ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    return np.asarray(np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0)))


def weighed(
    x: Array, places: Array, shares: Array, axis: int, dtype: np.dtype[np.floating]
) -> Array:
    """The sums of the pixels at these places along an axis, times their shares; in the order of the
    places."""
    if shares.shape[1] == 1:
        return x.take(places[:, 0], axis=axis)
    shape = [1, 1, 1, 1]
    shape[axis] = len(places)
    total: Array | None = None
    for column, share in zip(places.T, shares.T, strict=True):
        part = x.take(column, axis=axis).astype(dtype, copy=False)
        part *= share.astype(dtype).reshape(shape)
        if total is None:
            total = part
        else:
            total += part
    assert total is not None
    return total


def floating_like(stored: np.dtype[Any]) -> np.dtype[Any]:
    """A type for rows and for what they are padded with."""
    return np.result_type(stored, np.float32)


@frozen
class Resizing(Transform):
    """Images of height x width, whatever size they had; channels stay.

    The number of a pixel i of n is looked for at (i + 1/2) m / n - 1/2 among the m that there were.

    interpolation: `bilinear` between the pixels on either side, `nearest`, or `bicubic` among four
        (a = -0.75; with antialias -0.5), which may go beyond the numbers that there were.
    crop_to_aspect_ratio: the largest part in the middle that has the new sides' ratio is taken.
    pad_to_aspect_ratio: the image gets edges of fill_value first, so that it has that ratio.
    antialias: where images shrink, every pixel counts, which bilinear else leaves out.

    Source: keras.layers.Resizing on PyTorch (torch.nn.functional.interpolate, align_corners=False),
    defaults included. Of whole numbers Keras rounds the result, which here is not rounded. Pillow's
    `resize` is that with antialias, rounded.
    """

    fitted = Resized

    height: int
    width: int
    interpolation: Interpolation = "bilinear"
    crop_to_aspect_ratio: bool = False
    pad_to_aspect_ratio: bool = False
    fill_value: float = 0.0
    antialias: bool = False

    def shape_after(self, shape: Shape) -> Shape:
        _require_images("resizing", shape)
        return (self.height, self.width, shape[2])

    def fit(self, rows: TrainingRows) -> Resized:
        shape = rows.shape
        self.shape_after(shape)
        return Resized(
            shape,
            self.height,
            self.width,
            self.interpolation,
            self._window(*shape[:2]),
            self.fill_value,
            self.antialias,
        )

    def _window(self, height: int, width: int) -> Window:
        """What is made larger or smaller of an image."""
        tall = width * self.height // self.width  # of the new ratio, as wide as it is
        wide = height * self.width // self.height
        if self.crop_to_aspect_ratio:
            tall, wide = max(min(height, tall), 1), max(min(width, wide), 1)
            return (height - tall) // 2, (width - wide) // 2, tall, wide
        if self.pad_to_aspect_ratio:
            above, left = (max(height, tall) - height) // 2, (max(width, wide) - width) // 2
            return -above, -left, height + 2 * above, width + 2 * left
        return 0, 0, height, width


@frozen
class CenterCrop(Transform):
    """The part of height x width in the middle of an image; where that lies between two places, the
    upper and the left one.

    Source: keras.layers.CenterCrop. Smaller images are refused, where Keras enlarges them without a
    word and torchvision pads them: `resizing` does either.
    """

    fitted = Cropped

    height: int
    width: int

    def shape_after(self, shape: Shape) -> Shape:
        _require_images("center_crop", shape)
        if shape[0] < self.height or shape[1] < self.width:
            raise Misfit(
                f"center_crop cannot take {self.height} x {self.width} pixels out of rows of shape "
                f"{shape}; make them larger before by `resizing`, such as with "
                "`pad_to_aspect_ratio`."
            )
        return (self.height, self.width, shape[2])

    def fit(self, rows: TrainingRows) -> Cropped:
        self.shape_after(rows.shape)
        return Cropped(rows.shape, self.height, self.width)


def _require_images(word: str, shape: Shape) -> None:
    if len(shape) != 3:
        raise Misfit(
            f"{word} needs images, rows of shape (height, width, channels), but gets rows of shape "
            f"{shape}; make images of them by `reshape` before."
        )
