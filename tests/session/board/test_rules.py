"""A board at a server with rules that change: what it loses by that, and is told."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.protocol.limits import Limits
from tests.session.boards import Played, listen
from tests.support.ruled import RuledNet, rules_of

ALL: dict[str, Any] = {"add": ["*"], "see": ["*"], "listen": [{"sender": "*"}]}
LESS = ALL | {"listen": [{"sender": "s", "event": "b"}]}


@pytest.fixture
def net() -> RuledNet:
    """A server at which everybody may do everything."""
    return RuledNet(rules_of(owner=ALL, board=ALL), limits=Limits(max_board_outbox=1024))


@pytest.fixture
def board(net: RuledNet) -> Played:
    """One that listens to two events, and has heard of neither."""
    board = Played(net)
    net.know(board.session, "board")
    link = net.connect()
    link.add_sender("s", ["a", "b"])
    board.register(None, listen("s", "a"), listen("s", "b"))
    for number in range(3):
        link.fire("s", "a", number)
    link.fire("s", "b", 3)
    return board


@pytest.mark.parametrize("after", [{"owner": ALL, "board": LESS}, {"owner": ALL}], ids=["less", "nothing"])
def test_what_waited_for_it_and_may_not_be_heard_is_told(net: RuledNet, board: Played, after: dict[str, Any]) -> None:
    before = board.changes
    net.exchange.apply(rules_of(**after))
    assert board.changes > before and sorted(board.read()) == [[4, 0, 3], [4, 1, 1]]
    assert board.counts["lost"] == {"not allowed any more": 4}


def test_what_gave_way_before_is_told_as_well(net: RuledNet, board: Played) -> None:
    link = net.connect()
    link.add_sender("t", ["e"])
    board.register(None, listen("t", "e"))
    for _ in range(40):
        link.fire("t", "e", "x" * 50)
    assert board.counts["lost"]["slow listener"] > 0
    net.exchange.apply(rules_of(owner=ALL, board=LESS))
    assert board.read() == [[4, 0, 40]]
