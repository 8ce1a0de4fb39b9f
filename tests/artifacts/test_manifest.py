import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.artifacts import documents, files
from dlcli.artifacts.checkpoint import Checkpoint
from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.digests import canonical_json, digest_document, digest_tensors, readable_json
from dlcli.artifacts.following import read_rows
from dlcli.artifacts.history import Epoch, digest_of_tensors, write_history
from dlcli.artifacts.manifest import (
    FileRecord,
    Manifest,
    complete,
    encode_document,
    read_manifest,
    update_files,
    write_manifest,
)
from dlcli.artifacts.run_directory import (
    CONFIG,
    ENVIRONMENT,
    EVALUATION,
    LOG,
    MANIFEST,
    METRICS,
    MODEL_JSON,
    MODEL_WEIGHTS,
    RESOLVED_CONFIG,
    RunDirectory,
)
from dlcli.artifacts.verification import Verified, check_file, verify
from dlcli.errors import ArtifactError
from tests.artifacts.faults import Disk, Killed

ARRAYS = {"dense_1.kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}
TENSORS = digest_tensors(ARRAYS)
EPOCHS = tuple(
    Epoch(n, 10 * n, {"loss": 0.1 * n, "counts": [0.5, [1, 2.0]]}, digest_of_tensors(TENSORS))
    for n in (1, 2)
)
MANIFEST_BODY = Manifest(
    config={"version": 1, "name": "net", "optimizer": {"learning_rate": 1e-3}, "é": [True, None]},
    data={"train.features": "ab" * 32},
    seed=7,
    rng_scheme="philox-1",
    numerics_class="linux-x86_64-v3/openblas-haswell/1/float32/engine-1",
    versions={"dlcli": "0.1.0", "numpy": "2.4.6", "blas": "OpenBLAS 0.3.31"},
    epochs=EPOCHS,
    tensors={2: TENSORS},
)


MADE = [CONFIG, RESOLVED_CONFIG, METRICS, MODEL_WEIGHTS, MODEL_JSON, EVALUATION]
MADE += ["deploy/bundle/weights.safetensors"]


@pytest.fixture
def running(tmp_path: Path) -> RunDirectory:
    run = RunDirectory.create(tmp_path / "runs", "net")
    documents.write_text(run, CONFIG, "version: 1\n")
    documents.write_text(run, RESOLVED_CONFIG, "version: 1\nseed: 0\n")
    documents.write_json(run, ENVIRONMENT, {"host": "here"})
    write_manifest(run, MANIFEST_BODY)
    write_history(run, [{"epoch": 1, "loss": 0.5}])
    checkpoint = Checkpoint(ARRAYS, {"m": ARRAYS}, {"step": 20})
    checkpoints = Checkpoints(run)
    checkpoints.save(checkpoint, checkpoint, EPOCHS)
    checkpoints.seal()
    documents.write_tensors(run, MODEL_WEIGHTS, ARRAYS, {"layers": ["dense_1"]})
    documents.write_json(run, MODEL_JSON, {"layers": []})
    documents.write_json(run, EVALUATION, {"accuracy": 0.5})
    documents.write_tensors(run, "deploy/bundle/weights.safetensors", {})
    return run


@pytest.fixture
def run(running: RunDirectory) -> RunDirectory:
    complete(running, read_manifest(running.root), MADE)
    return running


def _listed(run: RunDirectory) -> list[str]:
    return list(read_manifest(run.root).files)


def test_a_manifest_comes_back_exactly(running: RunDirectory) -> None:
    manifest = replace(MANIFEST_BODY, files={"a/b": FileRecord(3, "ab")}, status="complete")
    write_manifest(running, manifest)
    back = read_manifest(running.path(MANIFEST))
    assert back == read_manifest(str(running.root))
    assert back == manifest and back.encode() == manifest.encode()
    assert [type(count) for count in back.epochs[1].metrics["counts"][1]] == [int, float]
    assert back.epochs[1].metrics["loss"] == 0.2 and back.epochs[0].step == 10
    assert back.config_digest == digest_document(MANIFEST_BODY.config)


def test_an_epoch_survives_as_a_line_even_with_nan() -> None:
    epoch = Epoch(1, 5, {"loss": float("nan"), "best": None, "r2": -math.inf}, "ab")
    back = Epoch.from_json(json.loads(json.dumps(epoch.to_json(), allow_nan=False)))
    assert math.isnan(back.metrics["loss"]) and back.metrics["r2"] == -math.inf
    assert back.metrics["best"] is None


def test_a_manifest_is_sorted_one_value_or_epoch_a_line_with_hexadecimal_floats(
    running: RunDirectory,
) -> None:
    text = running.path(MANIFEST).read_text()
    assert f'"loss":"{(0.1).hex()}"' in text and '\n  "seed": 7,\n' in text
    assert list(json.loads(text)) == sorted(json.loads(text))
    lines = [canonical_json(epoch.to_json()).decode() for epoch in EPOCHS]
    assert f'\n  "epochs": [\n    {lines[0]},\n    {lines[1]}\n  ],\n' in text
    document = json.loads(text)
    assert readable_json(document | {"epochs": 0}).decode() == re.sub(
        r'"epochs": \[\n.*?\n  \]', '"epochs": 0', text, flags=re.S
    )


def test_a_complete_run_verifies_and_lists_everything_but_the_unlisted(run: RunDirectory) -> None:
    found = verify(run)
    assert found.status == "complete" and found.files == 11
    assert found.bytes == sum(run.path(name).stat().st_size for name in _listed(run))
    assert not {MANIFEST, ENVIRONMENT} & set(_listed(run))
    documents.write_json(run, ENVIRONMENT, {"host": "elsewhere"})
    documents.write_text(run, LOG, "x")
    documents.write_text(run, "tracking/tensorboard/events", "x")
    assert verify(run) == found


def test_a_run_in_progress_verifies_with_files_that_are_not_listed_yet(
    running: RunDirectory,
) -> None:
    (running.root / "checkpoints" / ".last.safetensors.staged").touch()
    assert verify(running) == Verified(0, 0, "running")
    (running.root / "extra").touch()
    with pytest.raises(ArtifactError, match="extra is not listed"):
        verify(running)
    (running.root / "extra").unlink()
    update_files(running, [CONFIG, RESOLVED_CONFIG])
    assert verify(running) == Verified(2, 30, "running")
    running.path(CONFIG).write_text("version: 2\n")
    with pytest.raises(ArtifactError, match=r"config\.yaml has changed"):
        verify(running)


def test_any_damage_to_a_listed_file_is_found_and_named(run: RunDirectory) -> None:
    for name in _listed(run):
        path = run.path(name)
        data = path.read_bytes()
        flipped = [
            data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]
            for place in range(0, len(data), max(1, len(data) // 20))
        ]
        for damaged in [*flipped, data[:-1], b"", data + b"\0"]:
            path.write_bytes(damaged)
            with pytest.raises(ArtifactError, match=name.replace(".", r"\.")) as caught:
                verify(run)
            assert len(str(caught.value).splitlines()) == 2
        path.unlink()
        with pytest.raises(ArtifactError, match=f"{name} is missing"):
            verify(run)
        path.write_bytes(data)
    verify(run)


def test_any_flipped_byte_of_the_manifest_is_found(run: RunDirectory) -> None:
    path = run.path(MANIFEST)
    data = path.read_bytes()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << (place % 8)
        path.write_bytes(changed)
        with pytest.raises(ArtifactError, match=r"manifest\.json"):
            verify(run)
    for cut in (0, 1, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(ArtifactError, match=r"manifest\.json"):
            verify(run)
    path.unlink()
    with pytest.raises(ArtifactError, match=r"manifest\.json is missing"):
        verify(run)


def test_swapped_files_are_both_named(run: RunDirectory) -> None:
    a, b = run.path(CONFIG), run.path(RESOLVED_CONFIG)
    contents = a.read_bytes(), b.read_bytes()
    a.write_bytes(contents[1])
    b.write_bytes(contents[0])
    with pytest.raises(ArtifactError) as caught:
        verify(run)
    assert "config.yaml holds the content of config.resolved.yaml" in str(caught.value)
    assert "config.resolved.yaml holds the content of config.yaml" in str(caught.value)


@pytest.mark.parametrize("name", ["extra", "model/extra", ".hidden", "model/.x.dlcli-tmp", "a\nb"])
def test_extra_files_are_found(run: RunDirectory, name: str) -> None:
    (run.root / name).touch()
    with pytest.raises(ArtifactError, match="is not listed") as caught:
        verify(run)
    assert len(str(caught.value).splitlines()) == 2


def test_links_are_refused_even_when_their_content_is_right(run: RunDirectory) -> None:
    target = run.root.parent / "outside"
    for name in (CONFIG, "model", ENVIRONMENT):
        run.path(name).rename(target)
        (run.root / name).symlink_to(target)
        with pytest.raises(ArtifactError, match=f"{name} is a link"):
            verify(run)
        (run.root / name).unlink()
        target.rename(run.root / name)
    verify(run)
    (run.root / "self").symlink_to(".")
    with pytest.raises(ArtifactError, match="self is a link"):
        verify(run)


def test_one_file_is_checked_before_it_is_used(run: RunDirectory) -> None:
    manifest = read_manifest(run.root)
    check_file(run, manifest, MODEL_JSON)
    run.path(MODEL_JSON).write_bytes(b"{}")
    with pytest.raises(ArtifactError, match=r"model/model\.json has 2 bytes instead of"):
        check_file(run, manifest, MODEL_JSON)
    run.path(MODEL_JSON).unlink()
    with pytest.raises(ArtifactError, match=r"model\.json is missing"):
        check_file(run, manifest, MODEL_JSON)
    with pytest.raises(ArtifactError, match=r"environment\.json is not listed"):
        check_file(run, manifest, ENVIRONMENT)


def test_many_problems_are_cut_short(run: RunDirectory) -> None:
    for number in range(50):
        (run.root / f"extra{number}").touch()
    with pytest.raises(ArtifactError, match=r"\.\.\. and 30 more"):
        verify(run)


def _resigned(document: dict[str, Any], **changes: Any) -> bytes:
    body = {key: value for key, value in (document | changes).items() if key != "digest"}
    return encode_document(body, body.pop("epochs"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": 4}, "has schema 4, but this version"),
        ({"schema": 0}, "has schema 0, but this version"),
        ({"schema": "3"}, "is not a manifest"),
        ({"schema": True}, "is not a manifest"),
        ({"seed": "7"}, "is not a manifest"),
        ({"seed": True}, "is not a manifest"),
        ({"status": "done"}, "is not a manifest"),
        ({"extra": 1}, "is not a manifest"),
        ({"epochs": [1]}, "is not a manifest"),
        ({"epochs": [EPOCHS[0].to_json() | {"tensors": {}}]}, "is not a manifest"),
        ({"epochs": [EPOCHS[1].to_json()]}, "is not a manifest"),
        ({"epochs": [EPOCHS[0].to_json() | {"metrics": {"a": True}}]}, "is not a manifest"),
        ({"tensors": {"3": TENSORS}}, "is not a manifest"),
        ({"tensors": {"0": TENSORS}}, "is not a manifest"),
        ({"tensors": {"01": TENSORS}}, "is not a manifest"),
        ({"tensors": {"x": TENSORS}}, "is not a manifest"),
        ({"tensors": {"2": {"a": "b"}}}, "is not a manifest"),
        ({"tensors": []}, "is not a manifest"),
        ({"data": {"a": 1}}, "is not a manifest"),
        ({"config": []}, "is not a manifest"),
        ({"config": {}}, "its digest does not match"),
        ({"files": {"a": 3}}, "is not a manifest"),
        ({"files": {"train.log": {"size": 1, "sha256": ""}}}, "is not a manifest"),
        ({"files": {"manifest.json": {"size": 1, "sha256": ""}}}, "is not a manifest"),
        ({"files": {"../x": {"size": 1, "sha256": ""}}}, "lists a file it must not"),
        ({"files": {"/etc/passwd": {"size": 1, "sha256": ""}}}, "lists a file it must not"),
        ({"files": {"a//b": {"size": 1, "sha256": ""}}}, "lists a file it must not"),
    ],
)
def test_a_manifest_made_by_somebody_else_is_refused(
    run: RunDirectory, changes: dict[str, Any], words: str
) -> None:
    path = run.path(MANIFEST)
    path.write_bytes(_resigned(json.loads(path.read_bytes()), **changes))
    for act in (lambda: read_manifest(path), lambda: verify(run)):
        with pytest.raises(ArtifactError, match=words):
            act()


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", '{"digest": []}', '{"schema": 1}'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"manifest\.json"):
        read_manifest(tmp_path / "manifest.json")


def test_an_edited_value_breaks_the_digest(run: RunDirectory) -> None:
    path = run.path(MANIFEST)
    path.write_text(path.read_text().replace('"seed": 7', '"seed": 8'))
    with pytest.raises(ArtifactError, match="its digest does not match"):
        read_manifest(run.root)


def test_added_files_are_recorded_without_hiding_damage(run: RunDirectory) -> None:
    documents.write_text(run, "deploy/onnx/model.onnx", "x")
    run.path(CONFIG).write_text("damaged")
    update_files(run, ["deploy/onnx/model.onnx", "report.html", "deploy/gone"])
    with pytest.raises(ArtifactError) as caught:
        verify(run)
    assert "config.yaml has" in str(caught.value) and "onnx" not in str(caught.value)


def test_a_complete_run_holds_nothing_temporary_or_hidden(running: RunDirectory) -> None:
    checkpoint = Checkpoint(ARRAYS, {"m": ARRAYS}, {"step": 30})
    with pytest.raises(Killed), files.using(Disk(12, "KILL").operations()):
        Checkpoints(running).save(checkpoint, checkpoint, EPOCHS)
    (running.root / "model" / ".model.json.0123abcd.dlcli-tmp").touch()
    assert any("/." in name for name, _ in running.entries())
    complete(running, read_manifest(running.root), MADE)
    assert not any(name.startswith(".") or "/." in name for name, _ in running.entries())
    verify(running)


def test_two_runs_of_the_same_thing_are_equal_to_the_byte(
    running: RunDirectory, tmp_path: Path
) -> None:
    other = RunDirectory(tmp_path / "elsewhere")
    shutil.copytree(running.root, other.root)
    for one in (running, other):
        complete(one, read_manifest(one.root), MADE)
    assert running.path(MANIFEST).read_bytes() == other.path(MANIFEST).read_bytes()
    assert verify(other) == verify(running)


def test_history_has_keras_keys_in_one_order(running: RunDirectory) -> None:
    row = {"val_loss": 0.5, "accuracy": 1.0, "step": 3, "val_accuracy": 0.25, "loss": 0.1}
    row["epoch"] = 1
    write_history(running, [row, dict(sorted({**row, "epoch": 2}.items()))])
    lines = running.path(METRICS).read_text().splitlines()
    assert lines == [
        f'{{"epoch": {epoch}, "step": 3, "loss": 0.1, "accuracy": 1.0, '
        '"val_loss": 0.5, "val_accuracy": 0.25}'
        for epoch in (1, 2)
    ]
    assert read_rows(running) == [row, {**row, "epoch": 2}]
    with running.path(METRICS).open("a") as file:
        file.write('{"epoch": 3, "st')  # is being written
    assert len(read_rows(running)) == 2
    running.path(METRICS).write_text('{"epoch": 1}\n[]\n')
    with pytest.raises(ArtifactError, match=r"metrics\.jsonl, line 2"):
        read_rows(running)
    running.path(METRICS).unlink()
    assert read_rows(running) == []


def test_documents_and_arrays_are_read_back(run: RunDirectory) -> None:
    arrays, metadata = documents.read_tensors(run.path(MODEL_WEIGHTS), 10_000)
    assert metadata == {"layers": ["dense_1"]}
    assert np.array_equal(arrays["dense_1.kernel"], ARRAYS["dense_1.kernel"])
    assert documents.read_json(run.path(EVALUATION)) == {"accuracy": 0.5}
