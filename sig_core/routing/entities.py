"""Sender and Event, and by them Signal and Subscription: what a user holds of a router."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sig_core.description import described
from sig_core.errors import UnknownEvent
from sig_core.events import Info, Name, Pattern, check_name, is_channel
from sig_core.routing.delivery import Delivery, OnLost
from sig_core.routing.handlers import Handler
from sig_core.routing.removed_sender import no_longer_connected
from sig_core.routing.signals import Listener, Signal, Subscription
from sig_core.routing.table import Topic
from sig_core.spelling import alias

__all__ = ["Event", "Listener", "Owner", "Sender", "Signal", "Subscription"]


class Owner(Protocol):
    """What entities need of the router that they belong to."""

    class_event: type[Event]
    class_signal: type[Signal]

    def topic(self, sender: Name, event: Name) -> Topic[Subscription]: ...
    def listeners_at(self, pattern: Pattern) -> tuple[Subscription, ...]: ...
    def listener_failed(self, callback: Listener, info: Info, error: BaseException) -> None: ...
    def _send_confirmed(
        self, topic: Topic[Subscription], info: Info, data: Any, seconds: float
    ) -> Callable[[], Any]: ...
    def add_listener(
        self,
        callback: Listener,
        sender: Name | None,
        event: Name | None,
        *,
        delivery: Delivery | None,
        on_lost: OnLost | None,
    ) -> Subscription: ...
    def remove_listener(self, callback: Listener, sender: Name | None, event: Name | None) -> bool: ...
    def has_sender(self, name: Name) -> bool: ...
    def request(self, sender: Name, method: str, params: Any = None, timeout: float | None = None) -> Any: ...
    def remove_sender(self, sender: Any) -> bool: ...


class Event:
    """An event of a sender (or, on the broadcast sender, a kind of subscription): a name and who listens to it.

    Attributes:
        objsender: whose it is.
        name: of the event.
        declared: the sender was added with it; else nobody can fire it.
    """

    declared = True

    def __init__(self, objsender: Sender, name: Name | None) -> None:
        self.objsender = objsender
        self.name = name

    @property
    def channel(self) -> bool:
        """Whether it is declared with a leading `#`, so that `(None, name)` hears it."""
        return self.objsender.name is not None and is_channel(self.name)

    @property
    def listeners(self) -> list[Listener]:
        """The callbacks of exactly this (sender, event), in order of registration."""
        return [found.callback for found in self.objsender.objrouter.listeners_at((self.objsender.name, self.name))]

    def get_listeners(self) -> list[Listener]:
        """Return the callbacks of exactly this (sender, event), in order of registration."""
        return self.listeners

    def get_sender(self) -> Sender:
        """Return the sender."""
        return self.objsender

    def get_name(self) -> Name | None:
        """Return the name."""
        return self.name

    def is_channel(self) -> bool:
        """Return whether it is a channel."""
        return self.channel

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} of {self.objsender.name!r}>"

    # Spelling of pysig
    getListeners = alias(get_listeners)  # noqa: N815
    getSender = alias(get_sender)  # noqa: N815
    getName = alias(get_name)  # noqa: N815
    isChannel = alias(is_channel)  # noqa: N815


class Sender:
    """A sender, connected or only listened to.

    Attributes:
        objrouter: the router that it belongs to.
        name: None for the broadcast sender.
        events: of a connected sender, by name, the built-in ones last.
        state: those of its events whose last value is kept for who comes to listen.
        removed: it was connected, and is not any more; one of the same name that is added again is another sender.
        class_event, class_signal: what its events and signals are made of.
    """

    def __init__(self, objrouter: Any, name: Name | None) -> None:
        owner: Owner = objrouter
        self.objrouter = owner
        self.name = name
        self.events: dict[Name | None, Event] = {}
        self.class_event: type[Event] = owner.class_event
        self.class_signal: type[Signal] = owner.class_signal
        self.handler = Handler(name if name is not None else "", None)
        self.state: tuple[Name, ...] = ()
        self.removed = False

    # -- what it is

    @property
    def connected_sender(self) -> bool:
        """Whether a sender of this name is connected."""
        return self.name is not None and self.objrouter.has_sender(self.name)

    def is_connected(self) -> bool:
        """Return whether a sender of this name is connected."""
        return self.connected_sender

    def get_router(self) -> Any:
        """Return the router."""
        return self.objrouter

    def get_name(self) -> Name | None:
        """Return the name."""
        return self.name

    def get_events(self) -> dict[Name | None, Event]:
        """Return the events by name."""
        return dict(self.events)

    def get_event(self, event: Name | None, create: bool = False) -> Event:
        """Return one of its events.

        Args:
            event: its name.
            create: an event that is not declared is made, for listeners to be counted at; it can't be triggered.

        Raises:
            ConfigError: there can be no event of that name.
            UnknownEvent: it is not declared, and `create` is false.
        """
        name = event if event is None else check_name(event, "event")
        found = self.events.get(name)
        if found is not None:
            return found
        if not create:
            raise self._unknown(name)
        made = self.class_event(self, name)
        made.declared = False
        self.events[name] = made
        return made

    def get_signal(self, event: Name) -> Signal:
        """Return a new signal for one of its events.

        Raises:
            ConfigError: there can be no event of that name.
            UnknownEvent: the sender has not declared it.
            UnknownSender: the sender was removed.
        """
        found = self.get_event(event)
        if not found.declared:
            raise self._unknown(event)
        if self.removed:
            raise no_longer_connected(self.name)
        return self.class_signal(found, self._broadcasts(found))

    def _unknown(self, event: Name | None) -> UnknownEvent:
        declared = ", ".join(repr(name) for name, known in self.events.items() if known.declared) or "none"
        return UnknownEvent(f"sender {self.name!r} has no event {described(event)}; it has: {declared}")

    def _broadcasts(self, event: Event) -> list[Event]:
        everyone = Sender(self.objrouter, None)
        broadcasts = [Event(everyone, None), Event(self, None)]
        return [*broadcasts, Event(everyone, event.name)] if event.channel else broadcasts

    # -- listeners and requests

    def add_listener(
        self,
        listener: Listener,
        event: Name | None = None,
        *,
        delivery: Delivery | None = None,
        on_lost: OnLost | None = None,
    ) -> Subscription:
        """Listen to one event of this sender, in this program, or to all; see `Router.add_listener`."""
        return self.objrouter.add_listener(listener, self.name, event, delivery=delivery, on_lost=on_lost)

    def remove_listener(self, listener: Listener, event: Name | None = None) -> bool:
        """End a subscription; see `Router.remove_listener`."""
        return self.objrouter.remove_listener(listener, self.name, event)

    def count_listeners(self) -> int:
        """Return the number of subscriptions that name this sender."""
        patterns: list[Pattern] = [(self.name, None), *((self.name, name) for name in self.events if name is not None)]
        return sum(len(self.objrouter.listeners_at(pattern)) for pattern in patterns)

    def has_listeners(self) -> bool:
        """Return whether a subscription names this sender."""
        return self.count_listeners() > 0

    def request(self, method: str, params: Any = None, timeout: float | None = None) -> Any:
        """Ask this sender; see `request` of its router."""
        assert self.name is not None
        return self.objrouter.request(self.name, method, params, timeout)

    def remove(self) -> bool:
        """Disconnect it; see `remove_sender` of its router."""
        return self.objrouter.remove_sender(self)

    def __repr__(self) -> str:
        state = "connected" if self.connected_sender else "disconnected"
        return f"<{type(self).__name__} {self.name!r} {state}>"

    # Spelling of pysig
    isConnected = alias(is_connected)  # noqa: N815
    getRouter = alias(get_router)  # noqa: N815
    getName = alias(get_name)  # noqa: N815
    getEvents = alias(get_events)  # noqa: N815
    getEvent = alias(get_event)  # noqa: N815
    getSignal = alias(get_signal)  # noqa: N815
    addListener = alias(add_listener)  # noqa: N815
    removeListener = alias(remove_listener)  # noqa: N815
    countListeners = alias(count_listeners)  # noqa: N815
    hasListeners = alias(has_listeners)  # noqa: N815
