"""An exchange with rules: who may do what is asked where it costs nothing more, and answered from what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from sig_core.access.access_control import AccessControl
from sig_core.access.principal import Principal
from sig_core.access.rules import Rules
from sig_core.contract import Codec
from sig_core.errors import AccessDenied, SenderExists
from sig_core.events import Name, Pattern, key_of
from sig_core.protocol.limits import Limits
from sig_core.routing.exchange import Exchange, SenderEntry, no_target
from sig_core.routing.guard import E, Guard, Guarded
from sig_core.routing.ports import Port
from sig_core.routing.quotas import Quotas
from sig_core.routing.table import Table

__all__ = ["GuardedExchange"]


class GuardedTable(Table[Port]):
    """Subscriptions of which each hears what it may; that is found out when a topic is looked up, not for each event.

    Args:
        may_hear: called with (port, sender, event).
    """

    def __init__(self, may_hear: Callable[[Port, Name, Name], bool]) -> None:
        super().__init__()
        self._may_hear = may_hear

    def match(self, sender: Name, event: Name) -> tuple[Port, ...]:
        """Return who hears it, and may; see `Table.match`."""
        found, may_hear = super().match(sender, event), self._may_hear
        return tuple([port for port in found if may_hear(port, sender, event)]) if found else found


class RulesGuard(Guard):
    """Asks the rules.

    Args:
        access: the rules.
        quotas: what users take.
    """

    def __init__(self, access: AccessControl, quotas: Quotas) -> None:
        self._access = access
        self._quotas = quotas

    def may(self, port: Port, action: str, sender: Name | None, name: Name | None = None) -> bool:
        """Return whether a port may do something; see `Policy.decide`."""
        principal = port.principal
        return principal is None or self._access.policy.decide(principal, action, sender, name).allowed

    def may_see(self, port: Port, entry: Guarded) -> bool:
        """See `Guard`: one that it has added, may see, or may ask something."""
        return entry.owner is port or self.may(port, "see", entry.name) or self.may(port, "request", entry.name)

    def may_hear(self, port: Port, sender: Name, event: Name) -> bool:
        """See `Guard`."""
        return self.may(port, "listen", sender, event)

    def check_listener(self, port: Port, pattern: Pattern) -> None:
        """See `Guard`."""
        if port.principal is not None:
            self._access.check(port.principal, "listen", *pattern)

    def check_listeners(self, port: Port, more: int) -> None:
        """See `Guard`."""
        self._quotas.check_listeners(port, more)

    def check_link(self, peer: str, principal: Principal, gives_way: int) -> None:
        """See `Guard`."""
        self._quotas.check_link(peer, principal, gives_way)

    def take_in(self, port: Port, principal: Principal) -> None:
        """See `Guard`."""
        super().take_in(port, principal)
        self._quotas.join(port, principal)

    def check_operator(self, port: Port, what: str) -> None:
        """See `Guard`."""
        if port.principal is not None:
            self._access.check(port.principal, "operate", what)

    def listed_for(self, port: Port, entries: Iterable[E]) -> Iterable[E]:
        """See `Guard`: those that it has added, or may see."""
        return [each for each in entries if each.owner is port or self.may(port, "see", each.name)]

    def whoami(self, port: Port) -> dict[str, Any]:
        """See `Guard`."""
        principal = port.principal
        return super().whoami(port) if principal is None else self._access.describe(principal)

    def explain(
        self, port: Port, user: str, roles: list[str] | None, action: str, sender: Name | None, name: Name | None
    ) -> dict[str, Any]:
        """See `Guard`; for operators alone."""
        self.check_operator(port, "explain")
        return self._access.explain(user, roles, action, sender, name)

    def owner_words(self, port: Port, entry: Guarded) -> str:
        """See `Guard`: addresses are for operators."""
        return entry.owner.peer if self.may(port, "operate", "peers") else "another peer"


class GuardedExchange(Exchange):
    """An exchange that asks the rules.

    A port without a principal is this program's own: it may do everything.

    Args:
        codec, limits, clock: see `Exchange`.
        access: the rules.
    """

    def __init__(
        self, codec: Callable[[str], Codec], limits: Limits, clock: Callable[[], float], access: AccessControl
    ) -> None:
        self._access = access
        self._quotas = Quotas(
            lambda port: len(self._owned.get(port, ())),
            lambda port: len(self.requests.tokens_of(port)),
            lambda port, until: self.flow_control.hold(port, until),
            *(clock, access.note_limit, limits.max_source),
        )
        self._rules = self._make_guard(self._quotas)
        super().__init__(codec, limits, clock, self._rules)
        self.memory.place_of = self._quotas.place_of

    def _make_guard(self, quotas: Quotas) -> RulesGuard:
        return RulesGuard(self._access, quotas)

    def _make_table(self) -> Table[Port]:
        return GuardedTable(self._rules.may_hear)

    # -- other rules

    def apply(self, rules: Rules) -> None:
        """Let other rules count for all, from this moment on.

        Whom they do not admit has to go; senders that they do not allow are removed; what waits and may not be heard is
        dropped, and counted.
        """
        access = self._access
        access.replace(rules)
        known = {port: port.principal for port in self._ports if port.principal is not None}
        gone = [port for port, principal in known.items() if not self._admit_again(port, principal)]
        self._quotas.begin_anew(known)
        for port in known:
            self.memory.forget(port)  # it may be added up with others from now on
        self._table.outdate_all()
        for entry in list(self.senders.values()):
            principal = entry.owner.principal
            if principal is not None and not access.policy.decide(principal, "add", entry.name).allowed:
                access.note("revoked", principal, sender=entry.name, peer=entry.owner.peer)
                self.take_away(entry, AccessDenied("the rules of this server do not allow it any more"))
        for port in known:
            port.rules_changed()
        for port in gone:
            access.note("revoked", known[port], peer=port.peer)
            port.expel(AccessDenied("not admitted any more"))

    def _admit_again(self, port: Port, principal: Principal) -> bool:
        """Know a port by the new rules; return whether they admit it, or it was not admitted before."""
        found = self._access.admit_again(principal) if principal.facts.at else None
        port.principal = found or Principal("", "nobody", principal.facts)
        return found is not None or not principal.roles

    # -- what is asked

    def add_sender(
        self,
        port: Port,
        name: Name,
        events: list[Name],
        requests: list[str | None] | None,
        *,
        life: str = "",
        fired: Mapping[Name, int] | None = None,
        state: Iterable[Name] = (),
        tell_owner: bool = True,
    ) -> SenderEntry:
        """See `Exchange`: where the name is another link's of the same identity, it is taken from there.

        Raises:
            AccessDenied: the rules do not allow it; whether the name is free is not told then.
        """
        if port.principal is not None:
            self._access.check(port.principal, "add", name)
            taken = self.senders.get(key_of(name))
            if taken is not None and taken.owner is not port and _is_same(port, taken.owner):
                self.take_away(taken, SenderExists(f"sender {name!r}: another link of yours has added it"))
            self._quotas.check_names(port)
        entry = super().add_sender(
            *(port, name, events, requests), life=life, fired=fired, state=state, tell_owner=tell_owner
        )
        self._access.note("added", port.principal, sender=name, peer=port.peer)
        return entry

    def take_away(self, entry: SenderEntry, error: Any) -> None:
        """Remove a sender without its owner's doing.

        Args:
            entry: the sender.
            error: what its owner is told.
        """
        owner = entry.owner
        self.remove_sender(owner, entry.name, may_return=True)
        owner.sender_removed(entry.name, 1 + len(entry.events), error)

    def remove_sender(
        self, port: Port, name: Name, *, tell_owner: bool = True, may_return: bool = False
    ) -> SenderEntry:
        """See `Exchange`."""
        entry = super().remove_sender(port, name, tell_owner=tell_owner, may_return=may_return)
        self._access.note("removed", port.principal, sender=name, peer=port.peer)
        return entry

    def request(self, port: Port, route: int, codec: str, method: str, tails: dict[Any, bytes]) -> None:
        """See `Exchange`."""
        principal = port.principal
        entry = None if principal is None else self._target_at(port, route)
        if principal is None or entry is None or self._rules.may(port, "request", entry.name, method):
            if principal is not None and principal.quota is not None:
                tails = self._within_quota(port, route, tails)
            if tails:
                super().request(port, route, codec, method, tails)
            return
        self._access.decide(principal, "request", entry.name, method)  # tells of it
        self._fail_denied(port, entry, route, method, tails)

    def _fail_denied(self, port: Port, entry: SenderEntry, route: int, method: str, tails: dict[Any, bytes]) -> None:
        """Fail requests that are not allowed; whoever may not see the sender is not told that it is there."""
        seen = self._rules.may_see(port, entry)
        words = f"request {method!r} of sender {entry.name!r}: the rules of this server do not allow it"
        error = AccessDenied(words) if seen else no_target(route, method)
        for ident in tails:
            port.fail_to(ident, route, error)

    def _within_quota(self, port: Port, route: int, tails: dict[Any, bytes]) -> dict[Any, bytes]:
        """Return those requests for which there is room; the others fail."""
        room = self._quotas.room_for_requests(port)
        if len(tails) <= room:
            return tails
        error = self._quotas.no_room_for_requests(port)
        for ident in list(tails)[room:]:
            port.fail_to(ident, route, error)
        return dict(islice(tails.items(), room))

    # -- ports

    def leave(self, port: Port) -> None:
        """See `Exchange`."""
        super().leave(port)
        self._quotas.leave(port)

    def stats(self, *, peers: bool) -> dict[str, Any]:
        """See `Exchange`; with what the rules have denied."""
        return super().stats(peers=peers) | {"access": self._access.stats() | {"held": self._quotas.held}}


def _is_same(port: Port, other: Port) -> bool:
    """Return whether two links are of one identity, which is proved."""
    mine, theirs = port.principal, other.principal
    return (
        mine is not None and theirs is not None and mine.is_somebody and theirs.is_somebody and mine.user == theirs.user
    )
