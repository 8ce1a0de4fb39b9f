"""A word explained, for people and for programs; and the page of all words."""

import re
import textwrap
from collections.abc import Iterator
from typing import Any

from dlcli.config.resolved import flow
from dlcli.reference.schema import part_of
from dlcli.reference.values import default, told
from dlcli.reference.words import KINDS, ONE_OF, Entry, entries, of_kind
from dlcli.reference.written import example, in_a_config

_WIDTH = 79

HEAD = """\
# The config language

Every section and every word of a config, with its options. `dlcli explain --all` prints this page
from the docstrings of the classes behind the words, `dlcli explain layers.conv2d` a part of it,
`dlcli list layers` the words of a kind; `dlcli schema` has the same for editors.
"""


def document(entry: Entry, option: str | None = None) -> dict[str, Any]:
    """All that is known of a word or a section, or of one of its options."""
    part = part_of(entry)
    options = [
        {
            "name": name,
            "values": told(part["properties"][name]),
            "required": name in part.get("required", ()),
            "default": default(name, part),
            "about": entry.option(name),
        }
        for name in entry.options
    ]
    if option is not None:
        (found,) = (one for one in options if one["name"] == option)
        return {**found, "name": f"{entry.name}.{option}".removeprefix("config.")}
    return {
        "name": entry.name,
        "about": entry.about.paragraph,
        "options": options,
        "formula": _works(entry),
        "example": in_a_config(entry, example(entry, part)),
    }


def _works(entry: Entry) -> str:
    """The docstring of what does the work, without its options, and with its source."""
    if not entry.works:
        return ""
    own = entry.works[0].prose
    return f"{own}\n\n{entry.source}".strip() if entry.source else own


def explained(entry: Entry, option: str | None = None) -> str:
    """A word, or an option, for a person at a terminal of 80 columns."""
    known = document(entry, option)
    if option is not None:
        return "\n".join(_option(known, len(known["name"])))
    lines = [known["name"], *_filled(known["about"], "  ")]
    if known["options"]:
        lines += ["", "options"]
        width = max(len(one["name"]) for one in known["options"])
        for one in known["options"]:
            lines += _option(one, width)
    if known["formula"] and known["formula"] != known["about"]:
        lines += ["", "what it computes" if "=" in known["formula"] else "what it does"]
        for paragraph in known["formula"].split("\n\n"):
            lines += [*_paragraph(paragraph), ""]
        lines.pop()
    lines += ["", "in a config", textwrap.indent(known["example"], "  ")]
    return "\n".join(lines)


def _option(one: dict[str, Any], width: int) -> Iterator[str]:
    values = one["values"].replace("`", "")
    if one["required"]:
        values += "; required"
    elif one["default"] is not None:
        values += f"; default {flow(one['default'])}"
    yield from _filled(f"{one['name']:<{width}}  {values}", "  ", " " * (width + 4))
    yield from _filled(one["about"], " " * (width + 4))


def _filled(text: str, first: str, others: str | None = None) -> list[str]:
    """Lines of a text that fit, and break no word."""
    more = first if others is None else others
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=more,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _paragraph(text: str) -> list[str]:
    """A paragraph, filled; of one with formulas, every line that fits stays."""
    if not re.search(r"^ {3,}|  ", text, re.MULTILINE):
        return _filled(" ".join(text.split()), "  ")
    found = []
    for line in text.splitlines():
        margin = " " * max(2, len(line) - len(line.lstrip()))
        found += _filled(line.strip(), margin, margin + " " * 8)
    return found


def page() -> str:
    """The page of all words, in Markdown."""
    sections = [entry for entry in entries().values() if not entry.kind]
    parts = [HEAD, "## Sections\n", *map(_chapter, sections)]
    for kind in KINDS:
        noun = kind.replace("_", " ")
        words = of_kind(kind)
        listed = ", ".join(f"[`{one.word}`](#{one.name.replace('.', '')})" for one in words)
        parts += [f"## {noun.capitalize()}\n", f"{ONE_OF[kind].capitalize()} is one of {listed}.\n"]
        parts += map(_chapter, words)
    return "\n".join(parts)


def _chapter(entry: Entry) -> str:
    known = document(entry)
    lines = [f"### `{known['name']}`", "", known["about"], ""]
    if known["options"]:
        lines += ["| option | what it may be | default | |", "| --- | --- | --- | --- |"]
        for one in known["options"]:
            shown = "" if one["default"] is None else f"`{flow(one['default'])}`"
            shown = "required" if one["required"] else shown
            cells = (f"`{one['name']}`", one["values"], shown, one["about"])
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    lines += ["```yaml", known["example"], "```", ""]
    if known["formula"] and known["formula"] != known["about"]:
        lines += ["```text", known["formula"], "```", ""]
    return "\n".join(lines)
