"""The strict YAML reader: text -> plain values, and the place of every key and value.

Works on PyYAML's node tree and never constructs an object from a tag. Refused: anchors, aliases,
tags, merge keys, keys that are not text, duplicate keys, several documents, deep nesting. What
can be passed over is collected, so that one reading reports every problem; only broken syntax
ends it at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from dlcli.config.scalars import ScalarError, read_scalar
from dlcli.config.wording import code

Path = tuple[str | int, ...]

DEEPEST = 24
KEY_ALIASES = {"lr": "learning_rate"}  # canonicalised here, so that nobody else meets them
_NAMES = ("kinds", "inputs", "class_weight")  # sections whose keys are names of the data

_TAB = "a tab cannot stand here: YAML is spaced with spaces"
_SYNTAX = {
    "found character '\\t' that cannot start any token": _TAB,
    "mapping values are not allowed here": (
        "a `key: value` cannot stand here: check the indentation, or quote text that contains `: `"
    ),
    "expected <block end>": "the indentation does not fit the lines above",
    "could not find expected ':'": "a key needs a `:` and a space after it",
}


class Place(NamedTuple):
    """Where in the text; both count from 1."""

    line: int
    column: int


@dataclass
class Tree:
    """What a text contains."""

    value: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    spelled: dict[Path, str] = field(default_factory=dict)  # keys that were written as an alias
    problems: list[tuple[Place, str]] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)  # values already complained about
    incomplete: set[Path] = field(default_factory=set)  # mappings that lost a key by a problem


def read_tree(text: str) -> Tree:
    """Read one YAML document; an empty one has the value None and no places."""
    tree = Tree()
    loader: _Loader | None = None
    try:
        loader = _Loader(text, tree)
        node = loader.only_document()
    except _TooDeep as error:
        words = f"nested deeper than {DEEPEST} levels"
        tree.problems.append((_place(error.problem_mark), words))
    except yaml.MarkedYAMLError as error:
        tree.problems.append((_place(error.problem_mark), _syntax(error)))
    except yaml.reader.ReaderError as error:
        before = text[: error.position].splitlines() or [""]
        place = Place(len(before), len(before[-1]) + 1)
        tree.problems.append((place, f"the character U+{int(error.character):04X} is not allowed"))
    except (ValueError, OverflowError):  # PyYAML reads escapes such as "\UFFFFFFFF" with chr()
        place = _place(loader.get_mark() if loader else None)
        tree.problems.append((place, "this escape is not a character"))
    else:
        if node is not None:
            tree.value = _read(node, (), tree, loader.refused)
    return tree


def _syntax(error: yaml.MarkedYAMLError) -> str:
    words = error.problem or error.context or "it cannot be read"
    for known, meaning in _SYNTAX.items():
        if words.startswith(known):
            return meaning
    begun = _place(error.context_mark).line if error.context_mark else 0
    context = f" ({error.context}, begun on line {begun})" if begun and error.problem else ""
    return f"the YAML is broken here: {words}{context}"


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)


class _TooDeep(yaml.MarkedYAMLError):
    pass


class _Loader(yaml.SafeLoader):
    """PyYAML's composer with our refusals; its constructors are never called."""

    def __init__(self, text: str, tree: Tree) -> None:
        super().__init__(text)
        self.tree = tree
        self.depth = 0
        self.refused: set[int] = set()  # nodes to pass over, by identity

    def only_document(self) -> yaml.Node | None:
        self._next()  # the start of the stream
        if self.check_event(yaml.StreamEndEvent):
            return None
        self._next()  # the start of the document
        node = self.compose_node(None, None)
        self._next()  # its end
        if not self.check_event(yaml.StreamEndEvent):
            self.refuse(self._peek(), "a second document begins here: a config is one")
        return node

    def _peek(self) -> Any:
        return self.peek_event()  # type: ignore[no-untyped-call]

    def _next(self) -> Any:
        return self.get_event()  # type: ignore[no-untyped-call]

    def refuse(self, event: Any, message: str) -> None:
        self.tree.problems.append((_place(event.start_mark), message))

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        event = self._peek()
        if isinstance(event, yaml.AliasEvent):
            self._next()
            self.refuse(event, f"aliases (`*{event.anchor}`) are not allowed: write the value out")
            blank = yaml.ScalarNode("", "", None, None)
            blank.start_mark = event.start_mark
            self.refused.add(id(blank))
            return blank
        if event.anchor is not None:
            self.refuse(event, f"anchors (`&{event.anchor}`) are not allowed")
            event.anchor = None
        if event.tag is not None:
            self.refuse(event, f"tags ({code(event.tag)}) are not allowed")
            event.tag = None
        self.depth += 1
        if self.depth > DEEPEST:
            raise _TooDeep(problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _read(node: yaml.Node, path: Path, tree: Tree, refused: set[int]) -> Any:
    place = tree.values[path] = _place(node.start_mark)
    if id(node) in refused:
        tree.broken.add(path)
        return None
    if isinstance(node, yaml.SequenceNode):
        return [_read(item, (*path, i), tree, refused) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return dict(_pairs(node, path, tree, refused))
    try:
        return _text(node) if _is_quoted(node) else read_scalar(node.value)
    except ScalarError as error:
        tree.problems.append((place, str(error)))
        tree.broken.add(path)
        return None


def canonical_key(key: str, path: Path) -> str:
    """The key that a well-known short name stands for; path: of the mapping that it is in."""
    return key if path[-1:] and path[-1] in _NAMES else KEY_ALIASES.get(key, key)


def _pairs(
    node: yaml.MappingNode, path: Path, tree: Tree, refused: set[int]
) -> Iterator[tuple[str, Any]]:
    for key_node, value_node in node.value:
        place = _place(key_node.start_mark)
        try:
            written = _key(key_node, refused, named=bool(path) and path[-1] in _NAMES)
        except ScalarError as error:
            if str(error):
                tree.problems.append((place, str(error)))
            tree.incomplete.add(path)
            continue
        key = canonical_key(written, path)
        where: Path = (*path, key)
        if where in tree.keys:
            first = f"first given on line {tree.keys[where].line}"
            other = tree.spelled.get(where, key)
            if other != written:
                first = f"{code(other)} on line {tree.keys[where].line} means the same"
            tree.problems.append((place, f"duplicate key {code(written)}: {first}"))
            continue
        tree.keys[where] = place
        if written != key:
            tree.spelled[where] = written
        yield key, _read(value_node, where, tree, refused)


def _key(node: yaml.Node, refused: set[int], *, named: bool) -> str:
    """A key; named: it is a name of the data, so a whole number stands for its digits."""
    if id(node) in refused:
        raise ScalarError  # an alias, which is a problem already
    if not isinstance(node, yaml.ScalarNode):
        raise ScalarError("a key must be text, not a list or mapping")
    if _is_quoted(node):
        return _text(node)
    if node.value == "<<":
        raise ScalarError("merge keys (`<<`) are not allowed: write the keys out")
    key = read_scalar(node.value)
    if named and isinstance(key, int) and str(key) == node.value:
        return str(key)
    if not isinstance(key, str):
        raise ScalarError(f"a key must be text, and {code(node.value)} is not")
    return key


def _is_quoted(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is not None


def _text(node: yaml.Node) -> str:
    text: str = node.value
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise ScalarError("this text contains half a character (a lone surrogate)")
    return text
