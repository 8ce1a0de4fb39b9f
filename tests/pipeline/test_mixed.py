"""Rows mixed with others: pixels, targets and weights, in whatever shard a row is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli import builder
from dlcli.config import load_config
from dlcli.data.augmentation import Augmentations, Blend, CutMix, GaussianNoise, MixUp, Others
from dlcli.engine.context import Context
from dlcli.engine.losses import LOSSES
from dlcli.pipeline.job import Job
from dlcli.pipeline.mixed import mixed
from dlcli.pipeline.prepare import places
from dlcli.pipeline.progress import NullReporter
from tests.cli.calls import dlcli, refused, train

Array = Any
N = 60
CONFIG = """\
seed: 4
data:
  source: {type: npz, path: a.npz}
  split: {test: 0}
  augmentation: [random_flip, {type: mix_up, alpha: 0.7}, random_flip, cut_mix]
model:
  layers:
    - flatten
    - {type: dense, units: 3, activation: softmax}
loss: categorical_crossentropy
optimizer: {type: sgd, learning_rate: 0.01}
training: {epochs: 2, batch_size: 16, shard_size: 8, keep: last}
evaluation: {metrics: [accuracy]}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    arrays = {
        "x_train": draw.normal(size=(N, 6, 5, 2)).astype(np.float32),
        "y_train": np.arange(N) % 3,
        "x_valid": draw.normal(size=(9, 6, 5, 2)).astype(np.float32),
        "y_valid": np.arange(9) % 3,
        "w": draw.uniform(0, 2, N),
        "w_valid": np.ones(9),
    }
    np.savez(tmp_path / "a.npz", **arrays)
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG)
    return path


def ready(config: Path) -> Job:
    return Job.ready(load_config(config), places(config.parent, None), NullReporter())


def blended(job: Job, positions: Array, epoch: int) -> Blend:
    """Of which rows these are made, worked out anew."""
    part = job.prepared.dataset.train.features
    found = builder.augmentations(job.loaded.config)[""]
    return made(found, part, positions, epoch)


def made(steps: Augmentations, part: Array, positions: Array, epoch: int) -> Blend:
    others = Others(len(part), lambda rows: part[rows].astype(np.float32))
    blend = steps.apply(part[positions].astype(np.float32), positions, epoch, others).blend
    assert blend is not None
    return blend


def test_a_row_and_its_target_are_the_same_in_any_shard(config: Path) -> None:
    examples = ready(config).examples["train"]
    whole = examples.fetch(np.arange(N), Context(), 1)
    x, t = whole.values[0].copy(), whole.targets.copy()
    assert t.dtype == np.float32 and t.shape == (N, 3)
    np.testing.assert_allclose(t.sum(axis=1), 1.0, atol=1e-6)
    ctx = Context()
    for part in np.array_split(np.random.default_rng(1).permutation(N), 7):
        batch = examples.fetch(part, ctx, 1)
        np.testing.assert_array_equal(batch.values[0], x[part])
        np.testing.assert_array_equal(batch.targets, t[part])
    again = examples.fetch(np.arange(N), ctx, 2)
    assert (again.targets != t).any(axis=1).mean() > 0.5


def test_targets_are_those_of_the_rows_that_were_mixed(config: Path) -> None:
    job = ready(config)
    batch = job.examples["train"].fetch(np.arange(N), Context(), 0)
    blend = blended(job, np.arange(N), 0)
    assert blend.rows.shape == blend.shares.shape == (N, 4)  # a mixture of two mixtures
    one_hot = np.eye(3)[np.arange(N) % 3]
    wanted = (blend.shares[:, :, None] * one_hot[blend.rows]).sum(axis=1)
    np.testing.assert_allclose(batch.targets, wanted, atol=1e-6)


def test_rows_are_judged_as_they_are(config: Path) -> None:
    job = ready(config)
    for role in ("train", "validation"):
        part = getattr(job.prepared.dataset, role)
        batch = job.examples[role].fetch(np.arange(9), Context())
        np.testing.assert_array_equal(batch.values[0], part.features[:9])
        assert batch.targets.ndim == 1


def test_a_partner_gives_what_the_augmentations_before_leave_of_it() -> None:
    """By its own address: the same pixels as where it is a row of its own."""
    part = np.random.default_rng(0).normal(size=(30, 4, 4, 1)).astype(np.float32)
    others = Others(30, lambda rows: part[rows])
    rows = np.arange(30)
    noisy = Augmentations([GaussianNoise(0.5)], 1, "a").apply(part.copy(), rows, 2).x
    both = Augmentations([GaussianNoise(0.5), MixUp(1.0)], 1, "a")
    found = both.apply(part.copy(), rows, 2, others)
    assert found.blend is not None
    partners, own = found.blend.rows[:, 1], found.blend.shares[:, :1]
    own = own.reshape(-1, 1, 1, 1)
    np.testing.assert_array_equal(found.x, own * noisy + (1 - own) * noisy[partners])
    assert len(set(partners.tolist())) > 12, "partners come from the whole part"
    cut = Augmentations([GaussianNoise(0.5), CutMix()], 1, "a").apply(part.copy(), rows, 2, others)
    assert cut.blend is not None
    partners = cut.blend.rows[:, 1]
    theirs = cut.x != noisy
    np.testing.assert_array_equal(cut.x, np.where(theirs, noisy[partners], noisy))
    kept = 1.0 - theirs.reshape(30, -1).mean(axis=1)
    same = partners == rows
    np.testing.assert_array_equal(kept[~same], cut.blend.shares[~same, 0])


BLEND = Blend(np.array([[0, 1], [1, 2], [2, 0], [3, 3]]), np.array([[0.75, 0.25]] * 4, np.float32))


def test_targets_and_weights_by_hand() -> None:
    ids = np.array([0, 2, 1, 1])
    target, weight = mixed(BLEND, ids, None, 3)
    assert weight is None
    assert target.tolist() == [[0.75, 0, 0.25], [0, 0.25, 0.75], [0.25, 0.75, 0], [0, 1, 0]]
    weights = np.array([1, 3, 0, 0], np.float32)
    target, weight = mixed(BLEND, ids, weights, 3)
    assert weight is not None and weight.tolist() == [1.5, 2.25, 0.25, 0]
    # 0.75 * 1 of class 0 and 0.25 * 3 of class 2; what weighs nothing has no say, unless both do.
    assert target.tolist() == [[0.5, 0, 0.5], [0, 0, 1], [1, 0, 0], [0, 1, 0]]
    numbers = np.array([[4.0, 0.0], [0.0, 8.0], [1.0, 1.0], [2.0, 2.0]])
    target, _ = mixed(BLEND, numbers, None, None)
    assert target.dtype == np.float64 and target[:2].tolist() == [[3, 2], [0.25, 6.25]]
    target, _ = mixed(BLEND, np.array([0, 1, 1, 0]), None, None)  # of two classes
    assert target.tolist() == [0.25, 1, 0.75, 0]


@pytest.mark.parametrize(
    "word", ["categorical_crossentropy", "binary_crossentropy", "mean_squared_error"]
)
def test_each_target_counts_by_its_share_and_its_weight(word: str) -> None:
    """The gradient of a mixed row is the sum of those of its parts."""
    draw = np.random.default_rng(0)
    y, rows = draw.normal(size=(4, 3)), draw.integers(0, 2, (4, 3)).astype(np.float64)
    if word == "categorical_crossentropy":
        rows = np.eye(3)[[0, 2, 1, 1]]
    weights = np.array([1.0, 3.0, 0.5, 0.0], np.float32)
    loss = LOSSES[word]()

    def gradient(t: Array, w: Array) -> Array:
        return loss.judge(y, t, 0.25, Context(), w).dy.copy()

    target, weight = mixed(BLEND, rows, weights, None)
    wanted = np.zeros_like(y)
    for column in range(2):
        own = BLEND.rows[:, column]
        wanted += gradient(rows[own], BLEND.shares[:, column] * weights[own])
    np.testing.assert_allclose(gradient(target, weight), wanted, atol=1e-7)


@pytest.mark.parametrize(
    ("loss", "units", "activation"),
    [
        ("categorical_crossentropy", 3, "softmax"),
        ("mean_squared_error", 1, "linear"),
        ("mean_absolute_error", 1, "linear"),
    ],
)
def test_whatever_is_learned_its_weights_are_mixed_too(
    config: Path, loss: str, units: int, activation: str
) -> None:
    text = CONFIG.replace("categorical_crossentropy", loss).replace("units: 3", f"units: {units}")
    text = text.replace("softmax", activation).replace("[accuracy]", "null")
    text = text.replace("path: a.npz", "path: a.npz, weight: w, validation_weight: w_valid")
    if units == 1:
        text = text.replace("  augmentation", "  target_transform: standardize\n  augmentation")
    else:
        text = text.replace("keep: last", 'keep: last, class_weight: {"1": 3}')
    config.write_text(text)
    job = ready(config)
    batch = job.examples["train"].fetch(np.arange(N), Context(), 0)
    blend = blended(job, np.arange(N), 0)
    learned = job.design.learned["train"]
    assert learned.training_weights is not None and batch.weights is not None
    wanted = (blend.shares * learned.training_weights[blend.rows]).sum(axis=1)
    np.testing.assert_allclose(batch.weights, wanted, rtol=1e-5)
    run = train(config, config.parent / "runs").run
    line = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert np.isfinite(line["loss"]) and line["epoch"] == 2


def test_two_classes_with_one_unit(config: Path) -> None:
    arrays = dict(np.load(config.parent / "a.npz"))
    arrays |= {name: arrays[name] % 2 for name in ("y_train", "y_valid")}
    np.savez(config.parent / "a.npz", **arrays)
    text = CONFIG.replace("categorical_crossentropy", "binary_crossentropy")
    config.write_text(text.replace("units: 3", "units: 1").replace("softmax", "sigmoid"))
    batch = ready(config).examples["train"].fetch(np.arange(N), Context(), 0)
    assert batch.targets.shape == (N,) and 0 < np.unique(batch.targets).size > 10
    assert train(config, config.parent / "runs").code == 0


def test_accuracy_while_learning_is_about_the_class_with_the_largest_share(config: Path) -> None:
    job = ready(config)
    batch = job.examples["train"].fetch(np.arange(N), Context(), 0)
    answers = np.eye(3, dtype=np.float32)[batch.targets.argmax(axis=1)]
    metrics = job.design.recipe.metrics
    found = metrics.values(metrics.tally(answers, batch.targets))
    assert found["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("loss: cat", "loss: sparse_cat", "c.yaml:10:", "use `categorical_crossentropy`, which"),
        ("cut_mix]", "mix_up]", "c.yaml:5:", "`mix_up` is listed twice"),
        ("cut_mix]", "{alpha: 1}]", "c.yaml:5:", "`type`"),
        ("cut_mix]", "null, 7, [mix_up]]", "c.yaml:5:", "type"),
        ("cut_mix]", "{type: cut_mix, alpha: 1}]", "c.yaml:5:", "it is `factor`"),
        ("alpha: 0.7", "alpha: 0", "c.yaml:5:", "`alpha` must be a number above 0"),
        ("cut_mix]", "mixup]", "c.yaml:5:", "did you mean `mix_up`?"),
    ],
)
def test_a_mistake_is_told_on_its_line(
    config: Path, old: str, new: str, place: str, words: str
) -> None:
    assert old in CONFIG
    config.write_text(CONFIG.replace(old, new))
    told = refused(train(config, config.parent / "runs"), 2)
    assert place in told and words in told, told


def test_values_of_several_inputs_are_not_mixed_apart(config: Path) -> None:
    text = CONFIG.replace("  augmentation: [", "  inputs:\n    image:\n      array: x_train\n"
                          "      validation_array: x_valid\n      augmentation: [")  # fmt: skip
    text = text.replace("a.npz}", "a.npz, target: y_train, validation_target: y_valid}")
    config.write_text(text)
    told = refused(dlcli("validate", config), 2)
    assert "`mix_up` mixes whole rows, but with `data.inputs` each value is changed by" in told
