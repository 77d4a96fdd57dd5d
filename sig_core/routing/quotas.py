"""What users may take over all their links, where rules say how much; who takes more is refused, or not read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, TypeAlias

from sig_core.access.principal import Principal
from sig_core.access.quota import Quota
from sig_core.errors import Busy, HandshakeError, Status
from sig_core.protocol.source import source_of
from sig_core.routing.metered_traffic import MeteredTraffic
from sig_core.routing.ports import Port
from sig_core.routing.rate import Rate
from sig_core.routing.traffic import Traffic

__all__ = ["Quotas"]

User: TypeAlias = tuple[str, str, Quota]
"""Somebody by name, or "" and a source: those who have proved nothing, and come from one place. With other roles, whose
quotas are not the same, somebody is counted apart.
"""

UNBOUND: Final = 2**60


class _Usage:
    """What one user has."""

    __slots__ = ("bytes", "events", "name", "ports", "quota")

    def __init__(self, name: str, quota: Quota, now: float) -> None:
        self.name = name
        self.quota = quota
        self.ports: dict[Port, None] = {}
        self.bytes = None if quota.bytes_per_second is None else Rate(quota.bytes_per_second, now)
        self.events = None if quota.events_per_second is None else Rate(quota.events_per_second, now)


class Quotas:
    """Looks after the users of a server whose roles say how much they may take; of others it knows nothing.

    What somebody has is counted when it wants more, by looking at its links: so no count can go wrong.

    Args:
        names_of: returns how many senders a port has.
        requests_of: returns how many requests a port has open.
        hold: called with a port, and until when it is not to be read, monotonic seconds; returns whether it was read.
        clock: returns monotonic seconds.
        note: called with a principal and what it wanted too much of.
        most_memory: bytes that one source may hold, whatever its role says.

    Attributes:
        held: how often a link was not read for a while.
    """

    def __init__(
        self,
        names_of: Callable[[Port], int],
        requests_of: Callable[[Port], int],
        hold: Callable[[Port, float], bool],
        clock: Callable[[], float],
        note: Callable[[Principal, str], None],
        most_memory: int,
    ) -> None:
        self.held = 0
        self._names_of = names_of
        self._requests_of = requests_of
        self._hold = hold
        self._clock = clock
        self._note = note
        self._most_memory = most_memory
        self._users: dict[User, _Usage] = {}
        self._of: dict[Port, tuple[User, _Usage]] = {}

    # -- links that come and go

    def check_link(self, peer: str, principal: Principal, gives_way: int) -> None:
        """Raise HandshakeError (-9) if somebody has all the links that it may have.

        Args:
            peer: printable, of the new link.
            principal: who comes on it.
            gives_way: how many of its links end when it is in.
        """
        quota = principal.quota
        if quota is None or quota.links is None:
            return
        usage = self._users.get(_user(peer, principal))
        count = 0 if usage is None else len(usage.ports)
        if count - gives_way >= quota.links:
            self._note(principal, "links")
            raise HandshakeError(_too_many(_name(peer, principal), "links", count, quota.links), Status.BUSY)

    def join(self, port: Port, principal: Principal) -> None:
        """Count a port as one of its user's, whose name and roles it has from now on."""
        quota = principal.quota
        if port in self._of:
            self.leave(port)
        if quota is None:
            return
        user = _user(port.peer, principal)
        usage = self._users.get(user)
        if usage is None:
            usage = self._users[user] = _Usage(_name(port.peer, principal), quota, self._clock())
        usage.ports[port] = None
        self._of[port] = user, usage
        if quota.has_rates:
            port.measure(MeteredTraffic(port.traffic, partial(self._take, port, usage)))

    def leave(self, port: Port) -> None:
        """Count a port no more; again: does nothing."""
        if port not in self._of:
            return
        user, usage = self._of.pop(port)
        del usage.ports[port]
        if not usage.ports:
            self._users.pop(user, None)
        if usage.quota.has_rates:
            port.measure(Traffic().go_on_from(port.traffic))

    def begin_anew(self, ports: Iterable[Port]) -> None:
        """Take the quotas that ports have by new rules; what somebody has beyond them stays."""
        for port in list(self._of):
            self.leave(port)
        for port in ports:
            if port.principal is not None:
                self.join(port, port.principal)

    # -- counts

    def check_names(self, port: Port) -> None:
        """Raise Busy if the user of a port has all the senders that it may have."""
        self._check(port, "names", 1, self._names_of)

    def check_listeners(self, port: Port, more: int) -> None:
        """Raise Busy if the user of a port may not have so many listeners more."""
        self._check(port, "listeners", more, _listeners_of)

    def _check(self, port: Port, what: str, more: int, count_of: Callable[[Port], int]) -> None:
        if port not in self._of:
            return
        _, usage = self._of[port]
        most = getattr(usage.quota, what)
        if most is None:
            return
        count = sum(map(count_of, usage.ports))
        if count + more > most:
            raise self._busy(port, usage, what, count, most)

    def room_for_requests(self, port: Port) -> int:
        """Return how many requests more the user of a port may have open."""
        _, usage = self._of.get(port, (None, None))
        if usage is None or usage.quota.requests is None:
            return UNBOUND
        return max(0, usage.quota.requests - sum(map(self._requests_of, usage.ports)))

    def no_room_for_requests(self, port: Port) -> Busy:
        """Return the error of requests for which there is no room."""
        _, usage = self._of[port]
        assert usage.quota.requests is not None
        return self._busy(port, usage, "requests", usage.quota.requests, usage.quota.requests)

    def _busy(self, port: Port, usage: _Usage, what: str, count: int, most: int) -> Busy:
        assert port.principal is not None
        self._note(port.principal, what)
        return Busy(_too_many(usage.name, what, count, most))

    # -- rates

    def _take(self, port: Port, usage: _Usage, size: int, events: int) -> None:
        """Count what came; nothing is read from the port before all that is too much is paid."""
        now = self._clock()
        wait = 0.0 if usage.bytes is None else usage.bytes.take(size, now)
        if usage.events is not None:
            wait = max(wait, usage.events.take(events, now))
        if wait:
            self.held += self._hold(port, now + wait)

    # -- memory

    def place_of(self, holder: object) -> tuple[str, int] | None:
        """Return with whom a link is added up, and the bytes that they may hold; None: with those of its source."""
        found = self._of.get(holder)  # type: ignore[call-overload]
        if found is None or found[1].quota.memory is None:
            return None
        return f"user {found[1].name}", min(found[1].quota.memory, self._most_memory)


def _user(peer: str, principal: Principal) -> User:
    assert principal.quota is not None
    if principal.is_somebody:
        return principal.user, "", principal.quota
    return "", source_of(peer), principal.quota


def _name(peer: str, principal: Principal) -> str:
    return repr(principal.user) if principal.is_somebody else f"anonymous from {source_of(peer)!r}"


def _too_many(name: str, what: str, count: int, most: int) -> str:
    return f"{name} has {count} {what}; {most} is the limit of its roles ({what} in the rules of the server)"


def _listeners_of(port: Port) -> int:
    return port.listeners
