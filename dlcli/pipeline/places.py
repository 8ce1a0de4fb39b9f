"""Where files of somebody else may come to lie."""

from pathlib import Path

from dlcli.artifacts.run_directory import MANIFEST, REPORT
from dlcli.errors import UsageError


def require_outside_runs(path: Path, option: str) -> None:
    """UsageError for a place inside a run, whose manifest does not know what comes there; the run's
    own page may lie there."""
    inside = next((one for one in path.absolute().parents if (one / MANIFEST).is_file()), None)
    if inside is not None and path.absolute() != inside / REPORT:
        raise UsageError(
            f"{option} is inside the run {inside}, which `dlcli verify` would call damaged then; "
            "give another place",
            file=path,
        )
