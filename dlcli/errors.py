"""What can go wrong and which exit code says so.

Every mistake or mishap that a person can act on is a `DlcliError`: its message is shown as it
is, without a traceback, and its `exit_code` becomes the process's. The codes are public API.
Anything else that escapes is a bug in dlcli (exit code 1).

A message says what happened, where, why, and what to do, in plain words.
"""

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import Any, ClassVar


class DlcliError(Exception):
    """Base of all errors that are meant for people.

    The message is whole in itself. What a program may want of it beside the text is given where
    it is known, and None where it is not:

    file: what is wrong, as the message calls it; line: in it, from 1.
    column: in a text, how far into the line, from 1; in a table, the name of the column.
    hint: what to do, in a few words or as a command.
    details: more about this kind of error, plain data for JSON.
    """

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "bug"
    """A word for programs, one for each class."""

    def __init__(
        self,
        message: str = "",
        *,
        file: str | PathLike[str] | None = None,
        line: int | None = None,
        column: int | str | None = None,
        hint: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.file = None if file is None else str(file)
        self.line, self.column, self.hint = line, column, hint
        self.details: dict[str, Any] = dict(details or {})
        self.result: Mapping[str, Any] = {}
        """What the command found in spite of the error, for the same document."""

    def to_json(self) -> dict[str, Any]:
        """The error for programs; what is not known is left out."""
        known = {"file": self.file, "line": self.line, "column": self.column, "hint": self.hint}
        return {
            "code": self.exit_code,
            "kind": self.kind,
            "message": str(self),
            **{name: value for name, value in known.items() if value is not None},
            **self.details,
        }


@contextmanager
def about(file: str | PathLike[str], line: int | None = None) -> Iterator[None]:
    """Errors of the block that name no file are about this one, as their messages say."""
    try:
        yield
    except DlcliError as error:
        if error.file is None:
            error.file = str(file)
            error.line = line if error.line is None else error.line
        raise


class UsageError(DlcliError):
    """The fix is in the YAML or in the options."""

    exit_code = 2
    kind = "usage"


class ConfigError(UsageError):
    """A config file that cannot be used; the message lists every problem with its place.

    problems: each one for programs, with file, line, column, message and hint, where it has them.
        The error itself has the place of the first.
    """

    kind = "config"

    def __init__(
        self, message: str = "", *, problems: Sequence[Mapping[str, Any]] = (), **place: Any
    ) -> None:
        problems = [dict(problem) for problem in problems] or [{"message": message, **place}]
        names = ("file", "line", "column", "hint")
        place = {name: problems[0].get(name) for name in names} | place
        super().__init__(message, details={"problems": problems}, **place)


class DataError(DlcliError):
    """Data that is missing, malformed or changed; the fix is in the data."""

    exit_code = 3
    kind = "data"


class ArtifactError(DlcliError):
    """A file of a run directory that is corrupt, edited, or from an unsupported version."""

    exit_code = 4
    kind = "artifact"


class LockedError(DlcliError):
    """Another process works on this run directory."""

    exit_code = 5
    kind = "locked"


class StorageError(DlcliError):
    """The disk or the memory failed or is full."""

    exit_code = 6
    kind = "storage"


class DivergedError(DlcliError):
    """The loss became NaN or infinite."""

    exit_code = 7
    kind = "diverged"


class GateError(DlcliError):
    """An `--expect` gate is not met."""

    exit_code = 8
    kind = "gate"


class ExportError(DlcliError):
    """An exported model does not give the engine's answers."""

    exit_code = 9
    kind = "export"


class DiffersError(DlcliError):
    """A reproduced run differs from the recorded one."""

    exit_code = 10
    kind = "differs"


class NotComparableError(DlcliError):
    """Two results come from different numerics classes, so their bits cannot be compared."""

    exit_code = 11
    kind = "not_comparable"


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
