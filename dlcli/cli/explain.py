"""`dlcli explain`: what a word of the config means."""

from typing import TYPE_CHECKING, Annotated

import typer

from dlcli.cli.options import Debug, Json
from dlcli.cli.outcome import print_json
from dlcli.errors import UsageError
from dlcli.nearest import nearest, squeeze

if TYPE_CHECKING:
    from dlcli.reference.words import Entry

Word = Annotated[
    str | None,
    typer.Argument(metavar="WORD", help="layers.conv2d, or conv2d; data.split; training.epochs."),
]
All = Annotated[bool, typer.Option("--all", help="The page of all words, in Markdown.")]


def explain(
    word: Word = None, every: All = False, json: Json = False, debug: Debug = False
) -> None:
    """Explain a word of the config: options, formula, example."""
    from dlcli.reference.page import document, explained, page

    if every and word is not None:
        raise UsageError("give a word or --all, not both")
    if every:
        text = page()
        if json:
            print_json({"page": text})
        else:
            print(text, end="")
        return
    if word is None:
        raise UsageError(
            "give a word, such as layers.conv2d, or --all",
            hint="dlcli list KIND shows the words of a kind",
        )
    entry, option = _meant(word)
    if json:
        print_json(document(entry, option))
    else:
        print(explained(entry, option))


def _meant(word: str) -> "tuple[Entry, str | None]":
    """What a word stands for, and which of its options if it names one."""
    from dlcli.config import synonyms
    from dlcli.config.yaml_reader import KEY_ALIASES
    from dlcli.reference.words import ALIASES, KINDS, entries

    known = entries()
    kind, _, short = word.rpartition(".")
    word = f"{kind}.{ALIASES[kind].get(short, short)}" if kind in ALIASES else word
    if word in known:
        return known[word], None
    written = word
    above, dot, option = word.rpartition(".")
    option = KEY_ALIASES.get(option, option)
    word, above = above + dot + option, above or "config"
    if above in known:
        if option in known[above].options:
            return known[above], option
        if "." in word:
            raise _unknown(word, nearest(option, known[above].options), f"{above}.")
    if word in KINDS:
        hint = f"`dlcli list {word}` shows its words"
        raise UsageError(f"{word} is a kind of words; {hint}", hint=hint)
    same = [
        name
        for name, one in known.items()
        if one.kind and one.word == ALIASES.get(one.kind, {}).get(word, word)
    ]
    if len(same) == 1:
        return known[same[0]], None
    if not same:
        sections = [one for one in known.values() if not one.kind and one.word == word]
        if len(sections) == 1:
            return sections[0], None
        holders = _holders(word)
        if len(holders) == 1:
            return holders[0], option
        if holders:
            raise _option_of(written, option, holders)
    if same:
        hint = f"did you mean {' or '.join(same)}?"
        raise UsageError(f"{word!r} alone may be several things; {hint}", hint=hint)
    foreign = synonyms.KEYS.get(squeeze(word), ())
    for key in foreign:
        if _holders(key):
            raise _unknown(word, key, "")
    if above in KINDS:
        raise _unknown(word, nearest(option, KINDS[above]), f"{above}.")
    full = nearest(word, known)
    if full is None:
        full = nearest(word, [one.word for one in known.values() if one.kind])
    raise _unknown(word, full, "")


def _holders(word: str) -> "list[Entry]":
    """What has an option of this name; before a dot there may be whose it is: `conv2d.padding`,
    `optimizer.learning_rate`."""
    from dlcli.reference.words import ONE_OF, entries

    above, _, option = word.rpartition(".")
    found = [one for one in entries().values() if option in one.options and option != "type"]
    if not above:
        return found
    nouns = {kind: noun.partition(" ")[2].replace(" ", "_") for kind, noun in ONE_OF.items()}
    return [one for one in found if above in (one.word, one.kind, nouns.get(one.kind))]


def _option_of(written: str, option: str, holders: "list[Entry]") -> UsageError:
    """What to say of an option that several have."""
    names = [one.name for one in holders]
    hint = f"`dlcli explain {names[0]}.{option}` shows it"
    if len(names) > _SHOWN:
        names[_SHOWN - 1 :] = [f"{len(names) - _SHOWN + 1} more"]
    several = f"{', '.join(names[:-1])} and {names[-1]}"
    means = "is" if written.endswith(option) else f"means {option},"
    return UsageError(f"{written!r} {means} an option of {several}; {hint}", hint=hint)


_SHOWN = 4
"""How many are named that have an option."""


def _unknown(word: str, near: str | None, before: str) -> UsageError:
    """What to say of a word that is none; near: what was probably meant, behind `before`."""
    hint = "`dlcli list` shows the kinds of words"
    if near is not None:
        hint = f"did you mean {before + near!r}?"
    return UsageError(f"there is nothing called {word!r} in a config; {hint}", hint=hint)
