"""`metrics.jsonl`: one line of JSON per epoch, for people, plots and other tools.

The keys are Keras's (`epoch, step, loss, accuracy, val_loss, ...`). The file is rewritten whole
from the training state, so it never holds a line of an epoch that a resumed run takes again.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from dlcli.artifacts import files
from dlcli.artifacts.reading import DOCUMENT_LIMIT, parse_json, read_bytes
from dlcli.artifacts.run_directory import METRICS, RunDirectory
from dlcli.errors import ArtifactError

_FIRST = ("epoch", "step", "loss")


def write_history(
    run: RunDirectory, rows: Iterable[Mapping[str, Any]], *, durable: bool = True
) -> None:
    """Writes one line per row, with the keys in an order that does not depend on the rows'.

    durable: False in the middle of training, where the next epoch writes the file again.
    """
    lines = []
    for row in rows:
        ordered = {key: row[key] for key in sorted(row, key=_place)}
        lines.append(json.dumps(ordered, ensure_ascii=False, allow_nan=False) + "\n")
    files.write_text(run.path(METRICS), "".join(lines), durable=durable)


def read_history(run: RunDirectory) -> list[dict[str, Any]]:
    """The rows of a run; none if it has not finished an epoch.

    Raises ArtifactError naming the file and the line that cannot be read.
    """
    path = run.path(METRICS)
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(read_bytes(path, DOCUMENT_LIMIT).splitlines(), start=1):
        row = parse_json(line, f"{path}, line {number},")
        if not isinstance(row, dict):
            raise ArtifactError(f"{path}, line {number}, must hold a JSON object")
        rows.append(row)
    return rows


def _place(key: str) -> tuple[bool, bool, int, str]:
    """Epoch and step, then training, then validation; the loss comes first in each."""
    plain = key.removeprefix("val_")
    rank = _FIRST.index(plain) if plain in _FIRST else len(_FIRST)
    return key.startswith("val_"), rank == len(_FIRST), rank, key
