"""Values with bounds: every kind checks itself.

Each says in one plain sentence what it must be and what it is instead, so that no message of the
validation library is ever shown. Types are strict: a boolean is no number, a number in quotes is
no number; a whole number may stand for a number.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidatorFunctionWrapHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from dlcli.config.absent import unknown
from dlcli.config.wording import choices, code, in_brackets, instead
from dlcli.frozen import frozen


def wrong(message: str, *at: str | int) -> PydanticCustomError:
    """A whole sentence about the place `at` below the one being checked."""
    return PydanticCustomError("sentence", "{message}", {"message": message, "at": at})


def wrong_value(message: str) -> PydanticCustomError:
    """The rest of a sentence that begins with the name of the key."""
    return PydanticCustomError("value", "{message}", {"message": message, "at": ()})


class Checked:
    """An annotation that checks a value by calling itself."""

    def __call__(self, value: Any) -> Any:
        raise NotImplementedError

    def json_schema(self) -> dict[str, Any]:
        return {}

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return self.json_schema()


@frozen
class Whole(Checked):
    """A whole number, both bounds included."""

    low: int
    high: int

    def __call__(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
            remedy = f" (write {int(value)})" if whole else ""
            raise wrong_value(f"must be a whole number{instead(value)}{remedy}")
        if not self.low <= value <= self.high:
            range_ = f"from {self.low} to {self.high}"
            raise wrong_value(f"must be a whole number {range_}{instead(value)}")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@frozen
class Real(Checked):
    """A number; `above` and `below` are bounds that are not included."""

    low: float = -1e30
    high: float = 1e30
    above: float | None = None
    below: float | None = None

    def __call__(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_value(f"must be a number{instead(value)}")
        too_low = value <= self.above if self.above is not None else value < self.low
        too_high = value >= self.below if self.below is not None else value > self.high
        if too_low or too_high or value != value:
            raise wrong_value(f"must be a number {self.range()}{instead(value)}")
        return float(value)

    def range(self) -> str:
        low = f"above {self.above:g}" if self.above is not None else f"at least {self.low:g}"
        high = f"below {self.below:g}" if self.below is not None else f"at most {self.high:g}"
        return f"{low} and {high}"

    def json_schema(self) -> dict[str, Any]:
        low = {"minimum": self.low} if self.above is None else {"exclusiveMinimum": self.above}
        high = {"maximum": self.high} if self.below is None else {"exclusiveMaximum": self.below}
        return {"type": "number", **low, **high}


@frozen
class Switch(Checked):
    """true or false"""

    def __call__(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise wrong_value(f"must be `true` or `false`{instead(value)}")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@frozen
class Text(Checked):
    """Text on one line, not blank; `what` says what kind, `fits` whether it is of that kind."""

    what: str = "text"
    longest: int = 4096
    fits: Callable[[str], object] | None = None

    def __call__(self, value: Any) -> str:
        if not isinstance(value, str):
            raise wrong_value(f"must be {self.what}{instead(value)}")
        if self.fits is not None:
            good = bool(self.fits(value))
        else:
            good = value.strip() != "" and value.isprintable()
        if not good:
            raise wrong_value(f"must be {self.what}{instead(value)}")
        if len(value) > self.longest:
            raise wrong_value(f"must have at most {self.longest} characters, not {len(value)}")
        return value

    def json_schema(self) -> dict[str, Any]:
        form = getattr(self.fits, "__self__", None)
        exact = {"pattern": f"^(?:{form.pattern})$"} if isinstance(form, re.Pattern) else {}
        return {"type": "string", "minLength": 1, "maxLength": self.longest, **exact}


@frozen(eq=False)
class Choice(Checked):
    """One of a few words; aliases are replaced, `hints` are sentences for foreign words."""

    known: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)  # squeezed foreign word -> known one
    noun: str = ""  # given where the words are many, so that the nearest is suggested

    def __call__(self, value: Any) -> str:
        if not isinstance(value, str):
            raise wrong_value(f"must be {choices(self.known)}{instead(value)}")
        word: str = self.aliases.get(value, value)
        if word in self.known:
            return word
        if not self.noun:
            raise wrong_value(f"must be {choices(self.known)}{instead(value)}")
        raise wrong(unknown(self.noun, value, self.known, self.aliases, self.words))

    def json_schema(self) -> dict[str, Any]:
        return {"enum": [*self.known, *self.aliases]}


@frozen
class Sizes(Checked):
    """One whole number for both directions or a pair [height, width]; becomes the pair."""

    high: int = 1024
    low: int = 1

    def __call__(self, value: Any) -> tuple[int, int]:
        if isinstance(value, int) and not isinstance(value, bool):
            value = (value, value)
        what = f"a whole number from {self.low} to {self.high} or a pair [height, width] of such"
        if not isinstance(value, list | tuple):
            raise wrong_value(f"must be {what}{instead(value)}")
        if len(value) != 2:
            raise wrong_value(f"must be {what}, not a list of {len(value)}")
        for size in value:
            whole = isinstance(size, int) and not isinstance(size, bool)
            if not whole or not self.low <= size <= self.high:
                raise wrong_value(f"must be {what}{instead(size)}")
        return (value[0], value[1])

    def json_schema(self) -> dict[str, Any]:
        size = {"type": "integer", "minimum": self.low, "maximum": self.high}
        return {"anyOf": [size, {"type": "array", "items": size, "minItems": 2, "maxItems": 2}]}


@frozen
class ByName(Checked):
    """A mapping whose keys are names that the data gives, such as those of columns.

    name: checks a key; value: checks what stands behind it.
    """

    name: Checked
    value: Checked
    most: int = 100_000

    def __call__(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise wrong_value(f"must be a mapping of names{instead(value)}")
        if len(value) > self.most:
            raise wrong_value(f"must have at most {self.most} entries, not {len(value)}")
        found = {}
        for key, given in value.items():
            try:
                found[self.name(key)] = self.value(given)
            except PydanticCustomError as error:
                context = error.context or {}
                if error.type == "value":
                    raise wrong(f"{code(key)} {context['message']}", key) from None
                raise wrong(context["message"], key, *context["at"]) from None
        return dict(sorted(found.items()))  # in one order: equal mappings give equal text

    def json_schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.value.json_schema()}


@frozen
class Named:
    """A mapping of models, its keys being names that the config gives.

    name: checks a key; reserved: what no key can be.
    """

    name: Checked
    most: int
    reserved: tuple[str, ...] = ()

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, dict):
            raise wrong_value(f"must be a mapping of names{instead(value)}")
        if not value:
            raise wrong_value("must have at least one entry, or be left out")
        if len(value) > self.most:
            raise wrong_value(f"must have at most {self.most} entries, not {len(value)}")
        for key in value:
            try:
                self.name(key)
            except PydanticCustomError as error:
                words = (error.context or {})["message"]
                raise wrong(f"{code(str(key))} {words}", key) from None
            if key in self.reserved:
                raise wrong(f"the name {code(key)} is reserved; choose another", key)
        return dict(sorted(value.items()))  # in one order: equal mappings give equal text

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        names = {**self.name.json_schema(), "not": {"enum": list(self.reserved)}}
        bounds = {"minProperties": 1, "maxProperties": self.most}
        return {**handler(schema), "propertyNames": names, **bounds}


@frozen
class Listing:
    """A list, kept as a tuple."""

    most: int
    least: int = 0
    unique: bool = False

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            brackets = in_brackets(value) if isinstance(value, str) and value.isalnum() else ""
            raise wrong_value(f"must be a list{instead(value)}{brackets}")
        if len(value) < self.least:
            few = f"must have at least {self.least} entries, not {len(value)}"
            raise wrong_value("must not be an empty list" if self.least == 1 else few)
        if len(value) > self.most:
            raise wrong_value(f"must have at most {self.most} entries, not {len(value)}")
        return tuple(value)

    def _distinct(self, value: Any) -> Any:
        for index, item in enumerate(value):
            if item in value[:index]:
                raise wrong(f"{code(item)} is listed twice", index)
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema = core_schema.no_info_before_validator_function(self, handler(source))
        if not self.unique:
            return schema
        return core_schema.no_info_after_validator_function(self._distinct, schema)


@frozen
class KindOr:
    """One of a few words that stands for a list, or the list itself.

    foreign: words that stand for a list elsewhere, but not here.
    """

    kinds: tuple[str, ...]
    foreign: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            self._kind_or,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: value if isinstance(value, str) else list(value)
            ),
        )

    def _kind_or(self, value: Any, otherwise: ValidatorFunctionWrapHandler) -> Any:
        if not isinstance(value, str):
            return otherwise(value)
        if value in self.kinds:
            return value
        name = "" if value in self.foreign else in_brackets(value)
        raise wrong_value(f"must be {choices(self.kinds)}, or a list{instead(value)}{name}")

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"enum": list(self.kinds)}, handler(schema)]}
