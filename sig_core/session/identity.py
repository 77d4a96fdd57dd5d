"""Who a client is over several links: an id that it chose, and the token that only it was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sig_core.errors import HandshakeError, Status
from sig_core.protocol.hello import Hello

__all__ = ["Identities"]


class Replaceable(Protocol):
    """A session that can be ended for its client's new one."""

    peer: str

    def replace(self) -> None:
        """End: the same client is back on another link."""


class Identities:
    """The clients that are connected.

    Args:
        node: 32 hex digits, of the server process.
        make_token: gives a new secret, hex text.
    """

    def __init__(self, node: str, make_token: Callable[[], str]) -> None:
        self.node = node
        self._make_token = make_token
        self._clients: dict[str, tuple[str, Replaceable]] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def admit(self, hello: Hello, session: Replaceable) -> str:
        """Take a client in and give its token; ends the old session of a client that is back.

        Raises:
            HandshakeError: a client of that id is connected, and the token is not its own.
        """
        known = self._clients.get(hello.client)
        if known is None:
            token = self._make_token()
        else:
            import hmac  # only those who come back need it

            token, old = known
            if not hmac.compare_digest(token, hello.token or ""):
                raise HandshakeError(f"client {hello.client} is connected from {old.peer}; wrong token", Status.DENIED)
            old.replace()
        self._clients[hello.client] = (token, session)
        return token

    def forget(self, client: str, session: Replaceable) -> None:
        """Note that a session has ended."""
        known = self._clients.get(client)
        if known is not None and known[1] is session:
            del self._clients[client]
