"""What a finished run, or a bundle that has left one, answers to new rows. Writes nothing."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from dlcli.artifacts.run_directory import DEPLOY, MODEL
from dlcli.deploy.bundle import Bundle, open_bundle
from dlcli.deploy.places import is_bundle
from dlcli.deploy.rows_answered import PLAIN, Answered, Tell, Wishes, answer_rows
from dlcli.pipeline.finished import load_bundle, open_complete
from dlcli.pipeline.workers import workers_for


def answering_bundle(path: Path) -> Bundle:
    """The bundle of a finished run, or the bundle that lies there: a folder or one file."""
    if is_bundle(path):
        return open_bundle(path)
    directory, manifest = open_complete(path)
    folder = f"{DEPLOY}/bundle"
    deployed = any(name.startswith(f"{folder}/") for name in manifest.files)
    return load_bundle(directory, manifest, folder if deployed else MODEL)


def predict_rows(
    path: Path, rows: Path | None, tell: Tell = lambda text: None, wishes: Wishes = PLAIN
) -> tuple[Bundle, Iterator[Answered]]:
    """The deployed model's answers to the rows of a file; None: of standard input. See
    `answer_rows`."""
    bundle = answering_bundle(path)
    team = partial(workers_for, workers=wishes.workers)
    return bundle, answer_rows(bundle, rows, tell, wishes, team)
