"""The ledger of an event: what became of it at each who hears it; nothing is added where events pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sig_core.errors import ConfigError
from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT, Name
from sig_core.routing.ports import Port

__all__ = ["Ledger", "RouteBook", "figures"]

PRESENCE = EVENT_CONNECT, EVENT_DISCONNECT
MOST = 1000  # (route, reason) of which a port knows its losses by themselves
NOWHERE = "", 0
UNKNOWN = 0, "", ""  # whose losses they were is not known any more


class Counted(Protocol):
    """A route, as the exchange has it."""

    life: str
    count: int


class RouteBook:
    """What a port notes of each route: where its count stood when it was heard first, and what was lost since.

    What was fired to the port is the difference to where the count stands now, so no event costs anything here.

    Args:
        route: returns what a number stands for; None: nothing.
    """

    __slots__ = ("_began", "_lost", "_route")

    def __init__(self, route: Callable[[int], Counted | None]) -> None:
        self._route = route
        self._began: dict[int, tuple[str, int]] = {}  # where that is not 0 in the life that it has
        self._lost: Counter[tuple[int, str, str]] = Counter()  # by route, life and reason

    def begin(self, route: int) -> None:
        """Note that a route is heard from now on."""
        life, count = self._stands_at(route)
        self._began.pop(route, None)
        if count:
            self._began[route] = life, count
        for key in [key for key in self._lost if key[0] == route]:
            del self._lost[key]

    def skip(self, route: int, missing: int) -> None:
        """Note that events which were fired did not come here, and are counted elsewhere."""
        life, count = self._began.get(route, NOWHERE)
        now, _ = self._stands_at(route)
        self._began[route] = now, missing + (count if life == now else 0)

    def lose(self, route: int, count: int, reason: str) -> None:
        """Count events that were lost."""
        key = route, self._stands_at(route)[0], reason
        if key in self._lost or len(self._lost) < MOST:
            self._lost[key] += count
        else:
            self._lost[UNKNOWN] += count

    def account(self, route: int, waiting: int) -> dict[str, Any] | None:
        """Return what became of the events of a route, so many of which wait; None: that is not known."""
        if self._lost[UNKNOWN]:
            return None
        life, count = self._stands_at(route)
        began_in, began = self._began.get(route, NOWHERE)
        lost = {why: missing for (number, when, why), missing in self._lost.items() if (number, when) == (route, life)}
        gone = waiting + sum(lost.values())
        fired = max(gone, count - (began if began_in == life else 0))  # of the life before some may still wait
        return figures(fired, fired - gone, waiting, lost)

    def forget(self) -> None:
        """Forget all of it."""
        self._began.clear()
        self._lost.clear()

    def _stands_at(self, route: int) -> tuple[str, int]:
        found = self._route(route)
        return NOWHERE if found is None else (found.life, found.count)


class Ledger:
    """Tells what became of an event.

    Args:
        route: returns what a number stands for; None: nothing.
        number: returns the number of an event; 0: there is none.
        targets: returns who hears an event.
    """

    def __init__(
        self,
        route: Callable[[int], Counted | None],
        number: Callable[[Name, Name], int],
        targets: Callable[[Name, Name], tuple[Port, ...]],
    ) -> None:
        self.route = route
        self._number = number
        self._targets = targets

    def of(self, sender: Name, event: Name) -> dict[str, Any]:
        """Return the answer to the call `ledger`, see docs/protocol.md.

        Raises:
            ConfigError: it is one that is not counted.
        """
        if event in PRESENCE:
            raise ConfigError(f"event {event!r}: presence is not counted: name an event that the sender fires itself")
        number = self._number(sender, event)
        found = self.route(number)
        listeners = [{"listener": port.peer, **_account(port, number)} for port in self._targets(sender, event)]
        return {"sender": sender, "event": event, "fired": found and found.count, "listeners": listeners}


def _account(port: Port, route: int) -> dict[str, Any]:
    """Return what a port says of a route; where it can't tell that apart, of all that it hears."""
    known = port.account(route)
    if known is not None:
        return {"of": "event", **known}
    events: Mapping[str, Any] = port.stats()["events"]
    return {"of": "all", **figures(events["fired"], events["out"], events["waiting"], events["lost"])}


def figures(fired: int, delivered: int, waiting: int, lost: Mapping[str, int]) -> dict[str, Any]:
    """Return an account in the words of the call `ledger`."""
    return {"fired": fired, "delivered": delivered, "waiting": waiting, "lost": dict(lost)}
