"""`dlcli train`: all five stages of a config, or the rest of an interrupted run."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dlcli import numerics
from dlcli.cli.options import (
    DataDir,
    Debug,
    Expect,
    Json,
    Overrides,
    Quiet,
    Verbose,
    Workers,
    check_noise,
    choose_recorded_numerics,
    default_workers,
    print_path,
    reporter_of,
    require_run,
)
from dlcli.cli.outcome import print_json
from dlcli.cli.summarized import SummaryFile, summarized
from dlcli.errors import UsageError


def train(
    config: Annotated[Path | None, typer.Argument(metavar="CONFIG", help="A YAML file.")] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Go on with an interrupted run; with --set training.epochs=N, also with a "
            "finished one.",
        ),
    ] = None,
    output_dir: Annotated[
        Path | None, typer.Option("--output-dir", help="Where run directories go; default: runs.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="The run's name; default: the config's.")
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds", min=2, max=1000, metavar="K", help="K runs, each tested by another fold."
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds", min=2, max=1000, metavar="N", help="N runs, each from another seed."
        ),
    ] = None,
    overrides: Overrides = None,
    expect: Expect = None,
    data_dir: DataDir = None,
    workers: Workers = None,
    summary_file: SummaryFile = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Train a network from a YAML file, through all five stages.

    Prints the run directory's path on stdout; progress goes to stderr.
    """
    check_noise(quiet, verbose)
    with summarized(summary_file, "train", resume or config or Path()) as page:
        began = time.perf_counter()
        epochs: int | None = None
        if folds is not None and seeds is not None:
            raise UsageError("give --folds or --seeds, not both")
        if resume is not None and (folds is not None or seeds is not None):
            raise UsageError(
                "--resume goes on with what a directory holds: give no --folds or --seeds"
            )
        if resume is not None:
            if config is not None:
                raise UsageError("--resume goes on with the run's own config: give no CONFIG")
            epochs = _epochs(overrides or ())
            if output_dir is not None or name is not None:
                raise UsageError(
                    "--resume goes on in the run's own directory: give no --output-dir and no "
                    "--name"
                )
            _choose_numerics_of(require_run(resume))
        elif config is None:
            raise UsageError("give a CONFIG to train, or --resume RUN to go on with a run")
        else:
            from dlcli.cli.configs import load_config

            loaded = load_config(config, overrides or ())
            numerics.choose(loaded.config.runtime.numerics)

        from dlcli.artifacts.run_directory import is_many
        from dlcli.cli.signals import watch_signals
        from dlcli.pipeline import run
        from dlcli.pipeline.gates import Gates

        gates, reporter = Gates(expect or ()), reporter_of(quiet, verbose)
        with watch_signals() as signals:
            options = run.Options(
                workers=workers or default_workers(),
                data_dir=data_dir,
                output_dir=output_dir or Path("runs"),
                name=name,
                command=tuple(sys.argv),
                overrides=tuple(overrides or ()),
                epochs=epochs,
                stop=signals,
                patience=signals.patience,
                gates=gates,
            )
            several = is_many(resume) if resume is not None else bool(folds or seeds)
            if several:
                from dlcli.pipeline.many import resume_many, summary_of, train_many
                from dlcli.pipeline.many_plan import Plan
            if resume is not None:
                go_on = resume_many if several else run.resume
                path = go_on(resume, options, reporter)
            elif several:
                assert config is not None
                source, known = loaded.document.source, options.overrides
                plan = (
                    Plan.of_folds(folds, known, config.name)
                    if folds is not None
                    else Plan.of_seeds(loaded.config.seed, seeds or 0, known, config.name)
                )
                path = train_many(plan, source, config.absolute(), options, reporter)
            else:
                assert config is not None
                source = loaded.document.source
                path = run.run(loaded, source, config.absolute(), options, reporter)
            if gates and not gates.judged and not several:  # the run was complete already
                from dlcli.pipeline.finished import evaluate_run

                evaluate_run(path, None, data_dir, options.workers, gates, reporter)
        from dlcli.pipeline.summary import summary

        if page is not None:
            if several:
                page.several(summary_of(path))
            else:
                ended = summary(path)
                page.run(ended["run"], ended["epochs"], ended["kept_epoch"])
                page.results(ended["metrics"])
            page.gates(gates)
        if not json:
            if several and not quiet:
                from dlcli.cli.shown import show_many

                show_many(summary_of(path), to_stderr=True)
            print_path(path)
            gates.require_met()
            if gates:
                reporter.say(gates.told())
            return
        seconds = round(time.perf_counter() - began, 3)
        told = {"run": str(path), **summary_of(path)} if several else summary(path)
        document = {**told, "seconds": seconds, **gates.to_json()}
        gates.require_met(document)
        print_json(document)


def _epochs(overrides: Sequence[str]) -> int | None:
    """The number of epochs that a run is to have in all, where one is given; nothing else of its
    config can change."""
    for option in overrides:
        key, _, value = option.partition("=")
        digits = value.strip()
        if key.strip() != "training.epochs" or not digits.isdecimal() or len(digits) > 9:
            raise UsageError(
                f"--set {option}: --resume goes on with the run's own config, of which only the "
                "number of epochs may grow: --set training.epochs=N"
            )
    return int(overrides[-1].partition("=")[2]) if overrides else None


def _choose_numerics_of(run: Path) -> None:
    """Pin the numerics of an interrupted run, also where it was killed before its manifest."""
    from dlcli.artifacts.reading import read_bytes
    from dlcli.config import LARGEST_RECORDED, load_recorded

    path = run / "config.resolved.yaml"
    if (run / "manifest.json").exists() or not path.is_file():
        choose_recorded_numerics(run)
        return
    loaded = load_recorded(read_bytes(path, LARGEST_RECORDED), str(path))
    numerics.choose(loaded.config.runtime.numerics)
