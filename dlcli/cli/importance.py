"""`dlcli importance`: which columns the answers of a finished run depend on."""

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


def importance(
    run: RunArgument,
    split: Annotated[
        str | None,
        typer.Option("--split", help="train, validation or test; default: test, else validation."),
    ] = None,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, max=10_000, help="Permutations of each column.")
    ] = 10,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**63 - 1, help="Of the permutations.")
    ] = 0,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="What is judged by; default: accuracy, or r2 of numbers."),
    ] = None,
    data_dir: DataDir = None,
    workers: Workers = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """How much worse the answers get when one column is permuted. Writes nothing.

    As scikit-learn's permutation_importance. Columns that tell the same share their importance:
    where one of them is permuted, the model still has the others.
    """
    choose_recorded_numerics(require_run(run))
    from dlcli.cli.shown import show_importance
    from dlcli.console import ConsoleReporter
    from dlcli.pipeline.importance import importance_of

    found = importance_of(
        Path(run), split, metric, repeats, seed, data_dir, workers or default_workers(),
        ConsoleReporter(),
    )  # fmt: skip
    if json:
        print_json(found.to_json())
    else:
        show_importance(found)
