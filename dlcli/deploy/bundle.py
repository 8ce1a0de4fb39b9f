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
last bits than it did when each row went through it alone: `tiled` in model.json says so. `pictures`
says how the files were decoded that it was trained on. Both are left out where there is neither, or
where the bundle is of a time before.

What does not need the vocabulary, asking included, stands in network.py: a bundle also answers
where there is no dlcli, by the program that is written beside it (program/).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlcli.artifacts import documents
from dlcli.artifacts.digests import readable_json
from dlcli.artifacts.files import Buffer
from dlcli.artifacts.plain_tensors import TENSOR_LIMIT
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.tensors import decode_tensors, read_tensors, tensor_pieces
from dlcli.data.dataset import ONLY
from dlcli.data.preprocessing import Preprocessing
from dlcli.deploy import earlier
from dlcli.deploy.by_vocabulary import BY_VOCABULARY
from dlcli.deploy.golden import GOLDEN, fault, golden_batch, golden_rows, require_answers
from dlcli.deploy.network import FOREIGN, PLAIN_SCHEMA, SCHEMA, Network, not_ours, read
from dlcli.deploy.places import DOCUMENT, place_of, read_document, recorded_mode
from dlcli.deploy.said import Said
from dlcli.deploy.written import document_of_csv, document_of_pictures
from dlcli.engine.described import describe, written
from dlcli.engine.layer import Array
from dlcli.engine.losses import LOSSES
from dlcli.errors import ArtifactError

__all__ = ["GOLDEN", "Bundle", "golden_batch", "golden_rows", "open_bundle", "prove"]


class Bundle(Network):
    """A network that knows the vocabulary: it is written, and held against what a config says."""

    def write(self, run: RunDirectory, folder: str) -> list[str]:
        """Write it into a folder of a run; returns the names of its files."""
        contents = self.contents()
        for name, pieces in contents.items():
            documents.write_bytes(run, f"{folder}/{name}", pieces)
        return [f"{folder}/{name}" for name in contents]

    def contents(self) -> dict[str, list[Buffer]]:
        """Its files by their names, each in pieces."""
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
        return {
            **{name: [readable_json(document)] for name, document in described.items()},
            **{name: tensor_pieces(arrays) for name, arrays in tensors.items()},
        }

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
        later: dict[str, Any] = {}
        if self.tiled or self.pictures is not None:
            later = {"tiled": self.tiled, "pictures": document_of_pictures(self.pictures)}
        return {
            "schema": SCHEMA if later else PLAIN_SCHEMA,
            **later,
            "layers": describe(self.model.plain),
            "loss": written(self.loss, LOSSES),
            "values": values,
            "target_scale": None if self.target_scale is None else self.target_scale.to_json(),
            "csv": document_of_csv(self.csv),
        }

    @staticmethod
    def load(path: Path) -> "Bundle":
        """The bundle in a folder, or in a zip file such as bundle.pyz, wherever it lies; of a zip
        no code is run. ArtifactError for files that dlcli did not write like this, and for links.
        """
        place = place_of(path)
        model, document, said = place.where("model.json"), read_document(place, "model.json"), None
        schema = document.pop("schema", None)
        if type(schema) is not int or not earlier.SCHEMA <= schema <= SCHEMA:
            raise ArtifactError(
                f"{model} has schema {str(schema)[:50]}; this version of dlcli reads "
                f"{earlier.SCHEMA} to {SCHEMA}. Use the version that wrote it",
                file=model,
            )
        try:
            if schema == earlier.SCHEMA:
                document, said = earlier.as_today(document, str(model))
            bundle = read(Bundle, document, place, BY_VOCABULARY, schema)
            wrong = None if said is None else bundle.unlike(said)
            if wrong is not None:
                raise ValueError(f"the {wrong} are not what the config in model.json says")
        except FOREIGN as error:
            raise not_ours(place, error) from None
        return replace(bundle, numerics=recorded_mode(place))

    def unlike(self, said: Said) -> str | None:
        """What about it is not as a config says, None where all of it is."""
        fitted = {
            name: [(type(step), step.handle_unknown) for step in one.steps]
            for name, one in self.preprocessing.items()
        }
        alike = {
            "layers": said.layers == describe(self.model.plain),
            "loss": said.loss == written(self.loss, LOSSES),
            "arrays of rows": said.arrays == dict(self.arrays),
            "pictures": self.pictures in (None, said.pictures),  # earlier versions did not say it
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


def open_bundle(path: Path) -> Bundle:
    """A bundle that has left its run, see `Bundle.load`; nobody has the digests of its files any
    more, so it answers its golden batch, where that lies beside it. ArtifactError where it does not
    answer as was recorded."""
    bundle, place = Bundle.load(path), place_of(path)
    if place.has(GOLDEN):
        said = read_document(place, DOCUMENT) if place.has(DOCUMENT) else {}
        golden = decode_tensors(place.read(GOLDEN, TENSOR_LIMIT), place.where(GOLDEN)).arrays
        wrong = fault(bundle, golden, said.get("numerics_class"))
        if wrong is not None:
            raise ArtifactError(
                f"{path} {wrong}: a file in it was changed or damaged. Copy it again", file=path
            )
    return bundle


def prove(bundle: Bundle, golden: Path) -> None:
    """ExportError unless the bundle's answers to the golden batch are the engine's, to the bit."""
    require_answers(bundle, read_tensors(golden).arrays, golden.parent)
