"""`dlcli reproduce`: a proof that a result comes out again."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlcli.cli.options import (
    DataDir,
    Debug,
    Json,
    Quiet,
    Verbose,
    Workers,
    check_noise,
    choose_recorded_numerics,
    default_workers,
    reporter_of,
    require_run,
    say,
)
from dlcli.cli.outcome import print_json
from dlcli.cli.summarized import SummaryFile, summarized
from dlcli.errors import DiffersError

if TYPE_CHECKING:
    from dlcli.pipeline.job_summary import JobSummary
    from dlcli.pipeline.progress import Reporter


def reproduce(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run directory, or a manifest.json alone.")
    ],
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Stop after N epochs: a cheap proof.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            min=0.0,
            help="Accept metrics within this relative difference instead of equal bits.",
        ),
    ] = None,
    data_dir: DataDir = None,
    workers: Workers = None,
    summary: SummaryFile = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Train the recorded config again, and compare bit for bit.

    It trains in a fresh place.

    Exit 0: identical. Exit 10: differs, with the first differing epoch and tensor and the likely
    cause. Exit 11: another numerics class, not comparable. The original is never touched.
    """
    check_noise(quiet, verbose)
    with summarized(summary, "reproduce", run) as page:
        reporter = partial(reporter_of, quiet, verbose)
        _reproduce(
            run, epochs, tolerance, data_dir, workers or default_workers(), reporter, page, json
        )


def _reproduce(
    run: Path,
    epochs: int | None,
    tolerance: float | None,
    data_dir: Path | None,
    workers: int,
    reporter: Callable[[], "Reporter"],
    page: "JobSummary | None",
    json: bool,
) -> None:
    choose_recorded_numerics(require_run(run))
    from dlcli.artifacts.run_directory import is_many
    from dlcli.pipeline.many_plan import each_run
    from dlcli.pipeline.reproduce import reproduce as again

    several = is_many(run)
    told: dict[str, dict[str, Any]] = {}
    same: dict[str, str] = {}
    for name, place in each_run(run) if several else [("", run)]:
        try:
            found = again(place, epochs, tolerance, data_dir, workers, reporter())
        except DiffersError as error:
            if page is not None:
                page.reproduced(same)
                page.first_difference(name, error)
            raise
        told[name], same[name] = found.to_json(), found.describe()
        if not json:
            say(f"{name}: {same[name]}" if several else same[name])
    if page is not None:
        page.reproduced(same)
    if json:
        print_json({"runs": told} if several else told[""])
