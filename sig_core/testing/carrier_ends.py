"""Checks of the end: it is seen, it comes after the data, and it never hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress

from sig_core.testing.carrier_suite import CarrierSuite
from sig_core.testing.ends import End
from sig_core.testing.waiting import begin, result, within

__all__ = ["EndChecks"]

BLOCKED = 0.3  # seconds of a receive during which somebody closes
QUIET = 0.2  # seconds in which no send comes back: it waits, most likely
ENDED = (OSError, EOFError, ValueError)  # what a call on a closed handle may say


class EndChecks(CarrierSuite):
    """Closing, and being closed."""

    def test_close_twice(self) -> None:
        """C30: A second close changes nothing, and raises nothing.
        Mend: close what can be closed twice, or remember.
        """
        with self.pair() as (client, server):
            for end in (client, server):
                end.close()
                try:
                    end.close()
                except Exception as error:
                    raise AssertionError(f"{self.who}: the second close raised {error!r}") from error

    def test_close_ends_a_receive(self) -> None:
        """C31: A receive that waits while another thread closes the link ends within its timeout. Mend: shut the handle
        down before it is closed, or wait in slices.
        """
        with self.pair() as (client, server):
            for end in (client, server):
                started = threading.Event()
                running = begin(_receive, end, started)
                started.wait(within(self.timeout))
                end.close()
                result(f"{self.who}: receive({BLOCKED:g}), whose link was closed,", BLOCKED + self.timeout, running)

    def test_nothing_hangs_after_close(self) -> None:
        """C32: After close, receive, send and close return or raise at once. Mend: nothing waits for a thread or a peer
        that is gone.
        """
        with self.pair() as (client, server):
            for end in (client, server):
                end.close()
                with suppress(*ENDED):
                    end.receive(0.05)
                with suppress(*ENDED):
                    end.send(b"x")

    def test_end_after_the_data(self) -> None:
        """C33: The peer's close is EOFError, after all that it had sent, and again each time. Mend: raise EOFError
        where the medium gives its end (b"" of a socket); send all before close lets go.
        """
        for closer in (0, 1):
            with self.pair() as ends:
                self.only_reliable(ends[0].traits)
                leaving, staying = ends[closer], ends[1 - closer]
                last = b"".join(number.to_bytes(4, "big") for number in range(32))
                for start in range(0, len(last), 4):
                    leaving.send(last[start : start + 4])
                leaving.close()
                try:
                    got = staying.collect(len(last))
                except OSError as error:
                    text = f"{self.who}: the peer closed, and receive raised {error!r}: first its data, then EOFError"
                    raise AssertionError(text) from error
                lost = f"{len(last)} bytes were sent before close, and {len(got)} arrived unaltered before the end"
                self.check(got == last, lost)
                for _ in range(2):
                    self._check_end(staying)

    def _check_end(self, end: End) -> None:
        end.ended = False
        got = end.packets(1)
        self.check(not got, f"{got!r} came after all that was sent")
        self.check(end.ended, f"the peer closed, and receive gave None for {self.timeout:g} s: the end raises EOFError")

    def test_sending_to_nobody(self) -> None:
        """C34: After the peer closed, send raises OSError before long. Mend: do not swallow what the medium says."""
        with self.pair() as (client, server):
            self.only_reliable(client.traits)
            client.close()
            piece = bytes(self.piece(client.traits))
            self.check(
                self.soon("send to a peer that closed", _send_until_refused, server, piece),
                "the peer closed, and 4,096 sends went well: send raises OSError once the medium knows",
            )

    def test_close_while_nobody_reads(self) -> None:
        """C35: Close returns, and a send that waits ends, also while the peer does not read. Mend: no SO_LINGER, no
        join, no flush that waits in close.
        """
        with self.pair() as (client, _):
            sent: list[int] = []
            sending = begin(_send_until_refused, client, bytes(self.piece(client.traits)), sent)
            self._until_it_waits(sending, sent)
            client.close()
            result(f"{self.who}: send, whose link was closed,", self.timeout, sending)

    def _until_it_waits(self, sending: Future[bool], sent: list[int]) -> None:
        """Return when no send has gone well for a while; a medium that never lets a sender wait takes all."""
        before, until = -1, time.monotonic() + within(self.timeout)
        while len(sent) > before and not sending.done() and time.monotonic() < until:
            before = len(sent)
            wait([sending], within(QUIET))

    def test_close_with_data_unread(self) -> None:
        """C36: Close returns when data came that nobody read, and the peer of a reliable link sees an end.
        Mend: as for C35.
        """
        with self.pair() as (client, server):
            client.send(b"unread")
            server.close()
            if client.traits.reliable:
                ended = self.soon("receive from a peer that closed", _receive_until_ended, client, self.timeout)
                self.check(ended, f"the peer closed with data unread, and receive gave None for {self.timeout:g} s")


def _receive(end: End, started: threading.Event) -> None:
    started.set()
    with suppress(TimeoutError, *ENDED):
        end.link.receive(BLOCKED)


def _send_until_refused(end: End, piece: bytes, sent: list[int] | None = None) -> bool:
    """Return whether a send was refused before 4,096 of them went well; `sent` gets the size of each that did."""
    done = [] if sent is None else sent

    def send() -> None:
        end.link.send(piece)
        done.append(len(piece))

    return _is_refused(send, 4096)


def _receive_until_ended(end: End, seconds: float) -> bool:
    return _is_refused(lambda: end.link.receive(0.05), int(within(seconds) / 0.1))


def _is_refused(call: Callable[[], object], times: int) -> bool:
    for _ in range(times):
        try:
            call()
        except TimeoutError:
            continue
        except ENDED:
            return True
    return False
