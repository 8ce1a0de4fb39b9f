"""What is done to features and targets before a network sees them: transforms."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import model_validator

from dlcli.config import synonyms
from dlcli.config.base import Component, Grown, Section, table
from dlcli.config.images import CenterCrop, Resizing
from dlcli.config.layer_sections import TargetShape
from dlcli.config.values import (
    Checked,
    Choice,
    KindOr,
    Listing,
    Real,
    Switch,
    Text,
    Whole,
    wrong,
    wrong_value,
)
from dlcli.config.wording import instead


class _NameOrPosition(Text):
    """A column's name, or its position (from 0) where rows have no names; kept as text."""

    def __call__(self, value: Any) -> str:
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return super().__call__(str(value) if whole else value)

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [super().json_schema(), {"type": "integer", "minimum": 0}]}


_Named = Annotated[
    tuple[Annotated[str, _NameOrPosition("the name or position of a column", longest=1000)], ...],
    Listing(most=100_000, least=1, unique=True),
]
_Numbers = Annotated[_Named, KindOr(("numeric",), ("text", "category"))]
_Fillable = Annotated[_Named, KindOr(("numeric", "text", "date"), ("category",))]
_Dates = Annotated[_Named, KindOr(("date",), ("numeric", "text", "category"))]
_Texts = Annotated[_Named, KindOr(("text",), ("numeric", "category", "date"))]
_Categories = Annotated[_Named, KindOr(("text", "numeric"), ("category",))]
_Encodable = Annotated[_Named, KindOr(("text", "numeric", "category"))]


class _OfColumns(Grown):
    """A transform of which some columns are chosen, by their names or by what they hold."""

    later: ClassVar[tuple[str, ...]] = ("columns",)


class Rescale(_OfColumns):
    """x * scale + offset

    scale: what numbers are multiplied by.
    offset: what is added then.
    """

    type: Literal["rescale"] = "rescale"
    scale: Annotated[float, Real()]
    offset: Annotated[float, Real()] = 0.0
    columns: _Numbers | None = None


class Standardize(_OfColumns):
    """(x - mean) / standard deviation, both of the training part."""

    type: Literal["standardize"] = "standardize"
    columns: _Numbers | None = None


class StandardizeTarget(Section):
    """(t - mean) / standard deviation, both of the training part."""

    type: Literal["standardize"] = "standardize"


class MinMaxTarget(Section):
    """The training part's range becomes minimum .. maximum.

    minimum: what the smallest number becomes.
    maximum: what the largest number becomes.
    """

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


class MinMax(MinMaxTarget, _OfColumns):
    """The training part's range becomes minimum .. maximum."""

    columns: _Numbers | None = None


class _Percents(Listing):
    """Two ascending shares in percent."""

    def __call__(self, value: Any) -> Any:
        found = super().__call__(value)
        numbers = [Real(0.0, 100.0)(one) for one in found]
        if len(numbers) != 2 or numbers[0] >= numbers[1]:
            raise wrong_value(f"must be two ascending numbers from 0 to 100, not {list(found)}")
        return tuple(numbers)


class RobustTarget(Section):
    """(t - median) / (high - low), by quantiles of the training part.

    with_centering: whether the median is taken away.
    with_scaling: whether the difference is divided.
    quantile_range: low and high, in percent.
    """

    type: Literal["robust"] = "robust"
    with_centering: Annotated[bool, Switch()] = True
    with_scaling: Annotated[bool, Switch()] = True
    quantile_range: Annotated[tuple[float, float], _Percents(most=2, least=2)] = (25.0, 75.0)

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not self.with_centering and not self.with_scaling:
            raise wrong("without centering and scaling nothing is done", "with_scaling")
        return self


class Robust(RobustTarget):
    """(x - median) / (high - low), by quantiles of the training part."""

    columns: _Numbers | None = None


class QuantileTarget(Section):
    """The rank among the targets of the training part, from 0 to 1, or as a normal variable."""

    type: Literal["quantile"] = "quantile"
    n_quantiles: Annotated[int, Whole(2, 100_000)] = 1000
    output_distribution: Annotated[str, Choice(("uniform", "normal"))] = "uniform"


class Quantile(QuantileTarget):
    """The rank among the numbers of the training part, from 0 to 1, or as a normal variable."""

    columns: _Numbers | None = None


class Clip(Section):
    """Numbers below `minimum` or above `maximum` become these.

    minimum: the smallest number.
    maximum: the largest number.
    example: {type: clip, minimum: 0.0, maximum: 1.0}
    """

    type: Literal["clip"] = "clip"
    minimum: Annotated[float, Real()] | None = None
    maximum: Annotated[float, Real()] | None = None
    columns: _Numbers | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise wrong("`clip` needs a `minimum`, a `maximum` or both")
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            bounds = f"`minimum` ({self.minimum}) must be below `maximum` ({self.maximum})"
            raise wrong(bounds, "minimum")
        return self


class Log1pTarget(Section):
    """log(1 + t)"""

    type: Literal["log1p"] = "log1p"


class Log1p(Log1pTarget):
    """log(1 + x)"""

    columns: _Numbers | None = None


class Discretize(Section):
    """Numbers become the bins that they are in.

    n_bins: how many bins there are.
    strategy: quantile (about equally many training rows in each) or uniform (equally wide ones).
    """

    type: Literal["discretize"] = "discretize"
    n_bins: Annotated[int, Whole(2, 10_000)] = 5
    strategy: Annotated[str, Choice(("quantile", "uniform"))] = "quantile"
    encode: Annotated[str, Choice(("one_hot", "ordinal"))] = "one_hot"
    columns: _Numbers | None = None


class _FillValue(Checked):
    """A number or a text."""

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str):
            return Text("a text, or a number", longest=1000)(value)
        return Real()(value)

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["number", "string"]}


_STRATEGIES = ("mean", "median", "most_frequent", "constant")


class Impute(Section):
    """Missing cells are filled in by what is usual in the training part."""

    type: Literal["impute"] = "impute"
    strategy: Annotated[str, Choice(_STRATEGIES)] = "mean"
    fill_value: Annotated[float | str, _FillValue()] | None = None
    add_indicator: Annotated[bool, Switch()] = False
    columns: _Fillable | None = None

    @model_validator(mode="after")
    def _constant_alone_has_a_value(self) -> Self:
        if self.fill_value is not None and self.strategy != "constant":
            raise wrong("`fill_value` is for `strategy: constant`", "fill_value")
        return self


_PARTS = ("year", "month", "day", "weekday", "hour", "minute", "day_of_year", "days")


class DateParts(Section):
    """Dates become columns of numbers: year, month and so on."""

    type: Literal["date_parts"] = "date_parts"
    parts: Annotated[
        tuple[Annotated[str, Choice(_PARTS)], ...], Listing(most=8, least=1, unique=True)
    ] = ("year", "month", "day", "weekday", "hour")
    cyclic: Annotated[bool, Switch()] = False
    columns: _Dates | None = None


_MOST = 2**53


class _Frequency(Checked):
    """So many rows, or a share of them."""

    def __call__(self, value: Any) -> Any:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and (0.0 < value < 1.0 or (isinstance(value, int) and 1 <= value <= _MOST)):
            return value
        raise wrong_value(
            "must be a number of rows, 1 or more, or a share of them, above 0 and below 1"
            f"{instead(value)}"
        )

    def json_schema(self) -> dict[str, Any]:
        share = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
        return {"anyOf": [{"type": "integer", "minimum": 1, "maximum": _MOST}, share]}


_Unknown = Annotated[Literal["error", "ignore", "bucket"], Choice(("error", "ignore", "bucket"))]
_MostCategories = Annotated[int, Whole(1, 2**24 - 1)]


class OneHot(_OfColumns):
    """A column of categories becomes one column for each of them; default: every text column."""

    later = ("handle_unknown", "min_frequency", "max_categories")

    type: Literal["one_hot"] = "one_hot"
    columns: _Encodable | None = None
    handle_unknown: _Unknown = "error"
    min_frequency: Annotated[float, _Frequency()] | None = None
    max_categories: _MostCategories | None = None


class _InOrder(Listing):
    """Texts and numbers, all different."""

    def __call__(self, value: Any) -> Any:
        found = tuple(map(_FillValue(), super().__call__(value)))
        for index, one in enumerate(found):
            if str(one) in map(str, found[:index]):
                raise wrong(f"`{one}` is listed twice", index)
        return found


class Ordinal(Section):
    """Categories become their places in the order that is given."""

    type: Literal["ordinal"] = "ordinal"
    categories: Annotated[tuple[str | float, ...], _InOrder(most=100_000, least=1)]
    handle_unknown: Annotated[Literal["error", "ignore"], Choice(("error", "ignore"))] = "error"
    columns: _Categories | None = None


class Category(Section):
    """A column of categories becomes one of ids, for `column_embeddings`; default: every text
    column."""

    type: Literal["category"] = "category"
    columns: _Categories | None = None
    handle_unknown: _Unknown = "error"
    min_frequency: Annotated[float, _Frequency()] | None = None
    max_categories: _MostCategories | None = None


class Hash(Section):
    """Texts become the numbers of bins.

    num_bins: how many bins there are.
    """

    type: Literal["hash"] = "hash"
    num_bins: Annotated[int, Whole(2, 2**24 - 1)]
    output_mode: Annotated[str, Choice(("int", "one_hot"))] = "int"
    columns: _Texts | None = None


class ReshapeRows(Section):
    """Rows get another shape with as many numbers.

    target_shape: the shape of a row; one length may be -1 and is then worked out.
    """

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


class Transpose(Section):
    """The axes of a row in another order; [2, 3, 1] puts the first axis (of channels) last."""

    type: Literal["transpose"] = "transpose"
    dims: Annotated[tuple[Annotated[int, Whole(1, 8)], ...], _Dims(most=8, least=1)]


Transform = Annotated[
    Rescale
    | Standardize
    | MinMax
    | Robust
    | Quantile
    | Clip
    | Log1p
    | Discretize
    | Impute
    | DateParts
    | Ordinal
    | OneHot
    | Category
    | Hash
    | ReshapeRows
    | Transpose
    | Resizing
    | CenterCrop,
    Component("transform", words=synonyms.TRANSFORMS),
]
TargetTransform = Annotated[
    StandardizeTarget | MinMaxTarget | RobustTarget | Log1pTarget | QuantileTarget,
    Component("target transform", words=synonyms.TRANSFORMS),
]
TRANSFORM_CONFIGS: dict[str, type[Section]] = table(Transform)
TARGET_TRANSFORM_CONFIGS: dict[str, type[Section]] = table(TargetTransform)
