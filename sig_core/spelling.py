"""Second spellings: the names of pysig 0.7 as typed views of the PEP 8 methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")

__all__ = ["alias"]


class alias(Generic[S, P, R]):  # noqa: N801 - reads as a decorator's name at the foot of a class
    """A second spelling of a method; overriding the method changes both.

    Override under the PEP 8 name: the view looks its target up on the instance.
    """

    def __init__(self, method: Callable[Concatenate[S, P], R]) -> None:
        self._name = method.__name__
        self.__doc__ = f"The same as `{method.__name__}`."

    @overload
    def __get__(self, obj: None, owner: type) -> Self: ...
    @overload
    def __get__(self, obj: S, owner: type) -> Callable[P, R]: ...
    def __get__(self, obj: Any, owner: type) -> Any:
        return self if obj is None else getattr(obj, self._name)
