"""A trained network with everything needed to use it: read from what was written down, and asked.

Nothing here knows the vocabulary: how the words of a bundle's documents are understood is given to
`read`, by the vocabulary where there is one (by_vocabulary.py), by the types of fields where a
bundle answers by itself.

A row's answer never depends on the rows it is asked with, nor on its place among them; how that is
done for many rows at once, engine/products.py tells.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from dlcli.artifacts.plain_tensors import TENSOR_LIMIT, Tensors, plain_tensors
from dlcli.data.dataset import ONLY, Part
from dlcli.data.pictures.wanted import Wanted, wanted_for
from dlcli.data.preprocessing import Preprocessing, work_dtype
from dlcli.data.recorded import names_of
from dlcli.data.written import Written
from dlcli.deploy.answering import Answering, TeamOf
from dlcli.deploy.ids import require_ids
from dlcli.deploy.places import Place, read_document
from dlcli.deploy.written import (
    arrays_of_values,
    csv_of,
    pictures_of,
    scale_of,
    stored_dtype,
)
from dlcli.engine.described import links, loss_of
from dlcli.engine.fusion import fuse
from dlcli.engine.graph import GraphError, Link, connect
from dlcli.engine.inference import is_tiled
from dlcli.engine.layer import Array, Layer, Shape
from dlcli.engine.layout import ArraysError
from dlcli.engine.losses import Loss
from dlcli.engine.model import Model
from dlcli.engine.team.base import Alone
from dlcli.errors import ArtifactError, ConfigError
from dlcli.frozen import frozen
from dlcli.numerics import Mode

if TYPE_CHECKING:
    from dlcli.data.targets import TargetScale

SCHEMA = 3
"""Of model.json."""

PLAIN_SCHEMA = 2
"""The schema of a bundle without tiles that was not trained on picture files; written and read as
it was."""

FOREIGN = (LookupError, TypeError, ValueError, AttributeError, GraphError, ConfigError)
"""What files raise that somebody else has put together."""

_KEYS = {"layers", "loss", "values", "target_scale", "csv"}
_LATER_KEYS = {"tiled", "pictures"}

_LARGEST_ROW = 1 << 32
"""Numbers that a layer gives for one row, at most; far more than any memory has room for."""


@frozen
class Network:
    """A trained network with everything needed to use it, ready to answer.

    theta: the flat vector of the model's arrays, in the order of its layout.
    preprocessing: of each value of a row, by its name.
    row_dtypes: the types of a row as it is stored, before preprocessing, by the same names.
    arrays: the names of the arrays that hold the values where rows are an archive, by the same
        names; None for the only value of a row.
    csv: how a CSV of rows is written: as the file that the network was trained on.
    numerics: how NumPy is pinned where the same bits are wanted.
    tiled: whether dense layers multiply rows in tiles; see engine/products.py.
    pictures: how the files were decoded that the network was trained on; None where it was not
        trained on such.
    """

    model: Model
    loss: Loss
    theta: Array
    preprocessing: Mapping[str, Preprocessing]
    row_dtypes: Mapping[str, str]
    target_scale: "TargetScale | None"
    classes: tuple[str, ...] | None
    csv: Written
    arrays: Mapping[str, str | None]
    numerics: Mode = "portable"
    tiled: bool = False
    pictures: Wanted | None = None

    def predict(self, rows: Array | Mapping[str, Array]) -> Array:
        """Answers (n, *out_shape) for stored rows: probabilities in float32, or values in the
        target's own units (in float64, where the network learned scaled ones).

        rows: those of each value by its name, where values have names.
        """
        given = {ONLY: rows} if isinstance(rows, np.ndarray) else rows
        self.check_ids(given, "the rows")
        with self.answering() as answering:
            return answering(given)

    def answering(self, team: TeamOf = Alone) -> Answering:
        """Itself, ready to be asked for rows of which the ids are known to be right."""
        return Answering(
            self.model,
            self.loss,
            self.theta,
            self.preprocessing,
            self.target_scale,
            tiled=self.tiled,
            team=team,
        )

    @property
    def takes_pictures(self) -> Wanted | None:
        """How picture files become its rows; None where rows are no pixels."""
        if ONLY not in self.preprocessing:
            return None
        usual = wanted_for(self.preprocessing[ONLY].row_shape, self.row_dtypes[ONLY])
        return self.pictures or usual

    def check_ids(self, rows: Mapping[str, Array], what: str) -> None:
        """DataError for a stored row with an id that the network does not know.

        what: how messages call the rows.
        """
        parts = {name: Part(array, array) for name, array in rows.items()}
        require_ids(self.model.plain, self.preprocessing, parts, what, learned=True)


@frozen
class Reading:
    """How the parts of a bundle are understood; each raises ValueError for what it does not know.

    links, loss, csv, arrays: of model.json. tensors: of a file of arrays.
    """

    links: Callable[[Any], list[Link]]
    loss: Callable[[Any], Loss]
    csv: Callable[[Any], Written]
    arrays: Callable[[Any], dict[str, str | None]]
    tensors: Callable[[bytes, Path], Tensors]


BY_TYPES = Reading(links, loss_of, csv_of, arrays_of_values, plain_tensors)
"""Whoever has the engine alone."""

N = TypeVar("N", bound=Network)


def load(place: Place) -> Network:
    """The network that lies there, read without the vocabulary; ArtifactError where none does, or
    one that another version has written."""
    path, document = place.where("model.json"), read_document(place, "model.json")
    schema = document.pop("schema", None)
    if type(schema) is not int or not PLAIN_SCHEMA <= schema <= SCHEMA:
        raise ArtifactError(
            f"{path} has schema {str(schema)[:50]}; this program reads {PLAIN_SCHEMA} to {SCHEMA}",
            file=path,
        )
    try:
        return read(Network, document, place, BY_TYPES, schema)
    except FOREIGN as error:
        raise not_ours(place, error) from None


def not_ours(place: Place, error: Exception) -> ArtifactError:
    """The error about a bundle that somebody else has put together."""
    return ArtifactError(f"{place.path} is not a bundle that dlcli wrote: {error}", file=place.path)


def read(kind: type[N], document: Mapping[str, Any], place: Place, by: Reading, schema: int) -> N:
    """A network of a model.json without its schema, and of the other files beside it; one of
    FOREIGN, or ArtifactError, for what no version wrote."""
    if document.keys() != (_KEYS | _LATER_KEYS if schema == SCHEMA else _KEYS):
        raise ValueError("model.json has other keys")
    tiled, decoded = document.get("tiled", False), document.get("pictures")
    if type(tiled) is not bool:
        raise ValueError("it is not said whether dense layers multiply rows in tiles")
    if schema == SCHEMA and not tiled and decoded is None:
        raise ValueError(f"there is nothing in it that schema {PLAIN_SCHEMA} could not say")
    values = document["values"]
    arrays = by.arrays(values)

    def tensors(name: str) -> Mapping[str, Array]:
        return by.tensors(place.read(name, TENSOR_LIMIT), place.where(name)).arrays

    preprocessing = _restored(
        tuple(arrays),
        read_document(place, "preprocessing.json"),
        tensors("preprocessing.safetensors"),
    )
    for name, one in preprocessing.items():
        if list(one.row_shape) != values[name]["row_shape"]:
            raise ValueError("model.json and preprocessing.json have rows of other shapes")
        if work_dtype(stored_dtype(values[name]["row_dtype"])) != one.dtype:
            raise ValueError("model.json and preprocessing.json have numbers of other types")
    shapes = {name: one.out_shape for name, one in preprocessing.items()}
    model = _model(by.links(document["layers"]), shapes)
    if tiled and not is_tiled(model):
        raise ValueError("no layer is so wide that tiles are worth it")
    _require_its_ids(model, preprocessing)
    loss = by.loss(document["loss"])
    loss.check(model.out_shape)
    return kind(
        model,
        loss,
        _theta(model, tensors("weights.safetensors"), "weights.safetensors"),
        preprocessing,
        {name: one["row_dtype"] for name, one in values.items()},
        scale_of(document["target_scale"], loss, model.out_shape),
        _classes(read_document(place, "classes.json"), loss, model.out_shape),
        by.csv(document["csv"]),
        arrays,
        tiled=tiled,
        pictures=pictures_of(decoded, preprocessing),
    )


def _model(layers: Sequence[Link], shapes: Mapping[str, Shape]) -> Model:
    nodes = tuple(connect(layers, shapes))
    for node in nodes:
        if math.prod(node.out_shape) > _LARGEST_ROW:
            raise ValueError(f"the layer {node.name!r} gives rows of shape {node.out_shape}")
    model = Model(fuse(nodes), plain=nodes)
    if set(model.inputs) != set(shapes):
        raise ValueError("there is a value of a row that no layer reads")
    return model


def _require_its_ids(model: Model, preprocessing: Mapping[str, Preprocessing]) -> None:
    """ValueError unless each layer that looks ids up has a vector for each that there is."""
    for node in model.plain:
        taken = node.layer.id_columns() if isinstance(node.layer, Layer) else ()
        if taken:
            columns = preprocessing[node.inputs[0]].columns_after() or ()
            if taken != tuple((j, column.ids) for j, column in enumerate(columns) if column.ids):
                raise ValueError(f"the layer {node.name!r} is for other columns of ids")


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


def _theta(model: Model, arrays: Mapping[str, Array], called: str) -> Array:
    """The flat vector of the arrays of a file; no room is made before they are known to fit."""
    slots = {f"{layer}.{name}": slot for (layer, name), slot in model.layout.slots.items()}
    if slots.keys() != arrays.keys():
        raise ValueError(f"{called} holds other arrays than the model has")
    for name, slot in slots.items():
        array = arrays[name]
        if array.shape != slot.shape or array.dtype != np.float32:
            raise ValueError(f"{called}: {name} has shape {array.shape} and type {array.dtype}")
    flat = np.zeros(model.layout.size, np.float32)
    try:
        model.layout.fill(flat, arrays)
    except ArraysError as error:
        raise ValueError(f"{called}{error}") from None
    return flat
