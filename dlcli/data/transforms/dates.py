"""Dates taken apart: `date_parts`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlcli.data.dataset import Array, Column, ColumnKind, Shape
from dlcli.data.fitted import Columns
from dlcli.data.fitting import Misfit, TrainingRows, Transform
from dlcli.data.recorded import names_of
from dlcli.data.transforms.choosing import Chosen, choose, require_columns
from dlcli.data.transforms.expanding import Expanding
from dlcli.frozen import frozen

PARTS = ("year", "month", "day", "weekday", "hour", "minute", "day_of_year", "days")
"""What there is of a date, in whole numbers: the weekday from Monday, 0; the day of the year from
1; days since 1970-01-01, the only one with a fraction, of the day."""

CYCLES: Mapping[str, tuple[int, int]] = {
    "month": (1, 12),
    "day": (1, 31),
    "weekday": (0, 7),
    "hour": (0, 24),
    "minute": (0, 60),
    "day_of_year": (1, 366),
}
"""Parts that come again: the first value, and how many there are."""

_DAY = 86400.0


def parts_of(seconds: Array) -> dict[str, Array]:
    """The parts of moments in seconds since 1970, float64; NaN where a moment is missing.

    The year is that of the Gregorian calendar, by counting days from March of the year 0, so that
    the leap day is the last of a year: in whole numbers, which are exact.
    """
    holes = np.isnan(seconds)
    known = np.where(holes, 0.0, seconds)
    whole = np.floor(known / _DAY)
    within = known - whole * _DAY
    days = whole.astype(np.int64)
    shifted = days + 719_468
    era = shifted // 146_097
    of_era = shifted - era * 146_097
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    from_march = (5 * of_year + 2) // 153
    day = of_year - (153 * from_march + 2) // 5 + 1
    month = np.where(from_march < 10, from_march + 3, from_march - 9)
    year = year_of_era + era * 400 + (month <= 2)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    before = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])[month - 1]
    found = {
        "year": year,
        "month": month,
        "day": day,
        "weekday": (days + 3) % 7,
        "hour": np.floor(within / 3600.0),
        "minute": np.floor(within / 60.0) % 60,
        "day_of_year": before + day + (leap & (month > 2)),
        "days": known / _DAY,
    }
    return {name: np.where(holes, np.nan, part.astype(np.float64)) for name, part in found.items()}


def sine_and_cosine(values: Array, part: str) -> tuple[Array, Array]:
    """Sine and cosine of the share of the turn, the same on every processor: float32 ones are."""
    first, count = CYCLES[part]
    angle = ((values - first) * (2.0 * np.pi / count)).astype(np.float32)
    return np.sin(angle), np.cos(angle)


@frozen
class DateParts(Expanding):
    """Each date becomes its parts, where it was; the parts that come again are followed by sine and
    cosine where `cyclic`.

    names: of all columns of the input. positions: of the dates, ascending.
    """

    word = "date_parts"

    in_shape: Shape
    names: tuple[str, ...]
    positions: tuple[int, ...]
    parts: tuple[str, ...]
    cyclic: bool = False

    def _turns(self, part: str) -> bool:
        return self.cyclic and part in CYCLES

    def count(self, number: int) -> int:
        return len(self.parts) + 2 * sum(map(self._turns, self.parts))

    def made_of(self, name: str, number: int) -> list[Column]:
        made = []
        for part in self.parts:
            made.append(f"{name}.{part}")
            if self._turns(part):
                made += [f"{name}.{part}_sin", f"{name}.{part}_cos"]
        return list(map(Column, made))

    def fill(self, cells: Array, number: int, room: Array) -> None:
        found = parts_of(cells.astype(np.float64))
        place = 0
        for part in self.parts:
            room[:, place] = found[part]
            place += 1
            if self._turns(part):
                room[:, place], room[:, place + 1] = sine_and_cosine(found[part], part)
                place += 2

    def check_columns(self, columns: Columns) -> None:
        super().check_columns(columns)
        if columns is None or not all(columns[position].date for position in self.positions):
            raise ValueError("a column to be taken apart holds no dates")

    def options(self) -> dict[str, Any]:
        return {"parts": list(self.parts), "cyclic": self.cyclic}

    @classmethod
    def others(
        cls, entry: Mapping[str, Any], arrays: Mapping[str, Array], positions: tuple[int, ...]
    ) -> dict[str, Any]:
        parts = names_of(entry["parts"])
        if not set(parts) <= set(PARTS) or type(entry["cyclic"]) is not bool:
            raise ValueError("other parts of dates")
        return {"parts": parts, "cyclic": entry["cyclic"]}


@frozen
class TakeDatesApart(Transform):
    """Dates become columns of numbers, called `<name>.year` and so on, where they were.

    parts: of year, month, day, weekday (0 is Monday), hour, minute, day_of_year and days (since
        1970-01-01, with a fraction).
    cyclic: whether parts that come again have their sine and cosine behind them, so that December
        is near January: of 2 pi (part - first) / count.
    columns: by default all dates.
    """

    fitted = DateParts

    parts: tuple[str, ...] = ("year", "month", "day", "weekday", "hour")
    cyclic: bool = False
    columns: Chosen = None

    def shape_after(self, shape: Shape) -> None:
        require_columns("date_parts takes", self.columns, shape)

    def fit(self, rows: TrainingRows) -> DateParts:
        self.shape_after(rows.shape)
        kinds: tuple[ColumnKind, ...] = ("date",)
        mask = choose(self.columns, rows, "date_parts", kinds, kinds)
        positions: Sequence[int] = np.flatnonzero(mask).tolist()
        if not positions:
            raise Misfit(
                "there is no column of dates; say which ones are by `kinds` in the source, such as "
                "`kinds: {when: date}`."
            )
        return DateParts(rows.shape, rows.names, tuple(positions), self.parts, self.cyclic)
