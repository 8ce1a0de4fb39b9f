"""More epochs for a run: everything but `training.epochs` stays, so that the files become those of
a run that was begun with as many.

The manifest is the commit point. It gets the new config, and for a moment it lists no resolved
config: a resume that finds it so writes that file from the manifest (`finish_config`).
"""

from dataclasses import replace

from dlcli.artifacts import weights
from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.manifest import SCHEMA, Manifest, record_file, write_manifest
from dlcli.artifacts.run_directory import CONFIG, RESOLVED_CONFIG, RunDirectory
from dlcli.config import LoadedConfig, parse_recorded, text_of
from dlcli.errors import UsageError
from dlcli.pipeline import record
from dlcli.pipeline.stages import Ready


def with_epochs(directory: RunDirectory, recorded: Manifest | None, epochs: int) -> LoadedConfig:
    """The run's config with more epochs; UsageError where that cannot be."""
    if recorded is None:
        raise UsageError(
            f"{directory.root} stopped before it had a manifest; go on with `dlcli train --resume "
            f"{directory.root}` first",
            file=directory.root,
        )
    if recorded.schema != SCHEMA:
        raise UsageError(
            f"{directory.root} was trained by an earlier version of dlcli (schema "
            f"{recorded.schema} of the manifest), which saved less than is needed to train on",
            file=directory.root,
        )
    training = dict(recorded.config["training"])
    if epochs < training["epochs"]:
        raise UsageError(
            f"training.epochs may only grow: the run has {training['epochs']}, and {epochs} are "
            "asked for"
        )
    document = {**recorded.config, "training": {**training, "epochs": epochs}}
    return parse_recorded(document, str(directory.path(RESOLVED_CONFIG)))


def extend(directory: RunDirectory, recorded: Manifest, ready: Ready) -> Manifest:
    """Make the run one of more epochs that is not finished yet; returns its manifest.

    ready: designed for the new config. UsageError where its end was not decided by `epochs`.
    """
    store = Checkpoints(directory)
    checkpoint = store.load()
    config = ready.loaded.config
    if checkpoint is not None:
        session = ready.session()
        session.restore(checkpoint, store.history())
        books, progress = session.books, session.training.progress
        if books.stopped:
            raise UsageError(
                f"early stopping ended this run after epoch {progress.epoch}: more epochs would "
                "not have been trained. For others, change `early_stopping` in a run of its own"
            )
        limit = config.training.max_steps
        if limit is not None and progress.step >= limit:
            raise UsageError(
                f"`max_steps` ended this run after step {progress.step}, so more epochs change "
                "nothing. For more steps, train a run of its own"
            )
    manifest = replace(
        recorded,
        config=ready.loaded.resolved(),
        versions=record.joined_versions(recorded.versions),
        epochs=(),
        tensors={},
        files={CONFIG: record_file(directory, CONFIG)},
        status="running",
    )
    write_manifest(directory, manifest)
    return finish_config(directory, manifest)


def finish_config(directory: RunDirectory, manifest: Manifest) -> Manifest:
    """Write the resolved config that the manifest has; a manifest that lists it stays as it is."""
    if RESOLVED_CONFIG in manifest.files:
        return manifest
    loaded = parse_recorded(manifest.config, str(directory.path(RESOLVED_CONFIG)))
    weights.write_text(directory, RESOLVED_CONFIG, text_of(loaded.resolved()))
    return record.write_first_manifest(directory, manifest)
