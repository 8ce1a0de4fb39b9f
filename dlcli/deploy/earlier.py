"""Bundles of earlier versions, in today's terms.

In schema 1, model.json held the whole config of the run, of which only a part says what the network
answers. That part is read; of the rest it does not matter whether this version knows it.
"""

from collections.abc import Mapping
from typing import Any

from dlcli.config import answering_from_dict
from dlcli.data.dataset import ONLY
from dlcli.deploy.said import Said
from dlcli.deploy.written import document_of_csv

SCHEMA = 1


def as_today(document: Mapping[str, Any], label: str) -> tuple[dict[str, Any], Said]:
    """What stands in a model.json of schema 1, but for its schema, as it would today; and what the
    config in it says.

    KeyError, TypeError, ValueError or ConfigError for what no version wrote.
    """
    said = Said.by(answering_from_dict(document["config"], label))
    rows = {ONLY: document} if ONLY in said.arrays else document["inputs"]
    if rows.keys() != said.arrays.keys():
        raise ValueError("model.json has other inputs than its config")
    values = {
        name: {
            "row_shape": rows[name]["row_shape"],
            "row_dtype": rows[name]["row_dtype"],
            "array": array,
        }
        for name, array in said.arrays.items()
    }
    today = {
        "layers": said.layers,
        "loss": said.loss,
        "values": values,
        "target_scale": document["target_scale"],
        "csv": document_of_csv(said.csv) | {"width": document.get("width")},
    }
    return today, said
