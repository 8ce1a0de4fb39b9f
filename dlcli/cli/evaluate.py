"""`dlcli evaluate`: loss and metrics of a finished run, and gates for CI."""

from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.options import (
    DataDir,
    Debug,
    Json,
    RunArgument,
    Workers,
    choose_recorded_numerics,
    default_workers,
    require_run,
)
from dlcli.cli.outcome import print_json


def evaluate(
    run: RunArgument,
    split: Annotated[
        str | None,
        typer.Option("--split", help="train, validation or test; default: test, else validation."),
    ] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option("--expect", metavar="'METRIC>=NUMBER'", help="Exit 8 if not met; repeatable."),
    ] = None,
    data_dir: DataDir = None,
    workers: Workers = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Evaluate a run again, with the bits that training reported. Writes nothing."""
    choose_recorded_numerics(require_run(run))
    from dlcli.console import ConsoleWatch
    from dlcli.pipeline.again import evaluate_run
    from dlcli.pipeline.evaluate import Gate, check_gates

    gates = [Gate(text) for text in expect or ()]
    result, classes = evaluate_run(
        Path(run), split, data_dir, workers or default_workers(), gates, ConsoleWatch()
    )
    if json:
        print_json(result)
    else:
        ConsoleWatch(to_stdout=True).result(
            f"{result['split']}: {result['rows']:,} rows", result, classes
        )
    check_gates(gates, result["metrics"])
