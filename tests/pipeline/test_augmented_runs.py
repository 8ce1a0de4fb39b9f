"""With any augmentation, a run is the same for any number of workers and through any stop."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.config import load_config
from dlcli.data.augmentation import AUGMENTATIONS
from dlcli.engine.context import Context
from dlcli.pipeline.interruption import Interrupted
from dlcli.pipeline.job import Job
from dlcli.pipeline.prepare import places
from dlcli.pipeline.progress import NullReporter
from tests.exactness.runs import (
    CNN,
    a_few,
    assert_same,
    changed,
    content,
    resume,
    stop_after,
    train,
    write,
)

OPTIONS: dict[str, dict[str, Any]] = {
    "cut_mix": {},
    "gaussian_noise": {"stddev": 0.2},
    "mix_up": {"alpha": 0.5},
    "random_brightness": {"factor": 0.3, "value_range": [0, 1]},
    "random_contrast": {"factor": 0.5, "value_range": [0, 1]},
    "random_crop": {"padding": 1},
    "random_erasing": {"value_range": [0, 1]},
    "random_flip": {},
    "random_rotation": {"factor": 0.1},
    "random_translation": {"width_factor": 0.2},
    "random_zoom": {"height_factor": 0.3},
}


def config(folder: Path, word: str) -> Path:
    """The network of CNN, with noise before and a flip behind."""
    steps = [
        {"type": "random_crop", "padding": 1} if word != "random_crop" else "random_flip",
        {"type": word, **OPTIONS[word]},
        {"type": "random_translation", "height_factor": 0.1},
    ]
    chosen = changed(
        CNN,
        data__augmentation=steps,
        loss={"type": "categorical_crossentropy"},
        training={"epochs": 2, "batch_size": 200, "shard_size": 32, "max_steps": 9},
    )
    return write(folder, chosen)


def test_every_word_has_options() -> None:
    assert OPTIONS.keys() == AUGMENTATIONS.keys()


@pytest.mark.parametrize("word", a_few(sorted(AUGMENTATIONS), 4))
def test_workers_and_stops_change_no_bit(word: str, tmp_path: Path) -> None:
    path = config(tmp_path, word)
    alone = content(train(path, tmp_path / "alone"))
    assert_same(content(train(path, tmp_path / "three", workers=3)), alone)
    with pytest.raises(Interrupted) as stopped:
        train(path, tmp_path / "stopped", stop=stop_after(4))
    run = Path(str(stopped.value.details["run"]))
    resume(run, workers=2)
    assert_same(content(run), alone)


@pytest.mark.parametrize("word", AUGMENTATIONS)
def test_a_row_is_the_same_in_any_shard_and_plain_where_it_is_judged(
    word: str, tmp_path: Path
) -> None:
    job = Job.ready(load_config(config(tmp_path, word)), places(tmp_path, None), NullReporter())
    examples, ctx = job.examples["train"], Context()
    whole = examples.fetch(np.arange(90), ctx, 1)
    x, t = whole.values[0].copy(), whole.targets.copy()
    for part in np.array_split(np.random.default_rng(0).permutation(90), 8):
        batch = examples.fetch(part, ctx, 1)
        np.testing.assert_array_equal(batch.values[0], x[part])
        np.testing.assert_array_equal(batch.targets, t[part])
    plain = examples.fetch(np.arange(90), ctx)
    assert plain.values[0].shape == x.shape and (plain.values[0] != x).any()
    prepared = job.prepared.preprocessing[""]
    rows = job.prepared.dataset.train.take_features(np.arange(90))
    np.testing.assert_array_equal(plain.values[0], prepared.apply(rows))
