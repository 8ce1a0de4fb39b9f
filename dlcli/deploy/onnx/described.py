"""What a file says about itself: `metadata_props`, each a text, most of them JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dlcli.artifacts.digests import canonical_json, digest_bytes, digest_tensors
from dlcli.data.dataset import ONLY, Column
from dlcli.data.strange import gap_categories, takes_missing, takes_unknown
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.onnx.answers import label_names
from dlcli.deploy.onnx.graph import TEXT, Port
from dlcli.deploy.onnx.inputs import bins_of
from dlcli.engine.described import written
from dlcli.engine.losses import LOSSES

REFUSED = (
    "A row that dlcli would refuse (a category that it was not trained on, where these are errors; "
    "a missing cell that nothing fills in; a number that is infinite, before the preprocessing or "
    "after it; a number that is no id) is answered by NaN, since ONNX cannot raise an error for "
    'one row. A row whose answer is NaN, also of a network that overflows, has the label "" or -1.'
)


def described(
    bundle: Bundle, inputs: Sequence[Port], outputs: Sequence[Port], version: str
) -> dict[str, str]:
    """What model.onnx says: `dlcli` (the version), `weights` (a digest), `schema` (the inputs),
    `classes`, `loss`, `answers` (how outputs are to be read) and `refused`."""
    return {
        "dlcli": version,
        "weights": weights_digest(bundle),
        "schema": _json(_schema(bundle, inputs)),
        "classes": _json(None if bundle.classes is None else list(bundle.classes)),
        "loss": _json(written(bundle.loss, LOSSES)),
        "answers": _json(_answers(bundle, outputs)),
        "refused": REFUSED,
    }


def network_described(bundle: Bundle, output: Port, version: str) -> dict[str, str]:
    """What network.onnx says."""
    folds = bundle.loss.folds
    told = "the raw outputs"
    if folds is not None:
        told += f", to which `{folds}` is yet to be applied"
    if bundle.target_scale is not None:
        told += "; the scale of the target is yet to be undone"
    return {
        "dlcli": version,
        "weights": weights_digest(bundle),
        "classes": _json(None if bundle.classes is None else list(bundle.classes)),
        "loss": _json(written(bundle.loss, LOSSES)),
        "answers": _json({output.name: told}),
        "inputs": "rows as the preprocessing leaves them",
    }


def weights_digest(bundle: Bundle) -> str:
    """SHA-256 of the arrays of the network, with their names."""
    digests = digest_tensors(bundle.model.layout.named(bundle.theta))
    return digest_bytes(canonical_json(digests))


def _json(document: Any) -> str:
    return json.dumps(document, sort_keys=True, ensure_ascii=False)


def _schema(bundle: Bundle, inputs: Sequence[Port]) -> list[dict[str, Any]]:
    ports = iter(inputs)
    schema = []
    for name, fitted in bundle.preprocessing.items():
        if fitted.columns is None:
            schema.append({"kind": "array", **_of_port(next(ports))})
            continue
        told = {
            "unknown": takes_unknown(fitted),
            "missing": takes_missing(fitted),
            "gaps": gap_categories(fitted),
            "bins": bins_of(fitted),
        }
        schema += [
            {**_of_port(next(ports)), **_of_column(column, told)} for column in fitted.columns
        ]
        assert name == ONLY or schema
    return schema


def _of_port(port: Port) -> dict[str, Any]:
    dtype = "string" if port.dtype == TEXT else port.dtype.name
    return {"name": port.name, "dtype": dtype, "shape": list(port.shape)}


def _of_column(column: Column, told: Mapping[str, Any]) -> dict[str, Any]:
    """What it holds; what a missing cell is written as, and whether one is taken; what becomes of
    unknown texts."""
    entry: dict[str, Any] = {"kind": column.kind, "takes_missing": column.name in told["missing"]}
    if column.date:
        entry["unit"] = "seconds since 1970-01-01 00:00"
    if column.categories is not None:
        hashed = column.name in told["bins"]
        entry["categories"] = list(column.categories)
        entry["unknown"] = "hash" if hashed else told["unknown"].get(column.name, "error")
        entry["missing"] = ""
    else:
        entry["missing"] = "NaN"
    return entry


def _answers(bundle: Bundle, outputs: Sequence[Port]) -> dict[str, str]:
    kind, _ = bundle.loss.kind(bundle.model.out_shape)
    names = label_names(bundle)
    if kind == "regression":
        unit = "" if bundle.target_scale is None else ", in the target's own units"
        return {outputs[0].name: f"the predicted number{unit}"}
    if kind == "multilabel":
        return {outputs[0].name: "the probability of each label, on its own"}
    label, probabilities = (port.name for port in outputs)
    order = "of the numbers 0, 1, ..." if names is None else f"of {_json(names)}, in this order"
    if kind == "binary":
        return {
            label: "the second class where its probability is above 0.5, else the first",
            probabilities: f"two columns, [1 - p, p]: {order}",
        }
    return {
        label: "the class that is the most probable, of equal ones the first",
        probabilities: f"a column for each class: {order}",
    }
