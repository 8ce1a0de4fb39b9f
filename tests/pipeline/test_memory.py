"""What `validate` says of a training's memory, beside what a training allocates."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.config import LoadedConfig, load_config
from dlcli.data.dataset import Part
from dlcli.engine.team import Alone
from dlcli.engine.training import EpochReport
from dlcli.pipeline import memory, prepare
from dlcli.pipeline.job import Job
from dlcli.pipeline.memory import Memory, memory_of
from dlcli.pipeline.progress import NullReporter
from tests.cli.calls import dlcli
from tests.cli.small import SMALL, write

CONFIGS = Path(__file__).parents[2] / "configs"


def loaded(
    folder: Path, name: str, change: Callable[[str], str] = lambda text: text
) -> LoadedConfig:
    path = write(folder, name)
    path.write_text(change(SMALL[name]), encoding="utf-8")
    return load_config(path)


def job_of(config: LoadedConfig, folder: Path) -> Job:
    return Job.ready(config, prepare.places(folder, folder), NullReporter())


def meets(text: str) -> str:
    first = "    - {type: dense, units: 7, activation: relu}\n"
    assert first in text
    return text.replace(first, "".join(f"    - {one}\n" for one in (
        "{type: dense, units: 7}", "batch_normalization", "{type: activation, activation: relu}",
    )))  # fmt: skip


@pytest.mark.parametrize(
    ("name", "change"),
    [(name, str) for name in SMALL] + [("trees", meets)],
    ids=[*SMALL, "trees with batch normalization"],
)
def test_what_layers_allocate_is_what_is_told(
    name: str, change: Callable[[str], str], tmp_path: Path
) -> None:
    """To the byte, of the passes that train; nearly, where the last shard has fewer rows."""
    config = loaded(tmp_path, name, change)
    job = job_of(config, tmp_path)
    training = job.session.training
    for report in training.fit(Alone(training.phases)):
        if isinstance(report, EpochReport):
            break
    lanes = training._workers[0]._lanes.values()
    passes = sum(passing.nbytes for _, passing in lanes)
    model, shard = job.design.recipe.model, job.design.recipe.shard_size
    told, judged = memory._passes(model, shard)
    beside = 2 * 4 * shard * sum(int(np.prod(s)) for s in memory._shapes(model))
    beside += 3 * 4 * shard * int(np.prod(model.out_shape))
    rows = config.config.training.batch_size / shard if change is meets else 1
    assert passes == pytest.approx((told - beside) * rows, rel=0.05 if change is meets else 0)
    assert 0 < judged <= told
    found = memory_of(config, job.design.chain, job.prepared.dataset.parts().values())
    assert found is not None
    assert found.optimizer == memory.COPIES * sum(m.nbytes for m in training.moments.values())
    assert found.parameters == memory.COPIES * training.theta.nbytes
    assert (found.halted > 0) == (change is meets)
    assert found.halted in (0, int(told * rows))
    assert found.scratch == 2 * judged + (0 if change is meets else told)


def test_gradients_are_those_of_every_shard(tmp_path: Path) -> None:
    job = job_of(loaded(tmp_path, "trees"), tmp_path)
    gradients = job.session.training._gradients
    shards = -(-10 // job.design.recipe.shard_size)
    assert gradients.nbytes == 4 * shards * job.design.recipe.model.layout.size


def test_factored_gradients_take_no_rows(tmp_path: Path) -> None:
    wide = "{type: dense, units: 900, activation: relu}, {type: dense, units: 900}"
    config = loaded(
        tmp_path, "prices", lambda text: text.replace("{type: dense, units: 5, activation: tanh}",
                                                      wide.replace("}, {", "}\n    - {")),
    )  # fmt: skip
    gradients = job_of(config, tmp_path).session.training._gradients
    ((left, right),) = [factors for (layer, _), factors in gradients._factors.items()
                        if layer == "dense_2"]  # fmt: skip
    kernel = 900 * 900
    rest = gradients._rows.size - len(gradients._rows) * kernel
    assert gradients.nbytes == 4 * rest + left.nbytes + right.nbytes


def test_rows_are_counted_once_and_mapped_files_are_not(tmp_path: Path) -> None:
    x, y = np.zeros((50, 8), np.float32), np.zeros(50, np.int64)
    first = Part(x, y, np.arange(30))
    second = Part(x, y, np.arange(30, 50))
    assert memory._data([first, second]) == x.nbytes + y.nbytes
    assert memory._data([Part(x[:20], y[:20])]) == x.nbytes + y.nbytes  # all of it stays
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert memory._data([Part(mapped, y)]) == y.nbytes
    assert (
        memory._data([Part({"a": x, "b": mapped[:5]}, y, weights=x[:, 0])]) == x.nbytes + y.nbytes
    )


def test_large_shards_are_drawn_in_proportion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(loaded(tmp_path, "images"), tmp_path)
    model = job.design.recipe.model
    whole = memory._scratch(model, 40)
    asked: list[int] = []
    right = memory._passes

    def passes(model: Any, rows: int) -> tuple[int, int]:
        asked.append(rows)
        return right(model, rows)

    monkeypatch.setattr(memory, "_passes", passes)
    monkeypatch.setattr(memory, "HALTING_SHARD_BYTES", 1)
    assert memory._scratch(model, 40) == pytest.approx(whole, rel=0.1)
    assert asked == [1, 2]
    monkeypatch.setattr(memory, "MOST_PARAMETERS", 10)
    trained, judged = memory._scratch(model, 40)
    assert asked == [1, 2] and 0 < judged < trained < whole[0]


def test_a_network_that_is_too_large_to_be_tried_is_valid_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> tuple[int, int]:
        raise MemoryError

    path = write(tmp_path, "trees")
    assert "memory of training, about: " in dlcli("validate", path).out
    monkeypatch.setattr(memory, "_scratch", fail)
    call = dlcli("validate", path)
    assert call.code == 0 and "memory" not in call.out
    assert json.loads(dlcli("validate", path, "--json").out)["memory"] is None


def test_the_sum_is_told_with_its_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dlcli.cli import validate

    monkeypatch.setattr(validate, "default_workers", lambda: 3)
    found = json.loads(dlcli("validate", write(tmp_path, "trees"), "--json").out)["memory"]
    assert found["workers"] == 3
    parts = ("data", "parameters", "optimizer", "gradients", "scratch", "program")
    assert found["total"] == sum(found[part] for part in parts)
    assert found["program"] == memory.PROGRAM + 2 * memory.WORKER
    some = Memory(4_000_000, 8_000_000, 1_000_000, 2_000_000, 5_000_000, 100_000_000)
    assert some.total(3) - some.total(1) == 2 * (memory.WORKER + 2_000_000)
    assert some.total(3) == 201_000_000
    assert "about: 201 MB with 3 workers (program 77 MB, data 100 MB, " in some.told(3)
    assert "with 1 worker (" in some.told(1)
    text = dlcli("validate", write(tmp_path, "trees")).out
    told = [line for line in text.splitlines() if "memory of" in line or line.startswith("    ")]
    assert told and max(map(len, told)) <= 80


def test_rows_that_were_not_read_are_said_to_be_missing(tmp_path: Path) -> None:
    call = dlcli("validate", CONFIGS / "mnist_cnn.yaml", "--data-dir", tmp_path)
    assert call.code == 0
    words = " ".join(call.out.split())
    assert "and the rows, which were not all read (program" in words
    call = dlcli("validate", CONFIGS / "mnist_cnn.yaml", "--data-dir", tmp_path, "--json")
    assert json.loads(call.out)["memory"]["data"] is None
