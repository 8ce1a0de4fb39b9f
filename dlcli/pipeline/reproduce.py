"""`dlcli reproduce`: train the recorded config again and compare epoch by epoch, file by file.

The manifest holds the resolved config in full, a digest of every tensor after every epoch, and
one of every file, so a committed manifest alone is enough. The digests of config and data are
compared first; then training runs in memory and stops at the first difference; then a run
directory is made of it in the system's temporary directory, by the code that made the original,
and its files are compared. Nothing of the original run is read but its manifest (and where its
data was), and nothing is written to it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlcli import randomness
from dlcli.artifacts import documents, files
from dlcli.artifacts.checkpoint import Checkpoint
from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.history import Epoch
from dlcli.artifacts.manifest import SCHEMA, FileRecord, Manifest, read_manifest, record_files
from dlcli.artifacts.run_directory import (
    CONFIG,
    DEPLOY,
    EVALUATION,
    EVALUATION_CURVES,
    MODEL_CARD,
    RESOLVED_CONFIG,
    ROWS,
    RunDirectory,
)
from dlcli.config import LoadedConfig, parse_recorded, text_of
from dlcli.deploy.program.files import other_program
from dlcli.engine.team import Team
from dlcli.engine.training import Diverged, EpochReport
from dlcli.errors import ArtifactError, DiffersError, DlcliError, NotComparableError
from dlcli.frozen import frozen
from dlcli.numerics import numerics_class
from dlcli.pipeline import prepare, provenance
from dlcli.pipeline.changed_data import check_against, require_same_data
from dlcli.pipeline.compare import differences
from dlcli.pipeline.deploy import kind_of
from dlcli.pipeline.job import Job
from dlcli.pipeline.progress import NullReporter, Reporter
from dlcli.pipeline.provenance import Environment
from dlcli.pipeline.stages import last_two_stages
from dlcli.wording import counted


@frozen
class Reproduced:
    """What was shown to be the same.

    tolerance: None where bits were compared.
    worst: the largest relative difference of a metric, where a tolerance was asked for.
    files: how many files of the run came out the same; 0 where only a part was trained.
    """

    epochs: int
    of: int
    tensors: int
    tolerance: float | None
    worst: float
    files: int

    def describe(self) -> str:
        """One line for people."""
        part = "" if self.epochs == self.of else f" (of {self.of})"
        epochs = f"{counted(self.epochs, 'epoch')}{part}"
        if self.tolerance is not None:
            return (
                f"TOLERANCE: metrics of {epochs} agree within "
                f"{self.tolerance:g} (largest difference {self.worst:.3g}); bits were not compared"
            )
        too = f", and so are all {self.files} files that come of them" if self.files else ""
        return f"identical: {epochs}, {self.tensors} tensors each, bit for bit{too}"

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "result": "identical" if self.tolerance is None else "within tolerance",
            "epochs": self.epochs,
            "recorded_epochs": self.of,
            "tensors": self.tensors,
            "files": self.files,
            "tolerance": self.tolerance,
            "largest_difference": None if self.tolerance is None else self.worst,
        }


def reproduce(
    path: Path,
    epochs: int | None,
    tolerance: float | None,
    data_dir: Path | None,
    workers: int,
    reporter: Reporter,
) -> Reproduced:
    """Train again and compare; DiffersError (10) or NotComparableError (11) where that fails."""
    manifest = read_manifest(path)
    if not manifest.epochs or manifest.status != "complete":
        raise ArtifactError(
            f"{path} records a run that is not finished, so there is nothing to compare with; "
            "finish it with `dlcli train --resume`",
            file=path,
        )
    if tolerance is None and numerics_class() != manifest.numerics_class:
        raise NotComparableError(
            f"not comparable: the run was trained in the numerics class {manifest.numerics_class}, "
            f"this process computes in {numerics_class()}. Reproduce it on a machine of the first "
            "class, or ask for --tolerance"
        )
    loaded = _recorded_config(manifest, path)
    folder = path if path.is_dir() else path.parent
    environment = _environment(path)
    where = prepare.places(environment.config_folder, data_dir, folder.absolute())
    if manifest.schema != SCHEMA:
        reporter.note(
            f"the manifest is of schema {manifest.schema}, here it is {SCHEMA}: "
            f"{_COMPARED[manifest.schema]}"
        )
    run = RunDirectory(path) if path.is_dir() else None
    job = Job.ready(loaded, where, reporter, check_against(manifest, run))
    require_same_data(manifest, job.digests)
    session = job.session
    session.keep_as(manifest.epochs[0])
    wanted = manifest.epochs[:epochs]
    of = len(manifest.epochs)
    reporter.stage(3, "train", f"again, comparing {len(wanted)} of {of} epochs")
    with job.team(workers) as team:
        best, worst = _compare_epochs(job, team, manifest, wanted, tolerance, reporter)
        if len(session.history.epochs) < len(wanted):
            raise DiffersError(
                f"training ended after epoch {len(session.history.epochs)}, the recorded run went "
                f"on to epoch {of}.{_cause(manifest)}"
            )
        if len(wanted) == of and not session.finished:
            raise DiffersError(
                f"the recorded run ended after epoch {of}, this one goes on.{_cause(manifest)}"
            )
        # A tolerance is for what came of other bits: no file could be the same.
        whole = len(wanted) == of and tolerance is None
        same = _require_same_files(manifest, job, team, best, reporter) if whole else 0
    tensors = len(session.history.tensors[1])
    return Reproduced(len(wanted), of, tensors, tolerance, worst, same)


def _compare_epochs(
    job: Job,
    team: Team,
    manifest: Manifest,
    wanted: Sequence[Epoch],
    tolerance: float | None,
    reporter: Reporter,
) -> tuple[Checkpoint | None, float]:
    """Train, comparing each epoch; the best one's checkpoint, and the largest difference."""
    session, best, worst = job.session, None, 0.0
    limit = session.training.recipe.max_steps
    reporter.begin(len(wanted), session.training.batches, len(session.training), limit)
    try:
        for report in session.run(team):
            if not isinstance(report, EpochReport):
                reporter.step(report)
                continue
            if session.improved:
                best = session.checkpoint().copy()
            found = session.history.epochs[-1]
            expected = manifest.epochs[found.epoch - 1]
            if tolerance is None:
                _require_identical(expected, found, session.history.tensors, manifest)
            else:
                worst = max(worst, _require_close(expected, found, tolerance, manifest))
            reporter.epoch(report, "identical" if tolerance is None else "within tolerance")
            if found.epoch == len(wanted):
                break
    except Diverged as error:
        raise DiffersError(
            f"training diverged at step {error.step} ({error.where}), the recorded run did not."
            f"{_cause(manifest)}"
        ) from None
    finally:
        reporter.end()
    return best, worst


def _require_same_files(
    manifest: Manifest, job: Job, team: Team, best: Checkpoint | None, reporter: Reporter
) -> int:
    """Make the run's files again and compare them; how many they are.

    All but `config.yaml`, which is as its author wrote it: the manifest holds what it means; and
    but for the program of a bundle, where another version of dlcli wrote it or wrote none.
    """
    with files.temporary_directory() as folder:
        made = RunDirectory(folder)
        documents.write_text(made, RESOLVED_CONFIG, text_of(job.loaded.resolved()))
        store = Checkpoints(made)
        store.save(job.session.checkpoint(), best, job.session.history.epochs)
        # The version that began to write cards began to multiply in tiles, too.
        quiet, earlier = NullReporter(), MODEL_CARD not in manifest.files
        names = last_two_stages(made, job, manifest, team, store, quiet, earlier=earlier).files
        store.seal()
        found = record_files(made, [RESOLVED_CONFIG, *names, *store.names()])
    expected = {name: record for name, record in manifest.files.items() if name != CONFIG}
    expected = {name: expected[name] for name in expected if _is_alike(name, manifest.schema)}
    found = {name: found[name] for name in found if _is_alike(name, manifest.schema)}
    for name, why in _not_compared(manifest, found).items():
        expected.pop(name, None)
        del found[name]
        reporter.note(f"{name} is not compared: {why}")
    later = _exported_later(manifest, job)
    expected = {name: expected[name] for name in expected if name not in later}
    if later:
        kinds = sorted(set(later.values()))
        reporter.note(
            f"not compared: {', '.join(f'{DEPLOY}/{kind}' for kind in kinds)}; the config does not "
            "name what was exported later. `dlcli export` writes it again and checks it: "
            + " ".join(f"--format {kind}" for kind in kinds)
        )
    others = other_program(expected, found)
    if others:
        expected = {name: expected[name] for name in expected if name not in others}
        found = {name: found[name] for name in found if name not in others}
        reporter.note(
            f"not compared: {', '.join(sorted(others))}; they hold code of dlcli, and that of the "
            "version that trained the run is another, or there was none yet"
        )
    for name in [EVALUATION, *sorted(expected.keys() | found.keys())]:
        if found.get(name) != expected.get(name):
            what = "the evaluation" if name == EVALUATION else f"the file {name}"
            raise DiffersError(
                f"differs: every epoch is identical, but {what} is not.{_cause(manifest)}",
                details={"differing_file": name},
            )
    return len(found)


def _exported_later(manifest: Manifest, job: Job) -> dict[str, str]:
    """The run's files of formats that its config does not name, and the format of each."""
    named = job.loaded.config.deployment.formats
    kinds = {name: kind_of(name) for name in manifest.files}
    return {name: kind for name, kind in kinds.items() if kind is not None and kind not in named}


_LATER = (ROWS, EVALUATION_CURVES, MODEL_CARD)
"""Files that came later: a run of an earlier version does not have them."""


def _not_compared(manifest: Manifest, found: Mapping[str, FileRecord]) -> dict[str, str]:
    """Which of the files that were made again have nothing to be compared with, and why."""
    told = {}
    for name in _LATER:
        if name in found and name not in manifest.files:
            told[name] = "the version that made the run did not write it"
    changed = differences(dict(manifest.versions), provenance.versions())
    if MODEL_CARD in found and MODEL_CARD not in told and changed:
        told[MODEL_CARD] = f"it was written with other versions, which it names: {changed[0]}"
    return told


_COMPARED = {
    1: "epochs are compared by their tensors and losses, and of the files those of the model's "
    "arrays",
    2: "all is compared but the files model.json, which were written in another way",
}
"""What can be compared with a manifest of an earlier schema."""

_ARRAYS = ("/weights.safetensors", "/preprocessing.safetensors")


def _is_alike(name: str, schema: int) -> bool:
    """Whether a file of this name was written in today's format where the manifest has this
    schema."""
    if schema == 1:
        return name.endswith(_ARRAYS)
    return schema == SCHEMA or not name.endswith("/model.json")


def _recorded_config(manifest: Manifest, path: Path) -> LoadedConfig:
    """The manifest's config as this version of dlcli reads it."""
    try:
        loaded = parse_recorded(manifest.config, f"the config recorded in {path}")
    except DlcliError as error:
        raise DiffersError(
            f"this version of dlcli does not take the recorded config any more: {error}"
            f"{_cause(manifest)}"
        ) from None
    if loaded.resolved() != dict(manifest.config):
        changed = "\n  ".join(differences(dict(manifest.config), loaded.resolved()))
        raise DiffersError(
            f"this version of dlcli reads the recorded config differently (a default changed):\n"
            f"  {changed}{_cause(manifest)}"
        )
    if loaded.config.seed != manifest.seed:
        raise DiffersError(
            f"{path} says that the run had the seed {manifest.seed}, but the config in it has "
            f"{loaded.config.seed}; likely cause: it was put together by hand"
        )
    if manifest.rng_scheme != randomness.SCHEME:
        raise DiffersError(
            f"the run drew its random numbers by the scheme {manifest.rng_scheme}, this version "
            f"of dlcli draws by {randomness.SCHEME}, so no bit can be the same.{_cause(manifest)}"
        )
    return loaded


def _environment(path: Path) -> Environment:
    return Environment.read(RunDirectory(path)) if path.is_dir() else Environment({})


def _require_identical(
    expected: Epoch, found: Epoch, tensors: Mapping[int, Mapping[str, str]], manifest: Manifest
) -> None:
    """DiffersError naming the epoch, and the tensor where the manifest has the digest of each."""
    if expected.digest != found.digest:
        recorded, now = manifest.tensors.get(expected.epoch), tensors[found.epoch]
        if recorded is not None and recorded.keys() != now.keys():
            raise DiffersError(
                f"differs: epoch {expected.epoch} has other tensors now: "
                f"{', '.join(sorted(now))}.{_cause(manifest)}"
            )
        where = ""
        others: list[str] = []
        if recorded is not None:
            others = [name for name in recorded if recorded[name] != now[name]]
            more = f" (and {len(others) - 1} more tensors)" if len(others) > 1 else ""
            where = f", tensor {others[0]}{more}"
        raise DiffersError(
            f"differs: first at epoch {expected.epoch}{where}."
            f"{_metrics(expected.metrics, found.metrics)}{_cause(manifest)}",
            details={"epoch": expected.epoch, **({"tensor": others[0]} if others else {})},
        )
    if manifest.schema != 1 and expected != found:
        raise DiffersError(
            f"differs: first at epoch {expected.epoch}, with equal tensors but other metrics."
            f"{_metrics(expected.metrics, found.metrics)}{_cause(manifest)}",
            details={"epoch": expected.epoch},
        )
    for name in ("loss", "val_loss"):  # the definitions of some metrics were others in schema 1
        if expected.metrics.get(name) != found.metrics.get(name):
            raise DiffersError(
                f"differs: first at epoch {expected.epoch}, with equal tensors but another {name}."
                f"{_metrics(expected.metrics, found.metrics)}{_cause(manifest)}"
            )


def _require_close(expected: Epoch, found: Epoch, tolerance: float, manifest: Manifest) -> float:
    """The largest relative difference of a metric; DiffersError where it is above `tolerance`."""
    worst = 0.0
    for name, value in expected.metrics.items():
        if not isinstance(value, float):
            continue
        other = float(found.metrics.get(name, "nan"))
        scale = max(abs(value), abs(other))
        gap = abs(value - other) / scale if scale else 0.0
        worst = max(worst, gap)
        if not gap <= tolerance:
            raise DiffersError(
                f"TOLERANCE: {name} of epoch {expected.epoch} differs by {gap:.3g} (recorded "
                f"{value!r}, now {other!r}), more than {tolerance:g}.{_cause(manifest)}",
                details={"epoch": expected.epoch, "metric": name},
            )
    return worst


def _metrics(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    changed = differences(dict(expected), dict(found), 4)
    return f" Metrics: {'; '.join(changed)}." if changed else " All metrics are equal."


def _cause(manifest: Manifest) -> str:
    """The likely cause, from what the manifest records and what this process has."""
    changed = differences(dict(manifest.versions), provenance.versions())
    if changed:
        return f" Likely cause: other versions: {'; '.join(changed)}."
    if numerics_class() != manifest.numerics_class:
        return f" Likely cause: another numerics class ({manifest.numerics_class} recorded)."
    return (
        " Config, data, versions and numerics class are the recorded ones, so dlcli's own code "
        "or this machine computes differently: check for local changes, and `dlcli verify` the run."
    )
