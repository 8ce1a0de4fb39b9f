"""What a run writes down about itself, and how it is read back to go on or to compare."""

import functools
import os
import platform
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dlcli import __version__, numerics, randomness
from dlcli.artifacts import documents, files
from dlcli.artifacts.manifest import Manifest, record_file, write_manifest
from dlcli.artifacts.reading import read_bytes, read_mapping
from dlcli.artifacts.run_directory import CONFIG, ENVIRONMENT, LOG, RESOLVED_CONFIG, RunDirectory
from dlcli.config import LARGEST_FILE, LARGEST_RECORDED, LoadedConfig, load_recorded, text_of
from dlcli.data.audit import Finding
from dlcli.deploy.exporter import Proof
from dlcli.errors import DlcliError

PREPARE, TRAIN, EVALUATE = STAGES = ("prepare and design", "train", "evaluate and deploy")
"""What the time of a run is told of."""

_MOST_OVERRIDES = 1000
"""More than a command line of people has."""


def versions() -> dict[str, str]:
    """The versions that a run's bits may depend on."""
    return {"dlcli": __version__, "numpy": np.__version__, "blas": numerics.blas_version()}


def joined_versions(recorded: Mapping[str, str]) -> dict[str, str]:
    """The versions of a run that goes on in this process: `2.4.5, then 2.4.6` where one changed.

    A run may go on with other versions, because its class vouches for the bits and a person
    cannot always bring the old ones back. But it is not the run of one version any more, and
    its manifest says so: `reproduce` names it as the likely cause if bits differ.
    """
    now = versions()
    return {
        name: old if old.split(", then ")[-1] == now.get(name) else f"{old}, then {now.get(name)}"
        for name, old in recorded.items()
    }


def manifest_of(loaded: LoadedConfig, digests: Mapping[str, str]) -> Manifest:
    """The manifest of a run that has just begun."""
    return Manifest(
        config=loaded.resolved(),
        data=dict(digests),
        seed=loaded.config.seed,
        rng_scheme=randomness.SCHEME,
        numerics_class=numerics.numerics_class(),
        versions=versions(),
    )


def begin(
    run: RunDirectory,
    source: bytes,
    loaded: LoadedConfig,
    manifest: Manifest,
    environment: "Environment",
) -> Manifest:
    """Write what is known before training: environment, configs, and last the manifest.

    A run that has its resolved config can be resumed, so that file comes after all but the
    manifest, which can be made again from it.

    source: the YAML as it was written. Returns the manifest, which lists the configs.
    """
    environment.write(run)
    documents.write_bytes(run, CONFIG, source)
    documents.write_text(run, RESOLVED_CONFIG, text_of(loaded.resolved()))
    return write_first_manifest(run, manifest)


def recorded_config(run: RunDirectory) -> LoadedConfig:
    """The config that a run was begun with, from its own file."""
    path = run.path(RESOLVED_CONFIG)
    return load_recorded(read_bytes(path, LARGEST_RECORDED), str(path))


def write_first_manifest(run: RunDirectory, manifest: Manifest) -> Manifest:
    """Write the manifest of a run that is going on; it lists the files that change no more."""
    listed = {name: record_file(run, name) for name in (CONFIG, RESOLVED_CONFIG)}
    manifest = replace(manifest, files=listed)
    write_manifest(run, manifest)
    return manifest


@dataclass
class Environment:
    """environment.json: everything that may differ between two runs of the same bits."""

    document: dict[str, Any]

    @staticmethod
    def new(
        command: Sequence[str],
        config: Path | None,
        data_dir: Path,
        workers: int,
        overrides: Sequence[str] = (),
        findings: Sequence[Finding] = (),
    ) -> "Environment":
        """The environment of this process.

        config: where the YAML lies, an absolute path; overrides: what `--set` changed in it;
        findings: of the audit.
        """
        return Environment(
            {
                "command": list(command),
                "config_folder": None if config is None else str(config.parent),
                "config_file": None if config is None else config.name,
                "overrides": list(overrides),
                "data_dir": str(data_dir),
                "workers": workers,
                "started": _now(),
                "finished": None,
                "interruptions": [],
                "python": sys.version,
                "platform": platform.platform(),
                "host": platform.node(),
                "process": os.getpid(),
                "cpus": os.cpu_count(),
                "packages": _packages(),
                "findings": [finding.to_json() for finding in findings],
            }
        )

    @staticmethod
    def read(run: RunDirectory) -> "Environment":
        """The recorded environment; an empty one where it is missing or cannot be read, because
        nothing but convenience depends on it."""
        try:
            return Environment(dict(read_mapping(run.path(ENVIRONMENT))))
        except DlcliError:
            return Environment({})

    @property
    def config_folder(self) -> Path | None:
        """Where the YAML lay, for looking up relative paths."""
        folder = self.document.get("config_folder")
        return Path(folder) if isinstance(folder, str) and folder else None

    @property
    def config_file(self) -> Path | None:
        """Where the YAML lay."""
        folder, name = self.config_folder, self.document.get("config_file")
        if folder is None or not isinstance(name, str) or not name or Path(name).name != name:
            return None
        return folder / name

    @property
    def overrides(self) -> tuple[str, ...]:
        """What `--set` changed in the YAML."""
        given = self.document.get("overrides")
        if not isinstance(given, list) or not all(isinstance(option, str) for option in given):
            return ()
        few = len(given) <= _MOST_OVERRIDES and sum(map(len, given)) <= LARGEST_FILE
        return tuple(given) if few else ()

    @property
    def data_dir(self) -> Path | None:
        """Where the run looked for data sets, if that is still there."""
        folder = self.document.get("data_dir")
        try:
            return Path(folder) if isinstance(folder, str) and Path(folder).is_dir() else None
        except (OSError, ValueError):  # a name that no folder can have, or no permission
            return None

    @property
    def findings(self) -> list[dict[str, str]]:
        """What the audit found: code, sentence and fix of each."""
        known = self.document.get("findings")
        return [one for one in known if isinstance(one, dict)] if isinstance(known, list) else []

    @property
    def last_extension(self) -> tuple[Any, Any] | None:
        """From how many epochs to how many the run was brought last."""
        known = self.document.get("extensions")
        last = known[-1] if isinstance(known, list) and known else None
        return (last.get("before"), last.get("epochs")) if isinstance(last, dict) else None

    def extended(self, before: int, epochs: int) -> None:
        """Note that the run gets more epochs, and is not finished any more."""
        entry = {"at": _now(), "epochs": epochs, "before": before, "process": os.getpid()}
        known = self.document.get("extensions")
        self.document["extensions"] = [*(known if isinstance(known, list) else []), entry]
        self.document["finished"] = None

    def resumed(self, workers: int) -> None:
        """Note that the run goes on in this process."""
        entry = {"resumed": _now(), "process": os.getpid(), "workers": workers, **versions()}
        interruptions = self.document.get("interruptions")
        known = interruptions if isinstance(interruptions, list) else []
        self.document["interruptions"] = [*known, entry]

    def deployed(self, proofs: Mapping[str, Proof]) -> None:
        """Note how the formats that training wrote were proved, instead of what was noted before.

        It depends on what is installed, so that the manifest cannot say it.
        """
        self.document["exports"] = {kind: proof.to_json() for kind, proof in proofs.items()}

    def exported(self, kind: str, proof: Proof) -> None:
        """Note how a format that was written later was proved."""
        known = self.document.get("exports")
        others = known if isinstance(known, dict) else {}
        self.document["exports"] = {**others, kind: proof.to_json()}
        self.document.pop("replaced", None)

    @property
    def replaced(self) -> list[str]:
        """Files of a format that a later export was about to remove; it was interrupted if they are
        still noted."""
        known = self.document.get("replaced")
        return [one for one in known if isinstance(one, str)] if isinstance(known, list) else []

    def replace(self, names: Iterable[str]) -> None:
        """Note files that are about to be taken off the manifest's list, and removed then."""
        self.document["replaced"] = sorted(names)

    def took(self, stage: str, seconds: float, rows: int | None = None) -> None:
        """Note how long a stage took in this process; rows: that were trained on in it.

        A process that was killed or interrupted left no word of its time, so rows and seconds are
        those of one that came to the end of the stage.
        """
        known = self.document.get("seconds")
        others = known if isinstance(known, dict) else {}
        self.document["seconds"] = {**others, stage: round(seconds, 3)}
        if rows is not None:
            self.document["rows_trained"] = rows

    def finish(self) -> None:
        """Note when the run ended."""
        self.document["finished"] = _now()

    def write(self, run: RunDirectory) -> None:
        """Write environment.json."""
        documents.write_json(run, ENVIRONMENT, self.document)


def log(run: RunDirectory, text: str) -> None:
    """Add a line to train.log."""
    files.append_text(run.path(LOG), f"{_now()}  {text}\n")


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


@functools.cache
def _packages() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("pydantic", "pyyaml", "rich", "safetensors", "typer"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
