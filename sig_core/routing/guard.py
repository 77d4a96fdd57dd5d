"""What a port may, where there are no rules: everything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

from sig_core.access.principal import Principal
from sig_core.events import Name, Pattern
from sig_core.routing.ports import Port

__all__ = ["Guard", "Guarded"]


class Guarded(Protocol):
    """A connected sender. `name`: of it; `owner`: the port that added it."""

    name: Name
    owner: Port


E = TypeVar("E", bound=Guarded)


class Guard:
    """Lets everybody do everything; a subclass asks rules."""

    def may_see(self, port: Port, entry: Guarded) -> bool:
        """Return whether a connected sender is there for a port."""
        return True

    def may_hear(self, port: Port, sender: Name, event: Name) -> bool:
        """Return whether a port may hear an event."""
        return True

    def check_listener(self, port: Port, pattern: Pattern) -> None:
        """Raise AccessDenied if a port may hear nothing that matches a pattern."""

    def ask(self, port: Port, action: str, sender: Name | None, name: Name | None = None) -> None:
        """Ask who has the last word whether a port may do something that the rules allow.

        Args:
            port: that wants to.
            action, sender, name: see `Policy.decide`.

        Raises:
            AccessDenied: it may not.
            Undecided: that is not known yet; nothing may have changed so far.
        """

    def check_listeners(self, port: Port, more: int) -> None:
        """Raise Busy if a port may not have so many listeners more."""

    def check_link(self, peer: str, principal: Principal, gives_way: int) -> None:
        """See `Quotas.check_link`."""

    def take_in(self, port: Port, principal: Principal) -> None:
        """Know a port as somebody from now on."""
        port.principal = principal

    def check_operator(self, port: Port, what: str) -> None:
        """Raise AccessDenied if a port may not have what is for operators: "stats", "peers", "explain"."""

    def whoami(self, port: Port) -> dict[str, Any]:
        """Return who a port is, in the words of the call of that name."""
        return {"user": "anyone", "kind": "anyone", "at": "", "roles": [], "rule": ""}

    def explain(
        self, port: Port, user: str, roles: list[str] | None, action: str, sender: Name | None, name: Name | None
    ) -> dict[str, Any]:
        """Return whether somebody may do something, in the words of the call of that name.

        Args:
            port: who asks.
            user, roles, action, sender, name: see `AccessControl.explain`.
        """
        return {"allowed": True, "rule": "this server has no rules"}

    def listed_for(self, port: Port, entries: Iterable[E]) -> Iterable[E]:
        """Return those senders of which a port may know that they are there."""
        return entries

    def owner_words(self, port: Port, entry: Guarded) -> str:
        """Return how an error that a port gets names the owner of a sender."""
        return entry.owner.peer
