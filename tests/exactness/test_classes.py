"""Runs know the class they were computed in, go on in it, and are compared in it alone."""

import json
import sys
from pathlib import Path

import pytest

from dlcli import numerics
from dlcli.artifacts.manifest import read_manifest
from dlcli.config import load_config
from dlcli.errors import NotComparableError
from dlcli.pipeline import reproduce as proofs
from dlcli.pipeline import resume as resumes
from dlcli.pipeline import run as pipeline
from dlcli.pipeline.interruption import Interrupted
from dlcli.pipeline.options import Options
from dlcli.pipeline.progress import NullReporter
from tests.exactness.runs import (
    SMALL,
    Recorder,
    assert_same,
    changed,
    command,
    content,
    edit_manifest,
    resume,
    stop_after,
    train,
    write,
)

NATIVE = changed(SMALL, runtime={"numerics": "native"})
OTHER = "linux-x86_64-v3/openblas-haswell/1/float32/engine-0"

# Runs the dlcli command in this process, and stops it after some steps as a signal would.
STOPPED = """
import sys
from dlcli import numerics
numerics.choose("native")
from pathlib import Path
from tests.exactness.runs import stop_after, train
train(Path(sys.argv[1]), Path(sys.argv[2]), stop=stop_after(5))
"""


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("native")
    out, _ = command("train", write(folder, NATIVE), "--output-dir", folder / "runs")
    return Path(out.strip())


def test_the_class_is_recorded(tmp_path: Path) -> None:
    run = train(write(tmp_path), tmp_path / "runs")
    assert read_manifest(run).numerics_class == numerics.PORTABLE


def test_a_native_run_records_a_class_of_its_own_and_says_nothing(native: Path) -> None:
    recorded = read_manifest(native).numerics_class
    natural = "openblas-haswell" in recorded
    assert natural == (recorded == numerics.PORTABLE)


def test_evaluate_and_reproduce_compute_in_the_class_of_a_native_run(native: Path) -> None:
    out, err = command("evaluate", native, "--json")
    assert "class" not in err
    recorded = json.loads((native / "evaluation.json").read_bytes())["test"]
    assert json.loads(out) == recorded
    out, _ = command("reproduce", native)
    assert out.startswith("identical: ")
    alone = (native / "manifest.json", "--data-dir", native.parents[1])
    out, _ = command("reproduce", *alone, "--epochs", "1")
    assert out.startswith("identical: 1 epoch (of ")


def test_a_native_run_is_resumed_in_its_own_class(native: Path, tmp_path: Path) -> None:
    config = write(tmp_path, NATIVE)
    python = (sys.executable, "-c", STOPPED)
    root = str(Path(__file__).parents[2])
    command(config, tmp_path / "runs", python=python, extra={"PYTHONPATH": root}, expect=1)
    run = tmp_path / "runs" / "small-0001"
    assert read_manifest(run).status == "running"
    command("train", "--resume", run)
    assert_same(content(run), content(native))


def test_a_native_run_that_was_killed_before_its_manifest_is_resumed_in_its_own_class(
    native: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("config.yaml", "config.resolved.yaml"):
        (run / name).write_bytes((native / name).read_bytes())
    command("train", "--resume", run, "--data-dir", write(tmp_path, NATIVE).parent)
    assert_same(content(run), content(native))


def test_numpy_loaded_before_us_makes_a_native_run_start_itself_again(
    native: Path, tmp_path: Path
) -> None:
    preloaded = "import numpy, runpy; runpy.run_module('dlcli', run_name='__main__')"
    out, _ = command(
        "train",
        write(tmp_path, NATIVE),
        "--output-dir",
        tmp_path / "runs",
        python=(sys.executable, "-c", preloaded),
        extra={"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "8"},
    )
    assert_same(content(Path(out.strip())), content(native))


def test_a_run_of_another_class_is_not_reproduced_but_called_not_comparable(tmp_path: Path) -> None:
    run = train(write(tmp_path), tmp_path / "runs")
    edit_manifest(run / "manifest.json", lambda document: document.update(numerics_class=OTHER))
    with pytest.raises(NotComparableError, match="not comparable") as caught:
        proofs.reproduce(run, None, None, None, 1, NullReporter())
    assert OTHER in str(caught.value)
    assert numerics.PORTABLE in str(caught.value)
    command("reproduce", run, expect=11)
    found = proofs.reproduce(run, None, 1e-6, None, 1, NullReporter())
    assert found.describe().startswith("TOLERANCE: ")


def test_a_run_of_another_class_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(write(tmp_path), tmp_path / "runs", stop=stop_after(5))
    run = tmp_path / "runs" / "small-0001"
    edit_manifest(run / "manifest.json", lambda document: document.update(numerics_class=OTHER))
    before = content(run)
    with pytest.raises(NotComparableError, match="would mix two kinds of bits"):
        resume(run)
    command("train", "--resume", run, expect=11)
    assert_same(content(run), before)


def test_a_machine_that_cannot_be_portable_works_in_its_own_class_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = "linux-aarch64/openblas-neoversen1/1/float32/engine-1/0123456789ab"
    for module in (pipeline, resumes, proofs, numerics):
        monkeypatch.setattr(module, "numerics_class", lambda: own)
    reporter = Recorder()
    config = write(tmp_path)
    loaded = load_config(config)
    options = Options(1, None, tmp_path / "runs", stop=stop_after(5))
    with pytest.raises(Interrupted):
        pipeline.run(loaded, config.read_bytes(), config, options, reporter)
    assert sum("a numerics class of its own" in note for note in reporter.notes) == 1
    run = tmp_path / "runs" / "small-0001"
    assert resume(run) == []
    assert read_manifest(run).numerics_class == own
    proofs.reproduce(run, None, None, None, 1, NullReporter())


def test_portable_and_native_machines_have_nothing_to_say(tmp_path: Path) -> None:
    for number, config in enumerate((SMALL, NATIVE)):
        reporter = Recorder()
        path = write(tmp_path / str(number), config)
        options = Options(1, None, tmp_path / "runs")
        pipeline.run(load_config(path), path.read_bytes(), path, options, reporter)
        assert reporter.notes == []
