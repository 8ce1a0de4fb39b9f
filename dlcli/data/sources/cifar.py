"""CIFAR-10 and CIFAR-100, from their binary archives (the others are pickles).

    a record of CIFAR-10    1 byte label, 3072 bytes of pixels
    a record of CIFAR-100   1 byte label of the group, 1 byte label, 3072 bytes of pixels

Pixels are three planes of 32 x 32, red, green, blue, each row by row. They become (n, 32, 32, 3)
uint8. The archive is decoded once; see downloads/decoded.py.
Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from dlcli.data.checks import make_table
from dlcli.data.dataset import Array, Declared, Raw, Role, Table
from dlcli.data.downloads import decoded
from dlcli.data.formats.tarred import read_members
from dlcli.data.places import Places
from dlcli.data.sources.known import KnownSource
from dlcli.errors import DataError
from dlcli.frozen import frozen

_PIXELS = 3 * 32 * 32
_TEN = "airplane automobile bird cat deer dog frog horse ship truck"
_GROUPS = """
    aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices
    household_furniture insects large_carnivores large_man-made_outdoor_things
    large_natural_outdoor_scenes large_omnivores_and_herbivores medium_mammals
    non-insect_invertebrates people reptiles small_mammals trees vehicles_1 vehicles_2
"""
_CLASSES = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
    butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch
    crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo
    keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain
    mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain
    plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
    skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone
    television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
_ROLES: tuple[Role, Role] = ("train", "test")


class _Cifar(KnownSource):
    """What both share: records of some labels and the pixels."""

    labels: ClassVar[Mapping[str, tuple[str, ...]]]
    """What each byte before the pixels says, and the names of what it counts."""

    def _members(self, role: Role) -> tuple[str, ...]:
        """The members of the archive that hold a part, in their order; of the same size."""
        raise NotImplementedError

    def _load(self, places: Places, label: str) -> Raw:
        known = self.obtained(places)
        names = [f"{role}_{what}" for role in _ROLES for what in ("images", *self.labels)]
        arrays = decoded.arrays(known, places.data, names, self._decode)
        where = str(places.data / known.name / known.files[0].name)
        parts: dict[Role, Table] = {}
        for role in _ROLES:
            images, labels = arrays[f"{role}_images"], arrays[f"{role}_{label}"]
            parts[role] = make_table(images, labels, f"{where}, {role} images", f"{where}, {role}")
        return Raw(parts, self.labels[label])

    def _decode(self, path: Path) -> Mapping[str, Array]:
        known = self.known()
        record = len(self.labels) + _PIXELS
        sizes = {
            member: (known.rows[role] or 0) // len(self._members(role)) * record
            for role in _ROLES
            for member in self._members(role)
        }
        contents = read_members(path, sizes)
        made: dict[str, Array] = {}
        for role in _ROLES:
            content = b"".join(contents.pop(member) for member in self._members(role))
            records = np.frombuffer(content, np.uint8).reshape(-1, record)
            for place, (label, names) in enumerate(self.labels.items()):
                column = records[:, place]
                if int(column.max(initial=0)) >= len(names):
                    raise DataError(f"{path} holds the label {column.max()} in its {role} part.")
                made[f"{role}_{label}"] = np.ascontiguousarray(column)
            planes = records[:, len(self.labels) :].reshape(-1, 3, 32, 32)
            made[f"{role}_images"] = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
        return made


@frozen
class Cifar10(_Cifar):
    """CIFAR-10: 50,000 and 10,000 images of 32x32x3 uint8, ten classes."""

    word: ClassVar[str] = "cifar10"
    labels: ClassVar[Mapping[str, tuple[str, ...]]] = {"labels": tuple(_TEN.split())}

    def load(self, places: Places, seed: int) -> Raw:
        return self._load(places, "labels")

    def declare(self, places: Places) -> Declared:
        return self.declared(places, (32, 32, 3), self.labels["labels"])

    def _members(self, role: Role) -> tuple[str, ...]:
        names = [f"data_batch_{k}" for k in range(1, 6)] if role == "train" else ["test_batch"]
        return tuple(f"cifar-10-batches-bin/{name}.bin" for name in names)


@frozen
class Cifar100(_Cifar):
    """CIFAR-100: 50,000 and 10,000 images of 32x32x3 uint8, 100 classes in 20 groups.

    label_mode: "fine" for the classes, "coarse" for the groups.
    """

    word: ClassVar[str] = "cifar100"
    labels: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "coarse": tuple(_GROUPS.split()),
        "fine": tuple(_CLASSES.split()),
    }

    label_mode: str = "fine"

    def load(self, places: Places, seed: int) -> Raw:
        return self._load(places, self.label_mode)

    def declare(self, places: Places) -> Declared:
        return self.declared(places, (32, 32, 3), self.labels[self.label_mode])

    def _members(self, role: Role) -> tuple[str, ...]:
        return (f"cifar-100-binary/{role}.bin",)
