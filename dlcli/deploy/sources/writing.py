"""How names, values and calls get into written source.

Whatever comes from a config or from data goes in as a literal that Python itself wrote (`repr`,
which escapes quotes, line breaks, and all that cannot be seen), or as an identifier that is made
here, of letters, digits and `_` alone.
"""

import keyword
import math
import re
import textwrap
import tokenize
from collections.abc import Collection, Mapping, Sequence
from pprint import pformat
from typing import Any

WIDTH = 100
"""Characters in a line, where a single literal is not longer."""


class Identifiers:
    """Python names for the names of layers and values, each its own."""

    def __init__(self, taken: Collection[str]) -> None:
        """taken: what nothing may be called."""
        self._taken = {*taken, *keyword.kwlist, *keyword.softkwlist}

    def of(self, name: str, endings: Collection[str] = ("",)) -> str:
        """A name that nobody has yet, with none of these behind it, as near to this one as can be.

        >>> names = Identifiers({"train"})
        >>> [names.of(name) for name in ("repeat_1.2.conv", "repeat_1_2.conv", "train", "class")]
        ['repeat_1_2_conv', 'repeat_1_2_conv_', 'train_', 'class_']
        """
        found = re.sub(r"[^A-Za-z0-9_]", "_", name)
        if not re.match(r"[A-Za-z]", found):
            found = f"x{found}"
        wanted = {"", *endings}
        while any(f"{found}{ending}" in self._taken for ending in wanted):
            found += "_"
        self._taken |= {f"{found}{ending}" for ending in wanted}
        return found


def literal(value: Any, width: int = WIDTH) -> str:
    """A value as Python writes it, maybe over several lines.

    None, booleans, whole numbers, finite floats, texts, and tuples, lists and mappings of them;
    TypeError for anything else.
    """
    _require_plain(value)
    return _quoted_twice(pformat(value, width=max(20, width), compact=True, sort_dicts=False))


def _quoted_twice(text: str) -> str:
    """The same literals, texts in double quotes where these need no escape."""
    lines = text.splitlines(keepends=True)
    for token in tokenize.generate_tokens(iter(lines).__next__):
        if token.type == tokenize.STRING and token.string[0] == "'" and '"' not in token.string:
            row, start = token.start[0] - 1, token.start[1]
            line, end = lines[row], token.end[1]
            lines[row] = f'{line[:start]}"{line[start + 1 : end - 1]}"{line[end:]}'
    return "".join(lines)


def _require_plain(value: Any) -> None:
    if isinstance(value, Mapping):
        for key, one in value.items():
            _require_plain(key)
            _require_plain(one)
    elif isinstance(value, tuple | list):
        for one in value:
            _require_plain(one)
    elif type(value) is float:
        if not math.isfinite(value):
            raise TypeError(f"{value!r} is no literal")
    elif value is not None and type(value) not in (bool, int, str):
        raise TypeError(f"{value!r} cannot be written as a literal")


def call(function: str, given: Sequence[str] = (), **options: Any) -> str:
    """A call: expressions that are given as they are, then options as literals; over several lines
    where it is long.

    >>> call("nn.Conv2d", ["3", "8"], stride=(2, 2), bias=False)
    'nn.Conv2d(3, 8, stride=(2, 2), bias=False)'
    """
    pieces = [*given, *(f"{name}={literal(value, 10_000)}" for name, value in options.items())]
    line = f"{function}({', '.join(pieces)})"
    if len(line) <= WIDTH - 16 and "\n" not in line:
        return line
    pieces = list(given)
    for name, value in options.items():
        first, *rest = literal(value, WIDTH - 24).splitlines()
        rest = [f"{' ' * (len(name) + 1)}{line}" for line in rest]
        pieces.append("\n".join([f"{name}={first}", *rest]))
    inside = textwrap.indent(",\n".join(pieces) + ",", "    ")
    return f"{function}(\n{inside}\n)"


def listed(pieces: Sequence[str]) -> str:
    """Expressions as a list, one on a line where it is long."""
    return f"[{call('', pieces)[1:-1]}]"


def unusual(**options: tuple[Any, Any]) -> dict[str, Any]:
    """The options that are not as they usually are; each with its usual value."""
    return {name: value for name, (value, usual) in options.items() if value != usual}


def assigned(name: str, value: Any) -> str:
    """A constant."""
    return f"{name} = {literal(value)}" if _short(name, value) else f"{name} = {_long(value)}"


def _short(name: str, value: Any) -> bool:
    return len(name) + 3 + len(repr(value)) <= WIDTH or not isinstance(value, tuple | list)


def _long(value: Sequence[Any]) -> str:
    """One entry on a line."""
    inside = textwrap.indent("".join(f"{literal(one, WIDTH - 4)},\n" for one in value), "    ")
    left, right = "()" if isinstance(value, tuple) else "[]"
    return f"{left}\n{inside}{right}"


def statement(variable: str, expression: str) -> str:
    """An assignment in a function, in parentheses where it is long."""
    line = f"{variable} = {expression}"
    if len(line) <= WIDTH - 8 or "\n" in line:
        return line
    return f"{variable} = (\n    {expression}\n)"


def body(lines: Sequence[str], depth: int = 1) -> str:
    """Statements as the body of a function."""
    return textwrap.indent("\n".join(lines), "    " * depth)
