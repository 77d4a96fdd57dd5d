"""The output on asyncio of a client whose session may outlive its link: it is kept, and waits while there is none."""

from __future__ import annotations

from typing import Any

from sig_core.contract import PollableLink
from sig_core.interrupts import pass_end_on
from sig_core.io.client.asyncio_writer import AsyncioWriter
from sig_core.links.close_once import link_lost
from sig_core.session.binary.gate import HIGH_WATER

__all__ = ["ResumableAsyncioWriter"]


class ResumableAsyncioWriter(AsyncioWriter):
    """Sends what the session has in `out` by way of its stream; see `ResumableWriter`. Args: see `AsyncioWriter`."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        stream = self._session.stream
        assert stream is not None
        self._stream = stream
        stream.on_due = self._flush_soon

    def suspend(self) -> None:
        """Send nothing, since there is no link; before that is closed."""
        if self._watches:
            self._watch(False)

    def use(self, link: PollableLink, received: int) -> None:
        """Go on over another link, with a server that has so many bytes of the session."""
        self._link = link
        self._session.go_on(received, self._clock())
        self.flush()
        self.wake()

    def flush(self) -> None:
        """See `AsyncioWriter.flush`."""
        self.gathers = blocked = False
        if self._once.closed:
            return
        try:
            if self._session.suspended is None:
                blocked = self._send_on()
        except BaseException as error:
            pass_end_on(error)
            self._failed(link_lost(self._link.peer, error))
            return
        self._last = self._clock()
        if blocked is not self._watches and self._session.suspended is None:
            self._watch(blocked)
        self.full = self._size > HIGH_WATER
        if not self.full:
            self._room.set()

    def _send_on(self) -> bool:
        """Send what goes now; return whether the link takes no more."""
        stream, out = self._stream, self._out
        while True:
            if not stream.has_piece:
                if not (out and stream.room):
                    return False
                self._size = stream.take(out)
            piece = stream.piece()
            count = self._link.send_some(piece)
            if count:
                self._session.sent(count, self._clock())
                stream.sent(count)
            if count < len(piece):
                return True

    def _is_all_out(self) -> bool:
        return not (self._out or self._stream.has_piece)

    def _flush_soon(self) -> None:
        if not self.gathers and not self._once.closed:
            self._gather(self._loop.call_soon)
