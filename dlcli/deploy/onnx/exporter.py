"""The exporter: what it refuses, what it writes, and how that is proved."""

from importlib.util import find_spec
from pathlib import Path

from dlcli import __version__
from dlcli.artifacts import documents
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.exporter import Exporter, Proof
from dlcli.deploy.onnx.answers import FLOAT, answered, any_fault, free, give, without_wrong
from dlcli.deploy.onnx.described import described, network_described
from dlcli.deploy.onnx.graph import Graph, Port
from dlcli.deploy.onnx.inputs import ALONE, ports, rows_of
from dlcli.deploy.onnx.network import network
from dlcli.deploy.onnx.proof import proved
from dlcli.deploy.onnx.serialized import MOST_BYTES, serialized
from dlcli.engine.layer import Shape

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
        size = 4 * bundle.model.layout.size
        if size > MOST_BYTES:
            return (
                f"its weights have {size:,} bytes, and one file of ONNX holds at most "
                f"{MOST_BYTES:,}; deploy it as a `bundle`"
            )
        names = [port.name for port in ports(bundle)]
        for name in names:
            if not name:
                return "a column of its rows has no name, and each is an input of its own"
            if names.count(name) > 1:
                return f"two of its inputs would be called {name!r}"
        return _no_text(bundle, names)

    def write(self, bundle: Bundle, run: RunDirectory, folder: str) -> list[str]:
        written = {MODEL: model_bytes(bundle), NETWORK: network_bytes(bundle)}
        for name, data in written.items():
            documents.write_bytes(run, f"{folder}/{name}", data)
        return [f"{folder}/{name}" for name in written]

    def prove(self, bundle: Bundle, folder: Path, golden: Path) -> Proof:
        return proved(bundle, folder / MODEL, folder / NETWORK, golden)


def _no_text(bundle: Bundle, names: list[str]) -> str | None:
    """A sentence about a name or category that is no text that can be written; None where there is
    none. JSON can hold halves of letters, which no other file can."""
    texts = [*names, *(bundle.classes or ())]
    for fitted in bundle.preprocessing.values():
        for column in fitted.columns or ():
            texts += column.categories or ()
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError:
            return f"the text {ascii(text)[:100]} of its rows is half of a letter of Unicode"
    return None


def model_bytes(bundle: Bundle) -> bytes:
    """model.onnx: stored rows in, answers out."""
    inputs = ports(bundle)
    taken = [port.name for port in inputs]
    graph = Graph([*taken, *(free(w, taken) for w in ("label", "probabilities", "prediction"))])
    rows = rows_of(graph, bundle)
    y = network(graph, bundle.model, bundle.theta, rows)
    answered(graph, bundle, y, taken)
    metadata = described(bundle, inputs, graph.outputs, __version__)
    return serialized(graph, "model", metadata, __version__)


def network_ports(bundle: Bundle) -> tuple[dict[str, Port], Port]:
    """The inputs of network.onnx, by the names of the values, and its output."""
    shapes: dict[str, Shape] = {
        name: bundle.preprocessing[name].out_shape for name in bundle.model.inputs
    }
    inputs = {name: Port(name or ALONE, FLOAT, shape) for name, shape in shapes.items()}
    word = "outputs" if bundle.loss.folds is None else "logits"
    output = Port(free(word, [p.name for p in inputs.values()]), FLOAT, bundle.model.out_shape)
    return inputs, output


def network_bytes(bundle: Bundle) -> bytes:
    """network.onnx: prepared rows in, raw outputs out. NaN where a number is no id."""
    inputs, output = network_ports(bundle)
    graph = Graph([port.name for port in (*inputs.values(), output)])
    graph.inputs += inputs.values()
    given = {name: port.name for name, port in inputs.items()}
    y = network(graph, bundle.model, bundle.theta, given)
    graph.scope("outputs")
    y = without_wrong(graph, y, any_fault(graph), bundle.model.out_shape)
    give(graph, output, y)
    return serialized(graph, "network", network_described(bundle, output, __version__), __version__)
