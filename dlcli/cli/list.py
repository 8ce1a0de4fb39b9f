"""`dlcli list`: the words that a config may have, a line each."""

import shutil
import sys
import textwrap
from typing import Annotated

import typer

from dlcli.cli.options import Debug, Json
from dlcli.cli.outcome import print_json
from dlcli.errors import UsageError
from dlcli.nearest import nearest

Kind = Annotated[
    str | None,
    typer.Argument(
        metavar="KIND",
        help="layers, losses, optimizers, metrics, transforms, sources, schedules, augmentations, "
        "activations, initializers, regularizers, target_transforms.",
    ),
]


def list_words(kind: Kind = None, json: Json = False, debug: Debug = False) -> None:
    """List the words that a config may have, by kind. `dlcli explain` tells more of each."""
    from dlcli.reference.words import KINDS, of_kind

    if kind is None:
        if json:
            print_json({"kinds": {name: len(words) for name, words in KINDS.items()}})
        else:
            _table([(name, f"{len(words)} words") for name, words in KINDS.items()])
        return
    if kind not in KINDS:
        near = nearest(kind, KINDS)
        hint = f"there are {', '.join(KINDS)}" if near is None else f"did you mean {near!r}?"
        raise UsageError(f"there are no words of the kind {kind!r}; {hint}", hint=hint)
    words = [(one.word, one.about.sentence) for one in of_kind(kind)]
    if json:
        told = [{"word": word, "about": about} for word, about in words]
        print_json({"kind": kind, "words": told})
    else:
        _table(words)


def _table(rows: list[tuple[str, str]]) -> None:
    """A line each for programs; for people what their terminal has room for."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    margin = max(len(word) for word, _ in rows) + 2
    for word, about in rows:
        line = f"{word:<{margin}}{about}"
        print(textwrap.fill(line, max(width, margin + 30), subsequent_indent=" " * margin))
