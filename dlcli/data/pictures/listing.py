"""Which picture files a folder holds, and of which class each is.

    pets/cat/1.png, pets/dog/7.jpg               a class per subfolder, pictures also further below
    pets/train/cat/1.png, pets/test/cat/2.png    the same for each part, where there is nothing else

Names are taken in the order of their code points, whatever the file system's is; what begins with
a point or an underscore is left out, as it belongs to other programs. Links that lead out of the
folder are not followed, and links to folders never.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from dlcli.data.dataset import Role
from dlcli.errors import DataError
from dlcli.frozen import frozen

ENDINGS = frozenset(
    (
        *(".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm"),
        *(".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
    )
)
"""How the names of picture files end, in small letters."""

PARTS: Mapping[str, Role] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
MOST = 10_000_000
"""Files in a folder."""


@frozen
class Picture:
    """name: the file's, as seen from the folder, with slashes. label: its class or number."""

    path: Path
    name: str
    label: float
    fault: str = ""
    """Why it cannot be read, where that is known before it is opened."""


@frozen
class Listed:
    """The pictures of each part; the names of the classes, where labels are positions in them;
    how many files have other names than pictures have, and the first of them."""

    parts: Mapping[Role, tuple[Picture, ...]]
    classes: tuple[str, ...] | None
    others: int = 0
    other: str = ""


def list_folder(root: Path) -> Listed:
    """A folder with a subfolder for each class; DataError where it is none."""
    root = root.resolve()
    folders, loose = _entries(root)
    roles = {folder: PARTS[folder] for folder in folders if folder in PARTS}
    if set(roles) == set(folders) and "train" in roles.values() and len(roles) > 1:
        if len(set(roles.values())) < len(roles):
            names = ", ".join(roles)
            raise DataError(f"{root} has several folders for one part ({names}): keep one of each")
        return _parts(root, roles, loose)
    found, others = _by_class(root, root, folders)
    others += loose
    classes = tuple(found)
    pictures = tuple(
        Picture(path, name, float(number), fault)
        for number, files in enumerate(found.values())
        for path, name, fault in files
    )
    return Listed({"all": pictures}, classes, len(others), others[0] if others else "")


def _parts(root: Path, roles: Mapping[str, Role], loose: list[str]) -> Listed:
    parts: dict[Role, Mapping[str, Sequence[tuple[Path, str, str]]]] = {}
    others = loose
    for folder, role in roles.items():
        below, more = _entries(root / folder)
        parts[role], outside = _by_class(root, root / folder, below)
        others = [*others, *(f"{folder}/{name}" for name in more), *outside]
    classes = tuple(sorted({name for found in parts.values() for name in found}))
    _require_distinct(root, classes)
    order: tuple[Role, ...] = ("train", "validation", "test")
    pictures = {
        role: tuple(
            Picture(path, name, float(classes.index(one)), fault)
            for one, files in parts[role].items()
            for path, name, fault in files
        )
        for role in order
        if role in parts
    }
    return Listed(pictures, classes, len(others), others[0] if others else "")


def _by_class(
    root: Path, folder: Path, classes: Sequence[str]
) -> tuple[dict[str, list[tuple[Path, str, str]]], list[str]]:
    """The files of each class, (path, name, fault); and those that are no pictures."""
    if not classes:
        raise DataError(
            f"{folder} has no subfolders: put the pictures of each class into a folder of its own, "
            "or name a CSV file of files and labels by `labels`",
            file=folder,
        )
    _require_distinct(folder, classes)
    found: dict[str, list[tuple[Path, str, str]]] = {}
    others: list[str] = []
    count = 0
    for one in classes:
        found[one] = []
        for path in _files(folder / one):
            name = path.relative_to(root).as_posix()
            if path.suffix.lower() not in ENDINGS:
                others.append(name)
                continue
            count += 1
            if count > MOST:
                raise DataError(f"{folder} has more than {MOST:,} pictures", file=folder)
            found[one].append((path, name, fault_of(root, path)))
        if not found[one]:
            raise DataError(
                f"the class folder {folder / one} has no pictures: put some in, or take it away",
                file=folder / one,
            )
        _require_distinct(folder / one, [name for _, name, _ in found[one]], "pictures")
    return found, others


def fault_of(root: Path, path: Path) -> str:
    """Why a file is not read, whatever is in it; empty where it is."""
    if not path.is_symlink():
        return "" if path.is_file() else "is no file"
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return "is a link that leads nowhere"
    if not target.is_relative_to(root):
        return "is a link out of the folder, which is not followed"
    return "" if target.is_file() else "is a link to a folder, which is not followed"


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the subfolders, and of what else there is, sorted."""
    folders: list[str] = []
    others: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith((".", "_")):
                    continue
                is_folder = entry.is_dir(follow_symlinks=False)
                (folders if is_folder else others).append(entry.name)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be read: {error.strerror or error}", file=folder
        ) from None
    return sorted(folders), sorted(others)


def _files(folder: Path) -> Iterator[Path]:
    """All files below, in the order of their names."""
    folders, others = _entries(folder)
    for name in others:
        yield folder / name
    for name in folders:
        yield from _files(folder / name)


def _require_distinct(folder: Path, names: Sequence[str], what: str = "class folders") -> None:
    """DataError for names that are one on a file system that knows no capitals."""
    known: dict[str, str] = {}
    for name in names:
        other = known.setdefault(name.casefold(), name)
        if other != name:
            raise DataError(
                f"{folder} has the {what} {PurePosixPath(other).name!r} and "
                f"{PurePosixPath(name).name!r}, which are one name where capitals do not count: "
                "rename one, so that the data is the same everywhere",
                file=folder,
            )
