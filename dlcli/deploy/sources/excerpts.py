"""Functions of dlcli as text: with whatever they need, so that they stand alone somewhere else.

Written source does with rows what dlcli does, because it has the same functions. Here they are cut
out of the modules in which they are, each with the functions and constants that it reads, in an
order in which every name is there before it is used.
"""

import ast
import inspect
import sys
from collections.abc import Callable, Iterable
from functools import cache
from types import ModuleType
from typing import Any

from dlcli.frozen import frozen

Name = tuple[str, str]
"""Of a module, and in it."""


@frozen
class Excerpt:
    """imports: lines, of packages that are not dlcli. pieces: definitions, each as text."""

    imports: tuple[str, ...]
    pieces: tuple[str, ...]


@frozen
class _Pages:
    """One module: where its names come from.

    own: the text of what it defines, by name. reads: the names that each of these reads.
    from_dlcli: names of other modules. others: lines that import what is not dlcli's.
    """

    own: dict[str, str]
    reads: dict[str, tuple[str, ...]]
    from_dlcli: dict[str, Name]
    others: dict[str, str]


def excerpt(functions: Iterable[Callable[..., Any]]) -> Excerpt:
    """These functions and all that they need.

    ValueError where two of the things that are needed have the same name.
    """
    imports: set[str] = set()
    pieces: dict[str, tuple[Name, str]] = {}
    open_names: set[Name] = set()

    def take(module: str, name: str) -> None:
        pages = _pages(module)
        if name in pages.from_dlcli:
            take(*pages.from_dlcli[name])
        elif name in pages.others:
            imports.add(pages.others[name])
        elif name in pages.own:
            if name in pieces and pieces[name][0] != (module, name):
                raise ValueError(f"{name} is both of {module} and of {pieces[name][0][0]}")
            if name in pieces or (module, name) in open_names:
                return
            open_names.add((module, name))
            for read in pages.reads[name]:
                take(module, read)
            pieces[name] = (module, name), pages.own[name]

    for function in functions:
        take(function.__module__, function.__name__)
    return Excerpt(tuple(sorted(imports)), tuple(text for _, text in pieces.values()))


@cache
def _pages(module: str) -> _Pages:
    found: ModuleType = sys.modules[module]
    source = inspect.getsource(found)
    lines = source.splitlines()
    tree = ast.parse(source)
    pages = _Pages({}, {}, {}, {})
    for place, node in enumerate(tree.body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                pages.others[alias.asname or alias.name] = f"import {_alias(alias)}"
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                where = node.module or ""
                if where.split(".")[0] == "dlcli":
                    if alias.asname is not None:
                        raise ValueError(f"{module} calls {alias.name} otherwise")
                    pages.from_dlcli[alias.name] = where, alias.name
                else:
                    pages.others[alias.asname or alias.name] = (
                        f"from {where} import {_alias(alias)}"
                    )
        for name in _defined(node):
            pages.own[name] = _text(lines, tree.body, place)
            pages.reads[name] = _read(node)
    return pages


def _alias(alias: ast.alias) -> str:
    return alias.name if alias.asname is None else f"{alias.name} as {alias.asname}"


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _read(node: ast.stmt) -> tuple[str, ...]:
    """The names that a statement reads, in their order; also those that are its own."""
    names = [one.id for one in ast.walk(node) if isinstance(one, ast.Name)]
    return tuple(dict.fromkeys(names))


def _text(lines: list[str], body: list[ast.stmt], place: int) -> str:
    """The lines of a statement, with its decorators, a comment above and the words below it."""
    node = body[place]
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
    while first > 1 and lines[first - 2].startswith("#"):
        first -= 1
    last = node.end_lineno or node.lineno
    after = body[place + 1] if place + 1 < len(body) else None
    words = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
    if words and after is not None and not isinstance(node, ast.FunctionDef | ast.ClassDef):
        last = after.end_lineno or last
    return "\n".join(line.removesuffix("  # fmt: skip") for line in lines[first - 1 : last])
