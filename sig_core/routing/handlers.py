"""Request handlers: an object with methods, or a mapping of functions."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any, TypeAlias

from sig_core.errors import ConfigError, UnknownMethod
from sig_core.events import Name
from sig_core.protocol.wire import request_tail

__all__ = [
    "Handler",
    "RequestHandler",
    "check_method",
    "is_coroutine_function",
    "name_of_callable",
    "refuse_coroutine_function",
    "request_head",
]

RequestHandler: TypeAlias = object | Mapping[str | None, Any] | None
"""An object whose public methods `name(params)` answer, with an optional default `get(method, params)`; or a mapping
`{name: f(params), None: f(method, params)}`; or None: the sender takes no requests."""

DEFAULT = "get"
MAX_METHOD = 255  # bytes of UTF-8


class Handler:
    """What answers the requests of one sender.

    Only public methods of an object are offered: nothing that begins with an underscore, nothing inherited from
    `object`, nothing that can't be called.

    Args:
        sender: whose requests.
        handler: see `RequestHandler`.
        awaits: whether who calls it awaits what coroutine functions return; else these are refused.

    Raises:
        ConfigError: a mapping whose keys are no text, or whose values can't be called; an object with no method at all;
            a coroutine function that nobody would await.
    """

    def __init__(self, sender: Name, handler: RequestHandler, *, awaits: bool = False) -> None:
        self._sender = sender
        self._handler = handler
        self._mapping = _check_mapping(sender, handler) if isinstance(handler, Mapping) else None
        if handler is not None and self._mapping is None and not self.names():
            raise ConfigError(f"sender {sender!r}: request handler {handler!r} has no public method and is no mapping")
        if not awaits:
            for name in self.names() or ():
                function = getattr(handler, name or DEFAULT) if self._mapping is None else self._mapping[name]
                refuse_coroutine_function(f"sender {sender!r}: the handler of {name!r}", function)

    def names(self) -> list[str | None] | None:
        """Return the names of the methods, None for the default; None if there is no handler."""
        if self._handler is None:
            return None
        if self._mapping is not None:
            return list(self._mapping)
        public = [name for name in dir(self._handler) if _is_public(self._handler, name)]
        return [None if name == DEFAULT else name for name in public]

    def call(self, method: str, params: Any) -> Any:
        """Answer a request; what the handler raises passes through.

        Args:
            method: as `check_method` takes it.

        Raises:
            UnknownMethod: there is neither that method nor a default.
        """
        if self._handler is None:
            raise UnknownMethod(f"sender {self._sender!r} takes no requests (asked for {method!r})")
        if self._mapping is not None:
            return self._call_mapping(self._mapping, method, params)
        if method != DEFAULT and _is_public(self._handler, method):
            return getattr(self._handler, method)(params)
        if _is_public(self._handler, DEFAULT):
            return getattr(self._handler, DEFAULT)(method, params)
        raise self._unknown(method)

    def _call_mapping(self, mapping: Mapping[str | None, Any], method: str, params: Any) -> Any:
        if method in mapping:
            return mapping[method](params)
        if None in mapping:
            return mapping[None](method, params)
        raise self._unknown(method)

    def _unknown(self, method: str) -> UnknownMethod:
        known = ", ".join(sorted(str(name) for name in self.names() or () if name))
        return UnknownMethod(f"sender {self._sender!r} has no method {method!r} and no default; it has: {known}")


def name_of_callable(function: object) -> str:
    """Return what to call a function of a user in a message."""
    return getattr(function, "__qualname__", None) or repr(function)


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


@lru_cache(maxsize=1000)
def request_head(method: str) -> bytes:
    """Return how a request for `method` begins on its way, before its params.

    Raises:
        ConfigError: see `check_method`.
        TypeError: not even hashable.
    """
    return request_tail(check_method(method), b"")


def check_method(method: object) -> str:
    """Return `method` if it may name a request.

    Raises:
        ConfigError: it is no text of 1 to 255 bytes.
    """
    if type(method) is str and method.isascii() and 0 < len(method) <= MAX_METHOD:  # most are
        return method
    if not isinstance(method, str):
        raise ConfigError(f"request method {method!r}: must be text, not {type(method).__name__}")
    try:
        size = len(method.encode())
    except UnicodeEncodeError as error:
        raise ConfigError(f"request method {method!r}: has lone surrogates") from error
    if not 1 <= size <= MAX_METHOD:
        raise ConfigError(f"request method {method[:40]!r}: {size} bytes, 1 to {MAX_METHOD} are allowed")
    return method


def _is_public(handler: object, name: str) -> bool:
    return not name.startswith("_") and not hasattr(object, name) and callable(getattr(handler, name, None))


def _check_mapping(sender: Name, handler: Mapping[Any, Any]) -> Mapping[str | None, Any]:
    for name, function in handler.items():
        if name is not None:
            check_method(name)
        if not callable(function):
            raise ConfigError(f"sender {sender!r}: {name!r} is {function!r}, which can't be name_of_callable")
    return dict(handler)
