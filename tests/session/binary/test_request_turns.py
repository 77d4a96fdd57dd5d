"""A slow handler and somebody with thousands of requests: the others have their turn."""

from __future__ import annotations

from typing import Any

import sig_core as sig
from sig_core.access.principal import Principal
from sig_core.protocol import wire
from sig_core.protocol.limits import Limits
from tests.session.by_hand import Raw, sender_of
from tests.support.named_frames import split_request
from tests.support.sessions import Net


class Owner(Raw):
    """An owner that works on few requests at one time, and answers when the test wants."""

    def __init__(self, net: Net, at_once: int = 4) -> None:
        super().__init__(net, requests=at_once, number=777)
        self.route, _ = sender_of(self, "slow")
        self.asked: list[tuple[int, Any]] = []

    def come(self) -> int:
        """Take what came; give how many."""
        found = [split_request(frame.body) for frame in self.read() if frame.type == wire.REQUEST]
        self.asked += [(ident, self.codec.decode(params)) for ident, _, params in found]
        return len(found)

    def answer(self, count: int = 1) -> list[Any]:
        """Answer the oldest; give what they asked."""
        self.come()
        done, self.asked = self.asked[:count], self.asked[count:]
        self.session.receive_data(b"".join(wire.reply_frame(self.route, ident, b"1") for ident, _ in done), 0.0)
        self.net.pump()
        self.come()
        return [params for _, params in done]


def test_somebody_else_waits_for_a_few_requests_not_for_thousands() -> None:
    net = Net()
    owner, hostile, other = Owner(net), net.connect(), net.connect()
    told = [hostile.request("slow", "m", number) for number in range(5000)]
    assert owner.come() == 4
    mine = other.request("slow", "m", "mine")
    answered = 0
    while not mine:
        owner.answer()
        answered += 1
    assert answered <= 6 and mine == [(1, None)]
    while owner.asked:
        owner.answer(3)
    assert told == [[(1, None)]] * 5000 and len(net.exchange.requests) == 0


def test_many_links_of_one_user_are_one_that_asks() -> None:
    net = Net()
    owner, links, other = Owner(net, 1), [net.connect() for _ in range(9)], net.connect()
    for each in links:
        each.server.port.principal = Principal("panel", "token")
        for number in range(3):
            each.request("slow", "m", number)
    for number in range(5):
        other.request("slow", "m", ["mine", number])
    came = [params for _ in range(12) for params in owner.answer()]
    assert [place for place, params in enumerate(came) if isinstance(params, list)] == [2, 4, 6, 8, 10]


def test_requests_of_one_that_asks_stay_in_order() -> None:
    net = Net()
    owner, askers = Owner(net), [net.connect(codec) for codec in ("json", "msgpack", "cbor")]
    for number in range(50):
        for asker in askers:
            asker.request("slow", "m", [id(asker), number])
    came: list[Any] = []
    while done := owner.answer(2):
        came += done
    for asker in askers:
        assert [number for who, number in came if who == id(asker)] == list(range(50))


def test_who_gives_up_or_leaves_waits_no_more() -> None:
    net = Net()
    owner, one, two = Owner(net), net.connect(), net.connect()
    for number in range(20):
        one.request("slow", "m", number, deadline=1.0)
        two.request("slow", "m", number)
    net.tick(1.5)
    two.lose()
    assert len(net.exchange.requests) == 0
    (turns,) = net.exchange.requests._turns.values()
    assert len(turns) == 0 and turns.at_work == 4
    owner.answer(4)
    assert turns.at_work == 0 and owner.come() == 0


def test_who_had_no_turn_before_the_owner_left_was_not_asked() -> None:
    net = Net()
    owner, asker = Owner(net), net.connect()
    told = [asker.request("slow", "m", number) for number in range(6)]
    owner.session.receive_eof()
    net.pump()
    kinds = [type(error) for ((_, error),) in told]
    assert kinds == [sig.OutcomeUnknown] * 4 + [sig.UnknownSender] * 2
    assert net.exchange.requests._turns == {}


def test_bytes_that_wait_for_one_owner_are_bounded() -> None:
    net = Net(Limits(max_outbox=100_000))
    owner, hostile, other = Owner(net), net.connect(), net.connect()
    told = [hostile.request("slow", "m", "x" * 10_000) for _ in range(30)]
    refused = [answer for answer in told if answer]
    assert {type(error) for ((_, error),) in refused} == {sig.Busy} and len(refused) == 30 - 4 - 10
    mine = other.request("slow", "m", 1)
    while not mine:
        owner.answer()
    assert mine == [(1, None)]


def test_an_owner_that_does_not_say_so_has_all_at_once() -> None:
    net = Net()
    owner, asker = net.connect(), net.connect()
    owner.add_sender("s", [], ["m"])
    for number in range(500):
        asker.request("s", "m", number)
    assert len(owner.asked()) == 500
