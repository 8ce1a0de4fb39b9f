"""Dates: read from text, and taken apart, as Python's datetime has them."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.data.dataset import Column, Part
from dlcli.data.options import OptionError
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.transforms import TakeDatesApart
from dlcli.data.transforms.dates import PARTS, parts_of
from dlcli.dates import check_format, to_seconds

EPOCH = datetime(1970, 1, 1)
MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))
FORMATS = [
    "%d/%m/%Y",
    "%m-%d-%Y %H:%M:%S",
    "%Y%j",
    "%d. %B %Y",
    "%b %d %Y, %I:%M %p",
    "%A, %d %m %Y",
]


def seconds(moment: datetime) -> float:
    return (moment - EPOCH) / timedelta(seconds=1)


@given(MOMENTS)
def test_iso_dates_are_read_as_python_reads_them(moment: datetime) -> None:
    assert to_seconds(moment.isoformat(sep=" ")) == pytest.approx(seconds(moment), abs=1e-4)
    day = datetime(moment.year, moment.month, moment.day)
    assert to_seconds(f" {day.date().isoformat()} ") == seconds(day)
    assert to_seconds(f"{day.isoformat()}+02:30") == seconds(day) - 9000


@given(st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)), st.sampled_from(FORMATS))
def test_formats_are_read_as_python_reads_them(moment: datetime, written: str) -> None:
    text = moment.strftime(written)
    assert to_seconds(text, written) == seconds(datetime.strptime(text, written))


@pytest.mark.parametrize(
    "text",
    ["", "2024", "2024-13-01", "2024-02-30", "2023-02-29", "24-01-01", "2024-01-01 25:00",
     "2024-01-01 10:60", "2024-01-01 10:00:60", "2024-01-01x", "0000-01-01", "2024-01-01+99:00"],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert to_seconds(text) is None


@pytest.mark.parametrize(
    ("written", "words"),
    [("%d.%m", "no year"), ("%Q %Y", "%Q is not known"), ("%Y %d", "no month"), ("%Y %Y", "twice")],
)
def test_a_format_that_says_no_day(written: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_format(written)


@given(MOMENTS)
def test_parts_are_those_of_python(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)
    found = {name: float(part[0]) for name, part in parts_of(np.array([seconds(whole)])).items()}
    assert found == {
        "year": whole.year,
        "month": whole.month,
        "day": whole.day,
        "weekday": whole.weekday(),
        "hour": whole.hour,
        "minute": whole.minute,
        "day_of_year": whole.timetuple().tm_yday,
        "days": seconds(whole) / 86400,
    }


def test_columns_of_dates_become_columns_of_parts() -> None:
    rows = np.array([[7.0, seconds(datetime(2024, 2, 29, 18))], [8.0, np.nan]])
    columns = (Column("size"), Column("when", date=True))
    part = Part(rows, np.zeros(2), None, columns)
    with pytest.raises(OptionError, match=r"'when' holds dates: .*date_parts"):
        Preprocessing.fit(part, [])
    fitted = Preprocessing.fit(part, [TakeDatesApart(PARTS[:5], cyclic=True)])
    after = fitted.columns_after()
    assert after is not None
    assert [column.name for column in after] == [
        "size", "when.year", "when.month", "when.month_sin", "when.month_cos", "when.day",
        "when.day_sin", "when.day_cos", "when.weekday", "when.weekday_sin", "when.weekday_cos",
        "when.hour", "when.hour_sin", "when.hour_cos",
    ]  # fmt: skip
    first, second = fitted.apply(rows)
    turn = 2 * np.pi
    month, day, weekday = turn / 12, turn * 28 / 31, turn * 3 / 7
    expected = [7, 2024, 2, np.sin(month), np.cos(month), 29, np.sin(day), np.cos(day)]
    expected += [3, np.sin(weekday), np.cos(weekday), 18, -1, 0]
    np.testing.assert_allclose(first, expected, atol=1e-6)
    assert second[0] == 8 and np.isnan(second[1:]).all()
