"""What exporters of source share: files are written, refusals are collected, proofs are run."""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import ClassVar

from dlcli.artifacts import documents
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.exporter import Exporter, Proof
from dlcli.deploy.sources.proving import Asked, prove
from dlcli.engine.layer import Array
from dlcli.frozen import frozen


@frozen
class Source:
    """text: model.py. weights, constants: the arrays of the files beside it."""

    text: str
    weights: Mapping[str, Array]
    constants: Mapping[str, Array]


class SourceExporter(Exporter):
    """A format that is a module and the arrays that it reads.

    cannot: what is said of layers that it cannot hold, by class, behind their name.
    What it is written by is loaded when it is asked for: most trainings write a bundle alone.
    """

    cannot: ClassVar[Mapping[type, str]] = {}
    asked: ClassVar[Asked]

    @property
    @abstractmethod
    def held(self) -> Collection[type]:
        """The layers, activations and merges that it can hold."""

    @abstractmethod
    def source(self, bundle: Bundle) -> Source:
        """The network of a bundle as source."""

    def refuses(self, bundle: Bundle) -> str | None:
        from dlcli.deploy.sources import rows

        for node in bundle.model.plain:
            kind = type(node.layer)
            if kind not in self.held:
                why = self.cannot.get(kind, f"is a {kind.__name__}, which has no counterpart there")
                return f"the layer `{node.name}` {why}"
        return rows.refused(bundle)

    def write(self, bundle: Bundle, run: RunDirectory, folder: str) -> list[str]:
        from dlcli.deploy.sources.document import CONSTANTS, SOURCE, WEIGHTS

        source = self.source(bundle)
        documents.write_text(run, f"{folder}/{SOURCE}", source.text)
        documents.write_tensors(run, f"{folder}/{WEIGHTS}", source.weights)
        names = [SOURCE, WEIGHTS]
        if source.constants:
            documents.write_tensors(run, f"{folder}/{CONSTANTS}", source.constants)
            names.append(CONSTANTS)
        return [f"{folder}/{name}" for name in names]

    def prove(self, bundle: Bundle, folder: Path, golden: Path) -> Proof:
        from dlcli.deploy.sources.document import SOURCE

        return prove(bundle, folder / SOURCE, golden, self.asked)
