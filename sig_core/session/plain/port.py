"""What the exchange knows of a plain peer: the events and requests that it gets, and those that it makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sig_core.contract import Codec
from sig_core.errors import (
    Busy,
    CodecError,
    DecodeError,
    LinkClosed,
    MessageTooBig,
    RemoteError,
    RequestTimeout,
    SigError,
    error_for,
)
from sig_core.events import Name
from sig_core.protocol import checks
from sig_core.protocol.limits import Limits
from sig_core.protocol.messages import MAX_TEXT, Answer, Call, answer, call, clean, failure
from sig_core.protocol.objects import parts_of
from sig_core.protocol.runs import split_events
from sig_core.protocol.wire import event_frame, request_tail
from sig_core.routing.exchange import Exchange
from sig_core.routing.info import info_of, last_info
from sig_core.routing.ports import RequestBatch, Run, request_each
from sig_core.routing.queued_port import NOT_ALLOWED, QueuedPort
from sig_core.routing.request_names import check_method
from sig_core.routing.traffic import Traffic
from sig_core.routing.transcode import decode, encode
from sig_core.session.plain.calls import PlainCalls
from sig_core.session.plain.message_queue import CallNumbers
from sig_core.session.plain.open_requests import OpenRequests
from sig_core.session.plain.output import PlainOutput

__all__ = ["PLAIN_CODEC", "PlainPort"]

PLAIN_CODEC: Final = "json"

_method = checks.text(1, 255)


class PlainPort(QueuedPort):
    """A plain peer as a port of the exchange. Its `PlainSession` reads its input, and calls this.

    Args:
        exchange: that it is a port of.
        codec: JSON.
        limits: what the peer may cost.
        peer: printable, for messages and logs.
        answer: queues the answer to a call of the peer.
        on_answered: called when requests of the peer have been answered.
        on_fail: called with an error, when the peer has to go.
        on_output: called when there is something to take where there was nothing.
        request_tick: called with when `tick` is needed at the latest, monotonic seconds.

    Attributes:
        calls: what the peer may call, and what it has registered by that.
        output: the messages that wait for it.
        now: of the turn in which its input is taken, monotonic seconds.
        leaving: its input has ended; it only gets the answers that it still waits for.
        open_requests: that the peer has made.
        unmatched_replies: answers that nobody here waited for.
    """

    makes_messages = True

    def __init__(
        self,
        exchange: Exchange,
        codec: Codec,
        limits: Limits,
        peer: str,
        *,
        answer: Callable[[dict[str, Any]], None],
        on_answered: Callable[[], None],
        on_fail: Callable[[SigError], None],
        on_output: Callable[[], None],
        request_tick: Callable[[float], None],
    ) -> None:
        self._numbers = CallNumbers()
        self.output = PlainOutput(
            *(limits.max_outbox, self._numbers, limits.request_timeout, self._lose, on_output, request_tick)
        )
        super().__init__(peer, PLAIN_CODEC, limits, self.output.calls, Traffic())
        self.calls = PlainCalls(self, exchange, limits)
        self.now = 0.0
        self.leaving = False
        self.unmatched_replies = 0
        self._exchange = exchange
        self._json = codec
        self._answer = answer
        self._on_answered = on_answered
        self._on_fail = on_fail
        self.output.calls.on_growth = lambda: exchange.memory.note(self)
        self._request_tick = request_tick
        self._tokens: dict[int, int] = {}  # number of such a call, a request -> token of the exchange
        self.open_requests = OpenRequests(limits.request_timeout)  # made by the peer
        self._refusal: SigError | None = None
        exchange.join(self)

    def _count_listeners(self) -> int:
        return self.calls.listeners

    # -- what the peer does

    def fire(self, route: int, additions: dict[str, Any], data: Any) -> None:
        """See `PlainClient`.

        Raises:
            SigError: it can't be carried, or is not the peer's to send.
        """
        added = encode(self._json, additions) if additions else None
        if added is not None and len(added) > 65_535:
            raise MessageTooBig(f"additions of {len(added)} bytes, 65535 are carried", len(added), 65_535)
        frame = event_frame(route, encode(self._json, data), added)
        self._refusal = None
        self._exchange.arrive(self, Run(route, PLAIN_CODEC, 1, frame), self.now)
        if self._refusal is not None:
            raise self._refusal

    def take_request(self, message: Call) -> None:
        """Pass a request of the peer on; it is answered later.

        Raises:
            SigError: it can't be made.
        """
        params = message.params
        sender, method = params.get("sender", checks.name), check_method(params.get("method", _method))
        entry = self._exchange.sender(sender, self)
        if len(self.open_requests) >= self.limits.max_requests:
            raise Busy(f"request {method!r}: {self.limits.max_requests} requests are open, which is the limit")
        payload = encode(self._json, params.find("params", checks.anything, None))
        number = self.open_requests.add(message.id, self.now)
        if len(self.open_requests) == 1:
            self._request_tick(self.open_requests.deadline)
        self._exchange.request(self, entry.route, PLAIN_CODEC, method, {number: request_tail(method, payload)})

    def take_answer(self, message: Answer) -> None:
        """Take the peer's answer to an event or a request that it got."""
        number = message.id
        if type(number) is not int or not 0 < number <= self._numbers.last:
            self.unmatched_replies += 1
            return
        self.output.note_answer(number)
        token = self._tokens.pop(number, None)
        if token is None:
            return  # to an event
        requests = self._exchange.requests
        if message.status:
            text = message.text or f"{self.peer} answered with status {message.status}"
            requests.fail(self, token, error_for(message.status, text, "PlainError"))
        else:
            requests.complete(self, PLAIN_CODEC, [(token, encode(self._json, message.response))])

    def leave(self) -> None:
        """Remove what the peer has registered; its open requests are still answered."""
        self.leaving = True
        patterns, self.calls = self.calls.patterns, PlainCalls(self, self._exchange, self.limits)
        self._tokens.clear()
        # Last, since it may fail the peer's own requests, and then this port is closed.
        self._exchange.withdraw(self, patterns)

    @property
    def is_idle(self) -> bool:
        """Whether the peer has neither senders nor listeners, and waits for nothing."""
        return not (self.calls.senders or self.calls.patterns or self.open_requests)

    def ping(self) -> None:
        """Ask for a sign of life: whatever the peer says is one."""
        self.output.put_call(*self._call("ping", {}))

    def close(self) -> None:
        """Remove all of the peer from the exchange; its output may still be taken."""
        patterns, self.calls = self.calls.patterns, PlainCalls(self, self._exchange, self.limits)
        self._exchange.close(self, patterns)

    def footprint(self, *, exact: bool) -> int:
        """See `MemoryHolder`."""
        answers = self.output.size - self._outbox.size
        return super().footprint(exact=exact) + answers + self.calls.weight

    def give_way(self, error: Busy) -> bool:
        """See `MemoryHolder`."""
        if self._outbox.shed():
            return True
        self._on_fail(error)
        return False

    def tick(self, now: float) -> float:
        """Do what is due; return when the next call is needed, monotonic seconds."""
        self._outbox.shrink()
        while (number := self.open_requests.overdue(now)) is not None:
            self._exchange.requests.cancel(self, number)
            self.fail_to(number, 0, RequestTimeout(f"no answer within {self.limits.request_timeout:g} s"))
        if self._tokens:  # who asked may have given up
            still = self._exchange.requests.is_open
            self._tokens = {number: token for number, token in self._tokens.items() if still(self, token)}
        return min(self.open_requests.deadline, self.output.tick(now))

    # -- what the exchange does

    def accepts_codec(self, codec: str) -> bool:
        """JSON alone."""
        return codec == PLAIN_CODEC

    def deliver(self, run: Run, sender: Name, event: Name) -> None:
        """Queue events: each of the listeners gets a message."""
        self.traffic.fired += run.count
        listeners = self.calls.listeners_of(sender, event)
        for body in self._bodies_of(run, sender, event):
            if body is None:
                self._lose(run.route, 1, "JSON can't carry the value")
            elif listeners:
                self.output.put_event(run.route, body, listeners)

    def tell_last(self, run: Run, sender: Name, event: Name, listener: int = 0) -> bool:
        """Queue a value that is told because it is the last one; see `Port`.

        Args:
            run, sender, event: it.
            listener: that came just now; 0: all that hear it.
        """
        ((additions, payload),) = split_events(run.data)
        try:
            added = None if additions is None else self.decode(additions)
            body = self._body(last_info(sender, event, added), payload)
        except CodecError:
            return False
        listeners = [listener] if listener else self.calls.listeners_of(sender, event)
        if listeners:
            self.output.put_event(run.route, body, listeners, 0)
        return True

    def _bodies_of(self, run: Run, sender: Name, event: Name) -> list[bytes | None]:
        """Return what the messages of each event have in common; None: JSON can't carry it."""
        made = self._exchange.objects.of(run)
        if made is None:
            made = [self._encoded(sender, event, *parts) for parts in split_events(run.data)]
            self._exchange.objects.keep(run, made)
        return made

    def _encoded(self, sender: Name, event: Name, additions: bytes | None, payload: bytes) -> bytes | None:
        try:
            added = None if additions is None else self.decode(additions)
            return self._body(info_of(sender, event, added), payload)
        except CodecError:
            return None

    def _body(self, info: dict[str, Any], payload: bytes) -> bytes:
        return encode(self._json, {"info": info, "data": self.decode(payload)})[1:]

    def decode(self, text: bytes) -> Any:
        """Decode JSON of anybody.

        Raises:
            CodecError: it is none, or its values are too many: each takes some hundred bytes, while others wait.
        """
        parts, most = parts_of(text), self.limits.max_parts
        if parts > most:
            raise DecodeError(f"json: {parts} values, {most} are taken (max_parts)")
        return decode(self._json, text)

    def _call(self, method: str, params: dict[str, Any]) -> tuple[int, bytes]:
        number = self._numbers.next()
        return number, encode(self._json, call(number, method, params)) + b"\n"

    def rebind(self, route: int, sender: Name, event: Name, missing: int, *, known_only: bool) -> None:
        """Count what the sender's owner lost; plain peers get no reports of losses."""
        if missing:
            self.traffic.fired += missing
            self._lose(route, missing, "lost by who fired it")

    def _forget_sender(self, routes: int) -> None:
        """Count a sender no more; plain peers are not told."""
        self.calls.note_removed(routes)

    def _end_link(self, error: SigError) -> None:
        self._on_fail(error)

    def rules_changed(self) -> None:
        """Drop what waits and may not be heard any more; plain peers are told of nothing."""
        may_hear, event_at = self._exchange.guard.may_hear, self._exchange.event_at
        waiting = {run.route: event_at(run.route) for run in self._outbox.runs if run.route}
        denied = {route for route, names in waiting.items() if names is None or not may_hear(self, *names)}
        self._outbox.drop(denied, NOT_ALLOWED)

    def refuse(self, route: int, count: int, error: SigError) -> None:
        """Count events that were not the peer's to send; the call that sent them fails."""
        super().refuse(route, count, error)
        self._refusal = error

    def mend(self) -> None:
        """See `QueuedPort`; its `on_change` is for pauses alone."""
        self.output.mend()

    def request(self, batch: RequestBatch) -> list[tuple[int, SigError]]:
        """Queue requests for a sender of this peer."""
        return request_each(batch, self._ask)

    def _ask(self, token: int, batch: RequestBatch, data: bytes) -> SigError | None:
        if self.leaving:
            return LinkClosed(f"sender {batch.sender!r}: {self.peer} is leaving")
        params = {"sender": batch.sender, "method": batch.method}
        try:
            number, message = self._call("request", params | {"params": self.decode(data)})
        except CodecError as error:
            return error
        if not self._outbox.has_room(len(message)):
            return Busy(f"sender {batch.sender!r}: too much waits for {self.peer} already")
        self._tokens[number] = token
        self.output.put_call(number, message)
        return None

    def reply(self, route: int, codec: str, values: list[tuple[Any, bytes]]) -> None:
        """Queue the answers to requests that the peer made."""
        for ident, value in values:
            peers_own = self.open_requests.pop(ident)
            try:
                self._answer(answer(peers_own, self.decode(value)))
            except CodecError as error:
                self._answer(failure(peers_own, error))
        self._on_answered()

    def fail_to(self, ident: Any, route: int, error: SigError) -> None:
        """Queue the failure of a request that the peer made."""
        message = failure(self.open_requests.pop(ident), error)
        if isinstance(error, RemoteError):  # what the handler said, without the type that it raised
            message["exception"] = clean(error.text[:MAX_TEXT])
        self._answer(message)
        self._on_answered()

    def take(self, room: int) -> bytes:
        """Take messages for the peer; see `PlainOutput`."""
        data = self.output.take(room)
        if self._outbox.stalled:
            self._exchange.flow_control.note_taken(self)
        return data

    def _own_figures(self) -> dict[str, Any]:
        return {"client": "", "codec": PLAIN_CODEC, **self.calls.figures()}
