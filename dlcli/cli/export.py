"""`dlcli export`: a trained network in another format, proved."""

from pathlib import Path
from typing import Annotated, Any

import typer

from dlcli.cli.options import (
    DataDir,
    Debug,
    Json,
    choose_numerics_of_bundle,
    choose_recorded_numerics,
    print_path,
    require_run,
)
from dlcli.cli.outcome import print_json
from dlcli.errors import DlcliError, UsageError


def export(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="A run directory; with --output, also a bundle: its folder, or a .pyz.",
        ),
    ],
    formats: Annotated[
        list[str],
        typer.Option(
            "--format", metavar="FORMAT", help="A word of deployment.formats; repeatable."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="DIR", help="Write DIR/FORMAT/ and leave the run as it is."
        ),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a trained network in more formats, each one proved.

    The proof is made beside the engine.
    Prints the folders: deploy/FORMAT/ of the run, which lists them afterwards.
    """
    kinds = _known(formats)
    is_run = _is_run(require_run(run))
    if is_run:
        choose_recorded_numerics(run)
    elif output is None:
        raise UsageError(
            f"{run} is no run directory; what is made of a bundle needs a place: --output DIR",
            file=run,
        )
    else:
        choose_numerics_of_bundle(run)
    from dlcli.console import ConsoleReporter
    from dlcli.pipeline import export as exports
    from dlcli.pipeline.many_plan import refuse_many

    refuse_many(run, "export")
    told: dict[str, Any] = {"run": str(run.resolve()), "formats": []}
    try:
        for one in exports.export(run, kinds, output, data_dir, ConsoleReporter(), is_run=is_run):
            told["formats"].append(one.to_json())
            if not json:
                print_path(one.folder)
    except DlcliError as error:
        error.result = told if told["formats"] else {}  # these are written, and stay
        raise
    if json:
        print_json(told)


def _known(formats: list[str]) -> list[str]:
    """The words, each once; UsageError for one that no format has."""
    from dlcli.config.absent import unknown
    from dlcli.config.deployment import DEPLOYMENT_FORMATS

    for word in formats:
        if word not in DEPLOYMENT_FORMATS:
            raise UsageError(f"--format: {unknown('deployment format', word, DEPLOYMENT_FORMATS)}")
    return list(dict.fromkeys(formats))


def _is_run(path: Path) -> bool:
    """Whether a run, or several, may lie there: what is no bundle is refused as no run."""
    from dlcli.deploy.places import place_of

    return path.is_dir() and not place_of(path).has("model.json")
