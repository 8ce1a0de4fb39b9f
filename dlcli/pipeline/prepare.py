"""Stage 1, data preparation: find the rows, split them, fit the preprocessing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from dlcli import builder
from dlcli.config import LoadedConfig
from dlcli.data.audit import Finding
from dlcli.data.augmentation import Unsuited
from dlcli.data.dataset import Dataset, Declared, Part, Raw
from dlcli.data.fitted import Columns
from dlcli.data.mapped import MappedFile, mapped_files
from dlcli.data.options import OptionError
from dlcli.data.places import Places, data_dir
from dlcli.data.positive import positive_last, with_positive
from dlcli.data.preprocessing import Preprocessing, TransformError, prepare_each
from dlcli.data.prints import Brought
from dlcli.data.targets import LARGEST_TARGET, Outside, TargetScale
from dlcli.engine.layer import Shape
from dlcli.errors import DataError, UsageError
from dlcli.frozen import frozen
from dlcli.pipeline import audit

_POSITIVE = ("data", "source", "positive_class")


@frozen
class Prepared:
    """The data of a run.

    preprocessing: of each value, by its name; fitted on the training part, it turns stored rows
        into what the model takes.
    mapped: the files that are read while the network trains.
    findings: what a person should look at before training.
    brought: what the data is, as the source brought it.
    learns_target: whether the source's target is learned, and not the rows themselves.
    """

    dataset: Dataset
    preprocessing: Mapping[str, Preprocessing]
    target_scale: TargetScale | None
    mapped: tuple[MappedFile, ...] = ()
    findings: tuple[Finding, ...] = ()
    brought: Brought = field(default_factory=Brought)
    learns_target: bool = True

    @property
    def digests(self) -> dict[str, str]:
        """What the data is, by role, as the source brought it."""
        return dict(self.brought.digests)

    @property
    def row_shapes(self) -> dict[str, Shape]:
        """The shape of a row as the model takes it, of each value by its name."""
        return {name: fitted.out_shape for name, fitted in self.preprocessing.items()}

    @property
    def columns(self) -> dict[str, Columns]:
        """The columns of each value, by its name, as the model takes them."""
        return {name: fitted.columns_after() for name, fitted in self.preprocessing.items()}

    def describe(self) -> str:
        """One line for people."""
        parts = "  ".join(f"{role} {len(part):,}" for role, part in self.dataset.parts().items())
        shapes = " and ".join(
            ("x".join(str(length) for length in shape) or "1") + (f" ({name})" if name else "")
            for name, shape in self.row_shapes.items()
        )
        classes = self.dataset.classes if self.learns_target else None
        return f"{parts}  rows of {shapes}" + (f", {len(classes)} classes" if classes else "")


def places(
    config_folder: Path | None, data_dir_option: Path | None, manifest_folder: Path | None = None
) -> Places:
    """Where this command looks for data files."""
    return Places(data_dir(data_dir_option), config_folder, manifest_folder)


Check = Callable[[Brought], None]
"""Looks at what a source brought before anything is made of it."""


def prepare(loaded: LoadedConfig, where: Places, check: Check = lambda brought: None) -> Prepared:
    """Load, split, fit. Raises DataError, or ConfigError with the line at fault."""
    raw = read(loaded, where)
    mapped = mapped_files(raw)  # as they are before they are digested
    brought = Brought.of(raw)
    check(brought)
    return replace(prepare_rows(loaded, raw), mapped=mapped, brought=brought)


def prepare_rows(loaded: LoadedConfig, raw: Raw) -> Prepared:
    """`prepare` for rows that are there already, without a word about where they came from."""
    config = loaded.config
    raw = arranged(loaded, raw)
    dataset = parted(loaded, raw)
    with fitting(loaded):
        preprocessing = prepare_each(dataset, builder.transforms(config))
    _check_augmentations(loaded, preprocessing, dataset)
    for part in dataset.parts().values():
        _check_targets(part)
    scale = None
    if config.data.target_transforms:
        scale = _target_scale(config.data.target_transforms, dataset)
    findings = audit.of_rows(loaded, raw, dataset, preprocessing)
    own = config.data.target is None
    return Prepared(dataset, preprocessing, scale, findings=findings, learns_target=own)


def parted(loaded: LoadedConfig, raw: Raw) -> Dataset:
    """The parts of rows that are arranged."""
    config = loaded.config
    try:
        return builder.split(config).apply(raw, config.seed, builder.learns_classes(config))
    except UsageError as error:
        raise loaded.error(("data", "split"), str(error)) from None


def read(loaded: LoadedConfig, where: Places) -> Raw:
    """The rows as the source brings them."""
    with fitting(loaded):
        return builder.source(loaded.config).load(where, loaded.config.seed)


@contextmanager
def fitting(loaded: LoadedConfig) -> Iterator[None]:
    """Options that do not fit the data become errors of the config, with their lines."""
    try:
        yield
    except TransformError as error:
        at = (*builder.transform_path(error.name, error.index), *error.at)
        raise loaded.error(at, str(error)) from None
    except OptionError as error:
        raise loaded.error(("data", *error.at), str(error)) from None


def arranged(loaded: LoadedConfig, raw: Raw) -> Raw:
    """The rows with the class that the config calls positive as the second of two."""
    chosen = positive_class(loaded)
    try:
        return with_positive(raw, chosen)
    except UsageError as error:
        raise loaded.error(_POSITIVE, str(error)) from None


def check_positive(loaded: LoadedConfig, declared: Declared) -> None:
    """ConfigError where the positive class is known to be wrong before any row is read."""
    chosen = positive_class(loaded)
    if chosen is not None and declared.class_names is not None:
        try:
            positive_last(declared.class_names, chosen)
        except UsageError as error:
            raise loaded.error(_POSITIVE, str(error)) from None


def positive_class(loaded: LoadedConfig) -> str | None:
    """The name of the positive class, where the config has one; ConfigError where the loss is
    for numbers."""
    chosen: str | None = getattr(loaded.config.data.source, "positive_class", None)
    if chosen is not None and not builder.learns_classes(loaded.config):
        raise loaded.error(
            _POSITIVE,
            f"`{loaded.config.loss.type}` is for numbers, which have no positive class; leave the "
            "option out, or use a loss for classes, such as `binary_crossentropy`",
        )
    return chosen


def _check_augmentations(
    loaded: LoadedConfig, preprocessing: Mapping[str, Preprocessing], dataset: Dataset
) -> None:
    """ConfigError where one cannot work on the rows that the network takes."""
    for name, augmentations in builder.augmentations(loaded.config).items():
        try:
            augmentations.check(preprocessing[name].out_shape)
            if augmentations.asks_for_values:
                part = dataset.train.each()[name]
                augmentations.check_values(*preprocessing[name].extremes(part))
        except Unsuited as error:
            place = builder.transform_path(name, error.place, "augmentation")
            raise loaded.error(place, str(error)) from None
        ids = [one.name for one in preprocessing[name].columns_after() or () if one.ids]
        if ids:
            raise loaded.error(
                builder.transform_path(name, 0, "augmentation"),
                f"it would change the ids of the column {ids[0]!r} into those of other categories; "
                "leave it out, or encode the column by `one_hot`",
            )


def _target_scale(words: Sequence[Any], dataset: Dataset) -> TargetScale:
    """Fitted on the training part; DataError for a target of any part that it cannot take."""
    part = dataset.train
    try:
        scale = TargetScale.fit([word.model_dump() for word in words], part.targets_array)
        for role, part in dataset.parts().items():
            if role != "train":  # which was fitted on
                scale.require(part.targets_array)
    except Outside as error:
        values = part.take_targets(slice(error.row, error.row + 1)).reshape(-1)[:5]
        shown = ", ".join(f"{value:g}" for value in values)
        raise DataError(
            f"the target is {shown} in {part.where(error.row)}, of which `target_transform` cannot "
            "take the logarithm log(1 + t): it takes numbers above -1; leave `log1p` out, or "
            "correct the row"
        ) from None
    return scale


def _check_targets(part: Part) -> None:
    """Answers are float32 in the target's own units, so the target must be, too."""
    values = part.targets_array
    if values.dtype.kind == "f":
        large = (abs(values) > LARGEST_TARGET).reshape(len(values), -1).any(axis=1)
        if large.any():
            row = part.row(int(large.argmax()))
            raise DataError(
                f"the target is too large for float32 in row {row} (counted from 0); give it in a "
                "larger unit"
            )
