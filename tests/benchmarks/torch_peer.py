"""PyTorch, eager: a plain loop over a permutation, tensors ready in memory, default threads."""

import importlib
from pathlib import Path
from typing import Any

from tests.benchmarks import cases, data
from tests.benchmarks.cases import (
    Conv,
    Depthwise,
    GlobalAverage,
    Network,
    NormConv,
    Pool,
    Residual,
    Separable,
    Steps,
)
from tests.benchmarks.timing import measure


def build(torch: Any, network: Network) -> Any:
    """The network as a Sequential that gives logits."""
    nn = torch.nn
    activations = {"relu": nn.ReLU, "tanh": nn.Tanh}
    layers: list[Any] = []
    channels = network.in_shape[-1]
    for layer in network.layers:
        if isinstance(layer, Conv):
            layers += [nn.LazyConv2d(layer.filters, 3, padding=int(network.same)), nn.ReLU()]
        elif isinstance(layer, NormConv):
            layers += [*_normalized(nn, layer.filters, 3, 1, int(network.same)), nn.ReLU()]
        elif isinstance(layer, Residual):
            layers.append(_residual(torch, layer, channels))
        elif isinstance(layer, Separable):
            layers += _depthwise(nn, channels, 1)
            layers += [nn.LazyConv2d(layer.filters, 1), nn.ReLU()]
        elif isinstance(layer, Depthwise):
            layers += [*_depthwise(nn, channels, layer.strides), _norm(nn), nn.ReLU()]
            layers += [*_normalized(nn, layer.filters, 1, 1, 0), nn.ReLU()]
        elif isinstance(layer, Steps):
            conv = nn.LazyConv1d(layer.filters, layer.size, padding=layer.size // 2)
            layers += [conv, nn.ReLU(), nn.MaxPool1d(2)]
        elif isinstance(layer, GlobalAverage):
            pool = nn.AdaptiveAvgPool2d if len(network.in_shape) == 3 else nn.AdaptiveAvgPool1d
            layers += [pool(1), nn.Flatten()]
        elif isinstance(layer, Pool):
            layers.append(nn.MaxPool2d(2))
        else:
            if len(network.in_shape) == 3 and not isinstance(layers[-1], nn.Flatten):
                layers.append(nn.Flatten())
            layers.append(nn.LazyLinear(layer.units))
            if layer.activation != "linear":
                layers.append(activations[layer.activation]())
        channels = getattr(layer, "filters", channels)
    model = nn.Sequential(*layers)
    shape = network.in_shape
    first = shape if len(shape) == 1 else (shape[-1], *shape[:-1])
    model(torch.zeros(2, *first))  # lazy layers take their sizes from it
    return model


def _normalized(nn: Any, filters: int, size: int, strides: int, padding: int) -> list[Any]:
    conv = nn.LazyConv2d(filters, size, stride=strides, padding=padding, bias=False)
    return [conv, _norm(nn)]


def _norm(nn: Any) -> Any:
    return nn.LazyBatchNorm2d(eps=1e-3, momentum=0.01)


def _depthwise(nn: Any, channels: int, strides: int) -> list[Any]:
    options = {"stride": strides, "padding": 1, "groups": channels, "bias": False}
    return [nn.Conv2d(channels, channels, 3, **options)]


def _residual(torch: Any, block: Residual, channels: int) -> Any:
    """The block as a module. A stride of 2 pads on all sides, so its products are as many."""
    nn = torch.nn
    first = _normalized(nn, block.filters, 3, block.strides, 1)
    inside = nn.Sequential(*first, nn.ReLU(), *_normalized(nn, block.filters, 3, 1, 1))
    same = (block.strides, block.filters) == (1, channels)
    beside = [] if same else _normalized(nn, block.filters, 1, block.strides, 0)
    shortcut = nn.Sequential(*beside)

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inside, self.shortcut = inside, shortcut

        def forward(self, x: Any) -> Any:
            return torch.relu(self.inside(x) + self.shortcut(x))

    return Block()


def run(spec: dict[str, Any]) -> dict[str, Any]:
    """Rows a second of the case."""
    torch = importlib.import_module("torch")
    case = cases.BY_NAME[spec["case"]]
    features, targets = data.load(Path(spec["folder"]), case.data, case.rows)
    x, t = torch.from_numpy(features), torch.from_numpy(targets)
    model = build(torch, case.network)
    if x.ndim > 2:
        x = x.movedim(-1, 1).contiguous()
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
