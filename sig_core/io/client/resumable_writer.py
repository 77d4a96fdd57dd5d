"""The writer of a client whose session may outlive its link: what it sends is kept, and waits while there is none."""

from __future__ import annotations

import threading
from typing import Any

from sig_core.contract import Link, PollableLink
from sig_core.interrupts import find_interrupt
from sig_core.io.client.writer import ROOM_TIMEOUT, Writer, counted
from sig_core.io.sync.auto_reset_event import AutoResetEvent
from sig_core.links.close_once import link_lost
from sig_core.session.binary.gate import HIGH_WATER

__all__ = ["ResumableWriter"]


class ResumableWriter(Writer):
    """Sends what the session has in `out` by way of its stream.

    Nothing of it is sent without a link, nor while the server has not acknowledged as much as may be kept. Publishers
    go on until so much waits that the gate is full; then they wait, as for a server that does not read. Args: see
    `Writer`.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        stream = self._session.stream
        assert stream is not None
        self._stream = stream
        self._is_away = False
        self._room = AutoResetEvent()  # a thread that waits for room looks again
        self._is_awaited = False  # one may
        stream.on_due = self._wake.set

    # -- links

    def use(self, link: Link, received: int) -> None:
        """Go on over another link, with a server that has so many bytes of the session."""
        with self._lock:
            self._link = link
            self._pollable = link if isinstance(link, PollableLink) else None
            self._counted = counted(link)
            self._put = self._put_uncounted if self._counted is None else self._counted.send_counted
            self._session.go_on(received, self._clock())
            self._is_away = False
        self._wake.set()

    def _not_sent(self, error: BaseException) -> None:
        """Lose the link, since it broke, or since part of a frame may be out; what interrupted the send is raised."""
        interrupt = find_interrupt(error) if isinstance(error, Exception) else error
        if interrupt is None or self._counted is None:
            self._failed(link_lost(self._link.peer, error))
            self._is_away = self._session.suspended is not None
            self._stopping = self._stopping or not self._is_away
        if interrupt is not None:
            raise interrupt

    # -- sending

    def make_room(self) -> None:
        """See `Writer.make_room`."""
        if threading.get_ident() == self.reading_thread:
            self._read_on()
            return
        self._is_awaited = True  # before it looks: who makes room from now on sets the event
        self.flush()
        while self.full and not self._stopping and self._session.error is None:
            self._room.wait(ROOM_TIMEOUT)
            self._is_awaited = True
            self.flush()
        self._room.set()  # for the next that waits

    def _drain(self, *, block: bool) -> bool:
        stream, out = self._stream, self._out
        while self._may_send():
            if not out and not stream.has_piece:
                self._note_size(0)
                return True
            if not self._send_next() and (self._stopping or not (block and self._may_send() and self._wait_for_room())):
                break
        self._note_size(self._size)
        return False

    def _note_size(self, size: int) -> None:
        """Note how much waits; who waits for room is told, whoever made it."""
        self.full = size > HIGH_WATER
        if self._is_awaited and not self.full:
            self._is_awaited = False
            self._room.set()

    def _may_send(self) -> bool:
        stream = self._stream
        if self._stopping or self._is_away or self._session.suspended is not None:
            return False
        return stream.has_piece or bool(stream.room) or not self._out

    def _waits_for_link(self) -> bool:
        return self._pollable is not None and self._may_send()

    def _is_all_out(self) -> bool:
        return not self._out and not self._stream.has_piece

    def _send_next(self) -> bool:
        """Send what the stream has, or takes now; return whether all that went out."""
        stream = self._stream
        if not stream.has_piece:
            self._size = self._stream.take(self._session.out)
        piece, at, counts = stream.piece(), stream.at, list[int]()
        try:
            self._put(piece, counts)
            self._last = self._fine_clock()
            self._session.sent(counts[0], self._clock())
            stream.sent(counts[0])
        except BaseException as error:
            if not counts:
                self._not_sent(error)
                return False
            if stream.at == at:  # an interrupt came behind the send
                stream.sent(counts[0])
            raise
        return counts[0] == len(piece)
