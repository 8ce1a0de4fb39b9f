"""The NumPy bundle: weights, model, preprocessing, class names, in one folder.

    model.json                  the graph as the builder wrote it out, in the words of the
                                vocabulary; the loss, which decides what answers are; the values of
                                a row; the scale of the target; how a CSV of rows is written
    weights.safetensors         the arrays of the layers
    preprocessing.json          the fitted steps of each value ...
    preprocessing.safetensors   ... and their constants
    classes.json                the names of the classes

That is what is needed to answer, and nothing else: how the network was trained is not in it.

A bundle answers exactly as the engine does, because it is the engine: it builds the same layers
from what was written down, and restores the fitted preprocessing.

A row's answer never depends on the rows it is asked with, nor on its place among them; how that is
done for many rows at once, engine/products.py tells. A network with wide dense layers gives other
last bits than it did when each row went through it alone: `tiled` in model.json says so, and is
left out where there are none, or where the bundle is of that time.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dlcli import builder
from dlcli.artifacts import documents
from dlcli.artifacts.reading import read_mapping
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.tensors import read_tensors
from dlcli.data.dataset import ONLY, Part
from dlcli.data.preprocessing import Preprocessing, work_dtype
from dlcli.data.recorded import names_of
from dlcli.data.rows import Written
from dlcli.data.targets import TargetScale
from dlcli.deploy import earlier
from dlcli.deploy.answering import Answering
from dlcli.deploy.ids import require_ids
from dlcli.deploy.said import Said
from dlcli.deploy.written import (
    arrays_of_values,
    csv_of,
    document_of_csv,
    scale_of,
    stored_dtype,
)
from dlcli.engine.graph import GraphError, connect
from dlcli.engine.inference import is_tiled
from dlcli.engine.layer import Array, Shape
from dlcli.engine.layers import ColumnEmbeddings
from dlcli.engine.layout import ArraysError
from dlcli.engine.losses import LOSSES, Loss
from dlcli.engine.model import Model
from dlcli.errors import ArtifactError, ConfigError, ExportError
from dlcli.frozen import frozen

SCHEMA = 3
"""Schema 1 is read, too; see earlier.py."""

WITHOUT_TILES = 2
"""The schema of a bundle that does not speak of tiles; written and read as it was."""

GOLDEN = "golden.safetensors"
"""Rows as they are stored, and the engine's answers to them, beside a bundle that leaves."""

_FOREIGN = (LookupError, TypeError, ValueError, AttributeError, GraphError, ConfigError)
"""What files raise that somebody else has put together."""

_KEYS = {"layers", "loss", "values", "target_scale", "csv"}

_LARGEST_ROW = 1 << 32
"""Numbers that a layer gives for one row, at most; far more than any memory has room for."""


@frozen
class Bundle:
    """A trained network with everything needed to use it, ready to answer.

    theta: the flat vector of the model's arrays, in the order of its layout.
    preprocessing: of each value of a row, by its name.
    row_dtypes: the types of a row as it is stored, before preprocessing, by the same names.
    arrays: the names of the arrays that hold the values where rows are an archive, by the same
        names; None for the only value of a row.
    tiled: whether dense layers multiply rows in tiles; see engine/products.py.
    """

    model: Model
    loss: Loss
    theta: Array
    preprocessing: Mapping[str, Preprocessing]
    row_dtypes: Mapping[str, str]
    target_scale: TargetScale | None
    classes: tuple[str, ...] | None
    csv: Written
    """How a CSV of rows is written: as the file that the network was trained on."""
    arrays: Mapping[str, str | None]
    tiled: bool = False

    def write(self, run: RunDirectory, folder: str) -> list[str]:
        """Write it into a folder of a run; returns the names of its files."""
        preprocessing, constants = _state(self.preprocessing)
        described = {
            "model.json": self._document(),
            "preprocessing.json": preprocessing,
            "classes.json": {"classes": None if self.classes is None else list(self.classes)},
        }
        tensors = {
            "weights.safetensors": self.model.layout.named(self.theta),
            "preprocessing.safetensors": constants,
        }
        for name, document in described.items():
            documents.write_json(run, f"{folder}/{name}", document)
        for name, named in tensors.items():
            documents.write_tensors(run, f"{folder}/{name}", named)
        return [f"{folder}/{name}" for name in (*described, *tensors)]

    def _document(self) -> dict[str, Any]:
        """model.json"""
        values = {
            name: {
                "row_shape": list(one.row_shape),
                "row_dtype": self.row_dtypes[name],
                "array": self.arrays[name],
            }
            for name, one in self.preprocessing.items()
        }
        tiled = {"tiled": True} if self.tiled else {}
        return {
            "schema": SCHEMA if self.tiled else WITHOUT_TILES,
            **tiled,
            "layers": builder.describe(self.model.plain),
            "loss": builder.written(self.loss, LOSSES),
            "values": values,
            "target_scale": None if self.target_scale is None else self.target_scale.to_json(),
            "csv": document_of_csv(self.csv),
        }

    @staticmethod
    def load(folder: Path) -> "Bundle":
        """Read a bundle; ArtifactError for files that dlcli did not write like this."""
        path = folder / "model.json"
        document, said = read_mapping(path), None
        schema = document.pop("schema", None)
        if type(schema) is not int or not earlier.SCHEMA <= schema <= SCHEMA:
            raise ArtifactError(
                f"{path} has schema {str(schema)[:50]}; this version of dlcli reads "
                f"{earlier.SCHEMA} to {SCHEMA}. Use the version that wrote it",
                file=path,
            )
        try:
            if schema == earlier.SCHEMA:
                document, said = earlier.as_today(document, str(path))
            bundle = _read(document, folder, tiled=schema == SCHEMA)
            wrong = None if said is None else bundle.unlike(said)
            if wrong is not None:
                raise ValueError(f"the {wrong} are not what the config in model.json says")
        except _FOREIGN as error:
            raise ArtifactError(
                f"{folder} is not a bundle that dlcli wrote: {error}", file=folder
            ) from None
        return bundle

    def predict(self, rows: Array | Mapping[str, Array]) -> Array:
        """Answers (n, *out_shape) for stored rows: probabilities in float32, or values in the
        target's own units (in float64, where the network learned scaled ones).

        rows: those of each value by its name, where values have names.
        """
        given = {ONLY: rows} if isinstance(rows, np.ndarray) else rows
        self.check_ids(given, "the rows")
        with self.answering() as answering:
            return answering(given)

    def answering(self, workers: int = 1) -> Answering:
        """Itself, ready to be asked for rows of which the ids are known to be right."""
        return Answering(
            self.model,
            self.loss,
            self.theta,
            self.preprocessing,
            self.target_scale,
            tiled=self.tiled,
            workers=workers,
        )

    def check_ids(self, rows: Mapping[str, Array], what: str) -> None:
        """DataError for a stored row with an id that the network does not know.

        what: how messages call the rows.
        """
        parts = {name: Part(array, array) for name, array in rows.items()}
        require_ids(self.model.plain, self.preprocessing, parts, what, learned=True)

    def unlike(self, said: Said) -> str | None:
        """What about it is not as a config says, None where all of it is."""
        fitted = {
            name: [(type(step), step.handle_unknown) for step in one.steps]
            for name, one in self.preprocessing.items()
        }
        alike = {
            "layers": said.layers == builder.describe(self.model.plain),
            "loss": said.loss == builder.written(self.loss, LOSSES),
            "arrays of rows": said.arrays == dict(self.arrays),
            "notation of rows": (said.csv.format, said.csv.target)
            == (self.csv.format, self.csv.target),
            "places of columns": self._has_its_columns(said),
            "steps of preprocessing": said.steps == fitted,
            "scale of the target": said.target_steps
            == (() if self.target_scale is None else self.target_scale.kinds),
        }
        return next((what for what, same in alike.items() if not same), None)

    def _has_its_columns(self, said: Said) -> bool:
        """Whether a table without names has all columns that the network reads, and the target; and
        none that nobody knows, where the features are all that are left."""
        csv = self.csv
        if csv.format.header is not False or csv.width is None or ONLY not in self.preprocessing:
            return True
        columns = self.preprocessing[ONLY].columns or ()
        targets = (csv.target,) if isinstance(csv.target, str) else csv.target or ()
        names = (*(column.name for column in columns), *targets)
        places = [_place(name, csv.format.names) for name in names]
        inside = all(1 <= place <= csv.width for place in places)
        others = said.no_features
        return inside and (others is None or len(columns) + others == csv.width)


def _place(name: str, names: Sequence[str] | None) -> int:
    """The place of a column, from 1: among the names that are said, or called by it; else 0."""
    if names is not None:
        return names.index(name) + 1 if name in names else 0
    digits = name.removeprefix("column_")
    return int(digits) if digits.isdecimal() and len(digits) < 10 else 0


def _read(document: Mapping[str, Any], folder: Path, *, tiled: bool) -> Bundle:
    """A bundle of a model.json, and of the other files in its folder."""
    if document.keys() != (_KEYS | {"tiled"} if tiled else _KEYS):
        raise ValueError("model.json has other keys")
    if tiled and document["tiled"] is not True:
        raise ValueError("it is not said whether dense layers multiply rows in tiles")
    values = document["values"]
    arrays = arrays_of_values(values)
    preprocessing = _restored(
        tuple(arrays),
        read_mapping(folder / "preprocessing.json"),
        read_tensors(folder / "preprocessing.safetensors").arrays,
    )
    for name, one in preprocessing.items():
        if list(one.row_shape) != values[name]["row_shape"]:
            raise ValueError("model.json and preprocessing.json have rows of other shapes")
        if work_dtype(stored_dtype(values[name]["row_dtype"])) != one.dtype:
            raise ValueError("model.json and preprocessing.json have numbers of other types")
    model = _model(document["layers"], {name: one.out_shape for name, one in preprocessing.items()})
    if tiled and not is_tiled(model):
        raise ValueError("no layer is so wide that tiles are worth it")
    _require_its_ids(model, preprocessing)
    loss = builder.loss_of(document["loss"])
    loss.check(model.out_shape)
    return Bundle(
        model,
        loss,
        _theta(model, folder / "weights.safetensors"),
        preprocessing,
        {name: one["row_dtype"] for name, one in values.items()},
        scale_of(document["target_scale"], loss, model.out_shape),
        _classes(read_mapping(folder / "classes.json"), loss, model.out_shape),
        csv_of(document["csv"]),
        arrays,
        tiled,
    )


def _model(layers: Any, shapes: Mapping[str, Shape]) -> Model:
    nodes = connect(builder.links(layers), shapes)
    for node in nodes:
        if math.prod(node.out_shape) > _LARGEST_ROW:
            raise ValueError(f"the layer {node.name!r} gives rows of shape {node.out_shape}")
    model = builder.model(nodes)
    if set(model.inputs) != set(shapes):
        raise ValueError("there is a value of a row that no layer reads")
    return model


def _require_its_ids(model: Model, preprocessing: Mapping[str, Preprocessing]) -> None:
    """ValueError unless each layer that looks ids up has a vector for each that there is."""
    for node in model.plain:
        if isinstance(node.layer, ColumnEmbeddings):
            columns = preprocessing[node.inputs[0]].columns_after() or ()
            ids = [(j, column.ids) for j, column in enumerate(columns) if column.ids]
            if ids != [(position, count) for position, count, _ in node.layer.columns]:
                raise ValueError(f"the layer {node.name!r} is for other columns of ids")


def _state(
    preprocessing: Mapping[str, Preprocessing],
) -> tuple[dict[str, Any], dict[str, Array]]:
    """The state of the preprocessing of each value; no name of a value has a dot."""
    if ONLY in preprocessing:
        return preprocessing[ONLY].state()
    documents: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    for name, one in preprocessing.items():
        documents[name], own = one.state()
        arrays |= {f"{name}.{key}": array for key, array in own.items()}
    return {"inputs": documents}, arrays


def _restored(
    names: Sequence[str], document: Mapping[str, Any], arrays: Mapping[str, Array]
) -> dict[str, Preprocessing]:
    """The inverse of `_state`; ValueError, KeyError, TypeError or ArtifactError for what it did
    not write."""
    if names == (ONLY,):
        return {ONLY: Preprocessing.restore(document, arrays)}
    documents = document["inputs"]
    if document.keys() != {"inputs"} or documents.keys() != set(names):
        raise ValueError("preprocessing.json is of other inputs than model.json")
    own: dict[str, dict[str, Array]] = {name: {} for name in names}
    for key, array in arrays.items():
        name, _, rest = key.partition(".")
        own[name][rest] = array
    return {name: Preprocessing.restore(documents[name], own[name]) for name in names}


def _classes(document: Mapping[str, Any], loss: Loss, out_shape: Shape) -> tuple[str, ...] | None:
    """The names of the classes: different texts, no more than the network can answer."""
    names = document["classes"]
    if document.keys() != {"classes"}:
        raise ValueError("classes.json has other keys")
    if names is None:
        return None
    known = names_of(names)
    kind, count = loss.kind(out_shape)
    if (kind == "binary" and len(known) != 2) or (kind == "multiclass" and len(known) > count):
        raise ValueError(f"{len(known)} names of classes for a network that tells {count} apart")
    return known


def _theta(model: Model, path: Path) -> Array:
    """The flat vector of the arrays of a file; no room is made before they are known to fit."""
    arrays = read_tensors(path).arrays
    slots = {f"{layer}.{name}": slot for (layer, name), slot in model.layout.slots.items()}
    if slots.keys() != arrays.keys():
        raise ValueError(f"{path.name} holds other arrays than the model has")
    for name, slot in slots.items():
        array = arrays[name]
        if array.shape != slot.shape or array.dtype != np.float32:
            raise ValueError(f"{path.name}: {name} has shape {array.shape} and type {array.dtype}")
    flat = np.zeros(model.layout.size, np.float32)
    try:
        model.layout.fill(flat, arrays)
    except ArraysError as error:
        raise ValueError(f"{path.name}{error}") from None
    return flat


def golden_batch(rows: Mapping[str, Array], answers: Array) -> dict[str, Array]:
    """The arrays of a golden file: stored rows of each value, and the answers to them."""
    named = {"x" if name == ONLY else f"x.{name}": array for name, array in rows.items()}
    return {**named, "y": answers}


def golden_rows(recorded: Mapping[str, Array], bundle: Bundle) -> dict[str, Array]:
    """The rows of a golden file, by the names of their values; KeyError where they lack."""
    return {name: recorded["x" if name == ONLY else f"x.{name}"] for name in bundle.preprocessing}


def prove(bundle: Bundle, golden: Path) -> None:
    """ExportError unless the bundle's answers to the golden batch are the engine's, to the bit."""
    recorded = read_tensors(golden).arrays
    answers = bundle.predict(golden_rows(recorded, bundle))
    wanted = recorded["y"]
    if answers.shape == wanted.shape and answers.tobytes() == wanted.tobytes():
        return
    if answers.shape != wanted.shape:
        how = f"rows of shape {answers.shape[1:]} instead of {wanted.shape[1:]}"
    else:
        how = f"largest difference {float(np.abs(answers - wanted).max()):g}"
    raise ExportError(
        f"{golden.parent} does not give the engine's answers on the golden batch ({how}); do not "
        "deploy it"
    )
