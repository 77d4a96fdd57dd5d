"""A reliable stream over a line that loses bytes, for a client: two threads keep the line going."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Final

from sig_core.clock import Clock
from sig_core.contract import Link, LinkTraits
from sig_core.errors import ConnectFailed, LinkClosed, LinkLost
from sig_core.line.responder_stream import ResponderStream
from sig_core.line.upper_layer import Terms
from sig_core.links.close_once import CloseOnce, failure
from sig_core.links.threads import start_thread
from sig_core.log import log

__all__ = ["LineStream"]

MAX_SEND: Final = 4096  # bytes of one send
READ_TIMEOUT: Final = 0.25  # seconds after which the threads look whether they should end
FIN_TIMEOUT: Final = 1.0  # seconds that a close waits until FIN is sent


class LineStream:
    """The stream of the binary dialect over a link that is not reliable; see docs/board-protocol.md, section 4.

    Args:
        raw: live; it is closed with this one.
        patience: seconds within which a server must have answered.
        clock: monotonic seconds.

    Raises:
        ConnectFailed: none did.
    """

    traits = LinkTraits(packets=False, reliable=True)

    def __init__(self, raw: Link, patience: float, clock: Clock = time.monotonic) -> None:
        self.peer = raw.peer
        self._raw = raw
        self._clock = clock
        self._once = CloseOnce(raw, raw.peer)
        self._changed = threading.Condition()
        self._stream = ResponderStream(Terms(bitrate=raw.traits.bitrate), clock())  # under the lock
        self._threads = [
            threading.Thread(target=self._guarded, args=(part,), name=f"sig-line-{name} {self.peer}", daemon=True)
            for name, part in (("in", self._read), ("out", self._write))
        ]
        try:
            for thread in self._threads:
                start_thread(thread)
        except BaseException as error:
            self._stop(LinkLost(str(error)))
            self._once.close()
            raise
        self._wait_for_server(patience)

    def _wait_for_server(self, patience: float) -> None:
        stream = self._stream
        with self._changed:
            self._changed.wait_for(lambda: stream.is_open or stream.error is not None, patience)
            if stream.is_open:
                return
            why = stream.why_not_open(patience)
        self.close()
        raise ConnectFailed(f"{self.peer}: {why}")

    # -- the link

    def send(self, data: bytes, /) -> None:
        """Queue all of it; blocks while 64 KiB wait for the line.

        Raises:
            SigError: the line has ended, or broke.
        """
        stream = self._stream
        with self._changed:
            self._changed.wait_for(lambda: stream.room > 0 or stream.error is not None)
            stream.write(data)
            self._changed.notify_all()

    def receive(self, timeout: float, /) -> bytes | None:
        """Return what came; None: nothing within `timeout` seconds.

        Raises:
            EOFError: the server ended the session in order, or this side closed.
            SigError: the line has ended, or broke.
        """
        stream = self._stream
        with self._changed:
            self._changed.wait_for(lambda: stream.has_data or stream.error is not None, timeout)
            data = stream.read()
            if data:
                self._changed.notify_all()
                return data
            if isinstance(stream.error, LinkClosed):
                raise EOFError
            if stream.error is not None:
                raise stream.error
            return None

    def close(self) -> None:
        """Send FIN, and close the raw link."""
        with self._changed:
            self._stream.finish()
            self._changed.notify_all()
        out = self._threads[1]
        if out is not threading.current_thread():
            out.join(FIN_TIMEOUT)
        self._once.close()

    # -- the two threads

    def _guarded(self, part: object) -> None:
        assert callable(part)
        try:
            part()
        except BaseException as error:  # a panic of a compiled driver, too
            self._stop(failure(self.peer, error))

    def _stop(self, error: Exception) -> None:
        with self._changed:
            self._stream.lose(error)
            self._changed.notify_all()

    def _read(self) -> None:
        while self._stream.error is None:
            data = None
            with suppress(TimeoutError):
                data = self._raw.receive(READ_TIMEOUT)
            if data:
                with self._changed:
                    self._stream.receive(data, self._clock())
                    self._changed.notify_all()
                self._log_what_was_said()

    def _log_what_was_said(self) -> None:
        """Log what the line told under the lock: a logger is code of a user."""
        with suppress(IndexError):  # two threads take from it
            while True:
                is_wrong, text = self._stream.said.popleft()
                (log.warning if is_wrong else log.info)(f"{self.peer}: {text}")

    def _write(self) -> None:
        while True:
            self._log_what_was_said()
            with self._changed:
                now = self._clock()
                due = self._stream.tick(now)
                data = self._stream.take(MAX_SEND, now)
                if not data:
                    if self._stream.error is not None:
                        return
                    self._changed.wait(max(0.0, min(due - now, READ_TIMEOUT)))
                    continue
                self._changed.notify_all()  # who waits for room
            self._raw.send(data)
