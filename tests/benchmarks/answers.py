"""`python -m tests.benchmarks.answers RUN`: how fast a deployed network answers.

Beside ONNX Runtime and PyTorch with the same weights, all in turns.

dlcli answers stored rows, their preprocessing included; its peers get rows that are prepared, in
batches, in the layout that they like best (NCHW).
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from dlcli import numerics

ROWS, BATCH = 10_240, 256


def main() -> None:
    """Race, and print the rates and the ratios."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.answers", description=__doc__)
    parser.add_argument("run", type=Path, help="a run of mnist_cnn.yaml or mnist_mlp.yaml")
    parser.add_argument("--peers", default="onnxruntime,torch", help="of these two; or none")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.6, help="of a turn")
    options = parser.parse_args()
    numerics.choose("portable")
    import numpy as np

    from dlcli.deploy.bundle import Bundle
    from dlcli.engine.team import team

    bundle = Bundle.load(options.run / "deploy/bundle")
    stored = np.random.default_rng(0).integers(0, 256, (ROWS, 28, 28, 1), np.uint8)
    two = partial(team, workers=2)
    with bundle.answering() as alone, bundle.answering(two) as both:  # before there are threads
        runners: dict[str, Callable[[], Any]] = {}
        only = next(iter(bundle.preprocessing))
        wanted = both({only: stored})
        runners["dlcli, two workers"] = lambda: both({only: stored})
        runners["dlcli, one worker"] = lambda: alone({only: stored})
        x = np.ascontiguousarray(stored.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(255)
        makers = {"onnxruntime": _onnxruntime, "torch": _torch}
        for name in options.peers.split(",") if options.peers != "none" else ():
            run = makers[name](bundle)
            far = np.abs(np.concatenate([run(x[:512]), run(x[512:1024])]) - wanted[:1024]).max()
            assert far < 1e-4, f"{name} answers otherwise: {far}"
            runners[name] = lambda run=run: [
                run(x[start : start + BATCH]) for start in range(0, ROWS, BATCH)
            ]
        rates = _rates(runners, options.rounds, options.seconds)
    first = rates["dlcli, two workers"]
    for name, own in rates.items():
        ratios = sorted(a / b for a, b in zip(first, own, strict=True))
        print(
            f"{name:22} {statistics.median(own):9,.0f} rows/s; dlcli over it "
            f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


def _rates(
    runners: dict[str, Callable[[], Any]], rounds: int, seconds: float
) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in runners}
    for turn in range(rounds + 1):
        for name, run in runners.items():
            run()
            count, began = 0, time.perf_counter()
            while (spent := time.perf_counter() - began) < seconds:
                run()
                count += ROWS
            if turn:  # the first is for warming up
                rates[name].append(count / spent)
            time.sleep(0.1)  # threads of peers spin for a while after their work
    return rates


def _named(bundle: Any) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The layers that compute, in order: type, options, arrays."""
    from dlcli.engine.described import describe

    arrays = bundle.model.layout.named(bundle.theta)
    return [
        (
            entry["type"],
            entry,
            {
                name.partition(".")[2]: array
                for name, array in arrays.items()
                if name.partition(".")[0] == entry["name"]
            },
        )
        for entry in describe(bundle.model.plain)
    ]


def _onnxruntime(bundle: Any) -> Callable[[Any], Any]:
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import helper, numpy_helper

    nodes, held, last, shape = [], [], "x", (1, 28, 28)
    for kind, options, arrays in _named(bundle):
        name = options["name"]
        if kind == "conv2d":
            kernel = np.ascontiguousarray(arrays["kernel"].transpose(3, 2, 0, 1))
            held += [(f"{name}.w", kernel), (f"{name}.b", arrays["bias"])]
            nodes.append(helper.make_node("Conv", [last, f"{name}.w", f"{name}.b"], [name]))
            shape = (kernel.shape[0], shape[1] - 2, shape[2] - 2)
        elif kind == "max_pooling2d":
            sizes = {"kernel_shape": [2, 2], "strides": [2, 2]}
            nodes.append(helper.make_node("MaxPool", [last], [name], **sizes))
            shape = (shape[0], shape[1] // 2, shape[2] // 2)
        elif kind == "flatten":
            nodes.append(helper.make_node("Flatten", [last], [name]))
        elif kind == "dense":
            kernel = _channels_first(arrays["kernel"], shape)
            shape = (kernel.shape[1],)
            held += [(f"{name}.w", kernel), (f"{name}.b", arrays["bias"])]
            nodes.append(helper.make_node("Gemm", [last, f"{name}.w", f"{name}.b"], [name]))
        elif kind == "relu":
            nodes.append(helper.make_node("Relu", [last], [name]))
        else:
            continue
        last = name
        if (options.get("activation") or {}).get("type") == "relu":
            nodes.append(helper.make_node("Relu", [last], [f"{name}.relu"]))
            last = f"{name}.relu"
    nodes.append(helper.make_node("Softmax", [last], ["p"]))
    number = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "peer",
        [helper.make_tensor_value_info("x", number, [None, 1, 28, 28])],
        [helper.make_tensor_value_info("p", number, [None, 10])],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in held],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda x: session.run(None, {"x": x})[0]


def _channels_first(kernel: Any, shape: tuple[int, ...]) -> Any:
    """A dense kernel whose inputs are (channels, height, width), not (height, width, channels)."""
    import numpy as np

    if len(shape) == 1:
        return kernel
    channels, height, width = shape
    square = kernel.reshape(height, width, channels, -1).transpose(2, 0, 1, 3)
    return np.ascontiguousarray(square.reshape(len(kernel), -1))


def _torch(bundle: Any) -> Callable[[Any], Any]:
    import torch

    torch.set_num_threads(2)
    parts: list[Any] = []
    shape: tuple[int, ...] = (1, 28, 28)
    for kind, options, arrays in _named(bundle):
        if kind == "conv2d":
            kernel = torch.tensor(arrays["kernel"].transpose(3, 2, 0, 1).copy())
            one = torch.nn.Conv2d(kernel.shape[1], kernel.shape[0], 3)
            shape = (kernel.shape[0], shape[1] - 2, shape[2] - 2)
        elif kind == "dense":
            kernel = torch.tensor(_channels_first(arrays["kernel"], shape).T.copy())
            one = torch.nn.Linear(kernel.shape[1], kernel.shape[0])
            shape = (kernel.shape[0],)
        else:
            if kind == "max_pooling2d":
                parts.append(torch.nn.MaxPool2d(2))
                shape = (shape[0], shape[1] // 2, shape[2] // 2)
            elif kind == "flatten":
                parts.append(torch.nn.Flatten())
            elif kind == "relu":
                parts.append(torch.nn.ReLU())
            continue
        one.weight.data, one.bias.data = kernel, torch.tensor(arrays["bias"])
        parts.append(one)
        if (options.get("activation") or {}).get("type") == "relu":
            parts.append(torch.nn.ReLU())
    parts.append(torch.nn.Softmax(dim=1))
    model = torch.nn.Sequential(*parts).eval()

    def run(x: Any) -> Any:
        with torch.no_grad():
            return model(torch.from_numpy(x)).numpy()

    return run


if __name__ == "__main__":
    main()
