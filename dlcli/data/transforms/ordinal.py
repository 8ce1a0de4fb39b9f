"""Categories with an order as numbers: `ordinal`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcli.data.dataset import Array, Column, Shape
from dlcli.data.encoded import Categories, Encoding, UnseenCategory, called
from dlcli.data.fitting import Misfit, TrainingRows, Transform
from dlcli.data.transforms.choosing import Chosen, require_columns
from dlcli.data.transforms.encoders import choose_encoded
from dlcli.frozen import frozen


@frozen
class Ordered(Encoding):
    """Each encoded column holds the places of its categories in the order that was given, from 0;
    a missing cell stays missing.

    ranks: for each encoded column, the places of its known values, these in ascending order.
    """

    word = "ordinal"
    open_ended = False
    given = True

    in_shape: Shape
    categories: tuple[Categories, ...]
    names: tuple[str, ...]
    handle_unknown: str = "error"
    ranks: tuple[tuple[int, ...], ...] = ()

    @property
    def out_shape(self) -> Shape:
        """Columns stay where they are."""
        return self.in_shape

    def unknown(self, x: Array, dtype: np.dtype[np.floating]) -> dict[int, Array]:
        """As of every encoding, but what is missing stays so, and is not unknown."""
        found = {}
        for position, rows in super().unknown(x, dtype).items():
            filled = rows[~np.isnan(x[rows, position])]
            if len(filled):
                found[position] = filled
        return found

    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        found = {}
        for one, ranks in zip(self.categories, self.ranks, strict=True):
            values = x[:, one.position].astype(dtype)
            place, seen = one.find(values)
            strange = ~seen & ~np.isnan(values)
            if self.refuses and strange.any():
                row = int(np.argmax(strange))
                raise UnseenCategory(self, row, one.position, float(values[row]))
            found[one.position] = np.where(seen, np.array(ranks, np.float64)[place], np.nan)
        room: Array = np.empty(x.shape, dtype) if out is None else out
        np.copyto(room, x, casting="unsafe")
        for position, numbers in found.items():
            room[:, position] = numbers
        return room

    def _made_of(self, name: str, one: Categories) -> list[Column]:
        return [Column(name)]

    def document(self) -> dict[str, Any]:
        return {**super().document(), "ranks": [list(ranks) for ranks in self.ranks]}

    @classmethod
    def restored(
        cls, in_shape: Shape, entry: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> "Ordered":
        plain = super().restored(in_shape, entry, arrays)
        ranks = entry["ranks"]
        good = isinstance(ranks, list) and len(ranks) == len(plain.categories)
        if (
            not good
            or not all(map(_are_ranks, ranks, plain.categories))
            or plain.handle_unknown == "bucket"
        ):
            raise ValueError("categories in an impossible order")
        return cls(
            plain.in_shape,
            plain.categories,
            plain.names,
            plain.handle_unknown,
            tuple(tuple(places) for places in ranks),
        )


def _are_ranks(places: Any, one: Categories) -> bool:
    """Whether each of the categories, of which none is rare or missing, has a place of its own."""
    whole = isinstance(places, list) and all(type(place) is int and place >= 0 for place in places)
    if not whole or len(one.rare) or np.isnan(one.values).any():
        return False
    return len(set(places)) == len(places) == len(one.values)


@frozen
class Ordinal(Transform):
    """Categories become their places in a given order: small, medium, large become 0, 1, 2.

    categories: in their order, for all columns of the transform: texts, or numbers for columns of
        numbers. handle_unknown: of a category that is not among them, error, or ignore: the cell is
        then missing, and `impute` may fill it in. A missing cell stays missing.

    A category that no row of the data has is not known in new rows either.
    Source: sklearn.preprocessing.OrdinalEncoder(categories=[...]).
    """

    fitted = Ordered

    categories: tuple[str | float, ...]
    handle_unknown: str = "error"
    columns: Chosen = None

    def shape_after(self, shape: Shape) -> Shape:
        require_columns("ordinal encodes", self.columns, shape)
        return shape

    def fit(self, rows: TrainingRows) -> Ordered:
        self.shape_after(rows.shape)
        mask = choose_encoded(self.columns, rows, "ordinal", ("numeric", "text"))
        made, ranks = [], []
        for position in np.flatnonzero(mask).tolist():
            texts = None if rows.columns is None else rows.columns[position].categories
            known = self._known(rows, position, texts)
            values = np.array(sorted(known), np.float64)
            made.append(Categories(position, values, tuple(called(values, texts))))
            ranks.append(tuple(known[value] for value in values.tolist()))
        return Ordered(rows.shape, tuple(made), rows.names, self.handle_unknown, tuple(ranks))

    def _known(
        self, rows: TrainingRows, position: int, texts: tuple[str, ...] | None
    ) -> dict[float, int]:
        """The place of each value of a column, as it is stored."""
        name = rows.names[position]
        if texts is not None:
            place = {str(text): number for number, text in enumerate(self.categories)}
            known = {float(code): place[text] for code, text in enumerate(texts) if text in place}
        else:
            numbers = [one for one in self.categories if not isinstance(one, str)]
            if len(numbers) < len(self.categories) or any(one != int(one) for one in numbers):
                raise Misfit(
                    f"column {name!r} holds numbers, so its categories are whole numbers.",
                    "categories",
                )
            known = {float(one): number for number, one in enumerate(numbers)}
        if not known:
            raise Misfit(f"no cell of column {name!r} is one of the categories.", "categories")
        return known
