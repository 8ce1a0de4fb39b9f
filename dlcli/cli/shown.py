"""Tables and bars of what was seen of data, for a terminal of 80 columns."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dlcli.printable import printable

if TYPE_CHECKING:
    from dlcli.pipeline.importance import Importance

BLOCKS = " ▁▂▃▄▅▆▇█"
_WIDE = 10_000


def print_narrow(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    widest: Sequence[int | None],
    numbers: Sequence[int] = (),
    to_stderr: bool = False,
    folded: int | None = None,
) -> None:
    """A table without lines.

    widest: how wide each column may be; longer cells are cut, with a mark. None: as wide as it is.
    numbers: which columns stand at the right. folded: the column whose long cells take more lines.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    console = Console(file=stream, highlight=False, width=_WIDE)
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(header))
    for index, (word, width) in enumerate(zip(header, widest, strict=True)):
        table.add_column(
            Text(printable(word.replace("\n", " "))),
            justify="right" if index in numbers else "left",
            max_width=width,
            no_wrap=index != folded,
            overflow="fold" if index == folded else "ellipsis",
        )
    for row in rows:
        table.add_row(*(Text(printable(cell.replace("\n", " "))) for cell in row))
    console.print(table)


def blocks(counts: Sequence[int]) -> str:
    """A histogram in one line of blocks; what is not empty shows at least the lowest.

    >>> blocks([0, 1, 4, 8])
    ' ▁▄█'
    """
    highest = max(counts, default=0)
    if highest == 0:
        return ""
    return "".join(BLOCKS[-(-8 * count // highest)] for count in counts)


def bar(count: float, most: float, width: int = 24) -> str:
    """A bar of at most `width` blocks; none for what is not above 0.

    >>> bar(5, 10, 8), bar(1, 100, 8), bar(-0.5, 2.0)
    ('████', '▏', '')
    """
    eighths = max(1, round(8 * width * count / most)) if count > 0 and most else 0
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def short(value: float) -> str:
    """A number of a column, in few characters.

    >>> short(3.0), short(0.1234567), short(1234567.0), short(1e300)
    ('3', '0.1235', '1234567', '1e+300')
    """
    if abs(value) < 1e9 and value == int(value):
        return str(int(value))
    return f"{value:.4g}"


_ROOM = 64
"""Columns of a terminal beside the names of runs."""


def show_many(found: Mapping[str, Any], to_stderr: bool = False) -> None:
    """The metrics of each run, with their mean and spread below; as many side by side as there is
    room for."""
    stream = sys.stderr if to_stderr else sys.stdout
    lines = {**found["runs"], "mean": found["mean"], "± spread": found["spread"]}
    left = list(found["mean"])
    while left:
        some = [left.pop(0)]
        while left and sum(max(len(name), 7) + 2 for name in (*some, left[0])) <= _ROOM:
            some.append(left.pop(0))
        rows = [
            (f"  {line}", *(f"{values[name]:.4f}" if name in values else "" for name in some))
            for line, values in lines.items()
        ]
        print(file=stream)
        header = (f"  {found['part']}", *some)
        widths = (14, *(None for _ in some))
        print_narrow(header, rows, widths, range(1, len(header)), to_stderr)


def show_importance(found: "Importance") -> None:
    """The columns, the most important first, with the spread of the repeats and a bar."""
    from dlcli.console import number

    of_one = "" if found.positive is None else f" ({found.positive})"
    times = "one permutation" if found.repeats == 1 else f"{found.repeats:,} permutations"
    print(
        printable(
            f"{found.split}: {found.rows:,} rows, {found.metric}{of_one} {number(found.value)}"
        )
    )
    way = "falls" if found.best == "max" else "rises"
    print(f"how far it {way} when one {found.what} is permuted: mean of {times}, ± spread\n")
    most = max(column.mean for column in found.columns)
    shown = _alike([n for one in found.columns for n in (one.mean, one.std)])
    rows = [
        (one.name, shown(one.mean), f"± {shown(one.std)}", bar(one.mean, most, 20))
        for one in found.ranking
    ]
    print_narrow((found.what, "importance", "", ""), rows, (30, None, None, None), (1, 2))


def _alike(values: Sequence[float]) -> Callable[[float], str]:
    """How to write these numbers, so that they can be compared by looking down a column."""
    largest = max(map(abs, values))
    plain = largest == 0 or 0.001 <= largest < 100_000
    return (lambda value: f"{value:.4f}") if plain else (lambda value: f"{value:.3e}")
