"""Rows in and answers out, as `dlcli predict` and a bundle by itself do it alike."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlcli.cli.outcome import print_json


def rows_named(name: str) -> Path | None:
    """The file of rows that a command line names; None for standard input, which is `-`."""
    if name != "-":
        return Path(name)
    if _comes_from_a_terminal():
        tell("reading rows from this terminal; end them with Ctrl-D")
    return None


def tell(text: str) -> None:
    """A sentence for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def print_answers(header: Sequence[str], lines: Sequence[Sequence[Any]], as_json: bool) -> None:
    """The table of answers on stdout: CSV, or one JSON document."""
    if as_json:
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


def _comes_from_a_terminal() -> bool:
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # somebody has closed it
        return False
