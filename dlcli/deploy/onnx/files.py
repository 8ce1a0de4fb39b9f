"""The two files, model.onnx and network.onnx, and what they cannot hold."""

from dlcli import __version__
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.onnx.answers import FLOAT, answered, any_fault, free, give, without_wrong
from dlcli.deploy.onnx.described import described, network_described
from dlcli.deploy.onnx.graph import Graph, Port
from dlcli.deploy.onnx.inputs import ALONE, ports, rows_of
from dlcli.deploy.onnx.network import network
from dlcli.deploy.onnx.serialized import MOST_BYTES, serialized
from dlcli.engine.layer import Shape


def refused(bundle: Bundle) -> str | None:
    """What ONNX cannot hold; None where it can hold everything."""
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
