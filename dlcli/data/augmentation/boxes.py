"""Rectangles in images, drawn at random."""

import numpy as np

from dlcli.data.dataset import Array


def boxes(height: int, width: int, tall: Array, wide: Array, chances: Array) -> Array:
    """Which pixels are in each rectangle: bool (n, height, width, 1).

    tall, wide: (n,), the sides, as shares of the image's. chances: (n, 2), from 0 to 1, where it
    lies from top to bottom and from left to right; all of it is in the image. A pixel is in it
    where its number is at least the one end and below the other: so the first line and the first
    column hardly ever are, and a little less is in it than the sides say. Source: the rectangles of
    keras.layers.RandomErasing and CutMix.
    """
    down = _between(height, tall, chances[:, 0])
    across = _between(width, wide, chances[:, 1])
    return (down[:, :, np.newaxis] & across[:, np.newaxis])[..., np.newaxis]


def _between(length: int, share: Array, chance: Array) -> Array:
    """Which pixels of a side are within: bool (n, length)."""
    side = share * np.float32(length)
    first = (chance * (np.float32(length) - side))[:, np.newaxis]
    pixels = np.arange(length, dtype=np.float32)
    found: Array = (pixels >= first) & (pixels < first + side[:, np.newaxis])
    return found
