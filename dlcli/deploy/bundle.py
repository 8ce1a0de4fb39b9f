"""The NumPy bundle: weights, model, preprocessing, class names, in one folder.

A bundle answers exactly as the engine does, because it is the engine: it builds the same layers
from the recorded config and restores the fitted preprocessing.

A row's answer never depends on the rows it is asked with, nor on its place among them: every row
goes through the network alone. Padding all batches to one shape would not be enough, because a
BLAS computes the rows of one product by different kernels (those at an edge of a block add up in
another order), so the same row has other last bits as the third of a batch than as the seventh.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlcli import builder
from dlcli.artifacts import weights
from dlcli.artifacts.reading import read_mapping
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.tensors import read_tensors
from dlcli.config import Config, config_from_dict
from dlcli.data.dataset import ONLY, Column
from dlcli.data.preprocessing import Preprocessing, work_dtype
from dlcli.data.restoring import names_of
from dlcli.data.rows import Written
from dlcli.data.sources import Csv, Source
from dlcli.data.targets import TargetScale
from dlcli.engine.graph import GraphError, connect
from dlcli.engine.inference import predict
from dlcli.engine.layer import Array, Shape
from dlcli.engine.losses import Loss
from dlcli.engine.model import Model
from dlcli.errors import ArtifactError, ConfigError, ExportError

SCHEMA = 1

GOLDEN = "golden.safetensors"
"""Rows as they are stored, and the engine's answers to them, beside a bundle that leaves."""

_FOREIGN = (LookupError, TypeError, ValueError, AttributeError, GraphError, ConfigError)
"""What files raise that somebody else has put together."""

ROWS_AT_ONCE = 1
"""Rows in one pass through the network; see above."""


@dataclass(frozen=True)
class Contents:
    """What a bundle is made of.

    row_dtypes: the types of a row as it is stored, before preprocessing, by the names of its
        values. preprocessing: by the same names.
    """

    config: Mapping[str, Any]
    row_dtypes: Mapping[str, str]
    parameters: Mapping[str, Array]
    preprocessing: Mapping[str, Preprocessing]
    target_scale: TargetScale | None
    classes: tuple[str, ...] | None
    columns: tuple[Column, ...] | None
    width: int | None = None
    """How many columns the file had that was trained on, where they are known by their place."""


def write_bundle(run: RunDirectory, folder: str, contents: Contents) -> list[str]:
    """Write a bundle into a folder of a run; returns the names of its files."""
    scale = contents.target_scale
    rows = {
        name: {"row_shape": list(one.row_shape), "row_dtype": contents.row_dtypes[name]}
        for name, one in contents.preprocessing.items()
    }
    model = {
        "schema": SCHEMA,
        "config": dict(contents.config),
        **rows.get(ONLY, {"inputs": rows}),
        "target_scale": None if scale is None else scale.to_json(),
    }
    if contents.width is not None:
        model["width"] = contents.width
    preprocessing, arrays = _state(contents.preprocessing)
    classes = None if contents.classes is None else list(contents.classes)
    documents = {
        "model.json": model,
        "preprocessing.json": preprocessing,
        "classes.json": {"classes": classes},
    }
    tensors = {
        "weights.safetensors": contents.parameters,
        "preprocessing.safetensors": arrays,
    }
    for name, document in documents.items():
        weights.write_json(run, f"{folder}/{name}", document)
    for name, named in tensors.items():
        weights.write_tensors(run, f"{folder}/{name}", named)
    return [f"{folder}/{name}" for name in (*documents, *tensors)]


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
        raise ValueError("preprocessing.json is of other inputs than the config has")
    own: dict[str, dict[str, Array]] = {name: {} for name in names}
    for key, array in arrays.items():
        name, _, rest = key.partition(".")
        own[name][rest] = array
    return {name: Preprocessing.restore(documents[name], own[name]) for name in names}


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle, ready to answer.

    preprocessing: of each value of a row, by its name.
    arrays: the names of the arrays that the values were in, by the values' names, where they have
        names.
    """

    model: Model
    loss: Loss
    theta: Array
    preprocessing: Mapping[str, Preprocessing]
    target_scale: TargetScale | None
    classes: tuple[str, ...] | None
    csv: Written
    """How a CSV of rows is written: as the file that the network was trained on."""
    arrays: Mapping[str, str]

    @staticmethod
    def load(folder: Path, config: Mapping[str, Any] | None = None) -> "Bundle":
        """Read a bundle; ArtifactError for files that dlcli did not write like this.

        config: the resolved config that the bundle must be of, where that is known.
        """
        document = read_mapping(folder / "model.json")
        if document.get("schema") != SCHEMA:
            raise ArtifactError(
                f"{folder / 'model.json'} has schema {document.get('schema')!r}; this version of "
                f"dlcli reads {SCHEMA}. Use the version that wrote it"
            )
        try:
            fitted = read_mapping(folder / "preprocessing.json")
            constants = read_tensors(folder / "preprocessing.safetensors").arrays
            if config is not None and document["config"] != config:
                raise ValueError("model.json is of another config than its run")
            chosen = config_from_dict(document["config"], str(folder / "model.json"))
            loss = builder.loss(chosen)
            built = builder.layers(chosen, loss)
            preprocessing = _restored(tuple(builder.transforms(chosen)), fitted, constants)
            shapes = {name: one.out_shape for name, one in preprocessing.items()}
            nodes = connect([one.link for one in built], shapes)
            model = builder.model(nodes, builder.optimizer(chosen))
            rows = {ONLY: document} if ONLY in preprocessing else document["inputs"]
            if rows.keys() != preprocessing.keys():
                raise ValueError("model.json and preprocessing.json have other inputs")
            for name, one in preprocessing.items():
                if list(one.row_shape) != rows[name]["row_shape"]:
                    raise ValueError("model.json and preprocessing.json have rows of other shapes")
                if work_dtype(_stored_dtype(rows[name]["row_dtype"])) != one.dtype:
                    raise ValueError(
                        "model.json and preprocessing.json have numbers of other types"
                    )
            _require_steps(preprocessing, chosen)
            return Bundle(
                model,
                loss,
                _theta(model, folder / "weights.safetensors"),
                preprocessing,
                _target_scale(document["target_scale"], chosen, loss, model.out_shape),
                _classes(read_mapping(folder / "classes.json"), loss, model.out_shape),
                _written(builder.source(chosen), document.get("width")),
                {name: one.array for name, one in (chosen.data.inputs or {}).items()},
            )
        except (
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            GraphError,
            ConfigError,
        ) as error:
            raise ArtifactError(
                f"{folder} is not a bundle that this version of dlcli wrote: {error}",
                file=folder,
            ) from None

    def predict(self, rows: Array | Mapping[str, Array]) -> Array:
        """Answers (n, *out_shape) for stored rows: probabilities in float32, or values in the
        target's own units (in float64, where the network learned scaled ones).

        rows: those of each value by its name, where values have names.
        """
        given = {ONLY: rows} if isinstance(rows, np.ndarray) else rows
        xs = [self.preprocessing[name].apply(given[name]) for name in self.model.inputs]
        return answer(self.model, self.loss, self.theta, xs, self.target_scale)


def answer(
    model: Model,
    loss: Loss,
    theta: Array,
    xs: Sequence[Array],
    target_scale: TargetScale | None,
) -> Array:
    """Answers to preprocessed rows, of each of the model's inputs. What overflows becomes
    infinite, without a warning."""
    with np.errstate(all="ignore"):
        answers = predict(model, loss, theta, xs, ROWS_AT_ONCE)
        if target_scale is not None:
            answers = target_scale.inverse(answers)
    return answers


def _require_steps(preprocessing: Mapping[str, Preprocessing], config: Config) -> None:
    """ValueError unless the fitted steps are those of the config's transforms."""
    for name, transforms in builder.transforms(config).items():
        wanted = [transform.fitted for transform in transforms]
        if [type(step) for step in preprocessing[name].steps] != wanted:
            raise ValueError("preprocessing.json has other steps than the config has transforms")


def _stored_dtype(name: object) -> np.dtype[Any]:
    dtype = np.dtype(name) if isinstance(name, str) else None
    if dtype is None or dtype.kind not in "biuf" or dtype.name != name:
        raise ValueError(f"rows of type {str(name)[:50]!r}")
    return dtype


def _target_scale(
    document: Any, config: Config, loss: Loss, out_shape: Shape
) -> TargetScale | None:
    """The scale of the target, which is there where the config asks for one."""
    if (document is None) != (config.data.target_transform is None):
        raise ValueError("the scale of the target is not what the config says")
    if document is None:
        return None
    scale = TargetScale.from_json(document)
    if loss.kind(out_shape)[0] != "regression" or scale.scale.shape not in ((), out_shape[-1:]):
        raise ValueError(f"a scale of shape {scale.scale.shape} for rows of shape {out_shape}")
    return scale


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


def _written(source: Source, width: object) -> Written:
    """How the file was written; its width is kept where columns are known by their place."""
    if width is not None and (type(width) is not int or width < 1):
        raise ValueError(f"a file of {width!r} columns")
    if not isinstance(source, Csv):
        return Written()
    if source.header is False and width is None:
        raise ValueError("a file without a header whose width is not known")
    return Written(source.format, source.target, width)


def _theta(model: Model, path: Path) -> Array:
    arrays = read_tensors(path).arrays
    flat = np.zeros(model.layout.size, np.float32)
    views = model.layout.named(flat)
    if set(views) != set(arrays):
        raise ValueError(f"{path.name} holds other arrays than the model has")
    for name, view in views.items():
        if arrays[name].shape != view.shape or arrays[name].dtype != view.dtype:
            found = f"shape {arrays[name].shape} and type {arrays[name].dtype}"
            raise ValueError(f"{path.name}: {name} has {found}")
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{path.name}: {name} holds numbers that are not finite")
        view[...] = arrays[name]
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
