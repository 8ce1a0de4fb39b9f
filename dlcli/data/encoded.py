"""Columns of categories, encoded: as columns of 0 and 1, or as ids.

The places of a column's categories: those that are frequent have 0 to n - 1 in ascending order, all
that are rare share the place n, and what the training part does not have is nowhere, or with the
rare; `handle_unknown` says which. The words are those of scikit-learn's OneHotEncoder and
OrdinalEncoder.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Self

import numpy as np

from dlcli.data.dataset import Array, Column, Shape
from dlcli.data.fitted import Columns, OfTable
from dlcli.data.recorded import names_of, numbers_of
from dlcli.frozen import frozen

UNKNOWN = ("error", "ignore", "bucket")
"""What may be done with a category that the training part does not have: it is refused; it is
nowhere; it is with the rare where there are rare ones, else nowhere."""

MOST_IDS = 1 << 24
"""Below, float32 holds every whole number."""

RARE = "(rare)"
"""How the column of 0 and 1 that stands for all rare categories is called."""


GAP = "(missing)"
"""How missing cells are called, where they are a category: the last one."""


def called(values: Array, texts: Sequence[str] | None) -> list[str]:
    """How values of a column are called: texts by themselves, whole numbers by their digits."""

    def name(value: float) -> str:
        if value != value:
            return GAP
        return str(int(value)) if texts is None else texts[int(value)]

    return [name(value) for value in values.tolist()]


class UnseenCategory(Exception):
    """A value that the training part does not have; its row counts within the given rows. A value
    that is missing is NaN."""

    def __init__(self, step: "Encoding", row: int, position: int, value: float) -> None:
        super().__init__(f"row {row}, column {position}: {value:g} is not a known category")
        self.step, self.row, self.position, self.value = step, row, position, value


@frozen
class Categories:
    """What one encoded column may hold.

    position: which column of the input. values: its frequent values, in ascending order; NaN, the
    last, where missing cells are a category.
    names: how messages and new columns call them. rare, rare_names: the same of the rare ones.
    """

    position: int
    values: Array
    names: tuple[str, ...]
    rare: Array = field(default_factory=lambda: np.empty(0))
    rare_names: tuple[str, ...] = ()
    _known: Array | None = field(default=None, compare=False, repr=False)
    _places: Array | None = field(default=None, compare=False, repr=False)

    @property
    def count(self) -> int:
        """How many places there are."""
        return len(self.values) + bool(len(self.rare))

    def prepared(self, dtype: np.dtype[np.floating]) -> "Categories":
        """The same, ready to be asked in this type."""
        known = self.values.astype(dtype)
        if not len(self.rare):
            return replace(self, _known=known)
        every = np.concatenate([known, self.rare.astype(dtype)])
        order = np.argsort(every, kind="stable")
        return replace(self, _known=every[order], _places=np.minimum(order, len(known)))

    def find(self, values: Array) -> tuple[Array, Array]:
        """The place of each value, and whether it is known; else the place means nothing."""
        assert self._known is not None
        place = np.minimum(np.searchsorted(self._known, values), len(self._known) - 1)
        seen = self._known[place] == values
        if np.isnan(self._known[-1]):
            seen |= np.isnan(values)  # they are sorted behind all numbers
        return (place if self._places is None else self._places[place]), seen


@frozen
class Encoding(OfTable):
    """A step that encodes columns by categories.

    names: of all columns of the input.
    """

    open_ended = True
    given = False
    """Whether a person gave the categories, and not the training part."""

    in_shape: Shape
    categories: tuple[Categories, ...]
    names: tuple[str, ...]
    handle_unknown: str = "error"

    @property
    def refuses(self) -> bool:
        return self.handle_unknown == "error"

    def prepared(self, dtype: np.dtype[np.floating]) -> Self:
        return replace(self, categories=tuple(one.prepared(dtype) for one in self.categories))

    def by_position(self) -> dict[int, Categories]:
        """The encoded columns."""
        return {one.position: one for one in self.categories}

    def places(self, x: Array, dtype: np.dtype[np.floating], one: Categories) -> Array:
        """The place of each row's category in one column; one.count for what is nowhere."""
        values = x[:, one.position].astype(dtype)
        place, seen = one.find(values)
        if seen.all():
            return place
        if self.refuses:
            row = int(np.argmin(seen))
            raise UnseenCategory(self, row, one.position, float(values[row]))
        # The place of the rare is the number of the frequent: without rare ones, it is nowhere.
        unknown = len(one.values) if self.handle_unknown == "bucket" else one.count
        return np.where(seen, place, unknown)

    def unknown(self, x: Array, dtype: np.dtype[np.floating]) -> dict[int, Array]:
        """The numbers of the rows whose category the training part does not have, by the position
        of the column; only of columns that have some."""
        found = {}
        for one in self.categories:
            _, seen = one.find(x[:, one.position].astype(dtype))
            if not seen.all():
                found[one.position] = np.flatnonzero(~seen)
        return found

    def columns_after(self, columns: Columns) -> Columns:
        by_position = self.by_position()
        after: list[Column] = []
        for j, name in enumerate(self.names):
            if j in by_position:
                after += self._made_of(name, by_position[j])
            else:
                after.append(columns[j] if columns is not None else Column(name))
        return tuple(after)

    def check_columns(self, columns: Columns) -> None:
        super().check_columns(columns)
        for one in self.categories:
            texts = columns[one.position].categories if columns is not None else None
            for values, names in ((one.values, one.names), (one.rare, one.rare_names)):
                filled = values[~np.isnan(values)]
                whole = (np.floor(filled) == filled).all()
                least = 0.0 if texts is None or not len(filled) else filled[0]
                if not whole or least < 0.0 or called(values, texts) != list(names):
                    raise ValueError(f"the values of column {one.position} are called otherwise")

    @abstractmethod
    def _made_of(self, name: str, one: Categories) -> list[Column]:
        """The columns that one column becomes."""

    def document(self) -> dict[str, Any]:
        listed = []
        for one in self.categories:
            entry: dict[str, Any] = {"position": one.position, "names": list(one.names)}
            listed.append(entry | ({"rare": list(one.rare_names)} if one.rare_names else {}))
        told = {} if self.refuses else {"handle_unknown": self.handle_unknown}
        return {"names": list(self.names), "categories": listed, **told}

    def arrays(self) -> dict[str, Array]:
        found = {}
        for one in self.categories:
            found[f"values_{one.position}"] = one.values
            if one.rare_names:
                found[f"rare_{one.position}"] = one.rare
        return found

    @classmethod
    def restored(
        cls, in_shape: Shape, entry: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        names = cls.names_in(entry, in_shape)
        categories = tuple(_restored(listed, arrays) for listed in entry["categories"])
        positions = [one.position for one in categories]
        if positions != sorted(set(positions)) or not positions or positions[-1] >= len(names):
            raise ValueError(f"categories of the columns {str(positions)[:100]}")
        unknown = entry.get("handle_unknown", "error")
        if unknown not in UNKNOWN:
            raise ValueError(f"handle_unknown cannot be {str(unknown)[:50]!r}")
        return cls(in_shape, categories, names, unknown)


def _restored(listed: Mapping[str, Any], arrays: Mapping[str, Array]) -> Categories:
    position = listed["position"]
    if type(position) is not int or position < 0:
        raise ValueError(f"{position!r} is no position of a column")
    rare = names_of(listed["rare"]) if "rare" in listed else ()
    names = names_of(listed["names"], least=0 if rare else 1)
    values = numbers_of(
        arrays[f"values_{position}"], len(names), f"the values of column {position}"
    )
    if not rare:
        return Categories(position, values, names)
    few = numbers_of(arrays[f"rare_{position}"], len(rare), f"the rare values of column {position}")
    if set(names) & set(rare) or np.isin(few, values).any():
        raise ValueError(f"column {position} has values that are rare and frequent")
    return Categories(position, values, names, few, rare)


@frozen
class OneHotEncoded(Encoding):
    """Each encoded column becomes one column of 0 and 1 for each place, where it was; a row whose
    category is nowhere has 0 in all of them."""

    word = "one_hot"
    changes_size = True

    @property
    def out_shape(self) -> Shape:
        """One column for each place, and the columns that are not encoded."""
        encoded = sum(one.count for one in self.categories)
        return (self.in_shape[0] - len(self.categories) + encoded,)

    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        room: Array = np.empty((len(x), *self.out_shape), dtype) if out is None else out
        by_position = self.by_position()
        start = 0
        for j in range(self.in_shape[0]):
            one = by_position.get(j)
            if one is None:
                room[:, start] = x[:, j]
                start += 1
                continue
            place = self.places(x, dtype, one)
            rows = np.arange(len(x))
            if not self.refuses and place.max(initial=0) == one.count:
                rows, place = rows[place < one.count], place[place < one.count]
            room[:, start : start + one.count] = 0.0
            room[rows, start + place] = 1.0
            start += one.count
        return room

    def _made_of(self, name: str, one: Categories) -> list[Column]:
        names = [*one.names, *([RARE] if one.rare_names else [])]
        return [Column(f"{name}={value}", indicator=True) for value in names]


@frozen
class Numbered(Encoding):
    """Each encoded column holds the places of its categories: ids from 0 on. The id `count` is of
    what is nowhere, which nothing can be learned about."""

    word = "category"

    @property
    def out_shape(self) -> Shape:
        """Columns stay where they are."""
        return self.in_shape

    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        ids = {one.position: self.places(x, dtype, one) for one in self.categories}
        room: Array = np.empty(x.shape, dtype) if out is None else out
        np.copyto(room, x, casting="unsafe")
        for position, places in ids.items():
            room[:, position] = places
        return room

    def _made_of(self, name: str, one: Categories) -> list[Column]:
        return [Column(name, ids=one.count)]

    @classmethod
    def restored(
        cls, in_shape: Shape, entry: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        found = super().restored(in_shape, entry, arrays)
        if any(one.count >= MOST_IDS for one in found.categories):
            raise ValueError("more ids than float32 tells apart")
        return found
