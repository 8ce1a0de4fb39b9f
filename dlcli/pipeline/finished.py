"""A run that is finished: opened, held against what it says of itself, evaluated again. Writes
nothing."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlcli import builder
from dlcli.artifacts.manifest import Manifest, read_manifest
from dlcli.artifacts.run_directory import MANIFEST, MODEL, RESOLVED_CONFIG, RunDirectory
from dlcli.artifacts.tensors import read_tensors
from dlcli.artifacts.verification import check_file
from dlcli.config import LoadedConfig, answering_from_dict
from dlcli.data.digests import digest_classes, digest_columns
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.golden import GOLDEN, fault
from dlcli.deploy.said import Said
from dlcli.engine.metrics import Subjects
from dlcli.errors import ArtifactError, ConfigError, UsageError
from dlcli.frozen import frozen
from dlcli.numerics import numerics_class
from dlcli.pipeline import evaluate, prepare, provenance
from dlcli.pipeline.changed_data import check_against, require_same_data
from dlcli.pipeline.gates import Gates
from dlcli.pipeline.job import Job
from dlcli.pipeline.progress import NullReporter, Reporter
from dlcli.pipeline.provenance import Environment
from dlcli.pipeline.resume import require_same_config


def open_complete(path: Path) -> tuple[RunDirectory, Manifest]:
    """A finished run and its manifest; UsageError where it is not finished."""
    directory = RunDirectory.open(path)
    manifest = read_manifest(directory.path(MANIFEST))
    if manifest.status != "complete":
        raise UsageError(
            f"{path} is not finished; go on with `dlcli train --resume {path}` first", file=path
        )
    return directory, manifest


def load_bundle(directory: RunDirectory, manifest: Manifest, folder: str) -> Bundle:
    """A bundle of the run, every file of which is what the manifest says.

    ArtifactError also for one whose digests are right, but which is not what training made.
    """
    for name in manifest.files:
        if name.startswith(f"{folder}/"):
            check_file(directory, manifest, name)
    bundle = Bundle.load(directory.path(folder))
    runtime = manifest.config.get("runtime")
    if isinstance(runtime, Mapping) and runtime.get("numerics") == "native":
        # It is not said in model/.
        bundle = replace(bundle, numerics="native")
    wrong = (
        _unlike_the_config(bundle, directory, manifest)
        or _unlike_the_data(bundle, manifest)
        or _unlike_the_golden_batch(bundle, directory, manifest, f"{folder}/{GOLDEN}")
    )
    if wrong:
        raise ArtifactError(
            f"{directory.path(folder)} {wrong}: it was edited. Restore it from a copy, or train "
            "again"
        )
    return bundle


def _unlike_the_config(bundle: Bundle, directory: RunDirectory, manifest: Manifest) -> str | None:
    """What is not as the recorded config says, of which only that is read which says it."""
    label = f"the config recorded in {directory.path(MANIFEST)}"
    try:
        columns = {name: one.columns_after() for name, one in bundle.preprocessing.items()}
        said = Said.by(answering_from_dict(manifest.config, label), columns)
    except builder.Misplaced:
        return "has other columns than the layers of its run are for"
    except ConfigError as error:
        raise ArtifactError(
            f"this version of dlcli cannot tell what network was trained: {error}",
            file=directory.path(MANIFEST),
        ) from None
    wrong = bundle.unlike(said)
    return None if wrong is None else f"has other {wrong} than the config of its run says"


def _unlike_the_data(bundle: Bundle, manifest: Manifest) -> str | None:
    """What about names of classes and columns is not as in the data that was trained on."""
    (columns, *_), classes = (one.columns for one in bundle.preprocessing.values()), bundle.classes
    recorded = manifest.data.get("columns")
    if (columns is None) != (recorded is None) or (
        columns is not None and digest_columns(columns) != recorded
    ):
        return "has other columns than the data of its run"
    recorded = manifest.data.get("classes")
    chosen = manifest.config["data"]["source"].get("positive_class") is not None
    if manifest.config["data"].get("target") == "features":
        return None if classes is None else "names classes, and none are learned"
    if recorded is None:
        return None if classes is None or chosen else "names classes that the data does not name"
    orders = [] if classes is None else [classes, classes[::-1]][: 1 + chosen]
    if recorded not in [digest_classes(names) for names in orders]:
        return "has other names of classes than the data of its run"
    return None


def _unlike_the_golden_batch(
    bundle: Bundle, directory: RunDirectory, manifest: Manifest, golden: str
) -> str | None:
    """Whether the recorded rows get other answers than were recorded.

    To the bit, where this process computes in the run's class.
    """
    if golden not in manifest.files:
        return None
    arrays = read_tensors(directory.path(golden)).arrays
    return fault(bundle, arrays, manifest.numerics_class)


@frozen
class Opened:
    """A finished run, whose config is what the manifest says."""

    directory: RunDirectory
    manifest: Manifest
    loaded: LoadedConfig

    @staticmethod
    def at(path: Path) -> "Opened":
        """The run there; nothing is read of its data yet."""
        directory, manifest = open_complete(path)
        check_file(directory, manifest, RESOLVED_CONFIG)
        loaded = provenance.recorded_config(directory)
        require_same_config(directory, loaded, manifest)
        return Opened(directory, manifest, loaded)

    def job(self, data_dir: Path | None, reporter: Reporter, gates: Gates | None = None) -> Job:
        """Its first two stages, gone through again; DataError where the data is not what it was."""
        folder = Environment.read(self.directory).config_folder
        where = prepare.places(folder, data_dir, self.directory.root)
        check = check_against(self.manifest, self.directory)
        job = Job.ready(self.loaded, where, NullReporter(), check, gates)
        require_same_data(self.manifest, job.digests)
        if numerics_class() != self.manifest.numerics_class:
            reporter.note(
                f"this process computes in the class {numerics_class()}, the run was trained in "
                f"{self.manifest.numerics_class}: expect other bits than training reported"
            )
        return job


def part_of(job: Job, split: str | None) -> str:
    """The part that `--split` names, or else the one that judges the run; UsageError where the run
    has no such part."""
    available = list(job.examples)
    role = split or evaluate.judged_part(available)
    if role not in available:
        raise UsageError(f"--split {role}: the run has {', '.join(available)}")
    return role


def evaluate_run(
    path: Path,
    split: str | None,
    data_dir: Path | None,
    workers: int,
    gates: Gates | None,
    reporter: Reporter,
) -> tuple[dict[str, Any], Subjects]:
    """`{split, rows, metrics, ...}` of one part, with the kept weights; and what they speak of.

    The gates are checked before any data is read, and judged by that part.
    """
    opened = Opened.at(path)
    gates = gates or Gates()
    gates.check_known(opened.loaded.config)
    job = opened.job(data_dir, reporter, gates)
    role = part_of(job, split)
    job.check_gates()
    _keep(job, opened.directory, opened.manifest)
    with job.team(workers, trains=False) as team:
        result = job.evaluate(team, [role], role)
    return result[role], job.subjects


def _keep(job: Job, directory: RunDirectory, manifest: Manifest) -> None:
    """Take the run's own parameters for those to evaluate.

    They come by their names: in training, the arrays that decay lie before the others.
    """
    bundle = load_bundle(directory, manifest, MODEL)
    job.design.recipe.model.layout.fill(job.kept, bundle.model.layout.named(bundle.theta))
