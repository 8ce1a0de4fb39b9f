"""Where a step's time goes: microseconds a row, by layer and by operation, on one core.

    python -m tests.benchmarks.profile [--case cnn-32] [--seconds 5]

Every part of the recipe is wrapped in a part of the same kind that takes the time and then does
what the original does, so the training runs through the engine's own loop, passes and contexts,
at the shard size that the config gives. Handing tasks over to workers is measured by itself.
"""

import argparse
import copy
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlcli import numerics

numerics.pin()

import numpy as np  # noqa: E402 (the pins come first)
from rich import box  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from dlcli.engine.batch import Batch  # noqa: E402
from dlcli.engine.context import Context  # noqa: E402
from dlcli.engine.layer import Array, Layer, Merge, Shape  # noqa: E402
from dlcli.engine.losses import Loss, RowsAndGrad  # noqa: E402
from dlcli.engine.metrics import Kind, MetricSet  # noqa: E402
from dlcli.engine.model import Model  # noqa: E402
from dlcli.engine.optimizers import Optimizer, State  # noqa: E402
from dlcli.engine.team import Alone, team  # noqa: E402
from dlcli.engine.team.base import Task  # noqa: E402
from dlcli.engine.training import Recipe, Training  # noqa: E402
from tests.benchmarks import cases, data, ours  # noqa: E402

WARM_UP_STEPS = 50
TASK_SECONDS = 300e-6
"""How long the tasks take between which the hand-over is measured: about a phase of a small job."""


class Clock:
    """Seconds by what they were spent on."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)

    def call(self, name: str, function: Any, *arguments: Any, **options: Any) -> Any:
        """Call it and put the time down under this name."""
        began = time.perf_counter()
        result = function(*arguments, **options)
        self.spent[name] += time.perf_counter() - began
        return result


WAYS = {
    "forward": ("forward", "tally", "forward_rest"),
    "backward": ("backward", "tally_back", "backward_rest"),
}
"""The methods of layers and merges that take time, by the way that they belong to."""


def timed_layer(layer: Layer | Merge, name: str, clock: Clock) -> Layer | Merge:
    """The same layer under the clock. A layer that meets the batch calls halves of its own from
    others, so each call is put down once, by whoever is called first."""
    timed = copy.copy(layer)
    busy = False

    def wrap(way: str, method: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal busy
            if busy:
                return method(*arguments, **options)
            busy = True
            try:
                return clock.call(f"{name} {way}", method, *arguments, **options)
            finally:
                busy = False

        return call

    for way, methods in WAYS.items():
        for method in methods:
            if hasattr(layer, method):  # frozen dataclasses let nothing else be set
                object.__setattr__(timed, method, wrap(way, getattr(timed, method)))
    return timed


class TimedLoss(Loss):
    """A loss under the clock."""

    def __init__(self, loss: Loss, clock: Clock) -> None:
        self._loss, self._clock = loss, clock

    def rows_and_grad(self, y: Array, t: Array, weight: float, ctx: Context) -> RowsAndGrad:
        result: RowsAndGrad = self._clock.call("loss", self._loss.rows_and_grad, y, t, weight, ctx)
        return result

    def predict(self, y: Array) -> Array:
        answers: Array = self._clock.call("metrics", self._loss.predict, y)
        return answers

    def check(
        self, out_shape: Shape, *, target_shape: Shape | None = None, classes: int | None = None
    ) -> None:
        self._loss.check(out_shape, target_shape=target_shape, classes=classes)

    def kind(self, out_shape: Shape) -> tuple[Kind, int]:
        return self._loss.kind(out_shape)


class TimedOptimizer(Optimizer):
    """An optimizer under the clock."""

    def __init__(self, optimizer: Optimizer, clock: Clock) -> None:
        self.__dict__.update(optimizer.__dict__)
        self._optimizer, self._clock = optimizer, clock
        self.state = optimizer.state  # type: ignore[misc]

    def initial(self, name: str) -> float:
        return self._optimizer.initial(name)

    def _move(
        self, theta: Array, grad: Array, state: State, work: Array, t: int, rate: float
    ) -> None:
        move = self._optimizer._move
        self._clock.call("optimizer", move, theta, grad, state, work, t, rate)


class TimedMetrics(MetricSet):
    """Metrics under the clock."""

    def __init__(self, metrics: MetricSet, clock: Clock) -> None:
        self.__dict__.update(metrics.__dict__)
        self._inner, self._clock = metrics, clock

    def tally(self, y: Array, t: Array) -> list[Array]:
        tallies: list[Array] = self._clock.call("metrics", self._inner.tally, y, t)
        return tallies


class TimedExamples:
    """Examples under the clock."""

    def __init__(self, examples: Any, clock: Clock) -> None:
        self._examples, self._clock = examples, clock

    def __len__(self) -> int:
        return len(self._examples)

    def fetch(self, positions: Array, ctx: Context, epoch: int | None = None, /) -> Batch:
        batch: Batch = self._clock.call("fetch", self._examples.fetch, positions, ctx, epoch)
        return batch


def timed(recipe: Recipe, clock: Clock) -> Recipe:
    """The same recipe with every part under the clock."""
    nodes = [
        replace(node, layer=timed_layer(node.layer, node.name, clock))
        for node in recipe.model.nodes
    ]
    return replace(
        recipe,
        model=Model(nodes, recipe.optimizer.decays),
        loss=TimedLoss(recipe.loss, clock),
        optimizer=TimedOptimizer(recipe.optimizer, clock),
        metrics=TimedMetrics(recipe.metrics, clock),
    )


def timed_phases(phases: Mapping[str, Task], clock: Clock) -> dict[str, Task]:
    """The phases with each task's whole time under `phase <name>`."""

    def wrap(name: str, task: Task) -> Task:
        return lambda worker, number: clock.call(f"phase {name}", task, worker, number)

    return {name: wrap(name, task) for name, task in phases.items()}


def hand_over(workers: int, phases: int = 2_000) -> float:
    """Seconds that a phase takes beyond its tasks, where every worker has one task to do."""

    def task(worker: int, number: int) -> None:
        until = time.perf_counter() + TASK_SECONDS
        while time.perf_counter() < until:
            pass

    beyond = []
    with team({"wait": task}, workers) as crew:
        for _ in range(phases):
            began = time.perf_counter()
            crew.run("wait", workers)
            beyond.append(time.perf_counter() - began - TASK_SECONDS)
    return float(np.median(beyond[phases // 10 :]))


def main() -> None:
    """Train for some seconds and print the table."""
    trained = [case.name for case in cases.CASES if case.task == "train"]
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.profile", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--case", default="cnn-32", choices=trained)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--data-dir", type=Path, help="has mnist/ in it; else $DLCLI_DATA_DIR")
    options = parser.parse_args()
    given = options.data_dir or os.environ.get("DLCLI_DATA_DIR")
    case, clock = cases.BY_NAME[options.case], Clock()
    handed = hand_over(ours.processors())  # before anything here may start a thread
    with tempfile.TemporaryDirectory(prefix="dlcli-benchmark-") as folder:
        data.write_all(Path(folder), data.find_mnist(Path(given) if given else None))
        made = ours.ready(case, Path(folder))
        recipe = made.design.recipe
        examples = TimedExamples(made.examples["train"], clock)
        training = Training(timed(recipe, clock), {"train": examples})
        reports = training.fit(Alone(timed_phases(training.phases, clock)))
        for _ in range(WARM_UP_STEPS):
            next(reports)
        clock.spent.clear()
        before = training.progress.step
        began = time.perf_counter()
        while time.perf_counter() - began < options.seconds:
            next(reports)
        total = time.perf_counter() - began
        steps = training.progress.step - before
    _show(case, recipe, clock, total, steps, handed)


def _show(
    case: cases.Case, recipe: Recipe, clock: Clock, total: float, steps: int, handed: float
) -> None:
    spent, rows = clock.spent, steps * case.rows / -(-case.rows // case.batch)
    names = [node.name for node in recipe.model.nodes]
    inside = sum(spent[f"{name} {way}"] for name in names for way in ("forward", "backward"))
    inside += spent["fetch"] + spent["loss"] + spent["metrics"]
    lines: list[tuple[str, float, int]] = [("fetch", spent["fetch"], 0)]
    flops = {node.name: node.flops for node in recipe.model.nodes}
    for name in names:
        lines.append((f"{name} forward", spent[f"{name} forward"], flops[name]))
    lines.append(("loss", spent["loss"], 0))
    lines.append(("metrics", spent["metrics"], 0))
    for name in reversed(names):
        products = 1 if name == names[0] else 2
        lines.append((f"{name} backward", spent[f"{name} backward"], products * flops[name]))
    lines += [
        ("the rest of a shard's pass", spent["phase train"] - inside, 0),
        ("the gradient of the batch", spent["phase update"] - spent["optimizer"], 0),
        ("optimizer", spent["optimizer"], 0),
        ("the loop", total - spent["phase train"] - spent["phase update"], 0),
    ]
    table = Table(
        title=f"{case.title}, one core, shards of {recipe.shard_size} rows",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("what")
    for title in ("us a row", "of all", "effective GFLOP/s"):
        table.add_column(title, justify="right")
    for what, seconds, work in lines:
        speed = f"{work * rows / seconds / 1e9:,.0f}" if work and seconds else ""
        table.add_row(what, f"{1e6 * seconds / rows:.2f}", f"{seconds / total:.1%}", speed)
    table.add_section()
    table.add_row("all", f"{1e6 * total / rows:.2f}", "100%", "")
    console = Console(width=100, highlight=False)
    console.print(table)
    layers = ", ".join(f"{n.name} {type(n.layer).__name__}" for n in recipe.model.nodes)
    console.print(f"{steps:,} steps; {layers}; {numerics.numerics_class()}")
    console.print(
        f"Handing a phase to {ours.processors()} workers and back takes {1e6 * handed:.0f} us; "
        f"a step has two phases, so {2e6 * handed / case.batch:.2f} us a row."
    )


if __name__ == "__main__":
    main()
