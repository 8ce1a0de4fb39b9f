"""What is kept of every row, to say later which one is another: four bytes a row.

The digests of the data (digests.py) say whether it is the same, these prints only where it is not:
nothing that must hold depends on them. Of a table with more than 65,536 rows, 2, 4, 8, ... rows
have a print together, so that no table has more prints than that.

The print of a row is the sum of its 64-bit words, each times an odd number of its own, modulo
2^64, mixed and cut to 32 bits. Of two rows that differ in one word, the sums differ for certain;
that two different rows have the same print by chance has a probability of 2^-32. Texts enter as
texts, not as their positions in a vocabulary that one new text would shift.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace

import numpy as np
import numpy.typing as npt

from dlcli.data.dataset import Array, Raw, Table, rows_per_chunk
from dlcli.data.digests import digests, features_role
from dlcli.frozen import frozen

MOST = 1 << 16
"""Prints of one table."""

Words = npt.NDArray[np.uint64]
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio, made odd
_MIX = np.uint64(0xFF51AFD7ED558CCD)  # of MurmurHash3's 64-bit finalizer
_HALF = np.uint64(32)


@frozen
class Prints:
    """The rows of one table.

    rows: how many. together: so many in a row have one print. values: (n,) uint32, in order.
    features, targets: the type and shape of one row's, such as "float64 (4,)"; empty where the
        prints are not of them.
    files: what messages call the features and the targets; place: where a row was read.
    """

    rows: int
    together: int
    values: npt.NDArray[np.uint32]
    features: str
    targets: str
    files: tuple[str, str] = field(default=("", ""), compare=False)
    place: Callable[[int], str] | None = field(default=None, compare=False)


def together(rows: int) -> int:
    """How many rows have one print: the smallest power of two that leaves at most `MOST`.

    >>> together(65_536), together(65_537), together(1_000_000)
    (1, 2, 16)
    """
    return 1 << max(0, (rows - 1) // MOST).bit_length()


def prints(raw: Raw) -> dict[str, Prints]:
    """The prints of every table that a source brings, by its role.

    Of data of several values, each array has prints of its own, by what `digests` calls it.
    """
    texts = {
        place: _words_of(column.categories)
        for place, column in enumerate(raw.columns or ())
        if column.categories is not None
    }
    classes = None if raw.classes is None else _words_of(raw.classes)
    found: dict[str, Prints] = {}
    for role, table in raw.parts.items():
        if not isinstance(table.values, Mapping):
            found[role] = _prints(table, texts, classes)
            continue
        for name, one in table.each().items():
            alone = replace(one, targets=np.zeros(len(one)), files=(one.files[0], ""), weights=None)
            found[features_role(role, name)] = replace(_prints(alone, {}, None), targets="")
        files = (table.files[-1],) * 2
        alone = replace(table, values=np.zeros((len(table), 1)), files=files)
        found[f"{role}.targets"] = replace(_prints(alone, {}, classes), features="")
    return found


def _prints(table: Table, texts: Mapping[int, Words], classes: Words | None) -> Prints:
    rows, several = len(table), together(len(table))
    sums = np.zeros(-(-rows // several), np.uint64)
    step = several * max(1, rows_per_chunk(table.features.shape[1:]) // several)
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        features = _words(np.asarray(table.features[start:stop]))
        for place, known in texts.items():
            codes = features[:, place].view(np.float64)
            holes = np.isnan(codes)
            found = known[np.where(holes, 0, codes).astype(np.int64)] if len(known) else codes
            features[:, place] = np.where(holes, features[:, place], found)
        found = _mixed(_total(features))
        found += _SPREAD * _mixed(_total(_targets(np.asarray(table.targets[start:stop]), classes)))
        if table.weights is not None:
            found += _MIX * _mixed(_total(_words(table.weights[start:stop])))
        found *= 2 * (np.arange(stop - start, dtype=np.uint64) % several) + 1
        first = np.arange(0, stop - start, several)
        sums[start // several : start // several + len(first)] = np.add.reduceat(found, first)
    return Prints(
        rows,
        several,
        (_mixed(sums) >> _HALF).astype(np.uint32),
        f"{table.features.dtype.name} {table.features.shape[1:]}",
        f"{table.targets.dtype.name} {table.targets.shape[1:]}",
        (table.files[0], table.files[-1]),
        table.place,
    )


def _targets(targets: Array, classes: Words | None) -> Words:
    """Numbers as float64, whether they are whole or not: one fraction would make others of all."""
    if classes is not None and targets.ndim == 1 and targets.dtype.kind == "i":
        known = (targets >= 0) & (targets < len(classes))
        return np.where(known, classes[np.where(known, targets, 0)], targets.view(np.uint64))[
            :, np.newaxis
        ]
    return _words(targets.astype(np.float64))


def _words(array: Array) -> Words:
    """The rows as 64-bit words, (n, words): their little-endian bytes, filled up with zeros."""
    plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    width = plain.nbytes // max(1, len(plain))
    content = np.zeros((len(plain), -(-width // 8) * 8), np.uint8)
    content[:, :width] = plain.reshape(len(plain), -1).view(np.uint8)
    return content.view("<u8").astype(np.uint64, copy=False)


def _total(words: Words) -> Words:
    """The sum of each row's words, each times an odd number of its own."""
    factors = _SPREAD * (np.uint64(2) * np.arange(words.shape[1], dtype=np.uint64) + np.uint64(1))
    sums: Words = (words * (_mixed(factors) | np.uint64(1))).sum(axis=1, dtype=np.uint64)
    return sums


def _mixed(words: Words) -> Words:
    """Every bit of a word into all of them; one to one."""
    words = (words ^ (words >> np.uint64(33))) * _MIX
    return words ^ (words >> np.uint64(33))


def _words_of(texts: Sequence[str]) -> Words:
    """A word for each text that depends on nothing else."""
    digests = (hashlib.sha256(text.encode(errors="surrogatepass")).digest() for text in texts)
    return np.array([int.from_bytes(digest[:8], "little") for digest in digests], np.uint64)


@frozen
class Brought:
    """What a source brought, without the rows themselves.

    digests: see `digests.digests`. columns, classes: their names, where they have any.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    prints: Mapping[str, Prints] = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None

    @staticmethod
    def of(raw: Raw) -> "Brought":
        """All of it; reads every row twice."""
        columns = None if raw.columns is None else tuple(column.name for column in raw.columns)
        return Brought(digests(raw), prints(raw), columns, raw.classes)
