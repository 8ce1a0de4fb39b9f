"""`dlcli evaluate`: loss and metrics of a finished run, and gates for CI."""

from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.options import (
    DataDir,
    Debug,
    Expect,
    Json,
    Quiet,
    RunArgument,
    Verbose,
    Workers,
    check_noise,
    choose_recorded_numerics,
    default_workers,
    reporter_of,
    require_run,
)
from dlcli.cli.outcome import print_json


def evaluate(
    run: RunArgument,
    split: Annotated[
        str | None,
        typer.Option("--split", help="train, validation or test; default: test, else validation."),
    ] = None,
    expect: Expect = None,
    data_dir: DataDir = None,
    workers: Workers = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Evaluate a run again, with the bits that training reported. Writes nothing."""
    check_noise(quiet, verbose)
    choose_recorded_numerics(require_run(run))
    from dlcli.artifacts.run_directory import is_many
    from dlcli.console import ConsoleReporter
    from dlcli.pipeline.finished import evaluate_run
    from dlcli.pipeline.gates import Gates

    gates = Gates(expect or ())
    if is_many(Path(run)):
        from dlcli.cli.shown import show_many
        from dlcli.pipeline.many import evaluate_many

        found = evaluate_many(
            Path(run),
            split,
            data_dir,
            workers or default_workers(),
            gates,
            reporter_of(quiet, verbose),
        )
        if not json:
            show_many(found)
        gates.require_met(found)
        if json:
            print_json({**found, **gates.to_json()})
        elif gates:
            reporter_of(quiet).say(gates.told())
        return
    result, subjects = evaluate_run(
        Path(run), split, data_dir, workers or default_workers(), gates, reporter_of(quiet, verbose)
    )
    document = {**result, **gates.to_json()}
    if not json:
        ConsoleReporter(to_stdout=True).result(
            f"{result['split']}: {result['rows']:,} rows", result, subjects
        )
    gates.require_met(document)
    if json:
        print_json(document)
    elif gates:
        reporter_of(quiet).say(gates.told())
