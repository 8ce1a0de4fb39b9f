"""`dlcli describe`: what a file of data holds."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcli import numerics
from dlcli.cli.options import Debug, Json, say
from dlcli.cli.outcome import print_json
from dlcli.errors import UsageError, reason

if TYPE_CHECKING:
    from dlcli.data.looking.arrays import ArraysLook
    from dlcli.data.looking.gathering import Facts
    from dlcli.data.looking.look import Survey
    from dlcli.data.looking.pictures import PicturesLook
    from dlcli.pipeline.describe import Description

DataFile = Annotated[
    Path,
    typer.Argument(metavar="DATA", help="A CSV, .npy, .npz or IDX file, or a folder of pictures."),
]
Target = Annotated[
    str | None,
    typer.Option("--target", metavar="COLUMN", help="The column to learn; default: the last."),
]
_MOST_COLUMNS = 40
_MOST_CLASSES = 20
_SIGNS = {"\t": "tab", "blanks": "blanks"}


def describe(
    data: DataFile, target: Target = None, json: Json = False, debug: Debug = False
) -> None:
    """Show what a table or arrays hold: columns, gaps, target."""
    require_data(data)
    numerics.choose("portable")
    from dlcli.data.looking.arrays import ArraysLook
    from dlcli.data.looking.pictures import PicturesLook
    from dlcli.pipeline.describe import as_json
    from dlcli.pipeline.describe import describe as look

    found = look(data, target)
    if json:
        print_json(as_json(found))
    elif isinstance(found, ArraysLook):
        _show_arrays(found)
    elif isinstance(found, PicturesLook):
        _show_pictures(found)
    else:
        _show(found)


def require_data(data: Path) -> None:
    """UsageError where there is no file, and no folder, of that name."""
    try:
        if data.is_file() or data.is_dir():
            return
        there = data.exists()
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise UsageError(f"{data}: cannot look at it: {why}", file=data) from None
    words = "it is no file" if there else "there is no such file"
    raise UsageError(
        f"{data}: {words}; give a CSV, .npy, .npz or IDX file, or a folder of pictures", file=data
    )


def _show(found: "Description") -> None:
    from dlcli.cli.shown import blocks, print_narrow

    gathered = found.seen.gathered
    named = [j for j, facts in enumerate(gathered.columns) if facts.name]
    say(f"{found.seen.path}: {gathered.rows:,} rows, {len(named)} columns\n")
    rows = []
    for j in named[:_MOST_COLUMNS]:
        facts = gathered.columns[j]
        more = "" if facts.is_exact else ">"
        distinct = f"{more}{facts.distinct:,}"
        missing = f"{facts.missing:,}" if facts.missing else ""
        values = _values(facts)
        rows.append(
            (facts.name, facts.kind, missing, distinct, values, blocks(found.histograms[j]))
        )
    header = ("column", "kind", "missing", "distinct", "values", "")
    print_narrow(header, rows, (16, None, None, None, 24, None), (2, 3))
    if len(named) > _MOST_COLUMNS:
        say(f"... and {len(named) - _MOST_COLUMNS:,} more columns; --json lists all")
    _show_target(found)
    _show_writing(found)
    if found.nothing:
        say(f"\nno target: {found.nothing}")
    if found.findings:
        say("\nworth a look")
        for finding in found.findings:
            say(f"  {finding.told()}")


def _values(facts: "Facts") -> str:
    from dlcli.cli.shown import short

    if facts.low is not None and facts.high is not None:
        if facts.low == facts.high:
            return short(facts.low)
        return f"{short(facts.low)} to {short(facts.high)}"
    return ", ".join(cell for cell, _ in facts.counts[:4])


def _show_target(found: "Description") -> None:
    from dlcli.cli.shown import bar, print_narrow, short

    look, facts = found.look, found.target
    if look is None or facts is None:
        return
    say(f"\ntarget {look.target!r} ({look.target_because}): {look.task}, {look.task_because}")
    if look.learns_classes:
        counts = facts.counts[:_MOST_CLASSES]
        bins = [(cell, count) for cell, count in counts]
    else:
        place = next(j for j, one in enumerate(found.seen.gathered.columns) if one is facts)
        parts = found.histograms[place]
        assert facts.low is not None and facts.high is not None
        step = (facts.high - facts.low) / len(parts)
        bins = [(f"from {short(facts.low + step * k)}", count) for k, count in enumerate(parts)]
    most = max((count for _, count in bins), default=0)
    total = look.rows - facts.missing
    rows = [
        (f"  {name}", f"{count:,}", f"{100 * count / total:.1f} %", bar(count, most))
        for name, count in bins
    ]
    print_narrow(("",) * 4, rows, (26, None, None, None), (1, 2))
    if look.learns_classes and facts.distinct > _MOST_CLASSES:
        say(f"  ... and {facts.distinct - _MOST_CLASSES:,} more classes")


def _show_writing(found: "Description") -> None:
    from dlcli.cli.shown import print_narrow

    say("\nhow it is written")
    rows = [(f"  {word}", value, why) for word, value, why in writing(found.seen)]
    print_narrow(("",) * 3, rows, (12, 26, 38), folded=2)


def writing(seen: "Survey") -> list[tuple[str, str, str]]:
    """How a table is written: option, value, reason."""
    format, reasons = seen.written.format, seen.written.reasons
    marks = dict.fromkeys(mark for column in seen.gathered.columns for mark in column.marks)
    header = "yes" if seen.header else "no: column_1, column_2, ..."
    found = [
        ("delimiter", _SIGNS.get(format.delimiter, format.delimiter), reasons.get("delimiter", "")),
        ("header", header, reasons.get("header", "")),
    ]
    if "quote" in reasons:
        found.append(("quote", format.quote, reasons["quote"]))
    if "decimal" in reasons:
        found.append(("decimal", format.decimal, reasons["decimal"]))
        if format.thousands:
            found.append(("thousands", format.thousands, ""))
    if format.comment:
        found.append(("comment", format.comment, reasons.get("comment", "")))
    if marks:
        found.append(("missing", ", ".join(marks), "beside the usual marks, among numbers"))
    return found


def _show_arrays(found: "ArraysLook") -> None:
    from dlcli.cli.shown import bar, print_narrow, short

    say(f"{found.path}: {found.kind}\n")
    rows = []
    for one in found.arrays:
        shape = " x ".join(map(str, one.shape)) or "one number"
        nothing = one.low != one.low
        span = "no finite number" if nothing else f"{short(one.low)} to {short(one.high)}"
        odd = f"{one.odd:,}" if one.odd else ""
        rows.append((one.name, shape, one.dtype, span, odd))
    header = ("array", "shape", "type", "values", "not finite")
    print_narrow(header, rows, (24, None, None, 30, None), (4,))
    for one in found.arrays:
        if not one.classes or len(one.classes) > _MOST_CLASSES:
            continue
        say(f"\nwhole numbers of {one.name}")
        most = max(count for _, count in one.classes)
        bars = [(f"  {label}", f"{count:,}", bar(count, most)) for label, count in one.classes]
        print_narrow(("",) * 3, bars, (20, None, None), (0, 1))


def _show_pictures(found: "PicturesLook") -> None:
    from dlcli.cli.shown import bar, print_narrow

    say(f"{found.path}: {found.count:,} pictures\n")
    print_narrow(("",) * 3, list(pictures_rows(found)), (12, 40, 26))
    if len(found.classes) > _MOST_CLASSES:
        return
    say("\nclasses")
    most = max(count for _, count in found.classes)
    bars = [(f"  {name}", f"{count:,}", bar(count, most)) for name, count in found.classes]
    print_narrow(("",) * 3, bars, (20, None, None), (0, 1))


def pictures_rows(look: "PicturesLook") -> Iterator[tuple[str, str, str]]:
    """What is known of a folder of pictures, in lines."""
    parts = ", ".join(f"{role} {count:,}" for role, count in look.parts if role != "all")
    yield "pictures", f"{look.count:,}", parts
    counts = [count for _, count in look.classes]
    each = f"{min(counts):,} to {max(counts):,}" if min(counts) < max(counts) else f"{counts[0]:,}"
    pictures = "picture" if each == "1" else "pictures"
    yield "task", f"{len(look.classes):,} classes", f"{each} {pictures} of each"
    (height, width), _ = look.sizes[0]
    more = f" and {len(look.sizes) - 1:,} more" if len(look.sizes) > 1 else ""
    bits = ", 16 bits" if look.deep else ", 8 and 16 bits" if look.mixed else ""
    yield "pixels", f"{height} x {width}{more}", ("grey" if look.grey else "in colors") + bits
    if look.unreadable:
        yield "unreadable", f"{look.unreadable:,} of those looked at", "left out: `errors: skip`"
