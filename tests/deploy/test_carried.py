"""What a bundle carries of dlcli's code: all that is needed, little else, and as it is in dlcli."""

import ast
import errno
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import safetensors.numpy

import dlcli
from dlcli.artifacts.plain_tensors import plain_tensors
from dlcli.artifacts.tensors import encode_tensors
from dlcli.data.transforms import TRANSFORMS
from dlcli.deploy.program import carried as carrying
from dlcli.deploy.program.carried import ONLY_WITH, TABLES, carried, cut, imported
from dlcli.engine.described import COMPONENTS, MOST, by_fields, taken
from dlcli.engine.layers import LAYERS
from dlcli.engine.losses import LOSSES
from dlcli.errors import ExportError, StorageError

PARENT = Path(dlcli.__file__).parents[1]
WORDS = sorted({*COMPONENTS, *LOSSES, *TRANSFORMS, *ONLY_WITH.values()})
NEVER = (
    "dlcli/config", "dlcli/builder", "dlcli/pipeline", "dlcli/console", "dlcli/data/sources/",
    "dlcli/data/downloads/", "dlcli/data/pictures/cache", "dlcli/data/pictures/listing",
    "dlcli/data/looking/",
    "dlcli/data/augmentation/", "dlcli/engine/team/processes", "dlcli/engine/training",
    "dlcli/engine/optimizers", "dlcli/engine/metrics/metric_set", "dlcli/artifacts/tensors",
    "dlcli/cli/main",
)  # fmt: skip
"""How no name of a carried file begins: rooms of training, and what needs other packages."""

SMALL = frozenset({"dense", "relu", "softmax", "sparse_categorical_crossentropy", "standardize"})


parsed = cache(ast.parse)


def modules(files: Mapping[str, bytes]) -> dict[str, ast.Module]:
    return {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): parsed(source)
        for name, source in files.items()
    }


@cache
def names_of(tree: ast.Module) -> set[str]:
    """What a module defines or imports at its top."""
    found = set()
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            found.add(statement.name)
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                found |= {(one.asname or one.name).partition(".")[0] for one in node.names}
    return found


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The modules of dlcli that are imported, and which name of each; not for types alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dlcli":
            yield from ((str(node.module), one.name) for one in node.names)
        yield from imports(node)


@cache
def imports_of(tree: ast.Module) -> tuple[tuple[str, str], ...]:
    return tuple(imports(tree))


def lacking(files: Mapping[str, bytes], words: frozenset[str]) -> set[str]:
    """The imports of carried modules that find nothing there."""
    trees = modules(files)
    defined = {module: names_of(tree) for module, tree in trees.items()}
    late = {module for module, word in ONLY_WITH.items() if word not in words}
    return {
        f"{module} imports {name} from {package}"
        for module, tree in trees.items()
        for package, name in imports_of(tree)
        if package not in late
        and f"{package}.{name}" not in trees
        and name not in defined.get(package, set())
    }


def undefined(tree: ast.Module) -> set[str]:
    """Names that a cut module uses and nobody defines."""
    import builtins

    known = names_of(tree) | set(vars(builtins)) | {"__file__", "__name__"}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            known.add(node.arg)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            known.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler) and node.name:
            known.add(node.name)
    used = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    return used - known


def test_imports_are_found_as_python_finds_them() -> None:
    for path in sorted((PARENT / "dlcli").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        found = set()
        for package, name in imports(ast.parse(source)):
            inner = f"{package}.{name}"
            is_module = carrying._path(inner) is not None
            found.add((inner, "") if is_module else (package, name))
        assert set(imported(source)) == found, path


def test_all_is_there_for_every_word_and_nothing_is_that_is_for_training() -> None:
    for word in WORDS:
        words = frozenset({word})
        files = carried(words)
        assert not lacking(files, words), word
        assert not [name for name in files if name.startswith(NEVER)], word
        for module in TABLES:
            name = carrying._name(module)
            if name in files and not files[name].startswith(carrying._STUB):
                assert not undefined(ast.parse(files[name])), (word, name)


def test_all_words_together() -> None:
    words = frozenset(WORDS)
    files = carried(words)
    assert not lacking(files, words)
    assert not [name for name, source in files.items() if b"\nimport dlcli" in source]
    assert not [name for name in files if name.startswith(NEVER)]
    for module, name in ((m, carrying._name(m)) for m in TABLES):
        assert module in TABLES and name in files


def test_files_are_as_they_are_in_dlcli_but_for_the_tables() -> None:
    files = carried(SMALL)
    cut_ones = {carrying._name(module) for module in TABLES}
    for name, source in files.items():
        assert name.isascii() and "__pycache__" not in name
        here = (PARENT / name).read_bytes()
        if source == carrying._STUB:
            assert name.endswith("/__init__.py")
        elif name not in cut_ones:
            assert source == here, name
        else:
            lines = set(here.decode().splitlines())
            new = [line for line in source.decode().splitlines() if line not in lines]
            assert all(line.startswith("from dlcli.") for line in new), (name, new)


def test_it_is_small() -> None:
    size = sum(len(source) for source in carried(SMALL).values())
    assert size < 535_000
    assert len(carried(SMALL)) < 110
    assert carried(SMALL) is carried(SMALL)


def test_what_is_not_needed_is_not_there() -> None:
    names = carried(SMALL).keys()
    assert "dlcli/engine/layers/dense.py" in names and "dlcli/deploy/network.py" in names
    for other in ("conv2d", "conv1d", "pool2d", "group_normalization", "steps", "lookup"):
        assert f"dlcli/engine/layers/{other}.py" not in names
    for other in ("winograd", "depthwise", "planes_conv"):
        assert f"dlcli/engine/fusion/{other}.py" not in names
    assert "dlcli/data/transforms/resizing.py" not in names
    assert "dlcli/data/targets.py" not in names
    assert b"Softplus" not in carried(SMALL)["dlcli/engine/layers/activations.py"]


SOURCE = '''"""A table."""

from dlcli.a import A, Base
from dlcli.b import B


class C(Base):
    """Needs D."""

    d = "D"


class D:
    """By itself."""


@decorated
class E(Base):
    """Nobody needs it."""


TABLE: dict[str, type[Base]] = {
    "a": A,
    "b": B,
    "c": C,
    "also c": C,
    "e": E,
}

__all__ = ["A", "B"]
'''


def test_a_table_is_cut() -> None:
    found = cut(SOURCE, "TABLE", frozenset({"c"}), frozenset({"TABLE"}))
    assert found.splitlines() == [
        '"""A table."""', "", "from dlcli.a import Base", "", "", "class C(Base):",
        '    """Needs D."""', "", '    d = "D"', "", "", "class D:", '    """By itself."""', "", "",
        "TABLE: dict[str, type[Base]] = {", '    "c": C,', "}",
    ]  # fmt: skip
    asked = cut(SOURCE, "TABLE", frozenset(), frozenset({"B"}))
    assert asked.splitlines() == ['"""A table."""', "", "from dlcli.b import B"]
    whole = cut(SOURCE, "TABLE", frozenset({"a", "b", "c", "also c", "e"}), frozenset({"TABLE"}))
    assert whole == SOURCE.replace('\n__all__ = ["A", "B"]\n', "")


def test_code_that_cannot_be_read_is_an_export_error(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"absent\.py cannot be read"):
        carrying.read_own(tmp_path / "absent.py")

    def failing(path: Path) -> bytes:
        raise OSError(errno.EMFILE, "too many")

    with (
        mock.patch.object(Path, "read_bytes", failing),
        pytest.raises(StorageError, match="too many files are open"),
    ):
        carrying.read_own(tmp_path / "other.py")


# Reading without the vocabulary.


def test_as_many_layers_as_the_vocabulary_writes_out() -> None:
    from dlcli.config import wiring

    assert MOST == 2 * wiring.MOST


@pytest.mark.parametrize(
    ("word", "options", "words"),
    [
        ("dense", {"units": 2.0}, "2.0 is not int"),
        ("dense", {"units": True}, "True is not int"),
        ("dense", {"units": "2"}, "'2' is not int"),
        ("dense", {}, "units"),
        ("dense", {"units": 2, "use_bias": 1}, "1 is not bool"),
        ("dense", {"units": 2, "kernel_initializer": "zeros"}, "no option 'kernel_initializer'"),
        ("dropout", {"rate": 1}, "1 is not float"),
        ("max_pooling2d", {"padding": "full"}, "'full' is not"),
        ("conv2d", {"filters": 2, "kernel_size": [3]}, "is not tuple"),
        ("conv2d", {"filters": 2, "kernel_size": [3, [3]]}, "is not int"),
        ("reshape", {"target_shape": 4}, "is not tuple"),
        ("zero_padding2d", {"padding": [[1, 1], [1]]}, "is not tuple"),
    ],
)
def test_options_of_other_types_are_refused(word: str, options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        by_fields(word, options, 1)


def test_options_are_taken_as_fields_have_them() -> None:
    assert taken([[1, 2], [3, 4]], tuple[tuple[int, int], tuple[int, int]]) == ((1, 2), (3, 4))
    assert taken([], tuple[int, ...]) == () and taken(None, int | None) is None
    assert taken(3, int | None) == 3 and taken(["a"], tuple[str, ...] | None) == ("a",)
    assert by_fields("conv2d", {"filters": 2, "kernel_size": [3, 1]}, 1) == LAYERS["conv2d"](
        2, (3, 1)
    )
    with pytest.raises(ValueError, match="reads 2 values"):
        by_fields("dense", {"units": 2}, 2)


def test_tensors_are_what_the_package_reads() -> None:
    draws = np.random.default_rng(0)
    arrays = {
        "a": draws.normal(size=(3, 4)).astype(np.float32),
        "b": draws.normal(size=(2,)),
        "scalar": np.array(3, np.int16),
        "none": np.zeros((0, 5), np.uint8),
        "bytes": np.arange(7, dtype=np.uint8),
    }
    written = encode_tensors(arrays, {"about": [1]})
    odd = safetensors.numpy.save({"x": np.arange(3, dtype=np.uint8), "y": np.ones(2)})
    length = int.from_bytes(odd[:8], "little")
    unaligned = (length + 1).to_bytes(8, "little") + odd[8 : 8 + length] + b" " + odd[8 + length :]
    for data in (written, odd, unaligned):
        found, wanted = plain_tensors(data, "x").arrays, safetensors.numpy.load(data)
        assert found.keys() == wanted.keys()
        for name, array in found.items():
            assert array.dtype == wanted[name].dtype and array.shape == wanted[name].shape
            assert array.tobytes() == wanted[name].tobytes()
            assert not array.flags.writeable and array.flags.aligned
    assert plain_tensors(written, "x").metadata == {"about": [1]}
