"""`dlcli export`: what it writes and lists, what it says, and what it refuses."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.artifacts import documents
from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.deploy.bundle import GOLDEN, Bundle
from dlcli.deploy.exporter import ENGINE, Exporter, Proof
from dlcli.deploy.exporters import EXPORTERS, BundleExporter
from dlcli.deploy.onnx.exporter import OnnxExporter
from dlcli.pipeline import deploy
from dlcli.pipeline import export as exports
from dlcli.pipeline.provenance import Environment
from tests.cli.calls import Call, dlcli, files, refused, train
from tests.cli.small import write
from tests.exactness.runs import edit_manifest

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

UNLISTED = {"environment.json", "train.log"}
ONNX = ["deploy/onnx/golden.safetensors", "deploy/onnx/model.onnx", "deploy/onnx/network.onnx"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The same network three times: deployed as both formats, as a bundle, and not at all; its
    data is in the parent's parent of each run."""
    folder = tmp_path_factory.mktemp("export")
    config = write(folder, "trees")
    formats = {"both": "[bundle, onnx]", "bundle": "[bundle]", "none": "[]"}
    return {
        name: train(
            config, folder / "runs", "--set", f"deployment.formats={words}", "--name", name
        ).run
        for name, words in formats.items()
    }


@pytest.fixture
def runs(made: Mapping[str, Path], tmp_path: Path) -> dict[str, Path]:
    """Copies, which a test may change."""
    return {
        name: Path(shutil.copytree(run, tmp_path / "copies" / run.name))
        for name, run in made.items()
    }


def listed(run: Path) -> dict[str, bytes]:
    """The files of a run that are the same whenever they are made."""
    return {
        name: data for name, data in files(run).items() if name not in {*UNLISTED, "report.html"}
    }


def export(run: Path, *arguments: str | Path) -> Call:
    return dlcli("export", run, *arguments)


def into(folder: Path, kind: str = "onnx") -> list[str | Path]:
    """The options for another folder."""
    return ["--format", kind, "--output", folder]


def recorded(run: Path) -> dict[str, Any]:
    return dict(Environment.read(RunDirectory.open(run)).document["exports"])


def planted(monkeypatch: pytest.MonkeyPatch, kind: str, exporter: Exporter) -> None:
    monkeypatch.setattr(deploy, "EXPORTERS", {**EXPORTERS, kind: exporter})


def test_the_files_are_those_that_training_would_have_written(runs: Mapping[str, Path]) -> None:
    run, both = runs["bundle"], files(runs["both"])
    before = files(run)
    call = export(run, "--format", "onnx")
    assert call.code == 0 and call.out == f"{run / 'deploy/onnx'}\n"
    assert "onnxruntime " in call.err
    assert "gives the engine's answers to 1,016 rows, largest difference " in call.err
    after = files(run)
    assert sorted(after.keys() - before.keys()) == ONNX
    assert all(after[name] == both[name] for name in ONNX)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"manifest.json", *UNLISTED}
    found, wanted = read_manifest(run), read_manifest(runs["both"])
    assert all(found.files[name] == wanted.files[name] for name in ONNX)
    assert "exported onnx: onnxruntime" in (run / "train.log").read_text()


@pytest.mark.parametrize("kinds", [["onnx"], ["bundle", "onnx"], ["onnx", "bundle", "onnx"]])
def test_once_more_is_the_same(kinds: list[str], runs: Mapping[str, Path]) -> None:
    run = runs["both"]
    before = listed(run)
    call = export(run, *(word for kind in kinds for word in ("--format", kind)))
    assert call.code == 0
    assert call.out.split() == [str(run / "deploy" / kind) for kind in dict.fromkeys(kinds)]
    assert listed(run) == before
    assert "replaced" not in call.err


def test_all_other_commands_know_of_it(made: Mapping[str, Path], runs: Mapping[str, Path]) -> None:
    run, rows = runs["none"], made["none"].parents[1] / "trees.csv"
    asked: dict[str, list[str | Path]] = {"evaluate": [run], "predict": [run, rows]}
    before = {command: dlcli(command, *arguments).out for command, arguments in asked.items()}
    assert export(run, "--format", "onnx", "--format", "bundle").code == 0
    assert dlcli("verify", run).code == 0
    assert {command: dlcli(command, *asked[command]).out for command in asked} == before
    again = dlcli("reproduce", run, "--workers", "1")
    assert again.code == 0 and "identical: 4 epochs" in again.out
    assert "not compared: deploy/bundle, deploy/onnx; the config does not name" in again.err
    assert "--format bundle --format onnx" in again.err
    resumed = dlcli("train", "--resume", run)
    assert resumed.run == run and "this run is complete already" in resumed.err


def test_files_of_formats_that_the_config_names_are_compared_as_ever(
    runs: Mapping[str, Path],
) -> None:
    def forge(document: Any) -> None:
        document["files"]["deploy/onnx/model.onnx"]["sha256"] = "0" * 64

    again = dlcli("reproduce", runs["both"], "--workers", "1")
    assert again.code == 0 and "not compared" not in again.err
    edit_manifest(runs["both"] / "manifest.json", forge)
    message = dlcli("reproduce", runs["both"], "--workers", "1")
    assert message.code == 10 and "the file deploy/onnx/model.onnx is not" in message.err


def test_json_and_the_record_say_how_it_was_proved(runs: Mapping[str, Path]) -> None:
    run = runs["none"]
    call = export(run, "--format", "bundle", "--format", "onnx", "--json")
    document = json.loads(call.out)
    assert document["run"] == str(run)
    bundle, onnx = document["formats"]
    assert onnx["format"] == "onnx" and onnx["folder"] == str(run / "deploy/onnx")
    assert onnx["files"] == [str(run / name) for name in ONNX]
    assert str(run / "deploy/bundle.pyz") in bundle["files"]
    assert all(Path(name).is_file() for one in document["formats"] for name in one["files"])
    assert onnx["rows"] == 1016 and 0 < onnx["largest_difference"] < 1e-5 and onnx["beyond"] == 0
    assert bundle["rows"] == 16 and bundle["largest_difference"] == 0
    assert bundle["runtime"] == f"numpy {np.__version__}"  # in a process without dlcli
    for one in (bundle, onnx):
        proof = {key: one[key] for key in ("runtime", "rows", "largest_difference", "beyond")}
        assert recorded(run)[one["format"]] == proof


def test_training_records_and_tells_it_too(made: Mapping[str, Path], tmp_path: Path) -> None:
    config = write(tmp_path, "trees")
    call = train(
        config, tmp_path / "runs", "--set", "deployment.formats=[bundle, onnx]", "--name", "both"
    )
    lines = [line.strip() for line in call.err.splitlines()]
    behind = lines[lines.index("[5/5] deploy   deploy/bundle, deploy/onnx") + 1]
    assert behind.startswith("onnx: onnxruntime ") and "to 1,016 rows" in behind
    found = recorded(call.run)
    assert found["bundle"]["runtime"] == ENGINE and found["bundle"]["rows"] == 16
    assert found["onnx"]["rows"] == 1016
    assert recorded(made["none"]) == {}
    assert listed(call.run) == listed(made["both"])  # the proof is in no file that is listed


def test_without_a_golden_batch_its_rows_come_from_the_data(
    made: Mapping[str, Path], runs: Mapping[str, Path]
) -> None:
    assert export(runs["none"], "--format", "onnx").code == 0
    both = files(runs["both"])
    assert {name: files(runs["none"])[name] for name in ONNX} == {name: both[name] for name in ONNX}


def test_where_the_data_is_gone_nothing_is_written(tmp_path: Path) -> None:
    config = write(tmp_path, "trees")
    run = train(config, tmp_path / "runs", "--set", "deployment.formats=[]").run
    (tmp_path / "trees.csv").unlink()
    before = files(run)
    assert "was not found" in refused(export(run, "--format", "onnx"), 3)
    assert files(run) == before


def test_a_damaged_format_is_written_again(runs: Mapping[str, Path]) -> None:
    run = runs["both"]
    before = listed(run)
    (run / "deploy/onnx/model.onnx").write_bytes(b"nothing")
    (run / "deploy/bundle/golden.safetensors").unlink()
    assert dlcli("verify", run).code == 4
    assert export(run, "--format", "onnx", "--format", "bundle").code == 0
    assert listed(run) == before


@pytest.fixture
def read_only(runs: Mapping[str, Path]) -> Iterator[Path]:
    run = runs["both"]
    folders = [run, *(path for path in run.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield run
    for folder in folders:
        folder.chmod(0o755)


def test_another_folder_leaves_the_run_alone(read_only: Path, tmp_path: Path) -> None:
    before, output = files(read_only), tmp_path / "new" / "out"
    call = export(read_only, "--format", "onnx", "--format", "bundle", "--output", output)
    assert call.out.split() == [str(output / "onnx"), str(output / "bundle")]
    assert files(read_only) == before
    assert {f"deploy/{name}": data for name, data in files(output).items()} == {
        name: data
        for name, data in before.items()
        if name.startswith("deploy/") and name != "deploy/MODEL_CARD.md"
    }


@pytest.mark.parametrize("source", ["bundle", "bundle.pyz"])
def test_a_bundle_alone_is_exported_too(
    source: str, runs: Mapping[str, Path], tmp_path: Path
) -> None:
    place = tmp_path / "moved"
    shutil.copytree(runs["both"] / "deploy", place)
    call = export(place / source, "--format", "onnx", "--output", tmp_path / "out", "--json")
    assert json.loads(call.out)["run"] == str(place / source)
    both = files(runs["both"])
    assert {f"deploy/{name}": data for name, data in files(tmp_path / "out").items()} == {
        name: both[name] for name in ONNX
    }
    assert "needs a place: --output" in refused(export(place / source, "--format", "onnx"), 2)
    (place / "bundle" / GOLDEN).unlink()
    call = export(place / source, *into(tmp_path / "out"))
    assert "golden.safetensors is missing" in refused(call, 2)


def test_a_bundle_that_was_changed_is_not_exported(
    runs: Mapping[str, Path], tmp_path: Path
) -> None:
    bundle = runs["bundle"] / "deploy/bundle"
    weights = bundle / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-3] ^= 0x40
    weights.write_bytes(bytes(data))
    assert "was changed or damaged" in refused(export(bundle, *into(tmp_path / "out")), 4)
    assert not (tmp_path / "out").exists()


def test_no_run_gets_files_that_its_manifest_does_not_know(
    runs: Mapping[str, Path], tmp_path: Path
) -> None:
    run = runs["bundle"]
    before = files(run)
    for source in (run, run / "deploy/bundle", runs["both"]):
        for output in (run, run / "deploy", run / "a" / "b"):
            assert "name another folder" in refused(export(source, *into(output)), 2)
    (tmp_path / "file").write_text("")
    assert "is a file; name a folder" in refused(export(run, *into(tmp_path / "file")), 2)
    assert files(run) == before


class Narrow(OnnxExporter):
    """Holds nothing."""

    def refuses(self, bundle: Bundle) -> str | None:
        return "it has no layers"


class Poor(OnnxExporter):
    def lacks(self) -> str | None:
        return "it needs a package: `pip install 'dlcli[onnx]'` installs it"


@pytest.mark.parametrize("exporter", [Narrow(), Poor()], ids=["refuses", "lacks"])
@pytest.mark.parametrize("where", ["the run", "another folder"])
def test_what_cannot_be_written_is_said_before_anything_is(
    where: str,
    exporter: Exporter,
    runs: Mapping[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planted(monkeypatch, "onnx", exporter)
    run, output = runs["none"], tmp_path / "out"
    before = files(run)
    more: list[str | Path] = ["--output", output] if where == "another folder" else []
    said = refused(export(run, "--format", "bundle", "--format", "onnx", *more), 2)
    if isinstance(exporter, Narrow):
        assert "`onnx` cannot hold this network: it has no layers" in said
    else:
        assert "`onnx` cannot be written here: it needs a package: `pip install" in said
    assert files(run) == before and not output.exists()


class Wrong(OnnxExporter):
    """Writes other weights than the network has."""

    def write(self, bundle: Bundle, run: RunDirectory, folder: str) -> list[str]:
        return super().write(replace(bundle, theta=bundle.theta * np.float32(1.01)), run, folder)


class Lame(BundleExporter):
    """Writes a bundle that dlcli reads, but that does not answer by itself."""

    def write(self, bundle: Bundle, run: RunDirectory, folder: str) -> list[str]:
        written = super().write(bundle, run, folder)
        documents.write_text(run, f"{folder}/predict.py", "raise SystemExit('I cannot')\n")
        return written


@pytest.mark.parametrize(
    ("kind", "exporter", "said"),
    [
        ("onnx", Wrong(), "does not give the engine's answers"),
        ("bundle", Lame(), "does not answer by itself: I cannot"),
    ],
    ids=["onnx", "bundle"],
)
def test_what_differs_leaves_nothing(
    kind: str,
    exporter: Exporter,
    said: str,
    runs: Mapping[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planted(monkeypatch, kind, exporter)
    for run in (runs["none"], runs["both"]):
        before = files(run)
        assert said in refused(export(run, "--format", kind), 9)
        assert files(run) == before
        assert said in refused(export(run, "--format", kind, "--output", tmp_path / "out"), 9)
        assert files(run) == before and files(tmp_path / "out") == {}


def test_formats_before_the_one_that_differs_are_told(
    runs: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(monkeypatch, "onnx", Wrong())
    run = runs["none"]
    call = export(run, "--format", "bundle", "--format", "onnx", "--json")
    document = json.loads(call.out)
    assert call.code == 9 and document["error"]["kind"] == "export"
    assert [one["format"] for one in document["formats"]] == ["bundle"]
    assert dlcli("verify", run).code == 0 and not (run / "deploy/onnx").exists()


class Seen(OnnxExporter):
    def __init__(self, proof: Proof) -> None:
        self._proof = proof

    def prove(self, bundle: Bundle, folder: Path, golden: Path) -> Proof:
        return self._proof


@pytest.mark.parametrize("command", ["train", "export"])
def test_a_proof_that_was_not_made_or_is_weak_is_said_and_recorded(
    command: str, runs: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def done(proof: Proof, number: int) -> tuple[str, Path]:
        planted(monkeypatch, "onnx", Seen(proof))
        run = runs["bundle"]
        if command == "export":
            call = export(run, "--format", "onnx")
        else:
            more = ["--set", "deployment.formats=[onnx]"]
            call = train(write(tmp_path / str(number), "trees"), tmp_path / "runs", *more)
            run = call.run
        assert call.code == 0
        assert recorded(run)["onnx"] == proof.to_json()
        return call.err, run

    said, run = done(Proof(None), 1)
    assert "onnx: nothing was run, because what answers by it is not installed here" in said
    assert f"where it is, `dlcli export {run} --format onnx` checks it" in said
    said, _ = done(Proof("abacus 1", 20, 0.5, 3), 2)
    assert "abacus 1 gives the engine's answers to 20 rows, largest difference 5.0e-01" in said
    assert "onnx: 3 numbers are further away than 1e-05 + 0.0001 of their size, and passed" in said
    assert "scale its inputs or its target" in said


def test_other_bytes_under_the_same_names_are_replaced_and_that_is_said(
    runs: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Older(OnnxExporter):
        """One file more, and another answerless word in the others."""

        def write(self, bundle: Bundle, run: RunDirectory, folder: str) -> list[str]:
            documents.write_text(run, f"{folder}/notes.txt", "of an earlier version")
            return [*super().write(bundle, run, folder), f"{folder}/notes.txt"]

    run = runs["none"]
    with monkeypatch.context() as patched:
        planted(patched, "onnx", Older())
        assert export(run, "--format", "onnx").code == 0
    assert "deploy/onnx/notes.txt" in read_manifest(run).files
    call = export(run, "--format", "onnx")
    assert "other files are listed" in call.err and "they are replaced" in call.err
    assert sorted(name for name in files(run) if name.startswith("deploy/onnx/")) == ONNX
    assert dlcli("verify", run).code == 0


def test_more_epochs_make_another_network_and_that_is_said(made: Mapping[str, Path]) -> None:
    run = made["bundle"].parent / "longer-0001"
    shutil.copytree(made["bundle"], run)
    assert export(run, "--format", "onnx").code == 0
    longer = ["--set", "training.epochs=5", "--workers", "1"]
    call = dlcli("train", "--resume", run, *longer)
    assert "not of this network, and `dlcli verify` will say so: deploy/onnx/golden" in call.err
    assert f"`dlcli export {run} --format onnx` writes the format anew" in call.err
    assert "onnx" not in recorded(run)
    message = refused(dlcli("verify", run), 4)
    assert "if an interrupted `dlcli export` left it, do that again" in message
    assert export(run, "--format", "onnx").code == 0
    assert dlcli("verify", run).code == 0


def test_another_numerics_class_exports_to_another_place_only(
    runs: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs["both"]
    before = files(run)
    monkeypatch.setattr(exports, "numerics_class", lambda: "abacus/1")
    assert "abacus/1" in refused(export(run, "--format", "onnx"), 11)
    assert files(run) == before
    call = export(run, "--format", "onnx", "--output", tmp_path / "out")
    assert call.code == 0 and "the golden batch has the answers of this one" in call.err


def test_a_run_of_an_earlier_schema_stays_as_it_is(
    runs: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs["both"]
    before = files(run)
    monkeypatch.setattr(exports, "SCHEMA", 4)
    assert "made by an earlier version" in refused(export(run, "--format", "onnx"), 2)
    assert files(run) == before
    assert export(run, "--format", "onnx", "--output", tmp_path / "out").code == 0


def test_5_is_a_run_that_somebody_works_on(runs: Mapping[str, Path]) -> None:
    with RunDirectory.open(runs["none"]).lock():
        assert "is in use by process" in refused(export(runs["none"], "--format", "onnx"), 5)


def test_only_a_finished_run_is_exported(runs: Mapping[str, Path], tmp_path: Path) -> None:
    edit_manifest(
        runs["none"] / "manifest.json", lambda document: document.update(status="running")
    )
    for options in (["--format", "onnx"], into(tmp_path / "out")):
        assert "is not finished" in refused(export(runs["none"], *options), 2)


def test_a_model_that_was_edited_is_not_exported(runs: Mapping[str, Path]) -> None:
    weights = runs["bundle"] / "model/weights.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    assert "weights.safetensors" in refused(export(runs["bundle"], "--format", "onnx"), 4)


def test_6_is_a_run_that_cannot_be_written_and_another_place_is_named(
    runs: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs["none"]
    before = files(run)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    message = refused(export(run, "--format", "onnx"), 6)
    assert "--output DIR exports to another place" in message
    assert files(run) == before
    assert export(run, *into(tmp_path / "out")).code == 0


def test_of_several_runs_one_must_be_named_and_another_place(tmp_path: Path) -> None:
    call = train(write(tmp_path, "trees"), tmp_path / "runs", "--seeds", "2")
    several = call.run
    message = refused(export(several, "--format", "onnx"), 2)
    assert "holds several runs; export one of them, such as" in message
    one = sorted(path.parent for path in several.glob("*/manifest.json"))[0]
    assert "is one of several runs" in refused(export(one, "--format", "onnx"), 2)
    assert export(one, *into(tmp_path / "out")).code == 0
    assert dlcli("verify", several).code == 0
