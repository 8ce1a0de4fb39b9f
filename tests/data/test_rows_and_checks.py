"""Rows for prediction, class ids, digests, parts, and which operations the room may use."""

import ast
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import dlcli.data
from dlcli.data import (
    Column,
    Part,
    Places,
    Preprocessing,
    Raw,
    Role,
    Split,
    Table,
    class_targets,
    digests,
    read_rows,
)
from dlcli.data.sources import Csv
from dlcli.data.transforms import OneHot, Standardize
from dlcli.errors import DataError

Write = Callable[..., str]


def test_rows_are_read_by_name_whatever_the_order(places: Places, write_csv: Write) -> None:
    write_csv("a,color,y\n1,red,0\n2,blue,1\n3,red,1\n")
    raw = Csv("t.csv", "y").load(places, 0)
    part = Split(0.0, 0.0).apply(raw, 0).train
    fitted = Preprocessing.fit(part, [Standardize(), OneHot()])
    write_csv("extra,color,a\nx,blue,2\nz,red,1\n", "rows.csv")
    rows = read_rows(places.data / "rows.csv", fitted.columns, fitted.row_shape)
    assert (fitted.apply(rows) == fitted.apply(part.features[[1, 0]])).all()


COLUMNS = (Column("a"), Column("color", ("blue", "red")))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,colour\n1,red\n", "lacks 1 of the model's 2 .*'color'; did you mean 'colour'"),
        ("b\n1\n", "lacks 2 of the model's 2 feature columns: 'a', 'color'"),
        ("a,color\n1,red\n2,pink\n", "line 3, column 'color' holds 'pink'.*knows blue, red"),
        ("a,color\n1,red\nx,red\n", "line 3, column 'a' holds 'x'"),
        ("a,color\n1,red\n2\n", "line 3 has 1 cell"),
        ("a,color\n", "no rows"),
        ("", "empty"),
    ],
)
def test_rows_that_do_not_suit_the_model_are_refused(
    content: str, words: str, places: Places, write_csv: Write
) -> None:
    write_csv(content)
    with pytest.raises(DataError, match=words):
        read_rows(places.data / "t.csv", COLUMNS, (2,))


def test_rows_come_as_arrays_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.npy"
    for shape in ((5, 4, 4, 1), (5, 4, 4)):
        np.save(path, np.zeros(shape, np.uint8))
        assert read_rows(path, None, (4, 4, 1)).shape == (5, 4, 4, 1)
    np.save(path, np.zeros(5))
    assert read_rows(path, (Column("a"),), (1,)).shape == (5, 1)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 4, 1)), "one row .* without an axis of rows"),
        (np.zeros((5, 4, 3, 1)), "takes rows of shape \\(4, 4, 1\\)"),
        (np.zeros((0, 4, 4, 1)), "at least one row"),
        (np.full((5, 4, 4, 1), np.nan), "nan in row 0"),
        (np.array([{}], object), "Python objects"),
    ],
)
def test_arrays_that_do_not_suit_the_model_are_refused(
    array: np.ndarray, words: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "rows.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match=words):
        read_rows(tmp_path / "rows.npy", None, (4, 4, 1))


def test_the_kind_of_file_must_suit_the_columns(tmp_path: Path, write_csv: Write) -> None:
    np.save(tmp_path / "rows.npy", np.zeros((5, 2)))
    with pytest.raises(DataError, match="'color' is text; give the rows as a CSV"):
        read_rows(tmp_path / "rows.npy", COLUMNS, (2,))
    write_csv("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"as a .npy file"):
        read_rows(tmp_path / "t.csv", None, (2,))
    with pytest.raises(DataError, match="was not found"):
        read_rows(tmp_path / "gone.csv", COLUMNS, (2,))


def test_class_ids_must_be_in_range() -> None:
    assert class_targets(np.array([0.0, 2.0]), 3).tolist() == [0, 2]
    with pytest.raises(DataError, match=r"3 in row 1 .*whole numbers 0 to 2"):
        class_targets(np.array([0, 3, 4]), 3)
    with pytest.raises(DataError, match=r"0.5 in row 0"):
        class_targets(np.array([0.5]), 3)
    with pytest.raises(DataError, match="one integer a row"):
        class_targets(np.zeros((3, 2)), 3)
    part = Part(np.zeros((9, 1)), np.array([0] * 8 + [-1]), np.array([1, 8]))
    with pytest.raises(DataError, match="-1 in row 8"):
        class_targets(part, 3, "y")


def raw(features: np.ndarray, classes: tuple[str, ...] | None = None) -> Raw:
    return Raw({"all": Table(features, np.zeros(len(features), np.int64))}, classes)


def test_digests_depend_on_values_type_and_shape_but_not_on_layout() -> None:
    base = np.arange(12.0).reshape(4, 3)
    same = [base.copy(), np.asfortranarray(base), base.astype(">f8"), np.tile(base, (1, 2))[:, :3]]
    assert {digests(raw(array))["all.features"] for array in same} == {
        digests(raw(base))["all.features"]
    }
    other = [base.astype(np.float32), base.reshape(3, 4), base + 1, base[:3]]
    assert len({digests(raw(array))["all.features"] for array in [base, *other]}) == 5


def test_class_names_and_categories_are_digested() -> None:
    rows = np.zeros((3, 1))
    one, two = digests(raw(rows, ("a", "b"))), digests(raw(rows, ("a", "c")))
    assert one["classes"] != two["classes"] and one["all.features"] == two["all.features"]
    table: dict[Role, Table] = {"all": Table(rows, np.zeros(3, np.int64))}
    named = [
        digests(Raw(table, None, (Column("a", texts),)))["columns"]
        for texts in (None, ("x",), ("y",))
    ]
    assert len(set(named)) == 3


def test_a_part_takes_copies_in_the_order_asked_for() -> None:
    base = np.arange(10)[:, None]
    for index in (None, np.array([1, 4, 9])):
        part = Part(base, base[:, 0] * 2, index)
        rows, targets = part.take(np.array([2, 0]))
        assert rows[:, 0].tolist() == ([2, 0] if index is None else [9, 1])
        assert targets.tolist() == [2 * value for value in rows[:, 0].tolist()]
        taken = part.take_features(slice(0, 2))
        taken[...] = -1
        assert base[0, 0] == 0 and part.row_shape == (1,) and len(part.targets_array) == len(part)


FORBIDDEN = {
    "log1p", "expm1", "power", "float_power", "exp2", "log2", "log10", "arctan", "arcsin",
    "arccos", "sinh", "cosh", "cbrt", "einsum", "tensordot", "random", "load", "partition",
    "exp", "log", "std", "var", "linalg", "arctan2", "tan", "hypot", "argpartition",
}  # fmt: skip


def test_only_portable_operations_are_used() -> None:
    files = sorted(Path(dlcli.data.__file__).parent.rglob("*.py"))
    assert len(files) > 15
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute):
                own = node.attr == "load" and getattr(node.value, "id", "") != "np"  # of sources
                used = f"{file.name}:{node.lineno} uses {node.attr}"
                assert own or node.attr not in FORBIDDEN, used
                assert node.attr not in {"std", "var"}, f"{file.name}:{node.lineno}"
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
                constant = isinstance(node.left, ast.Constant) and isinstance(
                    node.right, ast.Constant
                )
                assert constant, f"{file.name}:{node.lineno} raises to a power"
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"sort", "argsort"}:
                kinds = [key.value.value for key in node.keywords if key.arg == "kind"]  # type: ignore[attr-defined]
                assert kinds == ["stable"], f"{file.name}:{node.lineno} sorts unstably"
