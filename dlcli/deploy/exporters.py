"""What a trained network can be written as: one row for each word of `deployment.formats`.

An exporter says what it cannot hold, before anything is trained; writes a folder of a run; and
proves that what lies there gives the engine's answers.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from dlcli.artifacts.run_directory import RunDirectory
from dlcli.data.preprocessing import Preprocessing
from dlcli.deploy.bundle import Bundle, prove
from dlcli.engine.losses import Loss
from dlcli.engine.model import Model


class Exporter(ABC):
    """One format."""

    @abstractmethod
    def refuses(
        self, model: Model, loss: Loss, preprocessing: Mapping[str, Preprocessing]
    ) -> str | None:
        """What the format cannot hold, in a sentence that begins with what it is; None where it
        can hold everything."""

    @abstractmethod
    def write(self, bundle: Bundle, run: RunDirectory, folder: str) -> list[str]:
        """Write the network into a folder of a run; returns the names of its files.

        bundle: everything there is; `bundle.model.plain` is the graph without fused layers. Files
            are written by artifacts/documents.py, under names that begin with the run's folder.
        """

    @abstractmethod
    def prove(self, folder: Path, golden: Path) -> None:
        """ExportError unless what was written gives the answers of the golden batch.

        golden: a file of stored rows, as they were before preprocessing, and of the engine's
            answers to them. A format that cannot give their bits says how near it comes.
        """


class BundleExporter(Exporter):
    """A bundle: it is the engine itself, and holds whatever there is."""

    def refuses(
        self, model: Model, loss: Loss, preprocessing: Mapping[str, Preprocessing]
    ) -> str | None:
        return None

    def write(self, bundle: Bundle, run: RunDirectory, folder: str) -> list[str]:
        return bundle.write(run, folder)

    def prove(self, folder: Path, golden: Path) -> None:
        prove(Bundle.load(folder), golden)


EXPORTERS: Mapping[str, Exporter] = {
    "bundle": BundleExporter(),
}
"""By their words in the config; a test compares both."""
