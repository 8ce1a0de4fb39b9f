"""Whether a run's files are still what the manifest says."""

from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.files import is_temporary
from dlcli.artifacts.manifest import (
    FileRecord,
    Manifest,
    Status,
    is_late,
    read_strictly,
    record_file,
)
from dlcli.artifacts.run_directory import DEPLOY, MANIFEST, RunDirectory, is_listed
from dlcli.errors import ArtifactError
from dlcli.frozen import frozen

_SHOWN = 20


@frozen
class Verified:
    """What was found in order: how many listed files, with how many bytes."""

    files: int
    bytes: int
    status: Status


def verify(run: RunDirectory) -> Verified:
    """Checks every listed file and the manifest itself, and looks for missing and extra files.

    Raises ArtifactError that names every file which is not as it should be.
    """
    manifest = read_strictly(run.path(MANIFEST))
    entries = run.entries()
    if manifest.status == "running":
        Checkpoints(run).check()
    present = {name for name, _ in entries}
    links = [name for name, is_plain in entries if not is_plain]
    problems = [
        (name, f"{_shown(name)} is a link or a special file, not a file of its own")
        for name in links
    ]
    for name, record in manifest.files.items():
        if name not in present:
            problems.append((name, f"{_shown(name)} is missing"))
        elif name not in links:
            problems += ((name, words) for words in _compare(run, manifest, name, record))
    for name in sorted(present - set(manifest.files) - set(links)):
        if is_listed(name) and not (manifest.status == "running" and is_late(name)):
            words = f"{_shown(name)} is not listed by the manifest"
            if is_temporary(name.rpartition("/")[2]):
                words += "; if an interrupted write left it, `dlcli train --resume` removes it"
            elif manifest.status == "complete" and name.startswith(f"{DEPLOY}/"):
                words += "; if an interrupted `dlcli export` left it, do that again"
            problems.append((name, words))
    if problems:
        more = [f"... and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        told = [words for _, words in problems[:_SHOWN]] + more
        lines = "\n".join(f"  {line}" for line in told)
        listed = [{"file": str(run.root / name), "message": words} for name, words in problems]
        raise ArtifactError(
            f"{run.root} is not as its manifest says; restore it from a copy, or train again:\n"
            + lines,
            file=listed[0]["file"],
            details={"problems": listed},
        )
    size = sum(record.size for record in manifest.files.values())
    return Verified(len(manifest.files), size, manifest.status)


def check_file(run: RunDirectory, manifest: Manifest, name: str) -> None:
    """Checks one file before it is used. Raises ArtifactError if it is not what is listed."""
    path = run.path(name)
    if name not in manifest.files:
        raise ArtifactError(f"{path} is not listed by the manifest of its run", file=path)
    if not path.is_file():
        raise ArtifactError(f"{path} is missing; restore it from a copy, or train again", file=path)
    for problem in _compare(run, manifest, name, manifest.files[name]):
        raise ArtifactError(
            f"{run.root}: {problem}; restore it from a copy, or train again", file=path
        )


def _compare(run: RunDirectory, manifest: Manifest, name: str, record: FileRecord) -> list[str]:
    """What is wrong with a file; one of a size that no listed file has is not hashed."""
    size = run.path(name).stat().st_size
    if size not in {record.size, *(other.size for other in manifest.files.values())}:
        return [f"{_shown(name)} has {size} bytes instead of {record.size}"]
    found = record_file(run, name)
    if found == record:
        return []
    for other, its_record in manifest.files.items():
        if found == its_record:
            return [f"{_shown(name)} holds the content of {_shown(other)}"]
    if found.size != record.size:
        return [f"{_shown(name)} has {found.size} bytes instead of {record.size}"]
    return [
        f"{_shown(name)} has changed: its sha256 is {found.sha256[:12]}..., the manifest says "
        f"{record.sha256[:12]}..."
    ]


def _shown(name: str) -> str:
    return name if name.isprintable() else ascii(name)
