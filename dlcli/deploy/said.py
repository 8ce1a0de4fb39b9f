"""What the config of a run says of the network that came of it: enough to tell whether a bundle
can be that network, and what a bundle of schema 1 lacks."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from dlcli import builder
from dlcli.builder import Sections
from dlcli.data.dataset import ONLY
from dlcli.data.fitted import Columns, Fitted
from dlcli.data.pictures.wanted import Wanted
from dlcli.data.sources import Csv, ImageFolder, Jsonl, Parquet
from dlcli.data.targets import STEP_OF
from dlcli.data.written import Written
from dlcli.deploy.written import NAMED
from dlcli.engine.described import describe, written
from dlcli.engine.losses import LOSSES
from dlcli.frozen import frozen


@frozen
class Said:
    """What a config alone says.

    layers, loss: as they are written down in model.json.
    arrays: what holds each value of a row where the rows are an archive, by the value's name.
    pictures: how the files are decoded that rows are made of.
    csv: how a CSV of rows is written, but for its width.
    no_features: how many columns a table has beside the features (the target, and the weights of
        rows); None where features are listed, so that there may be others.
    steps: what is done to each value, in order, and what with unknown categories.
    target_steps: what is done to the target, in order.
    """

    layers: list[dict[str, Any]]
    loss: dict[str, Any]
    arrays: dict[str, str | None]
    pictures: Wanted | None
    csv: Written
    no_features: int | None
    steps: dict[str, list[tuple[type[Fitted], str | None]]]
    target_steps: tuple[str, ...]

    @staticmethod
    def by(config: Sections, columns: Mapping[str, Columns] = MappingProxyType({})) -> "Said":
        """What this config says; columns: of each value, as the steps leave them, which layers
        may be about. Misplaced (a ValueError) where these are not such columns."""
        loss = builder.loss(config)
        steps = {
            name: [(transform.fitted, transform.handle_unknown) for transform in transforms]
            for name, transforms in builder.transforms(config).items()
        }
        return Said(
            describe(builder.layers(config, loss, columns)),
            written(loss, LOSSES),
            arrays_of(config),
            pictures_as(config),
            written_as(config),
            _no_features(config.data.source, config.data.split.column),
            steps,
            tuple(STEP_OF[word.type] for word in config.data.target_transforms),
        )


def _no_features(source: Any, key: str | None) -> int | None:
    if getattr(source, "features", None) is not None:
        return None
    target = getattr(source, "target", "")
    others = {*(target if isinstance(target, tuple) else (target,)), *getattr(source, "ignore", ())}
    others |= {getattr(source, "weight", None), key} - {None}
    return len(others)


def written_as(config: Sections, width: int | None = None) -> Written:
    """How a CSV of rows is written; width: how many columns the file had that was trained on.

    Whether that file named its columns was found out then, so it is no question any more.
    """
    source = None if config.data.inputs is not None else builder.source(config)
    if isinstance(source, Jsonl | Parquet):  # a CSV with the same columns
        marks = tuple(dict.fromkeys(("", *source.missing)))
        return Written(replace(NAMED, missing=marks), source.target, width)
    if not isinstance(source, Csv):
        return Written(NAMED, None, width)
    format = replace(source.format, header=source.header is not False)
    return Written(format, source.target, width)


def pictures_as(config: Sections) -> Wanted | None:
    """How the files are decoded that rows are made of; None where they are not made of pictures."""
    source = None if config.data.inputs is not None else builder.source(config)
    return source.wanted if isinstance(source, ImageFolder) else None


def arrays_of(config: Sections) -> dict[str, str | None]:
    """The array that holds each value of a row, by the value's name; None for the only value."""
    inputs = config.data.inputs
    return {ONLY: None} if inputs is None else {name: one.array for name, one in inputs.items()}
