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

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dlcli import progress
from dlcli.data import storing
from dlcli.data.dataset import Array
from dlcli.data.digests import digest_array
from dlcli.data.formats import npy
from dlcli.data.formats.stored import opened
from dlcli.data.pictures.decoding import Unreadable, content_of, decode
from dlcli.data.pictures.listing import Picture
from dlcli.data.pictures.wanted import Wanted
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
    files = _files(root, pictures, home)
    asked = [_FORMAT, pillow, wanted.color_mode, wanted.size, wanted.interpolation]
    asked += [wanted.crop, wanted.pad, [file.content for file in files]]
    folder = home / hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]
    found = _stored(folder)
    if found is None:
        found = _made(root, _Decoding(root, files, wanted, skip), folder)
    if found.left_out and not skip:
        place, why = found.left_out[0]
        raise _unreadable(pictures[place], why)
    return found


@frozen
class _File:
    """A picture, and the digest of its content; or what is wrong with it."""

    picture: Picture
    content: str


def _unreadable(picture: Picture, why: str) -> DataError:
    return DataError(
        f"{picture.path} {why}. Correct it, take it away, or write `errors: skip`, which leaves "
        "such pictures out and counts them",
        file=picture.path,
    )


def _made(root: Path, decoding: "_Decoding", folder: Path) -> Decoded:
    """Decoded and stored; where nothing can be stored, decoded into memory."""
    try:
        storing.make_folder(folder)
        tell = f"another process decodes the pictures in {root}; waiting for it"
        with storing.locked(folder, lambda: progress.tell(tell)):
            found = _stored(folder)  # whoever had the lock before may have done it
            if found is None:
                _store(decoding, folder)
                found = _stored(folder)
    except StorageError as error:
        progress.tell(f"the pictures in {root} will be decoded again next time: {error}")
        return Decoded(np.array(list(decoding)), tuple(decoding.left_out))
    if found is None:
        raise StorageError(f"{folder} does not hold what was written there")
    return found


def _store(decoding: "_Decoding", folder: Path) -> None:
    """Decode the pictures, one after the other, into the folder."""
    target, part = folder / "pixels.npy", folder / "pixels.npy.part"
    count, first = 0, None
    try:
        with storing.part(part) as stream:
            storing.cut(stream, part, 0)
            storing.write(stream, part, bytes(_HEADER))
            for pixels in decoding:
                first = pixels if first is None else first
                storing.write(stream, part, np.ascontiguousarray(pixels).tobytes())
                count += 1
            assert first is not None
            stream.seek(0)
            storing.write(stream, part, npy.header(first.dtype, (count, *first.shape), _HEADER))
        storing.publish(part, target)
    except BaseException:
        storing.discard(part)  # it is of no use to anybody, and may be large
        raise
    digest = digest_array(npy.read(target))
    index = {"format": _FORMAT, "left_out": decoding.left_out, "digest": digest}
    storing.put(folder / "index.json", [json.dumps(index).encode()])


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


class _Decoding:
    """The pixels of pictures, one after the other, all of one shape and type; each time anew.

    left_out: the places of those that were skipped so far, and why.
    """

    def __init__(self, root: Path, files: Sequence[_File], wanted: Wanted, skip: bool) -> None:
        self._root, self._files, self._wanted, self._skip = root, files, wanted, skip
        self.left_out: list[tuple[int, str]] = []

    def __iter__(self) -> Iterator[Array]:
        self.left_out.clear()
        example: Picture | None = None
        shape: tuple[int, ...] = ()
        kind: Any = None
        with work(f"decode the pictures in {self._root.name}", len(self._files), "pictures") as at:
            for place, (picture, pixels) in enumerate(self._each()):
                at(place)
                if isinstance(pixels, str):
                    self._leave_out(place, pixels)
                    continue
                if example is None:
                    shape, kind, example = pixels.shape, pixels.dtype, picture
                if pixels.dtype != kind:
                    bits = pixels.dtype.itemsize * 8
                    self._leave_out(place, f"has {bits} bits a pixel, and those before it have not")
                    continue
                if pixels.shape != shape:
                    raise _of_another_size(example, shape, picture, pixels.shape)
                yield pixels
        if example is None:
            place, why = self.left_out[0]
            raise DataError(
                f"none of the {len(self._files):,} pictures in {self._root} can be read; the "
                f"first, {self._files[place].picture.name}, {why}",
                file=self._root,
            )

    def _leave_out(self, place: int, why: str) -> None:
        if not self._skip:
            raise _unreadable(self._files[place].picture, why)
        self.left_out.append((place, why))

    def _each(self) -> Iterator[tuple[Picture, Array | str]]:
        """Each picture and its pixels, decoded on all processors (Pillow lets others work)."""
        from concurrent.futures import ThreadPoolExecutor

        workers = _processors()
        # Of any size, a picture may take a quarter of a gigabyte.
        at_once = _AT_ONCE if self._wanted.size is not None else 2 * workers
        with ThreadPoolExecutor(workers) as pool:
            for start in range(0, len(self._files), at_once):
                yield from pool.map(self._one, self._files[start : start + at_once])

    def _one(self, file: _File) -> tuple[Picture, Array | str]:
        picture = file.picture
        if picture.fault:
            return picture, picture.fault
        try:
            content = content_of(picture.path)
        except Unreadable as error:
            return picture, str(error)
        if hashlib.sha256(content).hexdigest() != file.content:
            raise DataError(
                f"{picture.path} was changed while the pictures were read: try again when nobody "
                "writes there",
                file=picture.path,
            )
        try:
            return picture, decode(content, self._wanted)
        except Unreadable as error:
            return picture, str(error)


def _processors() -> int:
    known = hasattr(os, "sched_getaffinity")
    return min(16, len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1)


def _of_another_size(
    first: Picture, shape: tuple[int, ...], other: Picture, its: tuple[int, ...]
) -> DataError:
    return DataError(
        f"pictures have different sizes: {first.path} is {shape[0]} x {shape[1]} pixels (height x "
        f"width), {other.path} {its[0]} x {its[1]}. Give `image_size: [{shape[0]}, {shape[1]}]` or "
        "another size, to which all are brought",
        file=other.path,
    )


def _files(root: Path, pictures: Sequence[Picture], home: Path) -> list[_File]:
    """The pictures, each with the digest of its content; or with its fault, if it has one."""
    name = hashlib.sha256(os.fsencode(root)).hexdigest()[:32]
    index = home / "seen" / f"{name}.json"
    known = _seen(index)
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
    lasting = {name: entry for name, entry in found.items() if entry[0][2] < began - _YOUNG}
    if read and lasting:
        _remember(index, lasting)
    return [_File(one, one.fault or str(found[one.name][1])) for one in pictures]


def _seen(index: Path) -> dict[str, Any]:
    """The files of a folder as they were looked at before."""
    document = _json(index)
    files = document.get("files") if document.get("format") == _FORMAT else None
    return files if isinstance(files, dict) else {}


def _remember(index: Path, files: dict[str, Any]) -> None:
    """Add files to those that were looked at. Where that fails, they are read again next time."""
    with contextlib.suppress(StorageError):
        storing.make_folder(index.parent)
        with storing.locked(index.parent, lambda: None):
            text = json.dumps({"format": _FORMAT, "files": {**_seen(index), **files}})
            storing.put(index, [text.encode()])


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
