"""`dlcli runs`: the runs of a directory side by side, one of them, and their removal.

`dlcli runs` alone, or with a directory, is `dlcli runs list`; a directory that is called like one
of the commands is given to `list` by name: `dlcli runs list show`.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from dlcli import numerics
from dlcli.cli.listed import show_list, told_age, told_epochs, told_number
from dlcli.cli.options import Debug, Json, RunArgument, say
from dlcli.cli.outcome import finite, print_json, tell
from dlcli.errors import ArtifactError, UsageError
from dlcli.nearest import nearest
from dlcli.printable import printable

if TYPE_CHECKING:
    from dlcli.pipeline.removing import Removed
    from dlcli.pipeline.seen import Seen

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
            "--sort",
            metavar="METRIC",
            help="Best first, by val_accuracy, test_accuracy, ... (accuracy alone is the training "
            "part's); or name (default), age, epochs, status.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="GATE",
            help="Only these: 'val_accuracy>=0.9', 'test_accuracy>=0.9'; repeatable.",
        ),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Every metric and setting, as CSV.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show runs side by side: status, epochs, metrics, and the settings that differ.

    Metrics are those of the epoch whose weights are kept, of an unfinished run those of its last;
    val_... are the validation part's, test_... the test part's, others the training part's.
    `dlcli runs` alone does the same.
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
    _tell_parts(asked, everything)
    known = [run.settings for run in found if run.settings is not None]
    differ = differing(known) if len(known) > 1 else []
    if json:
        names = [one.name for one in differ]
        runs = [{**run.to_json(), "settings": _of(run, names)} for run in found]
        print_json({"folder": str(folder), "settings": names, "runs": runs})
    elif csv:
        _print_csv(found, [one.name for one in differ])
    else:
        show_list(found, differ, asked)
        if not found:
            say(f"{folder}: no run" + (" is like that" if everything else " is there"))


def _tell_parts(metrics: Sequence[str], runs: Sequence["Seen"]) -> None:
    """Say of which part a metric is that was asked for, where that may be mistaken."""
    from dlcli.pipeline.ranking import told_part

    for metric in dict.fromkeys(metrics):
        words = told_part(metric, runs)
        if words is not None:
            tell(f"note: {words}")


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
        ago = told_age(seen.started, time.time())
        facts.append(("begun", f"{time.strftime('%Y-%m-%d %H:%M:%S', began)}, {ago} ago"))
    if seen.epochs is not None and not seen.runs:
        kept = f", kept: epoch {seen.kept}" if seen.kept and seen.status == "complete" else ""
        facts.append(("epochs", f"{told_epochs(seen)}{kept}"))
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

        show_list(seen.runs, differing([one.settings for one in seen.runs if one.settings]), ())
    names = dict.fromkeys(n.removeprefix("val_").removeprefix("test_") for n in seen.metrics)
    if names:
        say("")
        rows = [
            (name, *(told_number(seen.metrics.get(part + name)) for part in ("", "val_", "test_")))
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
        str, typer.Option("--by", metavar="METRIC", help="Which is compared, as for --sort.")
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
    from dlcli.pipeline.seen import look_into

    _tell_parts([canonical(by)], look_into(folder))
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
