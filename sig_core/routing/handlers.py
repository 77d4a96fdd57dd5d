"""Request handlers: an object with methods, or a mapping of functions."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

from sig_core.errors import ConfigError, UnknownMethod
from sig_core.events import Name
from sig_core.routing.handler_methods import methods_of

__all__ = ["Handler", "RequestHandler", "is_coroutine_function", "refuse_coroutine_function"]

RequestHandler: TypeAlias = object | Mapping[str | None, Any] | None
"""An object whose public methods `name(params)` answer, with an optional default `get(method, params)`; or a mapping
`{name: f(params), None: f(method, params)}`; or None: the sender takes no requests. See `Handler` for what counts."""


class Handler:
    """What answers the requests of one sender.

    Only public methods of an object are offered: nothing that begins with an underscore, and nothing that has to be run
    to know whether it is a method: no property, and nothing that `__getattr__` would give; nor what built-in classes
    have, such as a list's `append`. They are found once, here.

    Args:
        sender: whose requests.
        handler: see `RequestHandler`.
        awaits: whether who calls it awaits what coroutine functions return; else these are refused.

    Raises:
        ConfigError: a mapping that can't be read, whose keys are no text, or whose values can't be called; an object
            with no method at all, such as a function; a class with methods of its objects; a method that can't be had;
            a coroutine function that nobody would await.
    """

    def __init__(self, sender: Name, handler: RequestHandler, *, awaits: bool = False) -> None:
        self._sender = sender
        self._handler = handler  # static methods alone would not keep it
        self._methods = None if handler is None else methods_of(sender, handler)
        if not awaits:
            for name, function in (self._methods or {}).items():
                refuse_coroutine_function(f"sender {sender!r}: the handler of {name!r}", function)

    def names(self) -> list[str | None] | None:
        """Return the names of the methods, None for the default; None if there is no handler."""
        return None if self._methods is None else list(self._methods)

    def call(self, method: str, params: Any) -> Any:
        """Answer a request; what the handler raises passes through.

        Args:
            method: as `check_method` takes it.

        Raises:
            UnknownMethod: there is neither that method nor a default.
        """
        methods = self._methods
        if methods is None:
            raise UnknownMethod(f"sender {self._sender!r} takes no requests (asked for {method!r})")
        if method in methods:
            return methods[method](params)
        if None in methods:
            return methods[None](method, params)
        known = ", ".join(sorted(name for name in methods if name))
        raise UnknownMethod(f"sender {self._sender!r} has no method {method!r} and no default; it has: {known}")


def is_coroutine_function(function: Any) -> bool:
    """Return whether a call of it has to be awaited; a wrapped one, and an object whose `__call__` is one, count."""
    while isinstance(function, partial):
        function = function.func
    call = getattr(type(function), "__call__", None)  # noqa: B004 - what it is, not whether there is one
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def refuse_coroutine_function(what: str, function: object) -> None:
    """Raise ConfigError if a call of `function` would have to be awaited; `what` it is, for the message."""
    if is_coroutine_function(function):
        text = "is a coroutine function, which a router on threads never awaits: make it a plain function"
        raise ConfigError(f"{what} {text}, or use the router of sig_core.aio")
