"""Values as a person writes them in YAML."""

import json
import re

_PLAIN = re.compile(r"(?:\.{0,2}/)*[A-Za-z_][A-Za-z0-9_.%/()-]*(?: [A-Za-z0-9_.%/()-]+)*")
_WORDS = frozenset(
    ("true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf", "none")
)
WIDEST = 96


def text(value: str) -> str:
    """A text, in double quotes where it could be taken for something else.

    >>> text("age"), text("no"), text("007"), text("a: b"), text("say \\"so\\"")
    ('age', '"no"', '"007"', '"a: b"', '"say \\\\"so\\\\""')
    """
    if _PLAIN.fullmatch(value) and value.casefold() not in _WORDS:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in quoted)


def number(value: float) -> str:
    """A number in the shortest way.

    >>> number(0.005), number(1e-05), number(32)
    ('0.005', '1.0e-05', '32')
    """
    written = repr(value)
    # YAML 1.1 takes 1e-05 for a text.
    return written.replace("e", ".0e") if "e" in written and "." not in written else written


def one_line(value: object) -> str:
    """A mapping, a list or a scalar in one line.

    >>> one_line({"type": "csv", "header": False, "names": ["a", "no"]})
    '{type: csv, header: false, names: [a, "no"]}'
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(str(k))}: {one_line(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(one_line, value)) + "]"
    raise TypeError(f"no such value in a config: {value!r}")


def comment(words: str) -> str:
    """A comment of one line, whatever the words hold."""
    return "# " + "".join(c if c.isprintable() else "?" for c in words)
