"""Stage 1, data preparation: find the rows, split them, fit the preprocessing."""

from dataclasses import dataclass
from pathlib import Path

from dlcli import builder
from dlcli.config import LoadedConfig
from dlcli.data.dataset import Dataset, Part
from dlcli.data.digests import digests
from dlcli.data.mapped import MappedFile, mapped_files
from dlcli.data.places import Places, data_dir
from dlcli.data.preprocessing import Preprocessing, TransformError
from dlcli.data.preprocessing import prepare as fit
from dlcli.data.targets import TargetScale
from dlcli.engine.layer import Shape
from dlcli.errors import DataError, UsageError

LARGEST_TARGET = 1e38


@dataclass(frozen=True)
class Prepared:
    """The data of a run.

    digests: what the data is, by role, as the source brought it.
    mapped: the files that are read while the network trains.
    preprocessing: fitted on the training part; turns stored rows into what the model takes.
    """

    dataset: Dataset
    digests: dict[str, str]
    preprocessing: Preprocessing
    row_shape: Shape
    target_scale: TargetScale | None
    mapped: tuple[MappedFile, ...] = ()

    def describe(self) -> str:
        """One line for people."""
        parts = "  ".join(f"{role} {len(part):,}" for role, part in self.dataset.parts().items())
        shape = "x".join(str(length) for length in self.row_shape) or "1"
        classes = self.dataset.classes
        return f"{parts}  rows of {shape}" + (f", {len(classes)} classes" if classes else "")


def places(
    config_folder: Path | None, data_dir_option: Path | None, manifest_folder: Path | None = None
) -> Places:
    """Where this command looks for data files."""
    return Places(data_dir(data_dir_option), config_folder, manifest_folder)


def prepare(loaded: LoadedConfig, where: Places) -> Prepared:
    """Load, split, fit. Raises DataError, or ConfigError with the line at fault."""
    config = loaded.config
    raw = builder.source(config).load(where, config.seed)
    mapped = mapped_files(raw)
    try:
        dataset = builder.split(config).apply(raw, config.seed)
    except UsageError as error:
        raise loaded.error(("data", "split"), str(error)) from None
    try:
        preprocessing = fit(dataset, builder.transforms(config))
    except TransformError as error:
        raise loaded.error(("data", "transforms", error.index), str(error)) from None
    except UsageError as error:
        raise loaded.error(("data",), str(error)) from None
    for part in dataset.parts().values():
        _check_targets(part)
    scale = None
    if config.data.target_transform is not None:
        kind = config.data.target_transform.type
        options = config.data.target_transform.model_dump(exclude={"type"})
        scale = TargetScale.fit(kind, dataset.train.targets_array, **options)
    row_shape = preprocessing.out_shape
    return Prepared(dataset, digests(raw), preprocessing, row_shape, scale, mapped)


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
