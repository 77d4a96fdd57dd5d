"""A board at an exchange, played by the test: whole messages, no line below."""

from __future__ import annotations

from typing import Any

from sig_core.errors import LinkLost, SigError
from sig_core.line.handshake import BOARD, SynAck
from sig_core.protocol.limits import Limits
from sig_core.session.board.renaming import Renaming
from sig_core.session.board.session import BoardSession
from tests.support.sessions import PLUGINS, Net

CODEC = PLUGINS.codecs.get("cbor-board")


def event(name: Any) -> list[Any]:
    return [0, 1, name]


def method(name: str | None) -> list[Any]:
    return [0, 2, name]


def listen(sender: Any = None, event: Any = None, *, latest: bool = False) -> list[Any]:
    return [0, 5 if latest else 3, sender, event]


class Played:
    """A board and its session.

    Attributes:
        changes: times that `on_change` was called.
    """

    def __init__(
        self,
        net: Net,
        *,
        rename: Renaming | None = None,
        mtu: int = 246,
        message: int = 4096,
        limits: Limits | None = None,
    ) -> None:
        self.net = net
        self.changes = 0
        terms = SynAck(sid=1, mtu=mtu, window=4, keepalive=1.0, dialect=BOARD, message=message, long_crc=False)
        self.session = BoardSession(
            net.exchange,
            CODEC,
            limits or net.limits,
            rename or Renaming(),
            peer="board",
            terms=terms,
            line_counts=lambda: {"damaged": 0, "ignored": 0, "resent": 0, "doubled": 0},
        )
        self.session.on_change = self._changed

    def _changed(self) -> None:
        self.changes += 1

    def raw(self, data: bytes) -> None:
        """A message comes."""
        self.session.message(data, self.net.now)
        self.session.flush_events(self.net.now)
        self.net.pump()
        self.check()

    def say(self, *message: Any) -> None:
        self.raw(CODEC.encode(list(message)))

    def register(self, name: Any, *items: list[Any]) -> list[Any]:
        """Register; give what is said to that."""
        self.say(0, 0, name, len(items))
        for item in items:
            self.say(*item)
        return self.read()

    def take(self) -> list[bytes]:
        """Take all that waits for the board."""
        found = []
        while (data := self.session.next_message(246)) is not None:
            found.append(data)
        assert not self.session.has_message
        self.check()
        return found

    def read(self) -> list[Any]:
        """`take`, decoded."""
        return [CODEC.decode(data) for data in self.take()]

    def end(self, doubtful: int = 0, error: SigError | None = None) -> None:
        """The session of the line is over."""
        self.session.end(error or LinkLost("gone"), doubtful)
        self.net.pump()

    @property
    def counts(self) -> dict[str, Any]:
        counts: dict[str, Any] = self.session.stats()["events"]
        return counts

    def check(self) -> None:
        """Nothing is lost uncounted."""
        counts = self.counts
        assert counts["fired"] == counts["out"] + counts["waiting"] + sum(counts["lost"].values()), counts
