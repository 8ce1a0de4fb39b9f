"""Decoded pictures, in a file that is mapped into memory: decoded once, read as any array.

In `<data dir>/image_folder/`, which may be deleted at any time:

    <key>/pixels.npy   the pixels of a list of files, (n, height, width, channels)
    <key>/index.json   what was left out, and the digest of the pixels; written last, so that pixels
                       without it count for nothing
    seen/<folder>.json by the name of each file: its size, times and inode, and the digest of its
                       content

The key is made of the contents of all files in their order, of how they are wanted, and of Pillow's
version. So a folder that is moved or copied is not decoded again, and one in which a single byte
changes is. A content is not read again while size, inode and both times of a file are what they
were; the time of the last change of its state is the file system's to set, nobody else's.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dlcli import progress
from dlcli.data import storing
from dlcli.data.dataset import Array
from dlcli.data.digests import digest_array
from dlcli.data.formats import npy
from dlcli.data.formats.stored import opened
from dlcli.data.pictures.decoding import Unreadable, Wanted, decode, size_of
from dlcli.data.pictures.listing import Picture
from dlcli.errors import DataError, StorageError, reason
from dlcli.frozen import frozen
from dlcli.progress import work

HOME = "image_folder"
_FORMAT = 1
_LARGEST_INDEX = 1 << 30
_HEADER = 192
"""Bytes before the first pixel: enough for any shape, so that it can be written again at the end,
when it is known how many pictures there are."""

_AT_ONCE = 64
"""Pictures that are decoded while those before them are written."""

_YOUNG = 3_000_000_000
"""Nanoseconds: a file that was changed so shortly before it was looked at may be changed again at
what the file system calls the same time."""


@frozen
class Decoded:
    """pixels: of the pictures that could be read, in order. left_out: the places, among all, of
    those that could not, and why."""

    pixels: Array
    left_out: tuple[tuple[int, str], ...]


def decoded(
    root: Path, pictures: Sequence[Picture], wanted: Wanted, skip: bool, data: Path, pillow: str
) -> Decoded:
    """The pixels of these files, decoded now or before.

    root: of the names of the pictures. data: the data dir. pillow: its version.
    skip: leave out what cannot be read, where else a DataError names the first.
    """
    home = data / HOME
    contents = _contents(root, pictures, home)
    asked = [_FORMAT, pillow, wanted.color_mode, wanted.size, wanted.interpolation]
    asked += [wanted.crop, wanted.pad, contents]
    key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]
    folder = home / key
    found = _stored(folder)
    if found is None:
        found = _made(root, pictures, wanted, skip, folder)
    if found.left_out and not skip:
        place, why = found.left_out[0]
        raise _unreadable(pictures[place], why)
    if not len(found.pixels):
        raise _unreadable(pictures[0], found.left_out[0][1])
    return found


def _unreadable(picture: Picture, why: str) -> DataError:
    return DataError(
        f"{picture.path} {why}. Correct it, take it away, or write `errors: skip`, which leaves "
        "such pictures out and counts them",
        file=picture.path,
    )


def _made(
    root: Path, pictures: Sequence[Picture], wanted: Wanted, skip: bool, folder: Path
) -> Decoded:
    """Decoded and stored; where nothing can be stored, decoded into memory."""
    try:
        storing.make_folder(folder)
        tell = f"another process decodes the pictures in {root}; waiting for it"
        with storing.locked(folder, lambda: progress.tell(tell)):
            found = _stored(folder)  # whoever had the lock before may have done it
            if found is None:
                _store(root, pictures, wanted, skip, folder)
                found = _stored(folder)
    except StorageError as error:
        progress.tell(f"the pictures in {root} will be decoded again next time: {error}")
        return _in_memory(root, pictures, wanted, skip)
    if found is None:
        raise StorageError(f"{folder} does not hold what was written there")
    return found


def _store(
    root: Path, pictures: Sequence[Picture], wanted: Wanted, skip: bool, folder: Path
) -> None:
    """Decode the pictures, one after the other, into the folder."""
    target, part = folder / "pixels.npy", folder / "pixels.npy.part"
    left_out: list[tuple[int, str]] = []
    count, first = 0, None
    with storing.part(part) as stream:
        storing.cut(stream, part, 0)
        storing.write(stream, part, bytes(_HEADER))
        for place, pixels in _pixels(root, pictures, wanted):
            if isinstance(pixels, str):
                left_out.append((place, pixels))
                if not skip:
                    raise _unreadable(pictures[place], pixels)
                continue
            first = pixels if first is None else first
            storing.write(stream, part, np.ascontiguousarray(pixels).tobytes())
            count += 1
        if first is None:
            raise _unreadable(pictures[0], left_out[0][1])
        stream.seek(0)
        storing.write(stream, part, _header(first.dtype, (count, *first.shape)))
    storing.publish(part, target)
    index = {"format": _FORMAT, "left_out": left_out, "digest": digest_array(npy.read(target))}
    storing.put(folder / "index.json", [json.dumps(index).encode()])


def _in_memory(root: Path, pictures: Sequence[Picture], wanted: Wanted, skip: bool) -> Decoded:
    left_out: list[tuple[int, str]] = []
    found: list[Array] = []
    for place, pixels in _pixels(root, pictures, wanted):
        if isinstance(pixels, str):
            left_out.append((place, pixels))
            if not skip:
                raise _unreadable(pictures[place], pixels)
        else:
            found.append(pixels)
    return Decoded(np.array(found), tuple(left_out))


def _stored(folder: Path) -> Decoded | None:
    """What the folder holds, if it is whole."""
    index = _json(folder / "index.json")
    try:
        pixels = npy.read(folder / "pixels.npy")
        if index["format"] != _FORMAT or index["digest"] != digest_array(pixels):
            return None
        left_out = tuple((int(place), str(why)) for place, why in index["left_out"])
    except (DataError, LookupError, TypeError, ValueError):
        return None
    return Decoded(pixels, left_out)


def _pixels(
    root: Path, pictures: Sequence[Picture], wanted: Wanted
) -> Iterator[tuple[int, Array | str]]:
    """The place of each picture and its pixels, or why there are none; in order."""
    shape: tuple[int, ...] | None = None
    kind: Any = None
    example: Picture | None = None
    with work(f"decode the pictures in {root.name}", len(pictures), "pictures") as at:
        for place, (picture, pixels) in enumerate(_decoding(pictures, wanted)):
            at(place)
            if isinstance(pixels, str):
                yield place, pixels
                continue
            if example is None:
                shape, kind, example = pixels.shape, pixels.dtype, picture
            if pixels.shape != shape and wanted.size is None:
                raise _of_another_size(example, picture)
            if pixels.dtype != kind:
                bits = pixels.dtype.itemsize * 8
                yield place, f"has {bits} bits a pixel, others, such as {example.name}, have not"
                continue
            yield place, pixels


def _decoding(pictures: Sequence[Picture], wanted: Wanted) -> Iterator[tuple[Picture, Array | str]]:
    """Each picture and its pixels, decoded on all processors (Pillow lets others work)."""

    def one(picture: Picture) -> tuple[Picture, Array | str]:
        if picture.fault:
            return picture, picture.fault
        try:
            return picture, decode(picture.path, wanted)
        except Unreadable as error:
            return picture, str(error)

    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_processors()) as pool:
        for start in range(0, len(pictures), _AT_ONCE):
            yield from pool.map(one, pictures[start : start + _AT_ONCE])


def _processors() -> int:
    known = hasattr(os, "sched_getaffinity")
    return min(16, len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1)


def _of_another_size(first: Picture, other: Picture) -> DataError:
    sizes = [size_of(picture.path) for picture in (first, other)]
    shown = [f"{height} x {width}" for height, width in sizes]
    return DataError(
        f"pictures have different sizes: {first.path} is {shown[0]} pixels (height x width), "
        f"{other.path} {shown[1]}. Give `image_size: [{sizes[0][0]}, {sizes[0][1]}]` or another "
        "size, to which all are brought",
        file=other.path,
    )


def _contents(root: Path, pictures: Sequence[Picture], home: Path) -> list[str]:
    """The digest of the content of each file, or what is wrong with it."""
    name = hashlib.sha256(os.fsencode(root)).hexdigest()[:32]
    index = home / "seen" / f"{name}.json"
    seen = _json(index)
    files = seen.get("files") if seen.get("format") == _FORMAT else None
    known: dict[str, Any] = files if isinstance(files, dict) else {}
    began = time.time_ns()
    found: dict[str, Any] = {}
    read = 0
    with work(f"look at the pictures in {root.name}", len(pictures), "pictures") as at:
        for place, picture in enumerate(pictures):
            at(place)
            if picture.fault:
                continue
            state = _state(f"{picture.root}/{picture.name}")
            entry = known.get(picture.name)
            if isinstance(entry, list) and len(entry) == 2 and entry[0] == state:
                found[picture.name] = entry
                continue
            read += 1
            found[picture.name] = [state, _content(picture.path)]
    digests = [one.fault or str(found[one.name][1]) for one in pictures]
    lasting = {name: entry for name, entry in found.items() if entry[0][2] < began - _YOUNG}
    if read and lasting:
        try:
            storing.make_folder(index.parent)
            with storing.locked(index.parent, lambda: None):
                text = json.dumps({"format": _FORMAT, "files": {**known, **lasting}})
                storing.put(index, [text.encode()])
        except StorageError:  # then the files are read again next time
            pass
    return digests


def _state(path: str) -> list[int]:
    try:
        status = os.stat(path)  # noqa: PTH116  (a Path takes five times as long)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {reason(error)}", file=path) from None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _content(path: Path) -> str:
    sha = hashlib.sha256()
    with opened(path) as stream:
        while piece := stream.read(1 << 20):
            sha.update(piece)
    return sha.hexdigest()


def _json(path: Path) -> dict[str, Any]:
    """A file of ours; empty where there is none that is whole."""
    try:
        with opened(path) as stream:
            found = json.loads(stream.read(_LARGEST_INDEX))
    except (DataError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _header(kind: np.dtype[Any], shape: Iterable[int]) -> bytes:
    """The start of an .npy file, format 1.0, `_HEADER` bytes long."""
    said = {"descr": kind.newbyteorder("<").str, "fortran_order": False, "shape": tuple(shape)}
    start = npy.MAGIC + b"\x01\x00" + (_HEADER - 10).to_bytes(2, "little")
    return start + str(said).encode().ljust(_HEADER - 11) + b"\n"
