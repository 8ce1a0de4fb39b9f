"""The data: where rows come from, how they are split, and what is done to them."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import model_validator

from dlcli.config import hints
from dlcli.config.base import Component, Model, table
from dlcli.config.layers import TargetShape
from dlcli.config.values import Choice, Listing, Real, Switch, Text, Whole, wrong, wrong_value

THOUSANDS = ",.'_ \u00a0\u2009\u202f\u2019"
"""Separators between groups of three digits: blank and apostrophe in each of their forms."""

FileName = Annotated[str, Text("the name of a file")]
_Name = Annotated[str, Text("the name of a column", longest=1000)]
_Names = Annotated[tuple[_Name, ...], Listing(most=100_000, least=1, unique=True)]


class _ClassName(Text):
    """The name of a class; a label that is a whole number is named by its digits."""

    def __call__(self, value: Any) -> str:
        if isinstance(value, bool):
            word = str(value)
            raise wrong_value(
                f"must be the name of a class, not the boolean `{word.lower()}` (write it in "
                f'quotes and as the data has it, such as "{word}")'
            )
        if isinstance(value, float):
            raise wrong_value(
                f"must be the name of a class, not {value} (a label is text or a whole number)"
            )
        return super().__call__(str(value) if isinstance(value, int) else value)

    def json_schema(self) -> dict[str, Any]:
        whole = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
        return {"anyOf": [super().json_schema(), whole]}


_PositiveClass = Annotated[str, _ClassName("the name of a class", longest=1000)] | None


class SourceModel(Model):
    """What all sources have."""

    def brings_test(self) -> bool | None:
        """Whether the source has a test part of its own; None where only the file can say."""
        return False


def _both(source: Model, first: str, second: str) -> None:
    """Two files that only make sense together."""
    for given, other in ((first, second), (second, first)):
        if getattr(source, given) is not None and getattr(source, other) is None:
            raise wrong(f"`{given}` needs `{other}` beside it", given)


class Digits(SourceModel):
    """1,797 images of 8 x 8 pixels, ten classes; comes with dlcli."""

    type: Literal["digits"] = "digits"


class BreastCancer(SourceModel):
    """569 rows of 30 features, two classes; comes with dlcli."""

    type: Literal["breast_cancer"] = "breast_cancer"
    positive_class: _PositiveClass = None


class Friedman1(SourceModel):
    """A generated regression task; features beyond the fifth are noise."""

    type: Literal["friedman1"] = "friedman1"
    samples: Annotated[int, Whole(2, 10_000_000)] = 2000
    noise: Annotated[float, Real(0.0, 1e6)] = 1.0
    features: Annotated[int, Whole(5, 10_000)] = 10


class Mnist(SourceModel):
    """70,000 images of 28 x 28 pixels, ten classes, with a test part."""

    type: Literal["mnist"] = "mnist"

    def brings_test(self) -> bool:
        return True


class Idx(SourceModel):
    """Files of the format that MNIST is published in."""

    type: Literal["idx"] = "idx"
    images: FileName
    labels: FileName
    test_images: FileName | None = None
    test_labels: FileName | None = None
    positive_class: _PositiveClass = None

    def brings_test(self) -> bool:
        return self.test_images is not None

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        _both(self, "test_images", "test_labels")
        return self


class Csv(SourceModel):
    """A table in a text file; without `features` every column but the target is one.

    header: whether line 1 names the columns; null: it does, and is refused if it looks like data.
        Columns without names are called column_1, column_2, ...
    decimal, thousands: the separators in the numbers of the file.
    """

    # Versions without these options took line 1 for names, whatever it held.
    before: ClassVar[Mapping[str, Any]] = {"header": True}

    type: Literal["csv"] = "csv"
    path: FileName
    target: _Name
    features: _Names | None = None
    delimiter: Annotated[
        str,
        Text(
            "one character, neither a quote nor a line break",
            fits=lambda text: len(text) == 1 and text not in '"\r\n\0',
        ),
    ] = ","
    header: Annotated[bool, Switch()] | None = None
    decimal: Annotated[str, Choice((".", ","))] = "."
    thousands: (
        Annotated[
            str,
            Text(
                "one of the characters , . ' _ or a blank",
                fits=lambda text: len(text) == 1 and text in THOUSANDS,
            ),
        ]
        | None
    ) = None
    test_path: FileName | None = None
    positive_class: _PositiveClass = None

    def brings_test(self) -> bool:
        return self.test_path is not None

    @model_validator(mode="after")
    def _separators_differ(self) -> Self:
        if self.thousands == self.decimal:
            at = "thousands" if "thousands" in self.model_fields_set else "decimal"
            both = f"`thousands` and `decimal` cannot both be `{self.decimal}`"
            raise wrong(both, at)
        return self

    @model_validator(mode="after")
    def _target_is_no_feature(self) -> Self:
        if self.features is not None and self.target in self.features:
            where = self.features.index(self.target)
            raise wrong(f"the target `{self.target}` cannot be a feature too", "features", where)
        return self


class Npy(SourceModel):
    """Two .npy files, features and target, row by row."""

    type: Literal["npy"] = "npy"
    features: FileName
    target: FileName
    test_features: FileName | None = None
    test_target: FileName | None = None
    positive_class: _PositiveClass = None

    def brings_test(self) -> bool:
        return self.test_features is not None

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        _both(self, "test_features", "test_target")
        return self


class Npz(SourceModel):
    """An archive with `x` and `y`, or `x_train`, `y_train` and optional other parts."""

    type: Literal["npz"] = "npz"
    path: FileName
    positive_class: _PositiveClass = None

    def brings_test(self) -> None:
        return None


Source = Annotated[
    Digits | BreastCancer | Friedman1 | Mnist | Idx | Csv | Npy | Npz,
    Component("data source", words=hints.SOURCES),
]
SOURCE_CONFIGS: dict[str, type[SourceModel]] = table(Source)


class Rescale(Model):
    """x * scale + offset"""

    type: Literal["rescale"] = "rescale"
    scale: Annotated[float, Real()]
    offset: Annotated[float, Real()] = 0.0


class Standardize(Model):
    """(x - mean) / standard deviation, both of the training part."""

    type: Literal["standardize"] = "standardize"


class MinMax(Model):
    """The training part's range becomes minimum .. maximum."""

    type: Literal["min_max"] = "min_max"
    minimum: Annotated[float, Real(-1e6, 1e6)] = 0.0
    maximum: Annotated[float, Real(-1e6, 1e6)] = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum >= self.maximum:
            at = "minimum" if "minimum" in self.model_fields_set else "maximum"
            bounds = f"`minimum` ({self.minimum}) must be below `maximum` ({self.maximum})"
            raise wrong(bounds, at)
        return self


class _NameOrPosition(Text):
    """A column's name, or its position (from 0) where rows have no names; kept as text."""

    def __call__(self, value: Any) -> str:
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return super().__call__(str(value) if whole else value)

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [super().json_schema(), {"type": "integer", "minimum": 0}]}


_Columns = Annotated[
    tuple[Annotated[str, _NameOrPosition("the name or position of a column", longest=1000)], ...],
    Listing(most=100_000, least=1, unique=True),
]


class OneHot(Model):
    """A text column becomes one column for each of its values; default: every text column."""

    type: Literal["one_hot"] = "one_hot"
    columns: _Columns | None = None


class ReshapeRows(Model):
    type: Literal["reshape"] = "reshape"
    target_shape: TargetShape


class _Dims(Listing):
    """The numbers 1 to the length of the list, in some order."""

    def __call__(self, value: Any) -> Any:
        dims = super().__call__(value)
        whole = [dim for dim in dims if isinstance(dim, int) and not isinstance(dim, bool)]
        if len(whole) == len(dims) and sorted(whole) != list(range(1, len(dims) + 1)):
            raise wrong_value(
                f"must hold each of the numbers 1 to {len(dims)} once (the axes of a row, counted "
                f"from 1), not {list(dims)}"
            )
        return dims


class Transpose(Model):
    """The axes of a row in another order; [2, 3, 1] puts the first axis (of channels) last."""

    type: Literal["transpose"] = "transpose"
    dims: Annotated[tuple[Annotated[int, Whole(1, 8)], ...], _Dims(most=8, least=1)]


Transform = Annotated[
    Rescale | Standardize | MinMax | OneHot | ReshapeRows | Transpose,
    Component("transform", words=hints.TRANSFORMS),
]
TargetTransform = Annotated[
    Standardize | MinMax, Component("target transform", words=hints.TRANSFORMS)
]
TRANSFORM_CONFIGS: dict[str, type[Model]] = table(Transform)
TARGET_TRANSFORM_CONFIGS: dict[str, type[Model]] = table(TargetTransform)

VALIDATION = 0.1
TEST = 0.2
_Share = Annotated[float, Real(0.0, below=1.0)]


class Split(Model):
    """The fractions that are drawn from the rows; None: the default, where it applies."""

    validation: _Share | None = None
    test: _Share | None = None
    stratify: Annotated[bool, Switch()] = False
    keep_rare: Annotated[bool, Switch()] = True

    # Before there was the option, the last row of a class could be drawn for another part.
    before: ClassVar[Mapping[str, Any]] = {"keep_rare": False}


class Data(Model):
    source: Source
    split: Split = Split()
    transforms: Annotated[tuple[Transform, ...], Listing(most=100)] = ()
    target_transform: TargetTransform | None = None
