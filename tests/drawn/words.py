"""Which words, options and kinds of value a config uses, and which there are.

Both are sentences such as `Dense.activation: relu`, `Adam.beta_1`, `Switch.stratify = true`, found
by walking the classes of the config. What no draw can use is in NOT_DRAWN, with the reason.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args

from dlcli.config import Config
from dlcli.config.base import Component, OneOrSeveral, Section, table
from dlcli.config.convolutions import Edges
from dlcli.config.values import Choice, KindOr, Listing, Named, Sizes, Switch
from dlcli.config.yaml_reader import KEY_ALIASES
from tests.config.models import every_model
from tests.drawn.options import Hint, hint, hint_of

NOT_DRAWN: Mapping[str, str] = {
    "Data.audit = strict": "refuses by chance what is drawn by chance; see "
    "tests/pipeline/test_audit.py",
    **dict.fromkeys(
        ("Input.augmentation: mix_up", "Input.augmentation: cut_mix"),
        "rows are mixed whole, and these are the values of one",
    ),
    "Input.transforms: hash": "arrays hold no texts",
    "Input.transforms: date_parts": "arrays hold no dates",
    "Input.transforms: ordinal": "arrays hold no texts",
    "Ordinal.columns = numeric": "the columns of numbers of a table are not all in one order",
    "Data.source: mnist": "an archive of 70,000 images that is known by its digests; `idx` reads "
    "the same files with any content",
    **{
        f"Data.source: {word}": "an archive that is known by its digests; see "
        "tests/data/test_known_sets.py"
        for word in (
            "fashion_mnist",
            "cifar10",
            "cifar100",
            "california_housing",
            "imdb",
            "reuters",
        )
    },
    **{f"Cifar100.label_mode = {word}": "an option of an archive" for word in ("fine", "coarse")},
    **{
        f"{model}.{word}": "an option of an archive"
        for model in ("Imdb", "Reuters")
        for word in (
            "num_words",
            "skip_top",
            "maxlen",
            *(
                f"{side} = {where}"
                for side in ("padding", "truncating")
                for where in ("pre", "post")
            ),
        )
    },
    "Imdb.positive_class": "an option of an archive",
    **{
        f"{layer}.bias_initializer: orthogonal": "fills no vector"
        for layer in (
            *("Dense", "Conv1D", "Conv2D", "Conv2DTranspose"),
            *("DepthwiseConv2D", "SeparableConv2D"),
        )
    },
    **{
        f"{layer}Normalization.{array}_initializer: orthogonal": "fills no vector"
        for layer in ("Layer", "Batch", "Group")
        for array in ("beta", "gamma")
    },
    "BatchNormalization.moving_mean_initializer: orthogonal": "fills no vector",
    "BatchNormalization.moving_variance_initializer: orthogonal": "fills no vector",
    **{
        f"BatchNormalization.moving_variance_initializer: {word}": "a variance is not negative"
        for word in (
            "glorot_normal",
            "glorot_uniform",
            "he_normal",
            "he_uniform",
            "random_normal",
            "random_uniform",
        )
    },
}


@cache
def every_word() -> frozenset[str]:
    """Everything that a config can use."""
    return frozenset(
        word
        for model in every_model()
        for name in model.model_fields
        if name != "type"
        for word in _of_field(f"{model.__name__}.{name}", hint_of(model, name))
    )


def _of_field(place: str, found: Hint) -> Iterator[str]:
    if (kinds := found.note(KindOr)) is not None:
        yield from (f"{place} = {word}" for word in kinds.kinds)
        yield f"{place} is a list"
    elif (listing := found.note(Listing)) is not None:
        if listing.least == 0:
            yield f"{place} is empty"
        yield from _of_field(place, hint(get_args(found.inner)[0]))
    elif (choice := found.note(Choice)) is not None:
        yield from (f"{place} = {word}" for word in (*choice.known, *choice.aliases))
    elif found.note(Switch) is not None:
        yield from (f"{place} = false", f"{place} = true")
    elif found.note(Sizes) is not None or found.note(Edges) is not None:
        yield from (f"{place} is a number", f"{place} is a pair")
    elif (union := found.note(Component)) is not None:
        if union.number is not None:
            yield f"{place} is a number"
        place = _list_of(union, place)
        yield from (f"{place}: {word}" for word in (*table(found.inner), *union.aliases))
    else:
        yield place
    if place.endswith(tuple(f".{key}" for key in KEY_ALIASES.values())):
        yield from (f"{place} as {alias}" for alias, key in KEY_ALIASES.items())


def _list_of(union: Component, place: str) -> str:
    """Layers are the same words in every list of layers."""
    return "Network.layers" if union.noun == "layer" else place


def used_words(config: Mapping[str, Any]) -> set[str]:
    """Everything that a config uses."""
    return set(_in_model(Config, config))


def _in_model(model: type[Section], data: Mapping[str, Any]) -> Iterator[str]:
    for written, value in data.items():
        name = KEY_ALIASES.get(written, written)
        if name == "type":
            continue
        place = f"{model.__name__}.{name}"
        if written != name:
            yield f"{place} as {written}"
        if value is not None:
            yield from _in_value(place, hint_of(model, name), value)


def _in_value(place: str, found: Hint, value: Any) -> Iterator[str]:
    if found.note(KindOr) is not None:
        yield f"{place} = {value}" if isinstance(value, str) else f"{place} is a list"
    elif found.note(Listing) is not None:
        if not value:
            yield f"{place} is empty"
        for item in value:
            yield from _in_value(place, hint(get_args(found.inner)[0]), item)
    elif found.note(Choice) is not None:
        yield f"{place} = {value}"
    elif found.note(Switch) is not None:
        yield f"{place} = {str(value).lower()}"
    elif found.note(Sizes) is not None or found.note(Edges) is not None:
        yield f"{place} is a {'number' if isinstance(value, int) else 'pair'}"
    elif found.note(OneOrSeveral) is not None and isinstance(value, list):
        for item in value:
            yield from _in_value(place, found, item)
    elif (union := found.note(Component)) is not None:
        if not isinstance(value, str | dict):
            yield f"{place} is a number"
            return
        data = {"type": value} if isinstance(value, str) else value
        place = _list_of(union, place)
        yield f"{place}: {data['type']}"
        word = union.aliases.get(data["type"], data["type"])
        yield f"{place}: {word}"
        yield from _in_model(table(found.inner)[word], data)
    else:
        yield place
        if found.note(Named) is not None:
            for item in value.values():
                yield from _in_model(get_args(found.inner)[1], item)
        if isinstance(found.inner, type) and issubclass(found.inner, Section):
            yield from _in_model(found.inner, value)
