"""California Housing, from the archive that scikit-learn reads, made into the same columns.

A line of the archive's text: longitude, latitude, median age of the houses, rooms, bedrooms,
people and households of the block group, median income (in 10,000 dollars), median house value (in
dollars).
Source: R. K. Pace, R. Barry, "Sparse Spatial Autoregressions", Statistics and Probability Letters
33 (1997) 291-297.
"""

from typing import ClassVar

import numpy as np

from dlcli.data.checks import make_table
from dlcli.data.dataset import Column, Declared, Raw
from dlcli.data.downloads.files import place, require_intact
from dlcli.data.formats.tarred import read_members
from dlcli.data.places import Places
from dlcli.data.sources.known import KnownSource
from dlcli.errors import DataError
from dlcli.frozen import frozen

_MEMBER = "CaliforniaHousing/cal_housing.data"
_MOST = 4_000_000
_NAMES = "MedInc HouseAge AveRooms AveBedrms Population AveOccup Latitude Longitude"
_COLUMNS = tuple(Column(name) for name in _NAMES.split())


@frozen
class CaliforniaHousing(KnownSource):
    """20,640 rows of 8 float64 columns; the target is the median house value in 100,000 dollars.

    Columns, values and unit are those of scikit-learn's `fetch_california_housing`: AveRooms,
    AveBedrms and AveOccup are the rooms, bedrooms and people per household.
    """

    word: ClassVar[str] = "california_housing"

    def load(self, places: Places, seed: int) -> Raw:
        known = self.obtained(places)
        path = place(known, places.data, known.files[0])
        require_intact(known, known.files[0], path)
        text = read_members(path, {_MEMBER: _MOST}, exact=False)[_MEMBER]
        try:
            lines = [line.split(",") for line in text.decode("ascii").split()]
            table = np.array([[float(cell) for cell in line] for line in lines], np.float64)
            if table.shape != (known.rows["all"], 9):
                raise ValueError(f"it has the shape {table.shape}")
        except ValueError as error:
            raise DataError(f"{path}, {_MEMBER}, is damaged: {error}.", file=path) from None
        longitude, latitude, age, rooms, bedrooms, people, households, income, value = table.T
        columns = (
            income,
            age,
            rooms / households,
            bedrooms / households,
            people,
            people / households,
            latitude,
            longitude,
        )
        where = f"{path}, {_MEMBER}"
        made = make_table(np.stack(columns, axis=1), value / 100_000.0, where, where, _COLUMNS)
        return Raw({"all": made}, None, _COLUMNS)

    def declare(self, places: Places) -> Declared:
        return self.declared(places, (8,), None, _COLUMNS)
