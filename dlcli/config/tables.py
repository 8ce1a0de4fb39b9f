"""Tables with named columns: what their sources have in common, and delimited text."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dlcli.config.base import Grown
from dlcli.config.source_sections import COLUMN, FileName, Name, Names, PositiveClass, SourceModel
from dlcli.config.values import ByName, Checked, Choice, Listing, Switch, Text, wrong, wrong_value
from dlcli.config.wording import choices, instead
from dlcli.dates import check_format
from dlcli.frozen import frozen

THOUSANDS = ",.'_ \u00a0\u2009\u202f\u2019"
"""Separators between groups of three digits: blank and apostrophe in each of their forms."""


class _Target(Checked):
    """The column to learn, or several."""

    def __call__(self, value: Any) -> str | tuple[str, ...]:
        if not isinstance(value, list | tuple):
            return COLUMN(value)
        names = Listing(most=10_000, least=1)(value)
        found = []
        for index, name in enumerate(names):
            try:
                found.append(COLUMN(name))
            except PydanticCustomError as error:
                words = (error.context or {})["message"]
                raise wrong(f"a target {words}", index) from None
            if found[-1] in found[:-1]:
                raise wrong(f"`{found[-1]}` is listed twice", index)
        return found[0] if len(found) == 1 else tuple(found)

    def json_schema(self) -> dict[str, Any]:
        one = COLUMN.json_schema()
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


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


class _Kind(Checked):
    """What a column holds: a word, or how its dates are written."""

    known = ("text", "number", "date")

    def __call__(self, value: Any) -> str:
        if isinstance(value, str) and value in self.known:
            return value
        if isinstance(value, str) and "%" in value and len(value) <= 100:
            try:
                check_format(value)
            except ValueError as error:
                raise wrong_value(f"is no format of dates: {error}") from None
            return value
        raise wrong_value(
            f"must be {choices(self.known)}, or a format of dates such as %d/%m/%Y{instead(value)}"
        )

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [{"enum": list(self.known)}, {"type": "string", "pattern": "%"}]}


MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "None", "?")
"""The cells that stand for no value where nothing else is said."""


class _Marks(Checked):
    """Cells that stand for no value."""

    def __call__(self, value: Any) -> tuple[str, ...]:
        found = []
        for index, mark in enumerate(Listing(most=100)(value)):
            if isinstance(mark, int | float) and not isinstance(mark, bool):
                mark = str(mark)
            if not isinstance(mark, str) or mark != mark.strip() or len(mark) > 100:
                raise wrong(
                    "a mark of a missing value must be text as the file has it, without blanks "
                    f"around it{instead(mark)} (write it in quotes)",
                    index,
                )
            if mark in found:
                raise wrong(f"`{mark}` is listed twice", index)
            found.append(mark)
        return tuple(found)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": ["string", "number"]}, "maxItems": 100}


class TableModel(SourceModel, Grown):
    """What sources of tables with named columns have in common.

    target: the column to learn, or several columns of numbers.
    features: the columns to learn from; by default all others but those of `ignore`.
    ignore: columns that are not learned from.
    test_path: a file of the same columns for the test part.
    validation_path: a file of the same columns for the validation part.
    kinds: text, number, date or a format of dates, for columns whose look misleads: codes that
        begin with digits.
    weight: the column that says how much a row counts in the loss.
    missing_target: drop leaves out the rows whose target is missing.
    """

    if TYPE_CHECKING:  # each source has the fields in its own order, in which they are written
        target: str | tuple[str, ...]
        features: tuple[str, ...] | None
        ignore: tuple[str, ...]
        kinds: Mapping[str, str]
        weight: str | None

    @model_validator(mode="after")
    def _one_column_is_one_thing(self) -> Self:
        targets = (self.target,) if isinstance(self.target, str) else self.target
        features = self.features or ()
        for target in targets:
            if target in features:
                where = features.index(target)
                raise wrong(f"the target `{target}` cannot be a feature too", "features", where)
            if target in self.ignore:
                where = self.ignore.index(target)
                raise wrong(f"the target `{target}` cannot be ignored", "ignore", where)
        if self.weight in targets:
            raise wrong(f"the target `{self.weight}` cannot be the weight too", "weight")
        if self.weight is not None and self.kinds.get(self.weight, "number") != "number":
            raise wrong("weights are numbers; leave the column out here", "kinds", self.weight)
        if self.weight is not None and self.weight in features:
            where = features.index(self.weight)
            raise wrong(f"the weight `{self.weight}` cannot be a feature too", "features", where)
        if self.weight is not None and self.weight in self.ignore:
            where = self.ignore.index(self.weight)
            raise wrong(f"the weight `{self.weight}` cannot be ignored", "ignore", where)
        for where, name in enumerate(self.ignore):
            if name in features:
                raise wrong(f"`{name}` is among the features: leave it out there", "ignore", where)
        for target in targets:
            kind = self.kinds.get(target, "number")
            if "%" in kind or kind == "date":
                raise wrong("a date cannot be learned", "kinds", target)
            if len(targets) > 1 and kind == "text":
                raise wrong("of several targets, each is a number", "kinds", target)
        return self


_Ignored = Annotated[tuple[Name, ...], Listing(most=100_000, unique=True)]
MissingTarget = Annotated[str, Choice(("error", "drop"))]
Delimiter = Annotated[str, _Delimiter()]
Kinds = Annotated[dict[str, str], ByName(COLUMN, _Kind())]


class Csv(TableModel):
    """A table in a text file; without `features` every column but the target is one.

    header: whether line 1 names the columns; null: it does, and is refused if it looks like data.
        Columns without names are called column_1, column_2, ...
    names: the names of the columns, where the file has none, or (with `header: true`) in place of
        those in it.
    delimiter: one character, or blanks: any run of spaces and tabs.
    decimal: what stands before the fraction of a number.
    thousands: what stands between groups of three digits.
    comment: what lines begin with that are passed over.
    quote: around cells that hold a delimiter.
    missing: the cells that stand for no value.
    """

    # Versions without these options took line 1 for names, whatever it held, and every cell for a
    # value.
    before: ClassVar[Mapping[str, Any]] = {"header": True, "missing": None}
    later = ("names", "quote", "missing", "missing_target", "ignore", "validation_path")

    type: Literal["csv"] = "csv"
    path: FileName
    target: Annotated[str | tuple[str, ...], _Target()]
    features: Names | None = None
    delimiter: Delimiter = ","
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
    kinds: Kinds = Field(default_factory=dict)
    weight: Name | None = None
    test_path: FileName | None = None
    positive_class: PositiveClass = None

    names: Annotated[tuple[Name, ...], Listing(most=100_000, least=1, unique=True)] | None = None
    quote: Annotated[str, Choice(('"', "'"))] = '"'
    missing: Annotated[tuple[str, ...], _Marks()] | None = MISSING
    missing_target: MissingTarget = "error"
    ignore: _Ignored = ()
    validation_path: FileName | None = None

    def brings_test(self) -> bool:
        return self.test_path is not None

    def brings_validation(self) -> bool:
        return self.validation_path is not None

    @model_validator(mode="after")
    def _separators_differ(self) -> Self:
        if self.thousands == " " and self.delimiter == "blanks":
            raise wrong("`thousands` cannot be a blank where `delimiter` is `blanks`", "thousands")
        if self.thousands == self.decimal:
            at = "thousands" if "thousands" in self.model_fields_set else "decimal"
            both = f"`thousands` and `decimal` cannot both be `{self.decimal}`"
            raise wrong(both, at)
        for name in ("delimiter", "thousands", "comment"):
            if getattr(self, name) == self.quote:
                raise wrong(f"`{name}` and `quote` cannot both be `{self.quote}`", name)
        return self


class _FilesOfRows(TableModel):
    """What sources have whose files name their columns.

    missing: the texts that stand for no value.
    """

    type: str = ""  # first among the fields, as in all components
    path: FileName
    target: Annotated[str | tuple[str, ...], _Target()]
    features: Names | None = None
    ignore: _Ignored = ()
    kinds: Kinds = Field(default_factory=dict)
    weight: Name | None = None
    test_path: FileName | None = None
    validation_path: FileName | None = None
    positive_class: PositiveClass = None
    missing: Annotated[tuple[str, ...], _Marks()] = MISSING
    missing_target: MissingTarget = "error"

    def brings_test(self) -> bool:
        return self.test_path is not None

    def brings_validation(self) -> bool:
        return self.validation_path is not None


class Jsonl(_FilesOfRows):
    """A table of JSON objects, one on a line, their keys the columns."""

    type: Literal["jsonl"] = "jsonl"


class Parquet(_FilesOfRows):
    """A table in a Parquet file; needs the extra `arrow`."""

    type: Literal["parquet"] = "parquet"
