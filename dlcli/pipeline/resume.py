"""Going on with an interrupted run: only if config, data and class are those it began with."""

import os
from dataclasses import replace
from pathlib import Path

from dlcli.artifacts.digests import digest_document
from dlcli.artifacts.manifest import GOES_ON_FROM, SCHEMA, Manifest, read_manifest
from dlcli.artifacts.run_directory import (
    CHECKPOINTS,
    CONFIG,
    MANIFEST,
    RESOLVED_CONFIG,
    ROWS,
    RunDirectory,
)
from dlcli.artifacts.verification import check_file
from dlcli.config import LoadedConfig
from dlcli.data.places import Places
from dlcli.errors import ArtifactError, NotComparableError, UsageError
from dlcli.numerics import numerics_class
from dlcli.pipeline import prepare, provenance
from dlcli.pipeline.changed_data import check_against, require_same_data, write_rows
from dlcli.pipeline.compare import differences
from dlcli.pipeline.edits import tell_of_edits
from dlcli.pipeline.extend import epochs_of, extend, finish_config, require_not_ended, with_epochs
from dlcli.pipeline.interruption import interruptible
from dlcli.pipeline.job import Job
from dlcli.pipeline.options import Options
from dlcli.pipeline.progress import Reporter
from dlcli.pipeline.provenance import Environment
from dlcli.pipeline.stages import last_three_stages


def resume(path: Path, options: Options, reporter: Reporter) -> Path:
    """Go on with an interrupted run from its last checkpoint, on its own resolved config.

    With `options.epochs`, also with a finished one, which then gets so many epochs.
    """
    directory = RunDirectory.open(path)
    with directory.lock():
        recorded = _recorded(directory)
        wanted = options.epochs
        is_complete = recorded is not None and recorded.status == "complete"
        if recorded and is_complete and wanted in (None, epochs_of(recorded)):
            directory.remove_strays()  # of an extension that was killed as it began
            reporter.note(_complete(recorded))
            return directory.root
        with interruptible("before training went on; the run is as it was", directory.root):
            if recorded is not None:
                recorded = finish_config(directory, recorded)
            loaded = _own_config(directory, recorded)
            if recorded is not None:
                _require_same_class(recorded)
            environment = Environment.read(directory)
            longer = wanted is not None and wanted != loaded.config.training.epochs
            if longer and wanted is not None:
                loaded = with_epochs(directory, loaded, recorded, wanted)
            tell_of_edits(directory, environment, loaded, reporter)
            options.gates.check_known(loaded.config)
            where = _places(directory, environment, options)
            if recorded is None:
                job = Job.ready(loaded, where, reporter, gates=options.gates)
            else:
                check = check_against(recorded, directory)
                job = Job.ready(loaded, where, reporter, check, options.gates)
                require_same_data(recorded, job.digests)
            job.check_gates()
            if longer and recorded is not None:
                require_not_ended(directory, recorded, job)
        with interruptible("as training was about to go on", directory.root):
            if not directory.path(ROWS).exists():
                write_rows(directory, job.prepared.brought)
            manifest = _versions_joined(recorded, loaded, job, reporter)
            if longer and recorded is not None:
                manifest = extend(directory, manifest, job)
                environment = Environment.read(directory)
            elif manifest != recorded:
                manifest = provenance.write_first_manifest(directory, manifest)
            if not is_complete:
                environment.resumed(options.workers)
                environment.write(directory)
        last_three_stages(directory, job, manifest, environment, options, reporter)
    return directory.root


def _recorded(directory: RunDirectory) -> Manifest | None:
    """The manifest, or None where the run was killed before it was written."""
    if directory.path(MANIFEST).exists():
        manifest = read_manifest(directory.path(MANIFEST))
        if manifest.status == "complete":
            return manifest
        if manifest.schema < GOES_ON_FROM:
            raise ArtifactError(
                f"{directory.root} was begun by an earlier version of dlcli (schema "
                f"{manifest.schema} of the manifest, here it is {SCHEMA}); finish it with that "
                f"version ({manifest.versions.get('dlcli')}), or train again",
                file=directory.root,
            )
        return replace(manifest, schema=SCHEMA)
    if directory.path(CHECKPOINTS).exists():
        raise ArtifactError(
            f"{directory.path(MANIFEST)} is missing, but there are checkpoints; restore it from "
            "a copy of the run, or train again",
            file=directory.path(MANIFEST),
        )
    return None


def _own_config(directory: RunDirectory, recorded: Manifest | None) -> LoadedConfig:
    """The resolved config, which must be the one that the run began with, to the byte."""
    path = directory.path(RESOLVED_CONFIG)
    try:
        loaded = provenance.recorded_config(directory)
    except UsageError as error:
        raise ArtifactError(
            f"{path} is missing, damaged or was edited: {error}", file=path
        ) from None
    if recorded is not None:
        require_same_config(directory, loaded, recorded)
        for name in (RESOLVED_CONFIG, CONFIG):
            check_file(directory, recorded, name)
    return loaded


def _places(directory: RunDirectory, environment: Environment, options: Options) -> Places:
    """Where the data is looked for: unless somebody says otherwise now, where it was found."""
    data_dir = options.data_dir
    if data_dir is None and not os.environ.get("DLCLI_DATA_DIR"):
        data_dir = environment.data_dir
    return prepare.places(environment.config_folder, data_dir, directory.root)


def _complete(recorded: Manifest) -> str:
    """What to tell of a run that is complete."""
    told = "this run is complete already; there is nothing to resume"
    if len(recorded.epochs) != epochs_of(recorded):  # something else has ended it
        return told
    return (
        f"{told}. To train on, give more epochs than {len(recorded.epochs)}: "
        "--set training.epochs=N"
    )


def _versions_joined(
    recorded: Manifest | None, loaded: LoadedConfig, job: Job, reporter: Reporter
) -> Manifest:
    """The manifest of the run so far, with the versions that it goes on with."""
    if recorded is None:
        return provenance.manifest_of(loaded, job.digests)
    versions = provenance.joined_versions(recorded.versions)
    if versions == recorded.versions:
        return recorded
    changed = "; ".join(differences(dict(recorded.versions), provenance.versions()))
    reporter.note(f"the versions changed since this run began, and its manifest says so: {changed}")
    return replace(recorded, versions=versions)


def require_same_config(directory: RunDirectory, loaded: LoadedConfig, recorded: Manifest) -> None:
    """ArtifactError naming what differs from the config that the run began with."""
    if digest_document(loaded.resolved()) != recorded.config_digest:
        changed = "\n  ".join(differences(recorded.config, loaded.resolved()))
        raise ArtifactError(
            f"{directory.path(RESOLVED_CONFIG)} was edited since the run began:\n  {changed}\n"
            "Undo the edit to resume, or train the new config as a run of its own",
            file=directory.path(RESOLVED_CONFIG),
        )


def _require_same_class(recorded: Manifest) -> None:
    if numerics_class() != recorded.numerics_class:
        raise NotComparableError(
            f"the run was trained in the numerics class {recorded.numerics_class}, this process "
            f"computes in {numerics_class()}: going on would mix two kinds of bits. Resume on a "
            "machine of the first class, or train anew"
        )
