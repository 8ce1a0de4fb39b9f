"""Which files of dlcli a bundle carries: those that its command needs, followed from import to
import, byte for byte as they are.

Some tables list far more than one network has: layers, losses, transforms and the like. Of these a
bundle carries the rows that its network needs; in the modules of these tables, and only there,
lines are left out. A package's `__init__` that only gathers what is in the package is left out (an
empty one stands for it), unless something is asked of it.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import dlcli
from dlcli.artifacts.files import unreadable
from dlcli.data.transforms import TRANSFORMS
from dlcli.deploy.network import Network
from dlcli.engine.described import describe, written
from dlcli.engine.losses import LOSSES
from dlcli.errors import ExportError, StorageError, reason

ENTRY = "dlcli.cli.standalone"
"""The command of a bundle."""

TABLES: Mapping[str, str] = {
    "dlcli.data.transforms": "TRANSFORMS",
    "dlcli.engine.fusion": "FUSERS",
    "dlcli.engine.initializers": "INITIALIZERS",
    "dlcli.engine.layers": "LAYERS",
    "dlcli.engine.layers.activations": "ACTIVATIONS",
    "dlcli.engine.losses": "LOSSES",
    "dlcli.engine.merges": "MERGES",
    "dlcli.engine.regularizers": "REGULARIZERS",
}
"""By module, the table of which a bundle carries some rows only; of initializers and regularizers
none, but for those that layers name themselves."""

ONLY_WITH: Mapping[str, str] = {
    "dlcli.data.pictures.rows": "picture files",
    "dlcli.data.targets": "a target scale",
}
"""Modules that are loaded late, by networks with these words only."""

_ROOT = Path(dlcli.__file__).parent
_STUB = b'"""A part of dlcli, of which a bundle carries what it needs."""\n'
_FROM = re.compile(r"^[ \t]*from (dlcli[\w.]*) import (?:\(([^)]*)\)|([^\n]*))", re.MULTILINE)
_FOR_TYPES = re.compile(r"^if TYPE_CHECKING:\n(?:[ \t]+[^\n]*\n|\n)+", re.MULTILINE)


def words_of(network: Network) -> frozenset[str]:
    """The words of its layers, its loss and its transforms in their tables, and those of ONLY_WITH.

    Of transforms that become the same step, one stands for all.
    """
    transforms: dict[str, str] = {}
    for word, transform in TRANSFORMS.items():
        transforms.setdefault(transform.fitted.word, word)
    steps = {step.word for one in network.preprocessing.values() for step in one.steps}
    words = {transforms[step] for step in steps}
    words |= {entry["type"] for entry in describe(network.model.plain)}
    words.add(written(network.loss, LOSSES)["type"])
    if network.target_scale is not None:
        words.add(ONLY_WITH["dlcli.data.targets"])
    if network.takes_pictures is not None:
        words.add(ONLY_WITH["dlcli.data.pictures.rows"])
    return frozenset(words)


@cache
def carried(words: frozenset[str]) -> Mapping[str, bytes]:
    """The files that answer for a network of these words, by their names: `dlcli/frozen.py`."""
    asked: Mapping[str, frozenset[str]] = {}
    while True:  # what is left of a table's module depends on who asks what of it
        found = _followed(words, asked)
        now = _asked(found)
        if now == asked:
            break
        asked = now
    files = {_name(module): source.encode() for module, source in found.items()}
    for module in found:
        parts = module.split(".")
        for length in range(1, len(parts)):
            files.setdefault("/".join((*parts[:length], "__init__.py")), _STUB)
    return files


def _followed(words: frozenset[str], asked: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """The sources of all modules that are reached from ENTRY; asked: which names of the tables'
    modules others import."""
    found: dict[str, str] = {}
    waiting = [ENTRY, "dlcli"]
    while waiting:
        module = waiting.pop()
        if module in found or ONLY_WITH.get(module, "") not in {"", *words}:
            continue
        source = _source(module)
        if module in TABLES:
            source = cut(source, TABLES[module], words, asked.get(module, frozenset()))
        found[module] = source
        waiting += [other for other, _ in imported(source)]
    return found


def _asked(sources: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """The names that these sources import from the modules of tables."""
    asked: dict[str, set[str]] = {}
    for source in sources.values():
        for module, name in imported(source):
            if module in TABLES:
                asked.setdefault(module, set()).add(name)
    return {module: frozenset(names) for module, names in asked.items()}


@cache
def imported(source: str) -> tuple[tuple[str, str], ...]:
    """The modules of dlcli that a source imports, wherever it does, but for its types alone; and
    the name that it takes from each, which is "" where it takes the module."""
    found: list[tuple[str, str]] = []
    for match in _FROM.finditer(_FOR_TYPES.sub("", source)):
        package, names = match[1], re.sub("#[^\n]*", "", match[2] or match[3])
        for name in re.findall(r"(\w+)(?:\s+as\s+\w+)?\s*(?:,|$)", names.strip()):
            inner = f"{package}.{name}"
            found.append((inner, "") if _path(inner) is not None else (package, name))
    return tuple(found)


@cache
def _path(module: str) -> Path | None:
    place = _ROOT.joinpath(*module.split(".")[1:])
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if module != "dlcli" and path.is_file():
            return path
    return _ROOT / "__init__.py" if module == "dlcli" else None


def _name(module: str) -> str:
    path = _path(module)
    assert path is not None
    return f"dlcli/{path.relative_to(_ROOT).as_posix()}"


@cache
def _source(module: str) -> str:
    path = _path(module)
    return read_own(_ROOT / module if path is None else path).decode()


@cache
def read_own(path: Path) -> bytes:
    """A file of dlcli itself; StorageError where the machine fails, ExportError where it is not
    there to be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        failure = unreadable(path, error)
        if isinstance(failure, StorageError):
            raise failure from None
        raise ExportError(
            f"a bundle carries dlcli's own code, but {path} cannot be read: {reason(error)}. "
            "Install dlcli as files, not as an archive",
            file=path,
        ) from None


def cut(source: str, table: str, words: frozenset[str], asked: frozenset[str]) -> str:
    """A module without the rows of its table that nobody needs, and without the classes, functions
    and imports that nothing needs then.

    asked: what others import from it. Lines are left out; none is changed but for the names in an
    import.
    """
    body = _statements(source)
    listed, kept_rows, rows = _rows(body, table, words)
    needs = {one: _names(one) for one in body}
    needs[listed] = _names(listed.annotation).union(*map(_names, kept_rows))
    defined: dict[str, ast.stmt] = {one.name: one for one in body if isinstance(one, _DEFINED)}
    defined[table] = listed
    wanted = set(asked)
    for one in body:
        if not isinstance(one, ast.ImportFrom) and one not in defined.values():
            wanted |= frozenset() if _lists_names(one) else needs[one]
    waiting = list(wanted & defined.keys())
    while waiting:
        new = needs[defined[waiting.pop()]] - wanted
        wanted |= new
        waiting += new & defined.keys()
    lines: list[str | None] = [*source.splitlines(keepends=True)]
    for row in rows if table in wanted else ():
        assert row.lineno > listed.lineno, f"the rows of {table} must be lines of their own"
        _leave_out(lines, row.lineno, row.end_lineno)
    gone = {one for name, one in defined.items() if name not in wanted}
    for one in body:
        if isinstance(one, ast.ImportFrom):
            kept = [alias for alias in one.names if (alias.asname or alias.name) in wanted]
            if len(kept) < len(one.names):
                _leave_out(lines, one.lineno, one.end_lineno)
            if 0 < len(kept) < len(one.names):
                names = ", ".join(ast.unparse(alias) for alias in kept)
                lines[one.lineno - 1] = f"from {one.module} import {names}\n"
        elif _lists_names(one) or one in gone:
            first = min([one.lineno, *(d.lineno for d in getattr(one, "decorator_list", ()))])
            _leave_out(lines, first, one.end_lineno)
    left = "".join(line for line in lines if line is not None)
    return re.sub(r"\n{4,}", "\n\n\n", left).rstrip("\n") + "\n"


_DEFINED = (ast.FunctionDef, ast.ClassDef)


@cache
def _statements(source: str) -> tuple[ast.stmt, ...]:
    return tuple(ast.parse(source).body)


def _rows(
    body: Sequence[ast.stmt], table: str, words: frozenset[str]
) -> tuple[ast.AnnAssign, list[ast.expr], list[ast.expr]]:
    """The statement of this table, and the values of its rows whose words are among these, and
    those of the others."""
    (listed,) = (
        one for one in body if isinstance(one, ast.AnnAssign) and ast.unparse(one.target) == table
    )
    assert isinstance(listed.value, ast.Dict)
    rows = list(zip(listed.value.keys, listed.value.values, strict=True))
    kept = [row for key, row in rows if isinstance(key, ast.Constant) and key.value in words]
    return listed, kept, [row for _, row in rows if row not in kept]


@cache
def _names(node: ast.AST) -> frozenset[str]:
    """Every name in it; also in a text, as a type may be, but for docstrings."""
    names = set()
    told = {id(one.value) for one in ast.walk(node) if isinstance(one, ast.Expr)}  # docstrings
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            names.add(one.id)
        elif isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) not in told:
            names |= set(re.findall(r"\w+", one.value))
    return frozenset(names)


def _lists_names(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"


def _leave_out(lines: list[str | None], first: int, last: int | None) -> None:
    for number in range(first - 1, last or first):
        lines[number] = None
