"""`dlcli watch`: the curves of a run while another process trains it."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcli.cli.options import Debug, Json, require_run
from dlcli.cli.outcome import print_json, tell

if TYPE_CHECKING:
    from dlcli.console import Curves
    from dlcli.pipeline.watch import Watched
    from dlcli.pipeline.watch_many import WatchedMany

_SECONDS = 0.25
"""Between two looks."""
_RUNS = Path("runs")


def watch(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN",
            help="A run directory, or one that runs are in.  [default: runs]",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the curves of a run while it is trained; ends with it.

    Of a directory of runs, the newest is followed at which a process is at work; of folds and
    seeds, one after the other. Through a pipe, one line an epoch. Only reads. Exit 0 when the run
    is complete, or when no process works on it any more; stderr says which.
    """
    if run is None:
        run = _RUNS if _RUNS.is_dir() else _RUNS / "latest"
    require_run(run)
    from dlcli.cli.signals import watch_signals
    from dlcli.console import Curves
    from dlcli.pipeline.watch_many import chosen, watching

    choice = chosen(run)
    watched = watching(choice.path)
    state = watched.look()
    if choice.others and not json:
        tell(_of_others(choice.path, choice.others))
    with watch_signals():
        if json:
            while state == "at work":
                time.sleep(_SECONDS)
                state = watched.look()
        else:
            with Curves() as curves:
                while True:
                    _show(curves, watched, state)
                    # Who read our lines may have gone: nobody is left to watch for.
                    if state != "at work" or getattr(sys.stdout, "is_left", False):
                        break
                    time.sleep(_SECONDS)
                    state = watched.look()
    what, are, it = ("the runs", "are", "them") if watched.several else ("the run", "is", "it")
    if json:
        print_json(watched.to_json(state))
    elif state == "complete":
        tell(f"all {watched.several} are complete" if watched.several else "the run is complete")
    elif state == "stopped":
        tell(
            f"no process works on {what}, which {are} not complete; `dlcli train --resume "
            f"{watched.root}` goes on with {it}"
        )


def _show(curves: "Curves", watched: "Watched | WatchedMany", state: str) -> None:
    now = watched.now
    epochs = [] if now is None else now.epochs
    curves.show(
        watched.title,
        [epoch.metrics for epoch in epochs],
        [epoch.is_best for epoch in epochs],
        None if now is None else now.wanted,
        state,
        watched.head,
    )


def _of_others(path: Path, others: Sequence[Path]) -> str:
    """That there are other runs to look on at."""
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return (
        f"watching {path}, the newest run at work; a process is at work on {others[0]}{more}, too"
    )
