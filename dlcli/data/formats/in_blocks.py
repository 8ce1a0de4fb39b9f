"""Columns of delimited text block by block, for whoever need not hold them all; and rows that
cannot be read left out, for whoever asks for that."""

import csv
import itertools
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress

from dlcli.data.formats.blocks import Doubt, RowBlock, quickest_way
from dlcli.data.formats.columns import BLOCK, Making, ReadBlock, made_of, no_rows, odd_row
from dlcli.data.formats.growing import room_apart
from dlcli.data.formats.text import Text, data_rows
from dlcli.errors import DataError, DlcliError
from dlcli.progress import work

Bad = Callable[[int, DataError], None]
"""Takes the number of a row that is left out, and why."""


def read_in_blocks(
    file: Text,
    wanted: Sequence[str],
    kinds: Mapping[str, str],
    as_written: str | None = None,
    bad: Bad | None = None,
) -> Generator[ReadBlock]:
    """`read_columns` block by block, so that memory has no need to hold the file.

    as_written: a column of which the cells are wanted, too. bad: takes the number of a row that
    cannot be read, and why, and the row is left out; if not given, that is an error.
    """
    make = Making(file, wanted, kinds, None, room_apart(len(wanted)), as_written)
    if bad is not None:
        yield from _without_bad(file, make, bad)
        return
    way, done = quickest_way(file, None), 0
    if way != "lines":
        with suppress(Doubt, DlcliError, ValueError, csv.Error):
            for block in made_of(file, make, None, way):
                yield block
                done += len(block.numbers)
            return
    make = Making(file, wanted, kinds, None, room_apart(len(wanted)), as_written)
    for block in made_of(file, make, None, "lines"):
        skipped = min(done, len(block.numbers))  # known already
        done -= skipped
        if skipped < len(block.numbers):
            yield block.below(skipped)


def _without_bad(file: Text, make: "Making", bad: Bad) -> Generator[ReadBlock]:
    """Line by line; a block that cannot be read as a whole is read row by row."""
    width, first = len(file.names), 0
    with work(f"read {file.path.name}") as at, data_rows(file) as rows:
        while block := list(itertools.islice(rows, BLOCK)):
            try:
                if set(map(len, block)) != {width}:
                    raise Doubt
                yield make(RowBlock(block), first, "lines")
            except (Doubt, DataError):
                for row, cells in enumerate(block, first):
                    if not cells and not any(block[row - first :]):
                        break  # the blank lines that end a file, or none that hold anything
                    try:
                        if len(cells) != width:
                            raise odd_row(file, row, len(cells))
                        yield make(RowBlock([cells]), row, "lines")
                    except DataError as error:
                        bad(row, error)
            first += len(block)
            at(first)
    if not first:
        raise no_rows(file)
