"""Folds: as many cuts of the same rows, of which each makes another part the test part.

    random   every row is tested once. The rows are dealt out one by one in an order that is drawn;
             by class, where they are stratified, so that no two folds differ by more than one row
             of a class, nor by more than one row in all
    group    every group is tested once, as a whole: the largest go to the folds with fewest rows
    order    equal blocks from the end of the file, or of the rows sorted by a column (time); what
    time     is behind the test block is not learned from, and the first block is never tested

The first is what sklearn.model_selection calls StratifiedKFold and KFold with shuffling, the others
are its GroupKFold and TimeSeriesSplit.
"""

import hashlib

import numpy as np
import numpy.typing as npt

from dlcli.data.dataset import Key
from dlcli.errors import DataError
from dlcli.randomness import Stream

Rows = npt.NDArray[np.int64]


def dealt(classes: Rows, folds: int, fold: int, seed: int, keep_rare: bool) -> Rows:
    """The test rows of fold `fold`, from 1.

    classes: of each row, numbered from 0; all 0 where rows are not stratified. keep_rare: whether
    the only row of a class is never tested. DataError for fewer rows than folds.
    """
    order = Stream(seed, "split", "folds").permutation(len(classes))
    if keep_rare:
        order = order[(np.bincount(classes) > 1)[classes[order]]]
    if len(order) < folds:
        raise DataError(
            f"{len(order):,} rows cannot be cut into {folds} folds, each of one row at least. "
            "Bring more data, or take fewer folds."
        )
    by_class = order[np.argsort(classes[order], kind="stable")]
    return np.sort(by_class[fold - 1 :: folds], kind="stable")


def of_groups(key: Key, folds: int, fold: int, seed: int, column: str) -> Rows:
    """The test rows of a fold of whole groups; DataError for fewer groups than folds."""
    values, groups = np.unique(key.values, return_inverse=True)
    if len(values) < folds:
        raise DataError(
            f"Column {column!r} has {len(values):,} group{'s' if len(values) > 1 else ''}, from "
            f"which {folds} folds cannot be made. Bring more groups, or take fewer folds."
        )
    sizes = np.bincount(groups).tolist()
    drawn = [
        hashlib.sha256(f"folds|{seed}|{value!r}".encode()).digest() for value in values.tolist()
    ]
    held = [0] * folds
    home = np.zeros(len(values), np.int64)
    for group in sorted(range(len(values)), key=lambda g: (-sizes[g], drawn[g])):
        home[group] = held.index(min(held))
        held[home[group]] += sizes[group]
    return np.flatnonzero(home[groups] == fold - 1).astype(np.int64)


def of_order(count: int, folds: int, fold: int) -> tuple[int, int]:
    """Where the test block of a fold begins and ends, in rows of their order; DataError for fewer
    rows than there are blocks."""
    size = count // (folds + 1)
    if size == 0:
        raise DataError(
            f"{count:,} rows cannot be cut into {folds} folds, each tested after at least one row "
            "before it. Bring more data, or take fewer folds."
        )
    end = count - (folds - fold) * size
    return end - size, end


def whole_times(times: npt.NDArray[np.float64], place: int) -> int:
    """The place in ascending times, moved to where its time begins."""
    return int(np.searchsorted(times, times[place])) if place < len(times) else place
