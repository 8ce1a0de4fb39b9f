"""`dlcli data list` and `dlcli data fetch`: the data sets that are known by name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcli import numerics
from dlcli.cli.options import DataDir, Debug, Json, print_path, say
from dlcli.cli.outcome import print_json
from dlcli.errors import DlcliError, UsageError
from dlcli.nearest import nearest

if TYPE_CHECKING:
    from dlcli.pipeline.data_sets import Fetched

Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME...", help="As `dlcli data list` has them.")
]
All = Annotated[bool, typer.Option("--all", help="Every set.")]


def list_sets(data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Show the known data sets, and which of them are there."""
    numerics.choose("portable")
    from dlcli.cli.shown import print_narrow
    from dlcli.pipeline.data_sets import survey

    found = survey(data_dir)
    if json:
        print_json({"sets": [one.to_json() for one in found]})
        return
    rows = [(one.name, one.rows_told, one.size_told, one.state, one.about) for one in found]
    header = ("name", "rows", "size", "state", "what it is")
    print_narrow(header, rows, (None, None, None, None, 24), (1, 2))
    folder = next(one.folder for one in found if one.folder is not None).parent
    say(f"\ndata dir: {folder}")


def fetch(
    names: Names = None,
    every: All = False,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Fetch the files of known data sets into the data dir; prints their folders.

    What is there is checked and not fetched again; what was interrupted goes on.
    """
    if bool(names) == every:
        both = ", not both" if every else ""
        raise UsageError(f"give the NAMEs of data sets, or --all{both}")
    numerics.choose("portable")
    from dlcli.pipeline.data_sets import EMBEDDED, Fetched, fetch_set, fetchable

    known = fetchable()
    for name in names or ():
        if name not in known and name not in EMBEDDED:
            meant = nearest(name, [*known, *EMBEDDED])
            hint = f"did you mean {meant}?" if meant else "`dlcli data list` shows all"
            raise UsageError(f"{name!r} is no known data set; {hint}", hint=hint)
    done: list[Fetched] = []
    try:
        for name in dict.fromkeys(names or known):
            found = fetch_set(name, data_dir)
            done.append(found)
            if not json:
                _show(found)
    except DlcliError as error:
        error.result = {"sets": [one.to_json() for one in done]}
        raise
    if json:
        print_json({"sets": [one.to_json() for one in done]})


def _show(found: "Fetched") -> None:
    from dlcli import progress

    if found.folder is None:
        progress.tell(f"{found.name} comes with dlcli: there is nothing to fetch")
        return
    if not found.files:
        progress.tell(f"{found.name} is there already, and intact")
    print_path(Path(found.folder))
