"""`dlcli evaluate`: loss and metrics of a finished run, and gates for CI."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcli.cli.options import (
    DataDir,
    Debug,
    Expect,
    Json,
    Quiet,
    RunArgument,
    Verbose,
    Workers,
    check_noise,
    choose_recorded_numerics,
    default_workers,
    reporter_of,
    require_run,
)
from dlcli.cli.outcome import print_json
from dlcli.cli.summarized import SummaryFile, summarized

if TYPE_CHECKING:
    from dlcli.pipeline.job_summary import JobSummary
    from dlcli.pipeline.progress import Reporter


def evaluate(
    run: RunArgument,
    split: Annotated[
        str | None,
        typer.Option("--split", help="train, validation or test; default: test, else validation."),
    ] = None,
    expect: Expect = None,
    data_dir: DataDir = None,
    workers: Workers = None,
    summary: SummaryFile = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Evaluate a run again, with the bits that training reported. Writes nothing into it."""
    check_noise(quiet, verbose)
    with summarized(summary, "evaluate", run) as page:
        reporter = partial(reporter_of, quiet, verbose)
        _evaluate(
            run, split, expect or (), data_dir, workers or default_workers(), reporter, page, json
        )


def _evaluate(
    run: Path,
    split: str | None,
    expect: Sequence[str],
    data_dir: Path | None,
    workers: int,
    reporter: Callable[[], "Reporter"],
    page: "JobSummary | None",
    json: bool,
) -> None:
    choose_recorded_numerics(require_run(run))
    from dlcli.artifacts.run_directory import is_many
    from dlcli.console import ConsoleReporter
    from dlcli.pipeline.finished import evaluate_run
    from dlcli.pipeline.gates import Gates

    gates = Gates(expect)
    if is_many(run):
        from dlcli.cli.shown import show_many
        from dlcli.pipeline.many import evaluate_many

        found = evaluate_many(run, split, data_dir, workers, gates, reporter())
        if page is not None:
            page.several(found)
            page.gates(gates)
        if not json:
            show_many(found)
        gates.require_met(found)
        if json:
            print_json({**found, **gates.to_json()})
        elif gates:
            reporter().say(gates.told())
        return
    result, subjects = evaluate_run(run, split, data_dir, workers, gates, reporter())
    if page is not None:
        page.results({result["split"]: result})
        page.gates(gates)
    document = {**result, **gates.to_json()}
    if not json:
        ConsoleReporter(to_stdout=True).result(
            f"{result['split']}: {result['rows']:,} rows", result, subjects
        )
    gates.require_met(document)
    if json:
        print_json(document)
    elif gates:
        reporter().say(gates.told())
