"""`reproduce` proves equal bits, and of unequal ones finds the first and its likely cause."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.artifacts.manifest import read_manifest
from dlcli.config import load_config
from dlcli.engine import initializers
from dlcli.engine.training import Training
from dlcli.errors import ArtifactError, DataError, DiffersError
from dlcli.pipeline import prepare
from dlcli.pipeline import reproduce as proofs
from dlcli.pipeline import run as pipeline
from dlcli.pipeline.interruption import Interrupted
from dlcli.pipeline.job import Job
from dlcli.pipeline.progress import NullReporter
from dlcli.pipeline.reproduce import Reproduced
from tests.cli.calls import dlcli
from tests.exactness.runs import (
    CNN,
    SMALL,
    assert_same,
    changed,
    content,
    edit_manifest,
    stop_after,
    train,
    write,
)

Change = Callable[[dict[str, Any]], Any]


def again(
    path: Path,
    epochs: int | None = None,
    tolerance: float | None = None,
    data_dir: Path | None = None,
    workers: int = 1,
) -> Reproduced:
    return proofs.reproduce(path, epochs, tolerance, data_dir, workers, NullReporter())


def differs(path: Path, **options: Any) -> str:
    """What `reproduce` says about a run that it cannot reproduce."""
    with pytest.raises(DiffersError) as caught:
        again(path, **options)
    assert caught.value.exit_code == 10
    return str(caught.value)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return train(write(tmp_path / "config"), tmp_path / "runs")


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Moves one parameter by one unit in the last place behind a step."""

    def at(step: int, position: int) -> None:
        real = Training._step

        def planted(self: Training, team: Any) -> None:
            real(self, team)
            if self.progress.step == step:
                value = self.theta[position]
                self.theta[position] = np.nextafter(value, np.float32(np.inf))
                assert self.theta[position] != value

        monkeypatch.setattr(Training, "_step", planted)

    return at


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_run_is_reproduced_bit_for_bit(workers: int, run: Path) -> None:
    found = again(run, workers=workers)
    of = len(read_manifest(run).epochs)
    files = len(read_manifest(run).files) - 1  # config.yaml is as its author wrote it
    assert found == Reproduced(of, of, found.tensors, None, 0.0, files)
    assert found.tensors == 3 * 4  # two layers' kernel and bias, each with Adam's m and v
    assert found.describe().startswith(f"identical: {of} epochs, 12 tensors each, bit for bit")


@pytest.mark.parametrize(
    "config",
    [
        CNN,
        changed(SMALL, training={"epochs": 3, "batch_size": 7, "max_steps": 8}),
        changed(SMALL, training__keep="last", optimizer={"type": "rmsprop"}),
        changed(SMALL, data__split={"validation": 0, "test": 0}, training={"epochs": 2}),
    ],
    ids=["cnn", "a limit within an epoch", "early stopping, last kept", "training part alone"],
)
def test_runs_of_many_kinds_are_reproduced(config: dict[str, Any], tmp_path: Path) -> None:
    run = train(write(tmp_path, config), tmp_path / "runs", workers=2)
    assert again(run).files


def test_a_resumed_run_is_reproduced(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(write(tmp_path), tmp_path / "runs", stop=stop_after(6))
    run = tmp_path / "runs" / "small-0001"
    with pytest.raises(ArtifactError, match="not finished"):
        again(run)
    pipeline.resume(run, pipeline.Options(1), NullReporter())
    assert again(run).files


@pytest.mark.parametrize("step", [1, 4, 5])
def test_one_unit_in_the_last_place_is_found_with_epoch_and_tensor(
    step: int, run: Path, plant: Callable[[int, int], None]
) -> None:
    plant(step, 3)
    said = differs(run)
    epoch = -(-step // 3)
    assert said.startswith(f"differs: first at epoch {epoch}, tensor dense_")
    assert "dlcli's own code or this machine computes differently" in said


@pytest.mark.parametrize("position", [0, 9, 12, 14])
def test_the_very_tensor_is_named_where_only_one_differs(
    position: int, run: Path, plant: Callable[[int, int], None]
) -> None:
    plant(6, position)  # the last step of the second epoch: nothing is computed from it any more
    said = differs(run)
    recorded = Job.ready(
        load_config(run / "config.resolved.yaml"),
        prepare.places(run.parents[1] / "config", None),
        NullReporter(),
    )
    layout = recorded.design.recipe.model.layout
    marked = np.zeros(layout.size, np.float32)
    marked[position] = 1
    name = next(name for name, array in layout.named(marked).items() if array.any())
    assert said.startswith(f"differs: first at epoch 2, tensor {name}.")
    assert "val_loss" in said or "All metrics are equal" in said


def test_a_difference_in_the_initial_weights_is_found(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = initializers.GlorotUniform.draw

    def draw(self: Any, stream: Any, shape: Any) -> Any:
        drawn = real(self, stream, shape)
        drawn[0, 0] = np.nextafter(drawn[0, 0], np.float32(1))
        return drawn

    monkeypatch.setattr(initializers.GlorotUniform, "draw", draw)
    assert differs(run, epochs=1).startswith("differs: first at epoch 1, tensor dense_1.")


def test_a_prefix_of_epochs_is_a_cheap_proof_that_sees_nothing_behind_it(
    run: Path, plant: Callable[[int, int], None]
) -> None:
    plant(7, 3)  # in the third epoch
    found = again(run, epochs=2)
    assert found.epochs == 2
    assert not found.files
    assert "identical: 2 epochs (of " in found.describe()
    assert "first at epoch 3" in differs(run, epochs=3)
    of = len(read_manifest(run).epochs)
    assert "first at epoch 3, tensor" in differs(run, epochs=of + 100)


def test_a_prefix_trains_as_the_whole_run_does(tmp_path: Path) -> None:
    """`--epochs` only stops: what depends on the number of epochs stays as it was."""
    run = train(write(tmp_path, changed(SMALL, training__epochs=6)), tmp_path / "runs")
    for epochs in range(1, 5):
        assert again(run, epochs=epochs).epochs == min(epochs, len(read_manifest(run).epochs))


def test_a_tolerance_is_only_used_when_asked_for_and_says_so(
    run: Path, plant: Callable[[int, int], None]
) -> None:
    plant(5, 3)
    assert not differs(run).startswith("TOLERANCE")
    found = again(run, tolerance=1e-3)
    assert found.describe().startswith("TOLERANCE: metrics of ")
    assert "bits were not compared" in found.describe()
    assert found.to_json()["result"] == "within tolerance"
    assert 0 < found.worst < 1e-3
    said = differs(run, tolerance=1e-12)
    assert said.startswith("TOLERANCE: ")
    assert "more than 1e-12" in said


@pytest.mark.parametrize("version", ["numpy", "dlcli", "blas"])
def test_other_versions_are_no_difference_but_the_likely_cause_of_one(
    version: str, run: Path, plant: Callable[[int, int], None]
) -> None:
    path = run / "manifest.json"
    edit_manifest(path, lambda document: document["versions"].update({version: "0.0.1"}))
    assert again(run).describe().startswith("identical")
    plant(1, 3)
    said = differs(run)
    assert f"Likely cause: other versions: {version}: '0.0.1', now " in said


def test_an_option_that_the_config_lacks_is_no_difference_of_its_own(run: Path) -> None:
    """A newer version has one more option; the files show that this run was not without it."""
    edit_manifest(
        run / "manifest.json", lambda document: document["config"]["optimizer"].pop("epsilon")
    )
    said = differs(run)
    assert "every epoch is identical, but the file config.resolved.yaml is not" in said


def test_an_option_that_is_gone_is_the_cause(run: Path) -> None:
    edit_manifest(
        run / "manifest.json",
        lambda document: document["config"]["optimizer"].update(warp_factor=9),
    )
    said = differs(run)
    assert "does not take the recorded config any more" in said
    assert "warp_factor" in said


def test_a_changed_seed_is_the_cause(run: Path) -> None:
    edit_manifest(run / "manifest.json", lambda document: document.update(seed=6))
    assert "had the seed 6, but the config in it has 5" in differs(run)
    edit_manifest(run / "manifest.json", lambda document: document["config"].update(seed=6))
    assert "first at epoch 1, tensor" in differs(run)


def test_another_scheme_of_random_numbers_is_the_cause(run: Path) -> None:
    edit_manifest(run / "manifest.json", lambda document: document.update(rng_scheme="dice-0"))
    assert "by the scheme dice-0" in differs(run)


def test_a_changed_option_of_the_recorded_config_is_a_difference(run: Path) -> None:
    edit_manifest(
        run / "manifest.json",
        lambda document: document["config"]["optimizer"].update(learning_rate=0.051),
    )
    assert "first at epoch 1, tensor" in differs(run)


def test_a_config_that_was_edited_without_its_digest_is_damage(run: Path) -> None:
    path = run / "manifest.json"
    path.write_text(path.read_text().replace('"seed": 5', '"seed": 6', 1))
    with pytest.raises(ArtifactError, match="damaged or was edited"):
        again(run)


def test_a_changed_byte_of_the_data_is_code_3_and_names_the_role(run: Path) -> None:
    data = run.parents[1] / "config" / "small.csv"
    data.write_text(data.read_text().replace("0,0.0,", "0,0.5,", 1))
    with pytest.raises(DataError, match=r"all\.features changed") as caught:
        again(run)
    assert caught.value.exit_code == 3


def test_metrics_that_differ_alone_are_a_difference(run: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["epochs"][1]["metrics"]["val_loss"] = (0.5).hex()

    edit_manifest(run / "manifest.json", change)
    said = differs(run)
    assert "first at epoch 2, with equal tensors but other metrics. Metrics: val_loss: 0.5" in said


def test_an_evaluation_that_differs_alone_is_a_difference(run: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["files"]["evaluation.json"]["sha256"] = "0" * 64

    edit_manifest(run / "manifest.json", change)
    assert "every epoch is identical, but the evaluation is not" in differs(run)
    assert not again(run, epochs=1).files


@pytest.mark.parametrize(
    "name",
    [
        "model/weights.safetensors",
        "deploy/bundle/golden.safetensors",
        "checkpoints/best.safetensors",
        "checkpoints/index.json",
        "config.resolved.yaml",
        "metrics.jsonl",
    ],
)
def test_a_file_that_differs_alone_is_a_difference(name: str, run: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["files"][name]["sha256"] = "0" * 64

    edit_manifest(run / "manifest.json", change)
    assert f"every epoch is identical, but the file {name} is not" in differs(run)
    edit_manifest(run / "manifest.json", lambda document: document["files"].pop(name))
    assert f"but the file {name} is not" in differs(run)


def test_the_config_as_written_may_be_another_one_of_the_same_meaning(run: Path) -> None:
    edit_manifest(
        run / "manifest.json",
        lambda document: document["files"]["config.yaml"].update(sha256="0" * 64),
    )
    assert again(run).files


def test_a_run_that_ended_too_early_or_too_late_is_a_difference(run: Path) -> None:
    def shorter(document: dict[str, Any]) -> None:
        document["epochs"].pop()
        del document["tensors"][str(len(document["epochs"]) + 1)]

    edit_manifest(run / "manifest.json", shorter)
    of = len(read_manifest(run).epochs)
    assert f"the recorded run ended after epoch {of}, this one goes on" in differs(run)

    def longer(document: dict[str, Any]) -> None:
        last = document["epochs"][-1]
        document["epochs"] += [last | {"epoch": last["epoch"] + more} for more in (1, 2, 3)]

    edit_manifest(run / "manifest.json", longer)
    said = differs(run)
    assert "first at epoch" in said or "the recorded run went on" in said


def test_a_manifest_alone_is_enough(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Committed to another repository, with the data beside it."""
    alone = tmp_path / "elsewhere"
    alone.mkdir()
    shutil.copy(run / "manifest.json", alone / "proof.json")
    shutil.copy(run.parents[1] / "config" / "small.csv", alone)
    shutil.rmtree(run.parents[0])
    shutil.rmtree(tmp_path / "config")
    found = again(alone / "proof.json")
    assert found.files
    monkeypatch.chdir("/")
    document = json.loads(dlcli("reproduce", alone / "proof.json", "--json").out)
    assert document["result"] == "identical"
    assert document["files"] == len(read_manifest(alone / "proof.json").files) - 1
    assert {path.name for path in alone.iterdir()} == {"proof.json", "small.csv"}


def test_the_original_is_never_touched(run: Path, plant: Callable[[int, int], None]) -> None:
    before = content(run) | {name: (run / name).read_bytes() for name in unlisted(run)}
    times = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    for path in (run, *run.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        again(run)
        assert dlcli("verify", run).code == 0
        assert dlcli("evaluate", run).code == 0
        plant(1, 3)
        differs(run)
    finally:
        for path in (run, *run.rglob("*")):
            path.chmod(0o755)
    after = content(run) | {name: (run / name).read_bytes() for name in unlisted(run)}
    assert_same(before, after)
    assert times == {path: path.stat().st_mtime_ns for path in run.rglob("*")}


def unlisted(run: Path) -> list[str]:
    return sorted({path.name for path in run.iterdir() if path.is_file()} - content(run).keys())


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda document: None, 0, "identical: "),
        (lambda document: document["config"]["optimizer"].update(beta_1=0.91), 10, "first at"),
        (lambda document: document.update(numerics_class="other"), 11, "not comparable"),
        (lambda document: document["data"].update({"all.targets": "0" * 64}), 3, "all.targets"),
        (lambda document: document.update(schema=7), 4, "schema 7"),
    ],
    ids=["identical", "differs", "not comparable", "data", "schema"],
)
def test_the_command_exits_with_the_documented_code(
    change: Change, code: int, words: str, run: Path
) -> None:
    edit_manifest(run / "manifest.json", change)
    call = dlcli("reproduce", run)
    assert call.code == code, call.err
    assert words in (call.out if code == 0 else call.err)
    assert (call.out == "") == (code != 0)
