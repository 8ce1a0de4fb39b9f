"""Text for a terminal: what came from a file may hold anything, also commands to the terminal."""

import unicodedata

_UNSEEN = {"Cc", "Cf", "Zl", "Zp", "Co", "Cn"}
"""Categories of characters that show nothing and may change how others are shown: controls (C0 and
C1), formats (directions of writing, joiners), separators of lines, and what has no meaning."""


def names_something(character: str) -> bool:
    """Whether a character belongs to a word of some script: letters, their marks, digits, _.

    >>> [names_something(c) for c in "é\u0301ज़्9_-"]
    [True, True, True, True, True, True, True, False]
    """
    return character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"


def printable(text: str) -> str:
    """The text with everything escaped that is no visible character; ends of lines stay.

    Bytes of file names that are no text (lone surrogates) stay, too: a stream writes them as they
    are.

    >>> printable("red\\x1b[31m \\u202eevil")
    'red\\\\x1b[31m \\\\u202eevil'
    """
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode()
        if character != "\n" and unicodedata.category(character) in _UNSEEN
        else character
        for character in text
    )
