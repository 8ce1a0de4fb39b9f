"""What a run writes down about itself, and how it is read back to go on or to compare."""

import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dlcli import __version__, numerics, randomness
from dlcli.artifacts import files, weights
from dlcli.artifacts.manifest import Manifest, record_file, write_manifest
from dlcli.artifacts.reading import read_mapping
from dlcli.artifacts.run_directory import CONFIG, ENVIRONMENT, LOG, RESOLVED_CONFIG, RunDirectory
from dlcli.config import LoadedConfig, resolved, resolved_text
from dlcli.errors import DlcliError


def versions() -> dict[str, str]:
    """The versions that a run's bits may depend on."""
    return {"dlcli": __version__, "numpy": np.__version__, "blas": numerics.blas_version()}


def manifest_of(loaded: LoadedConfig, digests: Mapping[str, str]) -> Manifest:
    """The manifest of a run that has just begun."""
    return Manifest(
        config=resolved(loaded.config),
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
) -> None:
    """Write what is known before training: configs, environment, and last the manifest.

    source: the YAML as it was written.
    """
    weights.write_bytes(run, CONFIG, source)
    weights.write_text(run, RESOLVED_CONFIG, resolved_text(loaded.config))
    environment.write(run)
    listed = {name: record_file(run, name) for name in (CONFIG, RESOLVED_CONFIG)}
    write_manifest(run, replace(manifest, files=listed))


@dataclass
class Environment:
    """environment.json: everything that may differ between two runs of the same bits."""

    document: dict[str, Any]

    @staticmethod
    def new(
        command: Sequence[str], config_folder: Path | None, data_dir: Path, workers: int
    ) -> "Environment":
        """The environment of this process."""
        return Environment(
            {
                "command": list(command),
                "config_folder": None if config_folder is None else str(config_folder),
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

    def resumed(self, workers: int) -> None:
        """Note that the run goes on in this process."""
        entry = {"resumed": _now(), "process": os.getpid(), "workers": workers, **versions()}
        interruptions = self.document.get("interruptions")
        known = interruptions if isinstance(interruptions, list) else []
        self.document["interruptions"] = [*known, entry]

    def finish(self) -> None:
        """Note when the run ended."""
        self.document["finished"] = _now()

    def write(self, run: RunDirectory) -> None:
        """Write environment.json."""
        weights.write_json(run, ENVIRONMENT, self.document)


def log(run: RunDirectory, text: str) -> None:
    """Add a line to train.log."""
    files.append_text(run.path(LOG), f"{_now()}  {text}\n")


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def _packages() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("pydantic", "pyyaml", "rich", "safetensors", "typer"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
