"""`dlcli predict`: the deployed model's answers to new rows."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlcli.cli.options import (
    Debug,
    Json,
    RunArgument,
    choose_recorded_numerics,
    require_run,
)
from dlcli.cli.outcome import print_json

if TYPE_CHECKING:
    from dlcli.deploy.bundle import Bundle
    from dlcli.engine.layer import Array


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
    from dlcli.pipeline.predict import predict_rows

    piped = rows == "-"
    if piped and _comes_from_a_terminal():
        print("reading rows from this terminal; end them with Ctrl-D", file=sys.stderr, flush=True)
    bundle, answers = predict_rows(run, None if piped else Path(rows), _tell)
    header, lines = _table(bundle, answers)
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


def _table(bundle: "Bundle", answers: "Array") -> tuple[list[str], list[list[Any]]]:
    """The header and one line for each row."""
    kind, count = bundle.loss.kind(bundle.model.out_shape)
    flat = answers.reshape(len(answers), -1)
    values = [[float(str(value)) for value in row] for row in flat]  # shortest digits of float32
    names = list(bundle.classes or [])
    if kind == "multiclass":
        # Units without a class; labels that are digits must not be mistaken for their numbers.
        unit = "unit_{}" if names else "{}"
        names += [unit.format(index) for index in range(len(names), count)]
        lines = [[names[int(row.argmax())], *v] for row, v in zip(flat, values, strict=True)]
        return ["class", *(f"p_{name}" for name in names)], lines
    if kind == "binary":
        names = names if len(names) == 2 else ["0", "1"]
        lines = [[names[int(row[0] > 0.5)], *v] for row, v in zip(flat, values, strict=True)]
        return ["class", f"p_{names[1]}"], lines
    if flat.shape[1] == 1:
        return ["value"], values
    word, targets = "p" if kind == "multilabel" else "value", bundle.csv.target
    known = isinstance(targets, tuple) and len(targets) == flat.shape[1]
    names = list(targets or ()) if known else [str(index) for index in range(flat.shape[1])]
    return [f"{word}_{name}" for name in names], values
