"""`dlcli reproduce`: a proof that a result comes out again."""

from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.options import (
    DataDir,
    Debug,
    Json,
    Quiet,
    Verbose,
    Workers,
    check_noise,
    choose_recorded_numerics,
    default_workers,
    reporter_of,
    require_run,
    say,
)
from dlcli.cli.outcome import print_json


def reproduce(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run directory, or a manifest.json alone.")
    ],
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Stop after N epochs: a cheap proof.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            min=0.0,
            help="Accept metrics within this relative difference instead of equal bits.",
        ),
    ] = None,
    data_dir: DataDir = None,
    workers: Workers = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Train the recorded config again, in a fresh place, and compare bit for bit.

    Exit 0: identical. Exit 10: differs, with the first differing epoch and tensor and the likely
    cause. Exit 11: another numerics class, not comparable. The original is never touched.
    """
    check_noise(quiet, verbose)
    choose_recorded_numerics(require_run(run))
    from dlcli.artifacts.run_directory import is_many
    from dlcli.pipeline.reproduce import reproduce as again

    if is_many(run):
        from dlcli.pipeline.many_plan import each_run

        told = {}
        for name, place in each_run(run):
            one = again(
                place,
                epochs,
                tolerance,
                data_dir,
                workers or default_workers(),
                reporter_of(quiet, verbose),
            )
            told[name] = one.to_json()
            if not json:
                say(f"{name}: {one.describe()}")
        if json:
            print_json({"runs": told})
        return
    found = again(
        run, epochs, tolerance, data_dir, workers or default_workers(), reporter_of(quiet, verbose)
    )
    if json:
        print_json(found.to_json())
    else:
        say(found.describe())
