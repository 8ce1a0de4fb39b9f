"""The house rules: who may import whom, who may use which package, who may write to the disk."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import dlcli

ROOT = Path(dlcli.__file__).parent

BASE = frozenset(
    {
        "dates",
        "errors",
        "folding",
        "frozen",
        "nearest",
        "randomness",
        "numerics",
        "printable",
        "progress",
        "stopping",
        "wording",
    }
)
ROOMS = frozenset({"config", "engine", "data", "artifacts"})

MAY_IMPORT = {
    "__init__": frozenset({"numerics"}),
    "__main__": frozenset({"cli", "numerics"}),
    "dates": frozenset(),
    "errors": frozenset(),
    "folding": frozenset(),
    "frozen": frozenset(),
    "nearest": frozenset(),
    "printable": frozenset(),
    "progress": frozenset(),
    "stopping": frozenset(),
    "wording": frozenset(),
    "numerics": frozenset(),
    "randomness": frozenset(),
    "config": BASE,
    "engine": BASE,
    "data": BASE,
    "artifacts": BASE,
    "builder": BASE | {"config", "engine", "data"},
    "deploy": BASE | ROOMS | {"builder", "__init__"},
    "report": BASE | {"deploy"},
    "pipeline": BASE | ROOMS | {"builder", "deploy", "report", "__init__"},
    "console": BASE | {"engine"},
    "reference": BASE | {"config"},
    "cli": BASE | ROOMS | {"pipeline", "console", "deploy", "reference", "__init__"},
}
"""Of dlcli itself; everybody may import what is in their own room."""

PACKAGES = {
    "typer": {"cli"},
    "rich": {"console"},
    "pydantic": {"config"},
    "pydantic_core": {"config"},
    "yaml": {"config"},
    "safetensors": {"artifacts"},
    "pyarrow": {"data"},
    "PIL": {"data"},
    "onnx": {"deploy"},
    "onnxruntime": {"deploy"},
    "matplotlib": {"report"},
    "numpy": {"engine", "data", "artifacts", "deploy", "pipeline", "numerics", "randomness"},
}
"""Who may use which package."""

EXTRAS = {"pyarrow", "PIL", "onnx", "onnxruntime", "matplotlib"}
"""Packages that need not be installed."""


class Import:
    """One import statement: what is imported where, and whether it runs on loading the module."""

    def __init__(self, module: str, line: int, imported: str, at_the_top: bool) -> None:
        self.module, self.line, self.imported = module, line, imported
        self.at_the_top = at_the_top

    def __str__(self) -> str:
        return f"{self.module}, line {self.line}, imports {self.imported}"

    @property
    def room(self) -> str:
        return room(self.module)


def room(module: str) -> str:
    """`engine` for dlcli.engine.layers.dense; `errors` for dlcli.errors; `__init__` for dlcli."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


@cache
def modules() -> dict[str, ast.Module]:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = ["dlcli", *path.relative_to(ROOT).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join(parts)] = ast.parse(path.read_text(encoding="utf-8"))
    return found


@cache
def imports() -> tuple[Import, ...]:
    return tuple(
        Import(module, line, name, top)
        for module, tree in modules().items()
        for line, name, top in _imports(tree, True)
    )


def _imports(node: ast.AST, top: bool) -> Iterator[tuple[int, str, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((child.lineno, alias.name, top) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            assert child.module is not None
            names = [f"{child.module}.{alias.name}" for alias in child.names]
            is_package = child.module in modules() or child.module == "dlcli"
            for name in names if is_package else [child.module]:
                yield child.lineno, name if name in modules() else child.module, top
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from _imports(child, False)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, top and not inside)


def test_imports_point_one_way() -> None:
    wrong = [
        str(found)
        for found in imports()
        if found.imported.split(".")[0] == "dlcli"
        and room(found.imported) != found.room
        and room(found.imported) not in MAY_IMPORT[found.room]
        and found.module != "dlcli.deploy.program.predict"  # starts a process, as __main__ does
    ]
    assert not wrong, "\n".join(wrong)


def test_no_files_import_each_other_in_a_circle() -> None:
    """Not for their types either: a package's `__init__` is a face and no file."""
    reads: dict[str, set[str]] = {}
    for found in imports():
        if found.imported in modules() and not _is_face(found.imported):
            reads.setdefault(found.module, set()).add(found.imported)
    done: set[str] = set()

    def follow(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way[way.index(module) :], module))
        if module in done:
            return
        for other in sorted(reads.get(module, ())):
            follow(other, (*way, module))
        done.add(module)

    for module in sorted(reads):
        if not _is_face(module):
            follow(module, ())


def _is_face(module: str) -> bool:
    return any(other.startswith(f"{module}.") for other in modules())


def test_every_package_stays_in_its_rooms() -> None:
    wrong = [
        str(found)
        for found in imports()
        if found.imported.split(".")[0] in PACKAGES
        and found.room not in PACKAGES[found.imported.split(".")[0]]
        and not (found.room == "cli" and found.imported.startswith("rich"))
        and not (found.room == "console" and found.imported.startswith("typer"))
    ]
    assert not wrong, "\n".join(wrong)


def test_what_need_not_be_installed_is_loaded_where_it_is_used() -> None:
    wrong = [
        str(found)
        for found in imports()
        if found.at_the_top and found.imported.split(".")[0] in EXTRAS
    ]
    assert not wrong, "\n".join(wrong)


def test_there_are_no_other_packages() -> None:
    import sys

    known = {*sys.stdlib_module_names, *PACKAGES, "dlcli"}
    others = [str(found) for found in imports() if found.imported.split(".")[0] not in known]
    assert not others, "\n".join(others)


def test_only_functions_of_the_pins_and_of_commands_import_numpy_late() -> None:
    """What must be loaded without NumPy: the pins, which come before it, and the words."""
    for found in imports():
        if found.room in ("numerics", "cli", "config", "__init__", "__main__", "errors"):
            assert not (found.at_the_top and found.imported.split(".")[0] == "numpy"), str(found)


def test_the_command_line_loads_no_room_of_numpy_at_the_top() -> None:
    heavy = {
        "engine", "data", "artifacts", "deploy", "builder", "console", "pipeline", "report",
    }  # fmt: skip
    wrong = [
        str(found)
        for found in imports()
        if found.room == "cli"
        and found.module != "dlcli.cli.signals"  # loaded by `train` when all else is
        and found.at_the_top
        and found.imported.split(".")[0] == "dlcli"
        and room(found.imported) in heavy
    ]
    assert not wrong, "\n".join(wrong)


WRITING_MODULES = {
    "dlcli.artifacts.files",  # all that becomes a run
    "dlcli.data.storing",  # what is kept in the data dir: fetched, or decoded
}
WRITERS = {
    # Every function that writes, outside of these, and why it may.
    "dlcli.cli.init._write",  # the config that somebody asked for
    "dlcli.cli.ending._bug",  # the traceback of a bug, in the temporary directory
    "dlcli.cli.ending.survive_closed_streams",  # /dev/null
    "dlcli.cli.ending._Forgiving._drop",  # /dev/null
}

WRITING = {
    "write_text", "write_bytes", "mkdir", "makedirs", "unlink", "rmdir", "rename", "replace",
    "symlink_to", "hardlink_to", "touch", "chmod", "mkstemp", "mkdtemp", "TemporaryDirectory",
    "NamedTemporaryFile", "rmtree", "copy", "copyfile", "copytree", "move", "save", "savez",
    "savez_compressed", "tofile", "save_file", "truncate", "chdir", "symlink",
}  # fmt: skip
"""Names of functions and methods that change the disk, wherever they come from."""

HARMLESS = {"replace", "copy", "move", "save", "write_text", "write_bytes", "rename", "truncate"}
"""Those that are something else, too: they count only when called on one of `DISKS`."""

DISKS = {"os", "shutil", "np", "numpy", "safetensors", "tempfile"}


def _writes(call: ast.Call) -> bool:
    name = call.func
    if isinstance(name, ast.Name):
        return name.id in ("open", "mkstemp", "rmtree") and _for_writing(call, 1)
    if not isinstance(name, ast.Attribute):
        return False
    owner = name.value.id if isinstance(name.value, ast.Name) else ""
    if name.attr == "open":
        return owner == "os" or _for_writing(call, 0 if owner != "io" else 1)
    if name.attr in HARMLESS:
        return owner in DISKS
    return name.attr in WRITING


def _for_writing(call: ast.Call, position: int) -> bool:
    """Whether `open` is called with a mode that writes."""
    modes = [word.value for word in call.keywords if word.arg == "mode"]
    modes += call.args[position : position + 1]
    return any(
        isinstance(mode, ast.Constant) and any(letter in str(mode.value) for letter in "wax+")
        for mode in modes
    )


def _functions(tree: ast.AST, name: str) -> Iterator[tuple[str, ast.Call]]:
    for child in ast.iter_child_nodes(tree):
        inner = name
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inner = f"{name}.{child.name}"
        elif isinstance(child, ast.Call):
            yield name, child
        yield from _functions(child, inner)


READERS = {
    # os.open for reading: descriptors to lock or to look at.
    "dlcli.artifacts.reading.regular",
    "dlcli.artifacts.locks._opened",
    "dlcli.artifacts.locks.holder",
}


def test_only_two_modules_write_to_the_disk() -> None:
    found = {
        f"{where}, line {call.lineno}: {ast.unparse(call)}"
        for module, tree in modules().items()
        if module not in WRITING_MODULES
        for where, call in _functions(tree, module)
        if _writes(call) and where not in WRITERS | READERS
    }
    assert not found, "\n".join(sorted(found))


OPENERS = {
    "dlcli.artifacts.files",  # writes
    "dlcli.artifacts.reading",  # reads what lies in a run: regular files only, bounded
    "dlcli.artifacts.locks",  # a directory to lock, and the system's table of locks
    "dlcli.data.formats.stored",  # data files of the user ...
    "dlcli.data.formats.unpacked",
    "dlcli.data.storing",  # what is kept in the data dir
    "dlcli.data.pictures.decoding",  # pictures, by Pillow
    "dlcli.data.formats.npz",  # ... and members of archives
    "dlcli.data.formats.tarred",
    "dlcli.data.downloads.transfer",  # addresses
    "dlcli.data.sources.embedded",  # our own resources
    "dlcli.cli.init",
    "dlcli.deploy.program.carried",  # our own sources
    "dlcli.deploy.places",  # what lies in the zip file of a bundle
    "dlcli.cli.quota",  # what the system says of the processors
    "dlcli.reference.working",  # our own docstrings
    "dlcli.config.document",  # a person's YAML, which may be a pipe
    "dlcli.cli.ending",  # nowhere, and the report of a bug
    "dlcli.numerics",  # what the system says of the processor
}
"""Who may open files. Whatever lies in a run may be a pipe that nobody writes to, a device, or
larger than the memory, so it is read through `artifacts.reading` alone."""

_OPENING = {"open", "fdopen", "read_bytes", "read_text", "memmap", "load", "fromfile", "loadtxt"}


def test_only_these_modules_open_files() -> None:
    found = set()
    for module, tree in modules().items():
        for where, call in _functions(tree, module):
            words = ast.unparse(call.func)
            name = words.rpartition(".")[2]
            ours = words in ("RunDirectory.open", "read_bytes", "SOURCES.load") or (
                name == "load" and not words.startswith("np.")
            )
            if name in _OPENING and not ours and module not in OPENERS:
                found.add(f"{where}, line {call.lineno}: {words}")
    assert not found, "\n".join(sorted(found))
    assert modules().keys() >= OPENERS


def test_nobody_changes_the_directory_or_asks_questions() -> None:
    for module, tree in modules().items():
        for where, call in _functions(tree, module):
            words = ast.unparse(call.func)
            assert words not in ("os.chdir", "input", "typer.prompt", "typer.confirm"), where


def test_every_module_says_what_it_is_about() -> None:
    for module, tree in modules().items():
        assert ast.get_docstring(tree), f"{module} has no docstring"


def test_no_file_is_unbearably_long() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in ROOT.rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long


def test_there_is_nothing_unfinished() -> None:
    for path in ROOT.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for word in ("TODO", "FIXME", "XXX"):
            assert word not in text, f"{path} has a {word}"


def test_every_module_is_in_a_package_that_tools_can_walk() -> None:
    walked = {"dlcli", *(name for _, name, _ in pkgutil.walk_packages([str(ROOT)], "dlcli."))}
    assert walked == modules().keys()


def test_public_names_are_there() -> None:
    for _, name, _ in pkgutil.walk_packages([str(ROOT)], "dlcli."):
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", ()):
            assert hasattr(module, public), f"{name}.__all__ lists {public}"


def test_the_commands_are_these() -> None:
    """What people and scripts rely on; a new one is added here, an old one never removed."""
    from dlcli.cli.main import app

    names = {command.name for command in app.registered_commands}
    assert names == {
        "train", "watch", "evaluate", "validate", "predict", "verify", "reproduce", "init",
        "schema", "list", "explain", "describe", "importance", "export", "doctor", "diff", "report",
    }  # fmt: skip
    groups = {
        group.name: {command.name for command in group.typer_instance.registered_commands}
        for group in app.registered_groups
        if group.typer_instance is not None
    }
    assert groups == {"data": {"list", "fetch"}, "runs": {"list", "show", "rm", "prune"}}


def test_the_exit_codes_are_these() -> None:
    from dlcli import errors

    codes = {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.DlcliError)
    }
    assert codes == {
        "DlcliError": 1, "UsageError": 2, "ConfigError": 2, "DataError": 3, "ArtifactError": 4,
        "LockedError": 5, "StorageError": 6, "DivergedError": 7, "GateError": 8, "ExportError": 9,
        "DiffersError": 10, "NotComparableError": 11,
    }  # fmt: skip
