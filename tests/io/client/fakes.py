"""A client's reading side with everything around it played: time stands still, and the link follows a script."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from sig_core.contract import LinkTraits
from sig_core.errors import LinkLost, SigError
from sig_core.io.client.callback_runner import CallbackRunner
from sig_core.io.client.inbox import Inbox
from sig_core.io.client.link_receiver import LinkReceiver
from sig_core.io.client.nested_wait import NestedWait
from sig_core.io.client.receive_role import ReceiveRole
from sig_core.io.sync.auto_reset_event import AutoResetEvent
from sig_core.io.sync.future import HelpedFuture
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.protocol.limits import Limits
from sig_core.session.base import State
from sig_core.session.binary.reports import Events, ReplyReceived, Report, RequestsReceived
from sig_core.testing import FakeClock, within

__all__ = [
    "LONG",
    "OthersLock",
    "Parts",
    "Patient",
    "ScriptedLink",
    "ScriptedSession",
    "Sink",
    "StubWriter",
    "answer",
    "asking",
    "events",
    "future",
]

LONG = within(10.0)  # seconds within which what other threads do must have happened


def events(text: bytes) -> Events:
    """A report of one event."""
    return Events("s", "e", 1, text)


def asking(*idents: int) -> RequestsReceived:
    """A report of requests that came together."""
    return RequestsReceived(7, "mine", deque((ident, "m", b"") for ident in idents))


def answer(waiter: PendingReply | HelpedFuture, value: Any = None, error: SigError | None = None) -> ReplyReceived:
    """The report that tells a waiter or a future."""
    return ReplyReceived(waiter if isinstance(waiter, HelpedFuture) else waiter.tell, value, error)


def future() -> HelpedFuture:
    """One that needs no help."""
    return HelpedFuture(lambda asked, timeout: timeout)


class OthersLock:
    """A lock that another thread has until the test says otherwise.

    Attributes:
        held: another thread has it.
        tries: how often it was asked for in vain; then it is given back, after `last` of them.
    """

    def __init__(self, last: int | None = None) -> None:
        self.held = True
        self.tries = 0
        self._last = last

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if self.held:
            self.tries += 1
            self.held = self.tries != self._last
            return False
        return True

    def release(self) -> None: ...
    def is_mine(self) -> bool:
        return False


class ScriptedSession:
    """A session that makes of bytes what the test says.

    Attributes:
        meaning: reports by the bytes that bring them.
        open: what `end` gives, once.
        refused: (ident, error) of requests.
    """

    def __init__(self, clock: FakeClock, patience: float = 10.0) -> None:
        self.out: list[bytes] = []
        self.patience = patience
        self.state = State.OPEN
        self.error: SigError | None = None
        self.read_hint = 0
        self.meaning: dict[bytes, list[Report]] = {}
        self.open: list[Report] = []
        self.refused: list[tuple[int, SigError]] = []
        self.suspended = None
        self._heard = clock.now

    def receive_data(self, data: bytes, now: float) -> list[Report]:
        self._heard = now
        return self.meaning.get(data, [])

    def receive_eof(self) -> None:
        self.fail(LinkLost("the end"))

    def lose(self, error: SigError) -> None:
        self.fail(error)

    def fail(self, error: SigError) -> None:
        if self.state is not State.CLOSED:
            self.state, self.error = State.CLOSED, error

    def end(self) -> list[Report]:
        found, self.open = self.open, []
        return found

    def silence(self, now: float) -> float:
        return now - self._heard

    def fail_to(self, ident: int, route: int, error: SigError) -> None:
        self.refused.append((ident, error))


class ScriptedLink:
    """A link, not one to be polled, whose reads are: bytes, an exception to raise, or a call that gives the bytes.

    When the script is over, a read takes its whole time.
    """

    peer = "test://peer"
    traits = LinkTraits(packets=False, reliable=True)

    def __init__(self, clock: FakeClock) -> None:
        self.script: deque[bytes | Exception | Callable[[], bytes | None]] = deque()
        self.reads = 0
        self.closed = threading.Event()
        self._clock = clock

    def receive(self, timeout: float) -> bytes | None:
        self.reads += 1
        if not self.script:
            self._clock.advance(timeout)
            return None
        step = self.script.popleft()
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, bytes) else step()

    def send(self, data: bytes) -> None:
        raise AssertionError("the writer is a stub")

    def close(self) -> None:
        self.closed.set()


class StubWriter:
    """A writer that notes what it is asked to do.

    Attributes:
        room: pushes and flushes until it is no longer full.
    """

    def __init__(self, session: ScriptedSession) -> None:
        self.reading_thread = threading.get_ident()
        self.full = self.gathers = False
        self.room = 0
        self.pushes: list[list[bytes]] = []
        self.lingers: list[float] = []
        self.stopped = False
        self._out = session.out

    def push(self) -> None:
        self.pushes.append(self._out[:])
        self._out.clear()

    def flush(self) -> None:
        self.push()
        self.room -= 1
        self.full = self.room > 0

    def gather(self, linger: float) -> None:
        self.lingers.append(linger)
        self.gathers = True

    def stop(self) -> None:
        self.stopped = True


class Patient(AutoResetEvent):
    """One whose waits end by being woken, or the test fails."""

    def __init__(self) -> None:
        super().__init__()
        self.woken: list[bool] = []

    def wait(self, timeout: float) -> bool:
        self.woken.append(super().wait(LONG))
        return self.woken[-1]


class Sink:
    """Notes what it gets; the test may have it do something.

    Attributes:
        got: events as bytes, requests as their id, anything else as it came.
        does: called with each of them after it was noted.
    """

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.does: Callable[[Any], object] = lambda got: None

    def _take(self, got: Any) -> None:
        self.got.append(got)
        self.does(got)

    def events(self, report: Events) -> None:
        self._take(report.data)

    def incoming(self, report: RequestsReceived, ident: int, method: str, params: bytes) -> None:
        self._take(ident)

    def other(self, report: Report) -> None:
        self._take(report)


class Parts:
    """All parts of a reader, but for its thread: this one is the reading thread."""

    def __init__(self, **limits: Any) -> None:
        self.clock = clock = FakeClock(100.0)
        self.limits = Limits(**limits)
        self.session: Any = ScriptedSession(clock, self.limits.keepalive)
        self.link = ScriptedLink(clock)
        self.writer: Any = StubWriter(self.session)
        self.sink = Sink()
        self.inbox = Inbox()
        receiver = LinkReceiver(self.link, self.session)
        peer = self.link.peer
        self.runner = CallbackRunner(self.session, self.writer, self.sink, self.inbox, self.limits, peer, clock)
        self.role = ReceiveRole(self.session, receiver, self.writer, self.inbox, self.limits, peer, clock)
        self.nested = NestedWait(
            self.session, self.writer, self.inbox, self.role, self.runner, self.limits, clock
        )

    def comes(self, data: bytes, *reports: Report) -> None:
        """Let bytes come with the next read, and mean these reports."""
        self.session.meaning[data] = list(reports)
        self.link.script.append(data)
