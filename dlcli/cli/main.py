"""The application: its commands, and how any error becomes a sentence and an exit code."""

import codecs
import contextlib
import io
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand

from dlcli import __version__, progress
from dlcli.cli.data import fetch, list_sets
from dlcli.cli.describe import describe
from dlcli.cli.evaluate import evaluate
from dlcli.cli.importance import importance
from dlcli.cli.init import init
from dlcli.cli.outcome import Failure, complain, print_json, wants_json
from dlcli.cli.predict import predict
from dlcli.cli.reproduce import reproduce
from dlcli.cli.schema import schema
from dlcli.cli.train import train
from dlcli.cli.validate import validate
from dlcli.cli.verify import verify
from dlcli.errors import DlcliError, UsageError, reason
from dlcli.printable import printable


class _Command(TyperCommand):
    """A command that notices where `--json` went."""

    def invoke(self, ctx: Any) -> Any:
        if wants_json(sys.argv[1:]) and not ctx.params.get("json"):
            raise UsageError(
                "--json stands where the value of another option belongs; give that option its "
                "value, or leave it out"
            )
        return super().invoke(ctx)


# Plain help: typer's rich help more than doubles the time of `dlcli --help`.
app = typer.Typer(
    name="dlcli",
    help="A YAML file in, a trained, proven, deployable network out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train", cls=_Command)(train)
app.command("evaluate", cls=_Command)(evaluate)
app.command("validate", cls=_Command)(validate)
app.command("predict", cls=_Command)(predict)
app.command("importance", cls=_Command)(importance)
app.command("verify", cls=_Command)(verify)
app.command("reproduce", cls=_Command)(reproduce)
app.command("init", cls=_Command)(init)
app.command("describe", cls=_Command)(describe)
app.command("schema", cls=_Command)(schema)
data = typer.Typer(
    help="Known data sets: which there are, and their files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
data.command("list", cls=_Command)(list_sets)
data.command("fetch", cls=_Command)(fetch)
app.add_typer(data, name="data")


def _version(wanted: bool) -> None:
    if wanted and wants_json(sys.argv[1:]):
        print_json({"version": __version__})
        raise typer.Exit
    if wanted:
        print(f"dlcli {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Exit codes: 0 done, 1 a bug in dlcli, 2 config or usage, 3 data, 4 artifact, 5 locked, "
    "6 disk or memory, 7 diverged, 8 gate not met, 9 export differs, 10 not reproduced, "
    "11 not comparable, 129, 130 and 143 interrupted after a saved checkpoint."
)
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", hidden=True)] = False,
) -> None:
    """A YAML file in, a trained, proven, deployable network out."""
    if json:
        raise UsageError("write --json behind the command: dlcli COMMAND --json")


_USAGE: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)
"""What the parser of options raises; typer gives it no name of its own."""


def run() -> NoReturn:
    """Run the command in `sys.argv` and end the process with its documented exit code."""
    _survive_closed_streams()
    wanted = wants_json(sys.argv[1:])
    fail = Failure(wanted)
    try:
        with _help_as_json(wanted), progress.shown_by(_bar, _told):
            code = app(standalone_mode=False) or 0
        if code == 130:  # how the parser of options reports it
            raise KeyboardInterrupt
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except KeyboardInterrupt:
        code = 130
        complain("interrupted")
        fail({"code": code, "kind": "interrupted", "message": "interrupted"})
    except _USAGE as error:
        code = _misused(error, fail)
    except DlcliError as error:
        code = error.exit_code
        complain(str(error))
        if "--debug" in sys.argv:
            traceback.print_exc()
        fail(error.to_json(), error.result)
    except MemoryError:
        code = 6
        complain(_NO_MEMORY)
        fail({"code": code, "kind": "memory", "message": _NO_MEMORY})
    except Exception as error:
        if isinstance(error, FileNotFoundError) and not _has_working_directory():
            code = 2
            words = "the working directory was removed; change to one that exists"
            complain(words)
            fail({"code": code, "kind": "usage", "message": words})
        else:
            code = _bug(fail)
    _leave(code)


_NO_MEMORY = (
    "not enough memory; use a smaller model or training.batch_size, or fewer --workers, or give "
    "features as an uncompressed .npy file, which is read in place"
)


def _misused(error: Any, fail: Failure) -> int:
    """Options and arguments that the command does not have, or lacks."""
    error.show()
    context = getattr(error, "ctx", None)
    hint = {} if context is None else {"hint": f"{context.command_path} --help"}
    code = int(error.exit_code)
    fail({"code": code, "kind": "usage", "message": error.format_message(), **hint})
    return code


def _bar(what: str, total: int | None, unit: str, began: float) -> progress.Bar | None:
    """Drawn by what is only loaded where there is something to draw."""
    from dlcli.console import show

    return show(what, total, unit, began)


def _told(text: str) -> None:
    """A sentence for the person at the terminal, if there still is one."""
    with contextlib.suppress(OSError):
        print(printable(text), file=sys.stderr, flush=True)


@contextlib.contextmanager
def _help_as_json(wanted: bool) -> Iterator[None]:
    """The text of `--help` is a document, too, where one is wanted."""
    if not wanted or not {"--help", "-h"} & set(sys.argv):
        yield
        return
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        yield
    shown = text.getvalue()
    if shown.startswith("Usage:"):
        print_json({"help": shown})
    else:  # the word was the value of another option
        print(shown, end="")


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


def _leave(code: int) -> NoReturn:
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
        if not isinstance(error, BrokenPipeError):
            self.lost = error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def _survive_closed_streams() -> None:
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
