"""The pixels of one picture file, by Pillow (extra `images`).

They are those that Pillow gives: turned as EXIF says, converted to the wanted colours, cut or
padded to the wanted proportions, then resized with its filters, which average where a picture gets
smaller (Keras's `image_dataset_from_directory` does not). Greys of 16 bits stay what they are.
"""

import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.data.dataset import Array
from dlcli.errors import UsageError
from dlcli.frozen import frozen

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MOST_PIXELS = 89_478_485
"""Of one picture: Pillow's own limit, a quarter of a gigabyte in colours."""

MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "area": 4}
"""Pillow's numbers of its filters; `area` is its box filter."""


class Unreadable(ValueError):
    """A picture that cannot be had; the message is the rest of a sentence that begins with it."""


@frozen
class Wanted:
    """How pictures are wanted; size: (height, width), or None for that which they have."""

    color_mode: str = "rgb"
    size: tuple[int, int] | None = None
    interpolation: str = "bilinear"
    crop: bool = False
    pad: bool = False


@cache
def _pillow(path: str) -> Any:
    try:
        from PIL import Image, ImageOps
    except ImportError:
        hint = "pip install 'dlcli[images]'"
        raise UsageError(
            f"the pictures in {path} are read by the package Pillow, which is not installed: "
            f"`{hint}` installs it",
            hint=hint,
        ) from None
    warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
    return Image, ImageOps


def require_pillow(folder: Path) -> str:
    """The version of Pillow; UsageError where it is not there."""
    _pillow(str(folder))
    import PIL

    return str(PIL.__version__)


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) as it is going to be seen; Unreadable."""
    with _opened(path) as picture:
        turned = picture.getexif().get(0x0112, 1) >= 5
        width, height = picture.size
    return (width, height) if turned else (height, width)


def has_16_bits(path: Path) -> bool:
    """Whether it is a grey picture of 16 bits; Unreadable."""
    with _opened(path) as picture:
        return _is_deep(picture)


def is_grey(path: Path) -> bool:
    """Whether a picture has no colours, by its kind alone; Unreadable."""
    with _opened(path) as picture:
        return _is_deep(picture) or picture.mode in ("1", "L", "LA")


def decode(path: Path, wanted: Wanted) -> Array:
    """The pixels (height, width, channels), uint8, or uint16 for greys of 16 bits; Unreadable."""
    _, operations = _pillow("")
    with _opened(path) as picture:
        try:
            picture = operations.exif_transpose(picture)
            deep = _is_deep(picture)
            if deep and wanted.color_mode != "grayscale":
                raise Unreadable(
                    "has 16 bits a pixel, which colours of 8 bits cannot hold: write `color_mode: "
                    "grayscale`, which keeps them"
                )
            if not deep and picture.mode in ("F", "I"):
                raise Unreadable(f"has pixels of kind {picture.mode!r}, which are no grey levels")
            if not deep:
                picture = picture.convert(MODES[wanted.color_mode])
            if wanted.size is not None:
                picture = _resized(operations, picture, wanted)
            pixels = np.asarray(picture)
        except Unreadable:
            raise
        except Exception as error:  # whatever a decoder trips over
            raise Unreadable(f"cannot be decoded: {_words(error)}") from None
    if deep:
        if pixels.min() < 0 or pixels.max() > 65_535:
            raise Unreadable("has grey levels beyond 16 bits")
        pixels = pixels.astype(np.uint16)
    return pixels.reshape(*pixels.shape[:2], -1)


def _opened(path: Path) -> Any:
    """The picture, its header read and its size bounded."""
    image, _ = _pillow("")
    try:
        picture = image.open(path, formats=FORMATS)
    except (image.DecompressionBombError, image.DecompressionBombWarning):
        raise Unreadable(f"is larger than {MOST_PIXELS:,} pixels: make it smaller") from None
    except image.UnidentifiedImageError:
        raise Unreadable("is no picture of a kind that is read") from None
    except Exception as error:  # whatever a decoder trips over
        raise Unreadable(f"cannot be opened: {_words(error)}") from None
    if picture.size[0] * picture.size[1] > MOST_PIXELS:
        picture.close()
        raise Unreadable(f"is larger than {MOST_PIXELS:,} pixels: make it smaller")
    return picture


def _is_deep(picture: Any) -> bool:
    return str(picture.mode).startswith("I")


def _resized(operations: Any, picture: Any, wanted: Wanted) -> Any:
    assert wanted.size is not None
    size, method = (wanted.size[1], wanted.size[0]), FILTERS[wanted.interpolation]
    if wanted.crop:
        return operations.fit(picture, size, method=method)
    if wanted.pad:
        return operations.pad(picture, size, method=method)
    return picture if picture.size == size else picture.resize(size, method)


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
