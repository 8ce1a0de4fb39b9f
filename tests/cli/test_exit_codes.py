"""One test for each documented exit code: what it takes, what is said, what is left behind."""

import errno
import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

import numpy as np
import pytest

from dlcli.artifacts import files as artifact_files
from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.history import digest_of_tensors
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.deploy.bundle import Bundle
from dlcli.pipeline import finished, job, provenance, reproduce, resume
from dlcli.pipeline import train as training
from dlcli.pipeline import validate as validation
from tests.cli.calls import Call, dlcli, files, refused, settings, train
from tests.cli.small import write
from tests.exactness.runs import edit_manifest


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    return write(tmp_path, "trees")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def raising(error: BaseException) -> Callable[..., NoReturn]:
    def function(*arguments: Any, **options: Any) -> NoReturn:
        raise error

    return function


def test_0_is_success(trees: Path, output: Path) -> None:
    assert train(trees, output).run.is_dir()


def test_1_is_a_bug_and_its_traceback_is_kept_in_a_file(
    trees: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(validation, "validate", raising(ZeroDivisionError("oh no")))
    call = dlcli("validate", trees)
    assert call.code == 1
    assert call.out == "" and "Traceback" not in call.err and call.err.count("\n") == 1
    (log,) = tmp_path.glob("dlcli-bug-*.log")
    assert f"this is a bug in dlcli, not a mistake of yours; the details are in {log}" in call.err
    assert "ZeroDivisionError: oh no" in log.read_text()


def test_1_shows_its_traceback_with_debug(
    trees: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(validation, "validate", raising(ZeroDivisionError("oh no")))
    call = dlcli("validate", trees, "--debug")
    assert call.code == 1
    assert "Traceback" in call.err and "ZeroDivisionError: oh no" in call.err


def test_1_even_where_no_file_can_be_written(trees: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "mkstemp", raising(OSError(errno.ENOSPC, "full")))
    monkeypatch.setattr(validation, "validate", raising(ZeroDivisionError()))
    call = dlcli("validate", trees)
    assert call.code == 1 and "--debug to see the details" in call.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["trian"], ["train"], ["train", "--frobnicate"], ["train", "a.yaml", "b.yaml"],
        ["train", "a.yaml", "--workers", "0"], ["train", "a.yaml", "--workers", "many"],
        ["train", "a.yaml", "--workers", "100000"], ["train", "a.yaml", "--set"],
        ["train", "--resume"], ["evaluate"], ["evaluate", "runs/nothing"], ["predict", "a"],
        ["predict", "nothing", "rows.csv"], ["verify", "nothing"], ["reproduce", "nothing"],
        ["reproduce", "x", "--epochs", "0"], ["reproduce", "x", "--tolerance", "-1"],
        ["validate"], ["validate", "nothing.yaml"], ["train", "--resume", "nothing"],
        ["train", "nothing.yaml"], ["init", "--example", "nothing"], ["init"],
        ["init", "nothing.csv"], ["init", "nothing.csv", "--example", "digits_cnn"],
        ["init", "--example", "digits_cnn", "--target", "x"], ["describe"],
        ["export"], ["export", "nothing"], ["export", "nothing", "--format", "onnx"],
        ["export", ".", "--format", "zap"], ["export", ".", "--format", "onnx"],
        ["export", ".", "--format", "onnx", "--output", "x"], ["export", ".", "--format"],
        ["importance"], ["importance", "nothing"], ["importance", "x", "--repeats", "0"],
        ["importance", "x", "--seed", "-1"],
        ["describe", "nothing.csv"], ["--frobnicate"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_2_is_usage(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused(dlcli(*arguments), 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "more", [["--set", "seed=3"], ["CONFIG"], ["--output-dir", "x"], ["--name", "x"]]
)
def test_2_is_resume_with_anything_that_would_make_another_run(
    more: list[str], trees: Path, output: Path
) -> None:
    run = train(trees, output).run
    arguments = [str(trees) if word == "CONFIG" else word for word in more]
    assert "--resume goes on" in refused(dlcli("train", "--resume", run, *arguments), 2)


def test_2_is_a_name_that_cannot_be_a_directorys(trees: Path, output: Path) -> None:
    for name in ("../up", ".hidden", "a/b", "-x", "a\nb", "x" * 300):
        assert "cannot name a run" in refused(train(trees, output, f"--name={name}"), 2)
    assert not output.exists()


def test_2_is_an_output_dir_that_is_a_file(trees: Path, tmp_path: Path) -> None:
    assert "is a file" in refused(train(trees, trees), 2)


def test_3_is_data(trees: Path, output: Path) -> None:
    (trees.parent / "trees.csv").unlink()
    assert "was not found" in refused(train(trees, output), 3)
    assert not output.exists()


def test_4_is_an_artifact_that_was_changed(trees: Path, output: Path) -> None:
    run = train(trees, output).run
    path = run / "evaluation.json"
    path.write_text(path.read_text() + " ")
    assert "evaluation.json" in refused(dlcli("verify", run), 4)
    assert dlcli("evaluate", run).code == 0  # not read there
    path = run / "config.resolved.yaml"
    path.write_text(path.read_text().replace("batch_size: 10", "batch_size: 11"))
    assert "config.resolved.yaml" in refused(dlcli("evaluate", run), 4)


def test_4_is_a_run_of_an_unknown_version(trees: Path, output: Path) -> None:
    run = train(trees, output).run
    edit_manifest(run / "manifest.json", lambda document: document.update(schema=77))
    for command in (["evaluate", run], ["verify", run], ["predict", run, trees]):
        assert "schema 77" in refused(dlcli(*command), 4)


def test_5_is_a_run_that_somebody_works_on(trees: Path, output: Path) -> None:
    run = interrupted(trees, output)
    with RunDirectory.open(run).lock():
        message = refused(dlcli("train", "--resume", run), 5)
    assert f"{run} is in use by process {os.getpid()}" in message
    assert dlcli("train", "--resume", run, "--workers", "1").run == run


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_6_is_a_disk_that_fails(number: int, trees: Path, output: Path) -> None:
    broken = artifact_files.Operations(write=raising(OSError(number, os.strerror(number))))
    with artifact_files.using(broken):
        message = refused(train(trees, output), 6)
    assert "cannot write" in message and str(output) in message


def test_6_is_too_little_memory(trees: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job.design, "design", raising(MemoryError()))
    message = refused(train(trees, output), 6)
    assert "not enough memory; use a smaller model or training.batch_size" in message
    assert not output.exists()


def test_6_is_a_model_that_no_memory_holds(tmp_path: Path, output: Path) -> None:
    config = write(tmp_path, "prices")
    layers = (
        "[{type: dense, units: 1000000}, {type: dense, units: 1000000}, {type: dense, units: 1}]"
    )
    assert dlcli("validate", config, *settings(model__layers=layers)).code == 0
    message = refused(train(config, output, *settings(model__layers=layers)), 6)
    assert "use a smaller model" in message


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("prices", settings(optimizer__learning_rate=1000, training__epochs=50)),
        ("prices", settings(optimizer="{type: sgd, learning_rate: 1000}", training__epochs=90)),
        (
            "images",
            settings(
                data__transforms="[{type: rescale, scale: 1e30}, {type: rescale, scale: 2e7}]"
            ),
        ),
    ],
)
def test_7_is_divergence_that_names_step_and_layer(
    name: str, options: list[str], tmp_path: Path, output: Path
) -> None:
    config = write(tmp_path, name)
    steps = settings(training__checkpoint="{every_steps: 1}", training__max_steps=2000)
    call = train(config, output, *steps, *options)
    if call.code == 0:  # a bounded function on bounded data has nowhere to diverge to
        pytest.fail(call.err)
    message = refused(call, 7)
    assert "training diverged at step " in message
    assert "dense_" in message or "conv2d_1" in message or "loss" in message
    assert "Lower optimizer.learning_rate" in message
    (run,) = (path for path in output.iterdir() if not path.is_symlink())
    document = json.loads((run / "manifest.json").read_text())
    assert document["status"] == "running"
    kept = Checkpoints(RunDirectory.open(run)).load()
    if kept is not None:
        assert str(run) in message
        assert all(np.isfinite(array).all() for array in kept.parameters.values())
        step = int(message.partition("at step ")[2].partition(":")[0])
        assert 0 < kept.state["step"] < step
    assert dlcli("evaluate", run).code == 2
    again = dlcli("train", "--resume", run, "--workers", "1")
    assert again.code == 7
    assert again.err.splitlines()[-1] == call.err.splitlines()[-1]  # at the same step


def test_7_is_a_part_that_cannot_be_evaluated(tmp_path: Path, output: Path) -> None:
    draw = np.random.default_rng(0).normal(size=(60, 3))
    for name, rows in (("x", draw), ("y", draw[:, 0]), ("tx", draw * 1e30), ("ty", draw[:, 0])):
        np.save(tmp_path / f"{name}.npy", rows)
    source = (
        "{type: npy, features: x.npy, target: y.npy, test_features: tx.npy, test_target: ty.npy}"
    )
    parts = settings(data__source=source, data__split__validation=0, data__split__test=0)
    parts += settings(model__layers="[{type: dense, units: 1}]")
    message = refused(train(write(tmp_path, "prices"), output, *parts), 7)
    assert "the test part gives the loss inf" in message


def test_8_is_a_gate(trees: Path, output: Path) -> None:
    run = train(trees, output).run
    assert dlcli("evaluate", run, "--expect", "accuracy>=2").code == 8


def test_9_is_an_export_that_differs(trees: Path, output: Path) -> None:
    wrong = np.zeros((16, 3), np.float32)
    with mock.patch.object(Bundle, "predict", lambda bundle, rows: wrong):
        assert "do not deploy it" in refused(train(trees, output), 9)


def test_10_is_a_run_that_comes_out_otherwise(trees: Path, output: Path) -> None:
    run = train(trees, output).run

    def change(document: Any) -> None:
        tensors = document["tensors"]["2"]
        tensors["dense_1.bias"] = "0" * 64
        document["epochs"][1]["digest"] = digest_of_tensors(tensors)

    edit_manifest(run / "manifest.json", change)
    message = refused(dlcli("reproduce", run, "--workers", "1"), 10)
    assert "first at epoch 2, tensor dense_1.bias" in message


def test_11_is_another_numerics_class(
    trees: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(trees, output).run
    stopped = interrupted(trees, output)
    for module in (reproduce, finished, resume):
        monkeypatch.setattr(module, "numerics_class", lambda: "abacus/1")
    assert "abacus/1" in refused(dlcli("reproduce", run), 11)
    assert "abacus/1" in refused(dlcli("train", "--resume", stopped), 11)
    noted = dlcli("evaluate", run, "--workers", "1")
    assert noted.code == 0 and "this process computes in the class abacus/1" in noted.err


@pytest.fixture
def handlers() -> Iterator[None]:
    """Signals do what they did before, whatever a test did."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    assert before == {number: signal.getsignal(number) for number in before}


def interrupted(config: Path, output: Path, number: int = signal.SIGTERM) -> Path:
    """A run that a signal stopped after its third step."""
    steps = []

    def step(cadence: training.CheckpointSchedule) -> bool:
        steps.append(1)
        if len(steps) == 3:
            os.kill(os.getpid(), number)
        return False

    with mock.patch.object(training.CheckpointSchedule, "step", step):
        call = train(config, output)
    message = refused(call, 128 + number)
    run = Path(message.split("--resume ")[1].split("`")[0])
    assert "stopped after step 3; go on with `dlcli train --resume" in message
    return run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_130_and_143_are_signals_after_a_saved_checkpoint(
    number: int, trees: Path, output: Path, handlers: None
) -> None:
    expected = train(trees, output / "whole").run
    run = interrupted(trees, output, number)
    saved = Checkpoints(RunDirectory.open(run)).load()
    assert saved is not None and saved.state["step"] == 3
    assert dlcli("train", "--resume", run, "--workers", "1").run == run
    unlisted = {"environment.json", "train.log", "report.html"}
    one, other = files(run), files(expected)
    assert {k: one[k] for k in one if k not in unlisted} == {
        k: other[k] for k in other if k not in unlisted
    }


def test_130_before_anything_is_loaded(trees: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "validate", raising(KeyboardInterrupt()))
    call = dlcli("validate", trees)
    assert call.code == 130 and "Traceback" not in call.err


@pytest.mark.parametrize(
    "command", ["train", "evaluate", "validate", "predict", "importance", "reproduce"]
)
def test_debug_shows_where_a_mistake_was_found(command: str, trees: Path, output: Path) -> None:
    arguments: dict[str, list[str | Path]] = {"predict": [output, trees]}
    call: Call = dlcli(command, *arguments.get(command, [trees.parent / "nothing"]), "--debug")
    assert call.code == 2 and call.out == ""
    assert "Traceback" in call.err and "Error: " in call.err


def test_every_failure_after_training_began_is_in_the_log(trees: Path, output: Path) -> None:
    run = interrupted(trees, output)
    assert "stopped after step 3" in (run / "train.log").read_text()
    assert provenance.Environment.read(RunDirectory.open(run)).document["finished"] is None


@pytest.mark.parametrize("value", ["0.01", "-1"])
def test_a_setting_in_two_words_is_told_how_it_is_written(value: str) -> None:
    words = ("train", "c.yaml", "--set", "optimizer.learning_rate", value)
    told = f"--set takes one word, KEY=VALUE: write --set optimizer.learning_rate={value}"
    call = dlcli(*words)
    assert call.code == 2 and told in call.err
    assert told in json.loads(dlcli(*words, "--json").out)["error"]["message"]
    assert "--set" not in dlcli("train", "c.yaml", "b.yaml", "--set", "a=1").err
