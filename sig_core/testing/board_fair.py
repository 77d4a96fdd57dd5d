"""A host that keeps every rule, over a line that may do harm: what a board says to it has to come to a good end."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterable

from sig_core.errors import SigError, Status
from sig_core.line.handshake import Syn, SynAck
from sig_core.line.host import HostLine
from sig_core.line.timing import BITS
from sig_core.line.upper_layer import Terms
from sig_core.protocol.board import answered, asked
from sig_core.protocol.items import text_item
from sig_core.testing.board_heard import Heard
from sig_core.testing.board_host import IN, new_sid
from sig_core.testing.checks import Suite
from sig_core.testing.ends import End
from sig_core.testing.waiting import within

__all__ = ["FairHost", "Harm"]

LOOK = 0.05  # seconds of one look at the line
NOBODY = text_item("nobody else is here")  # the answer to requests of the board
KEEPALIVE = 25.0  # seconds


class Harm:
    """Drops, changes, doubles and inserts bytes, the same ones for the same seed.

    Args:
        seed: of the choice.
        rate: of bytes that are harmed.
    """

    def __init__(self, seed: int, rate: float) -> None:
        self._dice = random.Random(seed)
        self._rate = rate

    def __call__(self, data: bytes) -> bytes:
        """Return what is left of it."""
        out = bytearray()
        for byte in data:
            if self._dice.random() >= self._rate:
                out.append(byte)
                continue
            kind = self._dice.randrange(4)  # 0: dropped
            if kind == 1:
                out.append(byte ^ 1 << self._dice.randrange(8))
            elif kind == 2:
                out += bytes((byte, byte))
            elif kind == 3:
                out += bytes((byte, self._dice.randrange(256)))
        return bytes(out)


class FairHost:
    """A host made of the link that servers have.

    Args:
        end: of the link to the board.
        suite: whose time limits hold, and whose name is in failures.

    Attributes:
        harm: what happens to bytes, in both directions; nothing does at first.
        out: messages that are to be sent.
        heard: what the board said in this session.
        terms: what the board said in SYNACK.
    """

    def __init__(self, end: End, suite: Suite) -> None:
        self.harm: Callable[[bytes], bytes] = bytes
        self.out: deque[bytes] = deque()
        self.heard = Heard()
        self.terms: SynAck | None = None
        self._end = end
        self._suite = suite
        self._lost = ""
        now = time.monotonic()
        terms = Terms(keepalive=KEEPALIVE, bitrate=end.traits.bitrate)
        self._line = HostLine(self, terms, new_sid, now)
        self._line.attach(now)

    # -- what a check does

    def run(self, what: str, true: Callable[[], object], seconds: float | None = None) -> None:
        """Be a host until that holds.

        Args:
            what: is waited for, for the failure.
            true: is asked whenever something came.
            seconds: how long to wait, scaled; None: the suite's `timeout`.
        """
        patience = within(self._suite.timeout if seconds is None else seconds)
        until = time.monotonic() + patience
        while self._lost or not true():
            now = time.monotonic()
            if self._lost or now >= until:
                cause = self._lost or f"it did not come true within {patience:g} s, {self._line.counts()}"
                raise AssertionError(f"{self._suite.who}: {what}: {cause}")
            self._serve(now)

    def look(self, true: Callable[[], object], seconds: float) -> None:
        """Be a host until that holds, or so many seconds (scaled) are over."""
        until = time.monotonic() + within(seconds)
        self.run("its session", lambda: true() or time.monotonic() >= until, seconds + self._suite.timeout)

    def _serve(self, now: float) -> None:
        due = self._line.tick(now)
        while self._line.has_output:
            data = self._line.take(4096, now)
            if not data:
                break
            self._end.send(self.harm(data))
        try:
            came = self._end.receive(max(0.001, min(LOOK, due - now)))
        except EOFError:
            self._lost = "the board closed its link"
            return
        if came:
            self._line.receive(self.harm(came), time.monotonic())

    def settle(self, seconds: float | None = None) -> None:
        """Find the board, take its registration, and let it in."""
        self.run("its registration, with all items", lambda: self.heard.complete, seconds)
        self.heard.is_in = True
        self.deliver(IN)

    def seconds(self, size: int) -> float:
        """Return how long so many bytes take on the line; 0: nobody knows its speed."""
        bitrate = self._end.traits.bitrate
        return size * BITS / bitrate if bitrate else 0.0

    def deliver(self, *messages: bytes) -> None:
        """Send messages until all are acknowledged."""
        self.out.extend(messages)
        patience = self._suite.timeout + self.seconds(2 * sum(map(len, messages)))
        window = self._line.window
        self.run("the acknowledgement of what was sent", lambda: not self.out and not window.kinds, patience)

    def ask(self, requests: Iterable[tuple[int, int | str, bytes]], seconds: float | None = None) -> None:
        """Make requests at once, (ID, method, encoded params) each, and wait until all have been answered."""
        wanted = len(self.heard.answers)
        for ident, method, params in requests:
            self.out.append(asked(ident, method, params))
            wanted += 1
        self.run("the answers to all requests", lambda: len(self.heard.answers) >= wanted, seconds)

    def over(self) -> None:
        """End the session in order."""
        now = time.monotonic()
        self._line.finish(now)
        self._end.send(self._line.take(4096, now))

    # -- what its line asks of it

    @property
    def has_message(self) -> bool:
        """See `UpperLayer`."""
        return bool(self.out)

    def next_message(self, room: int) -> bytes | None:
        """See `UpperLayer`."""
        return self.out.popleft() if self.out else None

    def message(self, data: bytes, now: float) -> None:
        """See `UpperLayer`; a request of the board is refused, since nobody else is here."""
        asked_before = len(self.heard.asked)
        self.heard.take(data)
        for request in self.heard.asked[asked_before:]:
            self.out.append(answered(request.id, Status.UNKNOWN_SENDER, NOBODY))

    def connected(self, peer: Syn | SynAck, fresh: bool, now: float) -> None:
        """See `UpperLayer`."""
        self.terms = peer if isinstance(peer, SynAck) else None

    def disconnected(self) -> None:
        """See `UpperLayer`: a fair host asks for the session again."""

    def ended(self, error: SigError, doubtful: int) -> None:
        """See `UpperLayer`."""
        self._lost = f"the session ended in the middle of a check: {error}"

    def printed(self, text: str) -> None:
        """See `UpperLayer`: boards may print."""

    def warned(self, text: str) -> None:
        """See `UpperLayer`."""
        self._lost = text
