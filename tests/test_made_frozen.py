"""Classes made by `frozen` behave as `dataclass(frozen=True)` makes them."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field, replace
from functools import cached_property
from typing import Any

import pytest

from dlcli.frozen import frozen

MAKERS = {
    "ours": (frozen, frozen(kw_only=True), frozen(eq=False)),
    "theirs": (
        dataclass(frozen=True),
        dataclass(frozen=True, kw_only=True),
        dataclass(frozen=True, eq=False),
    ),
}


@pytest.fixture(params=MAKERS)
def makers(request: pytest.FixtureRequest) -> Any:
    return MAKERS[request.param]


def test_what_a_frozen_class_does(makers: tuple[Callable[[type], type], ...]) -> None:
    make, by_name, alone = makers

    class Point:
        """A place."""

        x: int
        y: list[int] = field(default_factory=list, compare=False)

        @cached_property
        def twice(self) -> int:
            return 2 * self.x

    Point = make(Point)  # type: ignore[misc]
    p: Any = Point(3)  # type: ignore[call-arg]
    assert repr(p).endswith("Point(x=3, y=[])")
    assert p == Point(3, [1]) and p != Point(4) and p != 3  # type: ignore[call-arg]
    assert hash(p) == hash(Point(3, [2])) and len({p, Point(3)}) == 1  # type: ignore[call-arg]
    assert replace(p, x=4).x == 4 and p.twice == 6 and p.twice == 6
    for change in (
        lambda: setattr(p, "x", 5),
        lambda: setattr(p, "z", 5),
        lambda: delattr(p, "x"),
    ):
        with pytest.raises(FrozenInstanceError):
            change()
    assert p.x == 3

    class Deeper(Point):
        z: int = 0

        def __repr__(self) -> str:
            return "its own"

    Deeper = make(Deeper)  # type: ignore[misc]
    q: Any = Deeper(3)
    assert q != p and repr(q) == "its own" and q == Deeper(3, z=0)  # type: ignore[call-arg]
    with pytest.raises(FrozenInstanceError):
        q.z = 1

    class Named:
        a: int = 1
        b: int

    Named = by_name(Named)  # type: ignore[misc]
    assert Named(b=2).b == 2 and Named(b=2) == Named(a=1, b=2)  # type: ignore[call-arg, attr-defined]

    class Itself:
        a: dict[str, int]

    Itself = alone(Itself)  # type: ignore[misc]
    one, two = Itself({}), Itself({})  # type: ignore[call-arg]
    assert one == one and one != two and len({one, two}) == 2
