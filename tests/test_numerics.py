"""Which arithmetic a process computes with: pins, what they led to, and its name."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dlcli import numerics
from tests.exactness.runs import environment

TELL = """
import os, sys
{before}
import dlcli
from dlcli import numerics
{between}
print(numerics.numerics_class())
print(*numerics.blas())
print(os.environ.get("OPENBLAS_CORETYPE"), os.environ.get("OPENBLAS_NUM_THREADS"))
print([name for name in os.environ if name.startswith("NPY_")])
"""


def told(before: str = "", between: str = "", **extra: str) -> list[str]:
    """Class, BLAS, pins and presets of a fresh process."""
    script = TELL.format(before=before, between=between)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=environment(**extra),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


@pytest.fixture(scope="module")
def natural() -> str:
    """The core type that this machine's BLAS would choose."""
    return told(before="import numpy")[1].split()[0]


def test_the_tests_themselves_run_in_the_portable_class() -> None:
    assert numerics.numerics_class() == numerics.PORTABLE


def test_the_self_test_gives_the_golden_digest() -> None:
    assert numerics.self_test() == numerics.GOLDEN


def test_the_self_test_takes_a_few_milliseconds() -> None:
    took = []
    for _ in range(5):
        begun = time.process_time()
        numerics.self_test.__wrapped__()
        took.append(time.process_time() - begun)
    assert min(took) < 0.05


def test_the_name_says_what_the_library_really_does() -> None:
    assert told() == [numerics.PORTABLE, "haswell 1", "Haswell 1", "[]"]


@pytest.mark.parametrize(
    "preset",
    [
        {"OPENBLAS_NUM_THREADS": "8"},
        {"OPENBLAS_DEFAULT_NUM_THREADS": "8", "OMP_NUM_THREADS": "4"},
        {"OPENBLAS_CORETYPE": "Hasswell"},
        {"OPENBLAS_CORETYPE": "Generic", "NPY_DISABLE_CPU_FEATURES": "X86_V3"},
    ],
    ids=str,
)
def test_presets_are_overruled(preset: dict[str, str]) -> None:
    assert told(**preset)[0] == numerics.PORTABLE


def test_native_means_the_machines_own_core_with_one_thread(natural: str) -> None:
    name, library, pins, _ = told(between="numerics.choose('native')", OPENBLAS_CORETYPE="Prescott")
    assert library == f"{natural} 1"
    assert pins == "None 1"
    if natural == "haswell":
        assert name == numerics.PORTABLE
    else:
        assert f"/openblas-{natural}/1/float32/" in name


def test_threads_of_the_blas_make_another_class() -> None:
    name = told(before="import numpy", OPENBLAS_NUM_THREADS="2", OPENBLAS_CORETYPE="Haswell")[0]
    assert "/openblas-haswell/2/float32/" in name
    assert name != numerics.PORTABLE


def test_a_misspelt_core_that_came_too_late_to_correct_does_not_pass_for_the_portable_one(
    natural: str,
) -> None:
    """OpenBLAS falls back silently; only asking the library tells."""
    name, library, _, _ = told(
        before="import numpy", OPENBLAS_CORETYPE="Hasswell", OPENBLAS_NUM_THREADS="1"
    )
    assert library.split()[0] == natural
    assert (name == numerics.PORTABLE) == (natural == "haswell")


def test_a_library_user_is_never_restarted() -> None:
    """`choose` in a program that is not the command: a class of its own, and life goes on."""
    said = told(
        before="import numpy; print(os.getpid())",
        between="numerics.choose('portable'); print(os.getpid())",
        OPENBLAS_NUM_THREADS="2",
    )
    assert said[0] == said[1]
    assert said[2] != numerics.PORTABLE


@pytest.mark.parametrize(
    "where",
    ["sys.argv[0] = '-'", "sys.argv[0] = ''", "sys.executable = ''", "os.environ[G] = 'portable'"],
)
def test_what_cannot_be_or_was_started_again_goes_on_in_its_own_class(where: str) -> None:
    before = f"import numpy; G = 'DLCLI_REEXECUTED'; {where}; print(os.getpid())"
    between = (
        "numerics.restartable = True; numerics.choose('portable'); print(os.getpid(), "
        "G in os.environ)"
    )
    said = told(before, between, OPENBLAS_NUM_THREADS="2")
    assert said[1] == f"{said[0]} False"
    assert "/2/float32/" in said[2]


def test_the_self_test_notices_any_other_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    real = np.tanh

    def off_by_one(x: np.ndarray) -> np.ndarray:
        y = real(x)
        y[17] = np.nextafter(y[17], np.float32(2))
        return y

    monkeypatch.setattr(np, "tanh", off_by_one)
    assert numerics.self_test.__wrapped__() != numerics.GOLDEN


def test_a_class_whose_self_test_differs_is_named_after_its_digest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(numerics, "self_test", lambda: "abcdef" * 10)
    assert numerics.numerics_class.__wrapped__() == f"{numerics.PORTABLE}/abcdefabcdef"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx avx2 fma sse", True), ("fpu avx avx2", False), ("fpu fma", False), ("", False)],
)
def test_the_kernels_list_of_flags_tells_who_can_run_the_portable_kernels(
    flags: str, expected: bool, tmp_path: Path
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n\nprocessor\t: 1\nflags\t\t: avx2\n")
    assert numerics._has_flags(cpuinfo) is expected
    assert numerics._has_flags(tmp_path / "nothing") is False


def test_both_ways_to_ask_the_processor_agree() -> None:
    assert numerics._runs_haswell() == numerics._has_flags(Path("/proc/cpuinfo"))


def test_a_processor_without_the_instructions_keeps_its_own_kernels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "environ", {"OPENBLAS_CORETYPE": "Haswell", "HOME": "/"})
    monkeypatch.setattr(numerics, "_runs_haswell", lambda: False)
    numerics.pin("portable")
    assert os.environ == {"HOME": "/", "OPENBLAS_NUM_THREADS": "1"}
