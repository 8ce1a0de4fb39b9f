"""One process at a time per run directory.

The lock is on the directory itself (`flock`), so there is no lock file to leave behind, to remove
too early, or to mistake for a lock when its owner is dead: the kernel drops the lock when the
process ends, however it ends. Forked children close their copy at once, so a worker that
outlives a killed run does not keep it locked.

Systems without `flock` (Windows) have no lock. Who only looks on does not take the lock where the
system lists its locks, as Linux does (`holder`); elsewhere (macOS) a share of it for a moment
(`is_locked`), which a training that begins just then waits for.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from dlcli.errors import ArtifactError, LockedError, StorageError, reason

if sys.platform != "win32":
    import fcntl

_LOCKS = Path("/proc/locks")
_held: set[int] = set()


def _forget() -> None:
    """Closes a forked child's copies of the locks; the parent keeps the locks."""
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget)


@contextlib.contextmanager
def locked(directory: Path, *, wait: bool = False) -> Iterator[None]:
    """Holds the lock of a directory.

    Raises LockedError, naming the holder's process where the system tells, if another process
    (or this one) holds it already. With `wait`, waits instead.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = _acquire(directory, wait)
    _held.add(descriptor)
    try:
        yield
    finally:
        if descriptor in _held:  # not so in a forked child, where it is closed
            _held.discard(descriptor)
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def is_locked(directory: Path) -> bool:
    """Whether a process holds the lock of a directory.

    Looks by taking a shared lock for a moment, which the kernel answers for whoever shares the file
    system, and which other lookers may have, too; `locked` waits for such a moment to pass.
    StorageError where the directory cannot be opened.
    """
    if sys.platform == "win32":
        return False
    descriptor = _opened(directory)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        raise StorageError(f"cannot lock {directory}: {reason(error)}", file=directory) from error
    finally:
        os.close(descriptor)  # drops the lock, too
    return False


if sys.platform != "win32":

    def _opened(directory: Path) -> int:
        """The directory, open."""
        try:
            return os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise StorageError(f"cannot lock {directory}: {reason(error)}") from error

    def _acquire(directory: Path, wait: bool) -> int:
        """An open directory with its lock."""
        for attempt in range(5):
            descriptor = _opened(directory)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                # The directory may have been replaced by another one in the meantime.
                if os.path.samestat(os.fstat(descriptor), directory.stat()):
                    return descriptor
                os.close(descriptor)
            except BlockingIOError:
                holder = _holder(descriptor)
                os.close(descriptor)
                if holder is not None and attempt:
                    raise LockedError(
                        f"{directory} is in use by process {holder}; wait until it ends, or stop "
                        "it",
                        file=directory,
                        details={"process": holder},
                    ) from None
                # Nobody holds it any more, or the system does not tell, or somebody only looks.
                time.sleep(0.01)
            except OSError as error:
                os.close(descriptor)
                raise StorageError(f"cannot lock {directory}: {reason(error)}") from error
        raise LockedError(
            f"{directory} is in use by another process; wait until it ends", file=directory
        )

    def _holder(descriptor: int) -> int | None:
        """The process that holds the lock, from Linux's table of locks."""
        status = os.fstat(descriptor)
        place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        owners = []
        with contextlib.suppress(OSError):
            # "1: FLOCK  ADVISORY  WRITE 4401 fe:00:2146456 0 EOF"; waiting ones have "->".
            for line in _LOCKS.read_text().splitlines():
                words = line.split()
                if len(words) > 5 and words[1] == "FLOCK" and words[4].isdecimal():
                    if words[5] == place:
                        return int(words[4])
                    owners.append(int(words[4]))
        # Stacked file systems have other numbers in that table: look at what the owners opened.
        for owner in owners:
            with contextlib.suppress(OSError):
                for link in Path(f"/proc/{owner}/fd").iterdir():
                    with contextlib.suppress(OSError):
                        if os.path.samestat(link.stat(), status):
                            return owner
        return None


def are_listed() -> bool:
    """Whether this system lists its locks."""
    return os.access(_LOCKS, os.R_OK)


def can_tell() -> bool:
    """Whether this system has locks at all, so that a run that nobody works on is known."""
    return sys.platform != "win32"


def works_on(directory: Path) -> bool:
    """Whether a process works on what is in a directory, for those who look on again and again."""
    return holder(directory) is not None if are_listed() else is_locked(directory)


def holder(directory: Path) -> int | None:
    """The process that holds the lock of a directory; None where nobody does, or the system does
    not tell. Takes no lock."""
    if sys.platform == "win32":
        return None
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ArtifactError(
            f"cannot look at {directory}: {reason(error)}", file=directory
        ) from error
    try:
        return _holder(descriptor)
    finally:
        os.close(descriptor)
