"""The stages, as a new run and a resumed one go through them: the first two write nothing, the
last three can be done again at any time with the same result."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.artifacts import manifest as manifests
from dlcli.artifacts import weights
from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.digests import digest_document, digest_tensors
from dlcli.artifacts.history import write_history
from dlcli.artifacts.manifest import Manifest
from dlcli.artifacts.run_directory import DEPLOY, EVALUATION, METRICS, ROWS, RunDirectory, is_listed
from dlcli.config import LoadedConfig
from dlcli.data.digests import digest_classes
from dlcli.data.places import Places
from dlcli.engine.inference import Examples
from dlcli.engine.layer import Array
from dlcli.errors import DlcliError, StorageError
from dlcli.pipeline import deploy, design, evaluate, prepare, record
from dlcli.pipeline.changed_data import write_rows
from dlcli.pipeline.design import Design
from dlcli.pipeline.gates import Gates
from dlcli.pipeline.prepare import Check, Prepared
from dlcli.pipeline.record import Environment
from dlcli.pipeline.session import Session
from dlcli.pipeline.train import Interrupted, Patience, Stop, train
from dlcli.pipeline.watch import Watch


@dataclass(frozen=True)
class Options:
    """What the command line says about how to run; but for `epochs` nothing here may change a
    result.

    overrides: what `--set` gave, to be remembered. epochs: of a run that goes on, how many it is to
    have in all.
    """

    workers: int
    data_dir: Path | None = None
    output_dir: Path = Path("runs")
    name: str | None = None
    command: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    epochs: int | None = None
    stop: Stop = lambda: None
    patience: Patience = nullcontext
    gates: Gates = field(default_factory=Gates)


@dataclass(frozen=True)
class Ready:
    """Stages 1 and 2 are done."""

    loaded: LoadedConfig
    prepared: Prepared
    design: Design
    examples: Mapping[str, Examples]
    initial: Array | None
    digests: Mapping[str, str]

    def require_unchanged_data(self) -> None:
        """DataError if somebody has written into a file that is read while training."""
        for file in self.prepared.mapped:
            file.require_unchanged()

    def check_gates(self, gates: Gates) -> None:
        """UsageError where a gate speaks of a class that the data does not have."""
        gates.check_classes(evaluate.class_names(self.design.recipe, self.design.classes))

    def session(self) -> Session:
        """A training that has not begun."""
        return Session(self.loaded.config, self.design.recipe, self.examples, self.initial)


def make_ready(
    loaded: LoadedConfig, where: Places, watch: Watch, recorded: Check = lambda brought: None
) -> Ready:
    """Prepare the data and design the model; writes nothing.

    recorded: looks at the data before anything is made of it.
    """
    prepared = prepare.prepare(loaded, where, recorded)
    watch.stage(1, "prepare", prepared.describe())
    for text in prepared.warnings:
        watch.note(f"warning: {text}")
    designed = design.design(loaded, prepared)
    watch.stage(2, "design", designed.describe())
    for text in designed.warnings:
        watch.note(f"warning: {text}")
    model = designed.recipe.model
    initial = design.initial_parameters(loaded, model, where)
    digests = dict(prepared.digests)
    if designed.classes is not None and prepared.dataset.classes is None:
        digests["classes"] = digest_classes(designed.classes)
    if initial is not None:
        digests["initial_weights"] = digest_document(digest_tensors(model.layout.named(initial)))
    examples = design.examples(prepared, designed)
    return Ready(loaded, prepared, designed, examples, initial, digests)


@contextmanager
def interruptible(words: str, run: Path | None = None) -> Iterator[None]:
    """A signal that ends the block at once ends the command with these words.

    run: what can be gone on with afterwards.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        number = getattr(error, "signal", signal.SIGINT)
        raise Interrupted(f"interrupted {words}", number, run) from None


def last_three_stages(
    directory: RunDirectory,
    ready: Ready,
    manifest: Manifest,
    environment: Environment,
    options: Options,
    watch: Watch,
) -> None:
    """Train, evaluate, deploy, and complete the manifest. What is done already is done again
    with the same result, so a run that was killed anywhere in here can be resumed.

    The gates are judged, but whoever set them sees to it that they are met.
    """
    loaded, designed = ready.loaded, ready.design
    logged = Logged(watch, lambda text: record.log(directory, text))
    store = Checkpoints(directory)
    store.recover()
    session = ready.session()
    checkpoint = store.load()
    if checkpoint is not None:
        session.restore(checkpoint, store.history())
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
            with interruptible(
                f"in training; go on with `dlcli train --resume {directory.root}`", directory.root
            ):
                train(
                    directory,
                    loaded.config,
                    session,
                    options.workers,
                    logged,
                    options.stop,
                    options.patience,
                    ready.require_unchanged_data,
                )
        with interruptible(
            "when training was done and saved; evaluate and deploy with "
            f"`dlcli train --resume {directory.root}`",
            directory.root,
        ):
            made = last_two_stages(
                directory, ready, session, store, options.workers, logged, options.gates
            )
            environment.finish()
            environment.write(directory)
            ready.require_unchanged_data()
            books = session.books
            manifest = replace(manifest, epochs=tuple(books.history), tensors=books.tensors)
            manifest = manifests.complete(directory, manifest, made)
        for text in told_of_weights(loaded, session):
            logged.say(text)
        _tell_of_others(directory, manifest, logged)
    except DlcliError as error:
        with suppress(StorageError):
            record.log(directory, str(error))
        raise


def last_two_stages(
    directory: RunDirectory,
    ready: Ready,
    session: Session,
    store: Checkpoints,
    workers: int,
    watch: Watch,
    gates: Gates | None = None,
) -> list[str]:
    """Evaluate and deploy with the weights that the run keeps; the names of the files made."""
    loaded, designed = ready.loaded, ready.design
    write_history(directory, (epoch.row() for epoch in session.books.history))
    theta = _kept(store, loaded, session)
    roles = evaluate.evaluated_roles(ready.examples)
    classes = designed.classes
    parts = dict(ready.examples)
    results = evaluate.gated(
        designed.recipe,
        theta,
        parts,
        roles,
        workers,
        classes,
        gates or Gates(),
        evaluate.judged_part(parts),
    )
    weights.write_json(directory, EVALUATION, results)
    shown = roles[0] if roles else "no part to evaluate"
    watch.stage(4, "evaluate", f"{shown}: {results[shown]['rows']:,} rows" if roles else shown)
    if roles:
        watch.result(shown, results[shown], classes)
    written = deploy.deploy(directory, loaded, ready.prepared, designed, theta)
    formats = [f"{DEPLOY}/{kind}" for kind in loaded.config.deployment.formats]
    watch.stage(5, "deploy", ", ".join(formats) or "model/ only")
    write_rows(directory, ready.prepared.brought)
    return [METRICS, ROWS, EVALUATION, *written]


def told_of_weights(loaded: LoadedConfig, session: Session) -> list[str]:
    """Which epoch's weights the run keeps, which was the best, and how to keep that one."""
    books = session.books
    last, best = len(books.history), books.best_epoch
    value = f"{session.monitor.name} {books.best:.4g}"
    if last == best:
        return [f"kept: the weights of epoch {last}, the last and the best ({value})"]
    if loaded.config.training.keep == "best":
        return [f"kept: the weights of epoch {best}, the best ({value}); {last} was the last"]
    return [
        f"kept: the weights of epoch {last}, the last",
        f"best: epoch {best} ({value}); to keep that one, set training.keep: best",
    ]


def _tell_of_others(directory: RunDirectory, manifest: Manifest, watch: Watch) -> None:
    """Name the files that somebody else has put into the run."""
    names = [name for name, _ in directory.entries()]
    others = [name for name in names if is_listed(name) and name not in manifest.files]
    if others:
        watch.note(
            f"not part of this run, and `dlcli verify` will say so: {', '.join(others)}. Move "
            f"what you want to keep out of {directory.root}"
        )


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

    def say(self, text: str) -> None:
        self._log(text)
        self._watch.say(text)
