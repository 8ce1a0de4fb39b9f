"""The building blocks of the vocabulary: models, and components that are chosen by `type`."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar, cast, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from dlcli.config.absent import unknown
from dlcli.config.scalars import Scalar, write_scalar
from dlcli.config.values import Listing, Real, wrong, wrong_value
from dlcli.config.wording import choices, code, instead, listing, squeeze
from dlcli.frozen import frozen

RECORDED = "recorded"
"""In the context of a validation: whether the config was written out by dlcli, maybe by an earlier
version, and means what it meant there."""


class Section(BaseModel):
    """A mapping of the config: immutable, and no key but its own.

    before: of options that came later, what a config means that was written out without them.
        It is needed where the default is not what earlier versions did.
    """

    # Building is deferred to the first validation: `--help` pays nothing for it.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    before: ClassVar[Mapping[str, Any]] = {}

    @model_validator(mode="before")
    @classmethod
    def _as_before(cls, data: Any, info: ValidationInfo) -> Any:
        recorded = isinstance(info.context, dict) and info.context.get(RECORDED)
        return {**cls.before, **data} if recorded and isinstance(data, dict) else data


class Grown(Section):
    """A section with options that came later.

    later: their names: one that is as it was before there was the option is left out, so that a
        config is written out as it always was.
    """

    later: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_the_usual(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        usual = {name: type(self).model_fields[name].default for name in self.later}
        usual |= {name: value for name, value in self.before.items() if name in usual}
        return {
            name: value
            for name, value in written.items()
            if name not in usual or getattr(self, name) != usual[name]
        }


@frozen(eq=False)
class Component:
    """One of several models, told apart by `type`; bare text stands for {type: text}.

    Annotates a union of models whose `type` has its own name as default.
    number: where a number may stand in place of a model, what it must be.
    """

    noun: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)  # squeezed foreign word -> known one
    hints: Mapping[str, str] = field(default_factory=dict)  # squeezed foreign word -> sentence
    number: Real | None = None
    _bare: list[str] = field(default_factory=list, init=False)  # words that need no mapping

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        known = table(source)
        tagged = core_schema.tagged_union_schema(
            {tag(name): _member(model, handler) for name, model in known.items()},
            discriminator=lambda value: tag(
                value["type"] if isinstance(value, dict) else value.type
            ),
        )
        self._bare[:] = [name for name, model in known.items() if not _required(model)]
        typed = core_schema.no_info_before_validator_function(
            lambda value: self._typed(value, known), tagged
        )
        if self.number is None:
            return typed
        return core_schema.no_info_wrap_validator_function(
            self._number_or,
            typed,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: value if isinstance(value, float) else value.model_dump(mode="json")
            ),
        )

    def _number_or(self, value: Any, otherwise: ValidatorFunctionWrapHandler) -> Any:
        assert self.number is not None
        whole_or_not = isinstance(value, int | float)
        written = isinstance(value, str) and not value[:1].isalpha()
        return self.number(value) if whole_or_not or written else otherwise(value)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        inner = handler(schema)
        number = [] if self.number is None else [self.number.json_schema()]
        words = [*self._bare, *self.aliases]
        return {"anyOf": [*number, *([{"enum": words}] if words else []), inner]}

    def _typed(self, value: Any, known: Mapping[str, type[Section]]) -> Any:
        """The value as a mapping with a `type` that is known, or as the model it already is."""
        if isinstance(value, str):
            value = {"type": value}
            at: tuple[str, ...] = ()
        elif isinstance(value, dict):
            at = ("type",)
        elif isinstance(value, tuple(known.values())):
            return value
        else:
            raise wrong_value(f"must be a mapping with a `type`{instead(value)}")
        name = value.get("type")
        if "type" not in value:
            meant = self._meant(value, known)
            if meant is not None:
                raise wrong(f"this {self.noun} has no `type`: write {code(meant)}")
            raise wrong(f"this {self.noun} has no `type`; available: {listing(known)}")
        if not isinstance(name, str):
            raise wrong(f"`type` must be one of {listing(known)}{instead(name)}", *at)
        name = self.aliases.get(name, name)
        if name not in known:
            sentence = self._unknown(name, known)
            if self.number is not None and not at and sentence.endswith(listing(known)):
                words = f"must be a number, or a {self.noun}: {choices(known)}{instead(name)}"
                raise wrong_value(words)
            raise wrong(sentence, *at)
        return {**value, "type": name}

    def _meant(self, value: Mapping[str, Any], known: Mapping[str, type[Section]]) -> str | None:
        """How `{dropout: 0.5}`, a word that stands where a key belongs, is written; None where
        that cannot be told."""
        ((word, inside), *others) = value.items() if value else (("", None),)
        same = next((one for one in known if squeeze(one) == squeeze(str(word))), None)
        name = same or self.aliases.get(word) or self.words.get(squeeze(str(word)))
        if others or name is None or name not in known:
            return None
        if inside is None:
            inside = {}
        elif not isinstance(inside, dict):
            keys = known[name].model_fields
            own = [key for key in keys if key not in ("type", *_OF_EVERY_LAYER)]
            needed = [key for key in own if keys[key].is_required()] or own[:1]
            number = isinstance(inside, int | float) and not isinstance(inside, bool)
            if not needed or not (number or needed[0] == word):
                return None
            inside = {needed[0]: inside, **dict.fromkeys(needed[1:], ...)}
        pairs = [f"{key}: {_short(inner)}" for key, inner in inside.items()]
        whole = ", ".join([f"type: {name}", *pairs])
        return f"{{{whole}}}" if len(whole) < _LONGEST else f"{{type: {name}, ...}}"

    def _unknown(self, name: str, known: Mapping[str, object]) -> str:
        word = squeeze(name)
        if word in self.hints:
            return f"unknown {self.noun} {code(name)}: {self.hints[word]}"
        return unknown(self.noun, name, list(known), self.aliases, self.words)


_LONGEST = 58  # of what is shown whole
_OF_EVERY_LAYER = ("name", "trainable", "input", "inputs")


def _short(value: Any) -> str:
    """A value in a line of a message; what is no scalar is left out."""
    return write_scalar(value) if isinstance(value, Scalar) else "..."


class _Whole:
    """Whether unions hold the schemas of all their members."""

    wanted = False


def whole_schema(model: type[Section]) -> dict[str, Any]:
    """The JSON schema of a model, with everything that may stand in it."""
    _Whole.wanted = True
    try:
        models, before = _subclasses(Section), None
        for one in models:
            _forget(one)
        while True:
            for one in models:
                one.model_rebuild(force=True)
            # A model takes over what it holds as that was built last, maybe without its members:
            # each round is right one level deeper, until there is no other.
            schema = model.model_json_schema()
            if schema == before:
                return schema
            before = schema
    finally:
        _Whole.wanted = False


def _forget(model: type[Section]) -> None:
    """Take a model back to where it was before it was built: blocks hold themselves, and would
    hold on to what they are without the members of their unions."""
    if "__pydantic_core_schema__" in model.__dict__:
        del model.__pydantic_core_schema__
    model.__pydantic_complete__ = False


def _subclasses(model: type[Section]) -> list[type[Section]]:
    found = model.__subclasses__()
    return found + [deeper for one in found for deeper in _subclasses(one)]


def _member(model: type[Section], handler: GetCoreSchemaHandler) -> CoreSchema:
    """The schema of a member of a union.

    A member is built when a value is one: the time of a start must not depend on how many words
    there are. Only to be told in JSON, all of them are built.
    """
    if _Whole.wanted:
        return handler.generate_schema(model)
    return core_schema.with_info_plain_validator_function(
        lambda value, info: model.model_validate(value, context=info.context),
        serialization=core_schema.plain_serializer_function_ser_schema(
            lambda value, info: value.model_dump(mode=info.mode), info_arg=True
        ),
    )


ONE, SEVERAL = "<one>", "<several>"
"""In the path of an error, which of both was given."""


@frozen(eq=False)
class OneOrSeveral:
    """A component, or a list of up to `most` of them, kept as a tuple; a list of one is that one.

    Annotates what one of them is.
    """

    most: int

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        one = handler(source)
        listing = Listing(most=self.most, least=1)
        several = core_schema.no_info_after_validator_function(
            _alone,
            core_schema.no_info_before_validator_function(
                listing, core_schema.tuple_variable_schema(one)
            ),
        )
        return core_schema.tagged_union_schema(
            {ONE: one, SEVERAL: several},
            lambda value: SEVERAL if isinstance(value, list | tuple) else ONE,
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        one = handler(cast(Any, schema)["choices"][ONE])
        array = {"type": "array", "items": one, "minItems": 1, "maxItems": self.most}
        return {"anyOf": [one, array]}


def _alone(values: tuple[Any, ...]) -> Any:
    return values[0] if len(values) == 1 else values


def fields_of(model: type[Section]) -> dict[str, FieldInfo]:
    """The fields of a model, with their types; those that hold models of their own kind have
    them only after it was built."""
    if not model.__pydantic_fields_complete__:
        model.model_rebuild()
    return model.model_fields


def _required(model: type[Section]) -> bool:
    """Whether it has keys that must be given."""
    return any(field.is_required() for field in model.model_fields.values())


def tag(name: str) -> str:
    """The name of a union's member in the path of an error; never equal to a key."""
    return f"<{name}>"


def table(union: Any) -> dict[str, type[Any]]:
    """The models of a union, or of an annotated one, by the name in their `type`."""
    members = get_args(union)
    if any(isinstance(member, Component) for member in members):
        members = get_args(members[0])
    models = [member for member in members if member is not float]  # a number may stand there, too
    return {model.model_fields["type"].default: model for model in models}
