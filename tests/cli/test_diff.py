"""`dlcli diff`: what two runs have apart, in whatever state they are."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calls import dlcli, files, refused
from tests.cli.small import write
from tests.cli.states import DAMAGE, at_work, copied, make
from tests.exactness.runs import edit_manifest, resume

FIRST, SECOND, THIRD, STOPPED = (f"small-{number:04d}" for number in range(1, 5))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("states"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return copied(original, tmp_path)


def document(a: Path, b: Path) -> dict[str, Any]:
    call = dlcli("diff", a, b, "--json")
    assert call.code == 0, call.err
    found = json.loads(call.out)
    assert isinstance(found, dict)
    return found


def test_a_run_and_its_copy_are_identical(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder / FIRST, tmp_path / "copy"))
    found = document(folder / FIRST, copy)
    assert found["identical"] is True and found["first_difference"] is None
    assert (found["a"]["epochs"], found["common_epochs"]) == (3, 3)
    assert found["config"] == found["data"] == found["environment"] == found["metrics"] == []
    call = dlcli("diff", folder / FIRST, copy / "manifest.json", "--exit-code")
    assert call.code == 0 and "epochs: identical: 3 epochs" in call.out


def test_settings_have_both_values_and_the_first_epoch_its_tensors(folder: Path) -> None:
    found = document(folder / FIRST, folder / SECOND)
    assert found["config"] == [
        {"setting": "optimizer.learning_rate", "a": 0.05, "b": 0.01},
        {"setting": "training.epochs", "a": 3, "b": 4},
    ]
    first = found["first_difference"]
    assert (first["epoch"], first["only_metrics"]) == (1, False)
    recorded = json.loads((folder / FIRST / "manifest.json").read_bytes())["tensors"]["1"]
    other = json.loads((folder / SECOND / "manifest.json").read_bytes())["tensors"]["1"]
    assert first["tensors"] == sorted(n for n in recorded if recorded[n] != other[n])
    assert first["tensor"] == first["tensors"][0] and first["of"] == len(recorded)
    assert found["data"] == found["environment"] == []
    rows = (folder / SECOND / "metrics.jsonl").read_text().splitlines()
    values = {one["metric"]: one["b"] for one in found["metrics"]}
    assert values == {name: json.loads(rows[-1])[name] for name in values} and "loss" in values
    call = dlcli("diff", folder / FIRST, folder / SECOND)
    assert "optimizer.learning_rate  0.05  0.01" in call.out
    assert f"first difference at epoch 1, tensor {first['tensor']} (and " in call.out
    assert max(map(len, call.out.splitlines()[3:])) <= 80


def test_of_finished_runs_the_evaluation_is_compared(folder: Path) -> None:
    found = document(folder / FIRST, folder / SECOND)
    both = [
        json.loads((folder / name / "evaluation.json").read_bytes()) for name in (FIRST, SECOND)
    ]
    assert {one["part"] for one in found["evaluation"]} == both[0].keys() >= {"test"}
    for one in found["evaluation"]:
        values = [document[one["part"]]["metrics"][one["metric"]] for document in both]
        assert [one["a"], one["b"]] == values and values[0] != values[1]
    text = dlcli("diff", folder / FIRST, folder / SECOND).out
    assert "  test loss" in text and "  val_loss" in text and "validation" not in text
    copy = shutil.copytree(folder / FIRST, folder / "copy-0001")
    assert set(document(folder / FIRST, copy)["evaluation"]) == set()
    for other in (folder / STOPPED, folder / SECOND / "manifest.json"):
        assert document(folder / FIRST, other)["evaluation"] is None
        assert "  test loss" not in dlcli("diff", folder / FIRST, other).out


def test_a_damaged_evaluation_is_an_error_where_it_is_compared(folder: Path) -> None:
    DAMAGE["an edited evaluation"][0](folder / SECOND)
    for pair in ((FIRST, SECOND), (SECOND, FIRST)):
        words = refused(dlcli("diff", *(folder / name for name in pair)), 4)
        assert "evaluation.json has changed" in words and SECOND in words
    assert dlcli("diff", folder / STOPPED, folder / SECOND).code == 0
    (folder / SECOND / "evaluation.json").unlink()
    refused(dlcli("diff", folder / FIRST, folder / SECOND), 4)

    def relist(one: dict[str, Any]) -> None:
        path = folder / SECOND / "evaluation.json"
        path.write_text('{"test": 3}')
        record = {"size": 11, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        one["files"]["evaluation.json"] = record

    edit_manifest(folder / SECOND / "manifest.json", relist)
    assert "did not write" in refused(dlcli("diff", folder / FIRST, folder / SECOND), 4)


def test_tensors_of_one_side_alone_differ(folder: Path) -> None:
    """Other shapes have other digests; other layers have other names."""
    found = document(folder / FIRST, folder / THIRD)
    names = [one["setting"] for one in found["config"]]
    assert names == ["model.layers.0.units", "training.epochs"]

    def rename(one: dict[str, Any]) -> None:
        from dlcli.artifacts.history import digest_of_tensors

        tensors = one["tensors"]["1"]
        tensors["other"] = tensors.pop(min(tensors))
        one["epochs"][0]["digest"] = digest_of_tensors(tensors)

    shutil.copytree(folder / FIRST, folder / "renamed-0001")
    edit_manifest(folder / "renamed-0001" / "manifest.json", rename)
    found = document(folder / FIRST, folder / "renamed-0001")
    assert "other" in found["first_difference"]["tensors"]
    assert len(found["first_difference"]["tensors"]) == 2


def test_the_first_epoch_that_differs_is_found_where_the_ones_before_are_the_same(
    folder: Path,
) -> None:
    shutil.copytree(folder / SECOND, folder / "edited-0001")

    def change(one: dict[str, Any]) -> None:
        one["epochs"][2]["digest"] = "0" * 64
        del one["tensors"]["3"]

    edit_manifest(folder / "edited-0001" / "manifest.json", change)
    found = document(folder / SECOND, folder / "edited-0001")
    assert found["first_difference"] == {
        "epoch": 3, "tensor": None, "tensors": [], "of": None, "only_metrics": False,
    }  # fmt: skip
    call = dlcli("diff", folder / SECOND, folder / "edited-0001")
    assert "epoch 3; its tensors are not recorded one by one" in call.out

    def other_metrics(one: dict[str, Any]) -> None:
        one["epochs"][1]["metrics"]["loss"] = "0x1.0000000000000p+9"

    edit_manifest(folder / "edited-0001" / "manifest.json", other_metrics)
    found = document(folder / SECOND, folder / "edited-0001")
    assert found["first_difference"]["epoch"] == 2 and found["first_difference"]["only_metrics"]


def test_data_and_environment(folder: Path) -> None:
    shutil.copytree(folder / FIRST, folder / "edited-0001")

    def change(one: dict[str, Any]) -> None:
        one["data"]["all.features"] = "0" * 64
        one["data"]["more"] = "1" * 64
        one["versions"]["numpy"] = "9.9"
        one["numerics_class"] = "other"

    edit_manifest(folder / "edited-0001" / "manifest.json", change)
    found = document(folder / FIRST, folder / "edited-0001")
    assert found["identical"] is False and found["first_difference"] is None
    assert {one["role"]: one["b"] for one in found["data"]} == {
        "all.features": "0" * 64, "more": "1" * 64,
    }  # fmt: skip
    assert "a" not in next(one for one in found["data"] if one["role"] == "more")
    assert {one["name"]: one["b"] for one in found["environment"]} == {
        "numpy": "9.9", "numerics_class": "other",
    }  # fmt: skip
    assert dlcli("diff", folder / FIRST, folder / "edited-0001", "--exit-code").code == 10


def test_of_an_unfinished_run_the_epochs_of_its_checkpoints_count(
    original: Path, folder: Path
) -> None:
    """Which are those of its whole self."""
    shutil.copytree(folder / STOPPED, folder / "whole-0001")
    resume(folder / "whole-0001")
    found = document(folder / STOPPED, folder / "whole-0001")
    assert found["a"]["status"] == "unfinished" and found["b"]["status"] == "complete"
    epochs = found["a"]["epochs"]
    assert 0 < epochs == found["common_epochs"] < found["b"]["epochs"] == 8
    assert found["first_difference"] is None and found["identical"] is False
    call = dlcli("diff", folder / STOPPED, folder / "whole-0001")
    assert "epochs: identical as far as both go" in call.out


def test_before_the_first_epoch_there_is_nothing_to_compare(folder: Path) -> None:
    shutil.rmtree(folder / STOPPED / "checkpoints")
    found = document(folder / STOPPED, folder / FIRST)
    assert (found["common_epochs"], found["a"]["kept_epoch"]) == (0, None)
    assert "a" not in found["metrics"][0]
    call = dlcli("diff", folder / STOPPED, folder / FIRST)
    assert "there are none to compare" in call.out


def test_the_exit_code_is_asked_for(folder: Path) -> None:
    assert dlcli("diff", folder / FIRST, folder / SECOND).code == 0
    call = dlcli("diff", folder / FIRST, folder / SECOND, "--exit-code")
    assert call.code == 10 and "differ; epochs: first difference at epoch 1" in call.err
    assert "learning_rate" in call.out
    call = dlcli("diff", folder / FIRST, folder / SECOND, "--exit-code", "--json")
    found = json.loads(call.out)
    assert (call.code, found["error"]["kind"]) == (10, "differs")
    error = found.pop("error")
    assert error["code"] == 10 and found == document(folder / FIRST, folder / SECOND)


@pytest.mark.parametrize("what", [name for name in DAMAGE if "manifest" in name])
def test_a_damaged_manifest_is_an_error_that_names_it(what: str, folder: Path) -> None:
    DAMAGE[what][0](folder / SECOND)
    for pair in ((FIRST, SECOND), (SECOND, FIRST)):
        words = refused(dlcli("diff", *(folder / name for name in pair)), 4)
        assert str(folder / SECOND / "manifest.json") in words


def test_damaged_checkpoints_of_an_unfinished_run_are_an_error(folder: Path) -> None:
    (folder / STOPPED / "checkpoints" / "history.jsonl").write_bytes(b"{}\n")
    refused(dlcli("diff", folder / FIRST, folder / STOPPED), 4)
    (folder / STOPPED / "checkpoints" / "history.jsonl").unlink()
    os.mkfifo(folder / STOPPED / "checkpoints" / "history.jsonl")
    refused(dlcli("diff", folder / FIRST, folder / STOPPED), 4)


def test_what_is_no_run(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    refused(dlcli("diff", folder / FIRST, tmp_path / "notes"), 2)
    refused(dlcli("diff", tmp_path / "nothing", folder / FIRST), 2)
    refused(dlcli("diff", folder / FIRST), 2)
    refused(dlcli("diff", folder / FIRST, "a\0b"), 2)
    (tmp_path / "notes" / "manifest.json").write_text('{"short_name": "Web"}')
    refused(dlcli("diff", folder / FIRST, tmp_path / "notes"), 4)
    os.mkfifo(tmp_path / "pipe")
    refused(dlcli("diff", folder / FIRST, tmp_path / "pipe"), 4)


def test_several_runs_are_compared_one_by_one(tmp_path: Path) -> None:
    call = dlcli(
        "train", write(tmp_path, "trees"), "--output-dir", tmp_path / "runs", "--workers", "1",
        "--seeds", "2", "--set", "training.epochs=1",
    )  # fmt: skip
    words = refused(dlcli("diff", call.run, call.run), 2)
    assert "holds several runs; compare one of them" in words
    found = document(call.run / "seed-4", call.run / "seed-5")
    assert found["config"] == [{"setting": "seed", "a": 4, "b": 5}]


def test_nothing_is_written_and_a_run_at_work_is_compared_too(folder: Path) -> None:
    before = files(folder)
    expected = document(folder / STOPPED, folder / FIRST)
    with at_work(folder / STOPPED):
        assert document(folder / STOPPED, folder / FIRST) == expected
    assert files(folder) == before
