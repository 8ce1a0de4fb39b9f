"""Where rows come from."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from dlcli.config import synonyms
from dlcli.config.base import Component, Section, table
from dlcli.config.values import (
    ByName,
    Choice,
    Listing,
    Real,
    Switch,
    Text,
    Whole,
    wrong,
    wrong_value,
)
from dlcli.config.wording import instead
from dlcli.frozen import frozen

THOUSANDS = ",.'_ \u00a0\u2009\u202f\u2019"
"""Separators between groups of three digits: blank and apostrophe in each of their forms."""

FileName = Annotated[str, Text("the name of a file")]


class _OrWhole(Text):
    """Text, or a whole number that stands for its digits."""

    def json_schema(self) -> dict[str, Any]:
        whole = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
        return {"anyOf": [super().json_schema(), whole]}


class _ColumnName(_OrWhole):
    """The name of a column; one of digits, as programs number columns, needs no quotes."""

    def __call__(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return super().__call__(str(value))
        if value is None or isinstance(value, bool | float):
            word = instead(value).removeprefix(",").strip()
            raise wrong_value(
                f"must be {self.what}, {word} (a name that YAML reads in another way is written in "
                'quotes, as the file has it: "true", "1e3", "null")'
            )
        return super().__call__(value)


_COLUMN = _ColumnName("the name of a column", longest=1000)
_Name = Annotated[str, _COLUMN]
_Names = Annotated[tuple[_Name, ...], Listing(most=100_000, least=1, unique=True)]


class _Target(_ColumnName):
    """The column to learn: one, so far."""

    def __call__(self, value: Any) -> str:
        if isinstance(value, list | tuple):
            raise wrong_value(
                "must be the name of one column: several targets in one table are not supported "
                "yet (save features and targets as two .npy files, or as the arrays x and y of an "
                ".npz file, which may have several columns)"
            )
        return super().__call__(value)


class _ClassName(_OrWhole):
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


CLASS_NAME = _ClassName("the name of a class", longest=1000)
_PositiveClass = Annotated[str, CLASS_NAME] | None


class SourceModel(Section):
    """What all sources have."""

    def brings_test(self) -> bool | None:
        """Whether the source has a test part of its own; None where only the file can say."""
        return False

    def brings_validation(self) -> bool | None:
        """As `brings_test`, for a validation part."""
        return False


def _both(source: Section, first: str, second: str) -> None:
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


_TAB = ("\\t", "tab")


@frozen
class _Delimiter(Text):
    """One character, or `blanks`."""

    what: str = "one character, neither a quote nor a line break, or `blanks`"

    def __call__(self, value: Any) -> str:
        if isinstance(value, str):
            if value == "blanks" or (len(value) == 1 and value not in '"\r\n\0'):
                return value
            if value.casefold() in _TAB:
                raise wrong_value(f'must be {self.what} (a tab is written "\\t", in double quotes)')
            if value and not value.strip(" \t"):
                raise wrong_value(f"must be {self.what} (for runs of blanks, write `blanks`)")
        raise wrong_value(f"must be {self.what}{instead(value)}")


class Csv(SourceModel):
    """A table in a text file; without `features` every column but the target is one.

    header: whether line 1 names the columns; null: it does, and is refused if it looks like data.
        Columns without names are called column_1, column_2, ...
    delimiter: one character, or blanks: any run of spaces and tabs.
    decimal, thousands: the separators in the numbers of the file.
    comment: what lines begin with that are passed over.
    kinds: text or number, for columns whose look misleads: codes that begin with digits.
    weight: the column that says how much a row counts in the loss.
    """

    # Versions without these options took line 1 for names, whatever it held.
    before: ClassVar[Mapping[str, Any]] = {"header": True}

    type: Literal["csv"] = "csv"
    path: FileName
    target: Annotated[str, _Target("the name of a column", longest=1000)]
    features: _Names | None = None
    delimiter: Annotated[str, _Delimiter()] = ","
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
    comment: (
        Annotated[
            str,
            Text(
                "one or two characters without blanks, such as #",
                fits=lambda text: 1 <= len(text) <= 2 and text.isprintable() and " " not in text,
            ),
        ]
        | None
    ) = None
    kinds: Annotated[dict[str, str], ByName(_COLUMN, Choice(("text", "number")))] = Field(
        default_factory=dict
    )
    weight: _Name | None = None
    test_path: FileName | None = None
    positive_class: _PositiveClass = None

    def brings_test(self) -> bool:
        return self.test_path is not None

    @model_validator(mode="after")
    def _separators_differ(self) -> Self:
        if self.thousands == " " and self.delimiter == "blanks":
            raise wrong("`thousands` cannot be a blank where `delimiter` is `blanks`", "thousands")
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
        if self.weight == self.target:
            raise wrong(f"the target `{self.target}` cannot be the weight too", "weight")
        if self.weight is not None and self.kinds.get(self.weight) == "text":
            raise wrong("weights are numbers; leave the column out here", "kinds", self.weight)
        if self.features is not None and self.weight in self.features:
            where = self.features.index(self.weight)
            raise wrong(f"the weight `{self.weight}` cannot be a feature too", "features", where)
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


class _ArrayName(Text):
    """The name of an array of an archive."""

    def __call__(self, value: Any) -> str:
        if isinstance(value, list | tuple | dict):
            raise wrong_value(
                f"must be {self.what} (arrays that make up a row together are named by "
                "`data.inputs`: {NAME: {array: ...}, ...})"
            )
        return super().__call__(value)


ArrayName = Annotated[str, _ArrayName("the name of an array")]
NPZ_PAIRS = (
    ("features", "target"),
    ("validation_features", "validation_target"),
    ("test_features", "test_target"),
)
"""Options of npz that belong together, unless the features are named among `data.inputs`."""


class Npz(SourceModel):
    """An archive with `x` and `y`, or `x_train`, `y_train` and optional other parts.

    features, target, ...: the names of the arrays, where they have others.
    weight, ...: the arrays that say how much each row counts in the loss.
    """

    type: Literal["npz"] = "npz"
    path: FileName
    features: ArrayName | None = None
    target: ArrayName | None = None
    validation_features: ArrayName | None = None
    validation_target: ArrayName | None = None
    test_features: ArrayName | None = None
    test_target: ArrayName | None = None
    weight: ArrayName | None = None
    validation_weight: ArrayName | None = None
    test_weight: ArrayName | None = None
    positive_class: _PositiveClass = None

    def brings_test(self) -> bool | None:
        return None if self.target is None else self.test_target is not None

    def brings_validation(self) -> bool | None:
        return None if self.target is None else self.validation_target is not None

    @model_validator(mode="after")
    def _features_have_targets(self) -> Self:
        for first, second in NPZ_PAIRS:
            if getattr(self, first) is not None and getattr(self, second) is None:
                raise wrong(f"`{first}` needs `{second}` beside it", first)
            if getattr(self, first) is not None and self.features is None:
                raise wrong(f"`{first}` needs `features` beside it", first)
        for part in ("validation", "test"):
            if getattr(self, f"{part}_weight") is not None and self.weight is None:
                raise wrong(f"`{part}_weight` needs `weight` beside it", f"{part}_weight")
        return self


Source = Annotated[
    Digits | BreastCancer | Friedman1 | Mnist | Idx | Csv | Npy | Npz,
    Component("data source", words=synonyms.SOURCES),
]
SOURCE_CONFIGS: dict[str, type[SourceModel]] = table(Source)
