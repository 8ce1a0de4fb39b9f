"""The pixels of one picture file, by Pillow (extra `images`).

They are those that Pillow gives: turned as EXIF says, converted to the wanted colours, cut or
padded to the wanted proportions, then resized with its filters, which average where a picture gets
smaller (Keras's `image_dataset_from_directory` does not). Greys of 16 bits stay what they are; of
colors of 16 bits Pillow gives the upper 8. Of several frames, the first is taken.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from dlcli.data.dataset import Array
from dlcli.data.formats.stored import opened
from dlcli.data.pictures.wanted import FILTERS, Wanted
from dlcli.errors import DataError, StorageError, UsageError

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MOST_PIXELS = 89_478_485
"""Of one picture: Pillow's own limit, a quarter of a gigabyte in colours."""

_LARGEST_FILE = 1 << 29

MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}


_FRACTIONS = "has pixels that are fractions, which are no grey levels"


class Unreadable(ValueError):
    """A picture that cannot be had; the message is the rest of a sentence that begins with it."""


@cache
def _pillow() -> Any:
    """Pillow's modules of images and of operations on them; ImportError where it is not there."""
    from PIL import Image, ImageOps

    # Of its own limit Pillow only warns. (To silence it call by call is not safe with threads.)
    warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # of odd EXIF data
    return Image, ImageOps


def require_pillow(folder: Path) -> str:
    """The version of Pillow; UsageError where it is not there."""
    try:
        _pillow()
    except ImportError:
        hint = "pip install 'dlcli[images]'"
        raise UsageError(
            f"the pictures in {folder} are read by the package Pillow, which is not installed: "
            f"`{hint}` installs it",
            hint=hint,
        ) from None
    import PIL

    return str(PIL.__version__)


class Seen(NamedTuple):
    """What is known of a picture by its kind. size: (height, width) as it is going to be seen.
    grey: whether it has no colors; deep: whether it has more than 8 bits a pixel."""

    size: tuple[int, int]
    grey: bool
    deep: bool


def look_at(path: Path) -> Seen:
    """What a file holds; Unreadable. Pixels are decoded only where that is before EXIF data."""
    with _decoding(str(path)), _opened(path) as picture:
        turned = picture.getexif().get(0x0112, 1) >= 5
        width, height = picture.size
        deep = _is_deep(picture)
        grey = deep or picture.mode in ("1", "L", "LA")
        if picture.mode == "F":
            raise Unreadable(_FRACTIONS)
    return Seen((width, height) if turned else (height, width), grey, deep)


def content_of(path: Path) -> bytes:
    """What is in a file; Unreadable for more than any picture has."""
    with opened(path) as stream:
        content = stream.read(_LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        raise Unreadable(f"is larger than {_LARGEST_FILE:,} bytes")
    return content


def decode(content: bytes, wanted: Wanted) -> Array:
    """The pixels (height, width, channels) of a file with this content, uint8, or uint16 for greys
    of 16 bits; Unreadable."""
    with _decoding("a picture"), _opened(io.BytesIO(content)) as stored:
        _, operations = _pillow()
        picture = operations.exif_transpose(stored)
        deep = _is_deep(picture)
        if deep and wanted.color_mode != "grayscale":
            raise Unreadable(
                "has more than 8 bits a pixel, which colors of 8 bits cannot hold: write "
                "`color_mode: grayscale`, which keeps 16"
            )
        if picture.mode == "F":
            raise Unreadable(_FRACTIONS)
        if deep:
            picture = _native(picture)
        else:
            if "transparency" in picture.info and picture.mode == "P":
                picture = picture.convert("RGBA")  # which Pillow asks for, in a warning
            picture = picture.convert(MODES[wanted.color_mode])
        if wanted.size is not None:
            picture = _resized(operations, picture, wanted)
        pixels = np.asarray(picture)
    return pixels.reshape(*pixels.shape[:2], -1)


@contextmanager
def _decoding(what: str) -> Iterator[None]:
    """What a decoder trips over is Unreadable; not what this machine lacks, which is none of the
    picture's faults and another time may be there: memory, or a disk that can be read."""
    try:
        yield
    except Unreadable:
        raise
    except MemoryError:
        raise StorageError(f"there is not enough memory to decode {what}") from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(f"{what} cannot be read: {error.strerror}") from None
        raise Unreadable(f"cannot be decoded: {_words(error)}") from None


def _opened(file: Path | BinaryIO) -> Any:
    """The picture, its header read and its size bounded."""
    image, _ = _pillow()
    try:
        picture = image.open(file, formats=FORMATS)
    except (image.DecompressionBombError, image.DecompressionBombWarning):
        raise Unreadable(f"is larger than {MOST_PIXELS:,} pixels: make it smaller") from None
    except image.UnidentifiedImageError:
        raise Unreadable("is no picture of a kind that is read") from None
    if picture.size[0] * picture.size[1] > MOST_PIXELS:
        picture.close()
        raise Unreadable(f"is larger than {MOST_PIXELS:,} pixels: make it smaller")
    return picture


def _is_deep(picture: Any) -> bool:
    return str(picture.mode).startswith("I")


def _native(picture: Any) -> Any:
    """A grey picture of 16 bits in the order of bytes that filters take; Unreadable where it has
    more bits than that."""
    pixels = np.asarray(picture)
    if pixels.min() < 0 or pixels.max() > 65_535:
        raise Unreadable("has grey levels beyond 16 bits")
    return _pillow()[0].fromarray(pixels.astype(np.uint16))


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
