"""Files of named arrays and of JSON, such as `model/` and `deploy/` are made of.

What is in them is the business of whoever writes them; here is only how: atomically, with bytes
that depend on the content alone, and read back under bounds.
"""

from collections.abc import Mapping
from typing import Any

from dlcli.artifacts import files
from dlcli.artifacts.digests import Array, readable_json
from dlcli.artifacts.plain_tensors import Tensors
from dlcli.artifacts.reading import read_json, read_mapping
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.tensors import read_tensors, tensor_pieces

__all__ = [
    "Tensors",
    "read_json",
    "read_mapping",
    "read_tensors",
    "write_bytes",
    "write_json",
    "write_tensors",
    "write_text",
]


def write_tensors(
    run: RunDirectory,
    name: str,
    arrays: Mapping[str, Array],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Writes named arrays, and a JSON document about them, as the file `name` of a run."""
    write_bytes(run, name, tensor_pieces(arrays, metadata))


def write_json(run: RunDirectory, name: str, document: Any) -> None:
    """Writes a JSON document as the file `name` of a run: sorted keys, indented."""
    write_bytes(run, name, readable_json(document))


def write_text(run: RunDirectory, name: str, text: str) -> None:
    """Writes text as the file `name` of a run."""
    write_bytes(run, name, text.encode())


def write_bytes(run: RunDirectory, name: str, data: files.Content) -> None:
    """Writes bytes as the file `name` of a run, making its directory where it is missing."""
    folder = name.rpartition("/")[0]
    if folder:
        run.make_directory(folder)
    files.write_bytes(run.path(name), data)
