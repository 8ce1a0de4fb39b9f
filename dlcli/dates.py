"""Dates in text: ISO 8601, or a format in the words of strptime, as seconds since 1970.

    seconds = 86400 (days since 1970-01-01) + 3600 hour + 60 minute + second

in the proleptic Gregorian calendar, without a time zone: a date that names one is taken to UTC.
Years are 1 to 9999, so that float64 holds every second, and microseconds for some centuries.
Nothing depends on the locale: names of months and days are the English ones.
"""

import re
from datetime import datetime, timedelta
from functools import cache

ISO = "date"
"""The word for ISO 8601, where a format could stand."""

_EPOCH = datetime(1970, 1, 1)
_SECOND = timedelta(seconds=1)
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_MONTHS = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
]  # fmt: skip
_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def _names(words: list[str], short: bool) -> str:
    return "|".join(word[:3] if short else word for word in words)


_PIECES = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "d": r"(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})",
    "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})",
    "f": r"(?P<f>\d{1,6})",
    "j": r"(?P<j>\d{1,3})",
    "p": r"(?P<p>am|pm)",
    "b": rf"(?P<b>{_names(_MONTHS, True)})",
    "B": rf"(?P<B>{_names(_MONTHS, False)})",
    "a": rf"(?:{_names(_DAYS, True)})",
    "A": rf"(?:{_names(_DAYS, False)})",
    "z": r"(?P<z>Z|[+-]\d{2}:?\d{2})",
    "%": "%",
}
"""What the words of strptime stand for that can be used."""


def check_format(written: str) -> None:
    """ValueError, in plain words, for what is neither `date` nor a format that says which day."""
    if written == ISO:
        return
    words = re.findall("%(.?)", written)
    for word in words:
        if word not in _PIECES:
            known = ", ".join(f"%{one}" for one in _PIECES)
            raise ValueError(f"%{word} is not known; there are {known}")
    for word in set(words) - {"%", "a", "A"}:
        if words.count(word) > 1:
            raise ValueError(f"%{word} stands there twice")
    kinds = set(words)
    if not kinds & {"Y", "y"}:
        raise ValueError("it has no year (%Y or %y)")
    if "d" in kinds and not kinds & {"m", "b", "B"}:
        raise ValueError("it has a day (%d) but no month (%m, %b or %B)")


def to_seconds(text: str, written: str = ISO) -> float | None:
    """Seconds since 1970-01-01 00:00; None for what is no date that is written so.

    >>> to_seconds("1970-01-02"), to_seconds("1970-01-01 00:01:00.5"), to_seconds("1970-13-01")
    (86400.0, 60.5, None)
    >>> to_seconds("1970-01-01T01:00+01:00"), to_seconds("2. Jan 70", "%d. %b %y")
    (0.0, 86400.0)
    """
    found = _ISO.fullmatch(text.strip()) if written == ISO else None
    try:
        if written == ISO:
            if found is None:
                return None
            year, month, day, hour, minute, second, fraction, zone = found.groups("")
            moment = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0))
            return _seconds(moment, f"{int(second or 0)}.{fraction or 0}", zone)
        match = _pattern(written).fullmatch(text.strip())
        return None if match is None else _of_pieces(match.groupdict())
    except (ValueError, OverflowError):  # the 30th of February
        return None


def _of_pieces(piece: dict[str, str]) -> float:
    year = int(piece["Y"]) if "Y" in piece else _century(int(piece["y"]))
    month, day = int(piece.get("m", 1)), int(piece.get("d", 1))
    for word, short in (("b", True), ("B", False)):
        if word in piece:
            names = [name[:3] if short else name for name in _MONTHS]
            month = names.index(piece[word].lower()) + 1
    hour = int(piece.get("H", 0))
    if "I" in piece:
        hour = int(piece["I"])
        if not 1 <= hour <= 12:
            raise ValueError("no hour of a half day")
        hour = hour % 12 + (12 if piece.get("p", "am").lower() == "pm" else 0)
    moment = datetime(year, month, day, hour, int(piece.get("M", 0)))
    if "j" in piece:
        number = int(piece["j"])
        moment += timedelta(days=number - 1)
        if number < 1 or moment.year != year:
            raise ValueError("no such day of the year")
    seconds = f"{int(piece.get('S', 0))}.{piece.get('f', '0')}"
    return _seconds(moment, seconds, piece.get("z", ""))


def _century(year: int) -> int:
    """Of two digits: 69 to 99 are 1969 to 1999, as POSIX has it."""
    return year + (1900 if year >= 69 else 2000)


def _seconds(moment: datetime, within: str, zone: str) -> float:
    """within: the seconds in the minute of the moment."""
    if float(within) >= 60.0:
        raise ValueError("no second of a minute")
    seconds = (moment - _EPOCH) // _SECOND
    if zone not in ("", "Z", "z"):
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        if hours > 23 or minutes > 59:
            raise ValueError("no time zone")
        seconds -= (1 if zone[0] == "+" else -1) * 60 * (60 * hours + minutes)
    return float(seconds) + float(within)


@cache
def _pattern(written: str) -> re.Pattern[str]:
    parts = re.split("(%.)", written)
    pattern = "".join(
        _PIECES[part[1]] if part[:1] == "%" else r"\s+".join(map(re.escape, part.split(" ")))
        for part in parts
        if part
    )
    return re.compile(pattern, re.ASCII | re.IGNORECASE)


def written(seconds: float) -> str:
    """A date as people read it: ISO 8601, without a time where it is midnight.

    >>> written(0.0), written(90.0), written(1e30)
    ('1970-01-01', '1970-01-01 00:01:30', '1e+30 seconds since 1970')
    """
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return f"{seconds:g} seconds since 1970"
    return moment.isoformat(" ").removesuffix(" 00:00:00")
