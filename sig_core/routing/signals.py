"""Signal and Subscription: what fires an event, and what hears it. Apart from their like, since these are compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from sig_core.compiling import mypyc_attr
from sig_core.errors import ConfigError, LocalProtocolError
from sig_core.events import Info, Pattern
from sig_core.interrupts import pass_interrupt_on

if TYPE_CHECKING:
    from sig_core.routing.entities import Event

__all__ = ["Listener", "Signal", "Subscription"]

Listener: TypeAlias = Callable[[Info, Any], object]
"""A callback `f(info, data)`; `info` has "sender", "event" and what a Signal subclass added.

Both are the same objects for all listeners of this program that hear the event: who wants to change one copies it.
"""


class Acknowledges(Protocol):
    """What takes the acknowledgements of a listener that is durable."""

    def acknowledge(self, position: int) -> None:
        """Need nothing up to a position again."""


class OwnQueue(Protocol):
    """The queue of a listener that has one of its own."""

    def stats(self) -> dict[str, Any]:
        """Return what came, waits and was lost."""

    def lose(self, count: int, reason: str, info: Info) -> None:
        """Note events that did not come; under no lock."""

    def remove(self) -> None:
        """Call the listener no more; from anywhere."""


class Subscription:
    """A listener that was added. True in a boolean context; `remove()` ends it, as does leaving its `with` block.

    Args:
        callback: the listener.
        pattern: what it hears.
        remove: called once, with this subscription, when it ends.

    Attributes:
        callback, pattern: see above.
        call: what a dispatch calls: the listener, its queue, or nothing once it is removed, or while it is held.
        queue: its own; None: it has none.
        latest: all that it wants of each event is the newest, so nobody on the way need keep more.
        durable: what it acknowledges by; None: nothing waits for that.
        came: the number of those that have come, of which this was one; 0: it was there before any were counted.
    """

    __slots__ = ("_held", "_remove", "call", "callback", "came", "durable", "latest", "pattern", "queue")

    def __init__(self, callback: Listener, pattern: Pattern, remove: Callable[[Subscription], None]) -> None:
        self.callback = callback
        self.pattern = pattern
        self.call: Listener = callback
        self.queue: OwnQueue | None = None
        self.durable: Acknowledges | None = None
        self.latest = False
        self.came = 0
        self._held: Listener | None = None
        self._remove: Callable[[Subscription], None] | None = remove

    @property
    def active(self) -> bool:
        """Whether it was not removed yet."""
        return self._remove is not None

    def hold(self) -> None:
        """Hear nothing, but by `tell`, until `release`."""
        self._held, self.call = self.call, _nothing

    def tell(self, info: Info, data: Any) -> None:
        """Call the listener, be it held or not; not once it is removed."""
        call = self._held or self.call
        if self.active:
            call(info, data)

    def release(self) -> None:
        """Hear again, unless it was removed meanwhile."""
        held, self._held = self._held, None
        if held is not None:
            self.call = held
            if not self.active:
                self.call = _nothing

    def remove(self) -> None:
        """End it: once this has returned, no call of the listener starts any more. Again: does nothing."""
        remove, self._remove = self._remove, None
        self.call = _nothing
        if remove is not None:
            try:
                if self.queue is not None:
                    self.queue.remove()
                remove(self)
            except BaseException:  # an interrupt: it may be ended once more
                self._remove = remove
                raise

    def stats(self) -> dict[str, Any] | None:
        """Return what came of the events that were fired to it; None: it has no queue of its own, and is not counted.

        Returns:
            "fired", "delivered" (to the listener), "waiting", and "lost" by reason: fired == delivered + waiting +
            sum(lost).
        """
        return None if self.queue is None else self.queue.stats()

    def acknowledge(self, info: Info) -> None:
        """Tell the server that this listener needs no event again, up to this one; see `Durable`.

        Args:
            info: of the event, which it was told.

        Raises:
            LocalProtocolError: it is none that acknowledges by itself.
            ConfigError: it was not told that event.
        """
        position = info.get("position")
        if self.durable is None:
            remedy = "add it with durable=sig.Durable(NAME, acknowledge='explicit')"
            raise LocalProtocolError(f"{self!r} does not acknowledge by itself: {remedy}")
        if not isinstance(position, int):
            raise ConfigError("acknowledge: the info of an event that the durable listener was told has a position")
        self.durable.acknowledge(position)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        sender, event = self.pattern
        return f"<Subscription sender={sender!r} event={event!r}{'' if self.active else ' removed'}>"


def _nothing(info: Info, data: Any) -> None:
    return None


@mypyc_attr(allow_interpreted_subclasses=True)
class Signal:
    """Triggers one event of one sender. Inherit and override `trigger` to change the data, or to add to `event_info`.

    Args:
        objevent: the event.
        broad_events: see below.

    Raises:
        ConfigError: the event is that of a broadcast, not of a sender.

    Attributes:
        objevent, objsender: whose it is.
        broad_events: the broadcast events that hear it too: the router's, the sender's and, if it is one, the channel.
        event_info: {"sender", "event"} and what was added; listeners get a shallow copy, made at the trigger.
    """

    def __init__(self, objevent: Event, broad_events: Sequence[Event]) -> None:
        self.objevent = objevent
        self.objsender = objevent.objsender
        self.broad_events = tuple(broad_events)
        self.event_info: Info = {"sender": self.objsender.name, "event": objevent.name}
        sender, event = self.objsender.name, objevent.name
        if sender is None or event is None:
            raise ConfigError("a signal belongs to an event of a sender, not to a broadcast")
        self._topic = self.objsender.objrouter.topic(sender, event)
        self._failed = self.objsender.objrouter.listener_failed
        self._confirm = self.objsender.objrouter._send_confirmed

    # Any: a wrong type is refused by our own error where it is used; compiled, this would raise another one before
    def trigger(self, data: Any = None, confirm: Any = None) -> Any:
        """Fire the event: every listener in this program runs now, in this thread, in the order of dispatch.

        A listener that raises is logged and counted, whatever it raises; the others still run. What a signal handler
        raises meanwhile comes out at once; SystemExit of a listener does when the others have run.

        Args:
            data: what listeners get. For other programs it is encoded, so a codec must be able to carry it.
            confirm: seconds within which the server is to confirm that it has routed the event; None: nobody waits.

        Returns:
            With `confirm`, the number of links that the event went to (the server's own program counts as one, if it
            listens); on asyncio that is to be awaited. Else None.

        Raises:
            OutcomeUnknown, RequestTimeout: the link was lost before the answer, or there was none in time: the event
                may have been routed, or not.
            LocalProtocolError: the server is one that confirms nothing.
            UnknownSender: the sender is not connected (any more).
            EncodeError: the event goes to other programs and can't be carried: by the codec of this client, or by
                any codec that clients of this server may use; nobody gets it then.
            MessageTooBig: the event goes to other programs, and is too long in that way; nobody gets it then.
            NotOwner: another client added the sender.
            LinkClosed: there is no link now, and nothing is kept for the next one.
            Backpressure: output is full, and this call may not wait: it was made inside a callback.
        """
        topic = self._topic
        if confirm is None:
            wait = None
            publisher = topic.publisher
            if publisher is not None:
                publisher(self.event_info, data)
        else:
            wait = self._confirm(topic, self.event_info, data, confirm)
        targets = topic.targets
        if targets is None:
            targets = topic.refresh()
        if targets:
            topic.fired += 1
            info = self.event_info.copy()
            ends: BaseException | None = None
            for target in targets:
                try:
                    target.call(info, data)
                except BaseException as error:
                    pass_interrupt_on(error)
                    if isinstance(error, SystemExit):
                        ends = error
                    else:
                        self._failed(target.callback, info, error)
            if ends is not None:
                raise ends
        return None if wait is None else wait()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.objevent.name!r} of {self.objsender.name!r}>"
