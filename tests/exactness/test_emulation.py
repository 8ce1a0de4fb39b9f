"""Other processors, emulated by qemu-user: the same bits, or a class of their own.

pytest -m emulated tests/exactness
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dlcli import numerics
from dlcli.artifacts.manifest import read_manifest
from tests.exactness import golden
from tests.exactness.runs import assert_same, command, content, environment, train, write

pytestmark = pytest.mark.emulated

PROCESSORS = ["Haswell", "EPYC-Rome"]
ROOT = Path(__file__).parents[2]

# Set here, so that nothing is left to re-execution: a process that starts itself again would
# start outside of the emulator.
PINS = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def emulated(processor: str) -> tuple[str, ...]:
    """How to start Python on another processor."""
    qemu = shutil.which("qemu-x86_64")
    assert qemu, "qemu-x86_64 is needed: apt-get install qemu-user"
    return (qemu, "-cpu", processor, sys.executable)


def python(processor: str, script: str, **extra: str) -> str:
    return subprocess.run(
        [*emulated(processor), "-c", script],
        env=environment(PYTHONPATH=str(ROOT), **extra),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.mark.parametrize("processor", PROCESSORS)
def test_the_self_test_gives_the_golden_digest_elsewhere(processor: str) -> None:
    tell = "from dlcli import numerics; print(numerics.self_test(), numerics.numerics_class())"
    assert python(processor, tell) == f"{numerics.GOLDEN} {numerics.PORTABLE}"


def neighbours(*start: str, **extra: str) -> str:
    """The digests of `python -m tests.deploy.neighbours`, which fails where an answer depends on
    the rows beside it."""
    return subprocess.run(
        [*start, "-m", "tests.deploy.neighbours"],
        env=environment(**{"PYTHONPATH": str(ROOT), **extra}),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_an_answer_depends_on_no_other_row_on_any_processor() -> None:
    here = neighbours(sys.executable)
    assert here.count("\n") == 4
    for processor in PROCESSORS:
        assert neighbours(*emulated(processor), **PINS) == here
    for processor in ("Nehalem", "SandyBridge"):  # of classes of their own
        there = neighbours(*emulated(processor), OPENBLAS_NUM_THREADS="1")
        assert there.count("\n") == 4 and there != here


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", golden.CONFIGS)
@pytest.mark.parametrize("processor", PROCESSORS)
def test_a_training_gives_the_same_bytes_elsewhere(
    processor: str, name: str, workers: int, tmp_path: Path
) -> None:
    config = write(tmp_path, golden.CONFIGS[name])
    expected = content(train(config, tmp_path / "here"))
    report = tmp_path / "report"
    out, _ = command(
        *("train", config, "--output-dir", tmp_path / "there", "--workers", str(workers)),
        python=(*emulated(processor), "-m", "tests.exactness.computing", str(report)),
        extra=PINS,
    )
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    # One process per worker trained, the same or new ones evaluated.
    assert len({line["process"] for line in lines}) in range(workers, 2 * workers)
    for line in lines:
        assert (line["core"], line["threads"]) == ("haswell", "1")
        assert not [feature for feature in line["features"] if "AVX512" in feature]
    assert_same(content(Path(out.strip())), expected)


@pytest.mark.parametrize("processor", ["Nehalem", "SandyBridge"])
def test_a_processor_without_avx2_works_in_a_class_of_its_own_and_says_so(
    processor: str, tmp_path: Path
) -> None:
    config = write(tmp_path, golden.CONFIGS["cnn"])
    out, err = command(
        *("train", config, "--output-dir", tmp_path / "there", "--workers", "2"),
        python=(*emulated(processor), "-m", "dlcli"),
    )
    assert err.count("a numerics class of its own") == 1
    run = Path(out.strip())
    own = read_manifest(run).numerics_class
    assert own.startswith(f"linux-x86_64/openblas-{processor.lower()}/1/float32/")
    command("reproduce", run, python=(*emulated(processor), "-m", "dlcli"))
    _, err = command("reproduce", run, expect=11)
    assert own in err
    _, err = command("evaluate", run)
    assert "expect other bits" in err
