"""`dlcli predict`: the deployed model's answers to new rows."""

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.options import (
    Debug,
    Json,
    Workers,
    choose_numerics_of_bundle,
    choose_recorded_numerics,
    default_workers,
    print_path,
    require_run,
)
from dlcli.cli.outcome import tell
from dlcli.cli.table import csv_pieces, json_line_pieces, lined, print_document, rows_named
from dlcli.errors import UsageError


class Form(StrEnum):
    """How answers are written."""

    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"


def predict(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run directory, or a bundle: folder or .pyz.")
    ],
    rows: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="rows.csv, .jsonl, .parquet, images.npy, scenes.npz, a picture or a folder of "
            "pictures, or - for standard input.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="A file for the answers; it appears when all is done. Default: standard output.",
        ),
    ] = None,
    form: Annotated[
        Form | None,
        typer.Option("--format", help="csv, jsonl or parquet; default: by the output's name."),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option("--top", min=1, metavar="K", help="The K most probable classes."),
    ] = None,
    proba: Annotated[bool, typer.Option("--proba", help="Probabilities only.")] = False,
    classes: Annotated[bool, typer.Option("--classes", help="Classes only.")] = False,
    id_column: Annotated[
        str | None,
        typer.Option("--id", metavar="COLUMN", help="Copy this column of the input in front."),
    ] = None,
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="Name and leave out rows that cannot be answered."),
    ] = False,
    workers: Workers = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Answer new rows, preprocessing included, as CSV or in a file.

    Classification gives the class and each class's probability; regression the value. A row's
    answer depends on no other row, and rows are answered while they are read. Pictures are decoded
    as those that the model was trained on; their files' names stand in front.
    """
    require_run(run)
    if output == Path("-"):  # where answers go by themselves
        output = None
    if proba and classes:
        raise UsageError("--proba and --classes leave nothing to show; give one of them")
    if json and (output is not None or form is not None):
        raise UsageError("--json prints one document; --output and --format are for tables")
    written = _form(output, form)
    from dlcli.deploy.places import is_bundle

    if is_bundle(run):
        choose_numerics_of_bundle(run)
    else:
        choose_recorded_numerics(run)
    from dlcli.deploy.answer_table import AnswerTable, Shown
    from dlcli.deploy.rows_answered import Wishes, wishes_for
    from dlcli.pipeline.many_plan import refuse_many
    from dlcli.pipeline.predict import predict_rows

    refuse_many(run, "predict by")
    file = rows_named(rows)
    wishes = wishes_for(file, Wishes(id_column, skip_bad, workers or default_workers()))
    bundle, answered = predict_rows(run, file, tell, wishes)
    table = AnswerTable(bundle, Shown(not proba, not classes, top))
    header, lines = lined(answered, table, wishes)
    if json:
        print_document(header, lines)
        return
    if written is Form.parquet:
        from dlcli.data.formats.parquet_out import parquet_pieces

        pieces: Iterator[bytes] = parquet_pieces(header, lines)
    else:
        texts = csv_pieces if written is Form.csv else json_line_pieces
        if output is None:
            for text in texts(header, lines):
                sys.stdout.write(text)
            return
        pieces = (text.encode(errors="surrogateescape") for text in texts(header, lines))
    assert output is not None
    from dlcli.artifacts import files

    files.write_bytes(output, pieces)
    print_path(output)


def _form(output: Path | None, form: Form | None) -> Form:
    """How answers are written; UsageError where that cannot be."""
    by_name = {".jsonl": Form.jsonl, ".ndjson": Form.jsonl, ".parquet": Form.parquet}
    found = form
    if found is None:
        suffix = "" if output is None else output.suffix.lower()
        found = by_name.get(suffix, Form.csv)
    if found is Form.parquet and output is None:
        raise UsageError("--format parquet is no text for a terminal or a pipe; give --output FILE")
    return found
