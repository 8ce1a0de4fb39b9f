"""`dlcli doctor`: each check can be in order, odd and wrong, and only what is wrong fails."""

import json
import os
import shutil
import tomllib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest

from dlcli import numerics
from dlcli.engine import slopes as engine_slopes
from dlcli.engine.layers import ACTIVATIONS, LAYERS, Dense
from dlcli.engine.merges import MERGES
from dlcli.engine.slopes import ALLOWED, LAYER_EXAMPLES, Slopes
from dlcli.pipeline import doctor as examining
from tests.cli.calls import Call, dlcli

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLCLI_DATA_DIR", str(tmp_path / "data"))


def checks(call: Call) -> Mapping[str, Mapping[str, Any]]:
    return {check["name"]: check for check in json.loads(call.out)["checks"]}


def line(call: Call, name: str) -> str:
    """The line of a check, with what is below it."""
    lines = call.out.splitlines()
    first = next(i for i, text in enumerate(lines) if text[9:].startswith(name))
    more = lines[first + 1 :]
    rest = more[: next((i for i, text in enumerate(more) if text[0] != " "), len(more))]
    return " ".join(" ".join([lines[first], *rest]).split())


def test_a_machine_in_order_has_a_line_for_each_check(tmp_path: Path) -> None:
    call = dlcli("doctor")
    assert call.code == 0 and call.err == ""
    # A path that is longer stays whole, so that it can be copied.
    assert all(len(text) <= 80 or " " not in text[23:] for text in call.out.splitlines())
    states = [text.split()[0] for text in call.out.splitlines() if text[0] != " "]
    assert len(states) == 13 and set(states) <= {"ok", "warning"}
    assert line(call, "NumPy") == f"ok NumPy {np.__version__}"
    assert numerics.numerics_class() in line(call, "numerics")
    assert f"{tmp_path}/runs" in line(call, "runs")
    assert list(tmp_path.iterdir()) == []  # it does not even try to write
    again = dlcli("doctor", "--json")
    found = json.loads(again.out)
    assert found["healthy"] is True
    assert found["warnings"] == states.count("warning")
    assert [check["state"] for check in found["checks"]] == states
    assert checks(again)["self-test"]["digest"] == numerics.self_test()
    assert checks(again)["processors"]["workers"] >= 1


def test_every_word_has_its_slopes_checked() -> None:
    found = engine_slopes.slopes()
    assert found.worst.keys() == LAYERS.keys() | ACTIVATIONS.keys() | MERGES.keys()
    assert found.missing == () and found.wrong == ()
    assert max(found.worst.values()) < ALLOWED / 10


@pytest.mark.parametrize("example", LAYER_EXAMPLES, ids=lambda one: type(one.layer).__name__)
def test_a_wrong_backward_pass_of_any_layer_is_found(
    example: engine_slopes.Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways of a slope to be wrong: the input's, and that of what is learned."""
    kind = type(example.layer)
    right = kind.backward

    def twice(self: Any, p: Any, g: Any, cache: Any, dy: Any, ctx: Any, **more: Any) -> Any:
        dx = right(self, p, g, cache, dy, ctx, **more)
        for name in g:
            g[name] *= 1.001
        return dx

    def steeper(self: Any, p: Any, g: Any, cache: Any, dy: Any, ctx: Any, **more: Any) -> Any:
        dx = right(self, p, g, cache, dy, ctx, **more)
        return None if dx is None else dx * 1.001

    slots = example.layer.slots(example.in_shape).values()
    if any(slot.kind == "trained" for slot in slots):
        monkeypatch.setattr(kind, "backward", twice)
        assert not engine_slopes.of_layer(example) <= ALLOWED
    if not example.ids:
        monkeypatch.setattr(kind, "backward", steeper)
        assert not engine_slopes.of_layer(example) <= ALLOWED


def test_a_gradient_that_is_not_assigned_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dense, "backward", lambda self, p, g, cache, dy, ctx: dy @ p["kernel"].T)
    assert engine_slopes.slopes().wrong == ("dense",)
    call = dlcli("doctor")
    assert call.code == 1 and "not the derivatives of dense" in call.err
    assert "a bug in dlcli, or a broken NumPy" in line(call, "gradients")
    assert "Traceback" not in call.err


def test_a_layer_without_an_example_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examining, "slopes", lambda: Slopes({"dense": 1e-9}, ("new",)))
    call = dlcli("doctor")
    assert call.code == 0 and "not checked: new" in line(call, "gradients")


def test_other_bits_are_wrong_only_where_they_should_be_the_golden_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(numerics, "self_test", lambda: "ab" * 32)
    monkeypatch.setattr(numerics, "numerics_class", lambda: f"{numerics.PORTABLE}/abababababab")
    call = dlcli("doctor", "--json")
    found = json.loads(call.out)
    assert call.code == found["error"]["code"] == 11
    assert found["error"]["hint"] and found["healthy"] is False
    assert checks(call)["self-test"]["state"] == "wrong"
    assert checks(call)["numerics"]["state"] == "warning"
    other = "darwin-arm64/openblas-neoversen1/1/float32/engine-3/abababababab"
    monkeypatch.setattr(numerics, "numerics_class", lambda: other)
    call = dlcli("doctor")
    assert call.code == 0 and line(call, "self-test").startswith("warning")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (("haswell", "4"), "4 threads NumPy was loaded before dlcli"),
        (("unknown", "unknown"), "not the OpenBLAS of NumPy's wheel"),
    ],
)
def test_a_blas_that_is_not_pinned_is_odd(
    found: tuple[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numerics, "blas", lambda: found)
    call = dlcli("doctor")
    assert call.code == 0 and words in line(call, "BLAS")


def test_a_folder_that_takes_no_runs_is_wrong_and_a_data_dir_only_odd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    call = dlcli("doctor", "--output-dir", "file", "--data-dir", "file/data")
    assert call.code == 6 and "cannot be written" in call.err
    assert line(call, "runs").startswith("wrong") and "--output-dir" in line(call, "runs")
    assert line(call, "data dir").startswith("warning")
    monkeypatch.setattr(os, "access", lambda *arguments: False)
    assert dlcli("doctor").code == 6
    monkeypatch.undo()
    assert dlcli("doctor", "--output-dir", "a" * 5000).code == 6


@pytest.mark.parametrize(
    ("free", "code", "runs", "data"),
    [(10 << 20, 6, "wrong", "warning"), (500 << 20, 0, "warning", "warning"),
     (5 << 30, 0, "ok", "ok")],
)  # fmt: skip
def test_room_on_the_disk(
    free: int, code: int, runs: str, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    call = dlcli("doctor", "--json")
    assert call.code == code
    states = [checks(call)[name]["state"] for name in ("runs", "data dir")]
    assert states == [runs, data]
    assert checks(call)["runs"]["free_bytes"] == free


def test_processors_are_those_that_the_container_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlcli.cli import quota

    monkeypatch.setattr(os, "cpu_count", lambda: 32)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(quota, "quota", lambda: 2)
    words = "ok processors 8 of 32 may be used, a quota of 2: 2 workers by default"
    assert line(dlcli("doctor"), "processors") == words


def test_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        name: dict(package.split(">=") for package in extras[name])
        for name in extras
        if name not in ("all", "test")
    }
    assert wanted == examining.EXTRAS


@pytest.mark.parametrize(
    ("installed", "state", "words"),
    [
        ({}, "ok", "not installed (ONNX); pip install 'dlcli[onnx]'"),
        ({"onnx": "1.17.0", "onnxruntime": "1.20"}, "ok", "onnx 1.17.0, onnxruntime 1.20"),
        ({"onnx": "1.9", "onnxruntime": "1.20"}, "warning", "too old: onnx; pip install"),
        ({"onnx": "2.0rc1"}, "warning", "without onnxruntime; pip install 'dlcli[onnx]'"),
    ],
)
def test_an_extra_may_be_absent_but_not_half_there(
    installed: Mapping[str, str], state: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(package: str) -> str:
        if package not in installed:
            raise PackageNotFoundError(package)
        return installed[package]

    monkeypatch.setattr(examining, "version", version)
    call = dlcli("doctor")
    assert call.code == 0
    found = line(call, "onnx extra")
    assert found.startswith(state) and words in found
    assert checks(dlcli("doctor", "--json"))["onnx extra"]["install"] == "pip install 'dlcli[onnx]'"


def test_the_first_trouble_gives_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the lines: a machine of other bits may well have other slopes, too."""
    monkeypatch.setattr(examining, "slopes", lambda: Slopes({"dense": float("nan")}, ()))
    call = dlcli("doctor", "--output-dir", "/dev/null/runs")
    assert call.code == 1 and "gradients: " in call.err and "runs: " in call.err


def test_a_bug_of_a_check_is_no_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import tempfile

    def fail() -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(examining, "slopes", fail)
    call = dlcli("doctor")
    assert call.code == 1 and "this is a bug in dlcli" in call.err
