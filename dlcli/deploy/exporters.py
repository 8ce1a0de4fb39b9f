"""What a trained network can be written as: one row for each word of `deployment.formats`."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dlcli.artifacts import documents
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.tensors import read_tensors
from dlcli.deploy import network
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.exporter import ENGINE, Exporter, Proof
from dlcli.deploy.golden import require_answers
from dlcli.deploy.keras.exporter import KerasExporter
from dlcli.deploy.onnx.exporter import OnnxExporter
from dlcli.deploy.places import place_of
from dlcli.deploy.program.alone import prove_alone
from dlcli.deploy.program.files import ONE_FILE, in_one_file, program_files
from dlcli.deploy.torch.exporter import TorchExporter


class BundleExporter(Exporter):
    """A bundle: it is the engine itself, and holds whatever there is."""

    def refuses(self, bundle: Bundle) -> str | None:
        return None

    def write(self, bundle: Bundle, run: RunDirectory, folder: str) -> list[str]:
        contents = bundle.contents()
        written = {
            f"{folder}/{name}": pieces
            for name, pieces in {**contents, **program_files(bundle)}.items()
        }
        whole = in_one_file(bundle, contents)
        if whole is not None:
            written[f"{folder}{ONE_FILE}"] = whole
        for name, pieces in written.items():
            documents.write_bytes(run, name, pieces)
        return list(written)

    def prove(self, bundle: Bundle, folder: Path, golden: Path) -> Proof:
        """In this process: the folder as dlcli reads it, the one file as the program in it does,
        by the very functions that it carries."""
        recorded = read_tensors(golden).arrays
        require_answers(Bundle.load(folder), recorded, golden.parent)
        whole = folder.with_name(folder.name + ONE_FILE)
        if whole.exists():
            require_answers(network.load(place_of(whole)), recorded, whole)
        return Proof(ENGINE, len(recorded["y"]))

    def prove_by_itself(self, folder: Path, golden: Path) -> Proof:
        """In a process of its own that can load nothing but Python, NumPy and what is in the
        folder, or in the file beside it; it takes about as long as loading NumPy twice."""
        whole = folder.with_name(folder.name + ONE_FILE)
        seconds = prove_alone(folder, golden)
        if whole.exists():
            prove_alone(whole, golden)
        rows = len(read_tensors(golden).arrays["y"])
        return Proof(f"numpy {np.__version__}", rows, seconds=seconds)


EXPORTERS: Mapping[str, Exporter] = {
    "bundle": BundleExporter(),
    "onnx": OnnxExporter(),
    "keras": KerasExporter(),
    "torch": TorchExporter(),
}
"""By their words in the config; a test compares both."""
