"""Where a server listens: its acceptors, and what serves who comes there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from sig_core.contract import Acceptor, Link, PollableAcceptor
from sig_core.errors import ConfigError
from sig_core.io.server.acceptors import AcceptorThread, PolledAcceptor
from sig_core.io.server.loop import Loop
from sig_core.io.server.session_factory import SessionFactory
from sig_core.io.sync.owned_lock import OwnedLock
from sig_core.log import LimitedLog

__all__ = ["Accepting", "Listening"]

Accepting: TypeAlias = PolledAcceptor | AcceptorThread


class Listening:
    """The addresses of a server.

    Args:
        loop: that polls.
        lock: of the server.
        peer_log: for what peers bring about.
    """

    def __init__(self, loop: Loop, lock: OwnedLock, peer_log: LimitedLog) -> None:
        self._log = peer_log
        self._loop = loop
        self._lock = lock
        self._factories: dict[Accepting, SessionFactory] = {}  # may change meanwhile: who goes through it copies it

    @property
    def addresses(self) -> list[str]:
        """The URLs that are listened on, as bound."""
        return [acceptor.address for acceptor in list(self._factories)]

    @property
    def places(self) -> set[str]:
        """The URLs that are listened on, as bound and as they were given, without options."""
        return {place for factory in list(self._factories.values()) for place in factory.places}

    @property
    def threads(self) -> list[AcceptorThread]:
        """The acceptors that have a thread: to close one may take a while."""
        return [acceptor for acceptor in list(self._factories) if isinstance(acceptor, AcceptorThread)]

    def tls_stats(self) -> dict[str, dict[str, Any]]:
        """Return how the certificates of addresses with TLS stand, by address."""
        found = {each.address: factory.tls for each, factory in self._factories.copy().items()}
        return {address: tls.stats() for address, tls in found.items() if tls is not None}

    def stats(self) -> dict[str, Any]:
        """Return what `stats` of the server tells of its addresses."""
        tls = self.tls_stats()
        return {"tls": tls} if tls else {}

    def add(self, acceptor: Acceptor, factory: SessionFactory, on_link: Callable[[Link], None]) -> None:
        """Accept.

        Args:
            acceptor: it is closed with this, or once it was removed.
            factory: makes the sessions of who comes there.
            on_link: called with each link, on the loop's thread, or that of the acceptor.

        Raises:
            LimitError: it needs a thread, and the system starts no more of them; it is closed.
        """
        if isinstance(acceptor, PollableAcceptor):
            polled = PolledAcceptor(self._loop, acceptor, on_link, self._log)
            self._factories[polled] = factory
            self._loop.post(polled.start)
            return
        threaded = AcceptorThread(acceptor, on_link, self._log)
        self._factories[threaded] = factory
        try:
            threaded.start()
        except BaseException:
            del self._factories[threaded]
            threaded.close()
            raise

    def remove(self, address: str) -> tuple[Accepting, SessionFactory]:
        """Return the acceptor of an address, which is to be closed, and its factory.

        Raises:
            ConfigError: nobody listens there.
        """
        with self._lock:
            acceptor = next((each for each in list(self._factories) if each.address == address), None)
            if acceptor is None:
                there = ", ".join(self.addresses) or "no address"
                raise ConfigError(f"{address}: this server does not listen there; it does on {there}")
            return acceptor, self._factories.pop(acceptor)

    def close(self, acceptor: Accepting) -> None:
        """Close an acceptor, from any thread. Again: does nothing."""
        if isinstance(acceptor, PolledAcceptor) and self._loop.is_current():
            acceptor.close_now()
        else:
            acceptor.close()

    def close_all(self) -> None:
        """Close all acceptors, from any thread. Again: does nothing."""
        for acceptor in list(self._factories):
            self.close(acceptor)

    def abandon(self) -> None:
        """In a forked child: close the descriptors, and no more."""
        for acceptor in self._factories:
            acceptor.abandon()
