"""What is said of every word: nothing is left out, what is shipped is what is said, and every
example is right."""

import json
from pathlib import Path
from typing import Any

import pytest

import dlcli
from dlcli.config.document import parse_document
from dlcli.reference.docstrings import taken_apart
from dlcli.reference.page import document, explained, page
from dlcli.reference.schema import parts, schema
from dlcli.reference.words import KINDS, ONE_OF, Entry, entries
from dlcli.reference.working import TABLES, docstrings
from dlcli.reference.written import example
from tests.config.models import every_model

SHIPPED = Path(dlcli.__file__).parent / "config"
HOW = "describe it by a line `name: words.` in the docstring of its class in dlcli/config/"
ENTRIES = [pytest.param(entry, id=name) for name, entry in entries().items()]
BECOME_OTHERS = {"activation", "residual", "branches", "repeat"}


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_word_and_every_option_has_a_description(entry: Entry) -> None:
    assert entry.about.sentence, f"{entry.name}: give {entry.model.__name__} a docstring"
    silent = [name for name in entry.options if not entry.option(name)]
    assert not silent, f"{entry.name}: nobody says what {', '.join(silent)} means; {HOW}"


def test_every_model_of_the_vocabulary_is_a_word_or_a_section() -> None:
    assert {entry.model for entry in entries().values()} == set(every_model())
    assert KINDS.keys() == ONE_OF.keys() == TABLES.keys()


def test_every_part_of_the_schema_has_its_title_and_descriptions() -> None:
    found = schema()
    described = [part for part, _ in parts(found)]
    assert all(part in described for part in found["$defs"].values())
    for part, entry in parts(found):
        assert part["title"] == entry.word and part["description"] and part["examples"]
        for name, option in part["properties"].items():
            assert option["title"] == name and option["description"]


def test_the_shipped_schema_is_the_one_that_is_printed() -> None:
    text = (SHIPPED / "schema.json").read_text(encoding="utf-8")
    assert text == json.dumps(schema(), indent=2) + "\n", (
        "it has changed; write it again: dlcli schema > dlcli/config/schema.json"
    )


def test_the_shipped_reference_is_the_one_that_is_printed() -> None:
    text = (SHIPPED / "REFERENCE.md").read_text(encoding="utf-8")
    assert text == page(), (
        "it has changed; write it again: dlcli explain --all > dlcli/config/REFERENCE.md"
    )


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_example_is_right_and_stands_in_the_yaml_that_is_shown(entry: Entry) -> None:
    part = next(part for part, one in parts(schema()) if one is entry)
    value = example(entry, part)
    written = {"type": value} if isinstance(value, str) else value
    entry.model.model_validate(written)
    shown: Any = parse_document(document(entry)["example"], "x").data
    assert value in list(_values(shown))


def _values(value: Any) -> Any:
    """A value and all that stands in it."""
    yield value
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in below:
        yield from _values(one)


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_word_explained_fits_eighty_columns(entry: Entry) -> None:
    lines = explained(entry).splitlines()
    written = lines[lines.index("in a config") :]
    assert max(map(len, lines[: -len(written)])) < 80
    assert all(f"  {name} " in "\n".join(lines) for name in entry.options)


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_has_the_docstring_of_what_does_the_work(kind: str) -> None:
    silent = {word for word in KINDS[kind] if not docstrings(kind, word)}
    assert silent == (BECOME_OTHERS if kind == "layers" else set())


def test_a_docstring_that_is_read_is_the_one_that_python_has() -> None:
    from inspect import cleandoc

    from dlcli.data.transforms import TRANSFORMS
    from dlcli.engine.layers import LAYERS
    from dlcli.engine.metrics import METRICS

    for kind, table in (("layers", LAYERS), ("metrics", METRICS), ("transforms", TRANSFORMS)):
        for word, working in table.items():
            assert docstrings(kind, word)[0] == cleandoc(working.__doc__ or "")


def test_an_option_that_a_docstring_does_not_have_is_prose() -> None:
    told = taken_apart("It is so.\n\nnote: as ever.\nrate: how fast;\nIt ends.", ("rate",))
    assert told.prose == "It is so.\n\nnote: as ever."
    assert told.options == {"rate": "how fast; It ends"}
