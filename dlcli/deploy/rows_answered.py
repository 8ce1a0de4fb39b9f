"""What a network answers to the rows of a file, and what a person should know of these rows."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from dlcli.data.dataset import ONLY
from dlcli.data.rows import read_named_rows, read_rows
from dlcli.data.strange import (
    codes_of_unknown,
    empty_buckets,
    missing_cells,
    takes_missing,
    takes_unknown,
    unknown_cells,
)
from dlcli.deploy.network import Network
from dlcli.deploy.standard_input import standard_input
from dlcli.engine.layer import Array
from dlcli.errors import DivergedError, about
from dlcli.progress import work

Tell = Callable[[str], None]
"""Hears a sentence that a person should know."""

_ANSWERED_AT_ONCE = 1024
"""Rows that are prepared together; each is answered alone, so that it changes no answer."""


def answer_rows(network: Network, rows: Path | None, tell: Tell = lambda text: None) -> Array:
    """The answers to the rows of a file (CSV, .npy or .npz); None: of standard input.

    tell: hears how many cells hold categories that training did not meet.
    """
    if rows is not None:
        return _answers(network, rows, tell)
    with standard_input() as received:
        return _answers(network, received, tell)


def _stored(network: Network, rows: Path) -> dict[str, Array]:
    """The rows of a file, checked, by the names of their values."""
    only = network.preprocessing.get(ONLY)
    if only is not None:
        odd = takes_unknown(only), takes_missing(only), codes_of_unknown(only)
        stored = read_rows(rows, only.columns, only.row_shape, network.csv, *odd)
        only.check(stored, str(rows))
        return {ONLY: stored}
    shapes = {name: one.row_shape for name, one in network.preprocessing.items()}
    arrays = {name: array for name, array in network.arrays.items() if array is not None}
    named = read_named_rows(rows, arrays, shapes)
    for name, one in network.preprocessing.items():
        one.check(named[name], f"the input {name!r} of {rows}")
    return named


def _tell_of_strange(network: Network, stored: Mapping[str, Array], tell: Tell) -> None:
    """How many cells of each column are missing, or hold a category that the training part did
    not have."""
    for name, one in network.preprocessing.items():
        rows = stored[name]
        for column, (count, first) in missing_cells(one, rows).items():
            where = f"column {column!r}" + (f" of the input {name!r}" if name != ONLY else "")
            tell(
                f"warning: {where}: {count:,} of {len(rows):,} cells, the first in row {first} "
                "(counted from 0), are missing; they are treated as in training"
            )
        takes = takes_unknown(one)
        if not takes:
            continue
        buckets = empty_buckets(one)
        for column, (count, first) in unknown_cells(one, rows).items():
            rare = takes[column] == "bucket" and column not in buckets
            where = f"column {column!r}" + (f" of the input {name!r}" if name != ONLY else "")
            tell(
                f"warning: {where}: {count:,} of {len(rows):,} cells, the first in row "
                f"{first} (counted from 0), hold categories that the model was not "
                f"trained on; they are taken as {'rare ones' if rare else 'none of those it knows'}"
            )


def answers_of(
    network: Network,
    count: int,
    take: Callable[[slice], Mapping[str, Array]],
    at: Callable[[int], object] = lambda done: None,
) -> Array:
    """The answers to so many rows; take: some of them, as stored, by the names of their values."""
    pieces = []
    for start in range(0, count, _ANSWERED_AT_ONCE):
        stop = min(start + _ANSWERED_AT_ONCE, count)
        pieces.append(network.predict(take(slice(start, stop))))
        at(stop)
    return np.concatenate(pieces)


def _answers(network: Network, rows: Path, tell: Tell) -> Array:
    with about(rows):
        stored = _stored(network, rows)
        network.check_ids(stored, str(rows))  # all of them, before the first is answered
    _tell_of_strange(network, stored, tell)
    count = len(next(iter(stored.values())))
    with work("answer rows", count) as at:
        answers = answers_of(
            network, count, lambda some: {name: x[some] for name, x in stored.items()}, at
        )
    finite = np.isfinite(answers).reshape(count, -1).all(axis=1)
    if not finite.all():
        raise DivergedError(
            f"{rows}: row {int(np.argmin(finite))} (counted from 0) gets an answer that is not "
            f"finite, and so do {int((~finite).sum())} rows in all: they are far from those that "
            "the network was trained on. Check the rows and their scale",
            file=rows,
        )
    return answers
