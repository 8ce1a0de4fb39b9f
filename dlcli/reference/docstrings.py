"""What a docstring says: prose, and a line for each option that it tells about.

An option's line is `name: words.`, or `name, other: words.` for several alike. It goes on in lines
that are indented, or until a sentence ends; a second option may follow on the same line.
"""

import inspect
import re
from collections.abc import Iterable, Mapping

from dlcli.frozen import frozen

_NAMES = r"[a-z][a-z0-9_]*(?:, [a-z][a-z0-9_]*)*"
_LINE = re.compile(rf"({_NAMES}): (.+)", re.DOTALL)
_INSIDE = re.compile(rf"(?<=[.;]) (?=({_NAMES}): )")
EXAMPLE = "example"
"""The name of a line that is no option, but how the component is written."""


@frozen
class Told:
    """A docstring, taken apart.

    prose: all of it but the lines of options. options: the words of each option, in one line.
    """

    prose: str
    options: Mapping[str, str]

    @property
    def paragraph(self) -> str:
        """The first paragraph, in one line."""
        return _joined(self.prose.strip().split("\n\n")[0].splitlines())

    @property
    def sentence(self) -> str:
        """The first sentence.

        >>> taken_apart("It is so. It is more.", ()).sentence
        'It is so.'
        """
        return re.split(r"(?<=[.])\s+(?=[A-Z`])", self.paragraph, maxsplit=1)[0]

    @property
    def source(self) -> str:
        """Its paragraph about where the formula comes from, as it stands there."""
        found = re.search(r"^Sources?: (?:.|\n(?!\n))*", self.prose, re.MULTILINE)
        return found[0] if found else ""


def taken_apart(text: str | None, options: Iterable[str]) -> Told:
    """A docstring of a thing that has these options.

    >>> taken_apart("A thing.\\n\\nrate: how much\\n    there is. low: its end.", ("rate", "low"))
    Told(prose='A thing.', options={'rate': 'how much there is', 'low': 'its end'})
    """
    known = {*options, EXAMPLE}
    prose: list[str] = []
    entries: list[list[str]] = []
    inside = False
    for line in inspect.cleandoc(text or "").splitlines():
        if _names(line, known):
            entries.append([line])
            inside = True
        elif inside and line and (line[0] == " " or not entries[-1][-1].endswith(".")):
            entries[-1].append(line)
        else:
            inside = False
            prose.append(line)
    found: dict[str, str] = {}
    for entry in entries:
        for part in _parts(_joined(entry), known):
            names, words = part.split(": ", 1)
            found |= dict.fromkeys(names.split(", "), _plain(words))
    kept = "\n".join(prose).strip()
    return Told(re.sub(r"\n{3,}", "\n\n", kept), found)


def _plain(words: str) -> str:
    """Without the mark behind it, unless it is more than one sentence.

    >>> _plain("so many;"), _plain("so many. No more.")
    ('so many', 'so many. No more.')
    """
    words = words.removesuffix(";")
    return words if ". " in words else words.removesuffix(".")


def _names(line: str, known: set[str]) -> bool:
    """Whether the line begins with options that are known."""
    found = _LINE.match(line)
    return found is not None and {*found[1].split(", ")} <= known


def _parts(entry: str, known: set[str]) -> list[str]:
    """The options that one line tells about, each with its names."""
    cuts = [found.start() for found in _INSIDE.finditer(entry) if {*found[1].split(", ")} <= known]
    ends = [*cuts, len(entry)]
    return [entry[a:b].strip() for a, b in zip([0, *cuts], ends, strict=True)]


def _joined(lines: Iterable[str]) -> str:
    return " ".join(line.strip() for line in lines)
