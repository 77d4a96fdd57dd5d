"""A reliable stream over a link of packets: docs/packet-protocol.md, on a thread of its own; or only fragments."""

from __future__ import annotations

import os
import threading
import time
from typing import Final

from sig_core.clock import Clock
from sig_core.contract import Link, LinkTraits
from sig_core.datagram.endpoint import Endpoint
from sig_core.datagram.stream import LINGER
from sig_core.errors import ConnectFailed
from sig_core.links.close_once import CloseOnce, link_lost
from sig_core.links.threads import start_thread
from sig_core.log import log

__all__ = ["ASSUMED_MTU", "DatagramStream", "FragmentingLink"]

ASSUMED_MTU: Final = 1200  # bytes, of a link that states none: what every path of IPv6 carries (RFC 9000, section 14)
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
        self._end = Endpoint(raw.traits.mtu or ASSUMED_MTU)  # under the lock of what follows
        self._changed = threading.Condition()
        self._sending = threading.RLock()  # one send at a time, whoever makes it
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
        end, chance = self._end, int.from_bytes(os.urandom(4), "little")
        with self._changed:
            end.dial(chance, self._clock())
        self._flush()
        with self._changed:
            self._changed.wait_for(lambda: not end.is_dialing, patience)
            opened = end.is_open
        if not opened:
            why = end.error
            self.close()
            raise ConnectFailed(f"{self.peer}: {why or f'nobody answered within {patience:g} s'}") from why

    # -- the link

    def send(self, data: bytes, /) -> None:
        """See `Link`; waits while 256 KiB wait already."""
        end = self._end
        self._sender_waits = True
        try:
            with self._changed:
                self._changed.wait_for(lambda: end.room > 0 or not end.is_open)
                if not end.is_open:
                    raise self._why()
                end.write(data)
            self._flush()
        finally:
            self._sender_waits = False

    def receive(self, timeout: float, /) -> bytes | None:
        """See `Link`."""
        end = self._end
        with self._changed:
            self._changed.wait_for(lambda: end.has_data or end.ended or end.is_over, timeout)
            data = end.read()
            if not data and end.ended:
                raise EOFError(f"{self.peer}: the peer ended")
            if not data and end.is_over:
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
            if cut:
                self._end.cut("closed while a send waited")
            else:
                self._end.finish(self._clock())
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(JOIN_TIMEOUT if cut else LINGER + JOIN_TIMEOUT)
            self._once.close()  # if the medium has not come back: this ends what it does

    def _why(self) -> Exception:
        return self._end.error or OSError(f"{self.peer}: the link is closed")

    # -- the thread

    def _run(self) -> None:
        try:
            while not self._end.is_done:
                self._turn()
        except EOFError as error:
            self._fail(error)
        except BaseException as error:  # a panic of a compiled driver, too
            self._fail(link_lost(self.peer, error))
        finally:
            self._once.close()
            self._log_counts()

    def _turn(self) -> None:
        """Receive what is there, then send what follows from it, and what is due."""
        data = _receive(self._raw, self._patience)
        answers: list[bytes] = []
        with self._changed:
            for _ in range(MAX_PACKETS):
                if data is None:
                    break
                answers.append(self._end.take(data, self._clock()))
                data = _receive(self._raw, 0.0)
        with self._sending:
            for answer in filter(None, answers):
                self._raw.send(answer)
        self._flush()

    @property
    def _patience(self) -> float:
        return max(0.0, min(READ_TIMEOUT, self._end.due - self._clock()))

    def _flush(self) -> None:
        """Send what is due, on any thread."""
        with self._sending:
            with self._changed:
                packets = self._end.packets(self._clock())
                self._changed.notify_all()
            try:
                for packet in packets:
                    self._raw.send(packet)
            except Exception as error:
                self._fail(link_lost(self.peer, error))

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._end.fail(error)
            self._changed.notify_all()

    def _log_counts(self) -> None:
        told = ", ".join(f"{count} {what}" for what, count in self._end.counts().items() if count)
        if told:
            log.info(f"{self.peer}: packets on this link: {told}")


def _receive(raw: Link, timeout: float) -> bytes | None:
    try:
        return raw.receive(timeout)
    except TimeoutError:
        return None
