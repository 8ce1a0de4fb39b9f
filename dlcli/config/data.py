"""The data: where rows come from, how they are split, and what is done to them."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from dlcli.config import synonyms
from dlcli.config.augmentation import Augmentations
from dlcli.config.base import Component, Section, table
from dlcli.config.layer_sections import NAME, TargetShape
from dlcli.config.sources import NPZ_PAIRS, ArrayName, Npz, Source
from dlcli.config.values import (
    Checked,
    Choice,
    KindOr,
    Listing,
    Named,
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
_Categories = Annotated[_Named, KindOr(("text", "numeric"), ("category",))]
_Encodable = Annotated[_Named, KindOr(("text", "numeric", "category"))]


class _OfColumns(Section):
    """A transform of which some columns are chosen, by their names or by what they hold.

    later: options that came later: one that is not given is left out, so that a config is written
        out as it always was.
    """

    later: ClassVar[tuple[str, ...]] = ("columns",)

    @model_serializer(mode="wrap")
    def _without_the_usual(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        usual = {name: type(self).model_fields[name].default for name in self.later}
        return {
            name: value
            for name, value in written.items()
            if name not in usual or getattr(self, name) != usual[name]
        }


class Rescale(_OfColumns):
    """x * scale + offset"""

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


class MinMax(MinMaxTarget, _OfColumns):
    """The training part's range becomes minimum .. maximum."""

    columns: _Numbers | None = None


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


class Category(Section):
    """A column of categories becomes one of ids, for `column_embeddings`; default: every text
    column."""

    type: Literal["category"] = "category"
    columns: _Categories | None = None
    handle_unknown: _Unknown = "error"
    min_frequency: Annotated[float, _Frequency()] | None = None
    max_categories: _MostCategories | None = None


class ReshapeRows(Section):
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
    Rescale | Standardize | MinMax | OneHot | Category | ReshapeRows | Transpose,
    Component("transform", words=synonyms.TRANSFORMS),
]
TargetTransform = Annotated[
    StandardizeTarget | MinMaxTarget, Component("target transform", words=synonyms.TRANSFORMS)
]
TRANSFORM_CONFIGS: dict[str, type[Section]] = table(Transform)
TARGET_TRANSFORM_CONFIGS: dict[str, type[Section]] = table(TargetTransform)

VALIDATION = 0.1
TEST = 0.2
_Share = Annotated[float, Real(0.0, below=1.0)]


class Split(Section):
    """The fractions that are drawn from the rows; None: the default, where it applies."""

    validation: _Share | None = None
    test: _Share | None = None
    stratify: Annotated[bool, Switch()] = False
    keep_rare: Annotated[bool, Switch()] = True

    # Before there was the option, the last row of a class could be drawn for another part.
    before: ClassVar[Mapping[str, Any]] = {"keep_rare": False}


class Input(Section):
    """A value of each row, by the name of its array.

    transforms: what is done to it, fitted on its own training rows.
    augmentation: what is done to it at random while it is learned from.
    """

    array: ArrayName
    validation_array: ArrayName | None = None
    test_array: ArrayName | None = None
    transforms: Annotated[tuple[Transform, ...], Listing(most=100)] = ()
    augmentation: Augmentations = ()


_NAMED = Named(NAME, most=100, reserved=("data", "shortcut"))
Inputs = Annotated[dict[str, Input], _NAMED]
_PARTS = ("validation", "test")


def input_names(written: Any) -> tuple[str, ...] | None:
    """The names of the data's values, "" for one that has none, whatever else is wrong with what
    is written below `inputs`; None where the names are."""
    if written is None:
        return ("",)
    try:
        return tuple(_NAMED(written))
    except PydanticCustomError:
        return None


class Data(Section):
    """inputs: the values of a row, by names that layers read them by; None: there is one, which
    has none."""

    source: Source
    inputs: Inputs | None = None
    split: Split = Split()
    transforms: Annotated[tuple[Transform, ...], Listing(most=100)] = ()
    augmentation: Augmentations = ()
    target_transform: TargetTransform | None = None

    @model_serializer(mode="wrap")
    def _without_the_usual(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `inputs` that are not given, so that data of one value is written as it always
        was."""
        written: dict[str, Any] = write(self)
        if self.inputs is None:
            written.pop("inputs", None)
        return written

    @model_validator(mode="after")
    def _named_where_there_are_inputs(self) -> Self:
        source = self.source
        if self.inputs is None:
            if isinstance(source, Npz):
                for first, second in NPZ_PAIRS:
                    if getattr(source, second) is not None and getattr(source, first) is None:
                        raise wrong(f"`{second}` needs `{first}` beside it", "source", second)
            return self
        if not isinstance(source, Npz):
            words = f"arrays of the source `npz`; for `{source.type}` they are not supported yet"
            raise wrong(f"`inputs` are {words}", "inputs")
        for first, _ in NPZ_PAIRS:
            if getattr(source, first) is not None:
                words = f"the arrays that rows are made of stand there: leave `{first}` out"
                raise wrong(f"with `data.inputs`, {words}", "source", first)
        if source.target is None:
            words = "needs `target`, the name of the array to learn"
            raise wrong(f"with `data.inputs`, the source {words}", "source")
        for key in ("transforms", "augmentation"):
            if getattr(self, key):
                words = f"each input has its own `{key}`: write these below the inputs they are for"
                raise wrong(f"with `data.inputs`, {words}", key)
        for name, one in self.inputs.items():
            _suits(source, name, one)
        return self


def _suits(source: Npz, name: str, one: Input) -> None:
    """Whether an input has its array in every part that the source has, and no target in it."""
    for part in _PARTS:
        array, target = f"{part}_array", f"{part}_target"
        given, wanted = getattr(one, array), getattr(source, target)
        if wanted is not None and given is None:
            words = f"`{name}` needs its `{array}`, because the source has `{target}`"
            raise wrong(f"the input {words}", "inputs", name)
        if given is not None and wanted is None:
            raise wrong(f"`{array}` needs `{target}` in the source", "inputs", name, array)
        if given is not None and given == wanted:
            raise wrong(f"the target `{wanted}` cannot be an input too", "inputs", name, array)
    weights = {getattr(source, f"{part}weight") for part in ("", "validation_", "test_")} - {None}
    for key in ("array", "validation_array", "test_array"):
        if getattr(one, key) in weights:
            words = f"the weight `{getattr(one, key)}` cannot be an input too"
            raise wrong(words, "inputs", name, key)
    if one.array == source.target:
        raise wrong(f"the target `{one.array}` cannot be an input too", "inputs", name, "array")
