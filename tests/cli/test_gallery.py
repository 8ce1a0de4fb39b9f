"""What people are told, word for word: see gallery.py."""

from pathlib import Path

import pytest

from tests.cli.gallery import CASES, FOLDER, file_of, shown


@pytest.mark.parametrize("name", CASES)
def test_a_message_is_as_it_is_kept(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/nowhere")
    assert shown(CASES[name], tmp_path) == file_of(name).read_text(encoding="utf-8")


def test_every_kept_message_is_of_a_case() -> None:
    assert {path.name for path in FOLDER.glob("*.txt")} == {file_of(name).name for name in CASES}
