"""Damaged, edited and hostile run directories: found, named, and refused without harm."""

import contextlib
import json
import os
import random
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from dlcli.artifacts.digests import digest_bytes, digest_document, readable_json
from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.verification import verify
from dlcli.errors import ArtifactError
from dlcli.pipeline.interruption import Interrupted
from tests.cli import calls
from tests.cli.calls import dlcli
from tests.exactness.runs import (
    SMALL,
    a_few,
    changed,
    content,
    edit_manifest,
    stop_after,
    train,
    write,
)
from tests.exactness.serving import Commands

FLIPS = 8
"""Flipped bytes in each file: the first, the last, and random ones."""

MEMORY = 2 << 30
"""What a process may use of address space; NumPy and its BLAS take a part of it."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    return train(write(folder, changed(SMALL, training__epochs=2)), folder / "runs")


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def named(run: Path) -> str:
    """What `verify` has against a run."""
    with pytest.raises(ArtifactError) as caught:
        verify(RunDirectory.open(run))
    assert caught.value.exit_code == 4
    return str(caught.value)


def test_any_flipped_byte_is_found_and_its_file_named(run: Path) -> None:
    draw = random.Random(1)
    for name, data in content(run).items():
        places = {0, len(data) - 1, *(draw.randrange(len(data)) for _ in range(FLIPS))}
        for place in places:
            broken = bytearray(data)
            broken[place] ^= 1 << draw.randrange(8)
            (run / name).write_bytes(broken)
            assert name in named(run), f"byte {place} of {name}"
        (run / name).write_bytes(data)
    verify(RunDirectory.open(run))


def test_any_flipped_bit_of_the_manifest_is_found(run: Path) -> None:
    """Its own digest covers the meaning; that it is written as dlcli writes it, the rest."""
    path = run / "manifest.json"
    data = path.read_bytes()
    draw = random.Random(2)
    for place in draw.sample(range(len(data)), 400):
        broken = bytearray(data)
        broken[place] ^= 1 << draw.randrange(8)
        path.write_bytes(broken)
        assert "manifest.json" in named(run), f"byte {place}"


@pytest.mark.parametrize(
    "damage", ["truncated", "emptied", "longer", "missing", "swapped", "a link", "a folder"]
)
def test_every_damaged_file_is_named(damage: str, run: Path) -> None:
    files = content(run)
    names = [name for name in files if name != "manifest.json"]
    for index, name in enumerate(names):
        path, data = run / name, files[name]
        other = next(n for n in names[index + 1 :] + names if files[n] != data)
        if damage == "truncated":
            path.write_bytes(data[:-1])
        elif damage == "emptied":
            path.write_bytes(b"")
        elif damage == "longer":
            path.write_bytes(data + b"\0")
        elif damage == "missing":
            path.unlink()
        elif damage == "swapped":
            path.write_bytes(files[other])
            (run / other).write_bytes(data)
        elif damage == "a link":
            path.rename(run.parent / "outside")
            path.symlink_to(run.parent / "outside")
        else:
            path.unlink()
            path.mkdir()
        said = named(run)
        assert name in said
        if damage == "swapped":
            assert other in said
            (run / other).write_bytes(files[other])
        if damage == "a folder":
            path.rmdir()
        path.unlink(missing_ok=True)
        path.write_bytes(data)
    verify(RunDirectory.open(run))


@pytest.mark.parametrize(
    "name", ["model/extra.bin", "notes.txt", ".hidden", "checkpoints/.last.safetensors.staged"]
)
def test_an_extra_file_is_named(name: str, run: Path) -> None:
    (run / name).write_bytes(b"")
    assert name in named(run)


def test_the_command_names_the_file_and_exits_with_4(run: Path) -> None:
    whole = dlcli("verify", run)
    assert whole.code == 0 and "files" in whole.out
    (run / "evaluation.json").write_bytes(b"{}\n")
    assert "evaluation.json" in calls.refused(dlcli("verify", run), 4)
    (run / "manifest.json").unlink()
    assert "manifest.json" in calls.refused(dlcli("verify", run), 4)


def relist(run: Path, name: str, data: bytes) -> None:
    """Put other content into a run, and have the manifest say that it belongs there."""
    (run / name).write_bytes(data)

    def change(document: dict[str, Any]) -> None:
        document["files"][name] = {"size": len(data), "sha256": digest_bytes(data)}

    edit_manifest(run / "manifest.json", change)


def tensors(header: bytes, claimed: int | None = None, body: bytes = b"") -> bytes:
    return (len(header) if claimed is None else claimed).to_bytes(8, "little") + header + body


def lying(shape: list[int], offsets: list[int] | None = None) -> bytes:
    entry = {"dtype": "F32", "shape": shape, "data_offsets": offsets or [0, 4]}
    return tensors(json.dumps({"dense_1.kernel": entry}).encode(), body=b"\0" * 4)


BOMBS: dict[str, Callable[[], bytes]] = {
    "a header of 2**63 bytes": lambda: tensors(b"{}", claimed=2**63),
    "a header of 16 MiB": lambda: tensors(b" " * (1 << 24), body=b""),
    "a dimension of 2**63": lambda: lying([2**63]),
    "dimensions whose product wraps to 1": lambda: lying([2**32, 2**32, 1]),
    "an array of a terabyte": lambda: lying([2**38], [0, 2**40]),
    "a depth of a million": lambda: tensors(b'{"a":' + b"[" * 1_000_000),
    "a million names": lambda: tensors(
        json.dumps({f"{n}": {} for n in range(1_000_000)}).encode(),
    ),
}


Refused = Callable[..., str]


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@pytest.fixture(scope="module")
def refused() -> Iterator[Refused]:
    """The sentence with which a command refuses, under a memory limit."""
    with contextlib.closing(Commands(limited)) as commands:

        def refused(*arguments: str | Path, code: int) -> str:
            found, err = commands(*arguments)
            assert found == code, err
            assert "bug in dlcli" not in err
            assert "Traceback" not in err
            return err

        yield refused


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_in_the_weights_is_refused_under_a_memory_limit(
    bomb: str, run: Path, refused: Refused
) -> None:
    relist(run, "model/weights.safetensors", BOMBS[bomb]())
    data = run.parents[0]
    write(data)
    assert "weights.safetensors" in refused("evaluate", run, "--data-dir", data, code=4)


@pytest.mark.parametrize("name", a_few(["model.json", "preprocessing.json", "classes.json"], 1))
@pytest.mark.parametrize("bomb", ["deep", "wide", "long number", "no JSON"])
def test_a_bomb_in_a_document_is_refused_under_a_memory_limit(
    name: str, bomb: str, run: Path, refused: Refused
) -> None:
    data = {
        "deep": b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        "wide": b"[" + b"0," * 5_000_000 + b"0]",
        "long number": b'{"schema": ' + b"9" * 3_000_000 + b"}",
        "no JSON": b"\xff\xfe" * 1000,
    }[bomb]
    relist(run, f"deploy/bundle/{name}", data)
    rows = run.parent / "rows.csv"
    rows.write_text("a,b\n1,2\n")
    assert name in refused("predict", run, rows, code=4)


@pytest.mark.parametrize("bomb", a_few(list(BOMBS), 3))
def test_a_bomb_in_a_checkpoint_is_refused_under_a_memory_limit(
    bomb: str, tmp_path: Path, refused: Refused
) -> None:
    with pytest.raises(Interrupted):
        train(write(tmp_path), tmp_path / "runs", stop=stop_after(5))
    run = tmp_path / "runs" / "small-0001"
    data = BOMBS[bomb]()
    (run / "checkpoints" / "last.safetensors").write_bytes(data)
    index = json.loads((run / "checkpoints" / "index.json").read_bytes())
    index.pop("digest")
    index["new"]["last"] = {"sha256": digest_bytes(data), "size": len(data)}
    (run / "checkpoints" / "index.json").write_bytes(
        readable_json(index | {"digest": digest_document(index)})
    )
    assert "last.safetensors" in refused("train", "--resume", run, code=4)


def test_a_manifest_that_is_a_bomb_is_refused_under_a_memory_limit(
    run: Path, refused: Refused
) -> None:
    path = run / "manifest.json"
    for data in (b"[" * 3_000_000, b"{" + b'"a":0,' * 3_000_000 + b'"a":0}', b"1" * 90_000_000):
        path.write_bytes(data)
        assert "manifest.json" in refused("verify", run, code=4)
    path.write_bytes(b"[" * 100_000)
    for arguments in (("evaluate", run), ("reproduce", run), ("train", "--resume", run)):
        assert "manifest.json" in refused(*arguments, code=4)
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing
    assert "manifest.json" in refused("verify", run, code=4)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(write(tmp_path), tmp_path / "runs", stop=stop_after(5))
    other = changed(SMALL, model__layers__0__units=5)
    with pytest.raises(Interrupted):
        train(write(tmp_path, other), tmp_path / "runs", stop=stop_after(5))
    run = tmp_path / "runs" / "small-0001"
    shutil.rmtree(run / "checkpoints")
    shutil.copytree(tmp_path / "runs" / "small-0002" / "checkpoints", run / "checkpoints")
    said = calls.refused(dlcli("train", "--resume", run), 4)
    assert "does not belong to this config" in said


def test_nothing_in_a_run_is_ever_unpickled(run: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"

    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
            return os.mkdir, (str(proof),)

    rows = tmp_path / "rows.npy"
    np.save(rows, np.array([Bomb(), Bomb()], dtype=object), allow_pickle=True)
    calls.refused(dlcli("predict", run, rows), 3)
    relist(run, "model/weights.safetensors", rows.read_bytes())
    calls.refused(dlcli("evaluate", run, "--data-dir", write(tmp_path).parent), 4)
    assert not proof.exists()


@pytest.mark.parametrize(
    "name", ["../outside.json", "/etc/passwd", "model/../../outside.json", "a\\b", "c:d", "a//b"]
)
def test_a_name_that_leaves_the_directory_is_refused(name: str, run: Path) -> None:
    (run.parent / "outside.json").write_bytes(b"{}\n")
    entry = {"size": 3, "sha256": digest_bytes(b"{}\n")}
    edit_manifest(run / "manifest.json", lambda document: document["files"].update({name: entry}))
    assert "manifest.json lists a file it must not" in named(run)


@pytest.mark.parametrize("name", ["model/weights.safetensors", "model", "checkpoints", "deploy"])
def test_a_link_out_of_the_directory_is_not_followed(name: str, run: Path) -> None:
    outside = run.parent / "outside"
    (run / name).rename(outside)
    (run / name).symlink_to(outside)
    before = sorted(path.name for path in run.parent.rglob("*"))
    assert name in named(run)
    if name.startswith("model"):
        data = write(run.parent / "data").parent
        assert "link" in calls.refused(dlcli("evaluate", run, "--data-dir", data), 4)
    if name == "checkpoints":
        edit_manifest(
            run / "manifest.json", lambda document: document.update(status="running", epochs=[])
        )
        before = [path.read_bytes() for path in sorted(outside.iterdir())]
        data = write(run.parent / "data").parent
        calls.refused(dlcli("train", "--resume", run, "--data-dir", data), 4)
        assert [path.read_bytes() for path in sorted(outside.iterdir())] == before


def test_weights_that_are_not_the_models_are_refused(run: Path) -> None:
    other = safetensors.numpy.save({"dense_1.kernel": np.zeros((3, 3), np.float32)})
    relist(run, "model/weights.safetensors", other)
    data = write(run.parent / "data").parent
    assert "model" in calls.refused(dlcli("evaluate", run, "--data-dir", data), 4)


def test_files_of_unsupported_versions_are_refused(run: Path) -> None:
    edit_manifest(run / "manifest.json", lambda document: document.update(schema=99))
    with pytest.raises(ArtifactError, match="schema 99"):
        read_manifest(run)
    calls.refused(dlcli("train", "--resume", run), 4)
