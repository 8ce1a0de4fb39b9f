"""The data: where rows come from, how they are split, and what is done to them."""

from typing import Annotated, Any, Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from dlcli.config.augmentation import Augmentations
from dlcli.config.base import Grown, OneOrSeveral, Section
from dlcli.config.layer_sections import NAME
from dlcli.config.sources import NPZ_PAIRS, ArrayName, Npz, Source
from dlcli.config.splits import Split
from dlcli.config.transforms import TargetTransform, Transform
from dlcli.config.values import (
    Choice,
    Listing,
    Named,
    wrong,
)


class Input(Section):
    """A value of each row, by the name of its array.

    array: the name of the array.
    validation_array: the name of the array of the validation part.
    test_array: the name of the array of the test part.
    transforms: what is done to it, fitted on its own training rows.
    augmentation: what is done to it at random while it is learned from.
    example: {array: x_image}
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


TargetTransforms = Annotated[TargetTransform, OneOrSeveral(most=10)]


class Data(Grown):
    """What is learned from: where rows come from, how they are split, what is done to them.

    source: where rows come from.
    inputs: the values of a row, by names that layers read them by; by default there is one, which
        has none.
    split: which rows are the validation and the test part.
    transforms: what is done to rows before the network sees them, in this order.
    augmentation: what is done at random to rows that are learned from, in this order.
    target: `features` learns what the transforms make of a row, whatever the source's own
        target is.
    target_transform: what is done to the target, and undone in answers.
    audit: whether what is probably not meant is said, an error, or not looked for.
    example: {source: iris, split: {test: 0.2}, transforms: [standardize]}
    """

    later = ("inputs", "target", "audit")

    source: Source
    inputs: Inputs | None = None
    split: Split = Split()
    transforms: Annotated[tuple[Transform, ...], Listing(most=100)] = ()
    augmentation: Augmentations = ()
    target: Annotated[Literal["features"], Choice(("features",))] | None = None
    target_transform: TargetTransforms | None = None
    audit: Annotated[Literal["warn", "strict", "off"], Choice(("warn", "strict", "off"))] = "warn"

    @property
    def target_transforms(self) -> tuple[Any, ...]:
        """What is done to the target, in order."""
        given: Any = self.target_transform
        return given if isinstance(given, tuple) else () if given is None else (given,)

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
