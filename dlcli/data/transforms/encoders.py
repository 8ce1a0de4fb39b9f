"""Transforms of categories into numbers: `one_hot` and `category`.

Categories are those of the training part, in ascending order: texts as Python sorts them, numbers
by their size. Which of them are rare, two options say, in the words and with the rules of
scikit-learn's encoders:

    min_frequency    rows that a category must have not to be rare; below 1, the share of the rows
    max_categories   places at most, the one for all rare categories included: the most frequent
                     keep theirs, of equally frequent ones the last

`handle_unknown` says what is done with a category that only other rows have; see encoded.py.
"""

import numpy as np

from dlcli.data.dataset import Array, ColumnKind, Shape
from dlcli.data.encoded import MOST_IDS, Categories, Numbered, OneHotEncoded, called
from dlcli.data.fitted import Columns
from dlcli.data.fitting import Misfit, TrainingRows, Transform
from dlcli.data.transforms.choosing import Chosen, choose, require_columns
from dlcli.frozen import frozen


@frozen
class OneHot(Transform):
    """A column of categories becomes one column of 0 and 1 for each of them, and one for all rare
    ones where there are any.

    columns: columns of text or of whole numbers; by default every text column.
    """

    fitted = OneHotEncoded

    columns: Chosen = None
    handle_unknown: str = "error"
    min_frequency: float | None = None
    max_categories: int | None = None

    def shape_after(self, shape: Shape) -> None:
        require_columns("one_hot encodes", self.columns, shape)

    def fit(self, rows: TrainingRows) -> OneHotEncoded:
        self.shape_after(rows.shape)
        kinds: tuple[ColumnKind, ...] = ("numeric", "text", "category", "indicator")
        mask = choose_encoded(self.columns, rows, "one_hot", kinds)
        found = _categories(rows, mask, "one_hot", self.min_frequency, self.max_categories)
        return OneHotEncoded(rows.shape, found, rows.names, self.handle_unknown)


@frozen
class Category(Transform):
    """A column of categories becomes a column of ids, for the layer `column_embeddings`.

    The n categories that are not rare have the ids 0 to n - 1, in ascending order; all rare ones
    share the id n, as with scikit-learn's OrdinalEncoder. What is nowhere has the id behind the
    last, of which column_embeddings makes a vector of zeros.

    columns: columns of text or of whole numbers; by default every text column.
    """

    fitted = Numbered

    columns: Chosen = None
    handle_unknown: str = "error"
    min_frequency: float | None = None
    max_categories: int | None = None

    def shape_after(self, shape: Shape) -> None:
        """The shape stays, but what layers make of it depends on the number of ids."""
        require_columns("category encodes", self.columns, shape)

    def fit(self, rows: TrainingRows) -> Numbered:
        self.shape_after(rows.shape)
        mask = choose_encoded(self.columns, rows, "category", ("numeric", "text"))
        found = _categories(rows, mask, "category", self.min_frequency, self.max_categories)
        for one in found:
            if one.count >= MOST_IDS:
                raise Misfit(
                    f"column {rows.names[one.position]!r} has {one.count:,} categories, and "
                    f"float32 tells {MOST_IDS:,} ids apart; give `min_frequency`.",
                    "columns",
                )
        return Numbered(rows.shape, found, rows.names, self.handle_unknown)


def choose_encoded(
    chosen: Chosen, rows: TrainingRows, word: str, takes: tuple[ColumnKind, ...]
) -> Array:
    """`choose` for columns of categories: by default those of text; Misfit where there is none."""
    mask = choose(chosen, rows, word, takes, ("text",))
    if not mask.any():
        raise Misfit("there is no text column to encode; name the columns to encode.")
    return mask


def _categories(
    rows: TrainingRows,
    mask: Array,
    word: str,
    min_frequency: float | None,
    max_categories: int | None,
) -> tuple[Categories, ...]:
    """The categories of the chosen columns, and which of them are rare."""
    positions = np.flatnonzero(mask).tolist()
    found: dict[int, tuple[Array, Array]] = {}
    for chunk in rows.chunks():
        for j in positions:
            new = np.unique(chunk[:, j].astype(np.float64), return_counts=True)
            found[j] = _together(found[j], new) if j in found else new
    made = []
    for j in positions:
        values, counts = found[j]
        rare = infrequent(counts, min_frequency, max_categories)
        names = np.array(_names(values, rows.names[j], rows.columns, j, word), object)
        made.append(
            Categories(j, values[~rare], tuple(names[~rare]), values[rare], tuple(names[rare]))
        )
    return tuple(made)


def _together(one: tuple[Array, Array], other: tuple[Array, Array]) -> tuple[Array, Array]:
    """The values of both, in ascending order, each with its counts added."""
    values = np.union1d(one[0], other[0])
    counts = np.zeros(len(values), np.int64)
    for own, count in (one, other):
        counts[np.searchsorted(values, own)] += count
    return values, counts


def infrequent(counts: Array, min_frequency: float | None, max_categories: int | None) -> Array:
    """Which of the categories are rare, by the numbers of their rows."""
    least = 0.0 if min_frequency is None else min_frequency
    rare = counts < (least if least >= 1 else least * counts.sum())
    if max_categories is not None and max_categories < len(counts) - rare.sum() + 1:
        fewest = np.argsort(counts, kind="stable")
        rare[fewest[: len(counts) - (max_categories - 1)]] = True
    return np.asarray(rare, np.bool_)


def _names(values: Array, name: str, columns: Columns, j: int, word: str) -> list[str]:
    """How the values of a column are called."""
    texts = columns[j].categories if columns is not None else None
    whole = (np.floor(values) == values) | np.isnan(values)
    if texts is None and not whole.all():
        odd = values[int(np.argmin(whole))]
        raise Misfit(
            f"column {name!r} holds {odd:g}, but {word} takes text or whole numbers; put it "
            "before transforms that change the column.",
            "columns",
        )
    return called(values, texts)
