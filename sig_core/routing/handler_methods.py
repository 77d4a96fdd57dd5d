"""The methods of a request handler: found once, when its sender is made, without running what only looks like one.

So nothing here asks `isinstance` of what a user gave: it reads `__class__`, for which a proxy finds out what it is for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial, partialmethod, singledispatchmethod
from types import BuiltinFunctionType, FunctionType, MemberDescriptorType, MethodType
from typing import Any

from sig_core.description import described, text_of
from sig_core.errors import ConfigError
from sig_core.events import Name
from sig_core.routing.request_names import check_method

__all__ = ["methods_of"]

DEFAULT = "get"
FUNCTIONS = (FunctionType, MethodType, BuiltinFunctionType, partial)
TOOLS = ("unittest.mock", "builtins")  # modules of classes whose methods are no answers: those of a mock, or of a list
WRAPPED = (staticmethod, classmethod, partialmethod, singledispatchmethod)  # methods that can't be called themselves

Methods = dict[str | None, Callable[..., Any]]


def methods_of(sender: Name, handler: object) -> Methods:
    """Return what answers requests, by method, None for the default.

    Args:
        sender: whose requests.
        handler: see `RequestHandler`; not None.

    Raises:
        ConfigError: see `Handler`.
    """
    if issubclass(type(handler), Mapping):  # a mock claims to be whatever it stands for
        return _of_mapping(sender, handler)
    found: Methods = {}
    if not issubclass(type(handler), FUNCTIONS):
        for name in _public_names(handler):
            method = _method(sender, handler, name)
            if method is not None:
                found[None if name == DEFAULT else check_method(name)] = method
    if not found:
        text = f"sender {sender!r}: request handler {described(handler)} has no public method and is no mapping"
        raise ConfigError(f"{text}; what `__getattr__` would give is none: give a mapping {{method: function}}")
    return found


def _of_mapping(sender: Name, handler: Any) -> Methods:
    try:
        methods: Methods = dict(handler.items())
    except Exception as error:
        text = f"sender {sender!r}: request handler {described(handler)} can't be read"
        raise ConfigError(f"{text}: {text_of(error)}") from error
    for name, function in methods.items():
        if name is not None:
            check_method(name)
        if not callable(function):
            raise ConfigError(f"sender {sender!r}: {name!r} is {described(function)}, which can't be called")
    return methods


def _public_names(handler: object) -> list[str]:
    """Return the names of its attributes that are not private; unlike `dir` this runs nothing of the handler."""
    kind: Any = handler if issubclass(type(handler), type) else type(handler)
    names = {name for each in kind.__mro__ if each.__module__ not in TOOLS for name in vars(each)}
    return sorted(name for name in {*names, *_own(handler)} if isinstance(name, str) and not name.startswith("_"))


def _own(handler: object) -> dict[str, Any]:
    """Return the attributes of the object itself, apart from its class."""
    with suppress(AttributeError):
        found: dict[str, Any] = object.__getattribute__(handler, "__dict__")
        return {} if issubclass(type(handler), type) else found
    return {}


def _method(sender: Name, handler: object, name: str) -> Callable[..., Any] | None:
    """Return a method ready to be called; None: that attribute is none, such as a property, which is not read."""
    attribute = inspect.getattr_static(handler, name)
    if _own(handler).get(name) is attribute:
        return attribute if _is_function(attribute) else None
    if issubclass(type(attribute), MemberDescriptorType):  # a slot
        with suppress(AttributeError):
            value = attribute.__get__(handler, type(handler))
            return value if _is_function(value) else None
        return None
    if issubclass(type(attribute), property) or not (_is_function(attribute) or issubclass(type(attribute), WRAPPED)):
        return None
    if issubclass(type(handler), type) and issubclass(type(attribute), FunctionType):
        text = f"sender {sender!r}: request handler {described(handler)} is a class, whose {name!r} is for its objects"
        raise ConfigError(f"{text}: give one of these, or make it a static method")
    return _bound(sender, handler, name, attribute)


def _bound(sender: Name, handler: object, name: str, attribute: Any) -> Callable[..., Any] | None:
    bind = getattr(type(attribute), "__get__", None)
    if bind is None:
        found: Callable[..., Any] = attribute
        return found
    try:
        bound = bind(attribute, *((None, handler) if issubclass(type(handler), type) else (handler, type(handler))))
    except Exception as error:
        text = f"sender {sender!r}: method {name!r} of request handler {described(handler)} can't be had"
        raise ConfigError(f"{text}: {type(error).__name__}: {text_of(error)}") from error
    return bound if callable(bound) else None


def _is_function(value: object) -> bool:
    """Return whether it can be called, and is no class: that would make objects instead of answers."""
    return callable(value) and not issubclass(type(value), type)
