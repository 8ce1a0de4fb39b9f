import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dlcli.artifacts.digests import canonical_json
from dlcli.artifacts.reading import parse_json, read_bytes, read_json, read_mapping
from dlcli.errors import ArtifactError


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"NaN",
        b"[-Infinity]",
        b"1e999",
        b"9" * 5000,
        b'{"a": 1, "a": 2}',
        b"\xff",
        b'"\\ud800"',
        b'{"\\ud800": 1}',
        b"[" * 200 + b"]" * 200,
        b"[" * 1_000_000,
        b'{"a":' * 100_000,
        b"[[]" + b",[]" * 1_000_000 + b"]",
    ],
    ids=lambda data: repr(data[:20]),
)
def test_bad_documents_are_artifact_errors_that_name_the_file(data: bytes) -> None:
    with pytest.raises(ArtifactError, match=r"model\.json"):
        parse_json(data, "model.json")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
@example(b"\xef\xbb\xbf{}")
def test_no_bytes_raise_anything_but_an_artifact_error(data: bytes) -> None:
    try:
        canonical_json(parse_json(data, "file"))
    except ArtifactError as error:
        assert "file" in str(error)


def test_files_are_measured_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 42)
    with pytest.raises(ArtifactError, match="more than the 1000 that are read"):
        read_bytes(path, 1000)


def test_missing_files_directories_and_pipes_are_artifact_errors(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, word in [("nothing", "missing"), ("pipe", "regular"), (".", "cannot read|regular")]:
        with pytest.raises(ArtifactError, match=word):
            read_bytes(tmp_path / name, 1000)


def test_a_mapping_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1, 2.5]")
    assert read_json(tmp_path / "a.json") == [1, 2.5]
    with pytest.raises(ArtifactError, match=r"a\.json must hold a JSON object, not list"):
        read_mapping(tmp_path / "a.json")
