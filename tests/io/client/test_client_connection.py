"""What a client's connection is on both faces: which link it has, and may use."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import LinkClosed, LinkLost, LocalProtocolError
from sig_core.io.client.client_connection import ClientConnection
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.testing import FakeClock
from tests.io.client.dials import state_of
from tests.io.client.fakes import ScriptedSession


class Link:
    """A link of which only the session is there."""

    def __init__(self) -> None:
        self.session: Any = ScriptedSession(FakeClock())
        self.cuts = 0

    def cut(self) -> None:
        self.cuts += 1


class Connection(ClientConnection[Any]):
    """One whose client is in a state of the test."""

    def __init__(self) -> None:
        self.state, _, _ = state_of(PendingReply, None, lambda: None)
        nothing: Any = None
        super().__init__("url", nothing, nothing, nothing, self.state, nothing)

    def connected(self) -> Connection:
        self._latest = Link()
        self.adopted()
        self.state.connection.session, self.state.connection.state = self._latest.session, "connected"
        return self


def test_before_there_is_a_link() -> None:
    connection = Connection()
    assert connection.links() == set()
    with pytest.raises(LocalProtocolError, match="not started"):
        connection.open_link()


def test_the_link_that_was_dialled_last_is_its_own_once_it_is_adopted() -> None:
    connection = Connection().connected()
    first = connection.link
    assert connection.open_link() is first and connection.links() == {first}
    connection._latest = Link()
    assert connection.open_link() is first and connection.links() == {first, connection._latest}
    connection.adopted()
    assert connection.open_link() is connection._latest


def test_a_link_that_was_lost_is_refused() -> None:
    connection = Connection().connected()
    assert connection.link is not None
    connection.link.session.fail(LinkLost("gone"))
    with pytest.raises(LinkClosed, match="not connected: gone"):
        connection.open_link()


def test_a_client_that_was_stopped_is_refused_though_its_link_still_lives() -> None:
    connection = Connection().connected()
    connection.state.stop()
    with pytest.raises(LocalProtocolError, match="stopped"):
        connection.open_link()


def test_a_forked_child_lets_go_of_it() -> None:
    connection = Connection().connected()
    assert connection.link is not None
    connection.abandon()
    assert connection.link.cuts == 1 and connection.state.connection.state == "closed by a fork"


def test_a_forked_child_of_a_client_that_was_stopped_has_nothing_to_let_go_of() -> None:
    connection = Connection().connected()
    connection.state.stop()
    connection.abandon()
    assert connection.link is not None and connection.link.cuts == 0
