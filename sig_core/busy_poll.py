"""Busy polling: who waits for a message looks for it for a moment before it sleeps. Here is decided when, and how long.

To wake a program costs 20 to 50 us where its processor has gone to sleep, more than all else that it does for a
request. So around requests, and only there, who waits may look again and again, and give way to others between two
looks. That helps where one request follows the other at once: then all waits are short, and shorter still if all who
take part look. It is a waste where somebody else makes the pace. So a wait in vain, and a pause before the next
question, stop it:

    never      where there is one processor: who looks would keep those from working for whom it waits
    not now    50 ms after the last request or answer; when events come in numbers; where somebody else computes: then a
               look takes long, since who gives way has to queue, while who sleeps is let in at once
    seldom     where nothing came within MOST, or LONGER, time and again, twice as many waits as before sleep at once;
               some waits that ended with something end that
    bounded    what is looked in vain takes no more than a share of one processor
"""

from __future__ import annotations

from typing import Final

__all__ = ["BUSY", "FEW", "LONGER", "MOST", "BusyPoll"]

MOST: Final = 100e-6  # seconds of one wait: some times what a program does for a request
LONGER: Final = 200e-6  # where links encrypt, which costs all who take part as much again
SILENCE: Final = 0.05  # seconds after a request or an answer within which another one is likely
BUSY: Final = 250e-6  # seconds of one look, from which on somebody else computes ...
REST: Final = 64  # ... and waits that sleep then
SELDOM: Final = 256  # waits of which one at least is tried
TRUST: Final = 8  # waits that ended with something, after which all is well ...
DOUBT: Final = 3  # ... and as how many of them one in vain counts
BURST: Final = 0.005  # seconds that may be looked in vain at once
FEW: Final = 2048  # bytes of one read, from which on it brought events in numbers


class BusyPoll:
    """Decides for one that waits: a client's link, or the loop of a server.

    Args:
        share: of one processor, 0 to 1, that may be looked in vain.
    """

    __slots__ = ("_credit", "_last", "_most", "_pause", "_seen", "_share", "_skip", "_trust")

    def __init__(self, share: float) -> None:
        self._share = share
        self._most = MOST
        self._last = -SILENCE  # when a request or an answer passed
        self._credit = BURST  # seconds that may be looked in vain now
        self._seen = 0.0  # when that was last added to
        self._pause = 1  # waits that sleep after the next one in vain
        self._skip = 0  # waits that still do
        self._trust = 0

    def take_longer(self) -> None:
        """Note that messages pass over a link that encrypts: they take longer from now on."""
        self._most = LONGER

    def passed(self, now: float) -> None:
        """Note that a request or an answer has passed."""
        self._last = now

    def asks(self, now: float) -> None:
        """Note that somebody here asks, and will wait: if not at once after the last answer, here is the pace made."""
        if now - self._last > MOST:
            self._back_off()
        self._last = now

    def start(self, now: float) -> float:
        """Return until when to look; `now` itself: sleep at once. All times are seconds that resolve microseconds."""
        if now - self._last > SILENCE:
            return now
        if self._skip:
            self._skip -= 1
            return now
        self._credit = min(BURST, self._credit + (now - self._seen) * self._share)
        self._seen = now
        return now + self._most if self._credit > 0 else now

    def found(self) -> None:
        """Note that something came while it was looked for."""
        if self._trust < TRUST:
            self._trust += 1
        else:
            self._pause = 1

    def missed(self, seconds: float) -> None:
        """Note that so many seconds were looked in vain."""
        self._credit -= seconds
        self._back_off()

    def disturbed(self) -> None:
        """Note that one look took BUSY or more: somebody else computes."""
        self._trust = 0
        self._skip = self._pause = max(self._pause, REST)

    def _back_off(self) -> None:
        self._trust -= DOUBT
        if self._trust >= 0:
            return
        self._trust = 0
        self._skip = self._pause
        self._pause = min(2 * self._pause, SELDOM)
