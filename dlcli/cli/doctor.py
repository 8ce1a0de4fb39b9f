"""`dlcli doctor`: one line for everything that results and runs depend on."""

import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcli import numerics
from dlcli.cli.options import DataDir, Debug, Json, default_workers, say
from dlcli.cli.outcome import print_json

if TYPE_CHECKING:
    from dlcli.pipeline.doctor import Check, Processors

_STATE, _NAME, _WIDTH = 9, 14, 80


def doctor(
    output_dir: Annotated[
        Path | None, typer.Option("--output-dir", help="Where run directories go; default: runs.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Check this machine: versions, bits, gradients, disk, extras.

    It looks at the processors, too, and writes nothing.

    Exit 0: nothing is wrong. Exit 11: other bits than on machines of its kind. Exit 6: runs cannot
    be written. Exit 1: a layer's gradients are not its derivatives.
    """
    numerics.choose("portable")
    from dlcli.pipeline import doctor as checks

    found = checks.examine(output_dir or Path("runs"), data_dir, _processors())
    if json:
        found.require_healthy()
        print_json(found.to_json())
        return
    for check in found.checks:
        _show(check)
    found.require_healthy()


def _show(check: "Check") -> None:
    """The line of a check, and what to do below it; folded where the terminal is narrower."""
    room = _WIDTH - _STATE - _NAME
    head, margin = f"{check.state:<{_STATE}}{check.name:<{_NAME}}", " " * (_STATE + _NAME)
    for text in (check.told, check.hint):
        for line in textwrap.wrap(text, room, break_on_hyphens=False, break_long_words=False):
            say(f"{head}{line}")
            head = margin


def _processors() -> "Processors":
    from dlcli.cli.quota import quota
    from dlcli.pipeline.doctor import Processors

    machine = os.cpu_count() or 1
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # the system does not say
        allowed = machine
    return Processors(machine, allowed, quota(), default_workers())
