"""What `dlcli init` concluded, in a table on stderr that a person can check."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dlcli.cli.describe import pictures_rows, writing
from dlcli.cli.outcome import tell
from dlcli.cli.shown import print_narrow

if TYPE_CHECKING:
    from dlcli.data.audit import Finding
    from dlcli.data.looking.look import Look
    from dlcli.pipeline.first import First

_MOST_NAMES = 12
_KINDS = {"number": "numbers", "text": "text", "date": "dates"}


def show_concluded(found: "First") -> None:
    """Write the table, and what a person should know below it."""
    notes: tuple[Finding, ...] = ()
    if found.pictures is not None:
        rows = list(pictures_rows(found.pictures))
    elif found.look is not None and found.seen is not None:
        rows = [*writing(found.seen), *_of_table(found.look)]
        notes = found.look.notes
    else:
        rows = list(_of_arrays(found))
    print_narrow(("",) * 3, rows, (12, 26, 38), to_stderr=True, folded=2)
    for note in notes:
        tell(f"note: {note}")


def _of_table(look: "Look") -> Iterator[tuple[str, str, str]]:
    yield "rows", f"{look.rows:,}", ""
    yield "target", look.target, look.target_because
    yield "task", look.task, look.task_because
    features = look.having("feature")
    kinds = Counter(_KINDS[column.facts.kind] for column in features)
    told = ", ".join(f"{count} of {kind}" for kind, count in kinds.items())
    yield "learned from", f"{len(features)} columns", told
    gaps = [column for column in features if column.facts.missing]
    if gaps:
        named = ", ".join(column.name for column in gaps[:4]) + (", ..." if gaps[4:] else "")
        yield "gaps", f"in {len(gaps)} of them", named
    left_out = [*look.having("index"), *look.having("ignored")]
    for column in left_out[:_MOST_NAMES]:
        yield "left out", column.name or "(no name)", column.reason
    if len(left_out) > _MOST_NAMES:
        yield "left out", f"{len(left_out) - _MOST_NAMES} more columns", "see the config"


def _of_arrays(found: "First") -> Iterator[tuple[str, str, str]]:
    pair = found.pair
    assert pair is not None
    shape = " x ".join(map(str, pair.features.shape))
    yield "features", pair.features.name, f"{shape}, {pair.features.dtype}"
    yield "target", pair.target.name, " x ".join(map(str, pair.target.shape))
    if pair.learns_classes:
        yield "task", f"{len(pair.target.classes)} classes", "whole numbers that come again"
    else:
        yield "task", "regression", "numbers"
    if pair.image:
        yield "rows", "images", "height and width, and channels if there are any"
