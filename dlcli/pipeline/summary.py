"""What came of a finished run, for programs: read from its own files, however it was finished."""

from pathlib import Path
from typing import Any

from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.reading import digest_of_file, read_mapping
from dlcli.artifacts.run_directory import EVALUATION, MANIFEST, MODEL, RunDirectory
from dlcli.artifacts.verification import check_file
from dlcli.pipeline import provenance
from dlcli.pipeline.history import followed


def summary(path: Path) -> dict[str, Any]:
    """Everything but the time it took:

    run         the directory
    metrics     evaluation.json
    epochs      how many were trained
    kept_epoch  whose weights the run keeps, as `keep` says
    best        epoch, monitor and value of the best one
    findings    of the audit: code, sentence and fix of each
    digests     sha256 of manifest.json and of the kept weights' file; of the data by role
    """
    directory = RunDirectory.open(path)
    manifest = read_manifest(directory.path(MANIFEST))
    check_file(directory, manifest, EVALUATION)
    config = provenance.recorded_config(directory).config
    monitor, history = followed(config.training.early_stopping, manifest.epochs)
    last, keep = len(manifest.epochs), config.training.keep
    return {
        "run": str(directory.root),
        "metrics": dict(read_mapping(directory.path(EVALUATION))),
        "epochs": last,
        "keep": keep,
        "kept_epoch": history.best_epoch if keep == "best" else last,
        "best": {"epoch": history.best_epoch, "monitor": monitor.name, "value": history.best},
        "findings": provenance.Environment.read(directory).findings,
        "digests": {
            "manifest": digest_of_file(directory.path(MANIFEST)),
            "weights": manifest.files[f"{MODEL}/weights.safetensors"].sha256,
            "data": dict(manifest.data),
        },
    }
