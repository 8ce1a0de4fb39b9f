"""Whole networks, trained for 20 steps by dlcli and by Keras from the same weights."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dlcli.engine.batch import Batch, Examples
from dlcli.engine.context import Context, Moment
from dlcli.engine.fusion import fuse
from dlcli.engine.gradients import Gradients
from dlcli.engine.graph import DATA, Link, connect
from dlcli.engine.layer import Array, Layer
from dlcli.engine.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    LayerNormalization,
    MaxPooling2D,
)
from dlcli.engine.layers.activations import Relu, Tanh
from dlcli.engine.losses import SparseCategoricalCrossentropy
from dlcli.engine.merges import Add, Concatenate
from dlcli.engine.metrics import MetricSet
from dlcli.engine.model import Model, Pass
from dlcli.engine.penalties import Penalty
from dlcli.engine.schedules import Cosine
from dlcli.engine.stages import Stages
from dlcli.engine.team import Alone, Threads
from dlcli.engine.training import EpochReport, Recipe, Training
from dlcli.engine.updates import Updates
from tests.parity import twins
from tests.parity.twins import YES, keras, use

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("default")]

CLASSES, ROWS, BATCH, STEPS = 3, 40, 10, 20
SHAPE = (6, 6, 2)


WEAK = st.floats(1e-7, 1e-5)
"""An l1 for float32: where a number passes 0, rounding decides in which step its penalty turns."""


@st.composite
def networks(draw: st.DrawFn, l1: twins.Draw) -> list[Link]:
    """A network; some arrays have regularizers, and some layers are frozen, but never the last."""
    links = draw(plain_networks())
    for index, link in enumerate(links):
        if not isinstance(link.layer, Layer):
            continue
        layer = draw(twins.regularized(link.layer, l1)) if draw(YES) else link.layer
        stays = index < len(links) - 1 and draw(st.integers(0, 3)) == 3
        links[index] = link._replace(layer=layer, trainable=not stays)
    return links


@st.composite
def plain_networks(draw: st.DrawFn) -> list[Link]:
    """A convolution, then blocks as residual networks have them, then a dense layer."""
    conv = Conv2D(8, (3, 3), padding="same", use_bias=False)
    links = [Link("conv", conv)]

    def add(layer: Any, *inputs: str) -> str:
        links.append(Link(f"node_{len(links)}", layer, inputs or None))
        return links[-1].name

    for _ in range(draw(st.integers(1, 3))):
        x = links[-1].name
        if draw(st.booleans()):
            add(draw(st.sampled_from([BatchNormalization(), LayerNormalization()])), x)
        add(draw(st.sampled_from([Tanh(), Relu()])))
        end = add(conv)
        shape = draw(st.sampled_from(["chain", "residual", "dense"]))
        if shape == "residual":
            add(Add(), end, x)
        elif shape == "dense":
            both = add(Concatenate(), end, x)
            add(Conv2D(8, (1, 1)), both)
    if draw(st.booleans()):
        add(MaxPooling2D())
    add(draw(st.sampled_from([GlobalAveragePooling2D(), Flatten()])))
    add(Dense(CLASSES))
    return links


class Rows(Examples):
    """Images in memory, in their order."""

    def __init__(self) -> None:
        draw = np.random.default_rng(0)
        self.x = draw.normal(size=(ROWS, *SHAPE)).astype(np.float32)
        self.t = draw.integers(0, CLASSES, ROWS)

    def __len__(self) -> int:
        return ROWS

    def fetch(self, positions: Array, ctx: Context, epoch: int | None = None, /) -> Batch:
        return Batch([self.x[positions]], self.t[positions])


def in_keras(links: list[Link], start: Mapping[str, Array]) -> Any:
    """The same network with the same weights."""
    values = {DATA: keras.Input(SHAPE)}
    before = DATA
    made = {}
    for link in links:
        inputs = [values[name] for name in link.inputs or (before,)]
        table: Any = twins.MERGES if type(link.layer) in twins.MERGES else twins.LAYERS
        made[link.name] = layer = table[type(link.layer)].keras(link.layer)
        twins.regularize(link.layer, layer)
        layer.trainable = link.trainable
        values[link.name] = layer(inputs if len(inputs) > 1 else inputs[0])
        before = link.name
    for name, layer in made.items():
        for variable in layer.weights:
            variable.assign(start[f"{name}.{variable.name}"])
    return keras.Model(values[DATA], values[before]), made


NETWORKS = settings(
    max_examples=3, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
"""Few, and as they come: to make one smaller takes minutes."""


@pytest.fixture(autouse=True)
def _floats(request: pytest.FixtureRequest) -> Iterator[None]:
    use("float64" if "double" in request.node.name else "float32")
    yield
    use("float32")


WISHES = st.fixed_dictionaries(
    {"gradient_accumulation_steps": st.sampled_from([1, 1, 2, 3])},
    optional={
        "weight_decay": st.floats(0.0, 0.1),
        "clip": st.tuples(
            st.sampled_from(["clipnorm", "global_clipnorm", "clipvalue"]), st.floats(1e-3, 0.5)
        ),
    },
)
"""What every optimizer can do beside its rule."""


def optimizer_of(kind: type[Any], wishes: Mapping[str, Any]) -> Any:
    """With an epsilon that keeps rounding errors of tiny gradients from becoming whole steps."""
    options = dict(wishes) | ({"epsilon": 1e-3} if "epsilon" in kind.__dataclass_fields__ else {})
    clip = options.pop("clip", None)
    options |= {clip[0]: clip[1]} if clip else {}
    return kind(learning_rate=Cosine(peak=0.02, warmup_steps=3, decay_steps=30), **options)


class CosineOverUpdates(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Keras's own schedules count batches, also where several of them make one update."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.cosine = keras.optimizers.schedules.CosineDecay(
            0.0, 30, warmup_target=0.02, warmup_steps=3
        )

    def __call__(self, step: Any) -> Any:
        return self.cosine(step // self.every)


def learn(
    other: Any, rows: Rows, optimizer: Any, kind: type[Any], dtype: str
) -> tuple[float, float]:
    """Twenty steps in Keras: the mean loss of their batches, and that of all rows behind them."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    twin = twins.OPTIMIZERS[kind][1](replace(optimizer, learning_rate=0.02))
    twin.learning_rate = CosineOverUpdates(optimizer.gradient_accumulation_steps)
    twin.weight_decay = optimizer.weight_decay or None
    for name in ("clipnorm", "global_clipnorm", "clipvalue"):
        setattr(twin, name, getattr(optimizer, name))
    if optimizer.gradient_accumulation_steps > 1:
        twin.gradient_accumulation_steps = optimizer.gradient_accumulation_steps
    other.compile(optimizer=twin, loss=loss)
    losses = []
    for step in range(STEPS):
        batch = np.arange(ROWS)[step % (ROWS // BATCH) * BATCH :][:BATCH]
        losses.append(other.train_on_batch(rows.x[batch].astype(dtype), rows.t[batch]))
    return float(np.mean(losses)), float(other.evaluate(rows.x.astype(dtype), rows.t, verbose=0))


def assert_moved_alike(
    made: Mapping[str, Any], found: Mapping[str, Array], start: Mapping[str, Array], share: float
) -> None:
    """All arrays together are apart by no more than a share of the way that they went."""
    apart = moved = 0.0
    for name, array in found.items():
        node, slot = name.rsplit(".", 1)
        (variable,) = (v for v in made[node].weights if v.name == slot)
        wanted = variable.value.detach().numpy()
        apart += float(np.sum((array - wanted) ** 2))
        moved += float(np.sum((array - start[name]) ** 2))
    assert apart**0.5 <= share * moved**0.5


@pytest.mark.parametrize("kind", twins.OPTIMIZERS, ids=lambda kind: kind.__name__)
@given(
    links=networks(WEAK), wishes=WISHES, shard=st.sampled_from([3, 5, 10]), seed=st.integers(0, 99)
)
@NETWORKS
def test_twenty_steps_of_a_network(
    kind: type[Any], links: list[Link], wishes: Mapping[str, Any], shard: int, seed: int
) -> None:
    optimizer = optimizer_of(kind, wishes)
    model = Model(fuse(connect(links, SHAPE)), optimizer.decays)
    recipe = Recipe(
        model, SparseCategoricalCrossentropy(), optimizer, MetricSet((), "multiclass", CLASSES),
        seed, STEPS * BATCH // ROWS, BATCH, shard, shuffle=False,
    )  # fmt: skip
    rows = Rows()
    training = Training(recipe, {"train": rows, "validation": rows})
    start = {name: array.copy() for name, array in model.layout.named(training.theta).items()}
    with Threads(training.phases, 2) as team:
        logs = [one.logs for one in training.fit(team) if isinstance(one, EpochReport)]
    other, made = in_keras(links, start)
    mean, last = learn(other, rows, optimizer, kind, "float32")
    assert np.mean([log["loss"] for log in logs]) == pytest.approx(mean, rel=1e-4)
    assert logs[-1]["val_loss"] == pytest.approx(last, rel=1e-4)
    assert_moved_alike(made, model.layout.named(training.theta), start, 1e-4)


@pytest.mark.parametrize("kind", twins.OPTIMIZERS, ids=lambda kind: kind.__name__)
@given(links=networks(twins.WEIGHT), wishes=WISHES, seed=st.integers(0, 99))
@NETWORKS
def test_twenty_steps_of_a_network_in_double_precision(
    kind: type[Any], links: list[Link], wishes: Mapping[str, Any], seed: int
) -> None:
    optimizer = optimizer_of(kind, wishes)
    model = Model(connect(links, SHAPE), optimizer.decays)
    layout, rows, loss = model.layout, Rows(), SparseCategoricalCrossentropy()
    theta = layout.initial(seed, np.float64)
    start = {name: array.copy() for name, array in layout.named(theta).items()}
    gradients = Gradients(model, BATCH, BATCH, np.float64)
    updates = Updates(model, optimizer, gradients, theta)
    team = Alone(updates.phases)
    penalty = Penalty.of(layout, theta) or (lambda: 0.0)
    losses = []
    passing = Pass(model, layout.views(theta), Moment(training=True))
    stages = Stages(model, 1)

    def judge(y: Array, t: Array) -> Array:
        value, dy, _ = loss.judge(y, t, 1 / BATCH, Context())
        losses.append(value + penalty())
        return dy

    for step in range(STEPS):
        batch = np.arange(ROWS)[step % (ROWS // BATCH) * BATCH :][:BATCH]
        for stage in range(len(stages)):
            stages.run(
                stage,
                passing,
                0,
                lambda batch=batch: (rows.x[batch].astype(np.float64),),
                lambda y, batch=batch: judge(y, rows.t[batch]),
                gradients.shard(0),
            )
            stages.add_up(stage, 1)
        stages.observe(layout.views(theta))
        updates.run(team, step, BATCH, 1.0)
    other, made = in_keras(links, start)
    mean, _ = learn(other, rows, optimizer, kind, "float64")
    assert np.mean(losses) == pytest.approx(mean, rel=1e-6)
    # Keras keeps its learning rate's steps in float32.
    assert_moved_alike(made, layout.named(theta), start, 1e-6)
