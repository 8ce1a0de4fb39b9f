"""`dlcli evaluate`: the bits that training reported, wherever the run is, and gates on them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from dlcli.artifacts.digests import from_hex
from dlcli.artifacts.manifest import read_manifest
from dlcli.errors import GateError, UsageError
from dlcli.pipeline.gates import Gate, Gates
from tests.cli.calls import dlcli, files, refused, train
from tests.cli.small import SMALL, write


@pytest.fixture(scope="module", params=SMALL)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate")
    return train(write(folder, request.param), folder / "runs").run


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trees")
    return train(write(folder, "trees"), folder / "runs").run


def evaluated(run: Path, *arguments: str | Path) -> dict[str, Any]:
    call = dlcli("evaluate", run, "--json", "--workers", "1", *arguments)
    assert call.code == 0, call.err
    document: dict[str, Any] = json.loads(call.out)
    return document


def recorded(run: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((run / "evaluation.json").read_bytes())
    return document


def test_evaluate_gives_the_bits_of_evaluation_json(run: Path) -> None:
    for split, result in recorded(run).items():
        assert evaluated(run, "--split", split) == result
    assert evaluated(run) == recorded(run)["test"]


def test_the_validation_part_gives_the_bits_of_the_epoch_whose_weights_are_kept(run: Path) -> None:
    manifest = read_manifest(run)
    config = manifest.config["training"]
    epochs = list(manifest.epochs)
    if config["keep"] == "best":
        stopping = config["early_stopping"]
        name, best = (stopping["monitor"], max) if stopping else ("val_loss", min)
        epochs = [best(epochs, key=lambda epoch: float(epoch.metrics[name]))]
    kept = {
        name.removeprefix("val_"): value
        for name, value in epochs[-1].metrics.items()
        if name.startswith("val_")
    }
    found = evaluated(run, "--split", "validation")["metrics"]
    assert {name: found[name] for name in kept} == kept


def test_the_manifest_and_the_lines_of_epochs_hold_the_same_bits(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    epochs = json.loads((run / "manifest.json").read_bytes())["epochs"]
    assert len(lines) == len(epochs)
    for line, epoch in zip(lines, epochs, strict=True):
        metrics = {name: from_hex(value) for name, value in epoch["metrics"].items()}
        assert line == {"epoch": epoch["epoch"], "step": epoch["step"], **metrics}


def test_the_training_part_can_be_evaluated_too(trees: Path) -> None:
    result = evaluated(trees, "--split", "train")
    parts = {split: part["rows"] for split, part in recorded(trees).items()}
    assert result["split"] == "train"
    assert result["rows"] + sum(parts.values()) == 120


@pytest.mark.parametrize("workers", ["1", "2", "3"])
def test_any_number_of_workers_gives_the_same_bits(run: Path, workers: str) -> None:
    call = dlcli("evaluate", run, "--json", "--workers", workers)
    assert json.loads(call.out) == recorded(run)["test"]


def test_a_moved_copy_evaluates_from_anywhere(
    trees: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = Path(shutil.copytree(trees, tmp_path / "else where" / "ünder another name"))
    elsewhere = tmp_path / "cwd"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert evaluated(moved) == recorded(trees)["test"]
    assert evaluated(Path("../else where/ünder another name")) == recorded(trees)["test"]
    assert list(elsewhere.iterdir()) == []


def test_the_data_may_lie_beside_the_moved_manifest_or_in_the_data_dir(
    tmp_path: Path,
) -> None:
    run = train(write(tmp_path / "home", "trees"), tmp_path / "runs").run
    expected = recorded(run)["test"]
    data = (tmp_path / "home").rename(tmp_path / "data") / "trees.csv"
    message = refused(dlcli("evaluate", run), 3)
    assert str(tmp_path / "home" / "trees.csv") in message and "--data-dir" in message
    assert evaluated(run, "--data-dir", tmp_path / "data") == expected
    beside = Path(shutil.copytree(run, tmp_path / "copy"))
    shutil.copy(data, beside)
    assert evaluated(beside) == expected


def test_changed_data_is_refused_and_named(tmp_path: Path) -> None:
    run = train(write(tmp_path, "trees"), tmp_path / "runs").run
    text = (tmp_path / "trees.csv").read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    lines[3] = (
        lines[3].replace("sand", "clay") if "sand" in lines[3] else lines[3].replace("clay", "sand")
    )
    (tmp_path / "trees.csv").write_text("".join(lines), encoding="utf-8")
    message = refused(dlcli("evaluate", run), 3)
    assert "all.features changed" in message
    assert "targets" not in message


def test_nothing_is_written_into_the_run(trees: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(trees, tmp_path / "run"))
    before = files(run)
    for path in (run, *run.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        evaluated(run)
        assert dlcli("evaluate", run, "--expect", "accuracy>=2").code == 8
        assert dlcli("verify", run).code == 0
        assert dlcli("reproduce", run, "--epochs", "1", "--workers", "1").code == 0
        assert dlcli("predict", run, Path(trees).parents[1] / "trees.csv").code == 0
    finally:
        for path in (run, *run.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert files(run) == before


def test_a_part_that_the_run_does_not_have_is_refused(trees: Path, tmp_path: Path) -> None:
    message = refused(dlcli("evaluate", trees, "--split", "tset"), 2)
    assert "train, validation, test" in message
    config = write(tmp_path, "trees")
    run = train(config, tmp_path / "runs", "--set", "data.split.test=0").run
    assert evaluated(run)["split"] == "validation"
    assert "the run has train, validation" in refused(dlcli("evaluate", run, "--split", "test"), 2)


def test_a_run_with_neither_part_evaluates_its_training_rows(tmp_path: Path) -> None:
    config = write(tmp_path, "trees")
    cut = ["--set", "data.split.test=0", "--set", "data.split.validation=0"]
    call = train(config, tmp_path / "runs", *cut, "--set", "training.keep=last")
    assert evaluated(call.run)["split"] == "train"
    assert recorded(call.run) == {}


def test_gates_that_are_met_exit_0(trees: Path) -> None:
    call = dlcli(
        "evaluate", trees, "--expect", "accuracy>=0", "--expect", "loss < 100", "--expect",
        "f1<=1", "--expect", "accuracy > -1e3",
    )  # fmt: skip
    assert call.code == 0, call.err


def test_a_gate_that_is_not_met_exits_8_and_the_result_is_shown(trees: Path) -> None:
    call = dlcli("evaluate", trees, "--expect", "accuracy>=1.5", "--expect", "loss>=0", "--json")
    assert call.code == 8
    metrics = recorded(trees)["test"]["metrics"]
    accuracy = metrics["accuracy"]
    missed = {
        "expect": "accuracy>=1.5", "metric": "accuracy", "wanted": ">= 1.5", "found": accuracy,
        "part": "test", "met": False,
    }  # fmt: skip
    other = {
        "expect": "loss>=0", "metric": "loss", "wanted": ">= 0", "found": metrics["loss"],
        "part": "test", "met": True,
    }  # fmt: skip
    words = f"not good enough: expected accuracy >= 1.5, got {accuracy!r}"
    assert json.loads(call.out) == {
        "error": {"code": 8, "kind": "gate", "message": words, "gates": [missed]},
        **recorded(trees)["test"],
        "gates": [missed, other],
    }
    assert call.err == f"error: not good enough: expected accuracy >= 1.5, got {accuracy!r}\n"


def test_every_gate_that_is_missed_is_named(trees: Path) -> None:
    call = dlcli("evaluate", trees, "--expect", "accuracy>=2", "--expect", "f1==7")
    assert call.code == 8
    assert "accuracy >= 2" in call.err and "f1 == 7" in call.err


def test_short_names_of_metrics_are_known(tmp_path: Path) -> None:
    run = train(write(tmp_path, "prices"), tmp_path / "runs").run
    assert dlcli("evaluate", run, "--expect", "mae>=0").code == 0


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ("accuracy", "write a metric"),
        ("accuracy=>0.9", "write a metric"),
        ("accuracy>=", "write a metric"),
        ("accuracy>=high", "write a metric"),
        ("accuracy>=nan", "write a metric"),
        (">=0.9", "write a metric"),
        ("", "write a metric"),
        ("acuracy>=0.9", "does not measure a number called 'acuracy', but loss, accuracy, f1"),
        ("precision>=0.9", "Add it to evaluation.metrics"),
        ("confusion_matrix>=1", "but loss, accuracy, f1\n"),
        ("recall_per_class>=1", "but loss, accuracy, f1\n"),
        ("val_loss>=1", "but loss, accuracy, f1\n"),
    ],
)
def test_a_gate_that_cannot_be_is_a_usage_error(trees: Path, gate: str, words: str) -> None:
    assert words in refused(dlcli("evaluate", trees, "--expect", gate), 2)


def test_nothing_satisfies_a_gate_on_nan() -> None:
    for sign in (">=", "<=", ">", "<", "=="):
        with pytest.raises(GateError):
            gates = Gates([f"loss{sign}0"])
            gates.judge("test", {"loss": float("nan")}, ())
            gates.require_met()


def test_a_gate_says_what_it_wants() -> None:
    assert Gate(" mse<=1e-3 ").text == "mean_squared_error <= 1e-3"
    with pytest.raises(UsageError):
        Gate("loss ~ 3")


def test_a_run_that_is_not_finished_is_refused(trees: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(trees, tmp_path / "run"))
    manifest = run / "manifest.json"
    (run / "evaluation.json").unlink()
    assert "evaluation.json is missing" in refused(dlcli("verify", run), 4)
    manifest.unlink()
    assert "manifest.json is missing" in refused(dlcli("evaluate", run), 4)


def test_of_many_classes_the_first_are_listed_and_the_others_counted() -> None:
    names = [f"class {number}" for number in range(43)]
    with pytest.raises(UsageError) as caught:
        Gates(["recall[ash]>=0"]).check_classes(names)
    assert "'class 29' and 13 more." in str(caught.value) and "class 30" not in str(caught.value)
