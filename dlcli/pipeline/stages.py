"""The last three stages, as a new run and a resumed one go through them: they can be done again at
any time with the same result. The first two make the job; see job.py."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dlcli.artifacts import documents
from dlcli.artifacts import manifest as manifests
from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.digests import canonical_json
from dlcli.artifacts.history import write_history
from dlcli.artifacts.manifest import Manifest
from dlcli.artifacts.run_directory import (
    DEPLOY,
    EVALUATION,
    EVALUATION_CURVES,
    METRICS,
    ROWS,
    RunDirectory,
    is_listed,
)
from dlcli.config import LoadedConfig
from dlcli.engine.layer import Array
from dlcli.engine.team import Team
from dlcli.errors import DlcliError, StorageError
from dlcli.pipeline import evaluate, provenance
from dlcli.pipeline.card import write_card
from dlcli.pipeline.changed_data import write_rows
from dlcli.pipeline.deploy import Deployed, kind_of, tell_of_proof
from dlcli.pipeline.interruption import interruptible
from dlcli.pipeline.job import Job
from dlcli.pipeline.options import Options
from dlcli.pipeline.page import write_report
from dlcli.pipeline.progress import Reporter
from dlcli.pipeline.provenance import Environment
from dlcli.pipeline.session import Session
from dlcli.pipeline.train import train
from dlcli.wording import counted


def last_three_stages(
    directory: RunDirectory,
    job: Job,
    manifest: Manifest,
    environment: Environment,
    options: Options,
    reporter: Reporter,
) -> None:
    """Train, evaluate, deploy, and complete the manifest. What is done already is done again
    with the same result, so a run that was killed anywhere in here can be resumed.

    The gates are judged, but whoever set them sees to it that they are met.
    """
    logged = LoggingReporter(reporter, lambda text: provenance.log(directory, text))
    store = Checkpoints(directory)
    store.recover()
    session, root = job.session, directory.root
    checkpoint = store.load()
    if checkpoint is not None:
        session.restore(checkpoint, store.history())
        progress = session.training.progress
        logged.stage(3, "train", f"resumed at epoch {progress.epoch + 1}, step {progress.step}")
    else:
        logged.stage(
            3,
            "train",
            f"{job.loaded.config.optimizer.type}, {counted(job.design.recipe.epochs, 'epoch')} of "
            f"{counted(session.training.batches, 'batch', 'batches')}, "
            f"{counted(options.workers, 'worker')}",
        )
    then = f"go on with `dlcli train --resume {root}`"
    began, before = time.perf_counter(), _rows_seen(session)
    try:
        with job.team(options.workers, then) as team:
            if not session.finished or checkpoint is None:
                with interruptible(f"in training; {then}", root):
                    train(directory, job, team, options, logged)
                trained = time.perf_counter() - began
                environment.took(provenance.TRAIN, trained, _rows_seen(session) - before)
            began = time.perf_counter()
            with interruptible(
                "when training was done and saved; evaluate and deploy with "
                f"`dlcli train --resume {root}`",
                root,
            ):
                made = last_two_stages(directory, job, manifest, team, store, logged)
                environment.deployed(made.proofs)
                environment.took(provenance.EVALUATE, time.perf_counter() - began)
                environment.finish()
                environment.write(directory)
                job.require_unchanged_data()
                history = session.history
                manifest = replace(manifest, epochs=tuple(history.epochs), tensors=history.tensors)
                _write_report(directory, job, manifest, logged)
                manifest = manifests.complete(directory, manifest, made.files)
        for text in told_of_weights(job.loaded, session):
            logged.say(text)
        _tell_of_others(directory, manifest, logged)
    except DlcliError as error:
        with suppress(StorageError):
            provenance.log(directory, str(error))
        raise


def _rows_seen(session: Session) -> int:
    """The rows that were trained on so far, each as often as it was."""
    training = session.training
    epochs, batches = divmod(training.progress.step, training.batches)
    rows = min(batches * training.recipe.batch_size, len(training))
    return epochs * len(training) + rows


def _write_report(
    directory: RunDirectory, job: Job, manifest: Manifest, reporter: Reporter
) -> None:
    """The page of the run as it is about to be."""
    layout = job.design.recipe.model.layout
    write_report(
        directory,
        job.loaded,
        replace(manifest, status="complete"),
        job.design.chain.nodes,
        layout.named(job.kept),
        reporter,
    )


def last_two_stages(
    directory: RunDirectory,
    job: Job,
    manifest: Manifest,
    team: Team,
    store: Checkpoints,
    reporter: Reporter,
    *,
    earlier: bool = False,
) -> Deployed:
    """Evaluate and deploy with the weights that the run keeps; all files made, and the proofs of
    those that are deployed.

    manifest: says which versions the run was made with. earlier: see Job.deploy.
    """
    write_history(directory, (epoch.row() for epoch in job.session.history.epochs))
    layout = job.design.recipe.model.layout
    layout.fill(job.kept, _kept(store, job.loaded, job.session))
    roles = evaluate.evaluated_roles(job.examples)
    results = job.evaluate(team, roles, evaluate.judged_part(job.examples))
    documents.write_json(directory, EVALUATION, results)
    documents.write_bytes(directory, EVALUATION_CURVES, canonical_json(job.curves_of_answers()))
    shown = roles[0] if roles else "no part to evaluate"
    reporter.stage(4, "evaluate", f"{shown}: {results[shown]['rows']:,} rows" if roles else shown)
    if roles:
        reporter.result(shown, results[shown], job.subjects)
    deployed = job.deploy(directory, earlier=earlier)
    card = write_card(directory, job, results, manifest.versions)
    formats = [f"{DEPLOY}/{kind}" for kind in job.loaded.config.deployment.formats]
    reporter.stage(5, "deploy", ", ".join(formats) or "model/ only")
    for kind, proof in deployed.proofs.items():
        if not proof.is_by_the_engine:
            tell_of_proof(kind, proof, str(directory.root), reporter)
    write_rows(directory, job.prepared.brought)
    return replace(
        deployed, files=(METRICS, ROWS, EVALUATION, EVALUATION_CURVES, *deployed.files, card)
    )


def told_of_weights(loaded: LoadedConfig, session: Session) -> list[str]:
    """Which epoch's weights the run keeps, which was the best, and how to keep that one.

    To keep the epoch that fits the training part best is no advice.
    """
    history = session.history
    last, best = len(history.epochs), history.best_epoch
    value = f"{session.monitor.name} {history.best:.4g}"
    if session.monitor.trains and (last == best or loaded.config.training.keep != "best"):
        return [f"kept: the weights of epoch {last}, the last"]
    if last == best:
        return [f"kept: the weights of epoch {last}, the last and the best ({value})"]
    if loaded.config.training.keep == "best":
        return [f"kept: the weights of epoch {best}, the best ({value}); {last} was the last"]
    return [
        f"kept: the weights of epoch {last}, the last",
        f"best: epoch {best} ({value}); to keep that one, set training.keep: best",
    ]


def _tell_of_others(directory: RunDirectory, manifest: Manifest, reporter: Reporter) -> None:
    """Name the files that somebody else has put into the run."""
    names = [name for name, _ in directory.entries()]
    others = [name for name in names if is_listed(name) and name not in manifest.files]
    named = manifest.config["deployment"]["formats"]
    formats = {kind for name in others if (kind := kind_of(name)) and kind not in named}
    for kind in sorted(formats):  # a run that got more epochs was exported before
        own = [name for name in others if kind_of(name) == kind]
        others = [name for name in others if name not in own]
        reporter.note(
            f"not of this network, and `dlcli verify` will say so: {', '.join(own)}. "
            f"`dlcli export {directory.root} --format {kind}` writes the format anew"
        )
    if others:
        reporter.note(
            f"not part of this run, and `dlcli verify` will say so: {', '.join(others)}. Move "
            f"what you want to keep out of {directory.root}"
        )


def _kept(store: Checkpoints, loaded: LoadedConfig, session: Session) -> Mapping[str, Array]:
    """The parameters that the run keeps: the last, or those of the best epoch."""
    best = store.load("best") if loaded.config.training.keep == "best" else None
    return session.parameters() if best is None else best.parameters


class LoggingReporter:
    """Hands everything on to another reporter, and stages and epochs to train.log."""

    def __init__(self, reporter: Reporter, log: Callable[[str], None]) -> None:
        self._watch, self._log = reporter, log
        self.begin, self.step, self.end = reporter.begin, reporter.step, reporter.end
        self.result = reporter.result

    def stage(self, number: int, verb: str, text: str) -> None:
        self._log(f"[{number}/5] {verb}: {text}")
        self._watch.stage(number, verb, text)

    def epoch(self, report: Any, remark: str, best: bool = False) -> None:
        values = {name: v for name, v in report.logs.items() if isinstance(v, float)}
        self._log(f"epoch {report.epoch}, step {report.step}: {values} {remark}".rstrip())
        self._watch.epoch(report, remark, best)

    def note(self, text: str) -> None:
        self._log(text)
        self._watch.note(text)

    def say(self, text: str) -> None:
        self._log(text)
        self._watch.say(text)
