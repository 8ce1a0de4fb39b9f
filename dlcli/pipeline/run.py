"""The five stages in order: prepare, design, train, evaluate, deploy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.artifacts import manifest as manifests
from dlcli.artifacts import weights
from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.digests import digest_document, digest_tensors
from dlcli.artifacts.manifest import Manifest, read_manifest, write_manifest
from dlcli.artifacts.run_directory import EVALUATION, MANIFEST, RESOLVED_CONFIG, RunDirectory
from dlcli.config import LoadedConfig, load_config, resolved
from dlcli.data.places import Places
from dlcli.engine.inference import Examples
from dlcli.engine.layer import Array
from dlcli.errors import ArtifactError, DataError, DlcliError, NotComparableError
from dlcli.numerics import numerics_class
from dlcli.pipeline import deploy, design, evaluate, prepare, record
from dlcli.pipeline.compare import differences
from dlcli.pipeline.design import Design
from dlcli.pipeline.prepare import Prepared
from dlcli.pipeline.record import Environment
from dlcli.pipeline.session import Session
from dlcli.pipeline.train import Stop, train
from dlcli.pipeline.watch import Watch


@dataclass(frozen=True)
class Options:
    """What the command line says about how to run; nothing here may change a result."""

    workers: int
    data_dir: Path | None = None
    output_dir: Path = Path("runs")
    name: str | None = None
    command: tuple[str, ...] = ()
    stop: Stop = lambda: None


@dataclass(frozen=True)
class Ready:
    """Stages 1 and 2 are done."""

    loaded: LoadedConfig
    prepared: Prepared
    design: Design
    examples: Mapping[str, Examples]
    initial: Array | None
    digests: Mapping[str, str]

    def session(self) -> Session:
        """A training that has not begun."""
        return Session(self.loaded.config, self.design.recipe, self.examples, self.initial)


def make_ready(loaded: LoadedConfig, where: Places, watch: Watch) -> Ready:
    """Prepare the data and design the model; writes nothing."""
    prepared = prepare.prepare(loaded, where)
    watch.stage(1, "prepare", prepared.describe())
    designed = design.design(loaded, prepared)
    watch.stage(2, "design", designed.describe())
    model = designed.recipe.model
    initial = design.initial_parameters(loaded, model, where)
    digests = dict(prepared.digests)
    if initial is not None:
        digests["initial_weights"] = digest_document(digest_tensors(model.layout.named(initial)))
    examples = design.examples(prepared, designed)
    return Ready(loaded, prepared, designed, examples, initial, digests)


def run(loaded: LoadedConfig, source: bytes, folder: Path, options: Options, watch: Watch) -> Path:
    """Run all five stages of a config; returns the run directory.

    source: the YAML as written. folder: where it lies. Nothing is written before the first
    two stages have succeeded.
    """
    where = prepare.places(folder, options.data_dir)
    ready = make_ready(loaded, where, watch)
    directory = RunDirectory.create(options.output_dir, options.name or loaded.name)
    with directory.lock():
        environment = Environment.new(
            options.command, folder.absolute(), where.data.absolute(), options.workers
        )
        manifest = record.manifest_of(loaded, ready.digests)
        record.begin(directory, source, loaded, manifest, environment)
        _last_three_stages(directory, ready, manifest, environment, options, watch)
    return directory.root


def resume(path: Path, options: Options, watch: Watch) -> Path:
    """Go on with an interrupted run from its last checkpoint, on its own resolved config."""
    directory = RunDirectory.open(path)
    with directory.lock():
        recorded = _recorded(directory)
        if recorded is not None and recorded.status == "complete":
            watch.note("this run is complete already; there is nothing to resume")
            return directory.root
        loaded = load_config(directory.path(RESOLVED_CONFIG))
        if recorded is not None:
            require_same_config(directory, loaded, recorded)
            _require_same_class(recorded)
        environment = Environment.read(directory)
        where = prepare.places(environment.config_folder, options.data_dir, directory.root)
        ready = make_ready(loaded, where, watch)
        manifest = record.manifest_of(loaded, ready.digests)
        if recorded is None:  # killed before anything but the config was written
            write_manifest(directory, manifest)
        else:
            require_same_data(recorded, ready.digests)
            manifest = replace(recorded, epochs=())
            if recorded.versions != record.versions():
                watch.note(
                    "the versions changed since this run began: "
                    + "; ".join(differences(recorded.versions, record.versions()))
                )
        environment.resumed(options.workers)
        environment.write(directory)
        _last_three_stages(directory, ready, manifest, environment, options, watch)
    return directory.root


def _recorded(directory: RunDirectory) -> Manifest | None:
    """The manifest, or None where the run was killed before it was written."""
    return read_manifest(directory.path(MANIFEST)) if directory.path(MANIFEST).exists() else None


def require_same_config(directory: RunDirectory, loaded: LoadedConfig, recorded: Manifest) -> None:
    if digest_document(resolved(loaded.config)) != recorded.config_digest:
        changed = "\n  ".join(differences(recorded.config, resolved(loaded.config)))
        raise ArtifactError(
            f"{directory.path(RESOLVED_CONFIG)} was edited since the run began:\n  {changed}\n"
            "Undo the edit to resume, or train the new config as a run of its own"
        )


def _require_same_class(recorded: Manifest) -> None:
    if numerics_class() != recorded.numerics_class:
        raise NotComparableError(
            f"the run was trained in the numerics class {recorded.numerics_class}, this process "
            f"computes in {numerics_class()}: going on would mix two kinds of bits. Resume on a "
            "machine of the first class, or train anew"
        )


def require_same_data(recorded: Manifest, digests: Mapping[str, str]) -> None:
    """DataError naming the roles whose content differs from what the run was trained on."""
    changed = sorted(
        role
        for role in recorded.data.keys() | digests.keys()
        if recorded.data.get(role) != digests.get(role)
    )
    if changed:
        raise DataError(
            f"the data is not what the run was trained on: {', '.join(changed)} changed. Restore "
            "the original data, or train anew"
        )


def _last_three_stages(
    directory: RunDirectory,
    ready: Ready,
    manifest: Manifest,
    environment: Environment,
    options: Options,
    watch: Watch,
) -> None:
    """Train, evaluate, deploy, and complete the manifest. What is done already is done again
    with the same result, so a run that was killed anywhere in here can be resumed."""
    loaded, designed = ready.loaded, ready.design
    logged = Logged(watch, lambda text: record.log(directory, text))
    store = Checkpoints(directory)
    store.recover()
    session = ready.session()
    checkpoint = store.load()
    if checkpoint is not None:
        session.restore(checkpoint)
        progress = session.training.progress
        logged.stage(3, "train", f"resumed at epoch {progress.epoch + 1}, step {progress.step}")
    else:
        recipe = designed.recipe
        logged.stage(
            3,
            "train",
            f"{loaded.config.optimizer.type}, {recipe.epochs} epochs of "
            f"{session.training.batches:,} batches, {options.workers} workers",
        )
    try:
        if not session.finished or checkpoint is None:
            train(directory, loaded.config, session, options.workers, logged, options.stop)
    except DlcliError as error:
        record.log(directory, str(error))
        raise
    theta = _kept(store, loaded, session)
    roles = [role for role in ("test", "validation") if role in ready.examples]
    results = evaluate.evaluate(
        designed.recipe, theta, dict(ready.examples), roles, options.workers
    )
    weights.write_json(directory, EVALUATION, results)
    classes = ready.prepared.dataset.classes
    shown = roles[0] if roles else "no part to evaluate"
    logged.stage(4, "evaluate", f"{shown}: {results[shown]['rows']:,} rows" if roles else shown)
    if roles:
        watch.result(shown, results[shown]["metrics"], classes)
    written = deploy.deploy(directory, loaded, ready.prepared, designed, theta)
    logged.stage(5, "deploy", ", ".join(written) or "model/ only")
    environment.finish()
    environment.write(directory)
    manifests.complete(directory, replace(manifest, epochs=tuple(session.books.history)))


def _kept(store: Checkpoints, loaded: LoadedConfig, session: Session) -> Array:
    """The parameters that the run keeps: the last, or those of the best epoch."""
    theta = np.array(session.training.theta)
    best = store.load("best") if loaded.config.training.keep == "best" else None
    if best is not None:
        for name, view in session.training.recipe.model.layout.named(theta).items():
            view[...] = best.parameters[name]
    return theta


class Logged:
    """Hands everything on to another watch, and stages and epochs to train.log."""

    def __init__(self, watch: Watch, log: Callable[[str], None]) -> None:
        self._watch, self._log = watch, log
        self.begin, self.step, self.end = watch.begin, watch.step, watch.end
        self.result = watch.result

    def stage(self, number: int, verb: str, text: str) -> None:
        self._log(f"[{number}/5] {verb}: {text}")
        self._watch.stage(number, verb, text)

    def epoch(self, report: Any, remark: str) -> None:
        values = {name: v for name, v in report.logs.items() if isinstance(v, float)}
        self._log(f"epoch {report.epoch}, step {report.step}: {values} {remark}".rstrip())
        self._watch.epoch(report, remark)

    def note(self, text: str) -> None:
        self._log(text)
        self._watch.note(text)
