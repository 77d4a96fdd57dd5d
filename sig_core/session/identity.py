"""Who a client is over several links: an id that it chose, and a secret token that the server gave it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sig_core.errors import HandshakeError, Status
from sig_core.protocol.hello import Hello

__all__ = ["Identities"]


class Replaceable(Protocol):
    """A session that ends when its client has a new one."""

    peer: str

    def replace(self) -> None:
        """End: the same client is back on another link."""


class Identities:
    """The clients that are connected.

    Args:
        node: 32 hex digits, of the server process.
        make_token: returns a new secret, hex text.
    """

    def __init__(self, node: str, make_token: Callable[[], str]) -> None:
        self.node = node
        self._make_token = make_token
        self._clients: dict[str, tuple[str, Replaceable]] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def admit(self, hello: Hello, session: Replaceable) -> str:
        """Admit a client and return its token; the session that it had before on another link ends.

        Args:
            hello: what the client says of itself.
            session: of the new link.

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
