"""Which picture files a folder holds, and of which class each is.

    pets/cat/1.png, pets/dog/7.jpg               a class per subfolder, pictures also further below
    pets/train/cat/1.png, pets/test/cat/2.png    the same for each part, where there is nothing else

How files are found, walking.py tells.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dlcli.data.audit import Finding
from dlcli.data.dataset import Role
from dlcli.data.pictures.walking import MOST, entries, files_below, is_picture
from dlcli.errors import DataError
from dlcli.frozen import frozen

PARTS: Mapping[str, Role] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


@frozen
class Picture:
    """root: the folder of all. name: the file's, as seen from there, with slashes. label: its class
    or number. fault: why it cannot be read, where that is known before it is opened."""

    root: str
    name: str
    label: int | float
    fault: str = ""

    @property
    def path(self) -> Path:
        """The file's own path."""
        return Path(self.root, self.name)


@frozen
class Listed:
    """The pictures of each part; the names of the classes, where labels are positions in them;
    how many files have other names than pictures have, and the first of them; what was odd about
    their labels."""

    parts: Mapping[Role, tuple[Picture, ...]]
    classes: tuple[str, ...] | None
    others: int = 0
    other: str = ""
    findings: tuple[Finding, ...] = ()


class _Found(NamedTuple):
    """The files of each class, (name, fault), and the names of those that are no pictures."""

    files: dict[str, list[tuple[str, str]]]
    others: list[str]

    def pictures(self, root: Path, classes: Sequence[str]) -> tuple[Picture, ...]:
        """They, each with the place of its class among these."""
        numbers = {name: number for number, name in enumerate(classes)}
        return tuple(
            Picture(str(root), name, numbers[one], fault)
            for one, files in self.files.items()
            for name, fault in files
        )


def list_folder(root: Path) -> Listed:
    """A folder with a subfolder for each class; DataError where it is none."""
    root = root.resolve()
    folders, loose = entries(root)
    roles = {name: PARTS[name.casefold()] for name in folders if name.casefold() in PARTS}
    if len(set(roles.values())) > 1 and "train" in roles.values():
        _require_parts_alone(root, folders, roles)
        return _parts(root, roles, [name for name, _ in loose])
    _refuse_parts_by_other_names(root, folders)
    _refuse_links(root, [name for name, _ in loose])
    found = _by_class(root, "", folders)
    others = [*found.others, *(name for name, _ in loose)]
    classes = tuple(found.files)
    return _listed({"all": found.pictures(root, classes)}, classes, others)


def _refuse_parts_by_other_names(root: Path, folders: Sequence[str]) -> None:
    """DataError for folders that hold the same classes each, so are none, one of them `train`."""
    part = next((name for name in folders if PARTS.get(name.casefold()) == "train"), None)
    if part is None:
        return
    below = [entries(root / name)[0] for name in folders]
    if not below[0] or any(names != below[0] for names in below):
        return
    inside = ", ".join(below[0][:4])
    if len(folders) == 1:
        words = f"has one folder, {part!r}, whose folders ({inside}) are the classes: give its path"
    else:
        other = next(name for name in folders if name != part)
        words = (
            f"has {part!r} and {other!r} with the same folders ({inside}) in each, so they are "
            "parts of the data and no classes: call the others test and validation"
        )
    raise DataError(f"{root} {words}", file=root)


def _refuse_links(folder: Path, names: Sequence[str]) -> None:
    """DataError for a class folder that is a link."""
    for name in names:
        path = folder / name
        if path.is_symlink() and path.is_dir():
            raise DataError(
                f"{path} is a link to a folder, which is not followed: put the pictures there, or "
                "let its name begin with a point, which leaves it out",
                file=path,
            )


def _require_parts_alone(root: Path, folders: Sequence[str], roles: Mapping[str, Role]) -> None:
    names = ", ".join(roles)
    if len(set(roles.values())) < len(roles):
        words = f"has several folders for one part ({names}): keep one of each"
        raise DataError(f"{root} {words}", file=root)
    others = [name for name in folders if name not in roles]
    if others:
        raise DataError(
            f"{root} has folders that are parts of the data ({names}) beside {others[0]!r}, so the "
            "others cannot be classes: move them away, or let their names begin with a "
            "point, which leaves them out",
            file=root,
        )


def _listed(
    parts: Mapping[Role, tuple[Picture, ...]], classes: tuple[str, ...], others: Sequence[str]
) -> Listed:
    return Listed(parts, classes, len(others), others[0] if others else "")


def _parts(root: Path, roles: Mapping[str, Role], others: list[str]) -> Listed:
    parts: dict[Role, _Found] = {}
    for folder, role in roles.items():
        below, loose = entries(root / folder)
        _refuse_links(root / folder, [name for name, _ in loose])
        parts[role] = _by_class(root, f"{folder}/", below)
        others += [f"{folder}/{name}" for name, _ in loose]
        others += parts[role].others
    classes = tuple(sorted({name for found in parts.values() for name in found.files}))
    _require_distinct(root, classes)
    order: tuple[Role, ...] = ("train", "validation", "test")
    pictures = {role: parts[role].pictures(root, classes) for role in order if role in parts}
    return _listed(pictures, classes, others)


def _by_class(root: Path, before: str, classes: Sequence[str]) -> _Found:
    """What is in these subfolders of the folder `before`, which ends with a slash or is empty."""
    folder = root / before
    if not classes:
        raise DataError(
            f"{folder} has no subfolders: put the pictures of each class into a folder of its own, "
            "or name a CSV file of files and labels by `labels`",
            file=folder,
        )
    _require_distinct(folder, classes)
    files: dict[str, list[tuple[str, str]]] = {}
    others: list[str] = []
    count = 0
    for one in classes:
        files[one] = []
        for name, fault in files_below(root, f"{before}{one}"):
            if is_picture(name):
                files[one].append((name, fault))
            else:
                others.append(name)
        count += len(files[one])
        if count > MOST:
            raise DataError(f"{folder} has more than {MOST:,} pictures", file=folder)
        if not files[one]:
            raise DataError(
                f"the class folder {folder / one} has no pictures: put some in, or take it away",
                file=folder / one,
            )
        _require_distinct(folder / one, [name for name, _ in files[one]], "pictures")
    return _Found(files, others)


def _require_distinct(folder: Path, names: Sequence[str], what: str = "class folders") -> None:
    """DataError for names that are one on a file system that knows no capitals."""
    known: dict[str, str] = {}
    for name in names:
        other = known.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if other != name:
            pair = [one.rpartition("/")[2] for one in (other, name)]
            raise DataError(
                f"{folder} has the {what} {pair[0]!r} and {pair[1]!r}, which are one name where "
                "capitals (or ways to write an accent) do not count: rename one, so that the data "
                "is the same everywhere",
                file=folder,
            )
