"""A client's link on threads, over all its losses: dialled, lost, dialled again, and told."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping
from typing import TypeVar

from sig_core.clock import Clock
from sig_core.contract import Codec, Link
from sig_core.errors import LinkClosed, SigError
from sig_core.io.adapters.as_stream import as_stream
from sig_core.io.client.lifetime import STOP
from sig_core.io.client.threaded_link import ThreadedLink
from sig_core.io.sync.latch import Latch
from sig_core.log import log
from sig_core.protocol.limits import Limits
from sig_core.session.client_state.asks import Steps, run_without_link
from sig_core.session.client_state.client_state import ClientState
from sig_core.session.client_state.state_callbacks import StateCallbacks

__all__ = ["CallbackThread", "ThreadedConnection"]

T = TypeVar("T")


class ThreadedConnection:
    """Does what a `ClientState` decides: dials, waits, dials again.

    Args:
        url, limits: of the client.
        connect: returns a live link, or raises what is in the way.
        codecs: returns those to offer, by name, the preferred one first.
        state: of the client.
        clock: see `Clock`.

    Attributes:
        link: the one there is, or was last; None before the first.
    """

    def __init__(
        self,
        url: str,
        limits: Limits,
        connect: Callable[[], Link],
        codecs: Callable[[], Mapping[str, Codec]],
        state: ClientState,
        clock: Clock,
    ) -> None:
        self.link: ThreadedLink | None = None
        self._url = url
        self._limits = limits
        self._connect = connect
        self._codecs = codecs
        self._state = state
        self._clock = clock
        self._stopped = False
        self._stopping = Latch()  # the same, for who waits
        self._thread: threading.Thread | None = None
        self._latest: ThreadedLink | None = None  # dialled last, maybe not there yet

    def start(self) -> None:
        """Dial for the first time.

        Raises:
            LocalProtocolError: it was started before, or stopped meanwhile.
            SigError: no link came about.
        """
        self._state.connection.begin()
        try:
            self._try_once()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the link, and never dial again."""
        self._stopped = True
        self._stopping.set()
        latest = self._latest
        if latest is not None and latest is not self.link:  # it is dialled just now: `start` says that it was stopped
            latest.session.fail(LinkClosed("the client stops"))
            latest.reader.cut()
            latest.opened.set()
        if self._state.stop():
            if self.link is not None:
                self.link.stop()
            _join(self._thread, STOP)

    def abandon(self) -> None:
        """In a forked child: let go of what is the parent's, without a word on the wire."""
        if self._state.connection.close_by_fork() and self.link is not None:
            self.link.reader.cut()

    def open_link(self) -> ThreadedLink:
        """Return the link that lives; raises as `ConnectionState.open_session` does."""
        link = self.link
        if link is None or link.session.error is not None or self._stopped:
            self._state.connection.open_session()
            link = self.link
            assert link is not None
        return link

    def run(self, steps: Steps[T]) -> T:
        """Do what a plan asks, on the link that there is; without one it has nothing to ask."""
        return run_without_link(steps) if self.link is None else self.link.run(steps)

    # -- on the thread that dials

    def _try_once(self) -> None:
        """Dial, and have everything there, or raise what is in the way."""
        link = self._dial()
        try:
            problem = link.run(self._state.restore(link.session, lambda: self._adopt(link)))
            self._state.arrived(link.session, problem, self._clock())
        except BaseException:
            link.stop()
            raise

    def _adopt(self, link: ThreadedLink) -> None:
        self.link = link

    def _dial(self) -> ThreadedLink:
        codecs = self._codecs()
        raw = as_stream(self._connect(), dialing=True, patience=self._limits.handshake)
        session = self._state.connection.new_session(codecs, packets=raw.traits.packets, now=self._clock())
        session.traffic = self._state.traffic
        self._latest = ThreadedLink(raw, session, self._state.inbound(session), self._link_ended, self._clock)
        return self._latest.open()

    def _link_ended(self, link: ThreadedLink, error: SigError) -> None:
        if self._state.departed(link.session, error, self._clock()):
            self._thread = threading.Thread(target=self._come_back, name=f"sig-return {self._url}", daemon=True)
            self._thread.start()

    def _come_back(self) -> None:
        schedule = self._state.connection.schedule
        assert schedule is not None
        while (wait := schedule.next_wait()) is not None:
            if self._stopping.wait(wait):
                return
            try:
                self._try_once()
            except Exception as error:
                self._state.attempt_failed(error)
            else:
                return
        self._state.give_up()


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
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                thread.start()
                self._thread = thread  # its first step takes the lock

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
            callback, state, error = news
            try:
                callback(state, error)
            except BaseException:
                log.error(f"the callback {callback!r} of {state!r} raised\n{traceback.format_exc()}")


def _join(thread: threading.Thread | None, timeout: float) -> None:
    if thread is not None and thread is not threading.current_thread():
        thread.join(timeout)
