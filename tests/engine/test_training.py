"""The training loop: sharding changes nothing it must not, reports are true, errors are named."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dlcli.engine.batch import Batch
from dlcli.engine.context import Context
from dlcli.engine.evaluation import Evaluator, Forward
from dlcli.engine.graph import GraphError, connect
from dlcli.engine.inference import predict
from dlcli.engine.layer import Array
from dlcli.engine.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
)
from dlcli.engine.layers.activations import Relu
from dlcli.engine.losses import MeanSquaredError, SparseCategoricalCrossentropy
from dlcli.engine.metrics import MetricSet
from dlcli.engine.model import Model
from dlcli.engine.optimizers import SGD, Adam, AdamW
from dlcli.engine.sharding import default_shard_size
from dlcli.engine.team import Alone, Threads
from dlcli.engine.training import Diverged, EpochReport, Recipe, StepReport, Training
from dlcli.randomness import Stream


class Rows:
    """Examples in memory."""

    def __init__(self, x: Array, t: Array) -> None:
        self.x, self.t = x, t

    def __len__(self) -> int:
        return len(self.x)

    def fetch(self, positions: Array, ctx: Context, epoch: int | None = None, /) -> Batch:
        return Batch([self.x[positions]], self.t[positions])


def images(count: int, name: str = "x") -> Rows:
    x = Stream(1, name).normal(count * 64).reshape(count, 8, 8, 1)
    t = (x.sum(axis=(1, 2, 3)) > 0).astype(np.int64)
    return Rows(x, t)


def recipe(**changes: object) -> Recipe:
    chain = connect(
        [
            ("conv2d_1", Conv2D(4, (3, 3))),
            ("conv2d_1.activation", Relu()),
            ("max_pooling2d_1", MaxPooling2D()),
            ("flatten_1", Flatten()),
            ("dropout_1", Dropout(0.2)),
            ("dense_1", Dense(2)),
        ],
        (8, 8, 1),
    )
    made = Recipe(
        model=Model(chain),
        loss=SparseCategoricalCrossentropy(),
        optimizer=Adam(),
        metrics=MetricSet(["accuracy"], "multiclass", 2),
        seed=3,
        epochs=2,
        batch_size=20,
        shard_size=8,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def trained(made: Recipe, workers: int = 1) -> tuple[Training, list[EpochReport], list[StepReport]]:
    training = Training(made, {"train": images(50), "validation": images(30, "v")})
    epochs, steps = [], []
    phases = training.phases
    with Alone(phases) if workers == 1 else Threads(phases, workers) as crew:
        for report in training.fit(crew):
            if isinstance(report, EpochReport):
                epochs.append(report)
            else:
                steps.append(report)
    return training, epochs, steps


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_the_number_of_workers_changes_no_bit(workers: int) -> None:
    one, epochs, _ = trained(recipe())
    other, other_epochs, _ = trained(recipe(), workers)
    assert one.theta.tobytes() == other.theta.tobytes()
    assert epochs == other_epochs
    for name, vector in one.moments.items():
        assert vector.tobytes() == other.moments[name].tobytes()


def test_a_batch_in_shards_learns_what_the_whole_batch_learns() -> None:
    plain = connect([("flatten_1", Flatten()), ("dense_1", Dense(2))], (8, 8, 1))
    whole, _, _ = trained(recipe(model=Model(plain), shard_size=20))
    sharded, _, _ = trained(recipe(model=Model(plain), shard_size=3))
    np.testing.assert_allclose(whole.theta, sharded.theta, rtol=2e-4, atol=2e-6)


def test_reports_count_epochs_batches_rows_and_steps() -> None:
    training, epochs, steps = trained(recipe())
    assert [(r.epoch, r.batch, r.rows) for r in steps] == [
        (1, 1, 20),
        (1, 2, 40),
        (1, 3, 50),
        (2, 1, 20),
        (2, 2, 40),
        (2, 3, 50),
    ]
    assert [(r.epoch, r.step) for r in epochs] == [(1, 3), (2, 6)]
    assert list(epochs[0].logs) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert steps[2].loss == epochs[0].logs["loss"]
    assert training.progress.epoch == 2


def test_the_validation_loss_is_that_of_the_parameters_after_the_epoch() -> None:
    training, epochs, _ = trained(recipe(epochs=1))
    rows = images(30, "v")
    made = training.recipe
    evaluation = Evaluator(
        made.model, made.loss, made.metrics, training.theta, {"validation": rows}, 8
    )
    with Alone(evaluation.phases) as crew:
        again = evaluation.run(crew, "validation")
    assert again["loss"] == epochs[0].logs["val_loss"]
    assert again["accuracy"] == epochs[0].logs["val_accuracy"]


def test_max_steps_ends_training_inside_an_epoch_and_reports_it() -> None:
    training, epochs, steps = trained(recipe(max_steps=4))
    assert training.progress.step == 4
    assert len(steps) == 4
    assert [(r.epoch, r.step) for r in epochs] == [(1, 3), (2, 4)]


@pytest.mark.parametrize(
    ("rows", "epochs", "max_steps", "expected"),
    [
        (2, 300, None, (300, 300)),
        (600, 1, None, (300, 1)),
        (800, 2, 300, (300, 1)),
        (600, 3, 600, (600, 2)),
        (2, 400, 300, (300, 300)),
    ],
)
def test_a_long_training_ends_where_it_should(
    rows: int, epochs: int, max_steps: int | None, expected: tuple[int, int]
) -> None:
    chain = connect([("dense_1", Dense(1))], (1,))
    made = recipe(
        model=Model(chain),
        loss=MeanSquaredError(),
        metrics=MetricSet([], "regression", 1),
        epochs=epochs,
        max_steps=max_steps,
        batch_size=2,
        shard_size=2,
    )
    x = np.ones((rows, 1), np.float32)
    training = Training(made, {"train": Rows(x, x)})
    with Alone(training.phases) as crew:
        reports = list(islice(training.fit(crew), 2000))
    ends = [report for report in reports if isinstance(report, EpochReport)]
    assert len(reports) - len(ends) == training.progress.step == expected[0]
    assert len(ends) == training.progress.epoch == expected[1]
    assert (ends[-1].step, ends[-1].epoch) == expected


def test_shuffling_changes_from_epoch_to_epoch_and_is_off_when_asked() -> None:
    seen: list[list[int]] = []

    class Spy(Rows):
        def fetch(self, positions: Array, ctx: Context, epoch: int | None = None, /) -> Batch:
            seen.append(positions.tolist())
            return super().fetch(positions, ctx, epoch)

    def orders(shuffle: bool) -> list[list[int]]:
        seen.clear()
        rows = images(50)
        training = Training(recipe(shuffle=shuffle), {"train": Spy(rows.x, rows.t)})
        with Alone(training.phases) as crew:
            list(training.fit(crew))
        flat = [position for positions in seen for position in positions]
        return [flat[:50], flat[50:]]

    first, second = orders(shuffle=True)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert orders(shuffle=False) == [list(range(50))] * 2


def test_weight_decay_leaves_excluded_parameters_alone() -> None:
    strong = AdamW(learning_rate=0.01, weight_decay=0.5, exclude_from_weight_decay=("bias",))
    chain = connect([("flatten_1", Flatten()), ("dense_1", Dense(2))], (8, 8, 1))
    model = Model(chain, strong.decays)
    assert model.layout.decayed == 128
    assert model.layout.trained == 130
    training, _, _ = trained(recipe(model=model, optimizer=strong))
    assert np.isfinite(training.theta).all()


def test_a_loss_that_is_not_finite_names_step_and_layer() -> None:
    chain = connect([("flatten_1", Flatten()), ("dense_1", Dense(2))], (8, 8, 1))
    wild = recipe(model=Model(chain), optimizer=SGD(learning_rate=1e38), epochs=50)
    with pytest.raises(Diverged, match=r"dense_1") as caught:
        trained(wild)
    assert caught.value.step >= 2


def test_a_row_is_answered_alike_alone_and_in_company() -> None:
    made = recipe()
    theta = made.model.layout.initial(1)
    rows = images(41)
    together = predict(made.model, made.loss, theta, rows.x)
    for index in (0, 7, 8, 40):
        alone = predict(made.model, made.loss, theta, rows.x[index : index + 1])
        assert alone[0].tobytes() == together[index].tobytes()


def test_the_padding_of_a_short_shard_never_shows() -> None:
    made = recipe()
    forward = Forward(made.model, made.model.layout.initial(1), 8)
    x = images(8).x
    short = np.array(forward(x[:3]))
    assert short.shape == (3, 2)
    assert np.array(forward(x))[:3].tobytes() == short.tobytes()


def test_a_misfit_says_which_layer_it_is() -> None:
    with pytest.raises(GraphError) as caught:
        connect([("flatten_1", Flatten()), ("conv2d_1", Conv2D(4, (3, 3)))], (8, 8, 1))
    assert caught.value.index == 1


def test_the_shard_size_depends_on_the_model_and_the_batch_alone() -> None:
    small = Model(connect([("dense_1", Dense(2))], (30,)))
    assert default_shard_size(small, 32) == 16
    assert default_shard_size(small, 5) == 5
    wide = Model(connect([("conv2d_1", Conv2D(64, (3, 3)))], (64, 64, 3)))
    assert default_shard_size(wide, 128) == 8


def test_regression_in_several_outputs_trains() -> None:
    chain = connect([("dense_1", Dense(3))], (5,))
    x = Stream(2, "x").normal(200).reshape(40, 5)
    t = x[:, :3] * np.float32(2.0)
    made = recipe(
        model=Model(chain),
        loss=MeanSquaredError(),
        optimizer=SGD(learning_rate=0.3),
        metrics=MetricSet(["r2", "mean_absolute_error"], "regression", 3),
        epochs=40,
    )
    training = Training(made, {"train": Rows(x, t)})
    with Alone(training.phases) as crew:
        reports = [r for r in training.fit(crew) if isinstance(r, EpochReport)]
    assert reports[-1].logs["r2"] > 0.99
    assert reports[-1].logs["loss"] < reports[0].logs["loss"] / 100


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("limit", [None, 2])
def test_only_rows_that_an_epoch_has_seen_are_ranked(shuffle: bool, limit: int | None) -> None:
    made = recipe(
        optimizer=SGD(learning_rate=1e-30),  # so that every row is answered alike in all steps
        metrics=MetricSet(["roc_auc"], "multiclass", 2),
        epochs=1,
        shuffle=shuffle,
        max_steps=limit,
        model=Model(connect([("flatten_1", Flatten()), ("dense_1", Dense(2))], (8, 8, 1))),
    )
    rows = images(50)
    training = Training(made, {"train": rows})
    with Threads(training.phases, 2) as crew:
        (epoch,) = [r for r in training.fit(crew) if isinstance(r, EpochReport)]
    order = Stream(made.seed, "shuffle", 0).permutation(50) if shuffle else np.arange(50)
    seen = order[: 50 if limit is None else 40]
    answers = predict(made.model, made.loss, training.theta, rows.x)
    expected = roc_auc_score(rows.t[seen], answers[seen, 1])
    assert epoch.logs["roc_auc"] == pytest.approx(expected, rel=1e-12)
    whole = roc_auc_score(rows.t, answers[:, 1])
    assert (epoch.logs["roc_auc"] == pytest.approx(whole, rel=1e-12)) == (limit is None)


def test_a_layer_that_meets_the_batch_learns_in_shards_as_in_one() -> None:
    chain = connect(
        [
            ("conv2d_1", Conv2D(3, (3, 3))),
            ("batch_normalization_1", BatchNormalization()),
            ("relu_1", Relu()),
            ("flatten_1", Flatten()),
            ("batch_normalization_2", BatchNormalization(momentum=0.5)),
            ("dense_1", Dense(2)),
        ],
        (8, 8, 1),
    )
    whole, epochs, _ = trained(recipe(model=Model(chain), optimizer=SGD(), shard_size=20))
    cut, cut_epochs, _ = trained(recipe(model=Model(chain), optimizer=SGD(), shard_size=6), 2)
    np.testing.assert_allclose(cut.theta, whole.theta, rtol=1e-4, atol=2e-6)
    for one, other in zip(epochs, cut_epochs, strict=True):
        assert one.logs["loss"] == pytest.approx(other.logs["loss"], rel=1e-5)
