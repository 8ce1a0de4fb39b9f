"""The JSON Schema with what every word means in it."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from dlcli.config import json_schema
from dlcli.config.yaml_reader import KEY_ALIASES
from dlcli.reference.words import ALIASES, Entry, entries
from dlcli.reference.written import example

Schema = dict[str, Any]


@cache
def schema() -> Schema:
    """The JSON Schema of the config language: titles are the YAML's words, and every section, word
    and option has its description."""
    found = json_schema()
    for part, entry in parts(found):
        part["title"] = entry.word
        part["description"] = entry.about.paragraph
        for name, option in part["properties"].items():
            meant = KEY_ALIASES.get(name, name)
            words = entry.option(meant)
            option = dict(option)  # an alias has that of its key
            option["title"] = name
            option["description"] = words if meant == name else f"short for `{meant}`: {words}"
            part["properties"][name] = option
        short = [alias for alias, word in ALIASES.get(entry.kind, {}).items() if word == entry.word]
        if short:
            del part["properties"]["type"]["const"]
            part["properties"]["type"]["enum"] = [entry.word, *short]
        part["examples"] = [example(entry, part)]
    return found


def parts(found: Schema) -> Iterator[tuple[Schema, Entry]]:
    """The schemas of all sections and words, each with what is known of it."""
    for entry in entries().values():
        if entry.name == "config":
            yield found, entry
            continue
        model = entry.model
        full = f"{model.__module__.replace('.', '__')}__{model.__name__}"  # of two of one name
        yield found["$defs"].get(full) or found["$defs"][model.__name__], entry


def part_of(wanted: Entry) -> Schema:
    """What the schema says of a word or a section."""
    return next(part for part, entry in parts(schema()) if entry is wanted)
