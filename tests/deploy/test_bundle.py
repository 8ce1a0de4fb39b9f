"""The bundle: it gives the engine's answers to the bit, and refuses what was tampered with."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from dlcli.artifacts.tensors import encode_tensors, read_tensors
from dlcli.deploy import bundle as bundles
from dlcli.deploy.bundle import Bundle
from dlcli.errors import ArtifactError, ExportError
from tests.cli.calls import Call, dlcli, refused, train
from tests.cli.small import SMALL, write


@pytest.fixture(scope="module", params=SMALL)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    return train(write(folder, request.param), folder / "runs").run


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trees")
    return train(write(folder, "trees"), folder / "runs").run


@pytest.fixture
def copy(trees: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trees / "deploy" / "bundle", tmp_path / "bundle"))


def test_the_golden_batch_gets_the_engines_answers_to_the_bit(run: Path) -> None:
    folder = run / "deploy" / "bundle"
    golden = read_tensors(folder / "golden.safetensors").arrays
    assert len(golden["x"]) == 16
    assert Bundle.load(folder).predict(golden["x"]).tobytes() == golden["y"].tobytes()
    is_scaled = json.loads((folder / "model.json").read_bytes())["target_scale"] is not None
    assert golden["y"].dtype == (np.float64 if is_scaled else np.float32)


def test_the_model_folder_answers_as_the_bundle(run: Path) -> None:
    golden = read_tensors(run / "deploy" / "bundle" / "golden.safetensors").arrays
    assert Bundle.load(run / "model").predict(golden["x"]).tobytes() == golden["y"].tobytes()


def test_answers_agree_with_what_training_measured(run: Path) -> None:
    """Predictions of the whole test part give its accuracy, or its mean absolute error."""
    from dlcli.config import load_config
    from dlcli.pipeline import prepare

    config = load_config(run / "config.resolved.yaml")
    prepared = prepare.prepare(config, prepare.places(run.parents[1], None))
    part = prepared.dataset.test
    assert part is not None
    answers = Bundle.load(run / "deploy" / "bundle").predict(part.take_features(slice(None)))
    truth = part.targets_array
    metrics = json.loads((run / "evaluation.json").read_text())["test"]["metrics"]
    if "mean_absolute_error" in metrics:
        error = float(np.abs(answers[:, 0].astype(np.float64) - truth).mean())
        assert error == pytest.approx(metrics["mean_absolute_error"], rel=1e-5)
    else:
        chosen = answers.argmax(1) if answers.shape[1] > 1 else answers[:, 0] > 0.5
        assert float((chosen == truth).mean()) == metrics["accuracy"]


def test_a_planted_difference_is_found_and_the_run_is_not_complete(tmp_path: Path) -> None:
    def planted(bundle: Bundle, rows: Any) -> Any:
        answers = real(bundle, rows)
        answers[3, 0] = np.nextafter(answers[3, 0], np.float32(2.0))
        return answers

    real = Bundle.predict
    config = write(tmp_path, "trees")
    with mock.patch.object(Bundle, "predict", planted):
        call = train(config, tmp_path / "runs")
    message = refused(call, 9)
    assert "does not give the engine's answers on the golden batch" in message
    assert "largest difference" in message
    run = tmp_path / "runs" / "trees-0001"
    assert json.loads((run / "manifest.json").read_text())["status"] == "running"
    assert dlcli("evaluate", run).code == 2
    assert dlcli("train", "--resume", run, "--workers", "1").run == run
    assert dlcli("verify", run).code == 0


def test_a_bundle_with_answers_of_another_shape_is_an_export_error(copy: Path) -> None:
    golden = copy / "golden.safetensors"
    arrays = read_tensors(golden).arrays
    golden.write_bytes(encode_tensors({"x": arrays["x"], "y": arrays["y"][:, :2]}))
    with pytest.raises(ExportError, match=r"rows of shape \(3,\) instead of \(2,\)"):
        bundles.prove(Bundle.load(copy), golden)


TAMPERED = ("weights.safetensors", "model.json", "preprocessing.json",
            "preprocessing.safetensors", "classes.json")  # fmt: skip


def asked(run: Path) -> Call:
    return dlcli("predict", run, run.parents[1] / "trees.csv")


@pytest.mark.parametrize("name", TAMPERED)
def test_a_changed_byte_of_the_bundle_is_found(trees: Path, tmp_path: Path, name: str) -> None:
    run = Path(shutil.copytree(trees, tmp_path / "runs" / "copy"))
    shutil.copy(trees.parents[1] / "trees.csv", tmp_path)
    assert asked(run).code == 0
    path = run / "deploy" / "bundle" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert f"deploy/bundle/{name}" in refused(asked(run), 4)
    path.unlink()
    assert f"deploy/bundle/{name} is missing" in refused(asked(run), 4)


def edited(name: str, change: Callable[[Any], Any]) -> Any:
    def edit(folder: Path) -> None:
        path = folder / name
        document = json.loads(path.read_bytes())
        change(document)
        path.write_text(json.dumps(document))

    return edit


def weights(change: Callable[[dict[str, Any]], Any]) -> Any:
    def edit(folder: Path) -> None:
        path = folder / "weights.safetensors"
        arrays = dict(read_tensors(path).arrays)
        change(arrays)
        path.write_bytes(encode_tensors(arrays))

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        edited("model.json", lambda d: d.update(target_scale={"scale": "a"})),
        edited("model.json", lambda d: d.update(target_scale=3)),
        edited("model.json", lambda d: d["values"][""].update(row_shape=3)),
        edited("model.json", lambda d: d["values"][""].update(row_shape=["x"])),
        edited("model.json", lambda d: d["values"][""].update(row_shape=[4])),
        edited("model.json", lambda d: d["values"][""].update(row_dtype="float16")),
        edited("model.json", lambda d: d["values"][""].update(array="x")),
        edited("model.json", lambda d: d["values"].update(more=d["values"][""])),
        edited("model.json", lambda d: d["csv"].update(width="5")),
        edited("model.json", lambda d: d["csv"].update(width=0)),
        edited("model.json", lambda d: d["csv"].update(header=False, width=None)),
        edited("model.json", lambda d: d["csv"].update(header=None)),
        edited("model.json", lambda d: d["csv"].update(decimal="x")),
        edited("model.json", lambda d: d["csv"].update(thousands=".")),
        edited("model.json", lambda d: d["csv"].update(delimiter="ab")),
        edited("model.json", lambda d: d["csv"].update(delimiter=";", target=None)),
        edited("preprocessing.json", lambda d: d.update(steps=[{"type": "?"}])),
        edited("preprocessing.json", lambda d: d.update(dtype="float7")),
        edited("preprocessing.json", lambda d: d.update(steps=[])),
        edited("classes.json", lambda d: d.update(classes=7)),
        edited("classes.json", lambda d: d.pop("classes")),
        weights(lambda arrays: arrays.pop("dense_1.bias")),
        weights(lambda arrays: arrays.update(more=np.zeros(2, np.float32))),
        weights(lambda arrays: arrays.update({"dense_1.bias": np.zeros(5, np.float32)})),
        weights(lambda arrays: arrays.update({"dense_1.bias": np.zeros(7, np.int64)})),
    ],
)
def test_a_bundle_that_dlcli_did_not_write_like_this_is_an_artifact_error(
    copy: Path, edit: Callable[[Path], None]
) -> None:
    edit(copy)
    with pytest.raises(ArtifactError) as caught:
        Bundle.load(copy)
    assert str(caught.value)
