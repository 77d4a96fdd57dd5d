"""One link of a simulated client: the third face, beside that on threads and that on asyncio."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sig_core.errors import Backpressure, ConnectFailed, LinkLost, SigError
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Closed, Events, Opened, Refused, ReplyReceived, Report, RequestsReceived
from sig_core.session.binary.returning import Returning
from sig_core.session.client_state.dialling import go_on
from sig_core.session.errors import error_of_handler
from tests.simulation.plans import PlanTask
from tests.simulation.world import World

if TYPE_CHECKING:
    from tests.simulation.client_node import ClientNode

__all__ = ["ClientLink"]

FULL = 8192  # bytes that may wait while the link takes none
SEND_AT = 1024  # bytes: who triggers sends when so many are gathered


class ClientLink:
    """Moves bytes between a session and an end of a cable, and brings what arrives to where it belongs.

    Args:
        client: whose link it is.
        end: of a cable.
        session: nothing received yet.
        opened: called with why it did not open, or None, once.

    Attributes:
        full, gathers: see `Gate`.
    """

    def __init__(
        self, client: ClientNode, end: Any, session: ClientSession, opened: Callable[[SigError | None], object]
    ) -> None:
        self.client = client
        self.world: World = client.world
        self.session = session
        self.end = end
        self.full = self.gathers = False
        self.closed = False
        self._inbound = client.state.inbound(session)
        self._opened: Callable[[SigError | None], object] | None = opened
        self._rest = b""
        self._size = 0
        self._since = client.now()  # when it began to read, or to read again
        self._tick_at = 0.0
        session.gate = self
        self.comeback: Any = None  # what opens another link just now
        if session.stream is not None:
            session.stream.on_cut, session.stream.on_due = self._suspend, lambda: self.world.soon(self.flush)
        session.kept.on_remind = lambda: self.world.soon(self.tick_now)
        end.holder = self
        self.world.after(session.limits.handshake, self._look_opened)
        self._tick()
        self.flush()

    # -- the gate

    def make_room(self) -> None:
        """See `Gate`."""
        raise Backpressure("too much waits to be sent")

    def added(self, size: int) -> None:
        """See `Gate`."""
        self._size += size
        if self._rest:
            self.full = self._size + len(self._rest) > FULL
        elif self._size >= SEND_AT:
            self.flush()
        elif not self.gathers:
            self.gathers = True
            self.world.soon(self.flush)

    # -- out

    def writable(self) -> None:
        """See `Holder`."""
        self.flush()

    def flush(self) -> None:
        """Send what goes now."""
        self.gathers = False
        if self.closed or self.client.is_stopped_still:
            return
        session, end, stream = self.session, self.end, self.session.stream
        if session.suspended is not None:
            self.full = self._size > FULL
            return
        while self._look_next():
            count = end.send(self._rest)
            if count:
                session.sent(count, self.client.now())
                if stream is not None:
                    stream.sent(count)
            self._rest = self._rest[count:]
            if self._rest:
                break
        self.full = self._size + len(self._rest) > FULL and (stream is not None or bool(self._rest))

    def _look_next(self) -> bool:
        """See to it that what is to be sent next is at hand; return whether there is anything."""
        session, stream = self.session, self.session.stream
        if stream is not None:
            if not stream.has_piece and session.out and stream.room:
                self._size = stream.take(session.out)
            self._rest = bytes(stream.piece())
        elif not self._rest and session.out:
            self._rest = b"".join(session.out)
            session.out.clear()
            self._size = 0
        return bool(self._rest)

    # -- in

    def receive(self, data: bytes) -> None:
        """See `Holder`."""
        session = self.session
        self.pass_on(session.receive_data(data, self.client.now()))
        if session.state is State.CLOSED:
            self.finish()
        elif session.out:
            self.flush()

    def at_end(self) -> None:
        """See `Holder`."""
        self.lose(LinkLost("the link ended without a goodbye"))

    def pass_on(self, reports: list[Report]) -> None:
        """Bring what came to where it belongs, in order."""
        observer = self.client.observer
        for report in reports:
            if isinstance(report, ReplyReceived):
                report.tell()
            elif isinstance(report, Events):
                observer.expect(report.sender, report.event, report.count)
                self._inbound.events(report)
            elif isinstance(report, RequestsReceived):
                self._take_requests(report)
            elif isinstance(report, Closed):
                self._tell_opened(report.error)
                self.client.departed(self, report.error)
            elif isinstance(report, Opened):
                self._tell_opened(None)
                self.tick_now()  # only now it is known how often the server wants to hear something
            else:
                if isinstance(report, Refused) and report.sender is not None:
                    self.client.note_taken(report.sender, self.session)
                before = self.client.state.lost.total()
                self._inbound.other(report)
                observer.told(report, self.client.state.lost.total() - before)
        if self.client.durables.listeners:
            self.client.durables.look()

    def _take_requests(self, report: RequestsReceived) -> None:
        for ident, method, params in report.requests:
            delay = self.client.handler_delay()
            if delay:
                self.world.after(delay, lambda one=(ident, method, params): self._handle(report, *one))
            else:
                self._handle(report, ident, method, params)

    def _handle(self, report: RequestsReceived, ident: int, method: str, params: bytes) -> None:
        if self.client.is_gone:
            return
        if self.client.is_stopped_still:
            self.client.when_it_goes_on(lambda: self._handle(report, ident, method, params))
            return
        session = self.session
        try:
            value: Any = self._inbound.call(report, method, params)
        except Exception as error:
            session.fail_to(ident, report.route, error_of_handler(error))
        else:
            session.reply(ident, report.route, value)
        self.added(0)

    # -- time

    def _look_opened(self) -> None:
        if self._opened is not None and not self.client.is_gone:
            opened, self._opened = self._opened, None
            self.close("no answer to the hello")
            opened(ConnectFailed("no answer to the hello"))

    def _tell_opened(self, error: SigError | None) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened(error)

    def tick_now(self) -> None:
        """Tick: time has gone on more than was thought."""
        self._tick_at = 0.0
        self._tick()

    def _tick(self) -> None:
        if self.closed or self.world.now < self._tick_at or self.client.is_stopped_still:
            return
        now, session = self.client.now(), self.session
        reports, wait = session.tick(now)
        self.pass_on(reports)
        silent, allowed = min(session.silence(now), now - self._since), session.limits.keepalive
        if self.end.reading and silent > allowed:
            self.lose(LinkLost(f"the server was silent for {silent:.1f} s"))
            return
        if session.out:
            self.flush()
        wait = max(0.001, min(wait, allowed - silent + 0.01))
        self._tick_at = self.world.now + wait
        self.world.at(self._tick_at, self._tick)

    def tick_before(self, when: float) -> None:
        """Tick at the latest then: something is due."""
        if when < self._tick_at:
            self._tick_at = when
            self.world.at(when, self._tick)

    def set_reading(self, on: bool) -> None:
        """Read, or don't: callbacks of the program take long."""
        self._since = self.client.now()
        self.end.set_reading(on)

    # -- the end

    def close(self, text: str = "the client stops") -> None:
        """Say goodbye, as far as it goes now, and end."""
        self.session.close(text)
        self.flush()
        self.finish()

    def lose(self, error: SigError) -> None:
        """End: the link is broken."""
        self.session.lose(error)
        if self.session.suspended is None or self.session.error is not None:
            self.finish()

    # -- another link for its session

    def _suspend(self) -> None:
        """The link was cut, and the session waits for another one."""
        self._rest = b""
        self.end.close()
        steps = go_on(self.client.state, self.session, self.client.now)
        PlanTask(self.client, steps, lambda value, error: self._went_on())

    def _went_on(self) -> None:
        if self.session.error is not None:
            self.finish()

    def resume(self, end: Any, returning: Returning) -> None:
        """Go on over another link."""
        self.end, self.comeback = end, None
        end.holder = self
        self.client.resumed += 1
        self._since = self.client.now()
        self.session.go_on(returning.received, self.client.now())
        if returning.rest:
            self.receive(returning.rest)
        self.flush()
        self.tick_now()

    def finish(self) -> None:
        """Close the link of a session that has ended."""
        if not self.closed:
            self.closed = True
            self.full = False
            self.end.close()
            if self.comeback is not None:
                self.comeback.end.close()
            self.pass_on(self.session.end())

    def kill(self, notice: float | None) -> None:
        """The process dies; the server learns of it when `notice` says so: see `End.lose`."""
        self.closed = True
        self.end.die(notice)
        if self.comeback is not None:
            self.comeback.end.die(notice)
