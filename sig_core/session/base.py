"""What both ends of a link share: the states of a session, opening, frames, control messages, keep-alive, the end.

Everything that moves a session from one state to the next is in this module, in `SessionState`; no other code assigns
`state`. A session begins in one of the first two, and never goes back:

    OPENING ---> OPEN ---> CLOSED
       |                     ^
       '---------------------'      where the opening fails

    OPENING  It is not known yet who is at the other end: nothing is routed, and no event or request goes out.
    OPEN     The peer is known. At the server, there is a port of the exchange for it.
    CLOSED   The end, for good: `error` says why. Input is ignored; what was queued before, a goodbye perhaps, may still
             be taken and sent.

Who moves it, and when:

    session           begins in   is OPEN when                       is CLOSED when
    ServerSession     OPENING     it has taken the client's hello    close, fail, receive_eof, or a goodbye of the peer
    ClientSession     OPENING     it has taken the welcome           close, fail, receive_eof, or a goodbye of the peer
    PlainSession      OPEN        -                                  close, fail, or receive_eof and all is answered
    BoardSession      OPEN        -                                  its line has ended the session
    LineSession       OPENING     it knows its station               close, fail, receive_eof, or the board uses another
    DialectDetector   OPENING     never                              never: it hands its link over, and is dropped

`close` is called when this side wants the end; `fail` when a rule was broken, a time is over or the link broke, by the
session itself as well; `receive_eof` when the link ended. A line and what it carries end apart: a `LineSession` that is
closed leaves the `BoardSession` open for the next link.
"""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from enum import Enum, auto
from typing import Any

from sig_core.contract import Codec
from sig_core.errors import (
    AccessDenied,
    CodecError,
    LinkClosed,
    LinkLost,
    NotAdmitted,
    RemoteProtocolError,
    SigError,
    Status,
)
from sig_core.protocol import checks
from sig_core.protocol.frames import Frame, FrameReader
from sig_core.protocol.hello import check_preface
from sig_core.protocol.limits import Limits
from sig_core.protocol.messages import Answer, BadMessage, Call, Notice, failure, notice, read_message
from sig_core.protocol.wire import KEEP_ALIVE, MAX_HELLO, PREFACE
from sig_core.routing.traffic import Traffic
from sig_core.routing.transcode import decode
from sig_core.session.bounded_frames import bounded_control

__all__ = ["LEAST_KEEPALIVE", "Session", "SessionState", "State"]

_goodbye_status = checks.count(-(2**15), 2**15 - 1)
_goodbye_text = checks.text(0, 10_000)


class State(Enum):
    """Of a session; see the head of this module."""

    OPENING = auto()
    OPEN = auto()
    CLOSED = auto()

    __hash__ = object.__hash__  # that of Enum is a function in Python


LEAST_KEEPALIVE = 1.0  # seconds: signs of life that are wanted more often would make idle links busy ones
PREFACE_SIZE = len(PREFACE)
OPENING, CLOSED = State.OPENING, State.CLOSED  # a member looked up on its class costs more than the comparison
NEXT: dict[State | None, frozenset[State]] = {  # state -> those that may follow it; None: of a new session
    None: frozenset({State.OPENING, State.OPEN}),
    State.OPENING: frozenset({State.OPEN, State.CLOSED}),
    State.OPEN: frozenset({State.CLOSED}),
    State.CLOSED: frozenset(),
}


class SessionState:
    """The state of a session, and the only method that moves it.

    Attributes:
        state: where it is.
        error: why it is closed; None before.
    """

    __slots__ = ("error", "state")  # a server has thousands of sessions

    state: State
    error: SigError | None

    @property
    def is_stranger(self) -> bool:
        """Whether it is not known yet who is at the other end."""
        return self.state is OPENING

    def _move(self, to: State, error: SigError | None = None) -> None:
        """Move on.

        Args:
            to: the next state.
            error: why the session ends, with `State.CLOSED`.

        Raises:
            RuntimeError: that state may not follow, or an end gives no reason: a bug of this program.
        """
        before = getattr(self, "state", None)
        if to not in NEXT[before] or (to is CLOSED) is (error is None):
            raise RuntimeError(f"{type(self).__name__}: from {before} to {to}, error {error!r}")
        self.state = to
        self.error = error

    def hold(self, size: int) -> None:
        """See `LinkSession`."""

    def let_go(self) -> None:
        """See `LinkSession`."""
        if self.error is not None:
            self.error.__traceback__ = None  # its frames hold what was read


class Session(SessionState):
    """One end of a link. It reads no clock: `now` is monotonic seconds, an argument of each call.

    Attributes:
        encoding: the codec agreed on; None while opening.
        features: that both sides know; empty while opening.
        unmatched_replies: answers, and replies, that nobody here waited for.
        traffic: what passed through it.
    """

    __slots__ = (
        *("_deadline", "_head", "_heard", "_packets", "_peer_keepalive", "_reader", "_sent"),
        *("_peer_max_control", "_peer_max_frame"),
        *("encoding", "features", "limits", "traffic", "unmatched_replies"),
    )

    def __init__(self, limits: Limits, *, packets: bool, now: float) -> None:
        self.limits = limits
        self._move(State.OPENING)
        self.encoding: Codec | None = None
        self.features: frozenset[str] = frozenset()
        self.unmatched_replies = 0
        self.traffic = Traffic()
        self._packets = packets
        self._reader = FrameReader(MAX_HELLO + 5)
        self._head = b""
        self._heard = self._sent = now
        self._deadline = now + limits.handshake
        self._peer_keepalive = limits.keepalive
        self._peer_max_frame = self._peer_max_control = limits.max_frame

    # -- in

    def _receive(self, data: bytes, now: float) -> list[Frame]:
        """Take bytes as they came; return the frames in them, up to the first breach: see `FrameReader.fault`."""
        self._heard, size = now, len(data)
        if self.state is CLOSED or not data:
            self.traffic.bytes_in += size
            return []
        try:
            if self.state is OPENING and len(self._head) < PREFACE_SIZE:
                data = self._take_preface(data)
            frames = self._reader.feed(data) if data else []
            self.traffic.bytes_in += size
            if self._packets and (self._reader.waiting or len(self._head) < len(PREFACE)):
                raise RemoteProtocolError("a packet ends inside a frame")
        except RemoteProtocolError as error:
            self.fail(error)
            return []
        return frames

    def _raise_limit(self) -> list[Frame]:
        """Read what is behind the first frame as the peer may send it now that both know each other."""
        frames = self._reader.raise_limit(self.limits.max_frame)
        if self._packets and self._reader.waiting:
            raise RemoteProtocolError("a packet ends inside a frame")
        return frames

    def _take_preface(self, data: bytes) -> bytes:
        missing = len(PREFACE) - len(self._head)
        self._head += data[:missing]
        self._check_first(self._head)
        check_preface(self._head)
        return data[missing:]

    def _check_first(self, head: bytes) -> None:
        """Look at the first bytes before the preface is judged."""

    def receive_eof(self) -> None:
        """The link ended at the peer's side, or broke."""
        if self.state is State.CLOSED:
            return
        self._end(LinkLost("the link ended without a goodbye"))

    @property
    def patience(self) -> float:
        """Seconds of silence after which a server is given up; none promises to speak more often."""
        return max(self.limits.keepalive, LEAST_KEEPALIVE)

    def silence(self, now: float) -> float:
        """Return the seconds since something was heard."""
        return now - self._heard

    @property
    def read_hint(self) -> int:
        """See `FrameReader`; a packet comes whole, however long it is."""
        return 0 if self._packets else self._reader.read_hint

    # -- control messages

    def _read_control(self, body: bytes) -> Call | Notice | Answer | None:
        """Return the message in a control frame; None: there is none, or it was bad, and that is answered."""
        if not body:
            return None  # keep-alive
        assert self.encoding is not None
        try:
            return read_message(decode(self.encoding, body))
        except BadMessage as error:
            if error.to_answer:
                self._control(failure(error.ident, str(error), error.status))
            else:
                self.unmatched_replies += 1
        except CodecError as error:
            self._control(failure(None, error))
        return None

    def _read_goodbye(self, message: Notice) -> None:
        status = message.params.find("status", _goodbye_status, 0)
        text = message.params.find("text", _goodbye_text, "")
        kind = AccessDenied if status == Status.DENIED else LinkClosed
        self._end(kind(f"the peer said goodbye ({status}): {text}"))

    def _control(self, message: dict[str, Any]) -> None:
        assert self.encoding is not None
        self._send(bounded_control(self.encoding, message, self._peer_max_control))

    # -- time

    def _keep_alive(self, now: float) -> float:
        """Send a keep-alive if one is due; return the seconds until the next may be."""
        due = self._sent + self._peer_keepalive / 3
        if now >= due:
            self._send(KEEP_ALIVE)
            self._sent = now
            due = now + self._peer_keepalive / 3
        return due - now

    # -- out

    @abstractmethod
    def _send(self, frame: bytes) -> None:
        """Queue a frame that must not be dropped."""

    def sent(self, count: int, now: float) -> None:
        """Note that so many bytes of output left; `now`: monotonic seconds."""
        self._sent = now
        self.traffic.bytes_out += count

    # -- end

    def fail(self, error: SigError) -> None:
        """End the session because of `error`; the peer is told if that is possible."""
        if self.state is State.CLOSED:
            return
        self._say_goodbye(error.status, str(error), access=isinstance(error, NotAdmitted))
        self._end(error)

    def close(self, text: str = "closed") -> None:
        """End the session in order; queues the goodbye."""
        if self.state is State.CLOSED:
            return
        self._say_goodbye(Status.OK, text)
        self._end(LinkClosed(text))

    def _say_goodbye(self, status: int, text: str, *, access: bool = False) -> None:
        """Tell why it ends; `access`: the rules do not admit the peer."""
        if self.state is State.OPEN:
            with suppress(CodecError):  # a codec that fails must not keep its link, or a server, from ending
                self._control(notice("goodbye", {"status": int(status), "text": text[:1000]}))

    def _end(self, error: SigError) -> None:
        if self.state is CLOSED:  # already: its goodbye was too much for the output. The first reason counts
            self.error = error
            return
        self._move(State.CLOSED, error)
        self._reader = FrameReader(0)
