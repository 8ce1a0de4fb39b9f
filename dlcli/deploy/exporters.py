"""What a trained network can be written as: one row for each word of `deployment.formats`."""

from collections.abc import Mapping
from pathlib import Path

from dlcli.artifacts.run_directory import RunDirectory
from dlcli.deploy.bundle import Bundle, prove
from dlcli.deploy.exporter import EXACT, Exporter, Proof
from dlcli.deploy.keras.exporter import KerasExporter
from dlcli.deploy.torch.exporter import TorchExporter


class BundleExporter(Exporter):
    """A bundle: it is the engine itself, and holds whatever there is."""

    def refuses(self, bundle: Bundle) -> str | None:
        return None

    def write(self, bundle: Bundle, run: RunDirectory, folder: str) -> list[str]:
        return bundle.write(run, folder)

    def prove(self, bundle: Bundle, folder: Path, golden: Path) -> Proof:
        prove(Bundle.load(folder), golden)
        return EXACT


EXPORTERS: Mapping[str, Exporter] = {
    "bundle": BundleExporter(),
    "keras": KerasExporter(),
    "torch": TorchExporter(),
}
"""By their words in the config; a test compares both."""
