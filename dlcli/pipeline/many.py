"""Several runs in one directory: one for each fold of a split, or for each of some seeds.

    many.json          what they are: kind, how many, and what is set in each (written first)
    config.yaml        the YAML as written
    environment.json   how it was called
    fold-1/ ...        the runs, each as any other run
    summary.json       of all runs: metrics of the judged part, mean and spread, digests
    out_of_fold.csv    of folds: the answer to each row by the network that did not learn from it

The last two are written when all runs are complete, and are the same bytes for any number of
workers and after any interruption. A summary is never older than its runs: it holds their digests.
"""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from dlcli.artifacts import documents
from dlcli.artifacts.files import claim_directory
from dlcli.artifacts.manifest import Status, read_manifest
from dlcli.artifacts.reading import digest_of_file, read_bytes, read_mapping
from dlcli.artifacts.run_directory import (
    ANSWERS,
    CHECKPOINTS,
    CONFIG,
    EVALUATION,
    MANIFEST,
    MODEL,
    PLAN,
    RESOLVED_CONFIG,
    SUMMARY,
    RunDirectory,
)
from dlcli.artifacts.verification import Verified, verify
from dlcli.config import LARGEST_FILE
from dlcli.data.dataset import Part, Raw
from dlcli.deploy.answer_table import answer_table
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.rows_answered import answers_of
from dlcli.errors import ArtifactError, UsageError
from dlcli.pipeline import prepare
from dlcli.pipeline.evaluate import judged_part
from dlcli.pipeline.finished import evaluate_run, load_bundle
from dlcli.pipeline.gates import Gates
from dlcli.pipeline.interruption import Interrupted
from dlcli.pipeline.many_plan import Plan, each_run
from dlcli.pipeline.options import Options
from dlcli.pipeline.progress import Reporter
from dlcli.pipeline.provenance import Environment, recorded_config
from dlcli.pipeline.rebuilt import rebuilds
from dlcli.pipeline.resume import resume
from dlcli.pipeline.run import run


def train_many(plan: Plan, source: bytes, path: Path, options: Options, reporter: Reporter) -> Path:
    """All runs of the plan, in a new directory; returns it.

    source: the YAML as written; path: where it lies. As with one run, nothing is written before
    the first two stages of the first one have succeeded.
    """
    first = next(iter(plan.runs))
    loaded = plan.load(source, first)
    options.gates.check_known(loaded.config)
    made: list[RunDirectory] = []
    held = ExitStack()  # the lock of the directory, until the last run is over

    def claim() -> RunDirectory:
        root = RunDirectory.create(options.output_dir, options.name or loaded.name)
        held.enter_context(root.lock())
        where = prepare.places(path.parent, options.data_dir)
        environment = Environment.new(
            options.command, path.absolute(), where.data.absolute(), options.workers,
            options.overrides,
        )  # fmt: skip
        environment.write(root)
        documents.write_bytes(root, CONFIG, source)
        documents.write_json(root, PLAN, plan.to_json())
        made.append(root)
        return _claimed(root, first)

    reporter.say(f"{first} of {len(plan.runs)} {plan.kind}")
    one = replace(options, gates=Gates())
    with held:
        with _of_all(made, first):
            run(loaded, source, path, one, reporter, claim)
        return _go_on(made[0], plan, source, path, options, reporter)


def resume_many(root: Path, options: Options, reporter: Reporter) -> Path:
    """Go on with what is not complete."""
    if options.epochs is not None:
        raise UsageError(f"{root} holds several runs; give more epochs to one of them, by its name")
    root = root.resolve()
    plan = Plan.read(root)
    directory = RunDirectory(root)
    source = read_bytes(directory.path(CONFIG), LARGEST_FILE)
    environment = Environment.read(directory)
    folder = environment.config_folder or root
    with directory.lock():
        return _go_on(directory, plan, source, folder / plan.file, options, reporter)


def _go_on(
    root: RunDirectory, plan: Plan, source: bytes, path: Path, options: Options, reporter: Reporter
) -> Path:
    one = replace(options, gates=Gates(), epochs=None)
    for number, name in enumerate(plan.runs, 1):
        place = root.root / name
        if _is_complete(place):
            continue
        reporter.say(f"{name} ({number} of {len(plan.runs)} {plan.kind})")
        with _of_all([root], name):
            if _has_begun(place):
                resume(place, one, reporter)
            else:
                loaded = plan.load(source, name)
                run(loaded, source, path, one, reporter, partial(_claimed, root, name))
    _finish(root, plan, options, reporter)
    found = summary_of(root.root)
    part = found["part"]
    options.gates.judge(f"mean of {part}", found["mean"], ())
    return root.root


@contextmanager
def _of_all(roots: Sequence[RunDirectory], name: str) -> Iterator[None]:
    """What is interrupted goes on with all runs, and not with the one alone; roots: their
    directory, once it was made."""
    try:
        yield
    except Interrupted as error:
        if not roots:
            raise
        root = roots[0].root
        words = f"interrupted in {name}; go on with `dlcli train --resume {root}`"
        raise Interrupted(words, error.exit_code - 128, root) from None


def _claimed(root: RunDirectory, name: str) -> RunDirectory:
    """The directory of a run, made anew, or one in which nothing has begun."""
    place = root.root / name
    claim_directory(place)
    return RunDirectory(place)


def _has_begun(place: Path) -> bool:
    return any((place / name).exists() for name in (MANIFEST, RESOLVED_CONFIG, CHECKPOINTS))


def _is_complete(place: Path) -> bool:
    path = place / MANIFEST
    return path.is_file() and read_manifest(path).status == "complete"


def _finish(root: RunDirectory, plan: Plan, options: Options, reporter: Reporter) -> None:
    """Write what is known of all runs together, unless that is there and of these runs."""
    digests = {name: digest_of_file(root.root / name / MANIFEST) for name in plan.runs}
    path = root.path(SUMMARY)
    if path.exists() and dict(read_mapping(path)).get("digests") == digests:
        return
    document = _summary(root, plan)
    if plan.kind == "folds":
        documents.write_text(root, ANSWERS, _answers(root, plan, options))
        document["answers"] = digest_of_file(root.path(ANSWERS))
    documents.write_json(root, SUMMARY, {**document, "digests": digests})
    environment = Environment.read(root)
    environment.finish()
    environment.write(root)


def _summary(root: RunDirectory, plan: Plan) -> dict[str, Any]:
    """Metrics of the judged part of each run, with mean and spread (divided by n)."""
    runs = {}
    part = ""
    for name in plan.runs:
        results = dict(read_mapping(RunDirectory(root.root / name).path(EVALUATION)))
        part = judged_part(results)
        runs[name] = _numbers(results[part]["metrics"])
    return _together(plan, part, runs)


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if isinstance(value, int | float)}


def _together(plan: Plan, part: str, runs: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    names = next(iter(runs.values()))
    both = {name: mean_and_spread([one[name] for one in runs.values()]) for name in names}
    return {
        "kind": plan.kind,
        "part": part,
        "runs": dict(runs),
        "mean": {name: mean for name, (mean, _) in both.items()},
        "spread": {name: spread for name, (_, spread) in both.items()},
    }


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """The mean and the standard deviation, divided by n, of finite numbers of any size.

    >>> mean_and_spread([1.0, 2.0, 3.0]), mean_and_spread([1e308, 1.5e308])[0]
    ((2.0, 0.816496580927726), 1.25e+308)
    """
    scale = math.ldexp(1.0, math.frexp(max(map(abs, values)))[1] - 1) or 1.0
    small = [value / scale for value in values]
    mean = fmean(small)
    spread = math.sqrt(fmean([(value - mean) ** 2 for value in small]))
    return mean * scale, spread * scale


def summary_of(root: Path) -> dict[str, Any]:
    """The summary; UsageError where not all runs are complete."""
    path = root / SUMMARY
    if not path.exists():
        raise UsageError(
            f"{root} is not finished; go on with `dlcli train --resume {root}` first", file=path
        )
    return dict(read_mapping(path))


def _answers(root: RunDirectory, plan: Plan, options: Options) -> str:
    """The rows of all test parts with their answers, as CSV, in the order of the data."""
    lines: list[tuple[int, list[Any]]] = []
    header: list[str] = []
    raw: Raw | None = None
    for fold, name in enumerate(plan.runs, 1):
        directory = RunDirectory(root.root / name)
        manifest = read_manifest(directory.path(MANIFEST))
        bundle = load_bundle(directory, manifest, MODEL)
        raw = _all_rows(directory, options) if raw is None else raw
        part = _tested(directory, raw)
        names, answers = answer_table(bundle, answers_of(bundle, len(part), part.take_each))
        targets = None if rebuilds(recorded_config(directory)) else _targets(bundle, part)
        header = ["row", "fold", *(["target"] if targets is not None else []), *names]
        for position, answer in enumerate(answers):
            true = [] if targets is None else [targets[position]]
            lines.append((part.row(position), [part.row(position), fold, *true, *answer]))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(line for _, line in sorted(lines, key=lambda one: one[0]))
    return text.getvalue()


def _all_rows(directory: RunDirectory, options: Options) -> Raw:
    """The rows of all runs, whose splits alone differ."""
    loaded = recorded_config(directory)
    folder = Environment.read(directory).config_folder
    return prepare.read(loaded, prepare.places(folder, options.data_dir, directory.root))


def _tested(directory: RunDirectory, raw: Raw) -> Part:
    """The rows that a run was judged by."""
    loaded = recorded_config(directory)
    test = prepare.parted(loaded, prepare.arranged(loaded, raw)).test
    assert test is not None
    return test


def _targets(bundle: Bundle, part: Part) -> list[Any] | None:
    """What is true, as it is answered; None where there are several numbers a row."""
    values = part.targets_array
    if values.ndim != 1:
        return None
    kind, _ = bundle.loss.kind(bundle.model.out_shape)
    if kind == "regression":
        return [float(value) for value in values.tolist()]
    names = bundle.classes
    ids = values.astype(np.int64).tolist()
    return [names[i] for i in ids] if names is not None and _are_ids(names, ids) else ids


def _are_ids(names: tuple[str, ...], ids: list[int]) -> bool:
    return bool(ids) and min(ids) >= 0 and max(ids) < len(names)


def evaluate_many(
    root: Path,
    split: str | None,
    data_dir: Path | None,
    workers: int,
    gates: Gates,
    reporter: Reporter,
) -> dict[str, Any]:
    """Evaluate each run again: `{kind, part, runs, mean, spread}`; gates are judged by the mean."""
    summary_of(root)  # they are complete
    plan = Plan.read(root)
    found: dict[str, dict[str, float]] = {}
    part = ""
    for name, place in each_run(root):
        result, _ = evaluate_run(place, split, data_dir, workers, None, reporter)
        part = result["split"]
        found[name] = _numbers(result["metrics"])
    document = _together(plan, part, found)
    loaded = plan.load(read_bytes(root / CONFIG, LARGEST_FILE), next(iter(plan.runs)))
    gates.check_known(loaded.config)
    gates.judge(f"mean of {part}", document["mean"], ())
    return document


def verify_many(root: Path) -> Verified:
    """Check every run, and that what is said of all of them is theirs; ArtifactError that names
    the first that is not."""
    plan = Plan.read(root)
    files = size = 0
    status: Status = "complete"
    for _, place in each_run(root):
        if not _has_begun(place):
            status = "running"
            continue
        found = verify(RunDirectory.open(place))
        files, size = files + found.files, size + found.bytes
        status = status if found.status == "complete" else "running"
    directory = RunDirectory(root)
    path = directory.path(SUMMARY)
    if status == "complete" and path.exists():
        document = dict(read_mapping(path))
        digests = {name: digest_of_file(root / name / MANIFEST) for name in plan.runs}
        wanted: dict[str, Any] = {**_summary(directory, plan), "digests": digests}
        if plan.kind == "folds":
            answers = directory.path(ANSWERS)
            there = answers.is_file()
            wanted["answers"] = digest_of_file(answers) if there else None
        if document != wanted:
            raise ArtifactError(
                f"{path} is not what its runs and {ANSWERS} are: one of them was edited", file=path
            )
        extra = 2 if plan.kind == "folds" else 1
        return Verified(files + extra, size, "complete")
    return Verified(files, size, "running")
