"""The format `onnx`; how it is written and proved is loaded when it is asked for."""

from importlib.util import find_spec
from pathlib import Path

from dlcli.artifacts import documents
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.exporter import Exporter, Proof

MODEL, NETWORK = "model.onnx", "network.onnx"


class OnnxExporter(Exporter):
    """ONNX, opset 18: what any runtime of ONNX can run.

    What ONNX cannot do is to raise an error for one row. So a row that dlcli's `predict` refuses is
    answered by NaN, and its label is "" (-1, where classes have no names): one with a category that
    training did not have, where the transform has `handle_unknown: error`; with a missing cell that
    nothing fills in; with a number that is infinite, or is so once prepared; or with a number that
    is no id. The file says so, too, in its metadata.

    Texts that are hashed need MurmurHash3, which ONNX has not and ONNX Runtime has, in the domain
    com.microsoft; everything else is of the standard: opset 18 and ai.onnx.ml 3.
    """

    def lacks(self) -> str | None:
        absent = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
        if not absent:
            return None
        what = f"package{'s' if len(absent) > 1 else ''} {' and '.join(absent)}"
        are = "are" if len(absent) > 1 else "is"
        return (
            f"it is written and tried by the {what}, which {are} not installed: "
            "`pip install 'dlcli[onnx]'` installs what lacks"
        )

    def refuses(self, bundle: Bundle) -> str | None:
        from dlcli.deploy.onnx.files import refused

        return refused(bundle)

    def write(self, bundle: Bundle, run: RunDirectory, folder: str) -> list[str]:
        from dlcli.deploy.onnx.files import model_bytes, network_bytes

        written = {MODEL: model_bytes(bundle), NETWORK: network_bytes(bundle)}
        for name, data in written.items():
            documents.write_bytes(run, f"{folder}/{name}", data)
        return [f"{folder}/{name}" for name in written]

    def prove(self, bundle: Bundle, folder: Path, golden: Path) -> Proof:
        from dlcli.deploy.onnx.proof import proved

        return proved(bundle, folder / MODEL, folder / NETWORK, golden)
