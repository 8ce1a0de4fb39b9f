"""How a process ends: any error becomes a sentence and an exit code, and streams may fail."""

import codecs
import contextlib
import io
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from dlcli import __version__
from dlcli.cli.outcome import Failure, complain
from dlcli.errors import DlcliError, reason


class Ended:
    """How a command went: its exit code."""

    code = 0


@contextlib.contextmanager
def ending(fail: Failure) -> Iterator[Ended]:
    """A command is done in the block, which says how it went; what it raises becomes an exit code
    and a sentence for whoever called it."""
    end = Ended()
    try:
        yield end
    except SystemExit as error:
        end.code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except KeyboardInterrupt:
        end.code = 130
        complain("interrupted")
        fail({"code": 130, "kind": "interrupted", "message": "interrupted"})
    except DlcliError as error:
        end.code = error.exit_code
        complain(str(error))
        if "--debug" in sys.argv:
            traceback.print_exc()
        fail(error.to_json(), error.result)
    except MemoryError:
        end.code = 6
        complain(_NO_MEMORY)
        fail({"code": 6, "kind": "memory", "message": _NO_MEMORY})
    except Exception as error:
        if isinstance(error, FileNotFoundError) and not _has_working_directory():
            end.code = 2
            words = "the working directory was removed; change to one that exists"
            complain(words)
            fail({"code": 2, "kind": "usage", "message": words})
        else:
            end.code = _bug(fail)


_NO_MEMORY = (
    "not enough memory; use a smaller model or training.batch_size, or fewer --workers, or give "
    "features as an uncompressed .npy file, which is read in place"
)


def _has_working_directory() -> bool:
    try:
        return bool(Path.cwd())
    except OSError:
        return False


def _bug(fail: Failure) -> int:
    """Keep the traceback of a bug where a person can send it from."""
    if "--debug" in sys.argv:
        traceback.print_exc()
    log: str | None = None
    try:
        handle, name = tempfile.mkstemp(prefix="dlcli-bug-", suffix=".log", text=True)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"dlcli {__version__}, Python {sys.version}\n{sys.argv}\n")
            traceback.print_exc(file=file)
        log = name
        where = f"the details are in {Path(name)}"
    except OSError:
        where = "run the command again with --debug to see the details"
    words = f"this is a bug in dlcli, not a mistake of yours; {where}"
    complain(words)
    fail({"code": 1, "kind": "bug", "message": words, **({} if log is None else {"log": log})})
    return 1


def leave(code: int) -> NoReturn:
    """End the process; with code 6 where a result could not be written to stdout."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    lost = getattr(sys.stdout, "lost", None)
    if lost is not None and code == 0:
        complain(f"the result could not be written to stdout: {reason(lost)}")
        code = 6
    sys.exit(code)


class _Forgiving(io.TextIOWrapper):
    """A stream that may fail: what cannot be written is dropped, and the work goes on.

    Whoever read our output has closed it (`dlcli ... | head -1`); that is not our failure, and
    a finished run must not end with an error because of it. Nor may hours of training end
    because the terminal is gone, or the disk full that progress is written to.
    """

    lost: OSError | None = None
    """Why something was dropped that somebody may still wait for."""
    is_left = False
    """Whether whoever read has gone."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._drop(error)
            return len(text)

    def write_file_name(self, name: bytes) -> None:
        """Write a line that is a file's name: its bytes, whatever the stream's encoding is."""
        self.flush()
        try:
            self.buffer.write(name + b"\n")
            self.buffer.flush()
        except OSError as error:
            self._drop(error)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        self.is_left = isinstance(error, BrokenPipeError)
        if not self.is_left:
            self.lost = error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def survive_closed_streams() -> None:
    """Make stdout and stderr such streams; one that was closed from the start leads nowhere.

    What goes to stdout is data for programs, so it is UTF-8 in every locale; what goes to stderr
    is for the person at the terminal.
    """
    codecs.register_error("as-in-file-names", _as_in_file_names)
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            # Takes the free number, so that no file of ours becomes stdout by chance.
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (for good)
            setattr(sys, name, nowhere)
        elif isinstance(stream, io.TextIOWrapper) and _number(stream) == number:
            strict = stream.errors in ("strict", "surrogateescape")
            forgiving = _Forgiving(
                stream.buffer,
                encoding="utf-8" if number == 1 else stream.encoding,
                errors="as-in-file-names" if strict or number == 1 else stream.errors,
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            setattr(sys, name, forgiving)


def _number(stream: io.TextIOWrapper) -> int | None:
    """The stream's descriptor, if it has one."""
    try:
        return stream.fileno()
    except OSError:
        return None


def _as_in_file_names(error: UnicodeError) -> tuple[bytes, int]:
    """What a stream's encoding does not have is written as the bytes that it has in file names.

    So the path of a finished run is always printed, and a shell can use it, whatever its folders
    are called and whatever the locale is.
    """
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    try:
        return os.fsencode(text), error.end
    except UnicodeEncodeError:
        return text.encode("ascii", "backslashreplace"), error.end
