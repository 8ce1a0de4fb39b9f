"""Exported as ONNX and run by ONNX Runtime: whole bundles, and graphs that a test makes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dlcli.artifacts import documents
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.config.loading import LoadedConfig
from dlcli.deploy.bundle import GOLDEN, Bundle, golden_batch
from dlcli.deploy.exporter import Proof
from dlcli.deploy.onnx.answers import give
from dlcli.deploy.onnx.exporter import OnnxExporter
from dlcli.deploy.onnx.graph import Graph, Port
from dlcli.deploy.onnx.proof import session
from dlcli.deploy.onnx.serialized import serialized
from dlcli.pipeline import deploy, design, prepare

Array = npt.NDArray[Any]
FOLDER = "deploy/onnx"


@dataclass(frozen=True)
class Exported:
    """A bundle whose network has its first weights, and the files that were written of it.

    rows: the first stored rows of training, by the name of their value.
    """

    bundle: Bundle
    folder: Path
    rows: Mapping[str, Array]

    def prove(self) -> Proof:
        return OnnxExporter().prove(self.bundle, self.folder, self.folder / GOLDEN)

    def run(self, feeds: Mapping[str, Array], file: str = "model.onnx") -> dict[str, Array]:
        """What a file answers, by the names of its outputs."""
        return answers(session(self.folder / file), feeds)


def answers(model: Any, feeds: Mapping[str, Array]) -> dict[str, Array]:
    names = [one.name for one in model.get_outputs()]
    return dict(zip(names, model.run(None, dict(feeds)), strict=True))


def exported(loaded: LoadedConfig, folder: Path, data: Path | None = None) -> Exported:
    """Write a config's network into a folder, with the golden batch beside it.

    data: where the files of the config are, if not in the folder.
    """
    prepared = prepare.prepare(loaded, prepare.places(data or folder, None))
    designed = design.design(loaded, prepared)
    theta = designed.recipe.model.layout.initial(loaded.config.seed)
    bundle = deploy.bundle_of(loaded, prepared, designed, theta)
    exporter = OnnxExporter()
    assert exporter.lacks() is None and exporter.refuses(bundle) is None
    run = RunDirectory.create(folder / "runs", "net")
    written = exporter.write(bundle, run, FOLDER)
    assert written == [f"{FOLDER}/model.onnx", f"{FOLDER}/network.onnx"]
    part = prepared.dataset.train
    first = np.arange(min(16, len(part)))
    rows = {name: one.take_features(first) for name, one in part.each().items()}
    found = bundle.predict(rows)
    documents.write_tensors(run, f"{FOLDER}/{GOLDEN}", golden_batch(rows, found))
    return Exported(bundle, run.path(FOLDER), rows)


def computed(write: Callable[..., str], *xs: Array, folder: Path) -> Array:
    """What a graph gives for these arrays (n, ...); write: the nodes, given the graph and the names
    of its inputs, returning the name of what is to come out, of which any shape is taken."""
    names = [f"x{number}" for number in range(len(xs))]
    graph = Graph([*names, "y"])
    graph.inputs += [Port(name, x.dtype, x.shape[1:]) for name, x in zip(names, xs, strict=True)]
    y = write(graph, *names)
    give(graph, Port("y", np.dtype(np.float64), ()), graph.cast(graph.op("Flatten", y), np.float64))
    graph.outputs[0] = Port("y", np.dtype(np.float64), ("numbers",))  # type: ignore[arg-type]
    path = folder / "graph.onnx"
    path.write_bytes(serialized(graph, "graph", {}, "0"))
    (found,) = session(path).run(None, dict(zip(names, xs, strict=True)))
    return np.asarray(found)
