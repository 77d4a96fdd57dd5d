"""The durable listeners of a program: they hear, fail, take their time, acknowledge or don't."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sig_core.errors import SigError
from sig_core.events import Info, Pattern
from sig_core.routing.signals import Subscription
from sig_core.session.base import State
from sig_core.session.client_state.durable_listener import DurableListener, Finished
from tests.simulation.durable_life import Attached, KeptValue
from tests.simulation.observer import PRESENCE
from tests.simulation.world import Breach

if TYPE_CHECKING:
    from tests.simulation.client_node import ClientNode

__all__ = ["DurableNode"]

FAILS, LATE = 0.1, 0.2  # of calls of a listener: it raises, or is done with later
MOST_LATE = 0.1  # seconds


def check_ledger(told: list[dict[str, Any]]) -> None:
    """Check that of each durable what was fired is delivered, waits or is lost."""
    for each in told:
        parts = each["delivered"], each["waiting"], *each["lost"].values()
        if min(parts) < 0 or each["fired"] != sum(parts):
            raise Breach("ledger", f"durable {each}")


class DurableNode:
    """Those of one client.

    Args:
        client: whose they are.

    Attributes:
        listeners: there are now, by durable.
    """

    def __init__(self, client: ClientNode) -> None:
        self._client = client
        self._world = client.world
        self._book = client.network.attached
        self._explicit: dict[str, bool] = {}
        self.listeners: dict[str, DurableListener] = {}

    # -- they come and go

    def listen(self, name: str, pattern: Pattern, explicit: bool) -> None:
        """Have one, unless there is one of that name."""
        client, link = self._client, self._client._open_link()
        if link is None or name in self.listeners:
            return
        client._trace("listens to durable {!r}: {}", name, pattern)
        subscription = Subscription(lambda info, value: None, pattern, lambda removed: self._left(made))
        made = DurableListener(name, subscription, self._hear, client._failed, explicit=explicit)
        self.listeners[name], self._explicit[name] = made, explicit

        def done(value: Any, error: BaseException | None) -> None:
            client._trace("listens to durable {!r} now: {}", name, error)
            if error is not None and self.listeners.get(name) is made:
                del self.listeners[name]

        client._run(client.state.registrations.subscribe_durable(link.session, made), done)

    def leave(self, which: int) -> None:
        """Let one leave."""
        if self.listeners:
            name = sorted(self.listeners)[which % len(self.listeners)]
            self._client._trace("leaves durable {!r}", name)
            self.listeners.pop(name).subscription.remove()

    def _left(self, listener: DurableListener) -> None:
        if self._client.state.registrations.unsubscribe_durable(listener) and self._client.link is not None:
            self._client.link.added(0)

    # -- they hear

    def _attached(self, listener: DurableListener) -> Attached:
        return self._book[self._client.state.connection._client, listener.ident]

    def _hear(self, subscription: Subscription, info: Info, value: Any, finished: Finished) -> None:
        client, world = self._client, self._world
        name = next(name for name, each in self.listeners.items() if each.subscription is subscription)
        listener, event = self.listeners[name], info["event"]
        attached, position = self._attached(listener), info["position"]
        client._trace("hears {!r} of {!r} at {} of durable {!r}", event, info["sender"], position, name)
        kept = KeptValue.of(event, None if event in PRESENCE else value)
        attached.hear(client.who, position, kept, info.get("repeated", False), self._explicit[name])
        lot = 1.0 if client.network.is_calm else world.random()
        attached.failed = lot < FAILS
        if attached.failed:
            finished(ValueError("the listener fails"))
        elif lot < FAILS + LATE:
            world.after(world.random() * MOST_LATE, lambda: self._finish(finished))
        else:
            finished(None)
            if self._explicit[name] and world.random() < 0.5:
                self.acknowledge(listener)

    def _finish(self, finished: Finished) -> None:
        client = self._client
        if client.is_stopped_still:
            client.when_it_goes_on(lambda: self._finish(finished))
        elif not client.is_gone:
            finished(None)
            if client.link is not None:
                client.link.added(0)

    def acknowledge(self, listener: DurableListener) -> None:
        """Acknowledge what one has heard."""
        if listener.ident and (self._client.state.connection._client, listener.ident) in self._book:
            attached = self._attached(listener)
            if attached.last and listener._told_here:
                listener.acknowledge(listener._told_here)

    def acknowledge_all(self) -> None:
        """Acknowledge what was heard, where that is not done by itself."""
        for name, listener in self.listeners.items():
            if self._explicit[name]:
                self.acknowledge(listener)

    def look(self) -> None:
        """Note what the server has said that is done with."""
        for listener in self.listeners.values():
            if listener.ident and listener.session is not None and listener.session.state is State.OPEN:
                attached = self._attached(listener)
                if listener.settled > attached.settled:
                    attached.settle(self._client.who, listener.settled)

    # -- calls

    def drop(self, name: str) -> None:
        """Drop a durable, whoever listens to it."""
        self._call("drop_durable", {"durable": name})

    def list_all(self) -> None:
        """Ask how all of them stand."""
        self._call("durables", {})

    def _call(self, method: str, params: dict[str, Any]) -> None:
        client, link = self._client, self._client._open_link()
        if link is None:
            return

        def told(value: Any, error: SigError | None) -> None:
            client._trace("{} {}: {} {}", method, params, value, error)
            if error is None and method == "durables":
                check_ledger(value)

        link.session.call(method, params, told)
        link.added(0)

    @property
    def is_busy(self) -> bool:
        """Whether one has something to hear that it may go on with."""
        return any(
            listener._waiting and listener.session is not None and listener.session.state is State.OPEN
            for listener in self.listeners.values()
        )
