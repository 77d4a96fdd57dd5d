"""The stream of a session over all its links: what it sends is kept until the peer has it (docs/protocol.md, 12)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from sig_core.errors import RemoteProtocolError, SigError
from sig_core.protocol.acked_frames import AckedFrameReader
from sig_core.protocol.hello import Hello, Resume
from sig_core.protocol.wire import ack_frame

__all__ = ["KeptStream"]

ACKS: Final = 4  # acks for each window of the peer: it never waits for one while the link is quick


def _ignore() -> None:
    return None


class KeptStream:
    """Put what is to be sent with `put`, send what `piece` gives, and say so with `sent`; `reader` takes what comes.

    On threads one at a time sends, and one at a time feeds the reader; `cut` and `resume` come when neither does.

    Args:
        seconds: for which the session waits for its next link.
        window: bytes that are kept here at most, but for the piece that exceeds it.
        max_frame: see `FrameReader`.

    Attributes:
        seconds: as given; once the peers have agreed, what they agreed on.
        agreed: both sides have said that the session may outlive its link. What is put before that is kept, too.
        reader: cuts what comes.
        at: what has left on this link ends here, with what is sent of an ack.
        end: offset behind all that was put.
        cut_by: why there is no link, while a client's session waits for the next one; None: there is one.
        hello: of the client, with which it comes back.
        on_cut: called when a client's session begins to wait for another link.
        resumed: how often the session went on over another link.
        on_due: called when there is an ack to send, or room again; maybe on another thread than that which sends.
    """

    __slots__ = (
        *("_acked", "_keeps", "_kept", "_offered", "_piece", "_step", "_told", "_unsent"),
        *("agreed", "at", "cut_by", "end", "hello", "on_cut", "on_due", "reader", "resumed", "seconds", "window"),
    )

    def __init__(self, seconds: float, window: int, max_frame: int) -> None:
        self.seconds = seconds
        self.window = window
        self.agreed = False
        self.reader = AckedFrameReader(max_frame, self.acknowledge, self._due)
        self.end = self.resumed = 0
        self.on_due: Callable[[], None] = _ignore
        self.on_cut: Callable[[], None] = _ignore
        self.hello: Hello | None = None
        self.cut_by: SigError | None = None
        self._kept: deque[tuple[int, bytes]] = deque()  # offset behind it, and what the peer may not have
        self._unsent: deque[bytes | memoryview] = deque()  # of that, what has not left on the link that there is
        self._piece: bytes | memoryview = b""  # of which a part has left, or an ack
        self._acked = 0  # the peer has all before this offset
        self.at = 0
        self._offered = 0  # what was ever about to leave ends here
        self._told = 0  # what the peer was told that is here
        self._step = 0  # after so many bytes more it is told again
        self._keeps = True

    def agree(self, terms: Resume) -> None:
        """Note what the peer agrees to, or asks for."""
        self.agreed = True
        self.seconds = min(self.seconds, terms.seconds)
        self._step = max(1, terms.window // ACKS)
        self.reader.ack_at = self._told + self._step

    def terms(self, *, again: bool = False) -> Resume:
        """Return what this side says in its hello, or welcome; `again`: the session goes on."""
        if not again:
            return Resume(seconds=self.seconds, window=self.window)
        received = self._told = self.reader.received
        self.reader.ack_at = received + self._step
        return Resume(seconds=self.seconds, window=self.window, received=received)

    # -- out

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self.end - self._kept[0][0] + len(self._kept[0][1]) if self._kept else 0

    @property
    def room(self) -> int:
        """Bytes that may be put now; 0: none, before the peer acknowledges what it got."""
        return max(0, self.window - (self.end - self._acked)) if self._keeps else self.window

    @property
    def has_piece(self) -> bool:
        """Whether `piece` would give something."""
        return bool(self._piece or self._unsent) or self._is_ack_due

    def put(self, data: bytes) -> None:
        """Append whole frames to what is sent."""
        self._unsent.append(data)
        if self._keeps:
            self._kept.append((self.end + len(data), data))
        self.end += len(data)

    def take(self, out: list[bytes]) -> int:
        """Put the oldest frames of an output that is not empty: all, or what there is room for, but one at least.

        An interrupt (`sig_core/interrupts.py`) neither loses nor doubles any.

        Args:
            out: they are taken off it; others may append to it meanwhile.

        Returns:
            Bytes that are left of those that were there.
        """
        taken, first, left = len(out), out[0], 0
        data = bytes(first) if taken == 1 else b"".join(out[:taken])
        if taken > 1 and len(data) > self.room:
            taken, size = 0, 0
            while size < self.room or not taken:
                size += len(out[taken])
                taken += 1
            left, data = len(data) - size, data[:size]
        end = self.end
        try:
            self.put(data)
            del out[:taken]
        except BaseException:
            if self.end != end and out and out[0] is first:
                del out[:taken]
            raise
        return left

    def piece(self) -> bytes | memoryview:
        """Return what is to be sent next on this link, b"": nothing; the same until some of it is sent."""
        if not self._piece:
            if self._is_ack_due:
                self._told = received = self.reader.received
                self.reader.ack_at = received + self._step
                self._piece = ack_frame(received)
                self.at -= len(self._piece)  # it is no part of the stream
            elif self._unsent:
                self._piece = self._unsent.popleft()
                self._offered = max(self._offered, self.at + len(self._piece))
        return self._piece

    def sent(self, count: int) -> None:
        """Note that so many bytes of the piece have left."""
        self.at += count
        self._piece = memoryview(self._piece)[count:] if count < len(self._piece) else b""

    # -- in

    @property
    def _is_ack_due(self) -> bool:
        return self._offered > 0 and self.reader.received >= self.reader.ack_at  # first comes the hello, or welcome

    def _due(self) -> None:
        self.on_due()

    def tick(self) -> None:
        """Tell the peer what is here, if there is anything to tell; called when a keep-alive may be due."""
        if self.agreed and self.reader.received > self._told:
            self.reader.ack_at = self._told + 1
            self.on_due()

    def acknowledge(self, offset: int) -> None:
        """Drop what the peer has.

        Raises:
            RemoteProtocolError: that was never sent, or it has said before that it has more.
        """
        if not self.agreed:
            raise RemoteProtocolError("an ack, where no resume was agreed on")
        if not self._acked <= offset <= self._offered:
            text = f"an ack of {offset} bytes: {self._offered} were sent, and {self._acked} acknowledged before"
            raise RemoteProtocolError(text)
        was_full = not self.room
        self._drop(offset)
        if was_full:
            self.on_due()

    def _drop(self, offset: int) -> None:
        self._acked = offset
        kept = self._kept
        while kept and kept[0][0] <= offset:
            kept.popleft()

    # -- links

    def cut(self) -> None:
        """Note that the link has ended: what of a frame came in part comes again."""
        self.reader.cut()

    def can_resume(self, received: int) -> bool:
        """Return whether the session may go on with a peer that has so many bytes of it."""
        return self._acked <= received <= self._offered

    def resume(self, received: int) -> None:
        """Go on over another link, with a peer that has so many bytes."""
        self._drop(received)
        self._piece, self.at = b"", received
        self._unsent = deque(memoryview(data)[max(0, received - end + len(data)) :] for end, data in self._kept)
        self.resumed += 1

    def give_up(self) -> None:
        """Keep nothing any more: the peer knows no resume, or the session has ended. What is unsent is still sent."""
        self.agreed = self._keeps = False
        self.reader.ack_at = math.inf
        self._kept.clear()
