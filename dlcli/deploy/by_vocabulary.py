"""A bundle's documents as dlcli itself reads them: each word is checked by the vocabulary."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from dlcli import builder
from dlcli.artifacts.tensors import decode_tensors
from dlcli.config import component_of
from dlcli.config.data import Input, input_names
from dlcli.config.tables import Csv
from dlcli.data.formats.notation import Format
from dlcli.data.written import Written
from dlcli.deploy import written
from dlcli.deploy.network import Reading


def _notation(format: Mapping[str, Any], target: Any) -> tuple[Format, str | tuple[str, ...]]:
    chosen = component_of(Csv, {**format, "path": "rows.csv", "target": target})
    names = [field.name for field in fields(Format)]
    return Format(**{name: getattr(chosen, name) for name in names}), chosen.target


def csv_of(document: Any) -> Written:
    """How a CSV of rows is written; ValueError where it is not said as the vocabulary says it."""
    return written.csv_of(document, _notation)


def arrays_of_values(values: Any) -> dict[str, str | None]:
    """The array that holds each value of a row; ValueError for names that no config can have."""
    arrays = written.arrays_of_values(values, lambda name: component_of(Input, {"array": name}))
    if None not in arrays.values() and input_names(values) is None:
        raise ValueError(f"the values of a row cannot be called {str(list(values))[:100]}")
    return arrays


BY_VOCABULARY = Reading(builder.links, builder.loss_of, csv_of, arrays_of_values, decode_tensors)
