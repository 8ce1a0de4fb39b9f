"""`dlcli predict`: the deployed model's answers to new rows."""

from typing import Annotated

import typer

from dlcli.cli.options import (
    Debug,
    Json,
    RunArgument,
    choose_recorded_numerics,
    require_run,
)
from dlcli.cli.table import print_answers, rows_named, tell


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
    bundle, answers = predict_rows(run, rows_named(rows), tell)
    print_answers(*answer_table(bundle, answers), as_json=json)
