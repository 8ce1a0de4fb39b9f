"""What cells that are not numbers look like, and what to do about them.

Advice is given after a look at all the texts of a column: one_hot is for a few texts that come
again and again, not for numbers in another notation, for dates or for names.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from dlcli.data.formats.notation import Format, is_number
from dlcli.frozen import frozen

MISSING = frozenset(
    ("", "?", "-", "--", "---", ".", "..", "*", "na", "n/a", "n.a.", "#n/a", "<na>", "nan", "null",
     "#null!", "none", "nil", "missing", "#value!", "#div/0!", "#ref!", "\\n")
)  # fmt: skip
"""Marks of a missing value, in lower case."""

_MOST = 5000  # texts looked at: the first ones
_MANY = 10  # texts that are too many for categories where most rows have their own

_DIGITS = r"[0-9]+(?:[.,'\u2019_ \u00a0\u2009\u202f][0-9]+)*"
_SIGN = r"[+\-\u2212\u2013]?\s*"
_NUMBER = rf"{_SIGN}(?:{_DIGITS}|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?"
_MONEY = (
    r"(?:[$\u00a2-\u00a5\u20a0-\u20bf]|US\$|R\$|Fr\.?|kr\.?|zł"
    r"|USD|EUR|GBP|CHF|JPY|CNY|INR|RUB|AUD|CAD|SEK|NOK|DKK|PLN|BRL|MXN|KRW)"
)
_MONTH = r"(?:jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-zé]*\.?"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?:\s*[ap]\.?m\.?)?"
_ZONE = r"(?:\s*(?:z|utc|gmt|[+-][0-9]{2}:?[0-9]{2}))?"
_YEAR = r"(?:1[5-9]|20|21)[0-9]{2}"
_NTH = r"[0-9]{1,2}(?:st|nd|rd|th)?"
_DAY = (
    rf"(?:{_YEAR}([-/.])[0-9]{{1,2}}(?:\1[0-9]{{1,2}})?"
    r"|[0-9]{1,2}([-/.])[0-9]{1,2}\2(?:[0-9]{4}|[0-9]{2})"
    rf"|[0-9]{{1,2}}[-/.]{_YEAR}"
    rf"|{_MONTH}\s*{_NTH},?\s+{_YEAR}"
    rf"|(?:{_NTH}[-\s.,]*(?:of\s+)?)?{_MONTH}[-\s,.]*(?:{_YEAR}|'?[0-9]{{2}})"
    rf"|{_YEAR}[-\s]{_MONTH}(?:[-\s][0-9]{{1,2}})?"
    rf"|{_YEAR}-?(?:w[0-9]{{1,2}}|q[1-4])|q[1-4][-\s/]?{_YEAR})"
)
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_UNITS = frozenset(
    (
        "kg", "g", "mg", "µg", "t", "lb", "lbs", "oz", "km", "m", "cm", "mm", "µm", "nm", "mi",
        "mile", "miles", "ft", "feet", "in", "inch", "inches", "yd", "s", "sec", "secs", "second",
        "seconds", "ms", "µs", "min", "mins", "minute", "minutes", "h", "hr", "hrs", "hour",
        "hours", "d", "day", "days", "week", "weeks", "month", "months", "yr", "yrs", "year",
        "years", "c", "f", "k", "°c", "°f", "°", "deg", "gb", "mb", "kb", "tb", "gib", "mib",
        "kib", "b", "hz", "khz", "mhz", "ghz", "v", "mv", "kv", "w", "kw", "kwh", "mw", "a", "ma",
        "mah", "j", "kj", "kcal", "cal", "pa", "kpa", "hpa", "mbar", "bar", "psi", "mph", "kmh",
        "km/h", "m/s", "kn", "l", "ml", "cl", "dl", "gal", "m2", "m²", "m3", "m³", "km2", "km²",
        "sqm", "sqft", "ha", "acres", "px", "pt", "pts", "ppm", "ppb", "db", "bpm", "rpm", "hp",
        "cc", "pcs", "x", "people", "rooms", "bn", "mn", "mio", "million", "millions", "billion",
        "billions", "thousand",
    )
)  # fmt: skip


@cache
def _kinds() -> Mapping[str, re.Pattern[str]]:
    """The kinds of cells, in the order in which they are tried; compiled when first asked for."""
    return {
        kind: re.compile(pattern, re.IGNORECASE)
        for kind, pattern in (
            ("date", rf"{_WEEKDAY}{_DAY}(?:[T\s,]+{_CLOCK}{_ZONE})?"),
            ("time", rf"{_SIGN}{_CLOCK}{_ZONE}"),
            ("percentage", rf"{_NUMBER}\s*[%‰]"),
            ("money", rf"\(?{_SIGN}{_MONEY}\s*{_NUMBER}\)?|{_NUMBER}\s*{_MONEY}|\({_NUMBER}\)"),
            ("quoted", rf"'{_NUMBER}'|\u2018{_NUMBER}\u2019|\u201c{_NUMBER}\u201d|\"{_NUMBER}\""),
            ("sign", rf"[\u2212\u2013]\s*{_DIGITS}|{_DIGITS}\s*-"),
            ("script", r"[+-]?(?=.*[^\x00-\x7f])\d+(?:[.,]\d+)?"),
            ("ordinal", r"[0-9]+(?:st|nd|rd|th)"),
            ("unit", rf"({_NUMBER})\s*([a-zµ°²³/%+]{{1,12}}[23²³]?)"),
            ("bound", rf"[<>≤≥~≈]=?\s*{_NUMBER}"),
        )
    }


_SENTENCES = {
    "date": (
        "a date",
        "Write what matters of it (the year, the month, the days since a day) as columns of "
        "numbers",
    ),
    "time": ("a time", "Write it as a number, such as minutes"),
    "percentage": ("a percentage", "Write the numbers without the sign"),
    "money": ("an amount of money", "Write the numbers alone, all in one currency"),
    "quoted": (
        "a number in quotes that are not those of CSV",
        'If they are single quotes, set `quote: "\'"` in the source; else take them away',
    ),
    "sign": ("a number with another sign than -, or with the sign behind it", "Write -5 for it"),
    "script": ("a number in other digits than 0 to 9", "Write it in 0 to 9"),
    "unit": ("a number with a unit", "Write the numbers alone, all in one unit"),
    "bound": ("a bound and not a number", "Write a number, such as the bound itself"),
}

_NOTATIONS = tuple(
    Format(decimal=decimal, thousands=thousands)
    for decimal, thousands in (
        (".", ","), (",", None), (",", "."), (".", " "), (",", " "), (".", "'"), (",", "'"),
        (".", "_"), (",", "_"), (".", None),
    )
)  # fmt: skip


@frozen
class Advice:
    """What a column of text looks like.

    what: the kind of cell, such as "a date"; "" for categories.
    todo: a sentence without its period; "" for categories.
    numeric: whether these are numbers that are written in another way, so that one category for
        each would be nonsense.
    """

    what: str = ""
    todo: str = ""
    numeric: bool = False

    def for_feature(self) -> str:
        """Sentences about a column to learn from."""
        if not self.todo:
            return "Add the transform one_hot, or leave the column out of the source's features."
        leave = "leave the column out of the source's `features`"
        if self.todo == _LEAVE:
            return f"{self.what}: {leave}."
        return f"It looks like {self.what}. {self.todo}, or {leave}."

    def for_target(self) -> str:
        """Sentences about the column to learn, where a loss wants numbers."""
        if not self.todo or self.todo == _LEAVE:
            return (
                "Choose a loss for classes, such as `sparse_categorical_crossentropy`, or a target "
                "that holds numbers."
            )
        return f"It looks like {self.what}. {self.todo}."

    def for_cell(self) -> str:
        """Sentences about one cell in a column of numbers."""
        if not self.todo or self.todo == _LEAVE:
            return "Correct the cell, or remove the row."
        return f"It looks like {self.what}. {self.todo}."


_LEAVE = "leave it out"
_UNMARKED = "Name it, and all other marks of missing values, by `missing` in the source"


def kind_of(cell: str, format: Format) -> str | None:
    """number, notation (a number of another one), missing, date, time, ...; None for text.

    >>> [kind_of(cell, Format()) for cell in ("1.5", "1,5", "?", "31.12.2020", "5 kg", "1st")]
    ['number', 'notation', 'missing', 'date', 'unit', None]
    """
    cell = cell.strip()
    if cell.casefold() in MISSING:
        return "missing"
    if not any(map(str.isdigit, cell)):
        return None
    if is_number(cell, format):
        return "number"
    if len(cell) > 60:
        return None
    if any(is_number(cell, other) for other in _NOTATIONS):
        return "notation"
    for kind, pattern in _kinds().items():
        found = pattern.fullmatch(cell)
        if found:
            return None if kind == "ordinal" else kind
    return None


def advise(texts: Sequence[str], rows: int, format: Format) -> Advice:
    """Advice for a column that holds these distinct texts, in file order, in so many rows."""
    looked = texts[:_MOST]
    kinds = {text: kind_of(text, format) for text in looked}
    strange = [text for text in looked if kinds[text] not in ("number", "missing")]
    if not strange:
        return _of_missing(looked, kinds)
    counts = Counter(kinds[text] for text in strange)
    kind, count = counts.most_common(1)[0]
    if kind == "notation" and 2 * count > len(strange):
        filled = [text for text in looked if kinds[text] in ("number", "notation")]
        return _of_notation(filled, format)
    known = kind in _SENTENCES and 2 * count > len(strange)
    if known and (kind != "unit" or _one_unit(strange)) and (kind != "bound" or count > 3):
        what, todo = _SENTENCES[str(kind)]
        return Advice(what, todo, True)
    if len(texts) >= _MANY and 2 * len(texts) > rows:
        shown = f"{len(texts):,} different texts in {rows:,} rows"
        return Advice(f"There are {shown}, as of names, identifiers or free text", _LEAVE)
    return Advice()


def advise_cell(cell: str, column: Sequence[str], format: Format) -> Advice:
    """Advice for one cell of a column of numbers; column: some of its other cells."""
    kind = kind_of(cell, format)
    if kind == "missing":
        return Advice("a missing value", _UNMARKED)
    if kind == "notation":
        others = [c for c in column if kind_of(c, format) in ("number", "notation")]
        return _of_notation([cell, *dict.fromkeys(others)], format)
    if kind in _SENTENCES:
        what, todo = _SENTENCES[str(kind)]
        return Advice(what, todo, True)
    return Advice()


def _of_missing(texts: Sequence[str], kinds: dict[str, str | None]) -> Advice:
    if any(kinds[text] == "missing" for text in texts):
        if any(kinds[text] == "number" for text in texts):
            return Advice("a missing value among numbers", _UNMARKED, True)
        return Advice("a missing value", _UNMARKED)
    return Advice()


def _of_notation(texts: Sequence[str], format: Format) -> Advice:
    """Which notation makes numbers of all these texts, and which options say so.

    At least one of them is a number of another notation only.
    """
    odd = next(text for text in texts if not is_number(text, format)).strip()
    fitting = [
        n for n in _NOTATIONS if all(is_number(text, n) for text in texts) and _has_groups(texts, n)
    ]
    if not fitting:
        way = _what(next(n for n in _NOTATIONS if is_number(odd, n)))
        return Advice(
            f"{way}, but other cells of the column are written in another way",
            "Write all numbers of the file in one way",
            True,
        )
    best = fitting[0]
    todo = _options(best, format)
    if not format.plain:
        todo += ", if all numbers of the file are written so"
    second = next((n for n in fitting if n.decimal != best.decimal), None)
    if best.thousands == "," and second is not None:
        meant = odd.replace(",", ".")
        todo += f" (or {_options(second, format, '')}, where {odd} is meant as {meant})"
    return Advice(_what(best), todo, True)


def _has_groups(texts: Sequence[str], notation: Format) -> bool:
    """Whether a notation with groups is needed: some text must change with them taken out."""
    bare = replace(notation, thousands=None)
    return notation.thousands is None or not all(is_number(text, bare) for text in texts)


def _what(notation: Format) -> str:
    comma = "a decimal comma"
    if notation.thousands is None:
        return f"a number with {comma if notation.decimal == ',' else 'a decimal point'}"
    and_comma = f" and {comma}" if notation.decimal == "," else ""
    return f"a number with thousands separators{and_comma}"


def _options(wanted: Format, format: Format, verb: str = "Set ") -> str:
    set_ = []
    if wanted.decimal != format.decimal:
        set_.append(f'`decimal: "{wanted.decimal}"`')
    if wanted.thousands is not None and wanted.thousands != format.thousands:
        set_.append(f'`thousands: "{wanted.thousands}"`')
    if not set_:
        return "Leave out `thousands`" if verb else "leave out `thousands`"
    leave = ", and leave out `thousands`" if format.thousands and not wanted.thousands else ""
    return f"{verb}{' and '.join(set_)}{' in the source' if verb else ''}{leave}"


def _one_unit(texts: Sequence[str]) -> bool:
    """Whether these are measures and not codes such as 4WD: a known unit, or one unit often."""
    pattern = _kinds()["unit"]
    found = [match.group(2).casefold() for match in map(pattern.fullmatch, texts) if match]
    unit, count = Counter(found).most_common(1)[0]
    return unit in _UNITS or (count > 3 and 2 * count > len(texts))


def begins_with_zero(cell: str) -> bool:
    """Whether a number has a zero in front that a number does not keep.

    >>> [begins_with_zero(cell) for cell in ("007", "0", "0.5", "-05", "10")]
    [True, False, False, True, False]
    """
    digits = cell.lstrip("+-")
    return len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
