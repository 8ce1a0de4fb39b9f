"""How picture files are wanted as rows of pixels."""

from dlcli.data.dataset import Shape
from dlcli.frozen import frozen

CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "area": 4}
"""Pillow's numbers of its filters; `area` is its box filter."""


@frozen
class Wanted:
    """How pictures are wanted; size: (height, width), or None for that which they have."""

    color_mode: str = "rgb"
    size: tuple[int, int] | None = None
    interpolation: str = "bilinear"
    crop: bool = False
    pad: bool = False


def wanted_for(row_shape: Shape, row_dtype: str) -> Wanted | None:
    """How pictures become rows of this kind where nobody has said it: with as many channels, and
    of the very size; None where such rows are no pixels.

    row_shape: (height, width, channels). row_dtype: of stored rows.
    """
    modes = {count: mode for mode, count in CHANNELS.items()}
    if len(row_shape) != 3 or row_shape[2] not in modes:
        return None
    deep = row_dtype == "uint16" and row_shape[2] == 1
    return Wanted(modes[row_shape[2]]) if deep or row_dtype == "uint8" else None
