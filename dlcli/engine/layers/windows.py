"""How a window slides over an image: the geometry that convolution and pooling share.

Along one axis of length n, a window of k taps that lie d (dilation) apart covers
(k - 1) d + 1 pixels and moves by s (stride):

    valid   the window stays inside the image: floor((n - (k - 1) d - 1) / s) + 1 places
    same    ceil(n / s) places; max((ceil(n / s) - 1) s + (k - 1) d + 1 - n, 0) pixels are padded,
            half of them before the image, and the odd one after it
    causal  ceil(n / s) places; (k - 1) d pixels are padded, all of them before the image: a place
            sees nothing that comes after it

Source: "same" is TensorFlow's rule, https://www.tensorflow.org/api_docs/python/tf/nn, notes on
padding.
"""

from functools import lru_cache
from typing import Literal

from dlcli.engine.layer import Shape, ShapeError
from dlcli.frozen import frozen

Padding = Literal["valid", "same"]
Causal = Literal["valid", "same", "causal"]
Pair = tuple[int, int]


@frozen
class Tap:
    """One element of the window, and the pixels that it meets while the window slides.

    row, column: where in the window it lies.
    image, out: the slices (rows, columns) of the image that it meets, and of the window's
        places at which it meets them; both select equally many. Padding is met nowhere.
    """

    row: int
    column: int
    image: tuple[slice, slice]
    out: tuple[slice, slice]


@frozen
class Windows:
    """All places of a window on an image.

    out: how many places there are, (rows, columns).
    before, after: padded pixels, (rows, columns).
    taps: in row-major order; one that meets nothing but padding is left out.
    overlap: whether two places may share a pixel.
    """

    out: Pair
    before: Pair
    after: Pair
    taps: tuple[Tap, ...]
    overlap: bool


@lru_cache(maxsize=1024)
def slide(image: Pair, size: Pair, strides: Pair, dilation: Pair, padding: Causal) -> Windows:
    """The places of a window of `size` on an image of (height, width).

    >>> windows = slide((5, 5), (2, 2), (2, 2), (1, 1), "same")
    >>> windows.out, windows.before, windows.after
    ((3, 3), (0, 0), (1, 1))
    """
    rows, columns = (
        _along(*axis, padding) for axis in zip(image, size, strides, dilation, strict=True)
    )
    taps = tuple(
        Tap(row, column, (image_rows, image_columns), (out_rows, out_columns))
        for row, image_rows, out_rows in rows.taps
        for column, image_columns, out_columns in columns.taps
    )
    return Windows(
        out=(rows.out, columns.out),
        before=(rows.before, columns.before),
        after=(rows.after, columns.after),
        taps=taps,
        overlap=any(s < (k - 1) * d + 1 for k, s, d in zip(size, strides, dilation, strict=True)),
    )


@frozen
class _Axis:
    out: int
    before: int
    after: int
    taps: tuple[tuple[int, slice, slice], ...]


def _along(n: int, k: int, s: int, d: int, padding: Causal) -> _Axis:
    span = (k - 1) * d + 1
    if padding == "same":
        out = -(-n // s)
        padded = max((out - 1) * s + span - n, 0)
        before = padded // 2
    elif padding == "causal":
        out = -(-n // s)
        padded = before = span - 1
    else:
        out = max((n - span) // s + 1, 0)
        padded = before = 0
    taps = []
    for tap in range(k):
        # At place i the tap lies on pixel i s + offset, which must be one of 0 .. n - 1.
        offset = tap * d - before
        first = max(0, -(offset // s))
        last = min(out - 1, (n - 1 - offset) // s)
        if first <= last:
            pixels = slice(first * s + offset, last * s + offset + 1, s)
            taps.append((tap, pixels, slice(first, last + 1)))
    return _Axis(out, before, padded - before, tuple(taps))


def image_size(layer: str, in_shape: Shape) -> Pair:
    """(height, width) of rows that must be images; ShapeError, in the layer's name, if not."""
    if len(in_shape) != 3:
        raise ShapeError(
            f"{layer} slides over images, rows of shape (height, width, channels), but gets rows "
            f"of shape {in_shape}; put a `reshape` layer with target_shape "
            "[height, width, channels] before it"
        )
    return in_shape[0], in_shape[1]


def refuse_empty(layer: str, option: str, span: Pair, image: Pair, windows: Windows) -> None:
    """ShapeError if a window that covers `span` pixels fits nowhere on the image."""
    if min(windows.out) < 1:
        raise ShapeError(
            f"{layer} has a window of {span[0]} x {span[1]} pixels, but gets images of "
            f"{image[0]} x {image[1]}; choose a smaller {option} or `padding: same`, or shrink "
            "the images less in the layers before it"
        )
