"""The scalars of YAML 1.2's core schema."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.config.scalars import LARGEST, ScalarError, quoted, read_scalar, write_scalar
from dlcli.config.yaml_reader import read_tree

TABLE: list[tuple[str, Any]] = [
    ("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None), ("nULL", "nULL"),
    ("true", True), ("True", True), ("TRUE", True), ("tRUE", "tRUE"), ("false", False),
    ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("n", "n"),
    ("0", 0), ("-0", 0), ("+12", 12), ("-12", -12), ("010", 10), ("08", 8), ("0o10", 8),
    ("0x1F", 31), ("-0x1F", "-0x1F"), ("0b11", "0b11"), ("1_000", "1_000"), ("1,000", "1,000"),
    ("1:30", "1:30"), ("190:20:30.15", "190:20:30.15"), ("2024-01-01", "2024-01-01"),
    ("1e-3", 1e-3), ("1E3", 1000.0), ("1.", 1.0), (".5", 0.5), ("-.5e1", -5.0), ("1.5", 1.5),
    ("1e", "1e"), ("e1", "e1"), (".", "."), ("+", "+"), ("nan", "nan"), ("inf", "inf"),
    ("١", "١"), ("=", "="), ("<<", "<<"),
    (str(LARGEST), LARGEST), (str(-LARGEST), -LARGEST), ("0" * 300 + "7", 7),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), TABLE)
def test_a_plain_scalar_is_read_as_yaml_1_2_says(text: str, value: Any) -> None:
    found = read_scalar(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    "text",
    [".nan", ".NaN", ".inf", "-.INF", "1e999", "-1e999", str(2**63), "9" * 9000, "0x" + "f" * 99],
)
def test_what_is_not_finite_or_too_large_is_refused(text: str) -> None:
    with pytest.raises(ScalarError):
        read_scalar(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_being_written_and_read(text: str) -> None:
    assert read_tree(write_scalar(text)).value == text
    assert read_tree(f"[{write_scalar(text)}]").value == [text]
    assert read_tree(quoted(text)).value == text


@given(st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_survives_being_written_and_read(value: Any) -> None:
    again = read_tree(write_scalar(value)).value
    assert type(again) is type(value)
    assert again == value
    assert math.copysign(1, again or 0) == math.copysign(1, value or 0)


@given(st.integers(-LARGEST, LARGEST))
def test_any_whole_number_survives_being_written_and_read(value: int) -> None:
    assert read_tree(write_scalar(value)).value == value
