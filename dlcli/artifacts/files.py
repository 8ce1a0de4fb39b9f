"""All writing of runs to disk, in one module (fetched data has its own: data/downloads/storing.py).

A file is never written in place: it is written whole under a temporary name in the same
directory, forced to the disk, renamed over the old one, and the directory is forced to the disk
too. So a kill, a power failure or a full disk leaves the old file or the new one, never half of
one. The exceptions grow at their end only: logs, on which nothing depends, and files whose valid
length is written down elsewhere (`extend`).

What is written comes as bytes or as pieces that lie somewhere in memory already, so that large
arrays need no second copy to become a file.

Every operation goes through the table `system`, so that a test can make the n-th of them fail.
What fails becomes a `StorageError` that names the file and the reason in plain words. Files and
directories get the permissions that the umask leaves.
"""

import contextlib
import errno
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from dlcli.errors import ArtifactError, DlcliError, StorageError, reason
from dlcli.frozen import frozen

TEMPORARY = ".dlcli-tmp"
"""How the name of every temporary file ends; it starts with a dot."""

Buffer = bytes | memoryview
Content = Buffer | Iterable[Buffer]
"""What a file is to hold: one buffer, or several one after the other."""

_GATHERED = 1 << 18
"""So many bytes of small pieces are put together and written by one call."""

_OUR_SIDE = {errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def _sync_directory(path: Path) -> None:
    if os.name != "posix":  # elsewhere a directory cannot be opened, and need not be
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@frozen
class Operations:
    """Every operation that changes the disk."""

    open: Callable[[Path, int, int], int] = os.open
    write: Callable[[int, memoryview], int] = os.write
    truncate: Callable[[int, int], None] = os.ftruncate
    fsync: Callable[[int], None] = os.fsync
    replace: Callable[[Path, Path], None] = os.replace
    mkdir: Callable[[Path], None] = os.mkdir
    unlink: Callable[[Path], None] = os.unlink
    rmdir: Callable[[Path], None] = os.rmdir
    symlink: Callable[[str, Path], None] = os.symlink
    sync_directory: Callable[[Path], None] = _sync_directory


system = Operations()
"""The operations in use."""


@contextlib.contextmanager
def using(operations: Operations) -> Iterator[None]:
    """Other operations for a while: the place where faults are injected."""
    global system
    before, system = system, operations
    try:
        yield
    finally:
        system = before


@contextlib.contextmanager
def storage(action: str, path: Path) -> Iterator[None]:
    """Turns an OSError into a StorageError that says what was done to which file, and why not."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot {action} {path}: {reason(error)}", file=path) from error


def unreadable(path: Path, error: OSError) -> DlcliError:
    """Why a file cannot be read: the machine failed (StorageError), or the file is at fault."""
    kind = StorageError if error.errno in _OUR_SIDE else ArtifactError
    return kind(f"cannot read {path}: {reason(error)}", file=path)


def is_temporary(name: str) -> bool:
    """Whether a file of this name is one that an interrupted write left behind."""
    return name.startswith(".") and name.endswith(TEMPORARY)


def write_bytes(path: Path, data: Content, *, durable: bool = True) -> None:
    """Writes a file atomically and durably: afterwards it holds `data`, or is as it was.

    durable: False saves the wait for the disk where the file can be written anew at any time;
    a kill still leaves the old or the new content, only a power failure may lose both.
    """
    temporary = _temporary_name(path)
    with storage("write", path):
        try:
            _fill(temporary, data, os.O_EXCL, durable)
            system.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                system.unlink(temporary)
            raise
        if durable:
            system.sync_directory(path.parent)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Writes text as UTF-8, with `\\n` as it is, like `write_bytes`."""
    write_bytes(path, text.encode(), durable=durable)


def stage(path: Path, data: Content) -> None:
    """Writes a file durably under a name that nobody reads yet; `move` puts it in place.

    The name itself is durable only after `sync` of its directory.
    """
    with storage("write", path):
        try:
            _fill(path, data, os.O_TRUNC)
        except BaseException:
            with contextlib.suppress(OSError):
                system.unlink(path)
            raise


def move(source: Path, target: Path) -> None:
    """Renames a file over another one, in one step. Durable after `sync` of the directory."""
    with storage("write", target):
        system.replace(source, target)


def sync(directory: Path) -> None:
    """Forces the names in a directory to the disk."""
    with storage("write", directory):
        system.sync_directory(directory)


def extend(path: Path, size: int, data: Content = b"") -> None:
    """Adds data behind the first `size` bytes of a file, durably; whatever lay there is dropped.

    For a file whose valid length is written down elsewhere: up to there it never changes, so a
    kill in here leaves nothing but a tail that nobody reads. It is made if it is missing; its name
    is durable after `sync` of its directory.
    """
    with storage("write", path):
        descriptor = _open_to_extend(path)
        try:
            system.truncate(descriptor, size)
            _write_all(descriptor, data)
            system.fsync(descriptor)
        finally:
            os.close(descriptor)


def append_text(path: Path, text: str) -> None:
    """Adds text to a log. Neither atomic nor durable: meant for files that nothing depends on."""
    with storage("write", path):
        descriptor = _open_to_extend(path)
        try:
            _write_all(descriptor, text.encode(errors="backslashreplace"))
        finally:
            os.close(descriptor)


def make_directory(path: Path, below: Path | None = None) -> None:
    """Makes a directory and its parents where they are missing.

    below: a parent that must be there already; it is not made again.
    """
    if path.is_dir():
        return
    if path.parent not in (path, below):
        make_directory(path.parent, below)
    with storage("make the directory", path):
        try:
            system.mkdir(path)
        except FileExistsError:
            if not path.is_dir():  # else another process was quicker
                raise StorageError(
                    f"cannot make the directory {path}: a file of that name is in the way"
                ) from None
        system.sync_directory(path.parent)


def claim_directory(path: Path) -> bool:
    """Makes a directory that must not exist yet; False if it does.

    Of many processes that claim the same name at once, exactly one gets True.
    """
    with storage("make the directory", path):
        try:
            system.mkdir(path)
        except FileExistsError:
            return False
        system.sync_directory(path.parent)
    return True


def point(link: Path, target: str) -> None:
    """Makes a symbolic link, or atomically turns an existing one towards another target."""
    temporary = _temporary_name(link)
    with storage("write", link):
        try:
            system.symlink(target, temporary)
            system.replace(temporary, link)
        except BaseException:
            with contextlib.suppress(OSError):
                system.unlink(temporary)
            raise
        system.sync_directory(link.parent)


def remove(path: Path) -> None:
    """Removes a file or a link; it is no error if it does not exist."""
    with storage("remove", path), contextlib.suppress(FileNotFoundError):
        system.unlink(path)


def remove_temporary(directory: Path, name: str) -> None:
    """Removes what interrupted writes of this file left in the directory, where that is possible.

    Only for whoever holds the directory's lock.
    """
    with contextlib.suppress(OSError, StorageError):
        for path in list(directory.iterdir()):
            if path.name.startswith(f".{name}.") and is_temporary(path.name):
                remove(path)


def remove_tree(path: Path) -> None:
    """Removes a file, or a directory with all that is in it. Links are removed, not followed."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode):
        remove(path)
        return
    with storage("remove", path):
        for entry in sorted(path.iterdir()):
            remove_tree(entry)
        system.rmdir(path)


@contextlib.contextmanager
def temporary_directory() -> Iterator[Path]:
    """A directory in the system's place for temporary files, gone afterwards."""
    place = Path(tempfile.gettempdir())
    with storage("make a directory in", place):
        folder = tempfile.TemporaryDirectory(prefix="dlcli-", ignore_cleanup_errors=True)
    with folder as name:
        yield Path(name).resolve()


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}{TEMPORARY}")


_PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
"""Neither follow a link, nor translate line ends, nor wait for whoever reads a pipe."""


def _open_to_extend(path: Path) -> int:
    """A regular file, open at its end; ArtifactError where something else lies there."""
    other = ArtifactError(
        f"{path} is not a regular file, so nothing is written to it; remove it", file=path
    )
    try:
        descriptor = system.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _PLAIN, 0o666)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ELOOP, errno.EISDIR):  # a pipe, a link, a directory
            raise other from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise other
    return descriptor


def _fill(path: Path, data: Content, flag: int, durable: bool = True) -> None:
    """Writes a new file and, if it must be durable, forces its content to the disk."""
    descriptor = system.open(path, os.O_WRONLY | os.O_CREAT | _PLAIN | flag, 0o666)
    try:
        _write_all(descriptor, data)
        if durable:
            system.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: Content) -> None:
    """Writes everything: one call may write less than it was given."""
    for piece in (data,) if isinstance(data, bytes | memoryview) else _gathered(data):
        rest = memoryview(piece)
        while rest:
            written = system.write(descriptor, rest)
            if written <= 0:
                raise OSError(errno.ENOSPC, "nothing more could be written")
            rest = rest[written:]


def _gathered(pieces: Iterable[Buffer]) -> Iterator[Buffer]:
    """The same bytes, with small neighbours put together: a call for each would cost more."""
    small, size = list[Buffer](), 0
    for piece in pieces:
        length = memoryview(piece).nbytes
        if size + length > _GATHERED:
            if small:
                yield b"".join(small)
            small, size = [], 0
        if length > _GATHERED:
            yield piece
        else:
            small.append(piece)
            size += length
    if small:
        yield b"".join(small)
