"""A bundle by itself: the command that answers rows where dlcli is not installed.

It prints what `dlcli predict` prints, and refuses what that refuses, by the same functions.
"""

import argparse
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from dlcli import numerics
from dlcli.cli.ending import ending, leave, survive_closed_streams
from dlcli.cli.outcome import Failure, print_json, tell, wants_json
from dlcli.cli.table import csv_pieces, lined, print_document, rows_named
from dlcli.errors import ArtifactError, ExportError

if TYPE_CHECKING:
    from dlcli.deploy.places import Place


def run(path: Path) -> NoReturn:
    """Do what `sys.argv` asks of the bundle at this path (a folder, or a zip file), and end the
    process with the exit code that dlcli has for how it went."""
    survive_closed_streams()
    with ending(Failure(wants_json(sys.argv[1:]))) as end:
        gc.set_threshold(200_000)  # what is loaded stays; to look for garbage in it takes time
        _command(path)
    leave(end.code)


def _command(path: Path) -> None:
    parser = argparse.ArgumentParser(
        description="Answer new rows by this network: CSV on stdout, or JSON.",
        epilog="Exit codes: 0 done, 2 usage, 3 rows that cannot be answered, 4 a damaged bundle, "
        "6 disk or memory, 7 answers that are not finite, 9 other answers than recorded.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "rows",
        nargs="?",
        metavar="ROWS",
        help="rows.csv, images.npy, scenes.npz, - for standard input, or a picture or a folder of "
        "pictures (which need the package Pillow)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.add_argument(
        "--check",
        nargs="?",
        const="",
        metavar="GOLDEN",
        help="answer the recorded rows of golden.safetensors (that beside this program, unless "
        "another is named) and compare with the recorded answers",
    )
    asked = parser.parse_args()
    if (asked.rows is None) == (asked.check is None):
        parser.error("give the rows, or --check")
    from dlcli.deploy.places import place_of, recorded_mode

    place = place_of(path)
    numerics.restartable = True
    numerics.choose(recorded_mode(place))
    if asked.check is not None:
        _check(place, asked.check, asked.json)
        return
    from dlcli.deploy.answer_table import AnswerTable
    from dlcli.deploy.network import load
    from dlcli.deploy.rows_answered import answer_rows, wishes_for

    network = load(place)
    rows = rows_named(asked.rows)
    wishes = wishes_for(rows)
    header, lines = lined(answer_rows(network, rows, tell, wishes), AnswerTable(network), wishes)
    if asked.json:
        print_document(header, lines)
        return
    for piece in csv_pieces(header, lines):
        sys.stdout.write(piece)


def _check(place: "Place", named: str, as_json: bool) -> None:
    """ExportError unless the recorded rows get the recorded answers."""
    from dlcli.artifacts.plain_tensors import TENSOR_LIMIT, plain_tensors
    from dlcli.artifacts.reading import read_bytes
    from dlcli.deploy.golden import GOLDEN, fault
    from dlcli.deploy.network import load
    from dlcli.deploy.places import DOCUMENT, read_document

    where = Path(named) if named else place.where(GOLDEN)
    if not named and not place.has(GOLDEN):
        raise ArtifactError(f"{where} is missing: name the file, --check GOLDEN", file=where)
    data = read_bytes(where, TENSOR_LIMIT) if named else place.read(GOLDEN, TENSOR_LIMIT)
    recorded = plain_tensors(data, where).arrays
    computed_in = read_document(place, DOCUMENT).get("numerics_class")
    wrong = fault(load(place), recorded, computed_in)
    if wrong is not None:
        raise ExportError(f"{place.path} {wrong}; do not use it", file=place.path)
    here, count = numerics.numerics_class(), len(recorded["y"])
    same = here == computed_in
    if as_json:
        print_json({"rows": count, "same_bits": same, "numerics_class": here})
    elif same:
        print(f"{count} rows: the recorded answers, bit for bit (numerics class {here})")
    else:
        print(
            f"{count} rows: the recorded answers, but for the last digits: they were computed in "
            f"the numerics class {computed_in}, this is {here}"
        )
