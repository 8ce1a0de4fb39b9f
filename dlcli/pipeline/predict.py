"""What a finished run answers to new rows. Writes nothing."""

from pathlib import Path

from dlcli.artifacts.run_directory import DEPLOY, MODEL
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.rows_answered import Tell, answer_rows
from dlcli.engine.layer import Array
from dlcli.pipeline.finished import load_bundle, open_complete


def predict_rows(
    path: Path, rows: Path | None, tell: Tell = lambda text: None
) -> tuple[Bundle, Array]:
    """The deployed model's answers to the rows of a file (CSV, .npy or .npz); None: of standard
    input.

    tell: hears how many cells hold categories that training did not meet.
    """
    directory, manifest = open_complete(path)
    folder = f"{DEPLOY}/bundle"
    deployed = any(name.startswith(f"{folder}/") for name in manifest.files)
    bundle = load_bundle(directory, manifest, folder if deployed else MODEL)
    return bundle, answer_rows(bundle, rows, tell)
