"""Parts by order, time, group and column: what is promised of them, on drawn tables."""

from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.data.dataset import Dataset, Key, Raw, Table
from dlcli.data.options import OptionError
from dlcli.data.places import Places
from dlcli.data.sources import Csv, Friedman1
from dlcli.data.split import Split
from dlcli.errors import DataError


def raw(values: Any, texts: tuple[str, ...] | None = None) -> Raw:
    numbers = np.array(values, float)
    count = len(numbers)
    rows = np.arange(count, dtype=float)[:, None]
    return Raw({"all": Table(rows, np.zeros(count), keys={"k": Key(numbers, texts)})})


def cut(brought: Raw, seed: int = 0, **given: Any) -> dict[str, list[int]]:
    """The numbers of the rows of each part."""
    found: Dataset = Split(**given).apply(brought, seed)
    return {
        role: part.take_features(slice(None))[:, 0].astype(int).tolist()
        for role, part in found.parts().items()
    }


def test_the_last_rows_in_order() -> None:
    found = cut(raw(range(20)), by="order", validation=0.1, test=0.25)
    assert found == {
        "train": list(range(13)), "validation": [13, 14], "test": [15, 16, 17, 18, 19]
    }  # fmt: skip
    assert cut(raw(range(20)), seed=5, by="order", validation=0.1, test=0.25) == found


@given(st.lists(st.integers(0, 40), min_size=30, max_size=80))
def test_what_comes_later_is_in_a_later_part(times: list[int]) -> None:
    try:
        found = cut(raw(times), by="time", column="k", validation=0.2, test=0.2)
    except DataError:
        assert len(set(times)) < 30  # many rows of one time
        return
    assert sorted(chain(*found.values())) == list(range(len(times)))
    held = {role: [times[row] for row in rows] for role, rows in found.items()}
    assert max(held["train"]) < min(held["validation"])
    assert max(held["validation"]) < min(held["test"])
    assert all(rows == sorted(rows) for rows in found.values())


def test_times_that_are_all_different_are_cut_by_the_shares() -> None:
    times = np.random.RandomState(1).permutation(50)
    found = cut(raw(times), by="time", column="k", validation=0.2, test=0.3)
    assert [len(found[role]) for role in ("train", "validation", "test")] == [25, 10, 15]
    assert sorted(times[found["test"]]) == list(range(35, 50))


@given(st.data())
def test_a_group_is_in_one_part_only(data: st.DataObject) -> None:
    count = data.draw(st.integers(8, 40))
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=count, max_size=count))
    groups = np.repeat(np.arange(count), sizes)
    seed = data.draw(st.integers(0, 1000))
    texts = tuple(f"g{i:03}" for i in range(count))
    found = cut(raw(groups, texts), seed, by="group", column="k", validation=0.2, test=0.2)
    held = [set(groups[rows].tolist()) for rows in found.values()]
    assert not set.intersection(*held[:2]) and not set.intersection(held[0], held[2])
    assert not set.intersection(*held[1:])
    assert sorted(chain(*found.values())) == list(range(len(groups)))
    for role in ("validation", "test"):
        assert abs(len(found[role]) - 0.2 * len(groups)) <= 4  # a group more or less


def test_the_order_of_the_rows_changes_no_groups_part() -> None:
    groups = np.repeat(np.arange(30), 3)
    texts = tuple(f"g{i:03}" for i in range(30))
    given_: dict[str, Any] = {"by": "group", "column": "k", "validation": 0.2, "test": 0.2}
    first = cut(raw(groups, texts), 3, **given_)
    turned = groups[::-1]
    other = cut(raw(turned, texts), 3, **given_)
    for role, rows in first.items():
        assert set(groups[rows]) == set(turned[other[role]])
    assert first != cut(raw(groups, texts), 4, **given_)


def test_too_few_groups() -> None:
    with pytest.raises(DataError, match="has 2 groups, from which no"):
        cut(raw([0] * 20 + [1] * 20), by="group", column="k", validation=0.1, test=0.1)


def test_what_a_column_says() -> None:
    texts = ("Val", "test", "train")
    found = cut(raw([2, 0, 1, 2, 2, 0], texts), by="column", column="k")
    assert found == {"train": [0, 3, 4], "validation": [1, 5], "test": [2]}
    with pytest.raises(DataError, match="row 3, counted from 0, column 'k' holds 'spare'"):
        cut(raw([2, 0, 2, 1], ("test", "spare", "train")), by="column", column="k")
    with pytest.raises(DataError, match="says train nowhere"):
        cut(raw([0, 0, 1], texts), by="column", column="k")


TABLE = "day,who,a,y\n" + "".join(
    f"2024-01-{1 + i % 28:02},p{i % 7},{i},{i % 2}\n" for i in range(56)
)


def test_a_key_is_no_feature_unless_it_is_listed(places: Places) -> None:
    (places.data / "t.csv").write_text(TABLE)
    source = Csv("t.csv", "y", kinds={"day": "date"})
    names = [column.name for column in source.with_keys(("day",)).load(places, 0).columns or ()]
    assert names == ["who", "a"]
    listed = Csv("t.csv", "y", ("a", "day"), kinds={"day": "date"}).with_keys(("day",))
    table = listed.load(places, 0)
    assert [column.name for column in table.columns or ()] == ["a", "day"]
    found = Split(by="time", column="day").apply(table, 0)
    assert found.test is not None
    days = [float(row[1]) for row in found.test.take_features(slice(None))]
    assert min(days) > max(float(row[1]) for row in found.train.take_features(slice(None)))
    assert len(set(days)) == len(days) / 2  # both rows of each day


def test_a_key_that_is_missing_is_named(places: Places) -> None:
    (places.data / "t.csv").write_text(TABLE.replace("p3,3", ",3"))
    with pytest.raises(DataError, match=r"t.csv, line 5, column 'who' is missing"):
        Csv("t.csv", "y", kinds={"day": "date"}).with_keys(("who",)).load(places, 0)
    with pytest.raises(OptionError, match="a table with named columns"):
        Friedman1().with_keys(("x",))
