"""`dlcli runs`: the runs of a directory side by side, one of them, and their removal.

`dlcli runs` alone, or with a directory, is `dlcli runs list`; a directory that is called like one
of the commands is given to `list` by name: `dlcli runs list show`.
"""

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from dlcli import numerics
from dlcli.cli.options import Debug, Json, RunArgument, say
from dlcli.cli.outcome import finite, print_json
from dlcli.errors import ArtifactError, UsageError
from dlcli.nearest import nearest
from dlcli.printable import printable

if TYPE_CHECKING:
    from dlcli.pipeline.removing import Removed
    from dlcli.pipeline.seen import Seen
    from dlcli.pipeline.settings import Setting

_ROOM = 80
"""Columns of what is no terminal."""
_LONGEST_NAME = 28
_LONGEST_VALUE = 16
_MOST_TOLD = 10
_GAP = 2
_NARROWEST = 4
_SHOWN_ANYWAY = ("name", "training.epochs")
"""Settings that other columns of the table tell."""

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The directory that runs are in.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")]


class RunsGroup(TyperGroup):
    """Takes what is none of its commands for the words of `list`, unless it is a slip of one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, "-h", "--help"):
            slip = bool(args) and nearest(args[0], self.commands) is not None
            if not slip or os.path.lexists(args[0]):
                args = ["list", *args]
        return super().parse_args(ctx, args)


def list_runs(
    folder: Folder = Path("runs"),
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort", metavar="METRIC", help="Best first; or name (default), age, epochs, status."
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", metavar="GATE", help="Only these: 'val_accuracy>=0.9'; repeatable."
        ),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Every metric and setting, as CSV.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show runs side by side: status, epochs, metrics, and the settings that differ.

    Metrics are those of the epoch whose weights are kept, of an unfinished run those of its last;
    test_... are the test part's. `dlcli runs` alone does the same.
    """
    if csv and json:
        raise UsageError("give --csv or --json, not both")
    numerics.choose("portable")
    from dlcli.pipeline.ranking import canonical, check_sortable, chosen, ranked
    from dlcli.pipeline.seen import look_into
    from dlcli.pipeline.settings import differing

    everything = look_into(folder)
    found, asked = chosen(everything, where or ())
    if sort is not None:
        check_sortable(everything, sort)
        found = ranked(found, sort)
        asked.insert(0, canonical(sort))
    known = [run.settings for run in found if run.settings is not None]
    differ = differing(known) if len(known) > 1 else []
    if json:
        names = [one.name for one in differ]
        runs = [{**run.to_json(), "settings": _of(run, names)} for run in found]
        print_json({"folder": str(folder), "settings": names, "runs": runs})
    elif csv:
        _print_csv(found, [one.name for one in differ])
    else:
        _show_list(found, differ, asked)
        if not found:
            say(f"{folder}: no run" + (" is like that" if everything else " is there"))


def _of(run: "Seen", names: Sequence[str]) -> dict[str, Any]:
    """Those of these settings that a run has."""
    settings = run.settings or {}
    return {name: settings[name] for name in names if name in settings}


def _print_csv(runs: Sequence["Seen"], names: Sequence[str]) -> None:
    """A line a run; what is not known is an empty cell."""
    import csv
    import sys

    from dlcli.pipeline.settings import told

    metrics = list(dict.fromkeys(name for run in runs for name in run.metrics))
    facts = ("run", "status", "epochs", "planned_epochs", "kept_epoch", "started", "problem")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([printable(word) for word in (*facts, *metrics, *names)])
    for run in runs:
        document, settings = finite(run.to_json()), run.settings or {}
        cells = [document.get(fact) for fact in facts]
        cells += [document["metrics"].get(name) for name in metrics]
        cells += [told(settings[name]) if name in settings else None for name in names]
        writer.writerow(["" if cell is None else printable(str(cell)) for cell in cells])


def _show_list(runs: Sequence["Seen"], differ: Sequence["Setting"], asked: Sequence[str]) -> None:
    from dlcli.cli.shown import print_narrow
    from dlcli.pipeline.settings import ABSENT, short_names, told

    if not runs:
        return
    told_settings = [one for one in differ if one.name not in _SHOWN_ANYWAY]
    metrics = _columns_of_metrics(runs, asked)
    now = time.time()
    columns: list[tuple[str, list[str]]] = [
        ("run", [_cut(printable(run.name), _LONGEST_NAME) for run in runs]),
        ("status", [run.status for run in runs]),
        ("epochs", [_epochs(run) for run in runs]),
    ]
    age = ("age", [_age(run.started, now) for run in runs])
    left = shutil.get_terminal_size((_ROOM, 24)).columns + _GAP  # none behind the last one
    left -= sum(_width(column) for column in (*columns, age))
    numbers = [2]
    for name in metrics:
        column = (
            _cut(printable(name), _LONGEST_VALUE + 4),
            [_number(run.metrics.get(name)) for run in runs],
        )
        if _width(column) > left and name not in asked:
            continue
        left -= _width(column)
        numbers.append(len(columns))
        columns.append(column)
    no_room = []
    for one, short in zip(
        told_settings, short_names([one.name for one in told_settings]), strict=True
    ):
        if left < _NARROWEST:
            no_room.append(short)
            continue
        values = [(run.settings or {}).get(one.name, ABSENT) for run in runs]
        cells = [_cut(printable(told(value)), _LONGEST_VALUE) for value in values]
        column = (_cut(printable(short), _LONGEST_VALUE + 4), cells)
        if _width(column) > left:
            no_room.append(short)
            continue
        left -= _width(column)
        columns.append(column)
    columns.append(age)
    numbers.append(len(columns) - 1)
    rows = list(zip(*(cells for _, cells in columns), strict=True))
    print_narrow([word for word, _ in columns], rows, [None] * len(columns), numbers)
    troubled = [run for run in runs if run.problem and run.status != "foreign"]
    lines = [f"{run.name}: {run.problem}" for run in troubled[:_MOST_TOLD]]
    if len(troubled) > _MOST_TOLD:
        lines.append(f"... and {len(troubled) - _MOST_TOLD} more; --json has all")
    if no_room:
        more = f" and {len(no_room) - 5} more" if len(no_room) > 5 else ""
        lines.append(f"they differ in {', '.join(no_room[:5])}{more}, too: see --csv or --json")
    if lines:
        say("")
    for line in lines:
        say(line)


def _columns_of_metrics(runs: Sequence["Seen"], asked: Sequence[str]) -> list[str]:
    """Those that were asked for, then the loss and the first metric, of validation if there is."""
    known = dict.fromkeys(name for run in runs for name in run.metrics)
    validation = [name for name in known if name.startswith("val_")]
    usual = validation or [name for name in known if not name.startswith("test_")]
    loss = [name for name in usual if name in ("val_loss", "loss")]
    others = [name for name in usual if name not in loss]
    return list(dict.fromkeys([*(n for n in asked if n in known), *loss, *others[:1]]))


def _width(column: tuple[str, list[str]]) -> int:
    from rich.cells import cell_len

    word, cells = column
    return max(cell_len(text) for text in (word, *cells)) + _GAP


def _cut(text: str, most: int) -> str:
    from rich.cells import cell_len, set_cell_size

    text = text.replace("\n", " ")
    return text if cell_len(text) <= most else set_cell_size(text, most - 1) + "…"


def _epochs(run: "Seen") -> str:
    if run.runs:
        return f"{len(run.runs)} runs"
    if run.epochs is None:
        return ""
    return f"{run.epochs}" if run.of is None else f"{run.epochs}/{run.of}"


def _number(value: float | None) -> str:
    from dlcli.console import number

    return "" if value is None else number(value)


def _age(started: float | None, now: float) -> str:
    """How long ago a run was begun, in one unit.

    >>> [_age(0.0, seconds) for seconds in (-5, 59, 60, 7200, 200_000, 9e7)]
    ['0 s', '59 s', '1 min', '2 h', '2 d', '2 y']
    """
    if started is None:
        return ""
    seconds = max(0, int(now - started))
    for length, unit in ((31_557_600, "y"), (86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def show(run: RunArgument, json: Json = False, debug: Debug = False) -> None:
    """Show one run: its state, its metrics by part, what it was made from and with."""
    numerics.choose("portable")
    from dlcli.artifacts.run_directory import RunDirectory, is_many
    from dlcli.pipeline.seen import look

    root = Path(run).resolve() if is_many(Path(run)) else RunDirectory.open(run).root
    seen = look(root)
    if seen.status == "foreign":
        raise UsageError(f"{run} is no run directory of dlcli", file=run)
    if seen.status == "damaged":
        error = ArtifactError(
            f"{run} is damaged: {seen.problem}; `dlcli verify {run}` checks every file", file=run
        )
        error.result = seen.to_json()
        raise error
    if json:
        print_json({**seen.to_json(), "settings": seen.settings, "data": dict(seen.data)})
        return
    _show_one(seen)


def _show_one(seen: "Seen") -> None:
    from dlcli.cli.shown import print_narrow

    began = None if seen.started is None else time.localtime(seen.started)
    facts: list[tuple[str, str]] = [("status", seen.status)]
    if began is not None:
        ago = _age(seen.started, time.time())
        facts.append(("begun", f"{time.strftime('%Y-%m-%d %H:%M:%S', began)}, {ago} ago"))
    if seen.epochs is not None and not seen.runs:
        kept = f", kept: epoch {seen.kept}" if seen.kept and seen.status == "complete" else ""
        facts.append(("epochs", f"{_epochs(seen)}{kept}"))
    settings = seen.settings or {}
    for name in ("data.source.type", "loss.type", "optimizer.type", "optimizer.learning_rate"):
        if name in settings:
            from dlcli.pipeline.settings import told

            facts.append((name.removesuffix(".type").rpartition(".")[2], told(settings[name])))
    facts += [(f"digest of {role}", digest[:16]) for role, digest in seen.data.items()]
    say(f"{seen.path}\n")
    print_narrow(("", ""), facts, (40, None))
    if seen.problem:
        say(f"\n{seen.problem}")
    if seen.runs:
        say("")
        from dlcli.pipeline.settings import differing

        _show_list(seen.runs, differing([one.settings for one in seen.runs if one.settings]), ())
    names = dict.fromkeys(n.removeprefix("val_").removeprefix("test_") for n in seen.metrics)
    if names:
        say("")
        rows = [
            (name, *(_number(seen.metrics.get(part + name)) for part in ("", "val_", "test_")))
            for name in names
        ]
        header = ("mean of all" if seen.runs else "metric", "train", "validation", "test")
        print_narrow(header, rows, (40, None, None, None), (1, 2, 3))


def rm(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.")],
    dry_run: DryRun = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Remove runs; asks nothing. Refuses what dlcli did not make, and runs at work (exit 5).

    All are looked at before the first is removed. `latest` then points at the newest run left.
    """
    numerics.choose("portable")
    from dlcli.pipeline.removing import remove

    removed = remove(runs, dry_run)
    if json:
        print_json({"dry_run": dry_run, "removed": [one.to_json() for one in removed]})
        return
    _show_removed(removed, dry_run)


def prune(
    keep_best: Annotated[
        int, typer.Option("--keep-best", min=1, metavar="N", help="How many runs stay.")
    ],
    folder: Folder = Path("runs"),
    by: Annotated[
        str, typer.Option("--by", metavar="METRIC", help="Which is compared.")
    ] = "val_loss",
    dry_run: DryRun = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Remove the complete runs but for the N best; asks nothing, --dry-run tells.

    Compared are runs on the same data and, by a loss, with the same loss: of each such kind the N
    best stay. Runs that are not complete, or have no such metric, are left alone.
    """
    numerics.choose("portable")
    from dlcli.pipeline.ranking import canonical
    from dlcli.pipeline.removing import prune as keep_the_best

    done = keep_the_best(folder, keep_best, canonical(by), dry_run)
    if json:
        print_json({"dry_run": dry_run, **done.to_json()})
        return
    _show_removed(done.removed, dry_run)
    for path in done.kept:
        say(f"kept {path}")
    for path, why in done.skipped:
        say(f"left alone {path}: {why}")


def _show_removed(removed: Sequence["Removed"], dry: bool) -> None:
    verb = "would remove" if dry else "removed"
    for one in removed:
        say(f"{verb} {one.path} ({one.files:,} files, {one.bytes:,} bytes)")
