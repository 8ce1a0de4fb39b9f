"""The docstrings of the classes that do the work, read from their files.

Formula, shapes and source of a word stand there. Nothing is imported, so that they can be told
without NumPy: the table of a kind of words is found in its module, and by the imports there the
class and what it inherits from.
"""

import ast
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from dlcli.frozen import frozen

TABLES = {
    "layers": (("dlcli.engine.layers", "LAYERS"), ("dlcli.engine.merges", "MERGES")),
    "activations": (("dlcli.engine.layers.activations", "ACTIVATIONS"),),
    "initializers": (("dlcli.engine.initializers", "INITIALIZERS"),),
    "regularizers": (("dlcli.engine.regularizers", "REGULARIZERS"),),
    "losses": (("dlcli.engine.losses", "LOSSES"),),
    "optimizers": (("dlcli.engine.optimizers", "OPTIMIZERS"),),
    "metrics": (("dlcli.engine.metrics.table", "METRICS"),),
    "schedules": (("dlcli.engine.schedules", "SCHEDULES"),),
    "sources": (("dlcli.data.sources", "SOURCES"),),
    "transforms": (("dlcli.data.transforms", "TRANSFORMS"),),
    "target_transforms": (("dlcli.data.transforms", "TRANSFORMS"),),
    "augmentations": (("dlcli.data.augmentation", "AUGMENTATIONS"),),
}
"""Where the classes of each kind of words are listed: the module, and the name of its table."""


def docstrings(kind: str, word: str) -> tuple[str, ...]:
    """Those of the class that does what `word` says, and of what it inherits from; its own is the
    first, and "" where it has none. Empty for a word that becomes others."""
    for module, table in TABLES[kind]:
        written = _table(module, table).get(word)
        if written is not None:
            return tuple(ast.get_docstring(one) or "" for one in _with_bases(module, written))
    return ()


@frozen
class _Module:
    """The classes of a module, and what its names stand for that it imports."""

    classes: dict[str, ast.ClassDef]
    imported: dict[str, str]
    tables: dict[str, dict[str, ast.expr]]


@cache
def _read(module: str) -> _Module:
    """A module of the package; no other has anything in it."""
    package, *parts = module.split(".")
    above = files(package).joinpath(*parts[:-1])
    inside = above / parts[-1]
    file = inside / "__init__.py" if inside.is_dir() else above / f"{parts[-1]}.py"
    tree = ast.parse(file.read_text(encoding="utf-8"))
    read = _Module({}, {}, {})
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            read.classes[node.name] = node
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                read.imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict):
            assert isinstance(node.target, ast.Name)
            read.tables[node.target.id] = {
                key.value: value
                for key, value in zip(node.value.keys, node.value.values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(key.value, str)
            }
    return read


def _table(module: str, name: str) -> dict[str, ast.expr]:
    return _read(module).tables[name]


def _with_bases(module: str, written: ast.expr) -> Iterator[ast.ClassDef]:
    """The class that an expression in a module stands for, then its bases, each before its own."""
    found = _class(module, written)
    if found is None:
        return
    where, node = found
    yield node
    for base in node.bases:
        yield from _with_bases(where, base)


def _class(module: str, written: ast.expr) -> tuple[str, ast.ClassDef] | None:
    """The class and its module; None for one that is not of this package."""
    if isinstance(written, ast.Subscript):
        written = written.value
    if isinstance(written, ast.Attribute) and isinstance(written.value, ast.Name):
        module, name = _read(module).imported.get(written.value.id, ""), written.attr
    else:
        name = ast.unparse(written)
    while module.startswith("dlcli."):
        read = _read(module)
        if name in read.classes:
            return module, read.classes[name]
        module, _, name = read.imported.get(name, "").rpartition(".")
    return None
