"""Values of a field, from what its annotation says.

`options(dice, Adam)` is a mapping for the config: most options are left out, some are drawn.
Rules between the options of one class need no table: what its validators refuse is drawn anew.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError

from dlcli.config.augmentation import DownAndUp, Range, Shares
from dlcli.config.base import Component, Section, fields_of, table
from dlcli.config.values import Choice, Listing, Real, Sizes, Switch, Text, Whole
from tests.drawn.dice import Dice

NOT_ALONE = ("reduce_on_plateau",)
"""Words whose options depend on other sections; who knows these adds them."""

SHARE = 0.35
"""How often an option is given."""

TEXTS = {
    "name": ("mine", "score_2", "of_rows", "m"),
    "exclude_from_weight_decay": ("bias", "kernel", "dense_1.kernel", "nothing"),
}
"""What to write where any text is allowed, by the name of the option."""


class NotKnown(Exception):
    """An annotation from which no value can be drawn: a table must say what is good there."""


@dataclass(frozen=True)
class Hint:
    """What an annotation says.

    inner: the type below None and the notes. notes: what checks the value.
    """

    inner: Any
    notes: tuple[Any, ...]
    optional: bool

    def note(self, kind: type[Any]) -> Any:
        """The note of this kind, or None."""
        return next((note for note in self.notes if isinstance(note, kind)), None)


def hint(annotation: Any, notes: tuple[Any, ...] = ()) -> Hint:
    """The annotation taken apart."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return hint(inner, (*notes, *more))
    if get_origin(annotation) in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not NoneType]
        if len(members) == 1:
            found = hint(members[0], notes)
            return Hint(found.inner, found.notes, True)
        return Hint(annotation, notes, len(members) < len(get_args(annotation)))
    return Hint(annotation, notes, False)


def hint_of(model: type[Section], name: str) -> Hint:
    """What the annotation of a field says."""
    field = fields_of(model)[name]
    return hint(field.annotation, tuple(field.metadata))


def options(
    dice: Dice,
    model: type[Section],
    given: Mapping[str, Any] | None = None,
    skip: Collection[str] = (),
) -> dict[str, Any]:
    """`given`, and some of the other options of a class; those in `skip` are never drawn."""
    given = dict(given or {})
    names = [name for name in model.model_fields if name not in {"type", *given, *skip}]
    for _ in range(1000):
        drawn = dict(given)
        for name in names:
            field = model.model_fields[name]
            if field.is_required() or dice.chance(SHARE):
                drawn[name] = value(dice, model, name)
        try:
            model.model_validate(drawn)
        except ValidationError:
            continue
        return drawn
    raise NotKnown(f"{model.__name__} refuses all that was drawn: a table must know its rules")


def component(
    dice: Dice,
    known: Mapping[str, type[Section]],
    word: str | None = None,
    aliases: Mapping[str, str] | None = None,
    given: Mapping[str, Any] | None = None,
    skip: Collection[str] = (),
) -> Any:
    """One of these components (or this one), as bare text or as a mapping; see `options`."""
    word = word or dice.choice(list(known))
    drawn = options(dice, known[word], given, skip)
    written = [alias for alias, name in (aliases or {}).items() if name == word]
    if written and dice.chance(0.3):
        word = dice.choice(written)
    if not drawn and dice.chance(0.5):
        return word
    return {"type": word, **drawn}


def value(dice: Dice, model: type[Section], name: str) -> Any:
    """A value for a field."""
    found = hint_of(model, name)
    if found.optional and dice.chance(0.2):
        return None
    default = model.model_fields[name].default
    try:
        return _value(dice, found, default, TEXTS.get(name, ()))
    except NotKnown as error:
        raise NotKnown(f"{model.__name__}.{name}: {error}") from None


def _value(dice: Dice, found: Hint, default: Any, texts: Sequence[str]) -> Any:
    if (listing := found.note(Listing)) is not None:
        inner = hint(get_args(found.inner)[0])
        count = dice.whole(listing.least, min(listing.most, listing.least + 3))
        values: list[Any] = []
        for _ in range(count):
            drawn = _value(dice, inner, None, texts)
            if not listing.unique or drawn not in values:
                values.append(drawn)
        return values
    if (choice := found.note(Choice)) is not None:
        return dice.choice([*choice.known, *choice.aliases])
    if found.note(Switch) is not None:
        return dice.chance(0.5)
    if (real := found.note(Real)) is not None:
        return _real(dice, real, default)
    if (whole := found.note(Whole)) is not None:
        return _whole(dice, whole)
    if found.note(Text) is not None and texts:
        return dice.choice(texts)
    if found.note(Sizes) is not None:
        return sizes(dice, 3, 3)
    if (shares := found.note(Shares)) is not None and not shares.around:
        least, largest = sorted([dice.real(0, 1), dice.real(0, 1)])
        return dice.choice([1, dice.real(0.05, 1), [least, largest]])
    if found.note(DownAndUp) is not None:
        return dice.choice([dice.real(0.05, 1), [dice.real(0, 1), dice.real(0, 1)]])
    if found.note(Range) is not None:
        return dice.choice([[0, 1], [0.0, 255], [-1, 1]])
    if found.note(Shares) is not None:
        least, largest = sorted([dice.real(-0.6, 0.6), dice.real(-0.6, 0.6)])
        return dice.choice([0, dice.real(0.05, 0.6), [least, largest]])
    if (union := found.note(Component)) is not None:
        known = {word: kind for word, kind in table(found.inner).items() if word not in NOT_ALONE}
        if union.number is not None and dice.chance(0.5):
            return _real(dice, union.number, default)
        return component(dice, known, aliases=union.aliases)
    if isinstance(found.inner, type) and issubclass(found.inner, Section):
        return options(dice, found.inner)
    raise NotKnown(f"its annotation {found.inner!r} with {found.notes!r} does not say enough")


def sizes(dice: Dice, highest: int, widest: int) -> Any:
    """A pair of sizes, or one number for both."""
    if dice.chance(0.5):
        return dice.whole(1, min(highest, widest))
    return [dice.whole(1, highest), dice.whole(1, widest)]


def _whole(dice: Dice, kind: Whole) -> int:
    """Mostly a small one, seldom a large one."""
    if dice.chance(0.1):
        return min(kind.high, kind.low + int(dice.power(1, 9)))
    return dice.whole(kind.low, min(kind.high, kind.low + 5))


def _real(dice: Dice, kind: Real, default: Any) -> float:
    """Near the default; without one, of any usual size; the lowest where it is allowed."""
    lowest = kind.low if kind.above is None else kind.above
    highest = kind.high if kind.below is None else kind.below
    if kind.above is None and lowest > -1e3 and dice.chance(0.1):
        return lowest
    if highest - lowest <= 1.0 and (not isinstance(default, float) or default > 0.01):
        return dice.real(lowest + 0.001, highest - 0.01)
    if isinstance(default, float) and default != 0.0:
        drawn = abs(default) * dice.power(-0.7, 0.4)
    elif isinstance(default, float):
        drawn = dice.power(-4, 0)
    else:
        drawn = dice.power(-4, 1)
    if lowest < 0.0 and dice.chance(0.5):
        drawn = -drawn
    return float(f"{min(max(drawn, lowest), highest):.3g}")
