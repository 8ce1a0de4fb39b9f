"""Folders of pictures: how many there are of each class, how large, and of which colors."""

from collections import Counter
from pathlib import Path

from dlcli.data.dataset import Role
from dlcli.data.pictures.decoding import Unreadable, look_at, require_pillow
from dlcli.data.pictures.listing import list_folder
from dlcli.errors import UsageError
from dlcli.frozen import frozen

_LOOKED_AT = 300
"""Pictures whose headers are read, evenly over all."""


@frozen
class PicturesLook:
    """parts: how many pictures each has. classes: by name, how many of all pictures.

    Of the pictures that were looked at: sizes, (height, width), with how often each comes; whether
    all are grey, and all of 16 bits (mixed: only some); unreadable: how many. complete: whether
    these were all.
    """

    path: Path
    parts: tuple[tuple[Role, int], ...]
    classes: tuple[tuple[str, int], ...]
    sizes: tuple[tuple[tuple[int, int], int], ...]
    grey: bool
    deep: bool
    unreadable: int
    complete: bool
    mixed: bool

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return sum(count for _, count in self.parts)


def look_at_pictures(folder: Path) -> PicturesLook:
    """What the folder holds; DataError or UsageError where that is nothing to learn from."""
    require_pillow(folder)
    listed = list_folder(folder)
    assert listed.classes is not None
    pictures = [one for part in listed.parts.values() for one in part]
    if len(listed.classes) < 2:
        raise UsageError(
            f"{folder} has one class folder, {listed.classes[0]!r}: there is nothing to tell apart",
            file=folder,
        )
    classes = Counter(listed.classes[int(one.label)] for one in pictures)
    sizes: Counter[tuple[int, int]] = Counter()
    grey, deep, unreadable = True, 0, 0
    some = pictures[:: -(-len(pictures) // _LOOKED_AT)]
    for one in some:
        try:
            if one.fault:
                raise Unreadable(one.fault)
            seen = look_at(one.path)
        except Unreadable:
            unreadable += 1
            continue
        sizes[seen.size] += 1
        grey, deep = grey and seen.grey, deep + seen.deep
    if not sizes:
        raise UsageError(f"{folder}: none of its pictures can be read", file=folder)
    return PicturesLook(
        folder,
        tuple((role, len(part)) for role, part in listed.parts.items()),
        tuple((name, classes[name]) for name in listed.classes),
        tuple(sizes.most_common()),
        grey,
        deep == sizes.total(),
        unreadable,
        len(some) == len(pictures),
        0 < deep < sizes.total(),
    )
