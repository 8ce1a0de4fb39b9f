"""The files below a folder of pictures.

Names are taken in the order of their code points, whatever the file system's is; what begins with
a point is left out, as it belongs to other programs, and so is __MACOSX. Links that lead out of the
folder are not followed, and links to folders never.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from dlcli.errors import DataError, reason

ENDINGS = frozenset(
    ("bmp", "gif", "jpeg", "jpg", "pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp")
)
"""How the names of picture files end, in small letters."""

NOT_FOUND = "was not found"
MOST = 10_000_000
"""Files in a folder."""


def is_picture(name: str) -> bool:
    """Whether a file of this name is a picture."""
    return name.rpartition(".")[2].lower() in ENDINGS


def fault_of(root: Path, path: Path) -> str:
    """Why a file below the root is not read, whatever is in it; empty where it is."""
    try:
        is_link = path.is_symlink()
        if not is_link and not path.exists():
            return NOT_FOUND
        target = path.resolve(strict=True)
        if not target.is_relative_to(root):
            return "is a link out of the folder, which is not followed"
        if path.parent.resolve() != path.parent:
            return "is below a link to a folder, which is not followed"
        if target.is_file():
            return ""
        return "is a link to a folder, which is not followed" if is_link else "is no file"
    except (OSError, RuntimeError, ValueError):  # also a name that no file can have
        return "is a link that leads nowhere" if _is_link(path) else NOT_FOUND


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except (OSError, ValueError):
        return False


def entries(folder: Path) -> tuple[list[str], list[tuple[str, bool]]]:
    """The names of the subfolders, and of what else there is, each with whether it is a plain file;
    sorted."""
    folders: list[str] = []
    others: list[tuple[str, bool]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name == "__MACOSX":
                    continue
                _require_text(folder, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                else:
                    others.append((entry.name, entry.is_file(follow_symlinks=False)))
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {reason(error)}", file=folder) from None
    return sorted(folders), sorted(others)


def _require_text(folder: Path, name: str) -> None:
    """DataError for a name that is no text, which no other machine could be told."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise DataError(
            f"{folder} has {name.encode(errors='backslashreplace').decode()!r}, whose name is not "
            "UTF-8: rename it",
            file=folder,
        ) from None


def files_below(root: Path, folder: str) -> Iterator[tuple[str, str]]:
    """All files below a folder of the root (empty: itself), (name, fault), in the order of their
    names; those of a folder before those of its subfolders."""
    folders, others = entries(root / folder)
    before = f"{folder}/" if folder else ""
    for name, is_plain in others:
        whole = f"{before}{name}"
        yield whole, "" if is_plain else fault_of(root, root / whole)
    for name in folders:
        yield from files_below(root, f"{before}{name}")
