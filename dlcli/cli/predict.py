"""`dlcli predict`: the deployed model's answers to new rows."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.options import (
    Debug,
    Json,
    RunArgument,
    choose_recorded_numerics,
    require_run,
)
from dlcli.cli.outcome import print_json


def predict(
    run: RunArgument,
    rows: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help="rows.csv, images.npy, scenes.npz, or - for standard input."
        ),
    ],
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Answer new rows, preprocessing included: CSV on stdout, or JSON.

    Classification prints the class and each class's probability; regression the value.
    """
    choose_recorded_numerics(require_run(run))
    from dlcli.deploy.answer_table import answer_table
    from dlcli.pipeline.many_plan import refuse_many
    from dlcli.pipeline.predict import predict_rows

    refuse_many(run, "predict by")
    piped = rows == "-"
    if piped and _comes_from_a_terminal():
        print("reading rows from this terminal; end them with Ctrl-D", file=sys.stderr, flush=True)
    bundle, answers = predict_rows(run, None if piped else Path(rows), _tell)
    header, lines = answer_table(bundle, answers)
    if json:
        print_json(
            {
                "rows": len(lines),
                "predictions": [dict(zip(header, line, strict=True)) for line in lines],
            }
        )
        return
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _comes_from_a_terminal() -> bool:
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # somebody has closed it
        return False
