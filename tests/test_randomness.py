"""Every random number has an address; nothing else decides what it is."""

import hashlib
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli import randomness
from dlcli.config import load_config
from dlcli.engine.training import Training
from dlcli.pipeline import prepare
from dlcli.pipeline.job import Job
from dlcli.pipeline.progress import NullReporter
from dlcli.randomness import Stream
from tests.exactness.runs import CNN, changed, write

GOLDEN = {
    "words": "d833a11e8cf8fb43c5223b8af988e16413250235f45bf591a5e4ae84f61e8cc5",
    "uniform": "d3c1378340cda973ab66efe554c9a85fda549016e072d6b96139e91d9228f65b",
    "normal": "a26c402afd7805bc199d6df60a0035e1a4faf76a985bf00ad0817974b45be310",
    "permutation": "7d271fb00d3bf6e46163016f65e8cb478172575b5ea5929707dd59d9d93ff8a5",
}
ADDRESSES = {
    "words": Stream(7, "shuffle", 0),
    "uniform": Stream(7, "init", "dense_1", "kernel"),
    "normal": Stream(0, "init", "x"),
    "permutation": Stream(2**40, "split"),
}


@pytest.mark.parametrize("kind", GOLDEN)
def test_a_stream_gives_the_golden_digest(kind: str) -> None:
    """A change of any of these is a new `SCHEME` and a new `ENGINE`."""
    drawn = getattr(ADDRESSES[kind], kind)(1001)
    assert hashlib.sha256(drawn.tobytes()).hexdigest() == GOLDEN[kind]
    assert randomness.SCHEME == "philox-1"


def test_a_stream_goes_on_where_it_ended() -> None:
    whole, parts = Stream(1, "x"), Stream(1, "x")
    np.testing.assert_array_equal(
        whole.words(12), np.concatenate([parts.words(4), parts.words(2), parts.words(6)])
    )


def test_different_addresses_are_different_streams() -> None:
    addresses: list[tuple[Any, ...]] = [
        (1, "x"),
        (2, "x"),
        (12, "x"),
        (1, "y"),
        (1, "2x"),
        (1, "x", ""),
        (1, "x", "1"),
        (1, "x", "1", "2"),
        (1, "x", "12"),
        (1, "x", 12, 0),
        (1, "x", 1, 20),
        (1, "x", "1:2"),
    ]
    drawn = {Stream(*address).words(4).tobytes() for address in addresses}
    assert len(drawn) == len(addresses)


def test_the_numbers_are_what_they_are_called() -> None:
    stream = Stream(3, "x")
    uniform = stream.uniform(100_000)
    assert uniform.dtype == np.float32
    assert 0 <= uniform.min() < 0.001
    assert 0.999 < uniform.max() < 1
    assert abs(float(uniform.mean(dtype=np.float64)) - 0.5) < 0.005
    normal = stream.normal(100_001)
    assert normal.dtype == np.float32
    assert abs(float(normal.mean(dtype=np.float64))) < 0.01
    assert abs(float(normal.std(dtype=np.float64)) - 1) < 0.01
    assert np.isfinite(normal).all()
    assert 3.5 < float(np.abs(normal).max()) < 6
    order = stream.permutation(1000)
    assert sorted(order.tolist()) == list(range(1000))
    assert len(stream.words(0)) == len(stream.normal(0)) == len(stream.permutation(0)) == 0


def training(folder: Path, config: dict[str, Any]) -> Training:
    """The training of a config as the pipeline sets it up."""
    loaded = load_config(write(folder, config))
    ready = Job.ready(loaded, prepare.places(folder, None), NullReporter())
    return ready.session.training


def orders(of: Training) -> list[list[int]]:
    """The order of the rows in the first epochs."""
    return [
        Stream(of.recipe.seed, "shuffle", epoch).permutation(len(of)).tolist() for epoch in range(2)
    ]


def seen(folder: Path, config: dict[str, Any]) -> list[list[int]]:
    """The positions that training really fetches, step by step."""
    from dlcli.engine.team import Alone

    of = training(folder, config)
    fetched: list[list[int]] = []
    fetch = of._examples.fetch

    def noted(positions: Any, ctx: Any, epoch: Any = None) -> Any:
        fetched.append(positions.tolist())
        return fetch(positions, ctx, epoch)

    of._examples.fetch = noted  # type: ignore[method-assign]
    for _ in of.fit(Alone(of.phases)):
        if len(fetched) > 30:
            break
    return fetched


WITH_DROPOUT = changed(
    CNN, model={"layers": [CNN["model"]["layers"][0], {"type": "dropout", "rate": 0.1}]}
)
WITH_DROPOUT["model"]["layers"] += CNN["model"]["layers"][1:]
CHANGES = {
    "another dropout layer": WITH_DROPOUT,
    "other metrics": changed(CNN, evaluation={"metrics": ["confusion_matrix", "recall"]}),
    "another optimizer": changed(CNN, optimizer={"type": "sgd"}),
    "early stopping": changed(CNN, training__early_stopping={"patience": 1}),
    "checkpoints": changed(CNN, training__checkpoint={"every_steps": 1}),
    "other epochs": changed(CNN, training__epochs=9, training__max_steps=21),
    "another shard size": changed(CNN, training__shard_size=64),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_elsewhere_disturbs_neither_order_nor_initial_weights(
    change: str, tmp_path: Path
) -> None:
    before, after = (
        training(tmp_path / "before", CNN),
        training(tmp_path / "after", CHANGES[change]),
    )
    assert orders(before) == orders(after)
    old, new = (t.recipe.model.layout.named(t.theta) for t in (before, after))
    assert old.keys() == new.keys()
    for name, array in old.items():
        np.testing.assert_array_equal(array, new[name])
    rows = [
        list(chain.from_iterable(seen(tmp_path / folder, config)))
        for folder, config in (("b", CNN), ("a", CHANGES[change]))
    ]
    count = min(map(len, rows))
    assert count >= 64 * 7
    assert rows[0][:count] == rows[1][:count]


def test_another_dropout_layer_leaves_the_masks_of_the_first_one_alone(tmp_path: Path) -> None:
    """Masks are addressed by the layer's name, step and shard."""
    named = changed(CNN, model__layers__3__name="last_dropout")
    inserted = changed(named)
    inserted["model"]["layers"].insert(1, {"type": "dropout", "rate": 0.0})
    of, with_it = training(tmp_path / "a", named), training(tmp_path / "b", inserted)

    def mask(t: Training) -> bytes:
        layers = {node.name for node in t.recipe.model.nodes}
        assert "last_dropout" in layers
        return Stream(t.recipe.seed, "dropout", "last_dropout", 5, 2).words(100).tobytes()

    assert mask(of) == mask(with_it)


def test_a_layer_of_the_same_name_starts_the_same_wherever_it_stands(tmp_path: Path) -> None:
    layer = {"type": "dense", "units": 64, "name": "middle"}
    config = changed(
        CNN, model={"layers": [{"type": "flatten"}, layer, {"type": "dense", "units": 10}]}
    )
    deeper = changed(config)
    deeper["model"]["layers"].insert(1, {"type": "dense", "units": 64, "name": "before"})
    one = training(tmp_path / "a", config)
    two = training(tmp_path / "b", deeper)
    np.testing.assert_array_equal(
        one.recipe.model.layout.named(one.theta)["middle.kernel"],
        two.recipe.model.layout.named(two.theta)["middle.kernel"],
    )


def test_the_seed_changes_everything(tmp_path: Path) -> None:
    one = training(tmp_path / "a", CNN)
    two = training(tmp_path / "b", changed(CNN, seed=4))
    assert orders(one) != orders(two)
    kernels = [t.recipe.model.layout.named(t.theta)["dense_1.kernel"] for t in (one, two)]
    assert not np.array_equal(*kernels)
