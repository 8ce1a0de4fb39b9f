"""What all layers of the vocabulary have: a name, what they read, whether they learn."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from dlcli.config.base import Section
from dlcli.config.values import Choice, Listing, Sizes, Switch, Text, Whole, wrong, wrong_value

NAME = Text(
    "a name of lower-case letters, digits and `_` that begins with a letter",
    longest=64,
    fits=re.compile(r"[a-z][a-z0-9_]*").fullmatch,
)
LayerName = Annotated[str, NAME]
Padding = Annotated[Literal["valid", "same"], Choice(("valid", "same"))]
Pair = Annotated[tuple[int, int], Sizes()]


class LayerModel(Section):
    """What all layers have. Without a `name` a layer is called `<type>_<n>`.

    later: the names of options that came later: see Grown.
    trainable: whether its arrays learn; false on a block freezes every layer inside.
    """

    later: ClassVar[tuple[str, ...]] = ()

    type: str
    name: LayerName | None = None
    trainable: Annotated[bool, Switch()] = True

    @model_validator(mode="after")
    def _penalties_have_arrays(self) -> Self:
        for array, option in _NEEDS.items():
            key = f"{array}_regularizer"
            if getattr(self, key, None) is not None and not getattr(self, option, True):
                words = f"with `{option}: false` the layer has no {array}, so `{key}` does nothing"
                raise wrong(f"{words}: leave it out", key)
        return self

    @model_serializer(mode="wrap")
    def _without_the_usual(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without options that came later and are not used, so that what does without them is
        written as it always was."""
        written: dict[str, Any] = write(self)
        unused = [name for name in written if _later(name) and getattr(self, name) is None]
        fields = type(self).model_fields
        unused += [name for name in self.later if getattr(self, name) == fields[name].default]
        for name in (*unused, *(["trainable"] if self.trainable else [])):
            written.pop(name, None)  # within blocks, it is asked twice
        return written


_NEEDS = {"bias": "use_bias", "gamma": "scale", "beta": "center"}
"""Which option gives a layer its array."""


def _later(name: str) -> bool:
    """Whether this option was not there at first; None stands for its not being used."""
    return name == "input" or name.endswith("_regularizer")


class OneInput(LayerModel):
    """A layer of one input: the value of an earlier layer or of the data; None: the one before."""

    input: LayerName | None = None


class _Size(Whole):
    """One length of a shape; -1 is worked out from the others."""

    def __call__(self, value: Any) -> int:
        if value == 0 and not isinstance(value, bool):
            raise wrong_value("must be a length of 1 or more, or -1 (worked out), not 0")
        return super().__call__(value)


class _TargetShape(Listing):
    def __call__(self, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            raise wrong_value(f"must be a list of lengths: write [{value}]")
        sizes = super().__call__(value)
        if sizes.count(-1) > 1:
            raise wrong_value("may have one -1 only (the length that is worked out)")
        return sizes


TargetShape = Annotated[
    tuple[Annotated[int, _Size(-1, 1_000_000)], ...], _TargetShape(most=8, least=1)
]
