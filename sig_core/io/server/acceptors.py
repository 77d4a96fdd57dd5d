"""Accepting links: on the loop of a server, or on a thread of its own for what can't be polled."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sig_core.contract import Acceptor, Link, PollableAcceptor
from sig_core.interrupts import pass_end_on, pass_interrupt_on
from sig_core.io.server.loop import Loop
from sig_core.io.server.poller import READ
from sig_core.io.sync.latch import Latch
from sig_core.links.close_once import CloseOnce
from sig_core.links.threads import start_thread
from sig_core.log import LimitedLog

__all__ = ["AcceptorThread", "PolledAcceptor"]

LINKS_PER_TURN = 16  # that are accepted in one turn of the loop: each takes 0.1 ms
PAUSE = 0.1  # seconds without accepting after a failure, such as no descriptor left; on a thread it doubles each time
MAX_PAUSE = 5.0  # seconds
ACCEPT_TIMEOUT = 0.25  # seconds after which a thread checks whether it should end
CLOSE_TIMEOUT = 2.0  # seconds that a close waits for the loop's thread


class PolledAcceptor:
    """Accepts on the loop of a server.

    Args:
        loop: that polls it.
        acceptor: that is polled; it is closed with this.
        on_link: called with each link.
        peer_log: for what peers bring about, such as that no descriptor is left.
        run_later: called with seconds and a function, which is to be called then; None: the loop's.

    Attributes:
        address: the URL as bound.
    """

    def __init__(
        self,
        loop: Loop,
        acceptor: PollableAcceptor,
        on_link: Callable[[Link], None],
        peer_log: LimitedLog,
        run_later: Callable[[float, Callable[[], None]], None] | None = None,
    ) -> None:
        self.address = acceptor.address
        self._loop = loop
        self._acceptor = acceptor
        self._on_link = on_link
        self._log = peer_log
        self._run_later = run_later or loop.run_later
        self._once = CloseOnce(acceptor, acceptor.address)
        self._watched = False

    @property
    def peer(self) -> str:
        """See `Watched`: who comes is not held against it."""
        return ""

    def fileno(self) -> int:
        """Of the acceptor."""
        return self._acceptor.fileno()

    def start(self) -> None:
        """Begin to accept; on the loop's thread."""
        if not self._once.closed:
            self._loop.watch(self, READ)
            self._watched = True

    def ready(self, events: int) -> None:
        """Accept the links that wait."""
        for _ in range(LINKS_PER_TURN):
            try:
                link = self._acceptor.accept(0)
            except BaseException as error:
                pass_end_on(error)
                self._log.error(f"{self.address}: can't accept: {error}; trying again in {PAUSE} s")
                self._pause()
                return
            if link is None:
                return
            _pass_on(link, self._on_link, self.address, self._log)

    def _pause(self) -> None:
        # Polling is level-triggered: without this the thread would spin on the peer that waits.
        self._unwatch()
        self._run_later(PAUSE, lambda: self._loop.post(self.start))

    def _unwatch(self) -> None:
        if self._watched:
            self._watched = False
            self._loop.unwatch(self)

    def close(self) -> None:
        """Stop listening, from any thread."""
        done = threading.Event()

        def close() -> None:
            self.close_now()
            done.set()

        self._loop.post(close)
        if not self._loop.is_current():
            done.wait(CLOSE_TIMEOUT)

    def close_now(self) -> None:
        """Stop listening; on the loop's thread."""
        self._unwatch()
        self._once.close()

    def join(self, timeout: float) -> None:
        """Nothing to wait for."""

    def abandon(self) -> None:
        """In a forked child: close the descriptor, and no more."""
        self._once.close()


def _pass_on(link: Link, on_link: Callable[[Link], None], address: str, peer_log: LimitedLog) -> None:
    """Pass a link on; what is none must not end the acceptor."""
    try:
        on_link(link)
    except BaseException as error:
        pass_interrupt_on(error)
        why = f"{type(error).__name__}: {error}"
        peer_log.error(f"{address}: what its carrier accepted can't be served: {link!r}: {why}")


class AcceptorThread:
    """Accepts on a thread of its own.

    Args:
        acceptor: that can't be polled; it is closed with this.
        on_link: called with each link, on that thread.
        peer_log: for what peers bring about.
        pause: seconds without accepting after a failure; twice as long after each further one, up to `MAX_PAUSE`.

    Attributes:
        address: the URL as bound.
    """

    def __init__(
        self, acceptor: Acceptor, on_link: Callable[[Link], None], peer_log: LimitedLog, pause: float = PAUSE
    ) -> None:
        self.address = acceptor.address
        self._acceptor = acceptor
        self._on_link = on_link
        self._log = peer_log
        self._pause = pause
        self._once = CloseOnce(acceptor, acceptor.address)
        self._ended = Latch()
        self._thread = threading.Thread(target=self._run, name=f"sig-accept {self.address}", daemon=True)

    def start(self) -> None:
        """Begin to accept."""
        start_thread(self._thread)

    def _run(self) -> None:
        pause = self._pause
        while not self._once.closed:
            try:
                link = self._acceptor.accept(ACCEPT_TIMEOUT)
            except BaseException as error:  # a panic of a compiled driver, too
                if not self._once.closed:
                    self._log.error(f"{self.address}: can't accept: {error}; trying again in {pause:g} s")
                    self._ended.wait(pause)
                    pause = min(MAX_PAUSE, 2 * pause)
                continue
            pause = self._pause
            if link is not None:
                _pass_on(link, self._on_link, self.address, self._log)

    def close(self) -> None:
        """Stop listening, from any thread."""
        self._once.close()
        self._ended.set()

    def abandon(self) -> None:
        """In a forked child: close the descriptor, and no more."""
        self._once.close()

    def join(self, timeout: float) -> None:
        """Wait for the thread, at most `timeout` seconds."""
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)
