"""Where relative paths are looked for."""

from pathlib import Path

import pytest

from dlcli.data import Places
from dlcli.errors import DataError


@pytest.fixture
def three(tmp_path: Path) -> Places:
    for name in ("config", "data", "run"):
        (tmp_path / name).mkdir()
    return Places(tmp_path / "data", tmp_path / "config", tmp_path / "run")


def test_the_config_folder_comes_before_the_data_dir_and_the_manifest(three: Places) -> None:
    for folder in ("run", "data", "config"):
        path = three.data.parent / folder / "a.csv"
        path.write_text("x")
        assert three.find("a.csv") == path


def test_an_absolute_path_is_taken_as_it_is(three: Places, tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_text("x")
    assert three.find(path) == path
    with pytest.raises(DataError, match="an absolute path"):
        three.find(tmp_path / "c.csv")


def test_a_miss_lists_every_place_and_says_what_to_do(three: Places) -> None:
    (three.data / "a.csv").mkdir()
    with pytest.raises(DataError) as caught:
        three.find("a.csv")
    message = str(caught.value)
    assert [label in message for label, _ in three.folders] == [True, True, True]
    assert f"{three.data / 'a.csv'} (the data dir) is a folder" in message
    assert "--data-dir" in message and caught.value.exit_code == 3


@pytest.mark.parametrize("path", ["", ".", "a\0b", "x" * 5000])
def test_a_name_that_no_file_can_have_is_a_miss(path: str, three: Places) -> None:
    with pytest.raises(DataError, match="was not found"):
        three.find(path)


def test_a_file_in_the_working_directory_is_pointed_at(
    three: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.csv").write_text("x")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        three.find("tables/a.csv")
    message = str(caught.value)
    assert "tables/a.csv exists in the working directory" in message
    assert "Write '../tables/a.csv', or give --data-dir ." in message
    assert three.find("../tables/a.csv").read_text() == "x"
