"""`dlcli verify`: a proof that a run's files are what its manifest says."""

from pathlib import Path

from dlcli.cli.options import Debug, Json, RunArgument, say
from dlcli.cli.outcome import print_json


def verify(run: RunArgument, json: Json = False, debug: Debug = False) -> None:
    """Check every file of a run against its manifest.

    Trains nothing. Exit 4 names the file.
    """
    from dlcli.artifacts.run_directory import RunDirectory, is_many
    from dlcli.artifacts.verification import verify as check

    if is_many(Path(run)):
        from dlcli.pipeline.many import verify_many

        found = verify_many(Path(run))
    else:
        found = check(RunDirectory.open(run))
    if json:
        print_json({"files": found.files, "bytes": found.bytes, "status": found.status})
    else:
        say(f"{run}: {found.files} files, {found.bytes:,} bytes, as the manifest says")
        if found.status != "complete":
            say(f"the run is not finished; `dlcli train --resume {run}` goes on with it")
