"""A config file that is not there: what was likely meant, and nothing where nobody knows."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.calls import dlcli, refused
from tests.cli.small import write


@pytest.fixture(params=["train", "validate"])
def missing(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], str]:
    """The message about a config of a name, from a folder with `trees.yaml` and a CSV."""
    write(tmp_path, "trees")
    monkeypatch.chdir(tmp_path)

    def message(name: str) -> str:
        return refused(dlcli(str(request.param), name), 2)

    return message


def test_an_example_outside_a_clone_hints_at_init(missing: Callable[[str], str]) -> None:
    for name in ("configs/digits_cnn.yaml", "digits_cnn.yaml", "digits_cnn.yml", "digits_cnn"):
        assert missing(name) == (
            f"error: {name}: there is no such file; it is an example that comes with dlcli: `dlcli "
            "init --example digits_cnn` writes digits_cnn.yaml here\n"
        )
    assert "`dlcli init --example digits_cnn` writes it here" in missing("digit_cnn.yaml")


def test_the_hint_works(missing: Callable[[str], str]) -> None:
    command = missing("configs/digits_cnn.yaml").split("`")[1].split()
    assert dlcli(*command[1:]).out == "digits_cnn.yaml\n"
    assert dlcli("validate", "digits_cnn.yaml").code == 0
    # Now that it is here, that is what was meant.
    assert "did you mean digits_cnn.yaml?" in missing("configs/digits_cnn.yaml")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("tree.yaml", "trees.yaml"),
        ("teres.yaml", "trees.yaml"),
        ("Trees.YAML", "trees.yaml"),
        ("trees", "trees.yaml"),
        ("trees.yml", "trees.yaml"),
        ("nowhere/trees.yaml", "trees.yaml"),
        ("./tree.yaml", "trees.yaml"),
    ],
)
def test_a_file_of_nearly_that_name_is_suggested(
    name: str, meant: str, missing: Callable[[str], str]
) -> None:
    assert f"there is no such file; did you mean {meant}?" in missing(name)


def test_a_file_beside_the_one_that_was_meant_keeps_its_folder(
    missing: Callable[[str], str], tmp_path: Path
) -> None:
    path = tmp_path / "tree.yaml"
    assert f"did you mean {tmp_path / 'trees.yaml'}?" in missing(str(path))


@pytest.mark.parametrize("name", ["flowers.yaml", "flowers", "nowhere/flowers.yaml", "trees.csv/x"])
def test_nothing_is_suggested_where_nobody_knows(name: str, missing: Callable[[str], str]) -> None:
    message = missing(name)
    assert "did you mean" not in message and "example" not in message


def test_a_hint_is_a_field_of_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "trees")
    monkeypatch.chdir(tmp_path)
    found = json.loads(dlcli("train", "tree.yaml", "--json").out)["error"]
    assert (found["file"], found["hint"]) == ("tree.yaml", "did you mean trees.yaml?")
    assert found["problems"] == [
        {"file": "tree.yaml", "message": "there is no such file", "hint": found["hint"]}
    ]
