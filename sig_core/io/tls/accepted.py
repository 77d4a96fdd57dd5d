"""TLS at an address of a server."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime
from typing import Any

from sig_core.address import Address
from sig_core.clock import Clock
from sig_core.contract import Acceptor, HasTraits, Link, PollableAcceptor
from sig_core.errors import ConfigError, SigError
from sig_core.io.tls.contexts import ServerContexts, check_reliable
from sig_core.io.tls.link import BlockingTlsLink, PollableTlsLink, secured
from sig_core.io.tls.problems import server_problem
from sig_core.io.tls.stream import TlsStream
from sig_core.io.tls.tally import Tally

__all__ = ["AddressTls", "SecuredAcceptor"]


class AddressTls:
    """Puts TLS around the links of an address.

    Args:
        address: to listen on; its options name the files.
        clock: monotonic seconds.

    Raises:
        ConfigError: a file can't be used, or there is no certificate.
    """

    def __init__(self, address: Address, clock: Clock = time.monotonic) -> None:
        self._url = address.url
        self._contexts = ServerContexts(address, clock)
        self._tally = Tally()

    @property
    def knows_clients(self) -> bool:
        """Whether only those get in that have a certificate which is trusted here."""
        return self._contexts.asks_for_certificates

    def check(self, acceptor: Acceptor) -> None:
        """Raise ConfigError for an acceptor of lines."""
        if isinstance(acceptor, HasTraits):
            check_reliable(self._url, acceptor.traits)

    def named(self, acceptor: Acceptor) -> SecuredAcceptor:
        """Return an acceptor under the name that clients know it by."""
        if isinstance(acceptor, PollableAcceptor):
            return PollableSecuredAcceptor(acceptor)
        return SecuredAcceptor(acceptor)

    def around(self, link: Link) -> PollableTlsLink | BlockingTlsLink:
        """Return a link inside TLS; its handshake happens while it is read.

        Args:
            link: a reliable stream, or packets.

        Raises:
            ConfigError: it is neither; it is closed.
        """
        try:
            check_reliable(self._url, link.traits)
        except ConfigError:
            link.close()
            raise
        stream = TlsStream(self._contexts.current(), server_side=True)
        return secured(link, stream, _explain, self._tally)

    def stats(self) -> dict[str, Any]:
        """Return how its certificate stands; see docs/statistics.md."""
        contexts, tally = self._contexts, self._tally
        return {
            "handshakes": tally.agreed,
            "failed": tally.failed,
            "days_left": (contexts.end - datetime.now(UTC)).days if contexts.end is not None else None,
            "loaded": contexts.loaded,
            "problem": contexts.problem,
        }


def _explain(error: ssl.SSLError, is_open: bool) -> SigError:
    return server_problem(error, is_open=is_open)


class SecuredAcceptor:
    """An acceptor under the name that clients know it by; its links are those of the other one."""

    def __init__(self, acceptor: Acceptor) -> None:
        self.address = f"tls+{acceptor.address}"
        self._acceptor = acceptor

    def accept(self, timeout: float, /) -> Link | None:
        """See `Acceptor`."""
        return self._acceptor.accept(timeout)

    def close(self) -> None:
        """See `Acceptor`."""
        self._acceptor.close()


class PollableSecuredAcceptor(SecuredAcceptor):
    """The same, of one that can be polled."""

    def __init__(self, acceptor: PollableAcceptor) -> None:
        super().__init__(acceptor)
        self.fileno = acceptor.fileno
