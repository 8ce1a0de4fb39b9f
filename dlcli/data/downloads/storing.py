"""All writing below the data dir, in one module.

A file has its right name only when it is whole, checked and forced to the disk: until then it is a
part (`<name>.part`), which the next call goes on with, or a file under a name of ours. Whoever
writes holds the lock of the folder, so there is one writer at a time, and what a killed one left
behind is taken up or written over by the next.

What fails becomes a StorageError that names the file and the reason.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from dlcli.errors import StorageError, reason

if sys.platform != "win32":
    import fcntl

_BINARY = getattr(os, "O_BINARY", 0)


@contextlib.contextmanager
def storage(action: str, path: Path) -> Iterator[None]:
    """Turns an OSError into a StorageError that says what was done to which file, and why not."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot {action} {path}: {reason(error)}", file=path) from error


def make_folder(folder: Path) -> None:
    """Makes a folder and its parents where they are missing."""
    with storage("make the folder", folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def locked(folder: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Holds the lock of a folder; calls `wait` once where another process holds it, and waits.

    The lock is on the folder itself (`flock`), so nothing of it is left behind, and it ends with
    its process. Systems without `flock` (Windows), and disks that know no locks, have none.
    """
    if sys.platform == "win32":
        yield
        return
    with storage("lock", folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            wait()
            with storage("lock", folder):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:  # a disk that knows no locks
            pass
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def part(path: Path) -> Iterator[BinaryIO]:
    """What is there of a file, open for reading and writing; forced to the disk at the end."""
    with storage("write", path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _BINARY, 0o666)
    with os.fdopen(descriptor, "r+b", buffering=0) as stream:
        try:
            yield stream
        finally:
            with storage("write", path):
                os.fsync(stream.fileno())


def write(stream: BinaryIO, path: Path, data: bytes) -> None:
    """Everything, at the stream's position."""
    rest = memoryview(data)
    with storage("write", path):
        while rest:
            rest = rest[stream.write(rest) :]


def cut(stream: BinaryIO, path: Path, size: int) -> None:
    """Keeps the first bytes of a part, and writes behind them from now on."""
    with storage("write", path):
        stream.truncate(size)
        stream.seek(size)


def publish(source: Path, target: Path) -> None:
    """Gives a whole file its right name, in one step and durably."""
    with storage("write", target):
        source.replace(target)
        _sync(target.parent)


def discard(*paths: Path) -> None:
    """Removes files; it is no error if one does not exist."""
    for path in paths:
        with storage("remove", path):
            path.unlink(missing_ok=True)


def put(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Writes a file whole, atomically and durably. Only for whoever holds the folder's lock."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with storage("write", path), temporary.open("wb") as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        publish(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened, and need not be
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
