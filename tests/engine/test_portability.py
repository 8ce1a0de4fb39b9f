"""The audit in `portability.py` sees what it is meant to see."""

import ast
from pathlib import Path

import numpy as np
import pytest

import dlcli.engine
from tests.engine.portability import TrackedContext, Used, refused, tracked

DIFFERS = "log1p expm1 power float_power exp2 log2 log10 arctan arctan2 arcsin arccos sinh cosh "
DIFFERS += "tan cbrt logaddexp hypot tensordot"


@pytest.mark.parametrize("name", ["log1p", "expm1", "exp2", "log2", "log10", "arctan", "cbrt"])
def test_an_operation_whose_bits_differ_is_refused(name: str) -> None:
    used: Used = set()
    getattr(np, name)(tracked(np.ones(3, np.float32), used))
    assert refused(used) == {f"{name}(float32)"}


def test_a_power_is_refused() -> None:
    used: Used = set()
    _ = tracked(np.ones(3, np.float32), used) ** 1.5
    assert refused(used) == {"power(float32)"}


def test_exp_is_refused_in_float64_alone() -> None:
    used: Used = set()
    np.exp(tracked(np.ones(3, np.float32), used))
    assert not refused(used)
    np.exp(tracked(np.ones(3), used))
    assert refused(used) == {"exp(float64)"}


def test_operations_on_results_and_on_scratch_memory_are_seen() -> None:
    used: Used = set()
    x = tracked(np.ones((2, 3), np.float32), used)
    np.log2((x @ x.T)[0].sum() * np.ones(1, np.float32) + x[0, :1])
    work = TrackedContext(used).scratch("work", (3,))
    work.fill(1)
    np.cbrt(work, out=work)
    assert refused(used) == {"log2(float32)", "cbrt(float32)"}


def test_no_engine_source_names_an_operation_whose_bits_differ() -> None:
    refused_names = set(DIFFERS.split())
    for path in sorted(Path(dlcli.engine.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "np":
                assert node.attr not in refused_names, f"{path}:{node.lineno} uses np.{node.attr}"
