"""Options that several commands share, and small helpers for their output."""

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcli import numerics, progress
from dlcli.errors import DlcliError, UsageError, reason
from dlcli.folding import for_stream
from dlcli.printable import printable

if TYPE_CHECKING:
    from dlcli.pipeline.progress import Reporter

MOST_WORKERS = 256

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Where data sets are looked for; else $DLCLI_DATA_DIR, else the user cache.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        max=MOST_WORKERS,
        help="Workers; default: the CPUs this process may use. Never changes results.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="Nothing on stderr but errors; stdout is as ever.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", help="Every epoch's line on a terminal, too, and no table.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a config value; repeatable."),
]
Expect = Annotated[
    list[str] | None,
    typer.Option(
        "--expect",
        metavar="GATE",
        help="Exit 8 if not met: 'METRIC>=NUMBER', 'recall[CLASS]>=NUMBER'; repeatable.",
    ),
]
_PEEK = 1 << 20  # bytes; a config is a page of text

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")]


def check_noise(quiet: bool, verbose: bool) -> None:
    """UsageError for both options; with `--quiet`, bars and sentences of long work are hidden."""
    if quiet and verbose:
        raise UsageError("give --quiet or --verbose, not both")
    if quiet:
        progress.hide()


def reporter_of(quiet: bool, verbose: bool = False) -> "Reporter":
    """Who shows what a command does; loads what is only needed once there is something to show."""
    if quiet:
        from dlcli.pipeline.progress import NullReporter

        return NullReporter()
    from dlcli.console import ConsoleReporter

    return ConsoleReporter(verbose=verbose)


def default_workers() -> int:
    """The CPUs that this process may use: by its affinity, and by its container's quota."""
    from dlcli.cli.quota import quota

    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:
        count = os.cpu_count() or 1
    return max(1, min(count, quota() or count, MOST_WORKERS))


def choose_recorded_numerics(run: Path) -> None:
    """Pin the numerics that a run was trained with, before NumPy is imported.

    Only peeks at the manifest, whose first key is the config; whatever is wrong with it is
    reported later, by its reader.
    """
    from dlcli.artifacts.reading import read_start
    from dlcli.artifacts.run_directory import is_many

    if is_many(run):  # each of them computes alike
        run = next(iter(sorted(path.parent for path in run.glob("*/manifest.json"))), run)
    path = run / "manifest.json" if run.is_dir() else run
    mode: numerics.Mode = "portable"
    try:
        text = read_start(path, _PEEK).decode(errors="replace")
        begin = re.match(r'\{\s*"config":\s*', text)
        config, _ = json.JSONDecoder().raw_decode(text, begin.end() if begin else 0)
        if config["runtime"]["numerics"] == "native":
            mode = "native"
    except (DlcliError, ValueError, LookupError, TypeError, RecursionError):
        pass
    numerics.choose(mode)


def choose_numerics_of_bundle(path: Path) -> None:
    """Pin the numerics that a bundle wants, before NumPy is imported."""
    from dlcli.deploy.places import place_of, recorded_mode

    numerics.choose(recorded_mode(place_of(path)))


def print_path(path: Path) -> None:
    """Write a path to stdout as one line, in the bytes that the file system knows it by."""
    write = getattr(sys.stdout, "write_file_name", None)
    if write is None:
        print(path)
    else:
        write(os.fsencode(path))


def say(text: str) -> None:
    """Write a sentence to stdout; what it quotes may come from a file."""
    print(for_stream(printable(text), sys.stdout))


def require_name(output: Path | None, such_as: str) -> None:
    """UsageError for `-o -`, by which other programs mean standard output: a command whose file
    is named there prints the name of it."""
    if output == Path("-"):
        raise UsageError(
            f"-o -: this writes a file, and prints its path; name one, such as `-o {such_as}`",
            hint=f"-o {such_as}",
        )


def require_run(path: Path) -> Path:
    """The path, if something is there."""
    try:
        path.stat()
    except FileNotFoundError:
        from dlcli.artifacts.run_directory import nothing_there

        raise nothing_there(
            path,
            f"{path}: no such run directory",
            "; `dlcli train CONFIG` makes one and prints its path",
        ) from None
    except (OSError, ValueError) as error:  # no permission, or a name that nothing can have
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path}: cannot look at it: {why}", file=path) from None
    return path
