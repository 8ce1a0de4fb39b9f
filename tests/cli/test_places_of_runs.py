"""The name and the place of a run: looked at before any data, in every script."""

import os
from pathlib import Path

import pytest

from dlcli.config.defaults import safe_name
from tests.cli.calls import dlcli
from tests.cli.small import write


def without_data(folder: Path) -> Path:
    config = write(folder, "trees")
    (folder / "trees.csv").unlink()
    return config


@pytest.mark.parametrize(
    "name", ["../x", "", ".hidden", "-x", "a/b", "a\nb", "a\\b", "x" * 300, "né\u202e", "数" * 80]
)
def test_a_bad_name_is_told_before_the_data_is_looked_for(name: str, tmp_path: Path) -> None:
    call = dlcli("train", without_data(tmp_path), "--output-dir", tmp_path / "out", "--name", name)
    if name == "":  # none given
        assert call.code == 3
        return
    assert call.code == 2, call.err
    assert "cannot name a run" in call.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("below", ["", "deeper", "deeper/still"])
def test_a_place_that_is_a_file_is_told_before_the_data_is_looked_for(
    below: str, tmp_path: Path
) -> None:
    config = without_data(tmp_path)
    call = dlcli("train", config, "--output-dir", config / below if below else config)
    assert call.code == 2, call.err
    assert "is a file" in call.err and "--output-dir" in call.err


def test_a_place_that_cannot_be_written_to_is_told_before_the_data_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    # The superuser may write anywhere, so the system's answer is replaced.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed)
    call = dlcli("train", without_data(tmp_path), "--output-dir", closed / "runs")
    assert call.code == 6, call.err
    assert "nothing can be written into" in call.err


@pytest.mark.parametrize(
    ("name", "directory"),
    [
        ("résumé", "résumé-0001"),
        ("re\u0301sume\u0301", "résumé-0001"),
        ("модель 2", "модель-2-0001"),
        ("花の分類", "花の分類-0001"),
        ("हिन्दी", "हिन्दी-0001"),
        ("ελληνικά.v1", "ελληνικά.v1-0001"),
        ("a💥b", "a-b-0001"),
    ],
)
def test_names_of_files_keep_their_letters(name: str, directory: str, tmp_path: Path) -> None:
    config = write(tmp_path, "trees")
    text = config.read_text().replace("name: trees\n", "")
    assert "name:" not in text
    named = tmp_path / f"{name}.yaml"
    named.write_text(text, encoding="utf-8")
    call = dlcli("train", named, "--output-dir", tmp_path / "out", "--set", "training.epochs=1")
    assert call.run.name == directory
    assert call.run.is_dir()
    again = dlcli(
        "train", named, "--output-dir", tmp_path / "out", "--name", name.replace("💥", "_")
    )
    assert again.code == 0, again.err


def test_a_long_name_is_cut_between_letters() -> None:
    for name in ("数" * 90, "é" * 90, "a" * 90, "-" * 90, "\u0301" * 90 + "x"):
        safe = safe_name(name)
        assert 1 <= len(safe.encode()) <= 180
        assert safe.encode().decode() == safe
