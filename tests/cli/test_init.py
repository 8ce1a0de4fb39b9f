"""`dlcli init`: a config to start from, that trains where it is written."""

from pathlib import Path

import pytest

from dlcli.cli.init import examples
from tests.cli.calls import dlcli, refused

SHIPPED = sorted(path.stem for path in (Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_config_that_ships_is_an_example() -> None:
    assert list(examples()) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_an_example_is_written_and_its_first_line_is_the_command_for_it(name: str) -> None:
    call = dlcli("init", "--example", name)
    assert call.code == 0 and call.out == f"{name}.yaml\n"
    written = Path(f"{name}.yaml").read_text(encoding="utf-8")
    shipped = examples()[name].read_text(encoding="utf-8")
    assert written.splitlines()[0] == f"# dlcli train {name}.yaml"
    assert written.splitlines()[1:] == shipped.splitlines()[1:]
    assert dlcli("validate", f"{name}.yaml").code == 0


def test_without_words_it_is_the_main_job() -> None:
    assert dlcli("init").out == "digits_cnn.yaml\n"
    assert dlcli("init", "mine.yaml").out == "mine.yaml\n"
    assert Path("mine.yaml").read_text().startswith("# dlcli train mine.yaml\n")


def test_a_name_with_blanks_is_quoted_in_the_command() -> None:
    assert dlcli("init", "my first.yaml").code == 0
    assert Path("my first.yaml").read_text().startswith("# dlcli train 'my first.yaml'\n")


def test_nothing_is_ever_overwritten() -> None:
    Path("digits_cnn.yaml").write_text("precious")
    message = refused(dlcli("init"), 2)
    assert message == "error: digits_cnn.yaml exists already; give another FILE, or remove it\n"
    assert Path("digits_cnn.yaml").read_text() == "precious"
    Path("link.yaml").symlink_to("nowhere.yaml")
    assert refused(dlcli("init", "link.yaml"), 2)
    assert not Path("nowhere.yaml").exists()


def test_where_nothing_can_be_written_it_says_so() -> None:
    assert "cannot write no/such/folder.yaml" in refused(dlcli("init", "no/such/folder.yaml"), 6)
    Path("folder").mkdir()
    assert refused(dlcli("init", "folder"), 2)


def test_the_list_names_every_example_with_what_to_expect() -> None:
    call = dlcli("init", "--list")
    assert call.code == 0
    lines = call.out.splitlines()
    assert [line.split()[0] for line in lines] == SHIPPED
    assert all(len(line.split()) > 1 for line in lines)
    assert list(Path().iterdir()) == []


def test_an_unknown_example_is_named_with_the_nearest() -> None:
    message = refused(dlcli("init", "--example", "digit_cnn"), 2)
    assert "'digit_cnn'" in message and "did you mean 'digits_cnn'?" in message
    assert "mnist_mlp" in refused(dlcli("init", "--example", "zzz"), 2)
