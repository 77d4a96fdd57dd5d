"""Events whose owner wants to know where they went: routed as all others, and counted link by link."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Protocol

from sig_core.errors import RoutingError
from sig_core.events import Name
from sig_core.routing.last_values import LastValues
from sig_core.routing.ports import Port, Run
from sig_core.routing.table import Topic

__all__ = ["ConfirmedEvents"]

Forward = Callable[[Iterable[Port], Topic[Port], dict[str, Run], Port, Port | None, float], None]


class Route(Protocol):
    """The event that a route stands for; see the exchange, whose this is."""

    sender: Name
    event: Name
    open_to: Port | None
    count: int


class ConfirmedEvents:
    """Routes such events.

    Args:
        route: returns what a number stands for; None: nothing.
        topic: returns that of a sender's event.
        targets: returns who hears a topic.
        forward: of the exchange.
        ports: those that count.
        breach: returns the error of an event that is not its port's to send, by its number.
    """

    def __init__(
        self,
        route: Callable[[int], Route | None],
        topic: Callable[[Name, Name], Topic[Port]],
        targets: Callable[[Topic[Port]], tuple[Port, ...]],
        forward: Forward,
        ports: Container[Port],
        breach: Callable[[int], RoutingError],
    ) -> None:
        self._route = route
        self._topic = topic
        self._targets = targets
        self._forward = forward
        self._ports = ports
        self._breach = breach

    def arrive(self, port: Port, runs: dict[str, Run], now: float, *, own: bool = False) -> int:
        """Route one event.

        Args:
            port: where it comes from.
            runs: it, in one codec at least; see `Exchange.publish`.
            now: monotonic seconds.
            own: it is of this program, whose own listeners have heard it already.

        Returns:
            At how many ports it waits now, or was taken.

        Raises:
            NotOwner: it is not the port's to send; it went nowhere.
        """
        route = self._open_route(port, next(iter(runs.values())).route)
        port.traffic.arrived += 1
        topic = self._topic(route.sender, route.event)
        targets = [target for target in self._targets(topic) if not (own and target is port)]
        lost = [target.traffic.lost.total() for target in targets]
        self._forward(targets, topic, runs, port, None, now)
        route.count += 1
        return sum(
            target in self._ports and _has(target, before, runs) for target, before in zip(targets, lost, strict=True)
        )


    def give_last(self, port: Port, run: Run, values: LastValues) -> None:
        """Take the value of a state event from its owner, who is back: it is kept, and told to who listens.

        Args:
            port: of the owner.
            run: one event; it is not fired just now.
            values: where it is kept.

        Raises:
            NotOwner: it is not the port's, or no state event.
        """
        route = self._open_route(port, run.route)
        if not values.give(run, self._targets(self._topic(route.sender, route.event))):
            port.traffic.refused += 1
            raise self._breach(run.route)

    def _open_route(self, port: Port, number: int) -> Route:
        route = self._route(number)
        if route is None or route.open_to is not port:
            port.traffic.refused += 1
            raise self._breach(number)
        return route


def _has(port: Port, lost: int, runs: dict[str, Run]) -> bool:
    """Return whether a port that had lost so many before has an event; what it has lost since may be older ones."""
    return port.traffic.lost.total() == lost or port.has_waiting(runs.values())
