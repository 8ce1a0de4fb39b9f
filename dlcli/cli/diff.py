"""`dlcli diff`: what two runs have apart."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlcli import numerics
from dlcli.cli.options import Debug, Json, require_run, say
from dlcli.cli.outcome import print_json
from dlcli.errors import DiffersError
from dlcli.folding import columns
from dlcli.printable import printable
from dlcli.wording import counted

if TYPE_CHECKING:
    from dlcli.pipeline.difference import Difference, Side
    from dlcli.pipeline.settings import Setting

_MOST = 40
_WIDEST = 36
_NARROWEST = 20
_GAP = 2
_ROOM = 80
"""Columns of what is no terminal."""
_DIGITS = 16


def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="A run directory, or a manifest.json.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 10 where anything differs.")
    ] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show in what two runs differ: config, data, versions, metrics, the first epoch and tensor.

    Metrics are those of the epochs that are kept, of an unfinished run those of its last; and of
    two finished runs those of the evaluation, as test accuracy.
    """
    require_run(a)
    require_run(b)
    numerics.choose("portable")
    from dlcli.pipeline.difference import difference

    found = difference(a, b)
    differs = exit_code and not found.identical
    if not json:
        _show(found)
    elif not differs:
        print_json(found.to_json())
    if differs:
        error = DiffersError(f"{a} and {b} differ; epochs: {found.told_of_epochs()}")
        error.result = found.to_json()
        raise error


def _show(found: "Difference") -> None:
    for word, side in (("a", found.a), ("b", found.b)):
        say(f"{word}  {_told(side)}")
    _section("config", found.config, _setting)
    _section("data", found.data, _digest)
    _section("environment", found.environment, _setting)
    _section("metrics", found.told_metrics(), _setting, _numbers)
    say(f"\nepochs: {found.told_of_epochs()}")


def _told(side: "Side") -> str:
    facts = side.to_json()
    kept = f", kept: epoch {side.kept}" if side.kept else ""
    return f"{side.path}: {facts['status']}, {counted(facts['epochs'], 'epoch')}{kept}"


def _setting(value: Any) -> str:
    from dlcli.pipeline.settings import told

    return told(value)


def _digest(value: Any) -> str:
    return _setting(value)[:_DIGITS]


def _numbers(values: Sequence[Any]) -> list[str]:
    """Both as people read them, or with all digits where that would hide what differs."""
    from dlcli.console import number

    both = [number(value) if isinstance(value, float) else _setting(value) for value in values]
    return both if both[0] != both[1] else [_setting(value) for value in values]


def _section(title: str, rows: "Sequence[Setting]", cell: Any, pair: Any = None) -> None:
    from dlcli.cli.shown import print_narrow

    if not rows:
        say(f"\n{title}: the same")
        return
    say("")
    names = [f"  {row.name}" for row in rows[:_MOST]]
    both = [
        pair(row.values) if pair else [cell(value) for value in row.values] for row in rows[:_MOST]
    ]
    room = shutil.get_terminal_size((_ROOM, 24)).columns
    widest = max(_WIDEST, room // 3)
    room -= min(widest, _width((title, *names))) + 2 * _GAP
    a, b = _shared(max(room, 2 * _NARROWEST), *map(_width, zip(*both, strict=True)))
    cells = [
        (name, *_where_they_differ(one, other, a, b))
        for name, (one, other) in zip(names, both, strict=True)
    ]
    print_narrow((title, "a", "b"), cells, (widest, a, b))
    if len(rows) > _MOST:
        say(f"  ... and {len(rows) - _MOST:,} more; --json has all")


def _width(texts: Sequence[str]) -> int:
    return max(columns(printable(text.replace("\n", " "))) for text in texts)


def _shared(room: int, a: int, b: int) -> tuple[int, int]:
    """How wide two columns are: as wide as they want to be; else neither takes more than its half
    as long as the other one needs that.

    >>> _shared(40, 10, 99), _shared(40, 99, 99), _shared(40, 3, 3)
    ((10, 30), (20, 20), (3, 3))
    """
    half = room // 2
    return min(a, max(half, room - b)), min(b, max(half, room - a))


def _where_they_differ(one: str, other: str, a: int, b: int) -> tuple[str, str]:
    """Two texts for columns of these widths; where one is too long, from a word on in which they
    differ: what is the same in both may be all that there is room for.

    >>> _where_they_differ("[accuracy, f1, recall]", "[accuracy, f1, precision]", 12, 12)
    ('…recall]', '…precision]')
    >>> _where_they_differ("adam", "a name of many words", 12, 9)
    ('adam', 'a name of many words')
    """
    if _width([one]) <= a and _width([other]) <= b:
        return one, other
    both = enumerate(zip(one, other, strict=False))
    same = next((place for place, (x, y) in both if x != y), min(len(one), len(other)))
    begin = max(one.rfind(" ", 0, same), one.rfind("/", 0, same)) + 1
    return (f"…{one[begin:]}", f"…{other[begin:]}") if begin else (one, other)
