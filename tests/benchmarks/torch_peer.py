"""PyTorch, eager: a plain loop over a permutation, tensors ready in memory, default threads."""

import importlib
from pathlib import Path
from typing import Any

from tests.benchmarks import cases, data
from tests.benchmarks.cases import Conv, Network, Pool
from tests.benchmarks.timing import measure


def build(torch: Any, network: Network) -> Any:
    """The network as a Sequential that gives logits."""
    nn = torch.nn
    activations = {"relu": nn.ReLU, "tanh": nn.Tanh}
    layers: list[Any] = []
    for layer in network.layers:
        if isinstance(layer, Conv):
            layers += [nn.LazyConv2d(layer.filters, 3, padding=int(network.same)), nn.ReLU()]
        elif isinstance(layer, Pool):
            layers.append(nn.MaxPool2d(2))
        else:
            if len(network.in_shape) == 3:
                layers.append(nn.Flatten())
            layers.append(nn.LazyLinear(layer.units))
            if layer.activation != "linear":
                layers.append(activations[layer.activation]())
    model = nn.Sequential(*layers)
    shape = network.in_shape
    model(torch.zeros(1, *(shape[2:] + shape[:2])))  # lazy layers take their sizes from it
    return model


def run(spec: dict[str, Any]) -> dict[str, Any]:
    """Rows a second of the case."""
    torch = importlib.import_module("torch")
    case = cases.BY_NAME[spec["case"]]
    features, targets = data.load(Path(spec["folder"]), case.data, case.rows)
    x, t = torch.from_numpy(features), torch.from_numpy(targets)
    model = build(torch, case.network)
    if x.ndim == 4:
        x = x.permute(0, 3, 1, 2).contiguous()
    if spec["who"] == cases.CHANNELS_LAST:
        model = model.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    step = _training(torch, case, model, x, t) if case.task == "train" else None
    told = {"threads": torch.get_num_threads()}
    return {**measure(step or _inference(torch, case, model, x)), **told}


def _training(torch: Any, case: cases.Case, model: Any, x: Any, t: Any) -> Any:
    optimizer: Any
    if case.network.binary:
        loss = torch.nn.BCEWithLogitsLoss()
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.01)
        t = t[:, None].float()
    else:
        loss = torch.nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(model.parameters())

    def batches() -> Any:
        while True:
            order = torch.randperm(len(x))
            for start in range(0, len(x), case.batch):
                yield order[start : start + case.batch]

    source = batches()

    def step() -> int:
        rows = next(source)
        optimizer.zero_grad()
        loss(model(x[rows]), t[rows]).backward()
        optimizer.step()
        return len(rows)

    return step


def _inference(torch: Any, case: cases.Case, model: Any, x: Any) -> Any:
    model.eval()

    def step() -> int:
        with torch.inference_mode():
            for start in range(0, len(x), case.batch):
                torch.softmax(model(x[start : start + case.batch]), 1)
        return len(x)

    return step
