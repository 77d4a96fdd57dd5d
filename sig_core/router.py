"""Routers: what all of them share, and the one that works inside one program."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from sig_core.description import described, name_of_callable
from sig_core.errors import ConfigError, SenderExists, SigError, UnknownSender
from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT, Info, Name, Pattern, check_name
from sig_core.interrupts import pass_interrupt_on
from sig_core.io.delivery.listener_threads import ListenerThreads
from sig_core.io.sync.owned_lock import Deferred, OwnedLock, check_outside, is_inside
from sig_core.io.sync.pending_reply import check_timeout
from sig_core.log import log
from sig_core.protocol.limits import Limits
from sig_core.routing.delivery import Delivery, OnLost
from sig_core.routing.entities import Event, Listener, Sender, Signal, Subscription
from sig_core.routing.handlers import Handler, RequestHandler, refuse_coroutine_function
from sig_core.routing.own_values import OwnValues
from sig_core.routing.removed_sender import removed_publisher
from sig_core.routing.request_names import check_method
from sig_core.routing.table import Table, Topic
from sig_core.spelling import alias

__all__ = [
    *("BUILT_IN", "Router", "RouterBase"),
    *("check_kind", "check_senders", "check_url", "name_of", "pattern_of", "state_in"),
]

T = TypeVar("T")

BUILT_IN = (EVENT_CONNECT, EVENT_DISCONNECT)


def _never() -> bool:
    return False


class RouterBase:
    """What routers of every face share: the senders and listeners of this program, and events between them.

    Nothing here waits, so it is the same on threads and on asyncio. What may wait (`remove_sender`, `request`) is left
    to the faces: none inherits a method that would act on this program alone where the face reaches further.

    Args:
        class_sender, class_signal, class_event: classes of which senders, signals and events are made. They are
            attributes of the same names, so they can be changed at any time, for what is made from then on.

    Attributes:
        listener_errors: calls of listeners that raised.
    """

    _awaits = False  # whether coroutine functions can be listeners and handlers

    def __init__(
        self,
        class_sender: type[Sender] = Sender,
        class_signal: type[Signal] = Signal,
        class_event: type[Event] = Event,
    ) -> None:
        self.class_sender = class_sender
        self.class_signal = class_signal
        self.class_event = class_event
        self.listener_errors = 0
        self._lock = OwnedLock()
        self._later = Deferred()  # what is called where it can't be done
        self._table: Table[Subscription] = Table()
        self._senders: dict[Name, Sender] = {}
        self._own_values = OwnValues()

    # -- senders

    def add_sender(
        self,
        sender: Name,
        events: Iterable[Name] | Name | None = None,
        request_handler: RequestHandler = None,
        *,
        state: Iterable[Name] | Name | None = None,
    ) -> Sender:
        """Connect a sender and fire its `#connect`.

        Args:
            sender: its name, see `Name`.
            events: names of its events; those that begin with `#` are channels. `#connect` and `#disconnect` are added.
            request_handler: see `RequestHandler`.
            state: those of its events that are its state: the last value of each is kept, and a listener that comes
                later gets it first, with `info["last"]`.

        Returns:
            The sender, whose `get_signal` makes what triggers its events.

        Raises:
            SenderExists: a sender of that name is connected.
            ConfigError: a name or the handler is not as it must be.
        """
        check_outside("add_sender")
        made = self._make_sender(sender, events, request_handler, state)
        try:
            with self._lock:
                self._claim(made)
                self._own_values.watch(made, self._table)
                self._install(made)
            self._fire_presence(made, EVENT_CONNECT)
        except SigError:
            raise
        except BaseException:  # an interrupt: nobody would have what was added
            try:
                self._withdraw(made)
            except BaseException:  # a second one
                self._withdraw(made)
                raise
            raise
        return made

    def _withdraw(self, made: Sender) -> None:
        """Take back a sender that was not added to the end."""
        assert made.name is not None
        if self._senders.get(made.name) is made:
            self._remove_local(made)
        else:
            with self._lock:
                self._release(made)

    def _remove_local(self, sender: Sender | Name) -> bool:
        """Disconnect a sender that this router has, and fire its `#disconnect`; false if it is not connected."""
        name = name_of(sender)
        found = self._senders.get(name)
        if found is None:
            self._removed(name)
            return False
        if self._defer(self._remove_local, sender):
            return True
        farewell = found.get_signal(EVENT_DISCONNECT)
        try:
            with self._lock:
                if self._senders.get(name) is not found:
                    return False  # another thread was faster
                self._take_out(found)
        except BaseException:  # an interrupt: half of it may be done
            with self._lock:
                self._take_out(found)
            self._removed(name)
            raise
        self._removed(name)
        farewell.trigger(_presence(found))
        return True

    def _take_out(self, sender: Sender) -> None:
        """Give its name back and take a sender out, under the lock. Again: does the rest."""
        self._release(sender)
        self._uninstall(sender)

    def _removed(self, name: Name) -> None:
        """Forget what else is known of a sender that is not connected any more, before anybody is told."""

    def get_sender(self, sender: Name) -> Sender | None:
        """Return a sender that is connected, or that somebody listens to; else None.

        Raises:
            ConfigError: the name is not as it must be.
        """
        name = check_name(sender, "sender")
        with self._lock:
            found = self._senders.get(name)
            if found is None and not self._table.names_sender(name):
                return None
        return found or self.class_sender(self, name)

    @property
    def senders(self) -> dict[Name, Sender]:
        """The connected senders by name."""
        with self._lock:
            return dict(self._senders)

    def has_sender(self, name: Name) -> bool:
        """Return whether a sender of that name is connected; ConfigError: there can be none of that name."""
        return self._has_own(name)

    def _make_sender(
        self,
        sender: Name,
        events: Iterable[Name] | Name | None,
        handler: RequestHandler,
        state: Iterable[Name] | Name | None = None,
    ) -> Sender:
        """Check what a user says of a sender, and make it; it is not connected yet."""
        name, declared = check_name(sender, "sender"), event_list(events)
        made = self.class_sender(self, name)
        made.handler = Handler(name, handler, awaits=self._awaits)
        for event in dict.fromkeys([*declared, *BUILT_IN]):
            made.events[event] = made.class_event(made, event)
        made.state = tuple(dict.fromkeys(event_list(state)))
        for event in made.state:
            if event not in declared or event in BUILT_IN:
                raise ConfigError(f"sender {name!r}: state event {event!r} is none of the events that it is added with")
        return made

    def _claim(self, sender: Sender) -> None:
        """Take the name, under the lock."""
        assert sender.name is not None
        if sender.name in self._senders:
            raise SenderExists(f"sender {sender.name!r} is already connected")

    def _release(self, sender: Sender) -> None:
        """Give the name back, under the lock. Again, or of a name that was not taken: does nothing."""

    def _install(self, sender: Sender) -> None:
        assert sender.name is not None
        self._senders[sender.name] = sender

    def _uninstall(self, sender: Sender) -> None:
        """Take a sender out, under the lock; its signals refuse from now on, but for the farewell."""
        assert sender.name is not None
        sender.removed = True
        self._senders.pop(sender.name, None)
        self._own_values.drop(sender.name)
        for event in sender.events:
            if event is not None and event != EVENT_DISCONNECT:
                self._table.topic(sender.name, event).publisher = removed_publisher(sender.name)
        self._table.drop(sender.name)

    def _fire_presence(self, sender: Sender, event: Name) -> None:
        sender.get_signal(event).trigger(_presence(sender))

    def _fire_connects(self, made: Iterable[Sender]) -> None:
        """Fire `#connect` of those of them that are connected."""
        for sender in made:
            if sender.name is not None and self._senders.get(sender.name) is sender:
                self._fire_presence(sender, EVENT_CONNECT)

    # -- listeners

    def add_listener(
        self,
        listener: Listener,
        sender: Name | None = None,
        event: Name | None = None,
        *,
        delivery: Delivery | None = None,
        on_lost: OnLost | None = None,
    ) -> Subscription:
        """Subscribe `listener(info, data)`.

        Args:
            listener: called in the thread that triggers; registered twice, it is called twice.
            sender: whose events; None: those of all senders.
            event: which of them; None: all. Without a sender: the channel of that name (see `CHANNEL_DECORATOR`).
            delivery: the queue that its events wait in, of which a thread, or a task, of its own calls the listener;
                None: who delivers calls it.
            on_lost: where it has such a queue: told what did not reach it, where the listener is called; see `OnLost`.

        Returns:
            The subscription, which lasts until it is removed; the sender need not be connected, nor have declared the
            event.

        Raises:
            ConfigError: a name is not as it must be, or `listener` can't be called or, here, would have to be awaited.
            LimitError: it needs a thread, and the system starts no more of them.
        """
        check_outside("add_listener")
        subscription = self._subscription(listener, sender, event, self._unsubscribe)
        self._give_queue(subscription, delivery, on_lost, self._may_be_held)
        try:
            with self._lock:
                values = self._last_for(subscription)
                if self._table.add(subscription.pattern, subscription):
                    self._interest(subscription.pattern, True)
            for info, data in values:
                self._tell_last(subscription, info, data)
        except BaseException:  # an interrupt: nobody would have what was added
            try:
                subscription.remove()
            except BaseException:  # a second one
                subscription.remove()
                raise
            raise
        return subscription

    def _last_for(self, subscription: Subscription) -> list[tuple[Info, Any]]:
        """Return the last values that a listener gets which comes just now; under the lock."""
        return self._own_values.of(subscription.pattern) if len(self._own_values) else []

    def _own_last(self, sender: Name, event: Name, default: Any) -> Any:
        """Return the last value of a state event of this program's own sender."""
        pattern = check_name(sender, "sender"), check_name(event, "event")
        with self._lock:
            values = self._own_values.of(pattern)
        return values[0][1] if values else default

    def _tell_last(self, subscription: Subscription, info: Info, data: Any) -> None:
        try:
            subscription.tell(info, data)
        except Exception as error:
            self.listener_failed(subscription.callback, info, error)

    def remove_listener(self, listener: Listener, sender: Name | None = None, event: Name | None = None) -> bool:
        """End the oldest subscription of `listener` to exactly this.

        Args:
            listener, sender, event: as they were given to `add_listener`.

        Returns:
            False if there is none.

        Raises:
            ConfigError: a name is not as it must be.
        """
        pattern = pattern_of(sender, event)
        for found in self.listeners_at(pattern):
            if found.callback == listener:
                found.remove()
                return True
        return False

    def _subscription(
        self, listener: Listener, sender: Name | None, event: Name | None, remove: Callable[[Subscription], None]
    ) -> Subscription:
        """Check what a listener is, and what it asks for."""
        pattern = pattern_of(sender, event)
        if not callable(listener):
            raise ConfigError(f"listener {described(listener)} can't be called: it must be a function f(info, data)")
        self._check_callable(f"listener {name_of_callable(listener)}", listener)
        return Subscription(listener, pattern, remove)

    def _give_queue(
        self,
        subscription: Subscription,
        delivery: Delivery | None,
        on_lost: OnLost | None,
        is_patient: Callable[[], bool] = _never,
    ) -> None:
        """Let events wait for a new subscription, if it asks for that; see `add_listener`.

        Args:
            is_patient: see `QueuedListener`.

        Raises:
            ConfigError: they contradict each other, or can't be meant.
        """
        if delivery is None:
            if on_lost is not None:
                raise ConfigError("on_lost: only a listener with a queue of its own is told: say delivery= as well")
            return
        if not isinstance(delivery, Delivery):
            raise ConfigError(f"delivery {described(delivery)}: a sig.Delivery(...) was expected")
        if on_lost is not None:
            what = f"on_lost {described(on_lost)}"
            if not callable(on_lost):
                raise ConfigError(f"{what} can't be called: it must be a function f(count, reason, first, last)")
            self._check_callable(what, on_lost)
        subscription.latest = delivery.reaches_far
        self._adopt(subscription, delivery, on_lost, is_patient)

    def _adopt(
        self, subscription: Subscription, delivery: Delivery, on_lost: OnLost | None, is_patient: Callable[[], bool]
    ) -> None:
        """Give a subscription its queue, in the way of the face."""
        raise NotImplementedError

    def _may_be_held(self) -> bool:
        """Return whether this thread delivers events that are held back elsewhere while it waits; see `_give_queue`."""
        return False

    def _check_callable(self, what: str, function: object) -> None:
        """Refuse a coroutine function that nobody would await."""
        if not self._awaits:
            refuse_coroutine_function(what, function)

    def _unsubscribe(self, subscription: Subscription) -> None:
        if self._defer(self._unsubscribe, subscription):
            return
        pattern = subscription.pattern
        with self._lock:
            self._table.remove(pattern, subscription)
            if not self._table.at(pattern):
                self._interest(pattern, False)

    def _interest(self, pattern: Pattern, wanted: bool) -> None:
        """Note, under the lock, that the first subscription of a pattern came, or the last one went. Again: nothing."""

    # -- calls in the midst of another call: see `io/sync/owned_lock`

    def _defer(self, call: Callable[..., object], *args: object) -> bool:
        """Have a call made by another thread, if this one is in the midst of a call; return whether that is so."""
        inside = is_inside()
        if inside:
            self._later(partial(call, *args))
        return inside

    def listeners_at(self, pattern: Pattern) -> tuple[Subscription, ...]:
        """Return the subscriptions of exactly this pattern, in order of registration."""
        with self._lock:
            return self._table.at(pattern)

    def topic(self, sender: Name, event: Name) -> Topic[Subscription]:
        """Return what a signal of this event fires on."""
        with self._lock:
            return self._table.topic(sender, event)

    def _send_confirmed(self, topic: Topic[Subscription], info: Info, data: Any, seconds: float) -> Callable[[], Any]:
        """Publish an event that is to be confirmed, as far as it goes beyond this program's listeners.

        Args:
            topic: that it is of.
            info, data: what its listeners get.
            seconds: that the confirmation may take.

        Returns:
            What waits for it, once listeners have run, and returns to how many links it went.

        Raises:
            SigError: see `Signal.trigger`; it was not sent.
        """
        check_timeout(seconds, seconds)
        return self._went_to(self._publish_confirmed(topic, info, data))

    def _publish_confirmed(self, topic: Topic[Subscription], info: Info, data: Any) -> int:
        """Publish an event here and now; return to how many links it went."""
        if topic.publisher is not None:
            topic.publisher(info, data)
        return 0

    def _went_to(self, links: int) -> Callable[[], Any]:
        """Return what gives a number in the way of the face."""
        return lambda: links

    def listener_failed(self, callback: Listener, info: Info, error: BaseException) -> None:
        """Count and log a listener that raised."""
        self.listener_errors += 1
        trace = "".join(traceback.format_exception(error)).rstrip()
        what = f"listener {name_of_callable(callback)} raised on event {info['event']!r} of sender {info['sender']!r}"
        self._log_failure(f"{what}\n{trace}")

    def _log_failure(self, text: str) -> None:
        log.error(text)

    def stats(self) -> dict[str, Any]:
        """Return how it stands: the numbers of senders and subscriptions, and of calls of listeners that raised."""
        with self._lock:
            senders, subscriptions = len(self._senders), self._table.size
        return {"senders": senders, "subscriptions": subscriptions, "listener_errors": self.listener_errors}

    def _has_own(self, sender: Name) -> bool:
        """Return whether a sender is one of this program; ConfigError: there can be none of that name."""
        return check_name(sender, "sender") in self._senders

    def _local_sender(self, name: Name) -> Sender:
        found = self._senders.get(check_name(name, "sender"))
        if found is None:
            raise UnknownSender(f"sender {name!r} is not connected")
        return found

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {len(self._senders)} senders>"

    # Spelling of pysig
    addSender = alias(add_sender)  # noqa: N815
    getSender = alias(get_sender)  # noqa: N815
    addListener = alias(add_listener)  # noqa: N815
    removeListener = alias(remove_listener)  # noqa: N815


class Router(RouterBase):
    """Dispatches events of senders to listeners, in the thread that triggers, and passes requests to senders.

    Every method may be called from any thread, and inside every callback; no lock is held while a callback runs.

    Args:
        class_sender, class_signal, class_event: see `RouterBase`.
    """

    limits = Limits()

    def __init__(
        self,
        class_sender: type[Sender] = Sender,
        class_signal: type[Signal] = Signal,
        class_event: type[Event] = Event,
    ) -> None:
        super().__init__(class_sender, class_signal, class_event)
        self._listener_threads = ListenerThreads(self.listener_failed)

    def _adopt(
        self, subscription: Subscription, delivery: Delivery, on_lost: OnLost | None, is_patient: Callable[[], bool]
    ) -> None:
        self._listener_threads.adopt(subscription, delivery, on_lost, self.limits.stall, is_patient)

    def remove_sender(self, sender: Sender | Name) -> bool:
        """Disconnect a sender and fire its `#disconnect`.

        Args:
            sender: it, or its name.

        Returns:
            False if it is not connected (any more).

        Raises:
            ConfigError: the name is not as it must be.
        """
        return self._remove_local(sender)

    def last(self, sender: Name, event: Name, default: Any = None) -> Any:
        """Return the last value of a state event; see `add_sender`.

        Args:
            sender, event: which one.
            default: what is returned where there is none: the sender is not connected, has not fired the event yet, or
                that is not of its state.

        Raises:
            ConfigError: a name is not as it must be.
        """
        return self._own_last(sender, event, default)

    # -- requests

    def request(self, sender: Name, method: str, params: Any = None, timeout: float | None = None) -> Any:
        """Ask a sender and return its answer; the handler of one of this program's own runs now, in this thread.

        Args:
            sender, method, params: whom, what, and with which value.
            timeout: seconds for a sender elsewhere; None: the limit `request_timeout`.

        Raises:
            UnknownSender: no such sender is connected.
            UnknownMethod: it has neither that method nor a default.
            Exception: whatever the handler raised.
        """
        found = self._local_sender(sender)
        return found.handler.call(check_method(method), params)

    def request_async(self, sender: Name, method: str, params: Any = None, timeout: float | None = None) -> Future[Any]:
        """Ask a sender and return a future of the answer; the handler of one of this program's own runs now.

        Args:
            sender, method, params, timeout: see `request`.

        Returns:
            A future that has the answer, or what `request` would raise.
        """
        future: Future[Any] = Future()
        try:
            future.set_result(self.request(sender, method, params, timeout))
        except BaseException as error:
            pass_interrupt_on(error)
            future.set_exception(error)
        return future

    # Spelling of pysig
    removeSender = alias(remove_sender)  # noqa: N815


def _presence(sender: Sender) -> dict[str, Any]:
    events = [name for name, event in sender.events.items() if event.declared]
    told = {"events": events, "requests": sender.handler.names()}
    return told | ({"state": list(sender.state)} if sender.state else {})


def pattern_of(sender: Name | None, event: Name | None) -> Pattern:
    """Check what a listener asks for."""
    return (
        None if sender is None else check_name(sender, "sender"),
        None if event is None else check_name(event, "event"),
    )


def name_of(sender: Sender | Name) -> Name:
    """Return the name of a sender, given as itself or by its name; ConfigError: it has none, or it can't be one."""
    return check_name(sender.name if isinstance(sender, Sender) else sender, "sender")


def check_url(url: object) -> str:
    """Return `url` if it is text; ConfigError: it is not."""
    if not isinstance(url, str):
        raise ConfigError(f"address {described(url)}: a URL such as 'tcp://127.0.0.1:3000' was expected")
    return url


def event_list(events: Iterable[Name] | Name | None) -> list[Name]:
    """Check the events that a sender declares: many, a single one, or none."""
    if events is None:
        return []
    if isinstance(events, str | int | float):
        events = [events]
    if not isinstance(events, Iterable):
        raise ConfigError(f"events {described(events)}: must be names, such as ['#changed'], or one, or None")
    return [check_name(event, "event") for event in events]


def check_kind(what: str, value: object, kind: type[T]) -> T | None:
    """Return `value` if it is one of `kind`, or None; ConfigError, in which it is `what`: it is neither."""
    if value is not None and not isinstance(value, kind):
        raise ConfigError(f"{what}={described(value)}: must be a {kind.__name__}, or None")
    return value


def check_senders(senders: object) -> None:
    """Raise ConfigError if it is no mapping of names to events."""
    if not isinstance(senders, Mapping):
        raise ConfigError(f"senders {described(senders)}: must be a mapping, such as {{'temp': ['#changed']}}")


def state_in(state: Iterable[Name] | Name | None, events: Iterable[Name] | Name | None) -> list[Name]:
    """Return those state events that a sender has."""
    declared = event_list(events)
    return [event for event in event_list(state) if event in declared]
