"""A plain peer at the server: its link carries JSON objects as pysig 0.7 wrote them (docs/plain.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from sig_core.access.authorizer import Undecided
from sig_core.clock import NEVER
from sig_core.contract import Codec
from sig_core.errors import Busy, CodecError, HandshakeError, LinkClosed, LinkLost, SigError, Status
from sig_core.protocol import checks
from sig_core.protocol.limits import Limits
from sig_core.protocol.messages import Answer, BadMessage, Call, answer, failure, read_message
from sig_core.routing.exchange import Exchange
from sig_core.routing.memory_budget import LEAST
from sig_core.routing.transcode import encode
from sig_core.session.base import SessionState, State
from sig_core.session.door import NOBODY, Door
from sig_core.session.plain.input import PlainInput
from sig_core.session.plain.port import PLAIN_CODEC, PlainPort
from sig_core.session.splicing import EncodedList
from sig_core.session.turn import SECONDS_PER_TURN

__all__ = ["PlainSession"]

_token = checks.text(1, 4096)


class PlainSession(SessionState):
    """The link of one plain peer: reads objects in turns, runs calls, and ends. It is fed as a `ServerSession` is.

    Args:
        exchange: that its port belongs to.
        codec: JSON.
        limits: what the peer may cost.
        door: through which it comes in; None: there are no rules.
        peer: printable, for messages and logs.
        packets: the link moves packets.
        deadline: monotonic seconds until which its first object must have come.
        request_tick: called with when `tick` is needed at the latest, monotonic seconds.
        on_backlog: called with this session when more has come than one turn takes: `take_backlog` is needed in the
            next one.

    Attributes:
        port: what of it the exchange knows.
        keeps_half_open: it goes on after the end of its input, until what was asked is answered.
        reading_paused: enough of its input waits, or a port that it feeds is slow.
        on_change: see `LinkSession`.
    """

    client = ""
    codec = PLAIN_CODEC
    keeps_half_open = True
    read_hint = 0

    def __init__(
        self,
        exchange: Exchange,
        codec: Codec,
        limits: Limits,
        door: Door | None = None,
        *,
        peer: str,
        packets: bool,
        deadline: float,
        request_tick: Callable[[float], None],
        on_backlog: Callable[[PlainSession], None],
    ) -> None:
        self._move(State.OPEN)
        self.peer = peer
        self.reading_paused = False
        self.on_change: Callable[[], None] = lambda: None
        self._json = codec
        self._limits = limits
        self._door = door  # until the peer is in
        self._deadline = self._heard = deadline
        self._undecided = b""  # an object that asks for what may be allowed or not
        self._asked = False  # for a sign of life, since something was heard
        self._memory, self._clock = exchange.memory, exchange.clock
        self._on_backlog = on_backlog
        self._in = PlainInput(limits.max_frame, packets=packets)
        self.port = PlainPort(
            *(exchange, codec, limits, peer),
            answer=self._answer,
            on_answered=self._end_if_done,
            on_fail=self._give_up,
            on_output=lambda: self.on_change(),
            request_tick=request_tick,
        )
        self.port.on_change = self._note_paused
        if door is not None:
            self.port.principal = NOBODY
        self._out = self.port.output
        self._out.lines = packets

    @property
    def lost(self) -> Counter[str]:
        """Events that did not reach it, by reason."""
        return self.port.lost

    @property
    def is_stranger(self) -> bool:
        """Whether the peer has nothing here."""
        return self.state is State.OPEN and self.port.is_idle

    # -- in

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes; what is too much for one turn waits for `take_backlog`, and no more is read meanwhile."""
        self.port.traffic.bytes_in += len(data)
        self._heard, self._asked = now, False
        if self.state is not State.CLOSED:
            self._in.feed(data)
            if self._in.has_more:
                self._note_incomplete()
            else:
                self.take_backlog(now)

    def take_backlog(self, now: float) -> None:
        """Take what has come, as much as one turn allows."""
        self.port.now = now
        self._in.begin_turn()
        text, self._undecided = self._undecided, b""
        try:
            if text and self.state is not State.CLOSED:
                self._take(text)
            while self.state is not State.CLOSED and (more := self._in.next_object()) is not None:
                text = more
                self._take(text)
                if self._clock() - now >= SECONDS_PER_TURN:
                    self._in.end_turn()
        except Undecided as pending:
            self._wait_for(pending, text)
            return
        if self.state is State.CLOSED:
            return
        self._note_incomplete()
        if self._in.lines:
            self._out.note_lines()
        self._note_paused()
        if self._in.has_more:
            self._on_backlog(self)
        elif (fault := self._in.fault) is not None:
            self.fail(fault)

    def _wait_for(self, pending: Undecided, text: bytes) -> None:
        """Take an object again when it is decided whether the peer may do what it asks; nothing is taken before."""
        self._undecided, self._in.has_more = text, True
        self._note_paused()
        pending.when_known(lambda: self._on_backlog(self))

    def _note_incomplete(self) -> None:
        before, self.port.incomplete = self.port.incomplete, self._in.waiting
        if abs(self._in.waiting - before) >= LEAST:
            self._memory.note(self.port)

    def _take(self, text: bytes) -> None:
        try:
            message = read_message(self.port.decode(text), plain=True)
        except BadMessage as error:
            if error.to_answer:
                self._answer(failure(error.ident, error, error.status))
            else:
                self.port.unmatched_replies += 1
        except CodecError as error:
            self._answer(failure(None, error))
        else:
            if isinstance(message, Answer):
                self.port.take_answer(message)
            elif isinstance(message, Call):
                self._run(message)

    def _let_in(self, message: Call) -> bool:
        """Let the peer in with its first call; return whether that was all it asked. It is not let in: it ends."""
        assert self._door is not None
        is_login = message.method == "login"
        try:
            self._door.enter(self.port, message.params.get("token", _token) if is_login else None)
        except SigError as error:
            self._answer(failure(message.id, error))
            self._end(error)
            return True
        self._door = None
        if is_login:
            self._answer(answer(message.id, None))
        return is_login

    def _run(self, message: Call) -> None:
        if self._door is not None and self._let_in(message):
            return
        try:
            if message.method == "request":
                self.port.take_request(message)
            else:
                response = self.port.calls.run(message)
                if isinstance(response, EncodedList):
                    self._put_answer(response.answer(message.id))
                else:
                    self._answer(answer(message.id, response))
                    if message.method == "add_listener":
                        self.port.calls.greet(response["listener_id"])
        except SigError as error:
            self._answer(failure(message.id, error))

    def _note_paused(self) -> None:
        paused = self._in.has_more or self.port.reading_paused
        if paused != self.reading_paused:
            self.reading_paused = paused
            self.on_change()

    # -- out

    @property
    def has_output(self) -> bool:
        """Whether `take` would return something now."""
        return self._out.has_output

    def take(self, room: int) -> bytes:
        """Take output: whole messages, one at least if the peer may get one now."""
        return self.port.take(room)

    def sent(self, count: int, now: float) -> None:
        """Note that so many bytes of output left."""
        self.port.traffic.bytes_out += count
        self._out.sent(count, now)

    def _answer(self, message: dict[str, Any]) -> None:
        try:
            data = encode(self._json, message)
        except CodecError as error:
            data = encode(self._json, failure(message["id"], error))
        self._put_answer(data)

    def _put_answer(self, data: bytes) -> None:
        self._in.spend(len(data))
        self._out.put_answer(data + b"\n")
        if self._out.overflows and self.state is State.OPEN:
            limit = self._limits.max_outbox
            self._end(Busy(f"{self.peer} does not read: more than {limit} bytes of answers wait for it"))

    # -- time

    def tick(self, now: float) -> float:
        """Do what is due; return the seconds until the next call is needed."""
        if not self._in.begun and now >= self._deadline:
            text = f"no whole object within {self._limits.handshake:g} s"
            self.fail(HandshakeError(text, Status.TIMEOUT))
        due = self._tick_idle(now) if self.port.is_idle else NEVER
        if self.state is State.CLOSED:
            return self._limits.keepalive
        return min(self._limits.keepalive, due - now, self.port.tick(now) - now)

    def _tick_idle(self, now: float) -> float:
        """Ask a peer that has nothing here and says nothing, then end; return when to look again, monotonic seconds."""
        limits = self._limits
        ask_at = self._heard + limits.idle
        end_at = ask_at + limits.request_timeout
        if self._asked and now >= end_at:
            text = f"silent for {now - self._heard:.0f} s, without a sender or listener here, and no answer to `ping`"
            self.fail(HandshakeError(text, Status.TIMEOUT))
        elif not self._asked and now >= ask_at:
            self._asked = True
            self.port.ping()
        return end_at if self._asked else ask_at

    # -- end

    def receive_eof(self) -> None:
        """The peer has closed its half of the link, or all of it: its open requests are still answered."""
        if self.state is State.CLOSED:
            return
        if self._in.waiting:
            self.fail(LinkLost("the link ended inside an object"))
            return
        self.port.leave()
        self._end_if_done()

    def _end_if_done(self) -> None:
        if self.port.leaving and not self.port.open_requests:
            self._end(LinkClosed("the peer closed the link"))

    def fail(self, error: SigError) -> None:
        """End because of `error`; the peer is told."""
        if self.state is State.CLOSED:
            return
        self._answer(failure(None, error))
        self._end(error)

    def hold(self, size: int) -> None:
        """See `LinkSession`."""
        self.port.unsent = size
        self._memory.note(self.port)

    def let_go(self) -> None:
        """See `LinkSession`."""
        self._in.drop()
        self._out.let_go()
        super().let_go()

    def _give_up(self, error: SigError) -> None:
        self._out.clear()
        self.fail(error)

    def close(self, text: str = "closed") -> None:
        """End in order; the dialect has no goodbye."""
        if self.state is not State.CLOSED:
            self._end(LinkClosed(text))

    def _end(self, error: SigError) -> None:
        if self.state is State.CLOSED:
            return
        self._move(State.CLOSED, error)
        self._in.drop()
        self.port.incomplete = 0
        self.port.close()
        self._memory.note(self.port)
        self._out.release_all()
        self.on_change()
