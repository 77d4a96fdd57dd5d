"""Acceptors at work: on the I/O thread, or on a thread of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sig_core.contract import Acceptor, Link, PollableAcceptor
from sig_core.io.server.loop import IoThread
from sig_core.io.server.poller import READ
from sig_core.links.close_once import CloseOnce
from sig_core.log import log

__all__ = ["AcceptorThread", "PolledAcceptor"]

AT_ONCE = 64  # links that are accepted in one turn
PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds without accepting after a failure, such as no descriptor left; it doubles
ACCEPT_TIMEOUT = 0.25  # seconds after which a thread looks whether it should end


class PolledAcceptor:
    """On the I/O thread."""

    def __init__(self, loop: IoThread, acceptor: PollableAcceptor, welcome: Callable[[Link], None]) -> None:
        self.address = acceptor.address
        self._loop = loop
        self._acceptor = acceptor
        self._welcome = welcome
        self._once = CloseOnce(acceptor, acceptor.address)
        self._watched = False

    def fileno(self) -> int:
        """Of the acceptor."""
        return self._acceptor.fileno()

    def start(self) -> None:
        """Begin to accept; on the I/O thread."""
        if not self._once.closed:
            self._loop.watch(self, READ)
            self._watched = True

    def ready(self, events: int) -> None:
        """Take those who wait."""
        for _ in range(AT_ONCE):
            try:
                link = self._acceptor.accept(0)
            except Exception as error:
                log.error(f"{self.address}: can't accept: {error}; trying again in {PAUSE} s")
                self._pause()
                return
            if link is None:
                return
            _take(link, self._welcome, self.address)

    def _pause(self) -> None:
        # Level-triggered: without this the thread would spin on the peer that waits.
        self._unwatch()
        timer = threading.Timer(PAUSE, lambda: self._loop.post(self.start))
        timer.daemon = True
        timer.start()

    def _unwatch(self) -> None:
        if self._watched:
            self._watched = False
            self._loop.unwatch(self)

    def close(self) -> None:
        """Stop listening, from any thread."""
        done = threading.Event()

        def close() -> None:
            self._unwatch()
            self._once.close()
            done.set()

        self._loop.post(close)
        if not self._loop.is_current():
            done.wait(PAUSE * 20)

    def join(self, timeout: float) -> None:
        """Nothing to wait for."""

    def abandon(self) -> None:
        """In a forked child: give the descriptor back, and no more."""
        self._once.close()


def _take(link: Link, welcome: Callable[[Link], None], address: str) -> None:
    """Welcome a link; what is none must not end the acceptor."""
    try:
        welcome(link)
    except Exception as error:
        log.error(f"{address}: what its carrier accepted can't be served: {link!r}: {type(error).__name__}: {error}")


class AcceptorThread:
    """On a thread of its own."""

    def __init__(self, acceptor: Acceptor, welcome: Callable[[Link], None]) -> None:
        self.address = acceptor.address
        self._acceptor = acceptor
        self._welcome = welcome
        self._once = CloseOnce(acceptor, acceptor.address)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sig-accept {self.address}", daemon=True)

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def _run(self) -> None:
        pause = PAUSE
        while not self._once.closed:
            try:
                link = self._acceptor.accept(ACCEPT_TIMEOUT)
            except Exception as error:
                if not self._once.closed:
                    log.error(f"{self.address}: can't accept: {error}; trying again in {pause:g} s")
                    self._ended.wait(pause)
                    pause = min(LONGEST_PAUSE, 2 * pause)
                continue
            pause = PAUSE
            if link is not None:
                _take(link, self._welcome, self.address)

    def close(self) -> None:
        """Stop listening, from any thread."""
        self._once.close()
        self._ended.set()

    def abandon(self) -> None:
        """In a forked child: give the descriptor back, and no more."""
        self._once.close()

    def join(self, timeout: float) -> None:
        """Wait for the thread, at most `timeout` seconds."""
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)
