"""`dlcli report`: the page of a run, or of several side by side."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.options import (
    DataDir,
    Debug,
    Json,
    choose_recorded_numerics,
    print_path,
    require_name,
    require_run,
)
from dlcli.cli.outcome import print_json, tell
from dlcli.errors import UsageError


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run directories; several are compared.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="The page; default: report.html in the run."
        ),
    ] = None,
    rows: Annotated[
        bool,
        typer.Option(
            "--rows",
            help="Show the rows that were answered worst, too: they are somebody's data.",
        ),
    ] = False,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            metavar="DIR",
            help="Write the charts there, too, for a paper: SVG, PDF and PNG.",
        ),
    ] = None,
    data_dir: DataDir = None,
    open_it: Annotated[
        bool, typer.Option("--open", help="Show the page in the browser, too.")
    ] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write the page of a run, or of several side by side: HTML, without scripts.

    Prints the page's path on stdout. Training writes the page of its run by itself.
    """
    require_name(output, "page.html")
    for run in runs:
        _refuse_folder(require_run(run), output)
    runs = _without_links(runs)
    choose_recorded_numerics(runs[0])  # what is computed, for --rows, is of one run
    from dlcli.pipeline.report import report_runs

    folder = None
    if figures is not None:
        from dlcli.pipeline.report_figures import FigureFolder

        folder = FigureFolder(figures)
    path = report_runs(runs, output, rows=rows, data_dir=data_dir, figures=folder)
    if open_it:
        _show(path)
    if json:
        drawn = {} if folder is None else {"figures": [str(one) for one in folder.paths]}
        print_json({"report": str(path), **drawn})
    else:
        print_path(path)


def _refuse_folder(path: Path, output: Path | None) -> None:
    """UsageError for the directory that runs are in, which says how to give all of them."""
    from dlcli.artifacts.run_directory import is_many, is_run

    try:
        if not path.is_dir() or is_run(path) or is_many(path):
            return
        places = [one for one in path.iterdir() if one.is_dir() and not one.is_symlink()]
        count = sum(is_run(one) or is_many(one) for one in places)
    except OSError:  # who opens it will say why
        return
    if count:
        command = f"dlcli report {shlex.quote(str(path))}/* -o {shlex.quote(str(output or 'FILE'))}"
        holds = f"{count} runs" if count > 1 else "one run"
        raise UsageError(
            f"{path} is no run, it holds {holds}: `{command}` shows all side by side",
            file=path,
            hint=command,
        )


def _without_links(runs: Sequence[Path]) -> list[Path]:
    """Without links to runs that are given by name: `runs/*` has the newest as `latest`, too."""
    named = {run.resolve() for run in runs if not run.is_symlink()}
    return [run for run in runs if not run.is_symlink() or run.resolve() not in named]


def _show(path: Path) -> None:
    """In the browser that the system or `BROWSER` names; a page that cannot be shown is there
    all the same."""
    import webbrowser  # by who asks for it

    if not webbrowser.open_new_tab(path.absolute().as_uri()):
        tell(f"no browser was found; open {path} in one")
