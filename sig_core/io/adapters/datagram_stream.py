"""A reliable stream over a link of packets: docs/packet-protocol.md, on a thread of its own; or only fragments."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from typing import Final

from sig_core.clock import Clock
from sig_core.contract import Link, LinkTraits
from sig_core.datagram.cookies import LEAST_EPOCH
from sig_core.datagram.stream import ASKED, LINGER, OTHER_VERSION, UNKNOWN, PacketStream, Phase
from sig_core.datagram.wire import OPEN, VERSION, Datagram, Wire, opening
from sig_core.errors import ConnectFailed
from sig_core.links.close_once import CloseOnce, link_lost
from sig_core.links.threads import start_thread
from sig_core.log import log

__all__ = ["ASSUMED_MTU", "HIGH_WATER", "DatagramStream", "FragmentingLink"]

ASSUMED_MTU: Final = 1200  # bytes, of a link that states none: what every path of IPv6 carries (RFC 9000, section 14)
HIGH_WATER: Final = 256 * 1024  # bytes that are written and not sent, at which a sender waits
READ_TIMEOUT: Final = 0.05  # seconds after which the thread looks what is due
MAX_PACKETS: Final = 64  # packets that are taken before what follows from them is sent
JOIN_TIMEOUT: Final = 0.5  # seconds that the thread may take to end, beside the time for the end of the stream
STREAM: Final = LinkTraits(packets=False, reliable=True)


class FragmentingLink:
    """A stream over reliable packets of limited length: fragments of what is sent, in order.

    Args:
        raw: the link that moves the packets; its traits state an `mtu`.
    """

    traits = STREAM

    def __init__(self, raw: Link) -> None:
        assert raw.traits.mtu is not None
        self.peer = raw.peer
        self._raw = raw
        self._mtu = raw.traits.mtu

    def send(self, data: bytes, /) -> None:
        """See `Link`."""
        for begin in range(0, len(data), self._mtu):
            self._raw.send(data[begin : begin + self._mtu])

    def receive(self, timeout: float, /) -> bytes | None:
        """See `Link`."""
        return self._raw.receive(timeout)

    def close(self) -> None:
        """See `Link`."""
        self._raw.close()


class DatagramStream:
    """A stream over packets that may be lost, doubled, damaged or out of order.

    Until `dial`, or until the other side dials, nothing comes.

    Args:
        raw: the link that moves the packets.
        clock: monotonic seconds.
    """

    traits = STREAM

    def __init__(self, raw: Link, clock: Clock = time.monotonic) -> None:
        self.peer = raw.peer
        self._raw = raw
        self._clock = clock
        self._once = CloseOnce(raw, raw.peer)
        self._wire = Wire(raw.traits.mtu or ASSUMED_MTU)
        self._stream: PacketStream | None = None
        self._changed = threading.Condition()
        self._sending = threading.RLock()  # one send at a time, whoever makes it
        self._failed: Exception | None = None
        self._closing = False
        self._sender_waits = False
        self._thread = threading.Thread(target=self._run, name=f"sig-packets {raw.peer}", daemon=True)
        try:
            start_thread(self._thread)
        except BaseException:
            self._once.close()
            raise

    def dial(self, patience: float) -> None:
        """Open the link.

        Raises:
            ConnectFailed: nobody answers within `patience` seconds, or the link broke.
        """
        epoch = int.from_bytes(os.urandom(4), "little") | LEAST_EPOCH
        with self._changed:
            self._stream = stream = PacketStream(self._wire, epoch, self._clock(), dialing=True)
        self._flush()
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or stream.phase is not Phase.DIALING, patience)
            opened = stream.phase is Phase.OPEN
        if not opened:
            why = self._failed or stream.error
            self.close()
            raise ConnectFailed(f"{self.peer}: {why or f'nobody answered within {patience:g} s'}") from why

    # -- the link

    def send(self, data: bytes, /) -> None:
        """See `Link`; waits while 256 KiB wait already."""
        self._sender_waits = True
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._is_over or self._queued < HIGH_WATER)
                if self._stream is None or self._is_over:
                    raise self._why()
                self._stream.write(data)
            self._flush()
        finally:
            self._sender_waits = False

    def receive(self, timeout: float, /) -> bytes | None:
        """See `Link`."""
        with self._changed:
            self._changed.wait_for(self._can_receive, timeout)
            stream = self._stream
            data = stream.read() if stream is not None else b""
            if not data and stream is not None and stream.ended:
                raise EOFError(f"{self.peer}: the peer ended")
            if not data and self._is_over:
                raise self._why()
        if data:
            self._flush()  # there is room again
        return data or None

    def close(self) -> None:
        """End the link: what was sent still arrives, if the peer takes it within 2 s; this call waits for that.

        While another thread waits in `send` the link is cut instead.
        """
        if not self._thread.is_alive():  # it has ended; or this is a forked child, and the link is its parent's
            self._once.close()
            return
        cut = self._sender_waits
        with self._changed:
            self._closing = True
            if self._stream is not None and cut:
                self._stream.lose("closed while a send waited")
            elif self._stream is not None:
                self._stream.finish(self._clock())
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(JOIN_TIMEOUT if cut else LINGER + JOIN_TIMEOUT)
            self._once.close()  # if the medium has not come back: this ends what it does

    @property
    def _is_over(self) -> bool:
        stream = self._stream
        return self._closing or self._failed is not None or (stream is not None and stream.phase is Phase.CLOSED)

    @property
    def _queued(self) -> int:
        return 0 if self._stream is None else self._stream.queued

    def _can_receive(self) -> bool:
        stream = self._stream
        return self._is_over or (stream is not None and (stream.has_data or stream.ended))

    def _why(self) -> Exception:
        broken = self._stream.error if self._stream is not None else None
        return self._failed or broken or OSError(f"{self.peer}: the link is closed")

    # -- the thread

    def _run(self) -> None:
        try:
            while not self._is_done:
                self._turn()
        except EOFError as error:
            self._fail(error)
        except Exception as error:
            self._fail(link_lost(self.peer, error))
        finally:
            self._once.close()
            self._log_counts()

    @property
    def _is_done(self) -> bool:
        return self._is_over and (self._stream is None or self._stream.phase in (Phase.CLOSED, Phase.DIALING))

    def _turn(self) -> None:
        """Receive what is there, then send what follows from it, and what is due."""
        data = _receive(self._raw, self._patience)
        answers: list[bytes] = []
        with self._changed:
            for _ in range(MAX_PACKETS):
                if data is None:
                    break
                packet = self._wire.open(data)
                if packet is not None:
                    answers += self._take(packet, self._clock())
                data = _receive(self._raw, 0.0)
        for answer in answers:
            with self._sending:
                self._raw.send(answer)
        self._flush()

    @property
    def _patience(self) -> float:
        due = READ_TIMEOUT if self._stream is None else self._stream.due - self._clock()
        return max(0.0, min(READ_TIMEOUT, due))

    def _take(self, packet: Datagram, now: float) -> list[bytes]:
        stream = self._stream
        asks = packet.kind == OPEN and packet.tag == ASKED
        if stream is None and asks and packet.version != VERSION:
            return [opening(self._wire, OTHER_VERSION, packet.epoch)]
        if stream is None and asks:
            self._stream = PacketStream(self._wire, packet.epoch, now, dialing=False)
        elif stream is None and packet.kind != OPEN:
            return [opening(self._wire, UNKNOWN, packet.tag)]
        elif stream is not None and asks and packet.epoch != stream.epoch and stream.phase is not Phase.DIALING:
            stream.lose("the peer has begun anew")
        elif stream is not None:
            stream.receive(packet, now)
        return []

    def _flush(self) -> None:
        """Send what is due, on any thread."""
        with self._sending:
            with self._changed:
                packets = [] if self._stream is None else self._stream.packets(self._clock())
                self._changed.notify_all()
            try:
                for packet in packets:
                    self._raw.send(packet)
            except Exception as error:
                self._fail(link_lost(self.peer, error))

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._failed = self._failed or error
            if self._stream is not None:
                self._stream.lose(str(error))
            self._changed.notify_all()

    def _log_counts(self) -> None:
        counts = Counter(damaged=self._wire.damaged)
        if self._stream is not None:
            counts.update(self._stream.counts())
        told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        if told:
            log.info(f"{self.peer}: packets on this link: {told}")


def _receive(raw: Link, timeout: float) -> bytes | None:
    try:
        return raw.receive(timeout)
    except TimeoutError:
        return None
