import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.artifacts.digests import Array
from dlcli.artifacts.tensors import decode_tensors, encode_tensors, read_tensors
from dlcli.errors import ArtifactError

ARRAYS: dict[str, Array] = {
    "dense_1.kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "dense_1.bias": np.zeros(3, np.float32),
    "count": np.array(7, np.int64),
    "nothing": np.zeros((0, 4), np.float64),
    "pixels": np.arange(5, dtype=np.uint8),
}


def _file(header: Any, body: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    return size.to_bytes(8, "little") + text + body


def _entry(dtype: Any = "F32", shape: Any = (1,), place: Any = (0, 4)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": place}


BOMBS = {
    "nothing": b"",
    "a huge header": _file(b"{}", length=2**63),
    "a header longer than the file": _file(b"{}", length=3),
    "a header that is no object": _file([]),
    "a deep header": _file(b'{"a":' * 100_000),
    "a wide header": _file(b"[" + b"[]," * 5_000_000 + b"[]]"),
    "2**63 rows": _file({"a": _entry(shape=[2**63])}, bytes(4)),
    "2**63 empty rows": _file({"a": _entry(shape=[0, 2**63], place=(0, 0))}),
    "2**40 empty rows, three times": _file({"a": _entry(shape=[0] + 3 * [2**40], place=(0, 0))}),
    "a product that wraps to 4": _file({"a": _entry(shape=[2**32, 2**32, 1])}, bytes(4)),
    "a shape larger than its place": _file({"a": _entry(shape=[2])}, bytes(4)),
    "a shape smaller than its place": _file({"a": _entry(shape=[1], place=(0, 8))}, bytes(8)),
    "a negative length": _file({"a": _entry(shape=[-1])}, bytes(4)),
    "a length that is no number": _file({"a": _entry(shape=[True])}, bytes(4)),
    "many axes": _file({"a": _entry(shape=[1] * 70)}, bytes(4)),
    "a place behind the end": _file({"a": _entry(place=(4, 8))}, bytes(4)),
    "a place backwards": _file({"a": _entry(place=(4, 0))}, bytes(4)),
    "a place of one number": _file({"a": _entry(place=[0])}, bytes(4)),
    "arrays that overlap": _file({"a": _entry(), "b": _entry()}, bytes(4)),
    "a gap": _file({"a": _entry(), "b": _entry(place=(8, 12))}, bytes(12)),
    "bytes left over": _file({"a": _entry()}, bytes(5)),
    "an unknown dtype": _file({"a": _entry(dtype="F8_E4M3")}, bytes(4)),
    "a dtype that is a list": _file({"a": _entry(dtype=[])}, bytes(4)),
    "an entry that is a number": _file({"a": 3}),
    "an entry too many": _file({"a": _entry() | {"x": 1}}, bytes(4)),
    "a name twice": _file(b'{"a":' + b'{},"a":{}}'),
    "metadata that is a list": _file({"__metadata__": []}),
    "metadata that is a number": _file({"__metadata__": {"a": 1}}),
    "metadata that is no JSON": _file({"__metadata__": {"dlcli": "{"}}),
    "metadata that is deep": _file({"__metadata__": {"dlcli": "[" * 100_000}}),
}


def test_arrays_and_metadata_come_back() -> None:
    metadata = {"state": {"best": 0.1, "tally": [1, 2, 2**60], "text": "ü"}, "none": None}
    arrays, words = decode_tensors(encode_tensors(ARRAYS, metadata), "file")
    assert words == metadata
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype and arrays[name].shape == array.shape
        assert np.array_equal(arrays[name], array)
    assert decode_tensors(encode_tensors({}), "file") == ({}, None)


def test_memory_layout_and_byte_order_do_not_matter() -> None:
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    expected = encode_tensors({"a": a})
    for same in (np.asfortranarray(a), a.astype(">f4"), np.repeat(a, 2, 0)[::2]):
        assert encode_tensors({"a": same}) == expected


@pytest.mark.parametrize("array", [np.zeros(2, bool), np.zeros(2, complex), np.array([{}])])
def test_an_array_that_has_no_place_in_a_file_is_a_mistake_of_the_program(array: Any) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        encode_tensors({"a": array})


def test_bytes_are_the_same_in_every_process() -> None:
    program = (
        "import sys, numpy as np\n"
        "from dlcli.artifacts.tensors import encode_tensors\n"
        "names = {f'layer_{i}.kernel' for i in range(20)}\n"
        "arrays = {n: np.full(3, len(n), np.float32) for n in names}\n"
        "state = {n: {'x': 1.5} for n in names}\n"
        "sys.stdout.buffer.write(encode_tensors(arrays, state))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        for seed in range(4)
    }
    assert len(outputs) == 1 and b"layer_19.kernel" in outputs.pop()


@pytest.mark.parametrize("name", BOMBS)
def test_a_lying_file_is_refused_with_its_name(name: str) -> None:
    with pytest.raises(ArtifactError, match=r"weights\.safetensors"):
        decode_tensors(BOMBS[name], "weights.safetensors")


def test_bombs_are_refused_under_a_memory_limit(tmp_path: Path) -> None:
    for number, data in enumerate(BOMBS.values()):
        (tmp_path / f"{number}.safetensors").write_bytes(data)
    with (tmp_path / "sparse.safetensors").open("wb") as file:
        file.write((2**40 - 8).to_bytes(8, "little"))
        file.truncate(2**40)
    program = (
        "import pathlib, resource, sys\n"
        "from dlcli.artifacts.tensors import read_tensors\n"
        "from dlcli.artifacts.reading import read_json\n"
        "from dlcli.errors import ArtifactError\n"
        "used = int(pathlib.Path('/proc/self/statm').read_text().split()[0]) * 4096\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (128 << 20),) * 2)\n"
        "for path in pathlib.Path(sys.argv[1]).iterdir():\n"
        "    for read in (read_tensors, read_json):\n"
        "        try:\n"
        "            read(path)\n"
        "        except ArtifactError as error:\n"
        "            assert path.name in str(error)\n"
        "        else:\n"
        "            sys.exit(f'{path} was read')\n"
        "print('all refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.stdout == "all refused\n", done.stderr


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_changed_byte_raises_anything_but_an_artifact_error(data: st.DataObject) -> None:
    content = bytearray(encode_tensors(ARRAYS, {"state": 1}))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    try:
        decode_tensors(bytes(content[: data.draw(st.integers(0, len(content)))]), "file")
    except ArtifactError as error:
        assert "file" in str(error)


def test_a_file_larger_than_allowed_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(encode_tensors(ARRAYS))
    assert read_tensors(tmp_path / "a.safetensors").arrays["count"] == 7
    with pytest.raises(ArtifactError, match="more than the 100"):
        read_tensors(tmp_path / "a.safetensors", 100)
