"""Pixels between pixels, and beyond the edge of an image.

    reflect   (d c b a | a b c d | d c b a)
    wrap      (a b c d | a b c d | a b c d)
    nearest   (a a a a | a b c d | d d d d)
    constant  (k k k k | a b c d | k k k k)

Between pixels, `bilinear` is the mean of those around, by their nearness, and `nearest` the nearest
one; of two that are as near, that at an even place.

Source: keras.ops.image.affine_transform.
"""

from typing import Literal

import numpy as np

from dlcli.data.dataset import Array

FillMode = Literal["constant", "nearest", "reflect", "wrap"]
Interpolation = Literal["bilinear", "nearest"]

_PIXELS = 1 << 14
"""So many are worked on at once: what is worked out for them stays in the processor's cache."""


def within(places: Array, length: int, fill_mode: FillMode) -> Array:
    """The pixels, from 0 to length - 1, that stand at these places, which may be any."""
    if fill_mode == "wrap":
        return np.asarray(places - places // length * length)  # faster than the remainder
    if fill_mode == "reflect":
        found = places - places // (2 * length) * (2 * length)
        return np.asarray(np.minimum(found, 2 * length - 1 - found))
    return np.minimum(np.maximum(places, 0), length - 1)


def taken(
    images: Array, places: Array, share: Array, axis: int, fill_mode: FillMode, fill_value: float
) -> Array:
    """The pixels at these places (n, length) along an axis, times a share (n, 1) or (n, length)."""
    n, height, width, channels = images.shape
    inside = within(places, images.shape[axis], fill_mode)
    if axis == 1:
        lines = np.arange(0, n * height, height)[:, np.newaxis] + inside
        found: Array = images.reshape(n * height, width * channels).take(lines, axis=0)
        found = found.reshape(n, -1, width, channels)
    else:
        pixels = np.arange(0, n * height * width, width).reshape(n, height, 1)
        pixels = pixels + inside[:, np.newaxis]
        found = images.reshape(-1, channels).take(pixels, axis=0)
    shape = [n, 1, 1, 1]
    if fill_mode == "constant":
        shape[axis] = inside.shape[1]
        outside = (places != inside).reshape(shape)
        np.copyto(found, np.float32(fill_value), where=outside)
    shape[axis] = share.shape[1]
    found *= share.reshape(shape)
    return found


def along(
    images: Array,
    places: Array,
    axis: int,
    fill_mode: FillMode,
    interpolation: Interpolation,
    fill_value: float,
) -> Array:
    """The numbers at these places (n, length) along an axis: float32, also between pixels."""
    if interpolation == "nearest":
        whole, one = np.rint(places).astype(np.int64), np.ones((len(places), 1), np.float32)
        return taken(images, whole, one, axis, fill_mode, fill_value)
    before = np.floor(places)
    second = places - before
    whole = before.astype(np.int64)
    first = np.float32(1.0) - second
    total = taken(images, whole, first, axis, fill_mode, fill_value)
    total += taken(images, whole + 1, second, axis, fill_mode, fill_value)
    return total


def sampled(
    images: Array,
    down: Array,
    across: Array,
    fill_mode: FillMode,
    interpolation: Interpolation,
    fill_value: float,
) -> Array:
    """The numbers at these places: float32 (n, height, width), how far down and how far across."""
    found = np.empty_like(images)
    step = max(1, _PIXELS // (images.shape[1] * images.shape[2]))
    for start in range(0, len(images), step):
        some = slice(start, start + step)
        _sample(
            images[some],
            down[some],
            across[some],
            fill_mode,
            interpolation,
            fill_value,
            found[some],
        )
    return found


def _sample(
    images: Array,
    down: Array,
    across: Array,
    fill_mode: FillMode,
    interpolation: Interpolation,
    fill_value: float,
    out: Array,
) -> None:
    n, height, width, channels = images.shape
    pixels = images.reshape(-1, channels)
    first = np.arange(0, n * height * width, height * width).reshape(n, 1, 1)
    constant = fill_mode == "constant"
    lines = _nodes(down, height, fill_mode, interpolation)
    columns = _nodes(across, width, fill_mode, interpolation)
    total: Array | None = None
    for line, outside, share in lines:
        line = line * width + first
        for column, beside, other in columns:
            part = pixels.take(line + column, axis=0, mode="clip")
            if constant:
                nowhere = (outside | beside)[..., np.newaxis]
                np.copyto(part, np.float32(fill_value), where=nowhere)
            if share is not None and other is not None:
                part *= (share * other)[..., np.newaxis]
            if total is None:
                total = part
            else:
                total += part
    out[:] = total


_Node = tuple[Array, Array, Array | None]


def _nodes(
    places: Array, length: int, fill_mode: FillMode, interpolation: Interpolation
) -> list[_Node]:
    """The pixels around places along an axis: which, whether beyond the edge, and how much each
    counts; None: alone."""
    if interpolation == "nearest":
        whole = np.rint(places).astype(np.int64)
        inside = within(whole, length, fill_mode)
        return [(inside, whole != inside, None)]
    before = np.floor(places)
    second = places - before
    whole = before.astype(np.int64)
    found: list[_Node] = []
    for number, share in ((whole, np.float32(1.0) - second), (whole + 1, second)):
        inside = within(number, length, fill_mode)
        found.append((inside, number != inside, share))
    return found
