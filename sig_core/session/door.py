"""Who comes in at a server with rules: finds out, as soon as a peer has said all that it can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sig_core.access.access_control import AccessControl
from sig_core.access.principal import Facts, Principal
from sig_core.errors import ConfigError, NotAdmitted
from sig_core.protocol.hello import Hello
from sig_core.routing.guard import Guard
from sig_core.routing.ports import Port
from sig_core.session.identity import Admits, Replaceable
from sig_core.tokens import digest

__all__ = ["NOBODY", "Door"]

NOBODY = Principal("", "nobody")  # of a peer that has not been admitted yet: it may do nothing


class _Comes(Replaceable, Protocol):
    @property
    def port(self) -> Port:
        """What of it the exchange knows."""


class Door:
    """The door of one link. It stands before the clients of the server, as far as a session knows them.

    Args:
        clients: of the server.
        access: the rules.
        facts: returns what is known of the link by now, with the digest of the token that its peer sent.
        peer: printable, for the audit.
        guard: of the exchange.
    """

    __slots__ = ("_access", "_clients", "_facts", "_guard", "_peer", "node")

    def __init__(
        self, clients: Admits, access: AccessControl, facts: Callable[[str], Facts], peer: str, guard: Guard
    ) -> None:
        self.node = clients.node
        self._clients = clients
        self._access = access
        self._facts = facts
        self._peer = peer
        self._guard = guard

    def enter(self, port: Port, token: str | None = None) -> Principal:
        """Make the peer of a port somebody.

        Args:
            port: of the peer.
            token: that it sent.

        Raises:
            NotAdmitted: the rules do not let it in.
            HandshakeError: they do, but it has all the links that it may have (-9).
        """
        principal = self._find_out(port, token)
        self._guard.check_link(self._peer, principal, 0)
        self._guard.take_in(port, principal)
        return principal

    def enter_board(self, board: Port) -> None:
        """Make a board somebody: it is what is at its port, so another link takes the place of the one before.

        Raises:
            NotAdmitted: the rules do not let it in.
        """
        self._guard.take_in(board, self._find_out(board, None))

    def _find_out(self, port: Port, token: str | None) -> Principal:
        facts = self._facts("" if token is None else _digest(token))
        try:
            return self._access.admit(facts, self._peer)
        except NotAdmitted:
            port.principal = Principal("", "nobody", facts)  # newer rules may admit it, if it is still there
            raise

    def admit(self, hello: Hello, session: _Comes, owner: str = "") -> str:
        """See `Identities.admit`; the id of a client belongs to whom the rules know it as.

        Raises:
            HandshakeError: see `enter`.
        """
        principal = self._find_out(session.port, None if hello.auth is None else hello.auth.token)
        owner = principal.user if principal.is_somebody else owner
        self._guard.check_link(self._peer, principal, int(self._clients.replaces(hello, owner)))
        token = self._clients.admit(hello, session, owner)
        self._guard.take_in(session.port, principal)
        return token

    def connected(self, hello: Hello, session: _Comes, owner: str = "") -> tuple[str, Any] | None:
        """See `Identities.connected`; who has other roles by now is another one.

        Raises:
            NotAdmitted: the rules do not let it in.
        """
        principal = self._find_out(session.port, None if hello.auth is None else hello.auth.token)
        found = self._clients.connected(hello, session, principal.user if principal.is_somebody else owner)
        if found is None:
            return None
        session.port.principal = principal  # it takes no link more than before, so no quota is asked
        before = found[1].port.principal
        same = (before.user, before.kind, before.roles) == (principal.user, principal.kind, principal.roles)
        return found if same else None

    def forget(self, client: str, session: Replaceable) -> None:
        """See `Identities.forget`."""
        self._clients.forget(client, session)

    def replaces(self, hello: Hello, owner: str) -> bool:
        """See `Identities.replaces`."""
        return self._clients.replaces(hello, owner)


def _digest(token: str) -> str:
    try:
        return digest(token)
    except ConfigError:  # it can be no token: so no rule knows it
        return "none"
