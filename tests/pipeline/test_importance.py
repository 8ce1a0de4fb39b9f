"""Permutation importance: scikit-learn's, on the same draws, for what the command prints."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.inspection import _permutation_importance as theirs
from sklearn.inspection import permutation_importance

from dlcli.engine.layer import Array
from dlcli.errors import DivergedError
from dlcli.pipeline import importance
from dlcli.randomness import Stream
from tests.cli.calls import dlcli, files, refused, train
from tests.data.scenes import write_scenes

N, REPEATS, SEED = 160, 4, 11
COLUMNS = ("height", "soil", "girth", "still")
TABLE = """\
data:
  source: {type: csv, path: t.csv, target: TARGET, weight: weight}
  split: {by: column, column: part}
  transforms:
    - {type: impute, strategy: median}
    - {type: one_hot, handle_unknown: ignore}
    - standardize
MORE
model:
  layers: [{type: dense, units: 8, activation: tanh}, {type: dense, units: UNITS, activation: ACT}]
loss: LOSS
optimizer: {type: adam, learning_rate: 0.05}
training: {epochs: 6, batch_size: 16}
evaluation: {metrics: METRICS}
"""


def table(folder: Path) -> list[dict[str, str]]:
    """The rows of a file of trees: numbers with gaps, a text with gaps, a column that is still."""
    draw = np.random.default_rng(3)
    rows = []
    for number in range(N):
        kind = number % 3
        height = 10 + 3 * kind + draw.normal()
        girth = draw.normal() - kind + 4 * (number % 5 == 0)
        soil = ("clay", "sand", "loam")[int(draw.integers(3)) if draw.random() < 0.4 else kind]
        rows.append(
            {
                "height": f"{height:.3f}",
                "soil": "" if draw.random() < 0.1 else soil,
                "girth": "" if draw.random() < 0.15 else f"{girth:.3f}",
                "still": "1.5",
                "kind": ("ash", "beech", "oak")[kind],
                "price": f"{40 * height + 7 * girth + draw.normal():.3f}",
                "weight": str(draw.choice([0.0, 0.25, 1.0, 3.5])),
                "part": ("train", "validation", "test")[max(0, number % 8 - 5)],
            }
        )
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "t.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


def trained(folder: Path, target: str, units: int, act: str, loss: str, metrics: str) -> Path:
    other = "price" if target == "kind" else "kind"
    text = TABLE.replace("weight: weight}", f"weight: weight, ignore: [{other}]}}")
    more = "  target_transform: standardize" if target == "price" else ""
    for word, value in (
        ("TARGET", target), ("MORE", more), ("UNITS", str(units)), ("ACT", act), ("LOSS", loss),
        ("METRICS", metrics),
    ):  # fmt: skip
        text = text.replace(word, value)
    (folder / "c.yaml").write_text(text)
    return train(folder / "c.yaml", folder / "runs").run


class _Answers(BaseEstimator):
    """A run as scikit-learn sees a model: rows of cells in, what `dlcli predict` prints out."""

    def __init__(self, run: Path, columns: Sequence[str]) -> None:
        self.run, self.columns = run, columns

    def fit(self, x: Any, y: Any) -> "_Answers":
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, x: Array) -> Array:
        path = self.run.parent / "asked.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(self.columns)
            writer.writerows(x.tolist())
        call = dlcli("predict", self.run, path, "--json")
        assert call.code == 0, call.err
        key = "class" if isinstance(self, ClassifierMixin) else "value"
        return np.array([row[key] for row in json.loads(call.out)["predictions"]])


class Classifier(ClassifierMixin, _Answers):  # type: ignore[misc]
    classes_ = np.array(["ash", "beech", "oak"])


class Regressor(RegressorMixin, _Answers):  # type: ignore[misc]
    pass


class Draws(np.random.RandomState):
    """Permutes as the command does for one column.

    scikit-learn permutes what it has permuted before; so each time the order is the one that leads
    from there to the next.
    """

    def __init__(self, column: str) -> None:
        super().__init__(0)
        self._column, self._repeat, self._before = column, 0, np.zeros(0, np.int64)

    def shuffle(self, x: Array) -> None:  # type: ignore[override]
        wanted = Stream(SEED, "importance", self._column, self._repeat).permutation(len(x))
        before = self._before if self._repeat else np.arange(len(x))
        x[:] = np.argsort(before)[wanted]
        self._before, self._repeat = wanted, self._repeat + 1


def by_scikit_learn(
    model: Any, x: Array, y: Array, scoring: str, weights: Array | None, monkeypatch: Any
) -> Any:
    draws = iter([np.random.RandomState(0), *map(Draws, COLUMNS)])
    monkeypatch.setattr(theirs, "check_random_state", lambda state: next(draws))
    return permutation_importance(
        model, x, y, scoring=scoring, n_repeats=REPEATS, random_state=0, n_jobs=1,
        sample_weight=weights,
    )  # fmt: skip


def asked(run: Path, *arguments: str) -> dict[str, Any]:
    call = dlcli(
        "importance", run, "--json", "--repeats", str(REPEATS), "--seed", str(SEED), *arguments
    )
    assert call.code == 0, call.err
    found: dict[str, Any] = json.loads(call.out)
    return found


def assert_same(found: Mapping[str, Any], wanted: Any, rel: float) -> None:
    assert [column["name"] for column in found["columns"]] == list(COLUMNS)
    size = np.abs(wanted.importances).max()
    assert size > 0.01
    for mine, all_, mean, std in zip(
        found["columns"], wanted.importances, wanted.importances_mean, wanted.importances_std,
        strict=True,
    ):  # fmt: skip
        near = {"rel": rel, "abs": rel * size}
        assert mine["importances"] == pytest.approx(all_.tolist(), **near)
        assert mine["mean"] == pytest.approx(mean, **near)
        assert mine["std"] == pytest.approx(std, **near)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, str]]]:
    folder = tmp_path_factory.mktemp("kinds")
    rows = table(folder)
    metrics = "[accuracy, {type: accuracy, weighted: true}, confusion_matrix]"
    loss = "sparse_categorical_crossentropy"
    return trained(folder, "kind", 3, "softmax", loss, metrics), rows


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, str]]]:
    folder = tmp_path_factory.mktemp("prices")
    rows = table(folder)
    return trained(folder, "price", 1, "linear", "mse", "[mae]"), rows


def part(rows: Sequence[Mapping[str, str]], role: str, target: str) -> tuple[Array, Array, Array]:
    some = [row for row in rows if row["part"] == role]
    y = [row[target] if target == "kind" else float(row[target]) for row in some]
    cells = np.array([[row[name] for name in COLUMNS] for row in some], dtype=object)
    return cells, np.array(y), np.array([float(row["weight"]) for row in some])


@pytest.mark.parametrize(
    ("metric", "weighs"), [(None, False), ("accuracy", False), ("weighted_accuracy", True)]
)
def test_of_classes_it_is_scikit_learns(
    kinds: Any, metric: str | None, weighs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, rows = kinds
    x, y, weights = part(rows, "test", "kind")
    own = weights if weighs else None
    wanted = by_scikit_learn(Classifier(run, COLUMNS), x, y, "accuracy", own, monkeypatch)
    found = asked(run, *(() if metric is None else ("--metric", metric)))
    assert (found["split"], found["rows"]) == ("test", len(y))
    assert found["metric"] == (metric or "accuracy") and found["best"] == "max"
    assert_same(found, wanted, 1e-12)
    assert (
        found["value"]
        == json.loads((run / "evaluation.json").read_text())["test"]["metrics"][found["metric"]]
    )


@pytest.mark.parametrize(
    ("metric", "scoring", "role"),
    [
        (None, "r2", "test"),
        ("mae", "neg_mean_absolute_error", "test"),
        ("root_mean_squared_error", "neg_root_mean_squared_error", "validation"),
    ],
)
def test_of_numbers_it_is_scikit_learns(
    prices: Any, metric: str | None, scoring: str, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, rows = prices
    x, y, _ = part(rows, role, "price")
    wanted = by_scikit_learn(Regressor(run, COLUMNS), x, y, scoring, None, monkeypatch)
    found = asked(run, "--split", role, *(() if metric is None else ("--metric", metric)))
    assert found["best"] == ("max" if scoring == "r2" else "min")
    assert_same(found, wanted, 1e-9)


def test_what_changes_no_answer_has_exactly_no_importance(kinds: Any, prices: Any) -> None:
    for run, _ in (kinds, prices):
        still = asked(run)["columns"][COLUMNS.index("still")]
        assert still["importances"] == [0.0] * REPEATS
        assert (still["mean"], still["std"]) == (0.0, 0.0)


def test_workers_change_no_bit_and_nothing_is_written(prices: Any) -> None:
    run, _ = prices
    before = files(run)
    calls = [
        dlcli("importance", run, "--json", "--workers", str(workers)).out for workers in (1, 2, 3)
    ]
    assert calls[0] == calls[1] == calls[2] != ""
    assert files(run) == before
    other = dlcli("importance", run, "--json", "--seed", "1").out
    assert json.loads(other)["columns"] != json.loads(calls[0])["columns"]


def test_the_draws_of_a_column_do_not_depend_on_the_others(kinds: Any) -> None:
    few, more = asked(kinds[0], "--repeats", "2"), asked(kinds[0])
    for one, other in zip(few["columns"], more["columns"], strict=True):
        assert one["importances"] == other["importances"][:2]


def test_people_see_the_most_important_first_in_80_columns(kinds: Any, prices: Any) -> None:
    for run, _ in (kinds, prices):
        call = (
            dlcli("importance", run, "--repeats", "3", "--metric", "mae")
            if run == prices[0]
            else dlcli("importance", run, "--repeats", "3")
        )
        assert call.code == 0 and call.err == ""
        title, way, _, header, *lines = call.out.splitlines()
        assert title.startswith("test: ") and "3 permutations" in way
        assert ("rises" in way) == (run == prices[0])
        assert header.split() == ["column", "importance"]
        assert all(len(line) <= 80 for line in call.out.splitlines())
        means = [float(line.split()[1]) for line in lines]
        assert means == sorted(means, reverse=True) and len(means) == len(COLUMNS)
        assert lines[0].rstrip().endswith("█" * 20)


def test_long_and_hostile_names_of_columns_fit(tmp_path: Path) -> None:
    name = "the height of the tree in metres above the ground \x1b[31m"
    lines = [f'"{name}",b,y', *(f"{n * 7 % 13},{n % 5},{n % 2}" for n in range(80))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "c.yaml").write_text(
        "data: {source: {type: csv, path: t.csv, target: y}}\n"
        "model: {layers: [{type: dense, units: 1}]}\nloss: bce\noptimizer: adam\n"
        "training: {epochs: 1}\n"
    )
    run = train(tmp_path / "c.yaml", tmp_path / "runs").run
    out = dlcli("importance", run, "--repeats", "1").out
    assert "\x1b" not in out and "…" in out and "one permutation" in out
    assert all(len(line) <= 80 for line in out.splitlines())
    found = json.loads(dlcli("importance", run, "--json", "--metric", "roc_auc").out)
    assert found["columns"][0]["name"] == name and found["positive_class"] == "1"


def numbers(folder: Path, x: Array, layers: str, more: str = "") -> Path:
    y = np.arange(len(x)) % 2
    np.savez(folder / "d.npz", x=x, y=y)
    (folder / "c.yaml").write_text(
        f"data: {{source: {{type: npz, path: d.npz}}{more}}}\n"
        f"model: {{layers: [{layers}, {{type: dense, units: 1}}]}}\nloss: bce\n"
        "optimizer: {type: adam, learning_rate: 0.1}\ntraining: {epochs: 4}\n"
    )
    return train(folder / "c.yaml", folder / "runs").run


def test_rows_without_columns_are_permuted_by_position(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(90, 3)).astype(np.float32)
    x[:, 1] += 3 * (np.arange(90) % 2)
    found = json.loads(
        dlcli("importance", numbers(tmp_path, x, "{type: dense, units: 4}"), "--json").out
    )
    assert found["permuted"] == "position"
    assert [column["name"] for column in found["columns"]] == ["0", "1", "2"]
    means = [column["mean"] for column in found["columns"]]
    assert max(means) == means[1] > 0.1


def test_images_and_rows_that_are_learned_are_refused(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 4, 4, 1)).astype(np.float32)
    run = numbers(tmp_path, x, "flatten")
    assert "images of 4 x 4 x 1, which have no columns" in refused(dlcli("importance", run), 2)
    (tmp_path / "c.yaml").write_text(
        "data: {source: iris, target: features, transforms: [standardize]}\n"
        "model: {layers: [{type: dense, units: 4}]}\nloss: mse\noptimizer: adam\n"
        "training: {epochs: 1}\n"
    )
    run = train(tmp_path / "c.yaml", tmp_path / "runs").run
    assert "no target that a column could be" in refused(dlcli("importance", run), 2)


def test_several_inputs_are_permuted_each_as_a_whole(tmp_path: Path) -> None:
    write_scenes(tmp_path)
    (tmp_path / "c.yaml").write_text(Path("configs/scenes.yaml").read_text())
    run = train(
        tmp_path / "c.yaml", tmp_path / "runs", "--data-dir", tmp_path,
        "--set", "training.max_steps=2",
    ).run  # fmt: skip
    found = json.loads(
        dlcli("importance", run, "--json", "--repeats", "2", "--data-dir", tmp_path).out
    )
    config = json.loads((run / "manifest.json").read_text())["config"]
    assert found["permuted"] == "input"
    assert [column["name"] for column in found["columns"]] == list(config["data"]["inputs"])


def test_a_run_without_a_test_part_is_judged_by_what_evaluate_takes(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    dense = "{type: dense, units: 2}"
    for split, role in (("{test: 0.0}", "validation"), ("{test: 0.0, validation: 0.0}", "train")):
        run = numbers(tmp_path, x, dense, f", split: {split}")
        assert json.loads(dlcli("importance", run, "--json").out)["split"] == role
        assert "the run has train" in refused(dlcli("importance", run, "--split", "test"), 2)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("acuracy", "there is no such metric; did you mean 'accuracy'?"),
        ("confusion_matrix", "it is not one number"),
        ("r2", "does not suit this model"),
        ("loss", "there is no such metric"),
        ("", "there is no such metric"),
    ],
)
def test_a_metric_that_cannot_be_is_refused(kinds: Any, metric: str, words: str) -> None:
    assert words in refused(dlcli("importance", kinds[0], "--metric", metric), 2)


def test_a_metric_without_a_value_is_refused(tmp_path: Path) -> None:
    lines = ["a,y,p", *(f"{n % 7},{int(n % 3 == 0 and n < 40)},{'train' if n < 40 else 'test'}"
                        for n in range(60))]  # fmt: skip
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "c.yaml").write_text(
        "data: {source: {type: csv, path: t.csv, target: y}, split: {by: column, column: p}}\n"
        "model: {layers: [{type: dense, units: 1}]}\nloss: bce\noptimizer: adam\n"
        "training: {epochs: 1}\n"
    )
    run = train(tmp_path / "c.yaml", tmp_path / "runs").run
    told = refused(dlcli("importance", run, "--metric", "roc_auc"), 2)
    assert "is not defined for the test part" in told and "all its rows are of one class" in told


def test_several_runs_and_changed_data_are_refused(tmp_path: Path) -> None:
    table(tmp_path)
    trained(tmp_path, "kind", 3, "softmax", "sparse_categorical_crossentropy", "[accuracy]")
    many = train(
        tmp_path / "c.yaml", tmp_path / "many", "--seeds", "2", "--set", "training.epochs=1"
    ).run
    assert "holds several runs" in refused(dlcli("importance", many), 2)
    assert dlcli("importance", many / "seed-0", "--repeats", "1").code == 0
    text = (tmp_path / "t.csv").read_text()
    (tmp_path / "t.csv").write_text(text.replace("clay", "sand", 1))
    assert "the data is not what the run was trained on" in refused(
        dlcli("importance", many / "seed-0"), 3
    )


def test_a_score_that_is_not_finite_is_no_importance(
    prices: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(asked: Any, spots: Any, repeats: int, *arguments: Any) -> Array:
        values = np.ones(1 + len(spots) * repeats)
        values[3] = np.nan
        return values

    monkeypatch.setattr(importance, "_values", spoiled)
    assert "is not finite" in refused(dlcli("importance", prices[0]), DivergedError.exit_code)
