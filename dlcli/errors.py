"""What can go wrong and which exit code says so.

Every mistake or mishap that a person can act on is a `DlcliError`: its message is shown as it
is, without a traceback, and its `exit_code` becomes the process's. The codes are public API.
Anything else that escapes is a bug in dlcli (exit code 1).

A message says what happened, where, why, and what to do, in plain words.
"""

import errno
from typing import ClassVar


class DlcliError(Exception):
    """Base of all errors that are meant for people."""

    exit_code: ClassVar[int] = 1


class UsageError(DlcliError):
    """The fix is in the YAML or in the options."""

    exit_code = 2


class ConfigError(UsageError):
    """A config file that cannot be used; the message lists every problem with its place."""


class DataError(DlcliError):
    """Data that is missing, malformed or changed; the fix is in the data."""

    exit_code = 3


class ArtifactError(DlcliError):
    """A file of a run directory that is corrupt, edited, or from an unsupported version."""

    exit_code = 4


class LockedError(DlcliError):
    """Another process works on this run directory."""

    exit_code = 5


class StorageError(DlcliError):
    """The disk or the memory failed or is full."""

    exit_code = 6


class DivergedError(DlcliError):
    """The loss became NaN or infinite."""

    exit_code = 7


class GateError(DlcliError):
    """An `--expect` gate is not met."""

    exit_code = 8


class ExportError(DlcliError):
    """An exported model does not give the engine's answers."""

    exit_code = 9


class DiffersError(DlcliError):
    """A reproduced run differs from the recorded one."""

    exit_code = 10


class NotComparableError(DlcliError):
    """Two results come from different numerics classes, so their bits cannot be compared."""

    exit_code = 11


_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and try again",
    errno.EDQUOT: "the disk quota is used up; free some space and try again",
    errno.EACCES: "permission denied; check who may write there",
    errno.EPERM: "the operation is not permitted; check who may write there",
    errno.EROFS: "the file system is read-only; write somewhere else",
    errno.EIO: "the device reported an input/output error; check the disk",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ENOENT: "the directory does not exist (any more)",
    errno.ENOTDIR: "a part of the path is a file, not a directory",
    errno.EISDIR: "a directory is in the way",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n)",
    errno.ESTALE: "the network file system lost the file; check the mount",
}


def reason(error: OSError) -> str:
    """Why an operation failed, in plain words."""
    return _REASONS.get(error.errno or 0, error.strerror or str(error))
