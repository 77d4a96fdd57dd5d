"""Who a client is over several links: an id that it chose, and a secret token that the server gave it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Protocol

from sig_core.clock import Clock
from sig_core.errors import HandshakeError, Status
from sig_core.protocol.hello import Hello

__all__ = ["Identities"]


KEPT: Final = 60.0  # seconds after its link's end for which a client's id is kept for it
MOST_KEPT: Final = 10_000  # ids that are kept at one time; the oldest gives way


class Replaceable(Protocol):
    """A session that ends when its client has a new one."""

    peer: str

    def replace(self) -> None:
        """End: the same client is back on another link."""


class Admits(Protocol):
    """What a session knows of the clients of its server. `node`: 32 hex digits, of the server process."""

    node: str

    def admit(self, hello: Hello, session: Any, owner: str = "") -> str:
        """See `Identities.admit`."""

    def connected(self, hello: Hello, session: Any, owner: str = "") -> tuple[str, Any] | None:
        """See `Identities.connected`."""

    def forget(self, client: str, session: Replaceable) -> None:
        """See `Identities.forget`."""

    def replaces(self, hello: Hello, owner: str) -> bool:
        """See `Identities.replaces`."""


class Identities:
    """The clients that are connected, and those that were a short time ago.

    An id comes back with its token alone: else whoever learned it could take the names of a client that is away.

    Args:
        node: 32 hex digits, of the server process.
        make_token: returns a new secret, hex text.
        clock: returns monotonic seconds.
    """

    def __init__(self, node: str, make_token: Callable[[], str], clock: Clock) -> None:
        self.node = node
        self._make_token = make_token
        self._clock = clock
        self._clients: dict[str, tuple[str, str, Replaceable]] = {}  # token, owner
        self._away: OrderedDict[str, tuple[str, str, float]] = OrderedDict()  # and kept until; who left first is first

    def __len__(self) -> int:
        return len(self._clients)

    def admit(self, hello: Hello, session: Any, owner: str = "") -> str:
        """Admit a client and return its token; the session that it had before on another link ends.

        Args:
            hello: what the client says of itself.
            session: of the new link.
            owner: user whose id it is; "": of nobody who has proved who it is.

        Raises:
            HandshakeError: a client of that id is connected, or was until a short time ago, and the token is not its
                own, or it was given to another owner.
        """
        ident = hello.client
        token, given_to = self._known(ident) or (None, owner)
        if token is None:
            token = self._make_token()
        elif not _is_same(token, hello.token) or given_to != owner:
            text = f"client id {ident} is in use, or was within the last {KEPT:g} s, and this is not its token"
            raise HandshakeError(f"{text}; come with another id", Status.DENIED)
        if ident in self._clients:
            self._clients[ident][2].replace()
        self._away.pop(ident, None)
        self._clients[ident] = (token, owner, session)
        return token

    def replaces(self, hello: Hello, owner: str) -> bool:
        """Return whether a session on another link ends when this client is admitted. Args: see `admit`."""
        there = self._clients.get(hello.client)
        return there is not None and there[1] == owner and _is_same(there[0], hello.token)

    def connected(self, hello: Hello, session: Any, owner: str = "") -> tuple[str, Any] | None:
        """Return the token and the session of a client that says hello anew; None: it has none, or is another one.

        Args:
            hello, session, owner: see `admit`.
        """
        token, given_to, known = self._clients.get(hello.client) or ("", "", None)
        return (token, known) if known is not None and _is_same(token, hello.token) and given_to == owner else None

    def _known(self, client: str) -> tuple[str, str] | None:
        """Return the token that an id comes back with, and whose it is; None: anybody may have it."""
        self._drop_old()
        known: tuple[str, str, object] | None = self._clients.get(client) or self._away.get(client)
        return None if known is None else known[:2]

    def _drop_old(self) -> None:
        now, away = self._clock(), self._away
        while away and (len(away) > MOST_KEPT or next(iter(away.values()))[2] <= now):
            away.popitem(last=False)

    def forget(self, client: str, session: Replaceable) -> None:
        """Note that a session has ended; its client's id is kept for it for a while."""
        known = self._clients.get(client)
        if known is not None and known[2] is session:
            del self._clients[client]
            self._away[client] = (known[0], known[1], self._clock() + KEPT)
            self._drop_old()


def _is_same(token: str, offered: str | None) -> bool:
    import hmac  # only those who come back need it

    return hmac.compare_digest(token, offered or "")
