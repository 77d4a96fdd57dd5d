"""A client's link on threads, over all its losses: dialled, lost, dialled again, and told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from sig_core.clock import Clock
from sig_core.contract import Codec, Link
from sig_core.errors import LimitError, LinkClosed, SigError
from sig_core.io.client.client_connection import ClientConnection
from sig_core.io.client.dialled_again import dialled_again
from sig_core.io.client.lifetime import STOP
from sig_core.io.client.plans import drive
from sig_core.io.client.threaded_link import ThreadedLink
from sig_core.io.sync.at_exit import let_out_at_exit
from sig_core.io.sync.latch import Latch
from sig_core.io.tls.dialled import dialled
from sig_core.links.threads import start_thread
from sig_core.log import log
from sig_core.protocol.limits import Limits
from sig_core.session.binary.client import ClientSession
from sig_core.session.client_state.asks import Steps, run_without_link
from sig_core.session.client_state.client_state import ClientState
from sig_core.session.client_state.dialling import Pause, come, come_back, go_on, stop
from sig_core.session.client_state.state_callbacks import StateCallbacks

__all__ = ["CallbackThread", "ThreadedConnection"]

LOOK = 0.01  # seconds between looks whether the link is back

T = TypeVar("T")


class ThreadedConnection(ClientConnection[ThreadedLink]):
    """Does what a `ClientState` decides: dials, waits, dials again. Args: see `ClientConnection`."""

    def __init__(
        self,
        url: str,
        limits: Limits,
        connect: Callable[[], Link],
        codecs: Callable[[], Mapping[str, Codec]],
        state: ClientState,
        clock: Clock,
    ) -> None:
        super().__init__(url, limits, connect, codecs, state, clock)
        self._stopping = Latch()
        self._stopping_thread = 0  # ident
        self._ended = Latch()  # open when a stop has ended
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Dial for the first time.

        Raises:
            LocalProtocolError: it was started before, or stopped meanwhile.
            SigError: no link came about.
        """
        self._state.connection.begin()
        let_out_at_exit(self)
        try:
            drive(come(self._state, self, self._clock), self._perform)
        except BaseException:
            try:
                self._end_now()
            except BaseException:  # a second interrupt
                self._end_now()
                raise
            raise

    def stop(self) -> None:
        """End the link, and never dial again; a further stop waits for the first, but not inside a callback."""
        try:
            for step in stop(self._state):
                self._stop_steps[step]()
        except BaseException:
            try:
                self._end_now()
            except BaseException:  # a second interrupt
                self._end_now()
                raise
            raise

    def _wait_for_other(self) -> None:
        inside = self.link is not None and self.link.reader.is_current()
        if not inside and self._stopping_thread != threading.get_ident():  # else it is a signal's, inside the other
            self._ended.wait(5 * STOP)

    def _end_dialling(self) -> None:
        self._stopping_thread = threading.get_ident()
        self._stopping.set()
        latest = self._latest
        if latest is not None and latest is not self.link:  # it is dialled just now: `start` says that it was stopped
            latest.session.fail(LinkClosed("the client stops"))
            latest.cut()
            latest.opened.set()

    def _settle(self) -> None:
        if self.link is not None:
            self.link.settle()

    def _drain(self) -> None:
        if self.link is not None:
            self.link.drain()

    def _join(self) -> None:
        if self.link is not None:
            self.link.join()
        _join(self._thread, STOP)

    def _end_now(self) -> None:
        self._state.stop()
        self._stopping.set()
        try:
            for link in self.links():
                link.end()
        finally:
            self._ended.set()

    def let_out(self, until: float) -> None:
        """See `Lasting`; what waits for the link to come back has this time too."""
        state = self._state
        while state.connection.state == "away" and state.offline and self._clock() < until:
            self._stopping.wait(LOOK)
        link = self.link
        if link is not None and state.connection.may_return:
            link.writer.finish(until - self._clock())
            state.stop()
            link.leave(until - self._clock())

    def run(self, steps: Steps[T]) -> T:
        """Do what a plan asks, on the link that there is; without one it has nothing to ask."""
        return run_without_link(steps) if self.link is None else self.link.run(steps)

    # -- dialling: on the thread that starts, or comes back

    def _pause(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def _dial(self) -> ClientSession:
        codecs = self._codecs()
        raw = dialled(self._url, self._connect, self._limits.handshake)
        session = self._state.connection.new_session(codecs, packets=raw.traits.packets, now=self._clock())
        self._latest = ThreadedLink(
            *(raw, session, self._state.inbound(session), self._link_ended, self._clock, self._go_on)
        )
        self._latest.open()
        return session

    def dropped(self) -> None:
        """See `Dialler`."""
        if self._latest is not None:
            self._latest.stop()

    def _go_on(self, link: ThreadedLink) -> None:
        """Get another link for a session whose own was cut, or end it; on a thread of its own."""

        def perform(step: object) -> None:
            if isinstance(step, Pause):
                self._pause(step.seconds)
            else:
                self._resume(link)

        drive(go_on(self._state, link.session, self._clock), perform)
        if link.session.error is not None:
            link.cut()

    def _resume(self, link: ThreadedLink) -> None:
        link.release()
        patience = self._limits.handshake

        def connect() -> Link:
            return dialled(self._url, self._connect, patience)

        link.resume(*dialled_again(connect, self._state, link.session, patience))

    def _link_ended(self, link: ThreadedLink, error: SigError) -> None:
        if self._state.departed(link.session, error, self._clock()):
            self._thread = threading.Thread(target=self._come_back, name=f"sig-return {self._url}", daemon=True)
            try:
                start_thread(self._thread)
            except LimitError as problem:
                log.warning(f"{self._url}: {problem}; it is dialled by the thread that read the link")
                self._thread = threading.current_thread()
                link.let_go()
                self._come_back()

    def _come_back(self) -> None:
        drive(come_back(self._state, self, self._clock), self._perform)


class CallbackThread:
    """Runs the state callbacks of a client, in order, on a thread that is there only while there is something to tell.

    Args:
        name: of the thread.

    Attributes:
        callbacks: to run; set before the first `wake`.
    """

    callbacks: StateCallbacks

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """See to it that what is to be told is told soon."""
        with self._lock:
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            try:
                start_thread(thread)
            except LimitError as error:
                problem, self._thread = error, threading.current_thread()
            else:
                self._thread = thread  # its first step takes the lock
                return
        log.warning(f"{problem}; state callbacks are called by {threading.current_thread().name!r}")
        self._run()

    def join(self, timeout: float) -> None:
        """Wait until all is told, at most `timeout` seconds; inside a callback not at all."""
        _join(self._thread, timeout)

    def _run(self) -> None:
        while True:
            with self._lock:
                news = self.callbacks.take()
                if news is None:
                    self._thread = None
                    return
            callback, state, problem = news
            try:
                callback(state, problem)
            except BaseException as error:
                self.callbacks.raised(news, error)


def _join(thread: threading.Thread | None, timeout: float) -> None:
    if thread is not None and thread is not threading.current_thread():
        thread.join(timeout)
