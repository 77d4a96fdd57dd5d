"""A link whose dialect is not known yet."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sig_core.errors import HandshakeError, LinkLost
from sig_core.session.base import State
from sig_core.session.binary.server import ServerSession
from sig_core.session.dialect_detector import DialectDetector
from sig_core.session.dialects import Dialect
from sig_core.session.line.line_session import LineSession
from sig_core.session.link_session import LinkSession
from sig_core.session.plain.session import PlainSession
from tests.session.owners import StationOwner
from tests.support.sessions import VECTORS, Net, octets, opening

FIRST = json.loads((VECTORS / "handshake.json").read_text(encoding="utf-8"))["first_bytes"]


class Begun:
    """An opening, and what became of it."""

    def __init__(self) -> None:
        self.net = Net()
        keeper = StationOwner(self.net)
        self.became: list[Any] = []
        self.session: LinkSession = DialectDetector(
            "peer",
            5.0,
            self.net.server_session,
            {
                Dialect.BOARD: lambda: LineSession("peer", keeper.find(), 5.0),
                Dialect.PLAIN: self.net.plain_session,
            },
            self._become,
        )

    def _become(self, session: LinkSession) -> None:
        self.became.append(session)
        self.session = session


@pytest.mark.parametrize("dialect", FIRST)
def test_the_first_byte_decides(dialect: str) -> None:
    for byte in octets(FIRST[dialect]):
        begun = Begun()
        begun.session.receive_data(bytes((byte,)), 0.0)
        (session,) = begun.became
        assert isinstance(session, {"board": LineSession, "plain": PlainSession}.get(dialect, ServerSession))


def test_a_dialect_that_is_not_served_is_named() -> None:
    net, became = Net(), list[LinkSession]()
    opening = DialectDetector("peer", 5.0, net.server_session, {}, became.append)
    opening.receive_data(b"{", 0.0)
    (session,) = became
    assert str(session.error) == "the peer speaks the plain JSON dialect, which is not served at this address"
    assert json.loads(session.take(1000))["status"] == -7


def test_nothing_is_said_before_the_first_byte() -> None:
    begun = Begun()
    assert (begun.session.has_output, begun.session.take(100)) == (False, b"")
    begun.session.receive_data(b"", 0.0)
    assert begun.became == [] and begun.session.state is State.OPENING


def test_a_program_gets_all_that_came() -> None:
    begun = Begun()
    begun.session.receive_data(opening(), 0.0)
    (session,) = begun.became
    assert session.state is State.OPEN and session.has_output


def test_nobody_says_a_word() -> None:
    begun = Begun()
    assert begun.session.tick(2.0) == pytest.approx(3.0)
    begun.session.tick(5.1)
    (session,) = begun.became
    assert isinstance(session.error, HandshakeError) and session.error.status == -14


def test_a_link_that_ends_at_once() -> None:
    begun = Begun()
    begun.session.receive_eof()
    assert begun.session.error is not None


def test_a_link_that_breaks_and_one_that_is_closed() -> None:
    begun = Begun()
    begun.session.fail(LinkLost("x"))
    assert isinstance(begun.session.error, LinkLost)
    begun = Begun()
    begun.session.close("the server stops")
    assert begun.session.error is not None
