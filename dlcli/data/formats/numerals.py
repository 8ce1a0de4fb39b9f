"""Many numbers in one text, converted at once.

NumPy's reader of text calls the function that `float()` calls (`PyOS_string_to_double`), which
rounds correctly. But it makes -1 of a cell of blanks, and takes words such as `inf`; so nothing
but digits, signs, points and exponents comes near it.
"""

import warnings

import numpy as np

from dlcli.data.dataset import Array

PLAINEST = b"0123456789.-+eE,"
"""What a text may consist of here."""


def to_floats(text: bytes) -> Array | None:
    """The finite numbers of a text with a comma behind each; None where it may hold anything else.

    Spaces beside commas are left out; other blanks are not taken.

    >>> to_floats(b"1, 2.5 ,-3e2,")
    array([   1. ,    2.5, -300. ])
    >>> [to_floats(text) for text in (b"1,,2,", b"1, ,2,", b"1_000,", b"1e999,", b"-,", b"1")]
    [None, None, None, None, None, None]
    """
    if not text.endswith(b","):
        return None
    if text.translate(None, PLAINEST):
        text = _without_spaces(text)
        if text.translate(None, PLAINEST):
            return None
    with warnings.catch_warnings():
        # Older versions of NumPy warn of what newer ones refuse.
        warnings.simplefilter("error", DeprecationWarning)
        try:
            values = np.fromstring(text, np.float64, sep=",")
        except (DeprecationWarning, ValueError):
            return None
    if len(values) != text.count(b",") or not np.isfinite(values).all():
        return None
    return values


def _without_spaces(text: bytes) -> bytes:
    text = text.lstrip(b" ")
    for beside in (b", ", b" ,"):
        while beside in text:
            text = text.replace(beside, b",")
    return text
