"""The scalars of a config: YAML 1.2's core schema, read and written.

YAML 1.1, which most Python readers follow, turns `1e-3` into text, `no` into false, `010` into 8
and `1:30` into 90. Here a plain scalar is null, a boolean, a whole number, a number, or text, and
nothing else. NaN and infinity are refused, and whole numbers are bounded.

Source: YAML 1.2.2, section 10.3, "Core Schema".
"""

import re

Scalar = None | bool | int | float | str

LARGEST = 2**63 - 1

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")


class ScalarError(ValueError):
    """A scalar that no config may contain; the message says why."""


def read_scalar(text: str) -> Scalar:
    """The value of a plain (unquoted) scalar.

    >>> [read_scalar(text) for text in ("1e-3", "no", "010", "1:30", "0x1F", "~", "2024-01-01")]
    [0.001, 'no', 10, '1:30', 31, None, '2024-01-01']
    """
    if text in _WORDS:
        return _WORDS[text]
    if _DECIMAL.fullmatch(text):
        return _bounded(text, 10)
    if _OCTAL.fullmatch(text):
        return _bounded(text[2:], 8)
    if _HEXADECIMAL.fullmatch(text):
        return _bounded(text[2:], 16)
    if _NUMBER.fullmatch(text):
        number = float(text)
        if abs(number) == float("inf"):
            raise ScalarError("this number is too large")
        return number
    if _NOT_FINITE.fullmatch(text):
        raise ScalarError(f"`{text}` is not allowed: numbers are finite")
    return text


def _bounded(digits: str, base: int) -> int:
    # The length is looked at first: reading a million digits takes a while (and Python refuses).
    number = int(digits, base) if len(digits.lstrip("+-0")) <= 64 else LARGEST + 1
    if abs(number) > LARGEST:
        raise ScalarError(f"this whole number is too large (the largest is {LARGEST})")
    return number


def write_scalar(value: Scalar) -> str:
    """The text that `read_scalar`, or a YAML reader for quoted text, turns into `value` again.

    >>> [write_scalar(value) for value in (1e-7, True, None, "adam", "1e-3", "a: b", 3)]
    ['1e-07', 'true', 'null', 'adam', '"1e-3"', '"a: b"', '3']
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return value if _reads_as_itself(value) else quoted(value)


def _reads_as_itself(text: str) -> bool:
    try:
        return _PLAIN.fullmatch(text) is not None and read_scalar(text) == text
    except ScalarError:
        return False


def quoted(text: str) -> str:
    r"""Text in YAML's double quotes, everything unprintable escaped.

    >>> print(quoted('say "hi"\n'))
    "say \"hi\"\n"
    """
    return '"' + "".join(_ESCAPES.get(c) or _character(c) for c in text) + '"'


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def _character(c: str) -> str:
    return c if c.isprintable() else f"\\U{ord(c):08X}"
