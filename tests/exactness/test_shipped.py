"""Twenty steps of configs that ship, of graphs and of a mixed table: the same bytes through
workers and stops."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.config import load_config
from dlcli.pipeline.interruption import Interrupted
from tests.conftest import MNIST, idx_bytes
from tests.data.orders import orders
from tests.data.scenes import scenes
from tests.data.shapes import write_shapes
from tests.data.signals import write_signals
from tests.exactness.runs import assert_same, content, resume, stop_after, train, write

CONFIGS = Path(__file__).parents[2] / "configs"
STEPS = 20


def resnet(folder: Path) -> dict[str, Any]:
    """mnist_resnet on a few drawn images."""
    config: dict[str, Any] = load_config(CONFIGS / "mnist_resnet.yaml").resolved()
    draw = np.random.default_rng(1)
    (folder / MNIST[0]).write_bytes(idx_bytes(draw.integers(0, 256, (200, 28, 28), np.uint8)))
    (folder / MNIST[1]).write_bytes(idx_bytes((np.arange(200) % 10).astype(np.uint8)))
    config["data"]["source"] = {"type": "idx", "images": MNIST[0], "labels": MNIST[1]}
    config["training"]["shard_size"] = 30
    return config


def image_beside_table(folder: Path) -> dict[str, Any]:
    """scenes on fewer rows."""
    config: dict[str, Any] = load_config(CONFIGS / "scenes.yaml").resolved()
    np.savez(folder / "scenes.npz", **scenes(300))
    return config


def mixed_table(folder: Path) -> dict[str, Any]:
    """orders on fewer rows."""
    config: dict[str, Any] = load_config(CONFIGS / "orders.yaml").resolved()
    text = "".join(",".join(line) + "\n" for line in orders(600))
    (folder / "orders.csv").write_text(text, encoding="utf-8")
    return config


def branched_signals(folder: Path) -> dict[str, Any]:
    """signal_cnn on fewer rows."""
    config: dict[str, Any] = load_config(CONFIGS / "signal_cnn.yaml").resolved()
    write_signals(folder, 300)
    return config


def rebuilt_images(folder: Path) -> dict[str, Any]:
    """autoencoder as it is."""
    config: dict[str, Any] = load_config(CONFIGS / "autoencoder.yaml").resolved()
    return config


def pictures(folder: Path) -> dict[str, Any]:
    """image_folder on fewer pictures."""
    config: dict[str, Any] = load_config(CONFIGS / "image_folder.yaml").resolved()
    write_shapes(folder, 40)
    return config


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(resnet, marks=pytest.mark.thorough),
        image_beside_table,
        *(
            pytest.param(one, marks=pytest.mark.thorough)
            for one in (mixed_table, branched_signals, rebuilt_images, pictures)
        ),
    ],
)
def test_twenty_steps_give_the_same_bytes_through_workers_and_stops(
    make: Any, tmp_path: Path
) -> None:
    config = make(tmp_path)
    config["training"] |= {"max_steps": STEPS, "epochs": STEPS}
    path = write(tmp_path, config)
    expected = content(train(path, tmp_path / "1"))
    for workers in (2, 3):
        assert_same(content(train(path, tmp_path / str(workers), workers)), expected)
    for stop in (1, 13):
        output = tmp_path / f"stop {stop}"
        with pytest.raises(Interrupted):
            train(path, output, 3, stop_after(stop))
        (run,) = (path for path in output.iterdir() if not path.is_symlink())
        resume(run, 2)
        assert_same(content(run), expected)
