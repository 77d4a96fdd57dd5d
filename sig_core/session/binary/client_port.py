"""What the exchange knows of a client of the binary dialect: what goes to it, and what it was told of numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from sig_core.contract import Codec
from sig_core.errors import Busy, MessageTooBig, SigError
from sig_core.events import Name, Pattern, patterns_of
from sig_core.protocol.hello import KEEPS_STATE, Hello
from sig_core.protocol.limits import Limits
from sig_core.protocol.messages import notice
from sig_core.protocol.wire import LAST, control_frame, flagged_frame, reply_frames, request_frames
from sig_core.routing.exchange import Exchange
from sig_core.routing.ledger import RouteBook, figures
from sig_core.routing.ports import RequestBatch, Run
from sig_core.routing.queued_port import NOT_ALLOWED, QueuedPort
from sig_core.routing.traffic import Traffic
from sig_core.routing.transcode import OFFERS, encode
from sig_core.session.binary.calls import BinaryCalls
from sig_core.session.binary.client_outbox import ClientOutbox, Names, Place
from sig_core.session.binary.kept_output import KeptOutput
from sig_core.session.binary.latest_outbox import LatestOutbox
from sig_core.session.bounded_frames import bounded_control, bounded_error
from sig_core.session.kept_stream import KeptStream

__all__ = ["ClientPort"]

SWEEP = 1000  # numbers that a client may have bound in vain
BOUND = 225  # bytes that a number counts which is bound; see `session/calls.py`
UNBOUND = 250  # numbers in one message: it fits the least `max_frame`


class PortOwner(Protocol):
    """What a port needs of the session whose link it speaks on. `traffic`: where it counts, too."""

    traffic: Traffic

    def note_paused(self) -> None:
        """Note that the port's `reading_paused` has changed."""

    def note_outbox(self) -> None:
        """Note that the port has another outbox."""

    def note_overflow(self) -> None:
        """Note that more waits than the output may hold, of what is not dropped."""

    def fail(self, error: SigError) -> None:
        """End because of `error`."""


class ClientPort(QueuedPort):
    """A client of the binary dialect as a port of the exchange. Its `ServerSession` reads its input, and calls this.

    Args:
        exchange: that it is a port of.
        limits: what the client may cost.
        peer: printable, for messages and logs.
        traffic: what passed through it.
        owner: the session.

    Attributes:
        calls: what the client may call, and what it has registered by that.
        client: 32 hex digits that it chose for itself; "" before its hello.
        kept: what was sent and is not acknowledged; None: nothing is kept.
        knows_last: it knows what an event with LAST is.
    """

    __slots__ = (
        *("_book", "_bound", "_encoding", "_exchange", "_max_frame", "_owner", "_reads", "_refused_routes"),
        *("_sweep_at", "_unbound", "calls", "client", "kept", "knows_last"),
        *QueuedPort.SLOTS,
    )
    _outbox: ClientOutbox

    def __init__(self, exchange: Exchange, limits: Limits, peer: str, traffic: Traffic, owner: PortOwner) -> None:
        self._bound: dict[int, Names] = {}
        self._book = RouteBook(exchange.ledger.route)
        outbox = ClientOutbox(limits.max_outbox, self._count_lost, self._bound.get, self._gap)
        outbox.on_growth = lambda: exchange.memory.note(self)
        super().__init__(peer, "", limits, outbox, traffic)
        self.client = ""
        self.knows_last = False
        self.kept: KeptStream | None = None
        self.calls = BinaryCalls(self, exchange, limits, self._note_wishes, self._kept_output)
        self._exchange = exchange
        self._owner = owner
        self._encoding: Codec | None = None
        self._reads: frozenset[str] = frozenset()
        self._max_frame = limits.max_frame
        self._sweep_at = SWEEP
        self._unbound: dict[Names, bool] = {}  # is to be bound again; True: it was not heard in between
        self._refused_routes: dict[int, None] = {}

    def open(self, hello: Hello, codec: str, encoding: Codec) -> None:
        """Know how to speak to the client, from its hello on.

        Args:
            hello: what it says of itself.
            codec: name of what was agreed on.
            encoding: that codec.
        """
        self.client = hello.client
        self.knows_last = KEEPS_STATE in hello.features
        self.codec = codec
        self._encoding = encoding
        self._reads = OFFERS[encoding].reads
        self._max_frame = hello.max_frame

    def close(self, *, may_return: bool) -> None:
        """Remove all of the client from the exchange; its output may still be taken.

        Args:
            may_return: see `Exchange.remove_sender`.
        """
        self.calls.end_durables()
        self._exchange.close(self, list(self.calls.patterns), may_return=may_return)
        # What holds this may live on for a while.
        self.calls = BinaryCalls(self, self._exchange, self.limits, self._note_wishes, self._kept_output)
        self._bound.clear()
        self._unbound.clear()
        self._refused_routes.clear()
        self._book.forget()

    def _count_listeners(self) -> int:
        return self.calls.listeners

    def _note_traffic(self, traffic: Traffic) -> None:
        self._owner.traffic = traffic

    # -- memory

    def footprint(self, *, exact: bool) -> int:
        """See `MemoryHolder`."""
        kept = 0 if self.kept is None else self.kept.size
        known = len(self._bound) + len(self._unbound)
        return super().footprint(exact=exact) + self.calls.weight + BOUND * known + kept

    def give_way(self, error: Busy) -> bool:
        """See `MemoryHolder`."""
        if self._outbox.shed():
            self.on_change()
            return True
        self._outbox.clear()
        self._owner.fail(error)
        return False

    @property
    def outbox(self) -> ClientOutbox:
        """The frames that wait for it."""
        return self._outbox

    # -- events

    def accepts_codec(self, codec: str) -> bool:
        """Payloads pass untouched in the codec of this link, and in those that it reads as its own."""
        return codec == self.codec or codec in self._reads

    def deliver(self, run: Run, sender: Name, event: Name) -> None:
        """Queue events, after what they need to be understood."""
        self.traffic.fired += run.count
        if run.route not in self._bound:
            self.bind(run.route, sender, event)
        if len(run.data) > self._max_frame:
            given, run = run.count, run.fitting(self._max_frame)
            if run.count < given:
                self._lose(run.route, given - run.count, f"bigger than the {self._max_frame} bytes it takes")
        if run.count and self._outbox.put(run):
            self.on_change()

    def tell_last(self, run: Run, sender: Name, event: Name, ident: int = 0) -> bool:
        """Queue a value that is told because it is the last one; see `Port`.

        Args:
            run, sender, event: it.
            ident: of the call that asks for it; 0: nobody asks.

        Returns:
            False if the client can't be told: it knows nothing of such values, or does not take one so long.
        """
        frame = flagged_frame(run.data, LAST, ident)
        if not self.knows_last or len(frame) - 4 > self._max_frame:
            return False
        if run.route not in self._bound:
            self.bind(run.route, sender, event)
        if self._outbox.put(Run(run.route, self.codec, 0, frame)):
            self.on_change()
        return True

    def _count_lost(self, route: int, count: int, reason: str) -> None:
        super()._lose(route, count, reason)
        self._book.lose(route, count, reason)

    def _lose(self, route: int, count: int, reason: str) -> None:
        self._count_lost(route, count, reason)
        self._outbox.lose(route, count, reason)
        self.on_change()

    def _gap(self, place: Place) -> bytes:
        assert self._encoding is not None
        (sender, event), route = place.names, place.about
        params = {"route": route, "sender": sender, "event": event, "count": place.missing, "reason": place.reason}
        return control_frame(encode(self._encoding, notice("gap", params)))

    def refuse(self, route: int, count: int, error: SigError) -> None:
        """Count events that were not the client's to send; it is told once for each route (of 1,000 at most)."""
        super().refuse(route, count, error)
        if route not in self._refused_routes and len(self._refused_routes) < 1000:
            self._refused_routes[route] = None
            self._notify("refused", {"route": route, "status": int(error.status), "text": str(error)})

    def sender_removed(self, name: Name, routes: int, error: SigError) -> None:
        """Count a sender that was removed without the client's doing, and tell it."""
        self.calls.note_removed(routes)
        self._notify("refused", {"sender": name, "status": int(error.status), "text": str(error)})

    def expel(self, error: SigError) -> None:
        """End the link: the client is not admitted any more."""
        self._owner.fail(error)

    def rules_changed(self) -> None:
        """Drop what waits and may not be heard any more, and tell of patterns of which nothing may."""
        may_hear = self._exchange.guard.may_hear
        denied = {
            route: names
            for route, names in self._bound.items()
            if names[1] is not None and not may_hear(self, names[0], names[1])
        }
        self._outbox.drop({*denied, *self._unbound_and_denied()}, NOT_ALLOWED)
        for route, names in denied.items():  # when it hears that again, it has to be told the count again
            del self._bound[route]
            self._unbound[names] = True
        for pattern in list(self.calls.patterns):
            try:
                self._exchange.guard.check_listener(self, pattern)
            except SigError as error:
                self._tell_refused(pattern, error)

    def _unbound_and_denied(self) -> set[int]:
        """Return the routes of what waits for listeners that have ended, and may not be heard any more."""
        may_hear, event_at = self._exchange.guard.may_hear, self._exchange.event_at
        waiting = {run.route for run in self._outbox.runs if run.route} - self._bound.keys()
        known = {route: event_at(route) for route in waiting}
        return {route for route, names in known.items() if names is None or not may_hear(self, *names)}

    def _tell_refused(self, pattern: Pattern, error: SigError) -> None:
        self._notify("refused", {"pattern": pattern, "status": int(error.status), "text": str(error)})

    def set_reading_paused(self, on: bool) -> None:
        """Stop, or resume, taking input: a port that it feeds is slow."""
        self.reading_paused = on
        self._owner.note_paused()

    # -- what numbers stand for

    def bind(self, route: int, sender: Name, event: Name | None, *, told: bool = False) -> None:
        """See `BinaryClient`."""
        if route not in self._bound:
            self._book.begin(route)
        self._note_bound(route, (sender, event))
        if told:
            return
        params: dict[str, Any] = {"route": route, "sender": sender, "event": event}
        counted = self._exchange.count_of(route)
        if counted is not None:
            params["life"], params["count"] = counted
        if self._unbound.pop((sender, event), False):
            params["anew"] = True
        if self.knows_last and route in self._exchange.last_values:
            params["state"] = True
        assert self._encoding is not None
        frame = control_frame(encode(self._encoding, notice("bind", params)))
        if self._outbox.put_bind(Place(route, (sender, event), frame)):
            self.on_change()
        is_there = route in self._bound  # else the link has just given way to others
        if is_there and event is not None and not self._hears(sender, event):
            del self._bound[route]  # when it hears that, it has to be told the count again
            self._unbound[sender, event] = True
        self._check_reads()

    def rebind(self, route: int, sender: Name, event: Name, missing: int, *, known_only: bool) -> None:
        """Bind it again: the client itself compares the count with what it got, over all its links."""
        if missing and route in self._bound:
            self._book.skip(route, missing)
        if route in self._bound or not known_only:
            self.bind(route, sender, event)

    def names_at(self, route: int) -> Names | None:
        """Return what a number stands for at the client, if that is bound."""
        return self._bound.get(route)

    def _learn(self, route: int, sender: Name, event: Name) -> None:
        if route not in self._bound:
            self.bind(route, sender, event)

    def _note_bound(self, route: int, names: Names) -> None:
        self._bound[route] = names
        if len(self._bound) + len(self._unbound) >= self._sweep_at:
            needed = self._exchange.is_needed  # a sender that just leaves is not, and has one event to come
            self.unbind([known for known, name in self._bound.items() if known != route and not needed(known, *name)])
            route_of = self._exchange.route_of
            self._unbound = {names: unheard for names, unheard in self._unbound.items() if route_of(*names)}
            self._sweep_at = 2 * (len(self._bound) + len(self._unbound)) + SWEEP

    def unbind(self, routes: list[int]) -> None:
        """See `BinaryClient`; those whose events still wait stay bound for now."""
        waiting = {run.route for run in self._outbox.runs}
        gone = [route for route in routes if route not in waiting]
        for route in gone:
            self._bound.pop(route, None)
        for start in range(0, len(gone), UNBOUND):
            self._notify("unbind", {"routes": gone[start : start + UNBOUND]})

    def note_unheard(self, pattern: Pattern) -> None:
        """See `BinaryClient`: when it hears that again, it has to be told the count again."""
        sender, event = pattern
        if sender is None or event is None:
            routes = [route for route, names in self._bound.items() if _matches(pattern, *names)]
        else:
            routes = [self._exchange.route_of(sender, event)]
        popped = [self._bound.pop(route, None) for route in routes]
        self._unbound |= {names: False for names in popped if names is not None}
        known: Iterable[Names] = self._unbound if sender is None or event is None else [(sender, event)]
        for names in [names for names in known if names in self._unbound and _matches(pattern, *names)]:
            self._unbound[names] = not self._hears(*names) or self._unbound[names]

    def _note_wishes(self) -> None:
        """Look from now on which of the events that wait is wanted."""
        if not isinstance(self._outbox, LatestOutbox):
            self._outbox = LatestOutbox(
                *(self._outbox, self._wants_newest, lambda: self.traffic.lost, self._book.lose)
            )
            self._owner.note_outbox()
        self._outbox.forget_wishes()

    def _wants_newest(self, route: int) -> bool:
        sender, event = self._bound.get(route, ("", None))
        return event is not None and self.calls.wants_newest(sender, event)

    def _hears(self, sender: Name, event: Name | None) -> bool:
        """Return whether something that the client still listens to matches."""
        return event is not None and not self.calls.patterns.isdisjoint(patterns_of(sender, event))

    # -- requests

    def request(self, batch: RequestBatch) -> list[tuple[int, SigError]]:
        """Queue requests for a sender of this client, which knows its number from the answer to its `add_sender`."""
        outbox, frames = self._outbox, request_frames(batch.route, batch.tails)
        data = b"".join(frames)  # a single one is not copied
        if outbox.size + len(data) <= outbox.high_water and len(data) - 4 <= self._max_frame:
            self.send(data)
            return []
        refused: list[tuple[int, SigError]] = []
        for token, frame in zip(batch.tails, frames, strict=True):
            if not outbox.has_room(len(frame)):
                text = f"sender {batch.sender!r}: the output of {self.peer} is full ({outbox.limit} bytes)"
                refused.append((token, Busy(text)))
            elif len(frame) - 4 > self._max_frame:
                what = f"request {batch.method!r} of sender {batch.sender!r}"
                refused.append((token, self._too_big(what, frame)))
            else:
                self.send(frame)
        return refused

    def reply(self, route: int, codec: str, values: list[tuple[Any, bytes]]) -> None:
        """Queue the answers to requests that this client made."""
        frames = reply_frames(route, values)
        data = b"".join(frames)
        if len(data) - 4 <= self._max_frame:
            self.send(data)
            return
        for (ident, _), frame in zip(values, frames, strict=True):
            if len(frame) - 4 > self._max_frame:
                self.fail_to(ident, route, self._too_big("the answer", frame))
            else:
                self.send(frame)

    def fail_to(self, ident: Any, route: int, error: SigError) -> None:
        """Queue the failure of a request that this client made."""
        assert self._encoding is not None
        self.send(bounded_error(self._encoding, route, ident, error, self._max_frame))

    def _too_big(self, what: str, frame: bytes) -> MessageTooBig:
        size, limit = len(frame) - 4, self._max_frame
        return MessageTooBig(f"{what}: {size} bytes, {self.peer} takes {limit}", size, limit)

    # -- what is not dropped

    def send(self, frame: bytes) -> None:
        """Queue a frame that must not be dropped."""
        outbox = self._outbox
        if outbox.put(Run(0, self.codec, 0, frame)):
            self.on_change()
        if outbox.size > outbox.limit:
            self._check_reads()

    def _kept_output(self, ident: int) -> KeptOutput:
        """Return what a durable listener of the client gets its events by."""
        bounds = self._max_frame, self._outbox.limit // 2
        return KeptOutput(self, self._exchange, ident, *bounds, self.send, self._notify, self._has_much)

    def _has_much(self) -> bool:
        return self._outbox.size > self._outbox.limit // 4

    def _notify(self, method: str, params: dict[str, Any]) -> None:
        assert self._encoding is not None
        self.send(bounded_control(self._encoding, notice(method, params), self._max_frame))

    def _check_reads(self) -> None:
        if self._outbox.size > self._outbox.limit:
            self._owner.note_overflow()

    # -- figures

    def _account(self, route: int) -> dict[str, Any] | None:
        if route not in self._bound:  # nothing was fired since it began to hear it
            return figures(0, 0, 0, {})
        waiting = sum(run.count for run in self._outbox.runs if run.route == route)
        return self._book.account(route, waiting)

    def _own_figures(self) -> dict[str, Any]:
        return {"client": self.client, "codec": self.codec, **self.calls.figures()}


def _matches(pattern: Pattern, sender: Name, event: Name | None) -> bool:
    return event is not None and pattern[0] in (None, sender) and pattern[1] in (None, event)
