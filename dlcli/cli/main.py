"""The application: its commands. How any error becomes a sentence and an exit code stands in
ending.py."""

import contextlib
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand
from typer.main import get_command

from dlcli import __version__, progress
from dlcli.cli.data import fetch, list_sets
from dlcli.cli.describe import describe
from dlcli.cli.diff import diff
from dlcli.cli.doctor import doctor
from dlcli.cli.ending import ending, leave, survive_closed_streams
from dlcli.cli.evaluate import evaluate
from dlcli.cli.explain import explain
from dlcli.cli.export import export
from dlcli.cli.importance import importance
from dlcli.cli.init import init
from dlcli.cli.list import list_words
from dlcli.cli.outcome import Failure, print_json, tell, wants_json
from dlcli.cli.predict import predict
from dlcli.cli.report import report
from dlcli.cli.reproduce import reproduce
from dlcli.cli.runs import RunsGroup, list_runs, prune, rm, show
from dlcli.cli.schema import schema
from dlcli.cli.train import train
from dlcli.cli.validate import validate
from dlcli.cli.verify import verify
from dlcli.cli.watch import watch
from dlcli.errors import UsageError


class _Command(TyperCommand):
    """A command that notices where `--json` went."""

    def invoke(self, ctx: Any) -> Any:
        if wants_json(sys.argv[1:]) and not _has_json(ctx.params):
            raise UsageError(
                "--json stands where the value of another option belongs; give that option its "
                "value, or leave it out"
            )
        return super().invoke(ctx)


def _has_json(found: Mapping[str, Any]) -> bool:
    """Whether a command got the option that asks for a document."""
    return bool(found.get("json")) or found.get("format") == "json"


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
app.command("watch", cls=_Command)(watch)
app.command("evaluate", cls=_Command)(evaluate)
app.command("validate", cls=_Command)(validate)
app.command("predict", cls=_Command)(predict)
app.command("export", cls=_Command)(export)
app.command("importance", cls=_Command)(importance)
app.command("verify", cls=_Command)(verify)
app.command("reproduce", cls=_Command)(reproduce)
app.command(
    "diff", cls=_Command, short_help="Show in what two runs differ, from config to tensors."
)(diff)
app.command(
    "report", cls=_Command, short_help="Write a page, HTML without scripts, of one or several runs."
)(report)
app.command("init", cls=_Command)(init)
app.command("describe", cls=_Command)(describe)
app.command("list", cls=_Command)(list_words)
app.command("explain", cls=_Command)(explain)
app.command("schema", cls=_Command)(schema)
app.command("doctor", cls=_Command)(doctor)
data = typer.Typer(
    help="Known data sets: which there are, and their files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
data.command("list", cls=_Command)(list_sets)
data.command("fetch", cls=_Command)(fetch)
app.add_typer(data, name="data")
runs = typer.Typer(
    cls=RunsGroup,
    help="Runs side by side, one of them, and their removal. `dlcli runs [DIR]` lists them.",
    rich_markup_mode=None,
)
runs.command("list", cls=_Command)(list_runs)
runs.command("show", cls=_Command)(show)
runs.command("rm", cls=_Command)(rm)
runs.command("prune", cls=_Command)(prune)
app.add_typer(runs, name="runs")


def _version(wanted: bool) -> None:
    if wanted and wants_json(sys.argv[1:]):
        print_json({"version": __version__})
        raise typer.Exit
    if wanted:
        print(f"dlcli {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Exit codes: 0 done, 1 a bug in dlcli, 2 config or usage, 3 data, 4 artifact, 5 locked, "
    "6 disk or memory, 7 diverged, 8 gate not met, 9 export differs, "
    "10 not reproduced, or different (diff --exit-code), "
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


@cache
def _commands() -> Any:
    """The commands as they parse their options; made once, as a process may run several."""
    return get_command(app)


def run() -> NoReturn:
    """Run the command in `sys.argv` and end the process with its documented exit code."""
    survive_closed_streams()
    wanted = wants_json(sys.argv[1:])
    fail = Failure(wanted)
    with ending(fail) as end:
        try:
            with _help_as_json(wanted), progress.shown_by(_bar, _told):
                end.code = _commands()(standalone_mode=False) or 0
            if end.code == 130:  # how the parser of options reports it
                raise KeyboardInterrupt
        except _USAGE as error:
            end.code = _misused(error, fail)
    leave(end.code)


def _misused(error: Any, fail: Failure) -> int:
    """Options and arguments that the command does not have, or lacks."""
    error.message += _set_apart(sys.argv)
    shown = io.StringIO()
    error.show(file=shown)
    _told(shown.getvalue().rstrip("\n"))
    context = getattr(error, "ctx", None)
    hint = {} if context is None else {"hint": f"{context.command_path} --help"}
    code = int(error.exit_code)
    fail({"code": code, "kind": "usage", "message": error.format_message(), **hint})
    return code


def _set_apart(words: Sequence[str]) -> str:
    """What to add to a complaint where `--set` is followed by a key and a value, two words."""
    for option, key, value in zip(words, words[1:], words[2:], strict=False):
        if option == "--set" and "=" not in key:
            return f"; --set takes one word, KEY=VALUE: write --set {key}={value}"
    return ""


def _bar(what: str, total: int | None, unit: str, began: float) -> progress.Bar | None:
    """Drawn by what is only loaded where there is something to draw."""
    from dlcli.console import show

    return show(what, total, unit, began)


def _told(text: str) -> None:
    """A sentence for the person at the terminal, if there still is one."""
    with contextlib.suppress(OSError):
        tell(text)


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
