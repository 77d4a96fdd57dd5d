"""What one link of a client is on both faces: it opens, passes on what its session reports, and ends."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sig_core.errors import ConnectFailed, HandshakeError, LinkLost
from sig_core.io.client.client_link import ClientLink
from sig_core.protocol.limits import Limits
from sig_core.session.binary.reports import Closed, Gap, Opened

GONE = LinkLost("gone")
GAP = Gap("s", "e", 1, "too slow")


class Session:
    """A session that is as the test says."""

    limits = Limits(handshake=5)
    encoding = "the codec"
    error: Any = None


class Inbound:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.other = self.got.append


class Link(ClientLink):
    """One with a writer that notes when it is woken."""

    def __init__(self) -> None:
        self.made: Any = Session()
        self.inbound: Any = Inbound()
        self.ended: list[Any] = []
        self.opened = threading.Event()
        self.wakes: list[bool] = []
        super().__init__(self.made, self.inbound, lambda *end: self.ended.append(end), "socket://x", self.opened)
        self.writer = self  # type: ignore[assignment]

    def wake(self) -> None:
        self.wakes.append(self.opened.is_set())

    def cut(self) -> None:
        """There is nothing to close."""


def test_once_it_is_open_its_codec_is_known_and_its_ticks_are_due_anew() -> None:
    link, opened = Link(), Opened(None)  # type: ignore[arg-type]
    link.other(opened)
    assert (link.codec, link.wakes, link.opened.is_set(), link.ended) == ("the codec", [False], True, [])
    link.check_opened(True)


def test_its_end_is_told_to_who_waits_and_to_its_owner() -> None:
    link = Link()
    link.made.error = GONE
    link.other(Closed(GONE))
    assert link.opened.is_set() and link.ended == [(link, GONE)]
    with pytest.raises(ConnectFailed, match="socket://x: gone"):
        link.check_opened(True)


def test_all_else_is_passed_on() -> None:
    link = Link()
    link.other(GAP)
    assert link.inbound.got == [GAP] and not link.opened.is_set()


def test_why_it_did_not_open() -> None:
    link = Link()
    with pytest.raises(ConnectFailed, match="socket://x: no answer to the hello within 5 s"):
        link.check_opened(False)
    link.made.error = HandshakeError("no codec in common")
    with pytest.raises(HandshakeError, match="socket://x: no codec in common"):
        link.check_opened(True)
