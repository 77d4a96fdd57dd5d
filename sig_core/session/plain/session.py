"""A plain peer at the server: a port of the exchange that speaks JSON objects as pysig 0.7 did (docs/plain.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from sig_core.contract import Codec
from sig_core.errors import (
    Busy,
    CodecError,
    HandshakeError,
    LinkClosed,
    LinkLost,
    MessageTooBig,
    RemoteError,
    RequestTimeout,
    SigError,
    Status,
    error_for,
)
from sig_core.events import Name, Pattern
from sig_core.protocol import checks
from sig_core.protocol.limits import Limits
from sig_core.protocol.messages import (
    MAX_TEXT,
    Answer,
    BadMessage,
    Call,
    answer,
    call,
    clean,
    failure,
    read_message,
)
from sig_core.protocol.runs import split_events
from sig_core.protocol.wire import event_frame, request_tail
from sig_core.routing.exchange import Exchange
from sig_core.routing.handlers import check_method
from sig_core.routing.info import info_of
from sig_core.routing.ports import Asked, Run, one_by_one
from sig_core.routing.traffic import Traffic
from sig_core.routing.transcode import decode, encode
from sig_core.session.base import State
from sig_core.session.link_stats import link_stats
from sig_core.session.plain.calls import PlainCalls
from sig_core.session.plain.input import PlainInput
from sig_core.session.plain.open_requests import OpenRequests
from sig_core.session.plain.output import PlainOutput

__all__ = ["PLAIN_CODEC", "PlainSession"]

PLAIN_CODEC = "json"

_method = checks.text(1, 255)


class PlainSession:
    """One plain peer at the server. It is fed as a `ServerSession` is.

    Args:
        exchange: that it is a port of.
        codec: JSON.
        limits: what the peer may cost.
        peer: printable, for messages and logs.
        packets: the link moves packets.
        deadline: monotonic seconds until which its first object must have come.
        due: called with when `tick` is needed at the latest, monotonic seconds.
        behind: called with this session when more has come than one turn takes: `go_on` is needed in the next one.

    Attributes:
        lingers: it goes on after the end of its input, until what was asked is answered.
        answers_to_nothing: answers that nobody here waited for.
    """

    keeps_half_open = True
    missing = 0

    def __init__(
        self,
        exchange: Exchange,
        codec: Codec,
        limits: Limits,
        *,
        peer: str,
        packets: bool,
        deadline: float,
        due: Callable[[float], None],
        behind: Callable[[PlainSession], None],
    ) -> None:
        self.peer = peer
        self.client = ""
        self.codec = PLAIN_CODEC
        self.state = State.OPEN
        self.error: SigError | None = None
        self.reading_paused = False
        self.on_change: Callable[[], None] = lambda: None
        self.unmatched_replies = 0
        self.traffic = Traffic()
        self._exchange = exchange
        self._json = codec
        self._limits = limits
        self._deadline = deadline
        self._due = due
        self._behind = behind
        self._feeds_slow = False
        self._calls = PlainCalls(self, exchange, limits)
        self._in = PlainInput(limits.max_frame, packets=packets)
        self._out = PlainOutput(limits.max_outbox, limits.request_timeout, self._lose, lambda: self.on_change(), due)
        self._out.lines = packets
        self._now = 0.0
        self._last_call = 0  # number of what the peer was called
        self._asked: dict[int, int] = {}  # number of a call -> token of the exchange
        self._open = OpenRequests(limits.request_timeout)
        self._refusal: SigError | None = None
        self._leaving = False  # its input has ended
        exchange.join(self)

    @property
    def lost(self) -> Counter[str]:
        """Events that did not reach it, by reason."""
        return self.traffic.lost

    # -- in

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes as they came; what is too much for one turn waits for `go_on`, and no more is read meanwhile."""
        self.traffic.bytes_in += len(data)
        if self.state is not State.CLOSED:
            self._in.feed(data)
            if not self._in.has_more:
                self.go_on(now)

    def go_on(self, now: float) -> None:
        """Take what has come, as much as one turn allows."""
        self._now = now
        self._in.begin_turn()
        while self.state is not State.CLOSED and (text := self._in.next_object()) is not None:
            self._take(text)
        if self.state is State.CLOSED:
            return
        if self._in.lines:
            self._out.note_lines()
        self._note_paused()
        if self._in.has_more:
            self._behind(self)
        elif (fault := self._in.fault) is not None:
            self.fail(fault)

    def _take(self, text: bytes) -> None:
        try:
            message = read_message(decode(self._json, text), plain=True)
        except BadMessage as error:
            if error.to_answer:
                self._answer(failure(error.ident, error, error.status))
            else:
                self.unmatched_replies += 1
        except CodecError as error:
            self._answer(failure(None, error))
        else:
            if isinstance(message, Answer):
                self._take_answer(message)
            elif isinstance(message, Call):
                self._run(message)

    def _run(self, message: Call) -> None:
        try:
            if message.method == "request":
                self._take_request(message)
            else:
                self._answer(answer(message.id, self._calls.run(message)))
        except SigError as error:
            self._answer(failure(message.id, error))

    def _take_request(self, message: Call) -> None:
        params = message.params
        sender, method = params.get("sender", checks.name), check_method(params.get("method", _method))
        entry = self._exchange.sender(sender)
        if len(self._open) >= self._limits.max_requests:
            raise Busy(f"request {method!r}: {self._limits.max_requests} requests are open, which is the limit")
        payload = encode(self._json, params.find("params", checks.anything, None))
        number = self._open.add(message.id, self._now)
        if len(self._open) == 1:
            self._due(self._open.deadline)
        self._exchange.request(self, entry.route, PLAIN_CODEC, method, {number: request_tail(method, payload)})

    def _take_answer(self, message: Answer) -> None:
        number = message.id
        if type(number) is not int or not 0 < number <= self._last_call:
            self.unmatched_replies += 1
            return
        self._out.answered(number)
        token = self._asked.pop(number, None)
        if token is None:
            return  # to an event
        requests = self._exchange.requests
        if message.status:
            text = message.text or f"{self.peer} answered with status {message.status}"
            error = error_for(message.status, text, "PlainError")
            requests.fail(self, token, error)
        else:
            requests.complete(self, PLAIN_CODEC, [(token, encode(self._json, message.response))])

    # -- what its calls ask

    def fire(self, route: int, additions: dict[str, Any], data: Any) -> None:
        """See `PlainClient`."""
        added = encode(self._json, additions) if additions else None
        if added is not None and len(added) > 65_535:
            raise MessageTooBig(f"additions of {len(added)} bytes, 65535 are carried", len(added), 65_535)
        frame = event_frame(route, encode(self._json, data), added)
        self._refusal = None
        self._exchange.arrive(self, Run(route, PLAIN_CODEC, 1, frame), self._now)
        if self._refusal is not None:
            raise self._refusal

    def declare(self, *, lines: bool | None, answering: bool | None) -> None:
        """See `PlainClient`."""
        self._out.declare(lines=lines, answering=answering)

    def knows(self, route: int, sender: Name) -> None:
        """Plain peers learn no numbers."""

    def bind(self, route: int, sender: Name, event: Name | None) -> None:
        """Plain peers learn no numbers."""

    def forgets(self, pattern: Pattern) -> None:
        """Plain peers count nothing."""

    # -- the port

    def accepts_codec(self, codec: str) -> bool:
        """JSON alone."""
        return codec == PLAIN_CODEC

    def deliver(self, run: Run, sender: Name, event: Name) -> None:
        """Queue events, a message for each listener that hears them."""
        self.traffic.fired += run.count
        listeners = self._calls.hearing(sender, event)
        for additions, payload in split_events(run.data):
            try:
                added = None if additions is None else decode(self._json, additions)
                params = {"info": info_of(sender, event, added), "data": decode(self._json, payload)}
                for ident in listeners:
                    number, message = self._call("signal", {"listener_id": ident, **params})
                    # Counted with its last message: if an earlier one gives way, the event has not got through.
                    self._out.put_call(number, message, run.route, ident == listeners[-1])
            except CodecError:
                self._lose(run.route, 1, "JSON can't carry the value")

    def _call(self, method: str, params: dict[str, Any]) -> tuple[int, bytes]:
        self._last_call += 1
        return self._last_call, encode(self._json, call(self._last_call, method, params)) + b"\n"

    def rebind(self, route: int, sender: Name, event: Name, missing: int, *, known_only: bool) -> None:
        """Count what an owner lost before us; plain peers are told of no loss."""
        if missing:
            self.traffic.fired += missing
            self._lose(route, missing, "lost by who fired it")

    def lose(self, run: Run, sender: Name, event: Name, count: int, reason: str) -> None:
        """Count lost events."""
        self.traffic.fired += count
        self._lose(run.route, count, reason)

    def _lose(self, route: int, count: int, reason: str) -> None:
        self.traffic.lost[reason] += count

    def refuse(self, route: int, count: int, error: SigError) -> None:
        """Count events that were not the peer's to send; the call that sent them says so."""
        self.traffic.refused += count
        self._refusal = error

    def request(self, asked: Asked) -> list[tuple[int, SigError]]:
        """Queue requests for a sender of this peer."""
        return one_by_one(asked, self._ask)

    def _ask(self, token: int, asked: Asked, data: bytes) -> SigError | None:
        if self._leaving:
            return LinkClosed(f"sender {asked.sender!r}: {self.peer} is leaving")
        params = {"sender": asked.sender, "method": asked.method}
        try:
            number, message = self._call("request", params | {"params": decode(self._json, data)})
        except CodecError as error:
            return error
        if not self._out.calls.has_room(len(message)):
            return Busy(f"sender {asked.sender!r}: too much waits for {self.peer} already")
        self._asked[number] = token
        self._out.put_call(number, message)
        return None

    def reply(self, route: int, codec: str, values: list[tuple[Any, bytes]]) -> None:
        """Queue what requests brought that the peer made."""
        for ident, value in values:
            peers_own = self._open.pop(ident)
            try:
                self._answer(answer(peers_own, decode(self._json, value)))
            except CodecError as error:
                self._answer(failure(peers_own, error))
        self._end_if_done()

    def fail_to(self, ident: Any, route: int, error: SigError) -> None:
        """Queue the failure of a request that the peer made."""
        message = failure(self._open.pop(ident), error)
        if isinstance(error, RemoteError):  # what the handler said, without the type that it raised
            message["exception"] = clean(error.text[:MAX_TEXT])
        self._answer(message)
        self._end_if_done()

    def is_slow(self, now: float) -> bool:
        """See `Outbox`."""
        return self._out.calls.begins_stall(now)

    def recovers(self, now: float) -> bool:
        """See `Outbox`."""
        return self._out.calls.ends_stall(now, self._limits.stall)

    def set_reading_paused(self, on: bool) -> None:
        """Do not read this peer's input, or read it again."""
        self._feeds_slow = on
        self._note_paused()

    def _note_paused(self) -> None:
        paused = self._in.has_more or self._feeds_slow
        if paused != self.reading_paused:
            self.reading_paused = paused
            self.on_change()

    # -- out

    @property
    def has_output(self) -> bool:
        """Whether `take` would give something now."""
        return self._out.has_output

    def take(self, room: int) -> bytes:
        """Take output: whole messages, one at least if the peer may get one now."""
        data = self._out.take(room)
        if self._out.calls.stalled:
            self._exchange.flow_control.taken(self)
        return data

    def sent(self, count: int, now: float) -> None:
        """Note that so many bytes of output left."""
        self.traffic.bytes_out += count
        self._out.sent(count, now)

    def _answer(self, message: dict[str, Any]) -> None:
        try:
            data = encode(self._json, message)
        except CodecError as error:
            data = encode(self._json, failure(message["id"], error))
        self._in.spend(len(data))
        self._out.put_answer(data + b"\n")
        if self._out.overflows and self.state is State.OPEN:
            limit = self._limits.max_outbox
            self._end(Busy(f"{self.peer} does not read: more than {limit} bytes of answers wait for it"))

    # -- time

    def tick(self, now: float) -> float:
        """Do what is due; give the seconds until the next call is needed."""
        if not self._in.begun and now >= self._deadline:
            text = f"no whole object within {self._limits.handshake:g} s"
            self.fail(HandshakeError(text, Status.TIMEOUT))
        if self.state is State.CLOSED:
            return self._limits.keepalive
        while (number := self._open.overdue(now)) is not None:
            self._exchange.requests.cancel(self, number)
            self.fail_to(number, 0, RequestTimeout(f"no answer within {self._limits.request_timeout:g} s"))
        if self._asked:  # who asked may have given up
            still = self._exchange.requests.is_open
            self._asked = {number: token for number, token in self._asked.items() if still(self, token)}
        return min(self._limits.keepalive, min(self._open.deadline, self._out.tick(now)) - now)

    # -- end

    def receive_eof(self) -> None:
        """The peer has closed its half of the link, or all of it: it leaves, and what it asked is still answered."""
        if self.state is State.CLOSED:
            return
        if self._in.waiting:
            self.fail(LinkLost("the link ended inside an object"))
            return
        self._leaving = True
        self._exchange.withdraw(self, self._calls.patterns)
        self._calls = PlainCalls(self, self._exchange, self._limits)
        self._asked.clear()
        self._end_if_done()

    def _end_if_done(self) -> None:
        if self._leaving and not self._open:
            self._end(LinkClosed("the peer closed the link"))

    def fail(self, error: SigError) -> None:
        """End because of `error`: tell the peer."""
        if self.state is State.CLOSED:
            return
        self._answer(failure(None, error))
        self._end(error)

    def close(self, text: str = "closed") -> None:
        """End in order; the dialect has no goodbye."""
        if self.state is not State.CLOSED:
            self._end(LinkClosed(text))

    def _end(self, error: SigError) -> None:
        if self.state is State.CLOSED:
            return
        self.state, self.error = State.CLOSED, error
        self._exchange.close(self, self._calls.patterns)
        self._out.hurry()
        self.on_change()

    def stats(self) -> dict[str, Any]:
        """See `Port.stats`."""
        who = {"peer": self.peer, "client": "", "codec": PLAIN_CODEC}
        return link_stats(self._calls, self._out.calls, self.traffic, **who, reading_paused=self._feeds_slow)
