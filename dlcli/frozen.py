"""Immutable values: what nearly every class that only holds something is made by."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")


@overload
def frozen(cls: type[T], /) -> type[T]: ...
@overload
def frozen(*, eq: bool = True, kw_only: bool = False) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[Any] | None = None, /, *, eq: bool = True, kw_only: bool = False) -> Any:
    """`dataclass(frozen=True)`, made in a fraction of its time.

    A dataclass has six methods compiled for it, which is most of the time that its module takes to
    load, and there are hundreds: each word of the vocabulary is one or two. Of a frozen class only
    `__init__` is compiled; the other methods are those below, the same functions for all.

    eq: compared and hashed by its fields; otherwise by what it is.
    """

    def made(cls: type[Any]) -> type[Any]:
        own = vars(cls)
        shared = _ALWAYS | _COMPARING if eq else _ALWAYS
        missing = {name: method for name, method in shared.items() if name not in own}
        dataclass(repr=False, eq=False, kw_only=kw_only)(cls)
        for name, method in missing.items():
            setattr(cls, name, method)
        return cls

    return made if cls is None else made(cls)


def _setattr(self: Any, name: str, value: Any) -> None:
    """Fields are set once, by `__init__`."""
    if name in self.__dict__ or name not in self.__dataclass_fields__:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")
    self.__dict__[name] = value


def _delattr(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _repr(self: Any) -> str:
    fields = self.__dataclass_fields__.values()
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields if one.repr)
    return f"{type(self).__qualname__}({shown})"


def _compared(self: Any) -> tuple[Any, ...]:
    fields = self.__dataclass_fields__.values()
    return tuple(getattr(self, one.name) for one in fields if one.compare)


def _eq(self: Any, other: object) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return _compared(self) == _compared(other)


def _hash(self: Any) -> int:
    return hash(_compared(self))


_ALWAYS = {"__setattr__": _setattr, "__delattr__": _delattr, "__repr__": _repr}
_COMPARING = {"__eq__": _eq, "__hash__": _hash}
