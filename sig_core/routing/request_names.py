"""What the methods of requests may be called, and how a request for one begins."""

from __future__ import annotations

from functools import lru_cache

from sig_core.description import described
from sig_core.errors import ConfigError
from sig_core.protocol.wire import request_tail

__all__ = ["check_method", "request_head"]

MAX_METHOD = 255  # bytes of UTF-8


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
        raise ConfigError(f"request method {described(method)}: must be text, not {type(method).__name__}")
    try:
        size = len(method.encode())
    except UnicodeEncodeError as error:
        raise ConfigError(f"request method {method!r}: has lone surrogates") from error
    if not 1 <= size <= MAX_METHOD:
        raise ConfigError(f"request method {method[:40]!r}: {size} bytes, 1 to {MAX_METHOD} are allowed")
    return method
