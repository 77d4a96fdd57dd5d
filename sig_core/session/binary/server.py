"""The server's end of a link: a port of the exchange that speaks the binary dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

from sig_core.contract import Codec
from sig_core.errors import Busy, HandshakeError, MessageTooBig, RemoteProtocolError, SigError, Status
from sig_core.events import Name, Pattern, patterns_of
from sig_core.protocol import checks
from sig_core.protocol.frames import Frame
from sig_core.protocol.hello import Hello, Welcome, read_hello, refusal, welcome_frame
from sig_core.protocol.limits import Limits
from sig_core.protocol.messages import Answer, Call, MessageId, Notice, answer, failure, notice
from sig_core.protocol.runs import split_numbered, split_requests
from sig_core.protocol.wire import (
    CONTROL,
    EVENT,
    PREFACE,
    REPLY,
    REQUEST,
    control_frame,
    reply_frames,
    request_frames,
    split_error,
)
from sig_core.routing.exchange import Exchange
from sig_core.routing.ports import RequestBatch, Run
from sig_core.routing.queued_port import QueuedPort
from sig_core.routing.transcode import OFFERS, encode
from sig_core.session.base import LEAST_KEEPALIVE, Session, State
from sig_core.session.binary.calls import BinaryCalls
from sig_core.session.binary.client_outbox import ClientOutbox, Names, Place
from sig_core.session.dialects import check_binary, refusal_for
from sig_core.session.errors import error_from
from sig_core.session.identity import Identities
from sig_core.session.splicing import EncodedList
from sig_core.session.turn import MESSAGES_PER_TURN, cost_of

__all__ = ["ServerSession"]


SWEEP = 1000  # numbers that a client may have bound in vain
UNBOUND = 250  # numbers in one message: it fits the least `max_frame`
OPEN, CLOSED = State.OPEN, State.CLOSED  # looking a member up on an Enum class costs more than the whole comparison


def _matches(pattern: Pattern, sender: Name, event: Name | None) -> bool:
    return event is not None and pattern[0] in (None, sender) and pattern[1] in (None, event)


class _TurnOver(Exception):
    """This session has had its turn."""


def _nobody(*anything: object) -> None:
    return None


class ServerSession(QueuedPort, Session):
    """One client at the server. Feed it with `receive_data`, send what `take` returns, call `tick` when it is due.

    Args:
        exchange: that it is a port of.
        identities: of the server's clients.
        codecs: that this link may use, by name.
        limits: what the client may cost.
        peer: printable, for messages and logs.
        packets: the link moves packets.
        now: monotonic seconds.

    Attributes:
        client: 32 hex digits that it chose for itself; "" before its hello.
        on_open: called with the client's keep-alive, seconds, when it is taken in.
        on_backlog: called with this session when it has said more than one turn takes: `take_backlog` is needed in the
            next one. None: there are no turns.
    """

    __slots__ = (
        *("_bound", "_calls", "_codecs", "_exchange", "_held", "_identities", "_left", "_reads", "_refused_routes"),
        *("_later", "_spent", "_sweep_at", "_turn", "_unheard", "_waiting", "client", "on_backlog", "on_open"),
        *(name for name in QueuedPort.SLOTS if name not in Session.__slots__),
    )
    keeps_half_open = False
    _outbox: ClientOutbox

    def __init__(
        self,
        exchange: Exchange,
        identities: Identities,
        codecs: Mapping[str, Codec],
        limits: Limits,
        *,
        peer: str,
        packets: bool,
        now: float,
    ) -> None:
        Session.__init__(self, limits, packets=packets, now=now)
        self._bound: dict[int, Names] = {}
        self._sweep_at = SWEEP
        outbox = ClientOutbox(limits.max_outbox, super()._lose, self._bound.get, self._gap)
        QueuedPort.__init__(self, peer, "", limits, outbox, self.traffic)
        self.client = ""
        self.on_open: Callable[[float], None] = _nobody
        self.on_backlog: Callable[[ServerSession], None] | None = None
        self._left = False  # in order: its senders do not come back in the lives that they have
        self._held = False  # a port that it feeds is slow
        self._waiting: Iterator[Frame] | None = None  # for the next turn
        self._later: list[bytes] = []  # what came since
        self._turn, self._spent = now, 0  # when it began, and what its control messages have cost
        self._exchange = exchange
        self._identities = identities
        self._codecs = codecs
        self._reads: frozenset[str] = frozenset()
        self._calls = BinaryCalls(self, exchange, limits)
        self._unheard: set[Names] = set()  # what was bound, and it does not hear now
        self._refused_routes: dict[int, None] = {}

    # -- in

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes as they came; what follows from them goes to the exchange and into the output.

        What is too much for one turn waits for `take_backlog`, and no more is read meanwhile.
        """
        if self._waiting is not None:
            self._later.append(data)
            return
        self._take_frames(iter(self._receive(data, now)), now)

    def _take_frames(self, frames: Iterator[Frame], now: float) -> None:
        try:
            while (frame := next(frames, None)) is not None:
                if self.state is OPEN:
                    self._take(frame, now)
                elif self.state is State.OPENING:
                    self._open(read_hello(frame))
                    frames = chain(frames, self._raise_limit())
            if self._reader.fault is not None:
                raise self._reader.fault
        except _TurnOver:
            self._waiting = frames
            self._note_paused()
        except RemoteProtocolError as error:
            self.fail(error)

    def take_backlog(self, now: float) -> None:
        """Take what waits for this turn, as much as it allows."""
        frames, self._waiting = self._waiting, None
        later, self._later = self._later, []
        if self.state is CLOSED or frames is None:
            return
        self._turn, self._spent = now, 0
        self._take_frames(frames, now)
        for data in later:
            self.receive_data(data, now)
        self._note_paused()

    def receive_eof(self) -> None:
        """The link ended at the client's side, or broke; what it has said before counts."""
        self.on_backlog = None
        self.take_backlog(self._turn)
        super().receive_eof()

    def _spend(self, size: int, now: float) -> None:
        """Count a control message with its answer: one turn takes so many, and the others come before the next."""
        if now != self._turn:
            self._turn, self._spent = now, 0
        self._spent += cost_of(size)
        if self._spent >= MESSAGES_PER_TURN and self.on_backlog is not None and self.state is OPEN:
            self.on_backlog(self)
            raise _TurnOver

    def set_reading_paused(self, on: bool) -> None:
        """Stop, or resume, taking input: a port that it feeds is slow."""
        self._held = on
        self._note_paused()

    def _note_paused(self) -> None:
        paused = self._held or self._waiting is not None
        if paused != self.reading_paused:
            self.reading_paused = paused
            self.on_change()

    def _check_first(self, head: bytes) -> None:
        check_binary(head)

    def _open(self, hello: Hello) -> None:
        allowed = [name for name in hello.codecs if name in self._codecs]
        if not allowed:
            offered, here = ", ".join(hello.codecs), ", ".join(self._codecs)
            raise HandshakeError(f"no codec in common: the client offers {offered}; this address takes {here}")
        self.client = hello.client
        token = self._identities.admit(hello, self)
        self.codec = allowed[0]
        self.encoding = self._codecs[self.codec]
        self._reads = OFFERS[self.encoding].reads
        self._peer_max_frame = hello.max_frame
        self._peer_keepalive = max(hello.keepalive, LEAST_KEEPALIVE)
        self._peer_max_control = hello.max_frame
        self._reader.on_hold = partial(self._exchange.input_budget.hold, self)
        welcome = Welcome(
            codec=self.codec,
            node=self._identities.node,
            token=token,
            max_frame=self.limits.max_frame,
            keepalive=self.limits.keepalive,
            max_control=min(self.limits.max_control, self.limits.max_frame),
            software="pysig",
        )
        self._send(welcome_frame(welcome))
        self._move(State.OPEN)
        self._exchange.join(self)
        if hello.requests is not None:
            self._exchange.requests.limit(self, hello.requests)
        self.on_open(self._peer_keepalive)
        self.on_open = _nobody

    def _take(self, frame: Frame, now: float) -> None:
        kind, route, count, body = frame
        if kind == EVENT:
            self._exchange.arrive(self, Run(route, self.codec, count, body), now)
        elif kind == REQUEST:
            self._take_requests(route, count, body)
        elif kind == REPLY:
            values = split_numbered(body, count)
            self.unmatched_replies += self._exchange.requests.complete(self, self.codec, values, count)
        elif kind == CONTROL:
            before = self._outbox.size
            self._take_control(body)
            self._spend(len(body) + max(0, self._outbox.size - before), now)
        else:
            self._take_error(body)

    def _take_error(self, body: bytes) -> None:
        token, status, detail = split_error(body)
        assert self.encoding is not None
        if len(detail) > self.limits.max_control:
            detail = b""  # words that are not worth it; the request fails all the same
        if not self._exchange.requests.fail(self, token, error_from(self.encoding, status, detail)):
            self.unmatched_replies += 1

    def _take_requests(self, route: int, count: int, run: bytes) -> None:
        exchange, most = self._exchange, self.limits.max_requests
        mine, last = exchange.requests.tokens_of(self), ""
        same: dict[int, bytes] = {}  # in a row, of one method: they go on together
        try:
            for ident, method, tail in split_requests(run, count):
                if self.state is not OPEN:  # it was ended by an answer to those before
                    return
                if method is not last:
                    if same:
                        exchange.request(self, route, self.codec, last, same)
                        mine, same = exchange.requests.tokens_of(self), {}
                    last = method
                if ident in mine or ident in same:
                    raise RemoteProtocolError(f"request {ident}: its id is in use")
                if len(mine) + len(same) < most:
                    same[ident] = tail
                else:
                    text = f"request {method!r}: {most} requests are open, which is the limit"
                    self.fail_to(ident, route, Busy(text))
        finally:  # those before a breach as well
            if same and self.state is OPEN:
                exchange.request(self, route, self.codec, last, same)

    def _take_control(self, body: bytes) -> None:
        size, limit = len(body) + 5, self.limits.max_control
        if size > limit:  # it is not decoded: small values of many parts take a hundred times their bytes
            error = MessageTooBig(f"control message: {size} bytes, {limit} are taken", size, limit)
            self._control(failure(None, error))
            return
        message = self._read_control(body)
        if isinstance(message, Answer):
            self.unmatched_replies += 1
        elif isinstance(message, Call):
            try:
                response = self._calls.run(message)
            except SigError as error:
                self._control(failure(message.id, error))
            else:
                self._answer(message.id, response)
        elif message is not None:
            self._take_notice(message)

    def _answer(self, ident: MessageId, response: Any) -> None:
        if not isinstance(response, EncodedList):
            self._control(answer(ident, response))
            return
        frame = control_frame(response.answer(ident))
        if len(frame) - 4 <= self._peer_max_control:
            self._send(frame)
        else:
            self._control(self._shorter(answer(ident, None), len(frame) - 4))

    def _take_notice(self, message: Notice) -> None:
        try:
            if message.method == "goodbye":
                self._left = not message.params.find("status", checks.anything, 0)
                self._read_goodbye(message)
            else:
                self._calls.take_notice(message)
        except RemoteProtocolError:
            self._calls.unknown_notices += 1

    # -- the port

    def accepts_codec(self, codec: str) -> bool:
        """Payloads pass untouched in the codec of this link, and in those that it reads as its own."""
        return codec == self.codec or codec in self._reads

    def deliver(self, run: Run, sender: Name, event: Name) -> None:
        """Queue events, after what they need to be understood."""
        self.traffic.fired += run.count
        if run.route not in self._bound:
            self.bind(run.route, sender, event)
        if len(run.data) > self._peer_max_frame:
            given, run = run.count, run.fitting(self._peer_max_frame)
            if run.count < given:
                self._lose(run.route, given - run.count, f"bigger than the {self._peer_max_frame} bytes it takes")
        if run.count and self._outbox.put(run):
            self.on_change()

    def bind(self, route: int, sender: Name, event: Name | None, *, told: bool = False) -> None:
        """See `BinaryClient`."""
        self._note_bound(route, (sender, event))
        if told:
            return
        params: dict[str, Any] = {"route": route, "sender": sender, "event": event}
        counted = self._exchange.count_of(route)
        if counted is not None:
            params["life"], params["count"] = counted
        if (sender, event) in self._unheard:
            self._unheard.remove((sender, event))
            params["anew"] = True
        assert self.encoding is not None
        frame = control_frame(encode(self.encoding, notice("bind", params)))
        if self._outbox.put_bind(Place(route, (sender, event), frame)):
            self.on_change()
        self._check_reads()

    def rebind(self, route: int, sender: Name, event: Name, missing: int, *, known_only: bool) -> None:
        """Bind it again: the client itself compares the count with what it got, over all its links."""
        if route in self._bound or not known_only:
            self.bind(route, sender, event)

    def names_at(self, route: int) -> Names | None:
        """Return what a number stands for at the client, if that is bound."""
        return self._bound.get(route)

    def _note_bound(self, route: int, names: Names) -> None:
        self._bound[route] = names
        if len(self._bound) + len(self._unheard) >= self._sweep_at:
            needed = self._exchange.is_needed  # a sender that just leaves is not, and has one event to come
            self.unbind([known for known, name in self._bound.items() if known != route and not needed(known, *name)])
            self._unheard = {each for each in self._unheard if self._exchange.route_of(*each)}
            self._sweep_at = 2 * (len(self._bound) + len(self._unheard)) + SWEEP

    def unbind(self, routes: list[int]) -> None:
        """See `BinaryClient`; those whose events still wait stay bound for now."""
        waiting = {run.route for run in self._outbox.runs}
        gone = [route for route in routes if route not in waiting]
        for route in gone:
            self._bound.pop(route, None)
        for start in range(0, len(gone), UNBOUND):
            self._control(notice("unbind", {"routes": gone[start : start + UNBOUND]}))

    def note_unheard(self, pattern: Pattern) -> None:
        """See `BinaryClient`: when it hears that again, it has to be told the count again."""
        sender, event = pattern
        route = 0 if sender is None or event is None else self._exchange.route_of(sender, event)
        known = [route] if route else [route for route, names in self._bound.items() if _matches(pattern, *names)]
        for route in known:
            names = self._bound.pop(route, None)
            if names is not None and not self._hears(*names):
                self._unheard.add(names)

    def _hears(self, sender: Name, event: Name | None) -> bool:
        """Return whether something that the client still listens to matches."""
        return event is not None and not self._calls.patterns.isdisjoint(patterns_of(sender, event))

    def _learn(self, route: int, sender: Name, event: Name) -> None:
        if route not in self._bound:
            self.bind(route, sender, event)

    def _lose(self, route: int, count: int, reason: str) -> None:
        super()._lose(route, count, reason)
        self._outbox.lose(route, count, reason)
        self.on_change()

    def refuse(self, route: int, count: int, error: SigError) -> None:
        """Count events that were not the client's to send; it is told once for each route (of 1,000 at most)."""
        super().refuse(route, count, error)
        if route not in self._refused_routes and len(self._refused_routes) < 1000:
            self._refused_routes[route] = None
            self._control(notice("refused", {"route": route, "status": int(error.status), "text": str(error)}))

    def request(self, batch: RequestBatch) -> list[tuple[int, SigError]]:
        """Queue requests for a sender of this client, which knows its number from the answer to its `add_sender`."""
        outbox, frames = self._outbox, request_frames(batch.route, batch.tails)
        data = b"".join(frames)  # a single one is not copied
        if outbox.size + len(data) <= outbox.high_water and len(data) - 4 <= self._peer_max_frame:
            self._send(data)
            return []
        refused: list[tuple[int, SigError]] = []
        for token, frame in zip(batch.tails, frames, strict=True):
            if not outbox.has_room(len(frame)):
                text = f"sender {batch.sender!r}: the output of {self.peer} is full ({outbox.limit} bytes)"
                refused.append((token, Busy(text)))
            elif len(frame) - 4 > self._peer_max_frame:
                what = f"request {batch.method!r} of sender {batch.sender!r}"
                refused.append((token, self._too_big(what, frame)))
            else:
                self._send(frame)
        return refused

    def reply(self, route: int, codec: str, values: list[tuple[Any, bytes]]) -> None:
        """Queue the answers to requests that this client made."""
        frames = reply_frames(route, values)
        data = b"".join(frames)
        if len(data) - 4 <= self._peer_max_frame:
            self._send(data)
            return
        for (ident, _), frame in zip(values, frames, strict=True):
            if len(frame) - 4 > self._peer_max_frame:
                self.fail_to(ident, route, self._too_big("the answer", frame))
            else:
                self._send(frame)

    def fail_to(self, ident: Any, route: int, error: SigError) -> None:
        """Queue the failure of a request that this client made."""
        self._send(self._error_frame(route, ident, error))

    def _too_big(self, what: str, frame: bytes) -> MessageTooBig:
        size, limit = len(frame) - 4, self._peer_max_frame
        return MessageTooBig(f"{what}: {size} bytes, {self.peer} takes {limit}", size, limit)

    # -- out

    @property
    def has_output(self) -> bool:
        """Whether `take` would return something."""
        return bool(self._outbox.size or self._outbox.gaps)

    def take(self, room: int) -> bytes:
        """Take output: what fits `room` bytes, at least one frame if there is any; b"" if there is none."""
        outbox = self._outbox
        data = outbox.take_in_order(room) if outbox.binds or outbox.gaps else outbox.take(room)
        if outbox.stalled:
            self._exchange.flow_control.note_taken(self)
        return data

    def _gap(self, place: Place) -> bytes:
        assert self.encoding is not None
        (sender, event), route = place.names, place.about
        params = {"route": route, "sender": sender, "event": event, "count": place.missing, "reason": place.reason}
        return control_frame(encode(self.encoding, notice("gap", params)))

    def _send(self, frame: bytes) -> None:
        outbox = self._outbox
        if outbox.put(Run(0, self.codec, 0, frame)):
            self.on_change()
        if outbox.size > outbox.limit:
            self._check_reads()

    def _check_reads(self) -> None:
        """End where too much waits of what is not dropped."""
        if self._outbox.size > self._outbox.limit and self.state is OPEN:
            self._end(Busy(f"{self.peer} does not read: {self._outbox.size} bytes of answers wait for it"))

    # -- time

    def tick(self, now: float) -> float:
        """Do what is due; return the seconds until the next call is needed."""
        if self.state is State.OPENING:
            if now >= self._deadline:
                self.fail(HandshakeError(f"no hello within {self.limits.handshake:g} s", Status.TIMEOUT))
            return self._deadline - now
        if self.state is State.CLOSED:
            return self.limits.keepalive
        if self.reading_paused:
            self._heard = now  # it is not read, so it can't be heard
        self._outbox.shrink()
        left = self.limits.keepalive - self.silence(now)
        if left <= 0:
            allowed = self.limits.keepalive
            self.fail(RemoteProtocolError(f"silent for {self.silence(now):.1f} s, {allowed:g} s are allowed"))
            return self.limits.keepalive
        return min(left, self._keep_alive(now))

    # -- end

    def replace(self) -> None:
        """End: the same client is back on another link."""
        self.close("the same client came back on another link")

    def _say_goodbye(self, status: int, text: str) -> None:
        if self.state is State.OPENING and self._head[:1] == PREFACE[:1]:
            self._send(refusal(status or Status.BAD_MESSAGE, text))
        elif self.state is State.OPENING:
            self._send(refusal_for(self._head, text))
        super()._say_goodbye(status, text)

    def _end(self, error: SigError) -> None:
        opened = self.state is State.OPEN
        super()._end(error)
        self._exchange.input_budget.hold(self, 0)
        if opened:
            self._identities.forget(self.client, self)
            self._exchange.close(self, list(self._calls.patterns), may_return=not self._left)
        self.on_change()

    def _own_figures(self) -> dict[str, Any]:
        return {"client": self.client, "codec": self.codec, **self._calls.figures()}

    @property
    def port(self) -> ServerSession:
        """What of it the exchange knows."""
        return self

    @property
    def patterns(self) -> list[Pattern]:
        """What this client listens to, each pattern once."""
        return list(self._calls.patterns)
