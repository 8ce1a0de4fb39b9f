"""Which of two classes is the positive one."""

import re

import numpy as np
import pytest

from dlcli.data import Raw, Table, digests
from dlcli.data.dataset import Array
from dlcli.data.positive import with_positive
from dlcli.errors import UsageError


def raw(targets: Array, classes: tuple[str, ...] | None = None, **parts: Array) -> Raw:
    tables = {role: Table(np.zeros((len(t), 1)), t) for role, t in parts.items()}
    first = "train" if parts else "all"
    return Raw({first: Table(np.zeros((len(targets), 1)), targets), **tables}, classes)  # type: ignore[dict-item]


IDS = np.array([0, 1, 1, 0, 1], np.int64)


def test_the_chosen_class_becomes_the_second() -> None:
    data = raw(IDS, ("attack", "normal"), test=np.array([0, 0, 1], np.int64))
    turned = with_positive(data, "attack")
    assert turned.classes == ("normal", "attack")
    assert turned.parts["train"].targets.tolist() == [1, 0, 0, 1, 0]
    assert turned.parts["test"].targets.tolist() == [1, 1, 0]
    same = with_positive(data, "normal")
    assert same.classes == data.classes and (same.parts["train"].targets == IDS).all()
    assert with_positive(data, None) is data


@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_labels_that_are_whole_numbers_are_named_by_their_digits(kind: type) -> None:
    turned = with_positive(raw(IDS.astype(kind)), "0")
    assert turned.classes == ("1", "0")
    assert turned.parts["all"].targets.tolist() == [1, 0, 0, 1, 0]
    assert turned.parts["all"].targets.dtype == np.int64
    odd = with_positive(raw((IDS * 3 - 1).astype(kind)), "-1")
    assert odd.classes == ("2", "-1") and odd.parts["all"].targets.tolist() == [1, 0, 0, 1, 0]


def test_the_digests_are_those_of_what_the_source_brought() -> None:
    data = raw(IDS, ("attack", "normal"))
    before = digests(data)
    assert digests(with_positive(data, "attack")) != before and digests(data) == before


@pytest.mark.parametrize(
    ("data", "chosen", "words"),
    [
        (raw(IDS, ("attack", "normal")), "atack", "'attack' and 'normal'; did you mean 'attack'"),
        (raw(IDS, ("M", "R")), "m", "did you mean 'M'"),
        (raw(IDS), "yes", "one of the two classes '0' and '1'."),
        (raw(np.arange(3)), "1", "has 3 classes ('0', '1', '2')"),
        (raw(np.arange(99)), "1", "'11', ...); a positive class is one of"),
        (raw(np.zeros(3, np.int64)), "1", "one class only"),
        (raw(IDS, ("a", "b", "c")), "a", "has 3 classes"),
        (raw(IDS * 0.5), "1", "numbers such as 0.5"),
        (raw(np.eye(2)), "1", "several columns"),
    ],
)
def test_a_positive_class_that_there_cannot_be(data: Raw, chosen: str, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        with_positive(data, chosen)
