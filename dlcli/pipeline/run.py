"""A new run: the five stages in order: prepare, design, train, evaluate, deploy."""

import time
from collections.abc import Callable
from pathlib import Path

from dlcli.artifacts.run_directory import RunDirectory, check_output, check_run_name
from dlcli.config import LoadedConfig
from dlcli.numerics import PORTABLE, numerics_class
from dlcli.pipeline import prepare, provenance
from dlcli.pipeline.changed_data import write_rows
from dlcli.pipeline.interruption import interruptible
from dlcli.pipeline.job import Job
from dlcli.pipeline.options import Options
from dlcli.pipeline.progress import Reporter
from dlcli.pipeline.provenance import Environment
from dlcli.pipeline.resume import resume
from dlcli.pipeline.stages import last_three_stages

__all__ = ["Options", "resume", "run"]


def run(
    loaded: LoadedConfig,
    source: bytes,
    path: Path,
    options: Options,
    reporter: Reporter,
    claim: Callable[[], RunDirectory] | None = None,
) -> Path:
    """Run all five stages of a config; returns the run directory.

    source: the YAML as written. path: where it lies. claim: makes the directory; by default the
    next free one of the options. Nothing is written before the first two stages have succeeded.
    """
    name = options.name or loaded.name
    check_run_name(name)
    check_output(options.output_dir)
    options.gates.check_known(loaded.config)
    with interruptible("before training began; nothing was written"):
        where = prepare.places(path.parent, options.data_dir)
        _say_class(loaded, reporter)
        began = time.perf_counter()
        job = Job.ready(loaded, where, reporter, gates=options.gates)
        prepared = time.perf_counter() - began
        job.check_gates()
    with interruptible(f"before training began; {options.output_dir} may hold an empty run"):
        directory = claim() if claim else RunDirectory.create(options.output_dir, name)
    with directory.lock():
        with interruptible(f"before training began; {directory.root} can be removed"):
            environment = Environment.new(
                options.command,
                path.absolute(),
                where.data.absolute(),
                options.workers,
                options.overrides,
                job.findings,
            )
            environment.took(provenance.PREPARE, prepared)
            write_rows(directory, job.prepared.brought)
            manifest = provenance.manifest_of(loaded, job.digests)
            manifest = provenance.begin(directory, source, loaded, manifest, environment)
        last_three_stages(directory, job, manifest, environment, options, reporter)
    return directory.root


def _say_class(loaded: LoadedConfig, reporter: Reporter) -> None:
    """Tell those who expect the portable bits, but compute on a machine that has others."""
    if loaded.config.runtime.numerics == "portable" and numerics_class() != PORTABLE:
        reporter.note(
            f"this machine computes in a numerics class of its own, {numerics_class()}: results "
            f"are exact within it, but cannot be compared with those of {PORTABLE}"
        )
