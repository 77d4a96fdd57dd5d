"""A reliable stream over a line that loses bytes, for a client: two threads keep the line going."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from sig_core.clock import Clock
from sig_core.contract import Link, LinkTraits
from sig_core.errors import ConnectFailed, LinkClosed, LinkLost, SigError
from sig_core.line.handshake import Syn, SynAck
from sig_core.line.line import FULL_CREDIT
from sig_core.line.responder import LineResponder
from sig_core.line.upper_layer import Terms
from sig_core.links.close_once import CloseOnce
from sig_core.links.threads import start_thread
from sig_core.log import log

__all__ = ["LineStream"]

SEND_HIGH_WATER: Final = 64 * 1024  # bytes that wait for the line before `send` blocks
RECEIVE_HIGH_WATER: Final = 256 * 1024  # bytes that wait for `receive` before the peer gets no credit
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
        self._said: deque[tuple[Callable[[str], None], str]] = deque()  # by the line, and not yet logged
        self._in = bytearray()
        self._out = bytearray()
        self._unanswered: bytearray | None = bytearray()  # all that was sent before anything came
        self._is_open = False
        self._error: Exception | None = None
        self._line = LineResponder(self, Terms(bitrate=raw.traits.bitrate), self._clock())
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
        with self._changed:
            self._changed.wait_for(lambda: self._is_open or self._error is not None, patience)
            if self._is_open:
                return
            heard = f"{self._line.bytes_in} bytes came, none of a server" if self._line.bytes_in else "nothing came"
            why = self._error or f"no server answers at the other end of the line within {patience:g} s: {heard}"
        self.close()
        raise ConnectFailed(f"{self.peer}: {why}")

    # -- the link

    def send(self, data: bytes, /) -> None:
        """Queue all of it; blocks while SEND_HIGH_WATER bytes wait for the line.

        Raises:
            SigError: the line has ended, or broke.
        """
        with self._changed:
            self._changed.wait_for(lambda: len(self._out) < SEND_HIGH_WATER or self._error is not None)
            if self._error is not None:
                raise self._error
            self._out += data
            self._changed.notify_all()

    def receive(self, timeout: float, /) -> bytes | None:
        """Return what came; None: nothing within `timeout` seconds.

        Raises:
            EOFError: the server ended the session in order, or this side closed.
            SigError: the line has ended, or broke.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._in or self._error is not None, timeout)
            if self._in:
                data = bytes(self._in)
                self._in.clear()
                self._line.allow(FULL_CREDIT)
                self._changed.notify_all()
                return data
            if isinstance(self._error, LinkClosed):
                raise EOFError
            if self._error is not None:
                raise self._error
            return None

    def close(self) -> None:
        """Send FIN, and close the raw link."""
        with self._changed:
            self._line.finish()
            self._end(LinkClosed("closed on this side"))
        out = self._threads[1]
        if out is not threading.current_thread():
            out.join(FIN_TIMEOUT)
        self._once.close()

    # -- the two threads

    def _guarded(self, part: object) -> None:
        assert callable(part)
        try:
            part()
        except EOFError:
            self._stop(LinkLost("the line ended"))
        except Exception as error:
            self._stop(error)

    def _stop(self, error: Exception) -> None:
        with self._changed:
            self._end(error)

    def _end(self, error: Exception) -> None:
        self._error = self._error or error
        self._changed.notify_all()

    def _read(self) -> None:
        while self._error is None:
            data = None
            with suppress(TimeoutError):
                data = self._raw.receive(READ_TIMEOUT)
            if data:
                with self._changed:
                    self._line.receive(data, self._clock())
                    self._changed.notify_all()
                self._log_what_was_said()

    def _log_what_was_said(self) -> None:
        """Log what the line told under the lock: a logger is code of a user."""
        with suppress(IndexError):  # two threads take from it
            while True:
                write, text = self._said.popleft()
                write(f"{self.peer}: {text}")

    def _write(self) -> None:
        while True:
            self._log_what_was_said()
            with self._changed:
                now = self._clock()
                due = self._line.tick(now)
                data = self._line.take(MAX_SEND, now)
                if not data:
                    if self._error is not None:
                        return
                    self._changed.wait(max(0.0, min(due - now, READ_TIMEOUT)))
                    continue
                self._changed.notify_all()  # who waits for room
            self._raw.send(data)

    # -- the upper layer of the line; called under the lock

    @property
    def has_message(self) -> bool:
        """See `UpperLayer`."""
        return bool(self._out)

    def next_message(self, room: int) -> bytes | None:
        """See `UpperLayer`."""
        data = bytes(self._out[:room])
        del self._out[:room]
        if self._unanswered is not None:
            self._unanswered += data
        return data or None

    def message(self, data: bytes, now: float) -> None:
        """See `UpperLayer`."""
        self._in += data
        self._unanswered = None
        if len(self._in) > RECEIVE_HIGH_WATER:
            self._line.allow(0)

    def connected(self, peer: Syn | SynAck, fresh: bool, now: float) -> None:
        """See `UpperLayer`."""
        self._is_open = True

    def disconnected(self) -> None:
        """See `UpperLayer`; the session of the client notices by itself when that lasts."""

    def ended(self, error: SigError, doubtful: int) -> None:
        """See `UpperLayer`. A host that called just as we sent HELLO calls again: send again what was sent."""
        if self._unanswered is None:
            self._end(error)
        else:
            self._out[:0], self._unanswered = self._unanswered, bytearray()

    def printed(self, text: str) -> None:
        """See `UpperLayer`."""
        self._said.append((log.info, f"says: {text.rstrip()}"))

    def warned(self, text: str) -> None:
        """See `UpperLayer`."""
        self._said.append((log.warning, text))
