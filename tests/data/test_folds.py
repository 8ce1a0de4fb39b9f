"""Folds: every row is tested once, classes and groups as scikit-learn's folds, times in order."""

from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, StratifiedKFold, TimeSeriesSplit

from dlcli.data.dataset import Key, Raw, Table
from dlcli.data.split import Split
from dlcli.errors import DataError, UsageError
from tests.cli.calls import dlcli, refused


def raw(classes: Any, keys: Any = None) -> Raw:
    count = len(classes)
    rows = np.arange(count, dtype=float)[:, None]
    held = {} if keys is None else {"k": Key(np.array(keys, float), None)}
    table = Table(rows, np.array(classes, np.int64), keys=held)
    return Raw({"all": table})


def folds(brought: Raw, count: int, seed: int = 0, **given: Any) -> list[dict[str, list[int]]]:
    """The numbers of the rows of each part of each fold."""
    found = []
    for fold in range(1, count + 1):
        split = Split(folds=count, fold=fold, **{"validation": 0.0, **given})
        parts = split.apply(brought, seed).parts()
        found.append(
            {
                role: part.take_features(slice(None))[:, 0].astype(int).tolist()
                for role, part in parts.items()
            }
        )
    return found


CLASSES = st.lists(st.integers(0, 3), min_size=12, max_size=60)


@given(CLASSES, st.integers(2, 6), st.integers(0, 99), st.sampled_from([0.0, 0.1]))
def test_every_row_is_tested_once(classes: list[int], k: int, seed: int, share: float) -> None:
    found = folds(raw(classes), k, seed, validation=share)
    assert sorted(chain(*(one["test"] for one in found))) == list(range(len(classes)))
    for one in found:
        assert sorted(chain(*one.values())) == list(range(len(classes)))
        assert all(rows == sorted(rows) for rows in one.values())
        assert len(one["test"]) in (len(classes) // k, -(-len(classes) // k))
    assert folds(raw(classes), k, seed, validation=share) == found


@given(CLASSES, st.integers(2, 5), st.integers(0, 99))
def test_stratified_folds_share_the_classes_as_scikit_learns(
    classes: list[int], k: int, seed: int
) -> None:
    rare = {c for c, count in Counter(classes).items() if count == 1}
    found = folds(raw(classes), k, seed, stratify=True)
    tested = sorted(chain(*(one["test"] for one in found)))
    assert tested == [row for row, c in enumerate(classes) if c not in rare]
    sizes = [len(one["test"]) for one in found]
    assert max(sizes) - min(sizes) <= 1
    for one in found:
        assert {classes[row] for row in one["train"]} == set(classes)
    for c in set(classes) - rare:
        counts = [sum(classes[row] == c for row in one["test"]) for one in found]
        assert max(counts) - min(counts) <= 1
    if min(Counter(classes).values()) >= k:
        theirs = StratifiedKFold(k).split(np.zeros((len(classes), 1)), classes)
        wanted = sorted(len(test) for _, test in theirs)
        assert sorted(sizes) == wanted


@given(st.lists(st.integers(0, 9), min_size=20, max_size=60), st.integers(2, 4))
def test_groups_stay_together_and_fill_the_folds_as_scikit_learns(keys: list[int], k: int) -> None:
    if len(set(keys)) < k:
        with pytest.raises(DataError, match="folds cannot be made"):
            folds(raw([0] * len(keys), keys), k, by="group", column="k")
        return
    found = folds(raw([0] * len(keys), keys), k, by="group", column="k")
    assert sorted(chain(*(one["test"] for one in found))) == list(range(len(keys)))
    for one in found:
        assert not {keys[row] for row in one["test"]} & {keys[row] for row in one["train"]}
    theirs = GroupKFold(k).split(np.zeros((len(keys), 1)), groups=keys)
    assert sorted(len(one["test"]) for one in found) == sorted(len(test) for _, test in theirs)


def test_groups_have_a_validation_part_of_their_own() -> None:
    keys = np.repeat(np.arange(12), 5)
    for one in folds(raw([0] * 60, keys), 3, by="group", column="k", validation=0.2):
        held = [{int(keys[row]) for row in rows} for rows in one.values()]
        assert len(held) == 3 and not held[0] & held[1] | held[0] & held[2] | held[1] & held[2]
        assert sum(map(len, one.values())) == 60


@pytest.mark.parametrize("by", ["order", "time"])
def test_what_comes_later_is_never_learned_from(by: str) -> None:
    times = np.random.default_rng(3).permutation(43) if by == "time" else np.arange(43)
    column = {"column": "k"} if by == "time" else {}
    found = folds(raw([0] * 43, times), 4, by=by, validation=0.1, **column)
    theirs = TimeSeriesSplit(4).split(np.zeros(43))
    for one, (before, test) in zip(found, theirs, strict=True):
        held = {role: sorted(int(times[row]) for row in rows) for role, rows in one.items()}
        assert held["test"] == test.tolist()
        assert held["train"] + held["validation"] == before.tolist()
        assert len(held["validation"]) == 4


def test_rows_of_one_time_stay_together() -> None:
    times = np.repeat(np.arange(10), 4)
    for one in folds(raw([0] * 40, times), 3, by="time", column="k"):
        assert max(times[one["train"]]) < min(times[one["test"]])


@pytest.mark.parametrize(
    ("given", "rows", "words"),
    [
        ({}, 3, "cannot be cut into 4 folds"),
        ({"by": "order"}, 4, "each tested after at least one row"),
        ({"by": "time", "column": "k", "validation": 0.5}, 20, "part without rows"),
    ],
)
def test_too_few_rows_are_told(given: dict[str, Any], rows: int, words: str) -> None:
    with pytest.raises(DataError, match=words):
        folds(raw([0] * rows, range(rows)), 4, **given)


def test_a_test_part_of_the_source_is_no_fold() -> None:
    table = raw([0, 1] * 10).parts["all"]
    with pytest.raises(UsageError, match="its own test part"):
        Split(folds=2, fold=1).apply(Raw({"train": table, "test": table}), 0)


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ("{folds: 5}", "`folds` needs `fold`"),
        ("{fold: 1}", "`fold` needs `folds`"),
        ("{folds: 3, fold: 4}", "there are 3 folds, and no number 4"),
        ("{folds: 3, fold: 1, test: 0.2}", "leave `test` out"),
        ("{folds: 3, fold: 1, by: column, column: c}", "leave `folds` out"),
        ("{folds: 1, fold: 1}", "must be a whole number from 2"),
    ],
)
def test_mistakes_of_a_config_are_named(tmp_path: Path, split: str, words: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        f"data: {{source: breast_cancer, split: {split}}}\n"
        "model: {layers: [{type: dense, units: 1, activation: sigmoid}]}\n"
        "loss: binary_crossentropy\noptimizer: sgd\ntraining: {epochs: 1}\n"
    )
    assert words in refused(dlcli("validate", path), 2)
