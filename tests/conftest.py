"""What tests of several rooms share."""

import hashlib
import os
import signal
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from dlcli.artifacts import files
from tests.data.conftest import idx_bytes
from tests.data.orders import write_orders
from tests.data.scenes import write_scenes
from tests.data.shapes import write_shapes
from tests.data.signals import write_signals

# A failure can always be had again: the README's command tries the same examples every time, and
# `.ci/run` tries fresh ones from a seed that it prints (--hypothesis-profile fresh). How long an
# example takes is nobody's business on a machine that does other work, too.
_UNTIMED = {"deadline": None, "print_blob": True}
settings.register_profile(
    "same", derandomize=True, suppress_health_check=[HealthCheck.too_slow], **_UNTIMED
)
settings.register_profile("fresh", suppress_health_check=[HealthCheck.too_slow], **_UNTIMED)
settings.load_profile("same")


def _open_file(descriptor: int) -> None:
    os.fstat(descriptor)


def _open_directory(path: Path) -> None:
    os.close(os.open(path, os.O_RDONLY | os.O_DIRECTORY))


# What a killed process wrote is there for the next one, forced to the disk or not, and no test
# takes the power away. So nothing in this process waits for the disk, ninety times in each run;
# that it would, and when, is an operation like any other to the tests that count them.
files.system = replace(files.system, fsync=_open_file, sync_directory=_open_directory)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--share",
        metavar="SEED/K",
        help="of the tests that are selected, run one in K; which ones, the seed says",
    )


MNIST = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
DATA_DIR = os.environ.get("DLCLI_DATA_DIR")


def has_mnist(folder: Path) -> bool:
    """Whether this data dir has all of MNIST."""
    return all(
        any((folder / "mnist" / f"{name}{end}").is_file() for end in ("", ".gz")) for name in MNIST
    )


@pytest.fixture(scope="session")
def mnist(few_images: list[str]) -> list[str]:
    """Options that give a config with `source: mnist` its data.

    The real images where DLCLI_DATA_DIR has them; elsewhere a few of the same shape and kind.
    """
    if DATA_DIR and has_mnist(Path(DATA_DIR)):
        return ["--data-dir", DATA_DIR]
    return few_images


@pytest.fixture(scope="session")
def few_images(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that give such a config some hundred drawn images."""
    folder = tmp_path_factory.mktemp("mnist")
    draw = np.random.default_rng(0)
    for images, labels, count in ((*MNIST[:2], 300), (*MNIST[2:], 100)):
        drawn = draw.integers(0, 256, (count, 28, 28), np.uint8)
        (folder / images).write_bytes(idx_bytes(drawn))
        (folder / labels).write_bytes(idx_bytes((np.arange(count) % 10).astype(np.uint8)))
    keys = ("images", "labels", "test_images", "test_labels")
    files = ", ".join(f"{key}: {folder / name}" for key, name in zip(keys, MNIST, strict=True))
    return ["--set", f"data.source={{type: idx, {files}}}"]


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that give configs/scenes.yaml its data."""
    return ["--data-dir", str(write_scenes(tmp_path_factory.mktemp("scenes")).parent)]


@pytest.fixture(scope="session")
def orders(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that give configs/orders.yaml its data."""
    return ["--data-dir", str(write_orders(tmp_path_factory.mktemp("orders")).parent)]


@pytest.fixture(scope="session")
def signals(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that give configs/signal_cnn.yaml its data."""
    return ["--data-dir", str(write_signals(tmp_path_factory.mktemp("signals")).parent)]


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that give configs/image_folder.yaml some of its data."""
    return ["--data-dir", str(write_shapes(tmp_path_factory.mktemp("shapes"), 30).parent)]


def pytest_configure() -> None:
    """Processes that tests start die of a hang-up, as those of a shell, also under `nohup`."""
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    """Tests of properties are marked, so that they can be run with fresh examples; of those that
    marks select, a share is taken."""
    for item in items:
        if getattr(getattr(item, "function", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.properties)
    yield
    if (share := config.getoption("--share")) is None:
        return
    seed, _, parts = share.partition("/")

    def is_in(item: pytest.Item) -> bool:
        digest = hashlib.sha256(f"{seed} {item.nodeid}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % int(parts) == 0

    config.hook.pytest_deselected(items=[item for item in items if not is_in(item)])
    items[:] = [item for item in items if is_in(item)]


@pytest.fixture(autouse=True)
def _nobodys_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No test finds data sets of the person who runs it by chance, or fetches any."""
    monkeypatch.delenv("DLCLI_DATA_DIR", raising=False)
    monkeypatch.delenv("DLCLI_DATA_MIRROR", raising=False)
    monkeypatch.setenv("DLCLI_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "no-cache"))


@pytest.fixture(autouse=True)
def _a_worker_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands in this process have one worker unless they ask for more: there are as many of
    this process as there are processors, and a fork of it copies what all tests have loaded."""
    monkeypatch.setattr("dlcli.cli.quota.quota", lambda: 1)
