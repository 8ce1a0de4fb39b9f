"""`dlcli predict RUN -`: rows from another program, and errors that call them standard input."""

import bz2
import gzip
import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.deploy import standard_input
from dlcli.errors import DataError
from tests.cli.calls import Call, dlcli, refused, train
from tests.cli.small import trees, write
from tests.exactness.runs import command

ROWS = b"height,girth,soil\n10.5,1.0,clay\n18,2,sand\n"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("piped")
    return {name: train(write(folder, name), folder / "runs").run for name in ("trees", "images")}


class Piped:
    """Standard input of these bytes, for commands in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._patch, self.folder = monkeypatch, folder
        folder.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(folder))

    def predict(self, content: bytes, run: Path, *options: str) -> Call:
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        call = dlcli("predict", run, "-", *options)
        assert list(self.folder.iterdir()) == [], "nothing may be left behind"
        return call


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Piped:
    return Piped(monkeypatch, tmp_path / "temporary")


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_rows_get_the_answers_of_a_file(
    piped: Piped, runs: dict[str, Path], tmp_path: Path
) -> None:
    for content in (ROWS, trees().encode(), trees(3000).encode()):
        (tmp_path / "rows.csv").write_bytes(content)
        for options in ((), ("--json",)):
            expected = dlcli("predict", runs["trees"], tmp_path / "rows.csv", *options)
            found = piped.predict(content, runs["trees"], *options)
            told = expected.err.replace(str(tmp_path / "rows.csv"), "standard input")
            assert (found.code, found.out, found.err) == (0, expected.out, told)


def test_a_dash_for_the_output_is_standard_output_and_never_a_file(
    piped: Piped, runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = piped.predict(ROWS, runs["trees"])
    assert piped.predict(ROWS, runs["trees"], "-o", "-").out == plain.out != ""
    for arguments, name in (
        (["report", runs["trees"]], "page.html"),
        (["init", "--example", "digits_cnn"], "model.yaml"),
    ):
        said = refused(dlcli(*arguments, "-o", "-"), 2)
        assert f"name one, such as `-o {name}`" in said
    assert not (tmp_path / "-").exists()


def test_an_array_is_known_by_its_first_bytes(
    piped: Piped, runs: dict[str, Path], tmp_path: Path
) -> None:
    images = np.random.default_rng(0).integers(0, 17, (1500, 8, 8), np.uint8)
    np.save(tmp_path / "images.npy", images)
    expected = dlcli("predict", runs["images"], tmp_path / "images.npy").out
    assert piped.predict(npy(images), runs["images"]).out == expected
    message = refused(piped.predict(npy(images[:, :7]), runs["images"]), 3)
    assert message.startswith("error: standard input holds an array of shape (1500, 7, 8)")
    message = refused(piped.predict(npy(images)[:500], runs["images"]), 3)
    assert message.startswith("error: standard input is truncated")


def test_compressed_rows_are_rows(piped: Piped, runs: dict[str, Path]) -> None:
    expected = piped.predict(ROWS, runs["trees"]).out
    for packed in (gzip.compress(ROWS), bz2.compress(ROWS)):
        assert piped.predict(packed, runs["trees"]).out == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "standard input is empty"),
        (b"height,girth,soil\n1,,clay\n", "standard input, line 2, column 'girth' is missing"),
        (b"height,soil\n1,clay\n", "standard input lacks 1 of the model's 3 feature columns"),
        (b"height,girth,soil\n1,1,clay\n1,1\n", "standard input, line 3 has 2 cells"),
        (b"height,girth,soil\n1,1,loam\n", "standard input, line 2, column 'soil'"),
        (b"\x93NUMPY", "standard input: the column 'soil' is text; give the rows as a CSV"),
        (b"\0\1\2\3", "standard input"),
    ],
)
def test_errors_speak_of_standard_input(
    content: bytes, words: str, piped: Piped, runs: dict[str, Path]
) -> None:
    message = refused(piped.predict(content, runs["trees"]), 3)
    assert message.startswith(f"error: {words}")
    assert str(piped.folder) not in message and "standard input." not in message.split(" ")[0]
    found = json.loads(piped.predict(content, runs["trees"], "--json").out)["error"]
    assert found["code"] == 3 and found["message"].startswith(words)
    assert found["file"] == "standard input"


@pytest.mark.parametrize("other", ["/a", "/zzzz/a.csv", "~", None])
def test_an_error_about_another_file_keeps_its_name(
    other: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ROWS)))
    with pytest.raises(DataError) as caught, standard_input.standard_input() as path:
        assert path.read_bytes() == ROWS
        raise DataError(f"{path}, line 3, is not as in {other}: {path.name}", file=other, line=3)
    assert str(caught.value) == f"standard input, line 3, is not as in {other}: standard input"
    assert (caught.value.file, caught.value.line) == (other, 3)


def test_an_error_about_the_rows_is_about_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ROWS)))
    with pytest.raises(DataError) as caught, standard_input.standard_input() as path:
        raise DataError("a mistake", file=Path(*path.parts))
    assert (str(caught.value), caught.value.file) == ("a mistake", "standard input")


def test_there_is_a_limit(
    piped: Piped, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standard_input, "LARGEST", 20)
    assert "write the rows to a file" in refused(piped.predict(ROWS, runs["trees"]), 3)


def test_a_closed_one_is_said(runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    message = refused(dlcli("predict", runs["trees"], "-"), 3)
    assert message == "error: standard input is closed; send rows through it, or name a file.\n"
    closed = io.TextIOWrapper(io.BytesIO())
    closed.buffer.close()
    monkeypatch.setattr(sys, "stdin", closed)
    assert "standard input cannot be read" in refused(dlcli("predict", runs["trees"], "-"), 3)


def test_a_file_of_that_name_is_reached_by_its_path(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-").write_bytes(ROWS)
    monkeypatch.setattr(sys, "stdin", None)
    call = dlcli("predict", runs["trees"], "./-")
    assert call.code == 0 and call.out.count("\n") == 3


def test_a_pipe_between_processes(runs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(ROWS)
    expected, _ = command("predict", runs["trees"], tmp_path / "rows.csv")
    starter = (
        "sh", "-c", f'cat "{tmp_path}/rows.csv" | "$@"', "sh", sys.executable, "-m", "dlcli",
    )  # fmt: skip
    out, err = command("predict", runs["trees"], "-", python=starter)
    assert (out, err) == (expected, "")
