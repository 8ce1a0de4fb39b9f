"""Texts as ids of words: IMDB's reviews and Reuters' newswires, from the archives of Keras.

Ids are those of `keras.datasets.imdb.load_data`: 0 fills rows up, 1 begins a text, 2 is a word
that was left out, and the k-th most frequent word is k + 3. `num_words` and `skip_top` leave out
words by these ids. Rows are then made equally long as `keras.utils.pad_sequences` does it:
(n, maxlen) int32.

The order of the rows is Keras's, too, drawn as NumPy's RandomState(113) draws it (see
legacy_shuffle.py): so Reuters' test part, its last fifth in this order, has the same newswires as
Keras's, and `split: {by: order}` cuts off what its users cut off. Other than in Keras, `maxlen`
drops no text: longer ones are truncated; and without `num_words` every word is kept (Keras takes
the last one for a word left out).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from dlcli.data.checks import make_table
from dlcli.data.dataset import Array, Declared, Raw, Role, Table
from dlcli.data.downloads import decoded
from dlcli.data.formats import ragged
from dlcli.data.formats.npz import Archive
from dlcli.data.places import Places
from dlcli.data.sources.known import KnownSource
from dlcli.data.sources.legacy_shuffle import LegacyShuffle
from dlcli.errors import DataError
from dlcli.frozen import frozen

_MOST = 1 << 26
"""Bytes of one member of an archive."""

_SEED = 113
_START, _LEFT_OUT, _FIRST = 1, 2, 3
_TOPICS = """
    cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship
    cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin
    strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem
    dlr gas silver wpi hog lead
"""


@frozen
class _WordIds(KnownSource):
    """num_words: ids from this one on are left out. skip_top: ids below this one are.

    maxlen: how long rows are. padding: the side that short ones are filled up on. truncating: the
    side that long ones are cut off on.
    """

    num_words: int | None = None
    skip_top: int = 0
    maxlen: int = 200
    padding: str = "pre"
    truncating: str = "pre"

    class_names: ClassVar[tuple[str, ...]]
    arrays: ClassVar[Mapping[str, tuple[str, str]]]
    """The archive's arrays of lists and of labels, by a name of ours."""

    def declare(self, places: Places) -> Declared:
        return self.declared(places, (self.maxlen,), self.class_names)

    def load(self, places: Places, seed: int) -> Raw:
        known = self.obtained(places)
        names = [f"{name}_{what}" for name in self.arrays for what in ("ids", "offsets", "labels")]
        arrays = decoded.arrays(known, places.data, names, self._decode)
        draws = LegacyShuffle(_SEED)
        where = str(places.data / known.name / known.files[0].name)
        parts: dict[Role, Table] = {}
        for role, (name, rows) in self._parts(draws).items():
            ids = self._rows(arrays[f"{name}_ids"], arrays[f"{name}_offsets"], rows)
            labels = arrays[f"{name}_labels"][rows]
            parts[role] = make_table(ids, labels, f"{where}, {role}", f"{where}, {role}")
        return Raw(parts, self.class_names)

    def _parts(self, draws: LegacyShuffle) -> Mapping[Role, tuple[str, Array]]:
        """Of each part: the array that has it, and which of its rows, in their order."""
        raise NotImplementedError

    def _rows(self, flat: Array, offsets: Array, rows: Array) -> Array:
        """(rows, maxlen) int32."""
        ids = flat + np.int32(_FIRST)
        start = self._kept(np.array([_START], np.int32))
        ids = self._kept(ids)
        made = np.zeros((len(rows), self.maxlen), np.int32)
        for line, row in zip(made, rows.tolist(), strict=True):
            text = ids[offsets[row] : offsets[row + 1]]
            if self.truncating == "pre":
                text = text[-self.maxlen :]
            if self.truncating == "post" or len(text) < self.maxlen:
                text = np.concatenate((start, text[: self.maxlen - 1]))
            if self.padding == "pre":
                line[self.maxlen - len(text) :] = text
            else:
                line[: len(text)] = text
        return made

    def _kept(self, ids: Array) -> Array:
        left_out = ids < self.skip_top
        if self.num_words is not None:
            left_out |= ids >= self.num_words
        return np.where(left_out, np.int32(_LEFT_OUT), ids)

    def _decode(self, path: Path) -> Mapping[str, Array]:
        archive = Archive(path)
        absent = [
            name for pair in self.arrays.values() for name in pair if name not in archive.names
        ]
        if absent:
            raise DataError(f"{path} lacks the arrays {', '.join(absent)}.", file=path)
        made: dict[str, Array] = {}
        for name, (lists, labels) in self.arrays.items():
            found = ragged.read(archive.content(lists, _MOST), archive.where(lists))
            classes = archive.read(labels)
            if classes.dtype.kind not in "iu" or classes.shape != (len(found),):
                raise DataError(f"{archive.where(labels)} is not one class for each list.")
            if len(classes) and not 0 <= classes.min() <= classes.max() < len(self.class_names):
                raise DataError(f"{archive.where(labels)} holds what is no class.")
            if len(found.flat) and found.flat.min() < 0:
                raise DataError(f"{archive.where(lists)} holds an id below 0.")
            made |= {
                f"{name}_ids": found.flat,
                f"{name}_offsets": found.offsets,
                f"{name}_labels": classes.astype(np.int64),
            }
        self._check_rows(path, made)
        return made

    def _check_rows(self, path: Path, made: Mapping[str, Array]) -> None:
        there = sum(len(made[f"{name}_labels"]) for name in self.arrays)
        wanted = sum(self.known().rows.values())
        if there != wanted:
            raise DataError(f"{path} has {there:,} rows instead of {wanted:,}.", file=path)


@frozen
class Imdb(_WordIds):
    """IMDB: 25,000 and 25,000 film reviews, negative or positive.

    Source: A. L. Maas et al., "Learning Word Vectors for Sentiment Analysis", ACL 2011; as ids by
    Keras.
    """

    word: ClassVar[str] = "imdb"
    class_names: ClassVar[tuple[str, ...]] = ("negative", "positive")
    arrays: ClassVar[Mapping[str, tuple[str, str]]] = {
        "train": ("x_train", "y_train"),
        "test": ("x_test", "y_test"),
    }

    positive_class: str | None = None

    def _parts(self, draws: LegacyShuffle) -> Mapping[Role, tuple[str, Array]]:
        rows = self.known().rows
        train = draws.permutation(rows["train"])
        return {"train": ("train", train), "test": ("test", draws.permutation(rows["test"]))}


@frozen
class Reuters(_WordIds):
    """Reuters: 8,982 and 2,246 newswires, 46 topics.

    Source: D. D. Lewis, "Reuters-21578"; as ids by Keras.
    """

    word: ClassVar[str] = "reuters"
    class_names: ClassVar[tuple[str, ...]] = tuple(_TOPICS.split())
    arrays: ClassVar[Mapping[str, tuple[str, str]]] = {"all": ("x", "y")}

    def _parts(self, draws: LegacyShuffle) -> Mapping[Role, tuple[str, Array]]:
        rows = self.known().rows
        order = draws.permutation(rows["train"] + rows["test"])
        return {"train": ("all", order[: rows["train"]]), "test": ("all", order[rows["train"] :])}
