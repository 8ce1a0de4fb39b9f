"""What is read back of environment.json: what a run needs to go on, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from dlcli.artifacts.run_directory import ENVIRONMENT, RunDirectory
from dlcli.config import LARGEST_FILE
from dlcli.pipeline import provenance
from dlcli.pipeline.provenance import Environment


def read(folder: Path, **document: Any) -> Environment:
    (folder / ENVIRONMENT).write_text(json.dumps(document))
    return Environment.read(RunDirectory(folder))


MOST = 1000
HALF = "x" * (LARGEST_FILE // 2)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([], True),
        (["seed=7"], True),
        (["seed=7", "name=a b"], True),
        (["seed=7"] * MOST, True),
        (["seed=7"] * (MOST + 1), False),
        ([HALF, HALF], True),  # as much as a config may have, and not a letter more
        ([HALF, HALF, "x"], False),
        (["x" * LARGEST_FILE], True),
        (["x" * (LARGEST_FILE + 1)], False),
        (["seed=7", 7], False),
        (["seed=7", None], False),
        ("seed=7", False),
        ({"seed": 7}, False),
        (None, False),
    ],
)
def test_the_overrides_are_what_a_command_line_can_have(
    given: Any, kept: bool, tmp_path: Path
) -> None:
    assert read(tmp_path, overrides=given).overrides == (tuple(given) if kept else ())


@pytest.mark.parametrize(
    ("folder", "name", "found"),
    [
        ("/a", "b.yaml", Path("/a/b.yaml")),
        ("/a/b c", "ü.yml", Path("/a/b c/ü.yml")),
        ("/a", "", None),
        ("/a", ".", None),
        ("/a", "..", Path("/a/..")),
        ("/a", "../b.yaml", None),
        ("/a", "c/b.yaml", None),
        ("/a", "b.yaml/", None),
        ("/a", "/b.yaml", None),
        ("/a", 7, None),
        ("/a", None, None),
        ("", "b.yaml", None),
        (None, "b.yaml", None),
        (7, "b.yaml", None),
    ],
)
def test_a_config_file_is_a_name_in_its_folder(
    folder: Any, name: Any, found: Path | None, tmp_path: Path
) -> None:
    assert read(tmp_path, config_folder=folder, config_file=name).config_file == found


@pytest.mark.parametrize(
    ("extensions", "last"),
    [
        ([{"before": 2, "epochs": 5}], (2, 5)),
        ([{"before": 2, "epochs": 5}, {"before": 5, "epochs": 6}], (5, 6)),
        ([{"before": n, "epochs": n + 1} for n in range(1, 8)], (7, 8)),
        ([{"before": 2}], (2, None)),
        ([{"before": 2, "epochs": 5}, {}], (None, None)),
        ([{"before": 2, "epochs": 5}, 7], None),
        ([], None),
        ({"before": 2, "epochs": 5}, None),
        (None, None),
    ],
)
def test_the_last_extension_is_the_last_that_was_noted(
    extensions: Any, last: Any, tmp_path: Path
) -> None:
    environment = read(tmp_path, extensions=extensions)
    assert environment.last_extension == last
    environment.extended(11, 13)
    assert environment.last_extension == (11, 13)
    environment.write(RunDirectory(tmp_path))
    again = Environment.read(RunDirectory(tmp_path))
    assert again.last_extension == (11, 13)
    kept = extensions if isinstance(extensions, list) else []
    assert again.document["extensions"][:-1] == kept


def test_what_is_missing_or_broken_is_an_empty_environment(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for content in (None, b"", b"[]", b"7", b"{", b"\xff"):
        if content is not None:
            (tmp_path / ENVIRONMENT).write_bytes(content)
        found = Environment.read(run)
        assert found.document == {}
        assert (found.config_folder, found.config_file, found.data_dir) == (None, None, None)
        assert (found.overrides, found.last_extension) == ((), None)


def test_a_data_dir_counts_as_long_as_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert read(tmp_path, data_dir=str(tmp_path / "data")).data_dir == tmp_path / "data"
    (tmp_path / "data").rmdir()
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "data", tmp_path / "file", "a\0b", 7, None, "x" * 9999):
        known = str(folder) if isinstance(folder, Path) else folder
        assert read(tmp_path, data_dir=known).data_dir is None


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ("now", "now"),
        ("old", "old, then now"),
        ("old, then now", "old, then now"),
        ("now, then old", "now, then old, then now"),
        ("older, then old", "older, then old, then now"),
    ],
)
def test_every_change_of_a_version_is_joined_once(
    recorded: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "versions", lambda: {"numpy": "now", "blas": "1"})
    assert provenance.joined_versions({"numpy": recorded, "blas": "1"}) == {
        "numpy": expected, "blas": "1",
    }  # fmt: skip
