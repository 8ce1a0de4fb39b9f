"""Folders of pictures: a class per subfolder, or a CSV file of names and labels."""

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from dlcli.data.audit import Finding
from dlcli.data.checks import make_table
from dlcli.data.dataset import Array, Declared, Raw, Role, Sampled, Shape, Table
from dlcli.data.pictures.decoding import Unreadable, look_at, require_pillow
from dlcli.data.pictures.listing import Listed, Picture, list_folder
from dlcli.data.pictures.walking import NOT_FOUND, fault_of
from dlcli.data.pictures.wanted import CHANNELS, Wanted
from dlcli.data.places import Places
from dlcli.data.sources.alike import check_alike
from dlcli.data.sources.base import Source
from dlcli.data.sources.delimited import Csv
from dlcli.errors import DataError
from dlcli.frozen import frozen

_FEW = 200
"""Pictures that are decoded to be looked at."""


@frozen
class ImageFolder(Source):
    """Pictures below a folder, uint8 (uint16 for greys of 16 bits), (height, width, channels).

    path: the folder, with a subfolder for each class, or with `train`, `test` and perhaps
        `validation`, in each of which there is one for each class.
    labels: a CSV file with a picture and its label on each line, instead of classes by subfolders;
        the columns `file_column` (names as seen from the folder) and `label_column`. Text labels
        are classes, as in any table; `delimiter`, `kinds`, `missing_target`: as of `Csv`.
    image_size: (height, width) to which pictures are brought; without it all have one size.
    color_mode: grayscale, rgb or rgba. interpolation: Pillow's filter.
    crop_to_aspect_ratio: cut off the edges that the wanted proportions have no room for;
        pad_to_aspect_ratio: fill up with black instead. Neither: pictures are stretched.
    errors: "stop" at a picture that cannot be read, or "skip" such ones and count them.

    They are decoded once, into the data dir (data/pictures/cache.py).

    Source: the options are those of keras.utils.image_dataset_from_directory; Pillow's filters
    average where a picture gets smaller, Keras's do not.
    """

    path: str
    image_size: tuple[int, int] | None = None
    color_mode: str = "rgb"
    interpolation: str = "bilinear"
    crop_to_aspect_ratio: bool = False
    pad_to_aspect_ratio: bool = False
    labels: str | None = None
    file_column: str = "file"
    label_column: str = "label"
    errors: str = "stop"
    delimiter: str = ","
    kinds: Mapping[str, str] = field(default_factory=dict)
    missing_target: str = "error"
    positive_class: str | None = None

    def load(self, places: Places, seed: int) -> Raw:
        root, listed = self._listed(places)
        return self._raw(root, listed, places)

    def _raw(self, root: Path, listed: Listed, places: Places) -> Raw:
        from dlcli.data.pictures import cache  # what nobody asks for is not loaded

        pillow = require_pillow(root)
        parts: dict[Role, Table] = {}
        left_out: list[tuple[Picture, str]] = []
        for role, pictures in listed.parts.items():
            found = cache.decoded(
                root, pictures, self.wanted, self.errors == "skip", places.data, pillow
            )
            missing = {place for place, _ in found.left_out}
            left_out += [(pictures[place], why) for place, why in found.left_out]
            read = [one for place, one in enumerate(pictures) if place not in missing]
            parts[role] = self._table(root, read, found.pixels, listed)
        check_alike(parts)
        return Raw(parts, listed.classes, findings=self._findings(root, listed, left_out))

    def _table(self, root: Path, read: list[Picture], pixels: Array, listed: Listed) -> Table:
        labels = np.array([one.label for one in read])
        return make_table(
            pixels, labels, str(root), str(root), place=lambda row: str(read[row].path)
        )

    def _findings(
        self, root: Path, listed: Listed, left_out: list[tuple[Picture, str]]
    ) -> tuple[Finding, ...]:
        found = list(listed.findings)
        if left_out:
            picture, why = left_out[0]
            count = f"{len(left_out):,} pictures" if len(left_out) > 1 else "1 picture"
            found.append(
                Finding(
                    "pictures_left_out",
                    f"{count} in {root} cannot be read and {'are' if len(left_out) > 1 else 'is'} "
                    f"left out; the first: {picture.name} {why}",
                    "correct them, or take them away",
                )
            )
        if listed.others:
            count = f"{listed.others:,} files" if listed.others > 1 else "1 file"
            found.append(
                Finding(
                    "other_files",
                    f"{count} in {root} {'have' if listed.others > 1 else 'has'} no name of a "
                    f"picture in a class folder, such as {listed.other}",
                    "take them away, or correct their names",
                )
            )
        return tuple(found)

    def declare(self, places: Places) -> Declared:
        if places.search_folder(self.path) is None:
            return Declared(None, absent=(places.miss_folder(self.path),))
        if self.labels is not None and self._labels_path(places) is None:
            return Declared(None, absent=(places.miss(self.labels),))
        root, listed = self._listed(places)
        classes = None if listed.classes is None else len(listed.classes)
        return Declared(
            self._row_shape(root, listed),
            {role: len(pictures) for role, pictures in listed.parts.items()},
            classes,
            listed.classes,
            None if classes is None else "classes",
        )

    def _row_shape(self, root: Path, listed: Listed) -> Shape | None:
        channels = CHANNELS[self.color_mode]
        if self.image_size is not None:
            return (*self.image_size, channels)
        require_pillow(root)
        for pictures in listed.parts.values():
            for picture in pictures:
                if picture.fault:
                    continue
                try:
                    return (*look_at(picture.path).size, channels)
                except Unreadable:
                    continue
        return None

    def sample(self, places: Places, seed: int) -> Sampled | str:
        root, listed = self._listed(places)
        count = sum(len(pictures) for pictures in listed.parts.values())
        if count <= _FEW:
            return Sampled(self._raw(root, listed, places))
        return f"The pixels of the {count:,} pictures in {root}: only their names were read."

    @property
    def wanted(self) -> Wanted:
        """How its pictures are decoded."""
        return Wanted(
            self.color_mode,
            self.image_size,
            self.interpolation,
            self.crop_to_aspect_ratio,
            self.pad_to_aspect_ratio,
        )

    def _listed(self, places: Places) -> tuple[Path, Listed]:
        root = places.search_folder(self.path)
        if root is None:
            raise DataError(places.miss_folder(self.path), file=self.path)
        root = root.resolve()
        if self.labels is None:
            return root, list_folder(root)
        return root, self._by_labels(root, places)

    def _labels_path(self, places: Places) -> Path | None:
        """The CSV file: in the folder, or where other files are."""
        assert self.labels is not None
        root = places.search_folder(self.path)
        inside = None if root is None else root / self.labels
        return inside if inside is not None and inside.is_file() else places.search(self.labels)

    def _by_labels(self, root: Path, places: Places) -> Listed:
        found = self._labels_path(places)
        if found is None:
            assert self.labels is not None
            raise DataError(places.miss(self.labels), file=self.labels)
        raw = Csv(
            str(found),
            self.label_column,
            (self.file_column,),
            delimiter=self.delimiter,
            kinds={**self.kinds, self.file_column: "text"},
            missing_target=self.missing_target,
        ).load(replace(places, config=None), 0)
        rows = raw.parts["all"]
        assert raw.columns is not None and rows.place is not None
        names = raw.columns[0].categories or ()
        listed: list[Picture] = []
        known: dict[str, tuple[int | float, str]] = {}
        for row, (position, label) in enumerate(
            zip(rows.features[:, 0].tolist(), rows.targets.tolist(), strict=True)
        ):
            place = rows.place(row)
            if position != position:  # a missing cell
                words = "names no file: fill the cell, or remove the row"
                raise DataError(f"{place} {words}", file=found)
            name = names[int(position)]
            inside = PurePosixPath(name)
            if inside.is_absolute() or ".." in inside.parts:
                words = f"names {name!r}, which is not in {root}: names are those below the folder"
                raise DataError(f"{place} {words}", file=found)
            before = known.setdefault(name, (label, place))
            if before[0] != label:
                words = f"gives {name!r} another label than {before[1]}: correct one of them"
                raise DataError(f"{place} {words}", file=found)
            fault = fault_of(root, root / inside)
            fault = f"{fault} ({place})" if fault == NOT_FOUND else fault
            listed.append(Picture(str(root), name, label, fault))
        return Listed({"all": tuple(listed)}, raw.classes, findings=raw.findings)
