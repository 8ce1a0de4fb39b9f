"""Convolutions as matrix products: the pixels under each place of a window become rows (im2col).

With N = n out_height out_width places, K = height width channels / groups numbers under a window:

    columns (groups, N, K)   @   kernel (groups, K, filters / groups)   =   y (groups, N, ...)

and back again, tap by tap, since rows overlap: what lies under a tap of all windows at once is a
slice of the image. Whatever is (.., groups, .., filters / groups) here is a view of an array whose
last axis are all filters, group after group, so one group is the plain case.

Source: Chellapilla, Puri, Simard, "High performance convolutional neural networks for document
processing" (2006).
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from dlcli.engine.context import Context
from dlcli.engine.layer import Array
from dlcli.engine.layers.windows import Pair, Windows
from dlcli.engine.products import product


def columns_of(
    x: Array, windows: Windows, size: Pair, strides: Pair, dilation: Pair, groups: int, ctx: Context
) -> Array:
    """The pixels of images (n, height, width, channels) under each place, (groups, N, K)."""
    n, channels = len(x), x.shape[3]
    if size == strides == (1, 1) and groups == 1 and x.flags.c_contiguous:
        return x.reshape(1, -1, channels)  # they are what there is
    x = _padded(x, windows, ctx)
    (height, width), (down, across), (d, e) = size, strides, dilation
    row, line, pixel, channel = x.strides
    each = channels // groups
    shape = (groups, n, *windows.out, height, width, each)
    steps = (
        *(channel * each, row, line * down, pixel * across),
        *(line * d, pixel * e, channel),
    )
    columns = ctx.scratch("columns", shape, x.dtype)
    np.copyto(columns, as_strided(x, shape, steps, writeable=False))
    return columns.reshape(groups, -1, height * width * each)


def add_taps(
    kernel: Array, rows: Array, windows: Windows, groups: int, images: Array, ctx: Context
) -> None:
    """Add to the images (n, height, width, channels) what each place gives to the pixels under it:
    rows (N, filters) times the kernel (height, width, channels / groups, filters), transposed."""
    each = images.shape[3] // groups
    part = ctx.scratch("part of a tap", (len(rows), images.shape[3]), rows.dtype)
    places = part.reshape(len(images), *windows.out, images.shape[3])
    given = by_group(rows, groups)
    for tap in windows.taps:
        weights = kernel[tap.row, tap.column].reshape(each, groups, -1).transpose(1, 2, 0)
        product(given, weights, by_group(part, groups), len(images), ctx)
        images[:, *tap.image] += places[:, *tap.out]


def by_group(rows: Array, groups: int) -> Array:
    """Rows (N, features) as (groups, N, features / groups): a view."""
    return rows.reshape(len(rows), groups, -1).transpose(1, 0, 2)


def _padded(x: Array, windows: Windows, ctx: Context) -> Array:
    """x with the zeros around each image that its padding asks for."""
    (top, left), (bottom, right) = windows.before, windows.after
    if not (top or left or bottom or right):
        return x
    n, height, width, channels = x.shape
    padded = ctx.scratch(
        "padded", (n, top + height + bottom, left + width + right, channels), x.dtype
    )
    padded.fill(0)
    padded[:, top : top + height, left : left + width] = x
    return padded
