"""What the core adds to every link: one close, whatever happens, and one kind of error."""

from __future__ import annotations

import threading
from typing import Protocol

from sig_core.errors import LinkLost, SigError
from sig_core.interrupts import pass_end_on
from sig_core.links.threads import run_in_thread
from sig_core.log import log

__all__ = ["CloseOnce", "failure", "link_lost"]


class Closable(Protocol):
    """A link, an acceptor or a medium."""

    def close(self) -> None: ...


class CloseOnce:
    """Closes a link, an acceptor or a medium once, from whichever thread comes first.

    Args:
        thing: to close.
        name: how the log calls it, if its close fails.

    Attributes:
        closed: whether `close` was called; it may not have returned yet.
    """

    __slots__ = ("_lock", "_name", "_thing", "closed")

    def __init__(self, thing: Closable, name: str) -> None:
        self._thing = thing
        self._name = name
        self._lock = threading.Lock()
        self.closed = False

    def close(self) -> None:
        """Close, if nobody has. What that raises is logged as a warning, by another thread, and never raised.

        Whoever closes may hold a lock, which no logger may be called under.
        """
        with self._lock:
            if self.closed:
                return
            self.closed = True
        try:
            self._thing.close()
        except BaseException as error:
            pass_end_on(error)
            text = f"{self._name}: its close failed: {type(error).__name__}: {error}"
            run_in_thread(lambda: log.warning(text), "sig-close")


def failure(peer: str, error: BaseException) -> Exception:
    """Return what a driver raised, for who reads or sends next; LinkLost for what is no Exception, such as a panic."""
    return error if isinstance(error, Exception) else link_lost(peer, error)


def link_lost(peer: str, error: BaseException) -> SigError:
    """Return the core's error for what a driver raised, or what interrupted it; what is one is returned as it is.

    Args:
        peer: how the message calls the other end.
        error: which becomes the cause.
    """
    if isinstance(error, SigError):
        return error
    broken = LinkLost(f"{peer}: the link broke: {getattr(error, 'strerror', None) or error or type(error).__name__}")
    broken.__cause__ = error
    return broken
