"""More epochs for a run: everything but `training.epochs` stays, so that the files become those of
a run that was begun with as many.

The manifest is the commit point. It gets the new config, and for a moment it lists no resolved
config: a resume that finds it so notes the extension in environment.json, writes that file from
the manifest, and lists it again (`finish_config`).
"""

from dataclasses import replace
from typing import Any

from dlcli import builder
from dlcli.artifacts import documents
from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.manifest import GOES_ON_FROM, SCHEMA, Manifest, write_manifest
from dlcli.artifacts.run_directory import (
    CHECKPOINT_INDEX,
    CONFIG,
    RESOLVED_CONFIG,
    RunDirectory,
)
from dlcli.artifacts.verification import check_file
from dlcli.config import LoadedConfig, parse_recorded, text_of
from dlcli.errors import DlcliError, UsageError
from dlcli.pipeline import provenance
from dlcli.pipeline.job import Job
from dlcli.pipeline.provenance import Environment


def epochs_of(recorded: Manifest) -> int | None:
    """How many epochs the run is to have; None where the manifest was put together by hand."""
    training = recorded.config.get("training")
    epochs: Any = training.get("epochs") if isinstance(training, dict) else None
    return epochs if type(epochs) is int else None


def with_epochs(
    directory: RunDirectory, loaded: LoadedConfig, recorded: Manifest | None, epochs: int
) -> LoadedConfig:
    """The run's own config with more epochs; UsageError where that cannot be."""
    now = loaded.config.training.epochs
    if recorded is None:
        raise UsageError(
            f"{directory.root} stopped before it had a manifest; go on with `dlcli train --resume "
            f"{directory.root}` first"
        )
    if recorded.schema < GOES_ON_FROM:
        raise UsageError(
            f"{directory.root} was trained by an earlier version of dlcli (schema "
            f"{recorded.schema} of the manifest), which saved less than is needed to train on"
        )
    if epochs < now:
        raise UsageError(
            f"training.epochs may only grow: the run has {now}, and {epochs} are asked for"
        )
    document = {**recorded.config, "training": {**recorded.config["training"], "epochs": epochs}}
    return parse_recorded(document, str(directory.path(RESOLVED_CONFIG)))


def require_not_ended(directory: RunDirectory, recorded: Manifest, job: Job) -> None:
    """UsageError where the run's end was not decided by `epochs`; ArtifactError where it cannot
    go on from what it has saved. Writes nothing.

    job: designed for the new config.
    """
    rate = job.loaded.config.optimizer.learning_rate
    if not isinstance(rate, float) and builder.schedule(rate).depends_on_length:
        raise UsageError(
            f"the learning rate (`{rate.type}`) falls over the whole run, so a run "
            "of more epochs would have begun otherwise; with `decay_epochs` it would not"
        )
    if recorded.status == "complete":
        check_file(directory, recorded, CHECKPOINT_INDEX)  # it has the digests of the others
    store = Checkpoints(directory)
    checkpoint = store.load()
    if checkpoint is None:
        return
    session = job.session
    session.restore(checkpoint, store.history())
    history, progress = session.history, session.training.progress
    if history.stopped:
        raise UsageError(
            f"early stopping ended this run after epoch {progress.epoch}: more epochs would "
            "not have been trained. For others, change `early_stopping` in a run of its own"
        )
    limit = job.loaded.config.training.max_steps
    if limit is not None and progress.step >= limit:
        raise UsageError(
            f"`max_steps` ended this run after step {progress.step}, so more epochs change "
            "nothing. For more steps, train a run of its own"
        )


def extend(directory: RunDirectory, recorded: Manifest, job: Job) -> Manifest:
    """Make the run one of more epochs that is not finished yet; returns its manifest."""
    manifest = replace(
        recorded,
        config=job.loaded.resolved(),
        epochs=(),
        tensors={},
        files={CONFIG: recorded.files[CONFIG]},
        status="running",
        schema=SCHEMA,
    )
    write_manifest(directory, manifest)
    return finish_config(directory, manifest)


def finish_config(directory: RunDirectory, manifest: Manifest) -> Manifest:
    """Bring the resolved config and environment.json to what the manifest has; a manifest that
    lists its resolved config stays as it is."""
    if RESOLVED_CONFIG in manifest.files or manifest.status == "complete":
        return manifest
    check_file(directory, manifest, CONFIG)
    loaded = parse_recorded(manifest.config, str(directory.path(RESOLVED_CONFIG)))
    before, epochs = _epochs_before(directory), loaded.config.training.epochs
    environment = Environment.read(directory)
    if before is not None and before < epochs and environment.last_extension != (before, epochs):
        environment.extended(before, epochs)
        environment.write(directory)
    documents.write_text(directory, RESOLVED_CONFIG, text_of(loaded.resolved()))
    return provenance.write_first_manifest(directory, manifest)


def _epochs_before(directory: RunDirectory) -> int | None:
    """The epochs that the resolved config has which still lies there."""
    try:
        return provenance.recorded_config(directory).config.training.epochs
    except DlcliError:
        return None
