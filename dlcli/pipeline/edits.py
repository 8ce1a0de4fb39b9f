"""A YAML that was edited after its run began: the run goes on as it began, and says so."""

from dlcli.artifacts.reading import read_bytes
from dlcli.artifacts.run_directory import CONFIG, RunDirectory
from dlcli.config import LARGEST_FILE, LoadedConfig, parse_config
from dlcli.errors import DlcliError
from dlcli.pipeline.compare import differences
from dlcli.pipeline.progress import Reporter
from dlcli.pipeline.provenance import Environment

_MOST = 4
"""How many changed values a note names."""


def tell_of_edits(
    directory: RunDirectory, environment: Environment, own: LoadedConfig, reporter: Reporter
) -> None:
    """A note where the YAML that the run began with means something else now, and not what the run
    itself does: one that got more epochs may have them in its YAML, too.

    Where it is gone, or nobody knows where it was, there is nothing to tell; a mistake in it
    concerns the next run.
    """
    path = environment.config_file
    if path is None:
        return
    try:
        now = read_bytes(path, LARGEST_FILE)
        before = read_bytes(directory.path(CONFIG), LARGEST_FILE)
        if now == before:
            return
        old = _parsed(before, path.name, environment)
    except (DlcliError, ValueError):
        return
    rest = "this run goes on with its own config; for the new one, start a run of its own"
    try:
        new = _parsed(now, path.name, environment)
    except (DlcliError, ValueError):
        reporter.note(f"{path} has changed since this run began, and has mistakes now; {rest}")
        return
    if new.config == own.config:
        return
    changed = differences(old.resolved(), new.resolved(), _MOST)
    if changed:
        reporter.note(f"{path} has changed since this run began ({'; '.join(changed)}); {rest}")


def _parsed(content: bytes, name: str, environment: Environment) -> LoadedConfig:
    return parse_config(content.decode("utf-8"), name, environment.overrides)
