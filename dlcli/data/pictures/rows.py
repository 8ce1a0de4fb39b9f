"""Rows to predict on that are pictures: one file, or all below a folder."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from dlcli.data.dataset import Array, Shape
from dlcli.data.formats.in_blocks import Bad
from dlcli.data.pictures.decoding import Unreadable, content_of, decode, require_pillow
from dlcli.data.pictures.walking import MOST, files_below, is_picture
from dlcli.data.pictures.wanted import Wanted
from dlcli.data.row_blocks import Rows, refuse
from dlcli.errors import DataError
from dlcli.progress import work


def picture_rows(
    path: Path,
    wanted: Wanted,
    row_shape: Shape,
    row_dtype: str,
    bad: Bad | None,
    aside: Callable[[Sequence[str]], None],
    *,
    at_once: int,
    workers: int = 1,
) -> Iterator[Rows]:
    """The pixels of a file, or of all pictures below a folder in the order of their names, so many
    at a time; decoded by so many workers.

    bad: hears of a picture that is left out; without it, the first that cannot be read is an error.
    aside: hears which files of the folder have no names of pictures.
    DataError where there is no picture; UsageError where Pillow is not installed.
    """
    root, files = _files(path, aside)
    require_pillow(root)
    reading = _Reading(root, wanted, row_shape, row_dtype)
    with work(f"answer the pictures in {root.name}", len(files), "pictures") as at:
        for start, pixels in _some(reading, files, at_once, workers):
            kept: list[Array] = []
            numbers: list[int] = []
            for number, found in enumerate(pixels, start):
                if isinstance(found, DataError):
                    refuse(found, number, bad)
                else:
                    kept.append(found)
                    numbers.append(number)
            if kept:
                names = [files[number][0] for number in numbers]
                yield Rows(np.stack(kept), np.array(numbers), names)
            at(start + len(pixels))


def _files(
    path: Path, aside: Callable[[Sequence[str]], None]
) -> tuple[Path, list[tuple[str, str]]]:
    """The folder, and its pictures: the name of each, and why it cannot be read, if that is so."""
    if path.is_file():
        return path.parent, [(path.name, "")]
    root = path.resolve()
    found, others = list[tuple[str, str]](), list[str]()
    for name, fault in files_below(root, ""):
        if is_picture(name):
            found.append((name, fault))
        else:
            others.append(name)
        if len(found) > MOST:
            raise DataError(f"{path} has more than {MOST:,} pictures", file=path)
    if not found:
        raise DataError(f"{path} has no pictures: no file below it has the name of one.", file=path)
    aside(others)
    return root, found


def _some(
    reading: "_Reading", files: Sequence[tuple[str, str]], at_once: int, workers: int
) -> Iterator[tuple[int, list[Array | DataError]]]:
    """So many pictures at a time, the number of the first in front."""
    if workers == 1:
        for start in range(0, len(files), at_once):
            yield start, [reading(one) for one in files[start : start + at_once]]
        return
    from concurrent.futures import ThreadPoolExecutor  # Pillow lets others work while it decodes

    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(files), at_once):
            yield start, list(pool.map(reading, files[start : start + at_once]))


class _Reading:
    """Reads one picture, (name, fault): its pixels, or what is wrong with it."""

    def __init__(self, root: Path, wanted: Wanted, row_shape: Shape, row_dtype: str) -> None:
        self._root, self._wanted = root, wanted
        self._row_shape, self._row_dtype = row_shape, np.dtype(row_dtype)

    def __call__(self, file: tuple[str, str]) -> Array | DataError:
        name, fault = file
        path = self._root / name
        try:
            if fault:
                raise Unreadable(fault)
            pixels = decode(content_of(path), self._wanted)
            self._require_alike(pixels)
        except Unreadable as error:
            return DataError(f"{path} {error}.", file=path)
        except DataError as error:
            return error
        return pixels

    def _require_alike(self, pixels: Array) -> None:
        """Unreadable for pixels that are no row of the model."""
        (height, width), (high, wide) = pixels.shape[:2], self._row_shape[:2]
        if (height, width) != (high, wide):
            raise Unreadable(
                f"is {height} x {width} pixels (height x width), and the model takes {high} x "
                f"{wide}: bring it to that size, or train on `image_folder` with `image_size`"
            )
        if pixels.dtype != self._row_dtype:
            bits = 8 * pixels.dtype.itemsize
            raise Unreadable(
                f"has {bits} bits a pixel, and the model was trained on "
                f"{8 * self._row_dtype.itemsize}: save it like those pictures"
            )
