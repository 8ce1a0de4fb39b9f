"""How a command ends: a sentence on stderr, and with `--json` one document on stdout.

With `--json` stdout is one JSON document whatever happens; that of a failure has the key `error`,
whose `code` is the exit code, beside what the command found all the same.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from dlcli.folding import for_stream
from dlcli.printable import printable


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether `--json` is among the words of a command line, be they right or wrong; or what means
    the same to `validate`, whose formats are of its reports, and not of a table of answers."""
    words = list(arguments)
    words = words[: words.index("--") if "--" in words else None]
    if "--json" in words:
        return True
    asked = "--format=json" in words or ("--format", "json") in pairwise(words)
    return words[:1] == ["validate"] and asked


def complain(message: str) -> None:
    """Tell the person at the terminal, if there still is one."""
    try:
        tell(f"error: {message}")
    except OSError:
        return


def tell(text: str) -> None:
    """Write a sentence to stderr; what it quotes may come from a file."""
    print(for_stream(printable(text), sys.stderr), file=sys.stderr, flush=True)


def print_json(document: Mapping[str, Any]) -> None:
    """Write one JSON document to stdout; numbers that are not finite become null."""
    text = json.dumps(finite(document), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a path of bytes that are no text: JSON has escapes for it
        text = json.dumps(finite(document))
    print(text)


def finite(value: Any) -> Any:
    """The same document with null in place of NaN and infinities, which JSON does not have."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


class Failure:
    """Told of a failure, it prints the document of it, once and only where one is wanted."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted

    def __call__(self, error: Mapping[str, Any], result: Mapping[str, Any] | None = None) -> None:
        """error: `code`, `kind`, `message` and more; result: what was found beside it."""
        if self._wanted:
            self._wanted = False
            print_json({"error": dict(error), **(result or {})})
