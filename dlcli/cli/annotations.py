"""Workflow commands that GitHub shows as annotations, beside the lines of a pull request.

    ::error file=configs/a.yaml,line=3,col=9,title=config error::unknown key `epoch`, ...

Such a line may not be ended or continued by what it quotes: in the message %, CR and LF are
escaped, in the properties : and , too. Source: "Workflow commands for GitHub Actions", and the
toolkit's `core/src/command.ts`, which escapes in this order.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcli.errors import DlcliError
from dlcli.printable import printable

MOST = 10
"""GitHub shows so many annotations of one kind and step, and drops the others in silence."""


@dataclass(frozen=True)
class Annotation:
    """level: error or warning. file: as messages call it. line, column: from 1."""

    level: str
    file: str
    title: str
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        known = {"file": _shown(self.file), "line": self.line, "col": self.column}
        if self.line is None:
            del known["line"], known["col"]
        told = {**known, "title": self.title}
        properties = ",".join(
            f"{name}={_property(str(value))}" for name, value in told.items() if value is not None
        )
        return f"::{self.level} {properties}::{_data(self.message)}"


def of_error(error: DlcliError, config: Path) -> Iterator[Annotation]:
    """One for each problem of a config; what names no file is about the config."""
    title = f"{error.kind.replace('_', ' ')} error"
    for problem in error.details.get("problems") or [
        {"file": error.file, "line": error.line, "column": error.column, "message": str(error)}
    ]:
        message = problem["message"]
        if problem.get("option") is not None:
            message = f"{problem['option']}: {message}"
        column = problem.get("column")
        yield Annotation(
            "error",
            problem.get("file") or str(config),
            title,
            message,
            problem.get("line"),
            column if isinstance(column, int) else None,  # of a table it is a name
        )


def limited(annotations: Iterable[Annotation], command: str) -> Iterator[Annotation]:
    """As many as are shown, the last of which says how many more there are.

    command: what lists them all.
    """
    by_level: dict[str, list[Annotation]] = {}
    for one in annotations:
        by_level.setdefault(one.level, []).append(one)
    for every in by_level.values():
        yield from every[: MOST - 1]
        yield from _last(every[MOST - 1 :], command)


def _last(rest: Sequence[Annotation], command: str) -> Iterator[Annotation]:
    if not rest:
        return
    one, more = rest[0], len(rest) - 1
    words = f"\nand {more} more; `{command}` lists them all" if more else ""
    yield Annotation(one.level, one.file, one.title, f"{one.message}{words}", one.line, one.column)


def _shown(file: str) -> str:
    """A path as GitHub looks for it: relative to the working directory where it lies below that,
    which in a job is the checkout."""
    try:
        here = Path.cwd()
        # Not resolved, unless nothing else helps: a link is annotated where the diff has it.
        for path in (Path(os.path.normpath(here / file)), Path(file).resolve()):
            if path.is_relative_to(here):
                return path.relative_to(here).as_posix()
    except (OSError, ValueError, RuntimeError):  # a name that nothing can have, or a loop of links
        pass
    return file


def _data(text: str) -> str:
    """What stands behind the second `::`.

    >>> _data("100 %\\nof it")
    '100 %25%0Aof it'
    """
    lines = [printable(line) for line in text.replace("%", "%25").split("\r")]
    return "%0D".join(lines).replace("\n", "%0A")


def _property(text: str) -> str:
    """The value of a property.

    >>> _property("a:b,c%")
    'a%3Ab%2Cc%25'
    """
    return _data(text).replace(":", "%3A").replace(",", "%2C")
