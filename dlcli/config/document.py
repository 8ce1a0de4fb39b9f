"""A config file as written: its values, where each one stands, and how a problem with it looks.

A problem is shown as

    mnist.yaml:12:27: unknown key `learnin_rate`, did you mean `learning_rate`?
      optimizer: {type: adam, learnin_rate: 1e-3}
                              ^
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Literal

from dlcli.config.wording import clip, suggestion
from dlcli.config.yaml_reader import Path, Place, Tree, read_tree
from dlcli.errors import ConfigError
from dlcli.folding import columns
from dlcli.frozen import frozen

LARGEST_FILE = 256 * 1024  # bytes; a config is a page of text
MOST_SHOWN = 50

_LINE_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_WIDEST = 78
"""Of a line that is shown, with the marks of what is left out: with its margin 80 columns."""


@frozen
class Problem:
    """One thing that is wrong: where (a place in the text, or a `--set` option), and what."""

    place: Place | None
    option: str | None
    message: str

    def to_json(self, label: str) -> dict[str, Any]:
        """The problem for programs; what is not known is left out."""
        line, column = self.place or (None, None)
        known = {
            "file": label if self.option is None else None,
            "line": line,
            "column": column,
            "option": None if self.option is None else f"--set {self.option}",
            "message": self.message,
            "hint": suggestion(self.message),
        }
        return {name: value for name, value in known.items() if value is not None}


@dataclass
class Document:
    """The values of a config file, or of overrides, by path, and their places.

    source: the bytes of the file, which may be a pipe that can be read only once.
    """

    label: str
    source: bytes = b""
    lines: list[str] = field(default_factory=list)
    tree: Tree = field(default_factory=Tree)
    options: dict[Path, str] = field(default_factory=dict)  # what `--set` gave, by path
    problems: list[Problem] = field(default_factory=list)

    @property
    def data(self) -> Any:
        return self.tree.value

    def is_broken(self, path: Path) -> bool:
        """Whether something on the way to `path` is a problem already."""
        return any(path[:end] in self.tree.broken for end in range(len(path) + 1))

    def spelling(self, path: Path) -> str:
        """The last key of the path as it was written."""
        return self.tree.spelled.get(path, str(path[-1]))

    def problem(self, path: Path, message: str, at: Literal["key", "value"] = "value") -> Problem:
        """A problem with the key or value at `path`, or with what is nearest above it."""
        known = self._known(path)
        inside = [option for key, option in self.options.items() if path and key[:-1] == path]
        if inside:  # what is wrong with the whole may be what was put in
            message += f" (--set {clip(inside[-1])})"
        for end in range(len(known), -1, -1):
            here = known[:end]
            if here in self.options:
                return Problem(None, self.options[here], message)
            places = [self.tree.keys.get(here), self.tree.values.get(here)]
            if here == path and at == "value":
                places.reverse()
            for place in filter(None, places):
                return Problem(place, None, message)
        if path:
            message = f"{'.'.join(clip(str(part)) for part in path)}: {message}"
        return Problem(None, None, message)

    def _known(self, path: Path) -> Path:
        """As much of the path as leads somewhere."""
        value = self.data
        for end, part in enumerate(path):
            inside = range(len(value)) if isinstance(value, list) else value
            if not isinstance(inside, dict | range) or part not in inside:
                return path[:end]
            value = value[part]
        return path

    def render(self, problem: Problem) -> str:
        """The problem with its place, the source line and a caret."""
        if problem.option is not None:
            return f"--set {clip(problem.option)}: {problem.message}"
        if problem.place is None:
            return f"{self.label}: {problem.message}"
        line, column = problem.place
        head = f"{self.label}:{line}:{column}: {problem.message}"
        source = self.lines[line - 1] if line <= len(self.lines) else ""
        return f"{head}\n{_pointed(source, column - 1)}" if source.strip() else head

    def error(self, problems: Iterable[Problem]) -> ConfigError:
        """All problems in one error, in the order of the text, options last."""
        unique = sorted(
            dict.fromkeys(problems),
            key=lambda problem: (problem.option is not None, problem.place or Place(0, 0)),
        )
        shown = [self.render(problem) for problem in unique[:MOST_SHOWN]]
        if len(unique) > MOST_SHOWN:
            shown.append(f"... and {len(unique) - MOST_SHOWN} more problems")
        elif len(unique) > 1:
            shown.append(f"{len(unique)} problems in {self.label}")
        return ConfigError(
            "\n".join(shown), problems=[problem.to_json(self.label) for problem in unique]
        )


def _pointed(source: str, column: int) -> str:
    """The line, shortened around the column where it is long, and a caret below the column."""
    room = _WIDEST if len(source) <= _WIDEST else _WIDEST - 2 * len("...")
    start = max(0, min(column - room // 2, len(source) - room))
    shown = "".join(c if c.isprintable() else " " for c in source[start : start + room])
    before = "..." if start else ""
    after = "..." if start + room < len(source) else ""
    margin = len(before) + columns(shown[: column - start])
    return f"  {before}{shown}{after}\n  {' ' * margin}^"


def parse_document(text: str, label: str, largest: int = LARGEST_FILE) -> Document:
    """Read a config's text; a text without a mapping of keys at its top raises ConfigError."""
    label = clip_label(label)
    text = text.removeprefix("\ufeff")
    document = Document(label, lines=_LINE_BREAK.split(text))
    if len(text.encode(errors="replace")) > largest:
        raise _unusable(label, f"larger than {largest // 1024} KiB, so not a config")
    document.tree = read_tree(text)
    document.problems = [Problem(place, None, words) for place, words in document.tree.problems]
    if isinstance(document.data, dict):
        return document
    if not document.problems:
        words = "the config must be a mapping of keys such as `model:` and `training:`"
        if document.data is None:
            raise document.error([Problem(Place(1, 1), None, f"the file is empty; {words}")])
        document.problems.append(Problem(document.tree.values[()], None, words))
    raise document.error(document.problems)


def read_document(path: FilePath) -> Document:
    """Read a config file; raises ConfigError where it is missing, unreadable or no text."""
    label = clip_label(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise _unusable(label, "there is no such file") from None
    except IsADirectoryError:
        raise _unusable(label, "this is a directory, not a config file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unusable(label, f"the file cannot be read: {reason}") from None
    return document_of(content, label)


def document_of(content: bytes, label: str, largest: int = LARGEST_FILE) -> Document:
    """A config file's content; ConfigError where it is too large, or no text."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        words = f"byte {error.start} (line {line}) is not UTF-8 text"
        raise _unusable(label, f"{words}; a config is saved as UTF-8", line) from None
    document = parse_document(text, label, largest)
    document.source = content
    return document


def _unusable(label: str, words: str, line: int | None = None) -> ConfigError:
    """The error about a file in which there is no place to point at."""
    known = {"file": label, "line": line, "message": words}
    problem = {name: value for name, value in known.items() if value is not None}
    return ConfigError(f"{label}: {words}", problems=[problem])


def clip_label(label: str) -> str:
    """A file name that can be printed anywhere."""
    label = label.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in label)
