"""`dlcli watch`: the curves of a run while another process trains it."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.options import Debug, Json, require_run
from dlcli.cli.outcome import print_json, tell

_SECONDS = 0.25
"""Between two looks."""


def watch(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run directory.", show_default=True)
    ] = Path("runs/latest"),
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the curves of a run while it is trained; ends with it.

    Through a pipe, one line an epoch. Only reads. Exit 0 when the run is complete, or when no
    process works on it any more; stderr says which.
    """
    require_run(run)
    from dlcli.cli.signals import watch_signals
    from dlcli.console import Curves
    from dlcli.pipeline.watch import State, Watched

    watched = Watched(run)
    state: State = watched.look()
    with watch_signals():
        if json:
            while state == "at work":
                time.sleep(_SECONDS)
                state = watched.look()
        else:
            with Curves(watched.root.name) as curves:
                while True:
                    curves.show(
                        [epoch.metrics for epoch in watched.epochs],
                        [epoch.is_best for epoch in watched.epochs],
                        watched.wanted,
                        state,
                    )
                    # Who read our lines may have gone: nobody is left to watch for.
                    if state != "at work" or getattr(sys.stdout, "is_left", False):
                        break
                    time.sleep(_SECONDS)
                    state = watched.look()
    if json:
        epochs, best = watched.epochs, watched.best
        print_json(
            {
                "run": str(watched.root),
                "state": state,
                "epochs": len(epochs),
                "metrics": dict(epochs[-1].metrics) if epochs else {},
                "best": {"epoch": best, "metrics": dict(epochs[best - 1].metrics)} if best else {},
            }
        )
    elif state == "complete":
        tell("the run is complete")
    elif state == "stopped":
        tell(
            f"no process works on the run, which is not complete; `dlcli train --resume "
            f"{watched.root}` goes on with it"
        )
