"""Words for people: how a value is quoted in a message, and which known word is nearest.

Pure text, without knowledge of the vocabulary; `hints.py` knows the words of other frameworks.
"""

import re
from collections.abc import Iterable, Sequence

from dlcli.config.scalars import ScalarError, read_scalar

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


def squeeze(word: str) -> str:
    """The word without case, dashes, underscores and spaces: MaxPooling2D -> maxpooling2d."""
    return "".join(c for c in word.lower() if c.isalnum())


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that was most likely meant, or None.

    >>> nearest("learnin_rate", ["learning_rate", "beta_1"])
    'learning_rate'
    >>> nearest("MaxPooling2D", ["dense", "max_pooling2d"])
    'max_pooling2d'
    >>> nearest("lstm", ["dense", "conv2d"])
    """
    if not 1 < len(word) <= 40:
        return None
    for candidate in known:
        if squeeze(word) == squeeze(candidate):
            return candidate
    word = word.lower()
    distances = [(distance(word, candidate), candidate) for candidate in known]
    best = min(distances, default=(len(word), ""))
    return best[1] if best[0] <= max(1, len(word) // 3) and best[0] < len(best[1]) else None


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


def distance(a: str, b: str) -> int:
    """How many letters to add, drop, change or swap with their neighbour, to turn a into b.

    >>> distance("kernel", "kernle"), distance("stride", "strides"), distance("relu", "gelu")
    (1, 1, 1)
    """
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        further = [i]
        for j, other in enumerate(b, 1):
            cost = min(row[j] + 1, further[-1] + 1, row[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            further.append(cost)
        before, row = row, further
    return row[-1]
