"""The server's end of a link: what a client of the binary dialect says, and whether it still may."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from operator import length_hint
from typing import Any, Protocol

from sig_core.access.authorizer import Undecided
from sig_core.contract import Codec
from sig_core.errors import Busy, HandshakeError, LinkClosed, MessageTooBig, RemoteProtocolError, SigError, Status
from sig_core.protocol import checks
from sig_core.protocol.frames import Frame, FrameReader
from sig_core.protocol.hello import (
    CONFIRMS,
    FEATURES,
    KEEPS_STATE,
    RESUME,
    Hello,
    Resume,
    Welcome,
    read_hello,
    refusal,
    welcome_frame,
)
from sig_core.protocol.limits import Limits
from sig_core.protocol.messages import Answer, Call, MessageId, Notice, answer, failure
from sig_core.protocol.runs import cut_run, split_numbered, split_requests
from sig_core.protocol.wire import (
    CONFIRM,
    CONTROL,
    EVENT,
    LAST,
    PREFACE,
    REPLY,
    REQUEST,
    control_frame,
    cut_ident,
    split_error,
)
from sig_core.routing.deferred import Deferred
from sig_core.routing.exchange import Exchange
from sig_core.routing.ports import Run
from sig_core.routing.transcode import encode
from sig_core.session.base import LEAST_KEEPALIVE, Session, State
from sig_core.session.binary.client_port import ClientPort
from sig_core.session.bounded_frames import shortened
from sig_core.session.dialects import check_binary, refusal_for
from sig_core.session.errors import error_from
from sig_core.session.identity import Admits
from sig_core.session.kept_stream import KeptStream
from sig_core.session.splicing import EncodedList
from sig_core.session.turn import MESSAGES_PER_TURN, SECONDS_PER_TURN, cost_of

__all__ = ["ServerSession"]

FRAME = 300  # bytes that a frame counts which waits for the next turn; see `session/calls.py`
LOOK_AFTER = 16  # frames of any type, after which it is looked how long they have taken
OPEN, CLOSED = State.OPEN, State.CLOSED  # looking a member up on an Enum class costs more than the whole comparison


class _TurnOver(Exception):
    """This session has had its turn."""


def _nobody(*anything: object) -> None:
    return None


class Lasting(Protocol):
    """Lets the sessions of one link outlive it."""

    def begin(self, session: ServerSession, asked: Resume) -> Resume | None:
        """Let a new session outlive its link; return on what terms. None: it does not."""

    def go_on(self, session: ServerSession, before: ServerSession, token: str, hello: Hello) -> bool:
        """Let a session of before have the link from now on, instead of this one; return whether it may.

        Args:
            session: that was made for the link.
            before: of the same client.
            token: that the client has.
            hello: what it says.
        """


class ServerSession(Session):
    """The link of one client. Feed it with `receive_data`, send what `take` returns, call `tick` when it is due.

    Args:
        exchange: that its port belongs to.
        identities: of the server's clients.
        codecs: that this link may use, by name.
        limits: what the client may cost.
        peer: printable, for messages and logs.
        packets: the link moves packets.
        now: monotonic seconds.

    Attributes:
        port: what of it the exchange knows.
        client: 32 hex digits that it chose for itself; "" before its hello.
        codec: name of what was agreed on; "" before its hello.
        reading_paused: more than one turn takes waits, or a port that it feeds is slow.
        on_open: called with the client's keep-alive, seconds, when it is taken in.
        on_backlog: called with this session when it has said more than one turn takes: `take_backlog` is needed in the
            next one. None: there are no turns.
        lasting: lets it outlive its link; None: it ends with that.
    """

    __slots__ = (
        *("_bodies", "_codecs", "_exchange", "_gone", "_identities", "_later", "_left", "_outbox", "_spent", "_turn"),
        "_waiting",
        *("client", "codec", "lasting", "on_backlog", "on_open", "peer", "port", "reading_paused"),
    )
    keeps_half_open = False

    def __init__(
        self,
        exchange: Exchange,
        identities: Admits,
        codecs: Mapping[str, Codec],
        limits: Limits,
        *,
        peer: str,
        packets: bool,
        now: float,
    ) -> None:
        super().__init__(limits, packets=packets, now=now)
        self.peer = peer
        self.client = self.codec = ""
        self.reading_paused = False
        self.port = ClientPort(exchange, limits, peer, self.traffic, self)
        self.on_open: Callable[[float], None] = _nobody
        self.on_backlog: Callable[[ServerSession], None] | None = None
        self.lasting: Lasting | None = None
        self._outbox = self.port.outbox
        self._gone = False  # its link has ended, and nobody waits for an answer
        self._left = False  # in order: its senders do not come back in the lives that they have
        self._waiting: Iterator[Frame] | None = None  # for the next turn
        self._bodies = 0  # bytes of that
        self._later: list[bytes] = []  # what came since
        self._turn, self._spent = now, 0  # when it began, and what its control messages have cost
        self._exchange = exchange
        self._identities = identities
        self._codecs = codecs

    @property
    def lost(self) -> Counter[str]:
        """Events that did not reach the client, by reason."""
        return self.traffic.lost

    @property
    def on_change(self) -> Callable[[], None]:
        """Called when output appears where there was none, and when `reading_paused` changes."""
        return self.port.on_change

    @on_change.setter
    def on_change(self, call: Callable[[], None]) -> None:
        self.port.on_change = call

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
        rest: Frame | None = None  # of a run that is too long for one turn
        try:
            try:
                count = 0
                while (frame := rest or next(frames, None)) is not None:
                    rest = None
                    if self.state is OPEN:
                        if frame[2] > MESSAGES_PER_TURN and self.on_backlog is not None:
                            frame, rest = self._cut(frame)
                        self._take(frame, now)
                        count += 1
                        if rest is not None or not count % LOOK_AFTER:
                            self._end_turn(over=self._exchange.clock() - now >= SECONDS_PER_TURN)
                    elif self.state is State.OPENING:
                        self._open(read_hello(frame))
                        frames = chain(frames, self._raise_limit())
            except _TurnOver:
                if left := [*([] if rest is None else [rest]), *frames]:
                    self._let_wait(left)
                    return
            if self._reader.fault is not None:
                raise self._reader.fault
        except Undecided as pending:
            assert frame is not None
            self._wait_for(pending, frame, frames if rest is None else chain((rest,), frames), now)
        except RemoteProtocolError as error:
            self.fail(error)

    def _cut(self, frame: Frame) -> tuple[Frame, Frame | None]:
        """Return what of a long run is taken before it is looked whether the turn is over, and the rest."""
        kind, route, count, body = frame
        most = count
        if kind == REQUEST:
            most = MESSAGES_PER_TURN
        elif kind == EVENT:
            most = self._exchange.run_length.at_once(self.port, Run(route, self.codec, count, body))
        if count <= most:
            return frame, None
        first, rest = cut_run(body, most)
        return (kind, route, most, first), (kind, route, count - most, rest)

    def _wait_for(self, pending: Undecided, frame: Frame, frames: Iterator[Frame], now: float) -> None:
        """Take a frame again when it is decided whether the client may do what it asks; nothing else comes before."""
        if self._gone:
            self._take_frames(frames, now)
            return
        self._waiting = chain((frame,), frames)
        self.note_paused()
        pending.when_known(self._go_on)

    def _go_on(self) -> None:
        if self.on_backlog is not None:
            self.on_backlog(self)
        else:
            self.take_backlog(self._turn)

    def _let_wait(self, frames: list[Frame]) -> None:
        """Keep frames for the next turn."""
        assert self.on_backlog is not None
        self._waiting = iter(frames)
        self._bodies = sum(len(body) for _, _, _, body in frames)
        self.on_backlog(self)
        self._note_incomplete(self._incomplete)
        self.note_paused()

    def take_backlog(self, now: float) -> None:
        """Take what waits for this turn, as much as it allows."""
        frames, self._waiting, self._bodies = self._waiting, None, 0
        later, self._later = self._later, []
        if self.state is CLOSED or frames is None:
            return
        self._turn, self._spent = now, 0
        self._take_frames(frames, now)
        for data in later:
            self.receive_data(data, now)
        self.note_paused()

    def receive_eof(self) -> None:
        """The link ended at the client's side, or broke; what it has said before counts."""
        self.on_backlog, self._gone = None, True
        self.take_backlog(self._turn)
        super().receive_eof()

    @property
    def _incomplete(self) -> int:
        """Bytes of input that wait for more of it, or for a turn."""
        waiting = FRAME * length_hint(self._waiting) + self._bodies + sum(map(len, self._later))
        return self._reader.waiting + waiting

    def _note_incomplete(self, size: int) -> None:
        self.port.incomplete = size
        self._exchange.memory.note(self.port)

    def _spend(self, size: int, now: float) -> None:
        """Count a control message with its answer: one turn takes so many, and the others come before the next."""
        if now != self._turn:
            self._turn, self._spent = now, 0
        self._spent += cost_of(size)
        self._end_turn(
            over=self._spent >= MESSAGES_PER_TURN or self._exchange.clock() - now >= SECONDS_PER_TURN
        )

    def _end_turn(self, *, over: bool) -> None:
        if over and self.on_backlog is not None and self.state is OPEN:
            raise _TurnOver

    def note_paused(self) -> None:
        """See `PortOwner`; nothing is read either while something waits for the next turn."""
        paused = self.port.reading_paused or self._waiting is not None
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
        if self._comes_back(hello, allowed):
            self._move(CLOSED, LinkClosed("its link is that of a session that goes on"))
            return
        self.client = hello.client
        token = self._identities.admit(hello, self)
        self.codec = allowed[0]
        self.encoding = self._codecs[self.codec]
        self.port.open(hello, self.codec, self.encoding)
        self._peer_keepalive = max(hello.keepalive, LEAST_KEEPALIVE)
        self._peer_max_frame = self._peer_max_control = hello.max_frame
        self._reader.on_hold = self._note_incomplete
        agreed = None
        if self.lasting is not None and hello.resume is not None and RESUME in hello.features:
            agreed = self.lasting.begin(self, hello.resume)
        self.features = frozenset(FEATURES).intersection(hello.features)
        self._reader.flags = CONFIRM * (CONFIRMS in self.features) | LAST * (KEEPS_STATE in self.features)
        self._send(welcome_frame(self.welcome(token, agreed)))
        self._move(State.OPEN)
        self._exchange.join(self.port)
        if hello.requests is not None:
            self._exchange.requests.limit(self.port, hello.requests)
        self.on_open(self._peer_keepalive)
        self.on_open = _nobody

    def welcome(self, token: str, resume: Resume | None) -> Welcome:
        """Return what answers a hello.

        Args:
            token: of the client.
            resume: on which terms the session outlives its link; None: it does not.
        """
        return Welcome(
            codec=self.codec,
            node=self._identities.node,
            token=token,
            max_frame=self.limits.max_frame,
            keepalive=self.limits.keepalive,
            max_control=min(self.limits.max_control, self.limits.max_frame),
            features=(*sorted(self.features), *(() if resume is None else (RESUME,))),
            software="pysig",
            resume=resume,
        )

    # -- over several links

    def _comes_back(self, hello: Hello, allowed: list[str]) -> bool:
        """Hand the link over to the session that the client had before, if it comes back to that, and may."""
        lasting, asked = self.lasting, hello.resume
        if lasting is None or asked is None or asked.received is None:
            return False
        token, before = self._identities.connected(hello, self) or ("", None)
        if before is None or before.codec not in allowed:
            return False
        return lasting.go_on(self, before, token, hello)

    def last(self, stream: KeptStream) -> None:
        """Outlive this link: be a part of a stream that goes on over others; while it opens."""
        stream.reader.take_over(self._reader, self.traffic.bytes_in)
        self._reader = stream.reader
        self.port.kept = stream

    def cut(self) -> None:
        """Forget what came in part, or was not looked at: it comes again over another link."""
        self._later = []
        self.port.incomplete = 0

    def take_link(self, other: ServerSession, now: float) -> None:
        """Go on over the link of another session, which gives it up."""
        self.peer = self.port.peer = other.peer
        self._packets = other._packets
        self._heard = self._sent = now
        if self.port.principal is not None:
            self.port.principal = other.port.principal

    def _take(self, frame: Frame, now: float) -> None:
        kind, route, count, body = frame
        if kind == EVENT:
            self._exchange.arrive(self.port, Run(route, self.codec, count, body), now)
        elif kind == REQUEST:
            self._take_requests(route, count, body)
        elif kind == REPLY:
            values = split_numbered(body, count)
            self.unmatched_replies += self._exchange.requests.complete(self.port, self.codec, values, count)
        elif kind == CONTROL:
            before = self._outbox.size
            self._take_control(body)
            self._spend(len(body) + max(0, self._outbox.size - before), now)
        elif kind & CONFIRM:
            self._take_confirmed(kind, route, body, now)
        elif kind & LAST:
            self._take_last(kind, route, body)
        else:
            self._take_error(body)

    def _take_confirmed(self, head: int, route: int, body: bytes, now: float) -> None:
        """Route an event, and answer when that is done."""
        ident, event = cut_ident(head, route, body)
        durables = self._exchange.durables
        if durables is not None:
            durables.watch()
        try:
            links = self._exchange.confirmed.arrive(self.port, {self.codec: Run(route, self.codec, 1, event)}, now)
        except SigError as error:
            self.port.fail_to(ident, route, error)
        else:
            told = partial(self._confirmed, ident, route, links)
            if durables is None or not durables.when_kept(told):
                told(None)

    def _confirmed(self, ident: int, route: int, links: int, error: SigError | None) -> None:
        """Answer that an event is where it was to go, or why it is not."""
        if self.state is not OPEN:
            return
        assert self.encoding is not None
        if error is None:
            self.port.reply(route, self.codec, [(ident, encode(self.encoding, links))])
        else:
            self.port.fail_to(ident, route, error)

    def _take_last(self, head: int, route: int, body: bytes) -> None:
        """Keep what the client says is the value of an event of its own."""
        _, event = cut_ident(head, route, body)
        run = Run(route, self.codec, 1, event)
        try:
            self._exchange.confirmed.give_last(self.port, run, self._exchange.last_values)
        except SigError as error:
            self.port.refuse(route, 0, error)

    def _take_error(self, body: bytes) -> None:
        token, status, detail = split_error(body)
        assert self.encoding is not None
        if len(detail) > self.limits.max_control:
            detail = b""  # words that are not worth it; the request fails all the same
        if not self._exchange.requests.fail(self.port, token, error_from(self.encoding, status, detail)):
            self.unmatched_replies += 1

    def _take_requests(self, route: int, count: int, run: bytes) -> None:
        exchange, port, most = self._exchange, self.port, self.limits.max_requests
        mine, last = exchange.requests.tokens_of(port), ""
        same: dict[int, bytes] = {}  # in a row, of one method: they go on together
        try:
            for ident, method, tail in split_requests(run, count):
                if self.state is not OPEN:  # it was ended by an answer to those before
                    return
                if method is not last:
                    if same:
                        exchange.request(port, route, self.codec, last, same)
                        mine, same = exchange.requests.tokens_of(port), {}
                    last = method
                if ident in mine or ident in same:
                    raise RemoteProtocolError(f"request {ident}: its id is in use")
                if len(mine) + len(same) < most:
                    same[ident] = tail
                else:
                    text = f"request {method!r}: {most} requests are open, which is the limit"
                    port.fail_to(ident, route, Busy(text))
        finally:  # those before a breach as well
            if same and self.state is OPEN:
                exchange.request(port, route, self.codec, last, same)

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
                response = self.port.calls.run(message)
            except SigError as error:
                self._control(failure(message.id, error))
            else:
                self._answer(message.id, response)
        elif message is not None:
            self._take_notice(message)

    def _answer(self, ident: MessageId, response: Any) -> None:
        if isinstance(response, Deferred):
            response.when_settled(partial(self._answer_late, ident))
            return
        if not isinstance(response, EncodedList):
            self._control(answer(ident, response))
            return
        frame = control_frame(response.answer(ident))
        if len(frame) - 4 <= self._peer_max_control:
            self._send(frame)
        else:
            self._control(shortened(answer(ident, None), len(frame) - 4, self._peer_max_control))

    def _answer_late(self, ident: MessageId, response: Any, error: SigError | None) -> None:
        if self.state is OPEN:
            self._control(answer(ident, response) if error is None else failure(ident, error))

    def _take_notice(self, message: Notice) -> None:
        try:
            if message.method == "goodbye":
                self._left = not message.params.find("status", checks.anything, 0)
                self._read_goodbye(message)
            else:
                self.port.calls.take_notice(message)
        except RemoteProtocolError:
            self.port.calls.unknown_notices += 1

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
            self._exchange.flow_control.note_taken(self.port)
        return data

    def _send(self, frame: bytes) -> None:
        self.port.send(frame)

    def note_outbox(self) -> None:
        """See `PortOwner`."""
        self._outbox = self.port.outbox

    def note_overflow(self) -> None:
        """See `PortOwner`: it ends, since what is not dropped can't be kept without end."""
        if self.state is OPEN:
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
        self.port.incomplete = self._incomplete
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

    def hold(self, size: int) -> None:
        """See `LinkSession`."""
        self.port.unsent = size
        self._exchange.memory.note(self.port)

    def let_go(self) -> None:
        """See `LinkSession`."""
        self._waiting, self._bodies, self._later = None, 0, []
        self._reader = FrameReader(0)
        self._outbox.let_go()
        super().let_go()

    def _say_goodbye(self, status: int, text: str, *, access: bool = False) -> None:
        if self.state is State.OPENING and self._head[:1] == PREFACE[:1]:
            self._send(refusal(status or Status.BAD_MESSAGE, text, access=access))
        elif self.state is State.OPENING:
            self._send(refusal_for(self._head, text))
        super()._say_goodbye(status, text)

    def _end(self, error: SigError) -> None:
        opened = self.state is State.OPEN
        super()._end(error)
        self.port.incomplete = 0
        if opened:
            self._identities.forget(self.client, self)
            self.port.close(may_return=not self._left)
            self._exchange.memory.note(self.port)
        self.on_change()
