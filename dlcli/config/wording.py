"""Words for people: how a value is quoted in a message.

Pure text, without knowledge of the vocabulary; `hints.py` knows the words of other frameworks.
"""

import re
from collections.abc import Iterable

from dlcli.config.scalars import ScalarError, read_scalar, write_scalar
from dlcli.nearest import nearest as nearest
from dlcli.nearest import squeeze as squeeze

_LONGEST = 60


def clip(text: str) -> str:
    """The text on one line: unprintable characters escaped, the middle of a long one left out."""
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 13] + "..." + text[-10:]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def code(text: object) -> str:
    """The text as a word of the config: `like_this`."""
    return f"`{clip(str(text))}`"


def listing(words: Iterable[object]) -> str:
    """`a`, `b` and `c`"""
    return _joined(words, "and")


def choices(words: Iterable[object]) -> str:
    """`a`, `b` or `c`"""
    return _joined(words, "or")


def _joined(words: Iterable[object], last: str) -> str:
    every = [code(word) for word in words]
    if len(every) < 2:
        return "".join(every)
    return f"{', '.join(every[:-1])} {last} {every[-1]}"


def instead(value: object) -> str:
    """The end of a sentence such as "must be a number": what the config has instead.

    >>> instead(0), instead(True), instead(None)
    (', not 0', ', not the boolean `true`', ', but it has no value')
    >>> instead("0.1")
    ', not the text "0.1" (a number is written without quotes)'
    """
    if value is None:
        return ", but it has no value"
    if isinstance(value, bool):
        return f", not the boolean `{str(value).lower()}`"
    if isinstance(value, int | float):
        return f", not {value}"
    if isinstance(value, str):
        return f', not the text "{clip(value)}"{_number_hint(value)}'
    return ", not a list" if isinstance(value, list | tuple) else ", not a mapping"


def in_brackets(names: str) -> str:
    """How the names that somebody wrote without brackets are written, if names they are.

    >>> in_brackets("area, rooms"), in_brackets("living: area"), in_brackets("\\0")
    (' (write [area, rooms])', ' (write ["living: area"])', '')
    """
    if len(names) >= _LONGEST or not names.isprintable():
        return ""
    written = ", ".join(write_scalar(name.strip()) for name in names.split(","))
    return f" (write [{written}])"


def _number_hint(text: str) -> str:
    if _is_number(text):
        return " (a number is written without quotes)"
    if _is_number(text.replace("_", "")):
        return " (a number is written without underscores)"
    return ""


def _is_number(text: str) -> bool:
    try:
        value = read_scalar(text)
    except ScalarError:
        return False
    return isinstance(value, int | float) and not isinstance(value, bool)


def meant(word: str) -> str:
    """The end of a sentence about a word that is not known: what was likely meant."""
    return f", did you mean {code(word)}?"


_MEANT = re.compile(r", (did you mean `[^`]*`\?)")


def suggestion(sentence: str) -> str | None:
    """What `meant` added to a sentence, if it did.

    >>> suggestion("unknown key `epoch`, did you mean `epochs`?")
    'did you mean `epochs`?'
    """
    found = _MEANT.search(sentence)
    return found[1] if found else None
