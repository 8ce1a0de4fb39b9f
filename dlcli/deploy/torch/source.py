"""What the format `torch` writes: model.py, model.safetensors, preprocessing.safetensors.

Nothing of PyTorch is needed to write it.
"""

from dlcli.data.dataset import ONLY
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.sources import document, rows
from dlcli.deploy.sources.exporter import Source
from dlcli.deploy.sources.writing import body, literal
from dlcli.deploy.torch.layers import LAYERS
from dlcli.deploy.torch.merges import MERGES
from dlcli.deploy.torch.network import Network, network

_IMPORTS = (
    *document.IMPORTS,
    "import safetensors.torch",
    "import torch",
    "import torch.nn.functional as F",
    "from torch import nn",
)

_TITLE = (
    "A trained network for PyTorch. It stands alone: nothing but the files beside it is needed."
)

_EXAMPLE = {
    "model = load()": "with the weights beside this file, to answer",
    "model.predict(rows)": "answers to rows as they are stored",
}
_OF_CELLS = {"model.predict(encode(cells))": "to rows of cells by the names in COLUMNS"}
_OF_ONE = {"model(torch.from_numpy(preprocess(rows)))": "the outputs of the network alone"}

_LOAD = '''\
def load(folder: str | Path = HERE) -> Model:
    """The network with the weights that lie in a folder, in eval mode."""
    model = Model()
    weights = safetensors.torch.load_file(Path(folder) / "model.safetensors")
    model.load_state_dict(weights, strict=True)
    return model.eval()'''

_MAIN = """\
if __name__ == "__main__":
    sys.exit(check(load().predict))"""

_PREDICT = '''\
@torch.no_grad()
def predict(self, rows: Any, batch: int = 256) -> torch.Tensor:
    """Answers to rows as they are stored{of_values}. What they are, `answers` says.

    batch: how many rows go through the network at a time.
    """
    {first}
    device = next(self.parameters(), torch.zeros(0)).device
    found = []
    for start in range(0, len({any_x}), batch):
        {given}
        found.append(answers(self({arguments}).cpu().numpy()))
    return torch.from_numpy(np.concatenate(found))'''


HELD = frozenset({*LAYERS, *MERGES})
"""The layers, activations and merges that can be written."""


def source(bundle: Bundle) -> Source:
    """The network of a bundle as source."""
    written, net = rows.written(bundle), network(bundle)
    files = {document.WEIGHTS: net.arrays}
    if written.arrays:
        files[document.CONSTANTS] = written.arrays
    text = document.document(
        document.words(bundle, _TITLE, _example(bundle), files),
        _IMPORTS,
        written,
        [_model(net), _LOAD, *written.text, *net.helpers, document.CHECK],
        _MAIN,
    )
    return Source(text, net.arrays, written.arrays)


def _example(bundle: Bundle) -> dict[str, str]:
    """Lines that use it, and what they do."""
    of_cells = _OF_CELLS if rows.has_columns(bundle) else {}
    return {**_EXAMPLE, **of_cells, **(_OF_ONE if ONLY in bundle.preprocessing else {})}


def _model(net: Network) -> str:
    """The class."""
    arguments = ", ".join(f"{name}: torch.Tensor" for name in net.arguments)
    pieces = [_constructor(net), _forward(net, arguments), _predict(net)]
    return f'''\
class Model(nn.Module):
    """The network."""

{(chr(10) * 2).join(body([piece]) for piece in pieces)}'''


def _constructor(net: Network) -> str:
    return f"def __init__(self) -> None:\n{body(['super().__init__()', *net.init])}"


def _forward(net: Network, arguments: str) -> str:
    words = '"""The outputs of the network, of prepared rows (float32)."""'
    return f"def forward(self, {arguments}) -> torch.Tensor:\n{body([words, *net.forward])}"


def _predict(net: Network) -> str:
    alone = net.inputs == ("",)
    if alone:
        return _PREDICT.format(
            of_values="",
            first="x = preprocess(rows)",
            any_x="x",
            given="some = torch.from_numpy(x[start : start + batch]).to(device)",
            arguments="some",
        )
    return _PREDICT.format(
        of_values=", of each value by its name",
        first=f"x = preprocess(rows)\n    xs = [x[name] for name in {literal(net.inputs)}]",
        any_x="xs[0]",
        given="some = [torch.from_numpy(one[start : start + batch]).to(device) for one in xs]",
        arguments="*some",
    )
