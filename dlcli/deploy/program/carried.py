"""Which files of dlcli a bundle carries: those that its command needs, followed from import to
import, byte for byte as they are.

Three tables list far more than one network has: the layers, how chains of them are fused, and the
transforms. Of these a bundle carries the rows that its network needs. A package's `__init__` that
only gathers what is in the package is left out (an empty one stands for it), unless something is
asked of it.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import dlcli
from dlcli.data.transforms import TRANSFORMS
from dlcli.deploy.network import Network
from dlcli.engine.described import describe
from dlcli.engine.layers import LAYERS
from dlcli.errors import ExportError, reason

ENTRY = "dlcli.cli.standalone"
"""The command of a bundle."""

TABLES: Mapping[str, str] = {
    "dlcli.data.transforms": "TRANSFORMS",
    "dlcli.engine.fusion": "FUSERS",
    "dlcli.engine.layers": "LAYERS",
}
"""By module, the table of which a bundle carries some rows only."""

_ROOT = Path(dlcli.__file__).parent
_STUB = b'"""A part of dlcli, of which a bundle carries what it needs."""\n'
_FROM = re.compile(r"^[ \t]*from (dlcli[\w.]*) import (?:\(([^)]*)\)|([^\n]*))", re.MULTILINE)
_FOR_TYPES = re.compile(r"^if TYPE_CHECKING:\n(?:[ \t]+[^\n]*\n|\n)+", re.MULTILINE)


def words_of(network: Network) -> frozenset[str]:
    """The words of its layers and of its transforms, in the tables of LAYERS and TRANSFORMS.

    Of transforms that become the same step, one stands for all.
    """
    layers = {entry["type"] for entry in describe(network.model.plain)}
    steps = {step.word for one in network.preprocessing.values() for step in one.steps}
    words: dict[str, str] = {}
    for word, transform in TRANSFORMS.items():
        words.setdefault(transform.fitted.word, word)
    return frozenset(layers & LAYERS.keys()) | {words[step] for step in steps}


@cache
def carried(words: frozenset[str]) -> Mapping[str, bytes]:
    """The files that answer for a network of these words, by their names: `dlcli/frozen.py`."""
    found: dict[str, str] = {}
    waiting = [ENTRY, "dlcli"]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found[module] = _source(module, words)
            waiting += imported(found[module])
    files = {_name(module): source.encode() for module, source in found.items()}
    for module in found:
        parts = module.split(".")
        for length in range(1, len(parts)):
            files.setdefault("/".join((*parts[:length], "__init__.py")), _STUB)
    return files


def imported(source: str) -> Iterator[str]:
    """The modules of dlcli that a source imports, wherever it does, but for its types alone."""
    for match in _FROM.finditer(_FOR_TYPES.sub("", source)):
        package, names = match[1], match[2] or match[3]
        for name in re.findall(r"(\w+)(?:\s+as\s+\w+)?\s*(?:,|$)", names.strip()):
            inner = f"{package}.{name}"
            yield inner if _path(inner) is not None else package


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


def _source(module: str, words: frozenset[str]) -> str:
    path = _path(module)
    try:
        if path is None:
            raise FileNotFoundError(2, "it is not there")
        source = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ExportError(
            f"a bundle carries dlcli's own code, but that of {module} cannot be read: "
            f"{reason(error)}. Install dlcli as files, not as an archive",
            file=path,
        ) from None
    return _cut(source, TABLES[module], words) if module in TABLES else source


def _cut(source: str, table: str, words: frozenset[str]) -> str:
    """A module without the rows of its table that nobody needs, and without what only they need:
    lines are left out, none is changed but for the names in an import."""
    tree = ast.parse(source)
    lines: list[str | None] = [*source.splitlines(keepends=True)]

    def drop(node: ast.AST) -> None:
        for number in range(node.lineno - 1, node.end_lineno or 0):  # type: ignore[attr-defined]
            lines[number] = None

    used: set[str] = set()
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom):
            continue
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            drop(statement)
            continue
        gone: set[ast.AST] = set()
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == table:
            assert isinstance(statement.value, ast.Dict)
            rows = zip(statement.value.keys, statement.value.values, strict=True)
            for key, value in rows:
                if not (isinstance(key, ast.Constant) and key.value in words):
                    drop(value)
                    gone.add(value)
        names = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
        used |= {node.id for node in names if node not in gone}
    for statement in tree.body:
        if not isinstance(statement, ast.ImportFrom):
            continue
        kept = [one.name for one in statement.names if one.name in used]
        if len(kept) < len(statement.names):
            drop(statement)
        if kept and len(kept) < len(statement.names):
            words_kept = f"from {statement.module} import {', '.join(kept)}\n"
            lines[statement.lineno - 1] = words_kept
    return "".join(line for line in lines if line is not None)
