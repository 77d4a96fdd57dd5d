"""A board as a port of the exchange: events, requests, what is lost and how it is told."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.errors import Busy, EncodeError, LinkLost, MessageTooBig, OutcomeUnknown, UnknownMethod
from sig_core.protocol.limits import Limits
from sig_core.session.base import State
from sig_core.session.binary.reports import Events
from tests.session.boards import CODEC, Played, event, listen, method
from tests.support.sessions import CODECS, VECTORS, Net

LAW = settings(derandomize=True, deadline=None, max_examples=150)
BAD = json.loads((VECTORS / "board_messages.json").read_text(encoding="utf-8"))["bad_from_board"]


def told(messages: list[Any]) -> dict[int, int]:
    """How many events the board was told it missed, by item."""
    found: dict[int, int] = {}
    for message in messages:
        if message[0] == 4:
            found[message[1]] = found.get(message[1], 0) + message[2]
    return found


# -- messages that are none


@pytest.mark.parametrize("entry", BAD, ids=lambda entry: entry["name"])
def test_bad_messages_are_ignored_and_counted(entry: dict[str, Any]) -> None:
    board = Played(Net())
    board.register("uno", event("e"))
    board.raw(bytes.fromhex(entry["bytes"]))
    assert (board.session.ignored, board.read()) == (1, [])
    assert board.session.state is State.OPEN
    board.say(1, 0, 5)
    assert board.counts["in"] == 1


@LAW
@given(st.lists(st.binary(max_size=30), max_size=10))
def test_any_messages_do_no_harm(messages: list[bytes]) -> None:
    board = Played(Net())
    for message in messages:
        board.raw(message)
    board.take()
    assert board.register("uno")[-1] == [0, 0]


# -- events of the board


@pytest.mark.parametrize("codec", CODECS)
def test_an_event_in_the_codec_of_who_hears_it(codec: str) -> None:
    net = Net()
    board, client = Played(net), net.connect(codec)
    client.listen("uno", "#changed")
    board.register("uno", event("#changed"))
    board.say(1, 0, {"n": 7, "t": 21.5})
    assert client.values() == [{"n": 7, "t": 21.5}]


def test_who_hears_cbor_gets_the_bytes_as_they_are() -> None:
    net = Net()
    board, client = Played(net), net.connect("cbor")
    client.listen("uno", "e")
    board.register("uno", event("e"))
    value = bytes.fromhex("a2616e1900076174fa41ac0000")  # 7 in three bytes: not how anybody would write it
    board.raw(b"\x83\x01\x00" + value)
    assert any(value in report.data for report in client.of(Events))


def test_events_of_its_own_that_it_listens_to() -> None:
    board = Played(Net())
    board.register("uno", event("e"), listen("uno", "e"))
    board.say(1, 0, "self")
    assert board.read() == [[1, 0, "self"]]


def test_events_before_it_is_in_and_without_a_number_are_refused_and_counted() -> None:
    board = Played(Net())
    board.say(1, 0, 1)
    board.register("uno", event("e"))
    board.say(1, 1, 1)
    assert (board.counts["refused"], board.counts["in"]) == (2, 0)


def test_presence_is_not_the_boards_to_fire() -> None:
    net = Net()
    board, client = Played(net), net.connect()
    client.listen(None, "#connect")
    board.register("uno", event("#connect"))
    client.heard()
    board.say(1, 0, "false")
    assert client.heard() == [] and board.counts["refused"] == 1


# -- events for the board


def test_an_event_comes_once_for_each_item_in_the_order_of_dispatch() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.add_sender("s", ["#e", "plain", 7])
    board.register(None, listen("s", "#e"), listen(None, "#e"), listen("s"), listen())
    link.fire("s", "#e", 1)
    link.fire("s", "plain", 2)
    link.fire("s", 7, 3)
    assert board.read() == [
        [1, 3, 1, "s", "#e"],
        [1, 2, 1, "#e"],
        [1, 1, 1, "s"],
        [1, 0, 1],
        [1, 3, 2, "s", "plain"],
        [1, 2, 2, "plain"],
        [1, 3, 3, "s", 7],
        [1, 2, 3, 7],
    ]
    assert board.counts["out"] == board.counts["fired"] == 3


def test_of_an_item_that_wants_the_newest_one_event_waits() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.add_sender("s", ["e", "f"])
    board.register(None, listen("s", latest=True), listen("s", "f"))
    for number in range(3):
        link.fire("s", "e", number)
        link.fire("s", "f", number)
    messages = board.read()
    assert [each for each in messages if each[0] == 1] == [
        [1, 0, 2, "e"],  # in the place of the first of its kind
        [1, 0, 2, "f"],
        [1, 1, 0],
        [1, 1, 1],
        [1, 1, 2],
    ]
    assert told(messages) == {0: 4}
    counts = board.counts
    assert counts["fired"] == counts["out"] + sum(counts["lost"].values()) == 6
    assert set(counts["lost"]) == {"superseded"}
    link.fire("s", "e", 3)
    assert board.read() == [[1, 0, 3, "e"]]


@LAW
@given(st.lists(st.tuples(st.sampled_from("ef"), st.integers(1, 400), st.booleans()), max_size=60))
def test_what_a_board_gets_and_is_told_adds_up(fired: list[tuple[str, int, bool]]) -> None:
    net = Net()
    board, link = Played(net, limits=Limits(max_board_outbox=1024)), net.connect()
    link.add_sender("s", ["e", "f"])
    board.register(None, listen("s", "e", latest=True), listen("s", "f"), listen("s"))
    messages: list[Any] = []
    for number, (name, size, reads) in enumerate(fired):
        link.fire("s", name, [number, "x" * size])
        messages += board.read() if reads else []
    messages += board.read()
    missed = told(messages)
    for item, names in ((0, "e"), (1, "f"), (2, "ef")):
        got = [each[2][0] for each in messages if each[0] == 1 and each[1] == item]
        assert got == sorted(got)
        assert len(got) + missed.get(item, 0) == sum(name in names for name, _, _ in fired)
    counts = board.counts
    assert counts["fired"] == counts["out"] + sum(counts["lost"].values()) == len(fired)


def test_the_same_item_twice() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.add_sender("s", ["e"])
    board.register(None, listen("s", "e"), listen("s", "e"))
    link.fire("s", "e", 1)
    assert board.read() == [[1, 0, 1], [1, 1, 1]]


def test_floats_are_narrowed_and_what_board_codec_can_not_carry_is_lost_and_told() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.add_sender("s", ["a", "b"])
    board.register(None, listen("s", "a"), listen("s", "b"))
    for value in (21.3, 2**40, 1e300, {"x": [2**33]}, 5):
        link.fire("s", "a", value)
    link.fire("s", "b", 1)
    messages = board.read()
    assert told(messages) == {0: 3}
    assert [message for message in messages if message[0] == 1] == [[1, 0, 21.299999237060547], [1, 0, 5], [1, 1, 1]]
    assert list(board.counts["lost"].values()) == [3]


def test_what_is_too_long_for_an_item_is_told_for_that_item() -> None:
    net = Net()
    board, link = Played(net, mtu=48, message=0), net.connect()
    link.add_sender("s", ["e"])
    board.register(None, listen("s", "e"), listen())
    text = "x" * 41
    assert len(CODEC.encode([1, 0, text])) <= 48 < len(CODEC.encode([1, 1, text, "s", "e"]))
    link.fire("s", "e", text)
    link.fire("s", "e", "y" * 60)
    messages = board.read()
    assert [message for message in messages if message[0] == 1] == [[1, 0, text]]
    assert told(messages) == {0: 1, 1: 2}
    assert board.counts["fired"] == 2


def test_the_oldest_events_give_way_and_each_item_is_told_how_many() -> None:
    net = Net(Limits(max_board_outbox=2048))
    board, link = Played(net), net.connect()
    link.add_sender("s", ["a", "b"])
    board.register(None, listen("s", "a"), listen("s", "b"), listen("s"))
    rng, fired = random.Random(1), {"a": 0, "b": 0}
    for number in range(300):
        name = rng.choice("ab")
        fired[name] += 1
        link.fire("s", name, [number, "x" * 20])
        assert board.session.stats()["queue"]["bytes"] <= 2048
        board.check()
    messages = board.read()
    came = {number: sum(message[:2] == [1, number] for message in messages) for number in (0, 1, 2)}
    missed = told(messages)
    assert {number: came[number] + missed[number] for number in (0, 1, 2)} == {0: fired["a"], 1: fired["b"], 2: 300}
    values = [message[2][0] for message in messages if message[:2] == [1, 2]]
    assert values == sorted(values) and values[-1] == 299, "the newest are kept"
    assert board.counts["lost"].keys() == {"slow listener"}


def test_a_loss_is_told_even_if_nothing_else_is_to_be_said() -> None:
    net = Net()
    board, link = Played(net, mtu=32, message=0), net.connect()
    link.add_sender("s", ["e"])
    board.register(None, listen("s", "e"))
    before = board.changes
    link.fire("s", "e", "x" * 100)
    assert board.session.has_message and board.changes > before
    assert board.read() == [[4, 0, 1]]


def test_a_board_holds_nobody_back() -> None:
    net = Net(Limits(max_board_outbox=1024))
    board, link = Played(net), net.connect()
    link.add_sender("s", ["e"])
    board.register(None, listen("s", "e"))
    for _ in range(100):
        link.fire("s", "e", "x" * 100)
        assert not link.server.reading_paused
    assert board.session.stats()["queue"]["bytes"] <= 1024


# -- requests to the board


def asked(board: Played) -> list[Any]:
    return [message for message in board.read() if message[0] == 2]


def test_requests_by_number_and_by_name() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    board.register("uno", method("a"), method(None), method("b"))
    answers = [link.request("uno", name, {"p": 1}) for name in ("b", "a", "other")]
    messages = asked(board)
    assert [message[2:] for message in messages] == [[2, {"p": 1}], [0, {"p": 1}], ["other", {"p": 1}]]
    assert [message[1] for message in messages] == [0, 1, 2]
    for ident in (2, 0, 1):
        board.say(3, ident, 0, ["done", ident])
    assert [answer[0][0] for answer in answers] == [["done", 0], ["done", 1], ["done", 2]]


def test_a_method_that_it_does_not_have() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    board.register("uno", method("a"))
    ((value, error),) = link.request("uno", "b", None)
    assert value is None and isinstance(error, UnknownMethod)
    assert asked(board) == []


@pytest.mark.parametrize(("status", "text"), [(-2, "no sensor"), (-5, "x"), (-7, "y"), (-8, "z"), (-32768, "odd")])
def test_a_failure(status: int, text: str) -> None:
    net = Net()
    board, link = Played(net), net.connect()
    board.register("uno", method("a"))
    answer = link.request("uno", "a", None)
    board.say(3, asked(board)[0][1], status, text)
    ((_, error),) = answer
    assert text in str(error)
    assert error.status == (status if status > -100 else -2)


def test_an_answer_that_is_no_value_fails_the_request_and_is_counted() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    board.register("uno", method("a"))
    answer = link.request("uno", "a", None)
    ident = asked(board)[0][1]
    board.raw(b"\x84\x03" + bytes((ident,)) + b"\x00\xfb\x40\x35\x80\0\0\0\0\0")
    ((_, error),) = answer
    assert error is not None and board.session.ignored == 1
    assert asked_again(board, link) == ident, "it was answered, so the id is free"


def asked_again(board: Played, link: Any) -> int:
    link.request("uno", "a", None)
    found: int = asked(board)[0][1]
    return found


def test_answers_to_nothing_are_ignored_and_counted() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    board.register("uno", method("a"))
    board.say(3, 0, 0, 1)
    link.request("uno", "a", None)
    ident = asked(board)[0][1]
    board.say(3, ident + 1, 0, 1)
    board.say(3, ident, 0, 1)
    board.say(3, ident, 0, 2)
    assert board.session.ignored == 3


def test_an_id_is_not_given_again_before_its_answer_whether_anybody_waits_or_not() -> None:
    net = Net()
    board, link, other = Played(net), net.connect(), net.connect()
    board.register("uno", method("a"))
    link.request("uno", "a", None)
    (first,) = asked(board)
    link.lose()
    seen = {first[1]}
    for _ in range(255):
        other.request("uno", "a", None)
        seen.add(asked(board)[0][1])
    assert len(seen) == 256
    ((_, error),) = other.request("uno", "a", None)
    assert isinstance(error, Busy) and "256" in str(error)
    board.say(3, first[1], 0, None)
    assert board.session.ignored == 0
    told_late = other.request("uno", "a", None)
    assert asked(board)[0][1] == first[1] and told_late == []


def test_params_that_are_too_long_fail_with_both_numbers() -> None:
    net = Net()
    board, link = Played(net, mtu=48, message=0), net.connect()
    board.register("uno", method("a"))
    ((_, error),) = link.request("uno", "a", "x" * 100)
    assert isinstance(error, MessageTooBig)
    assert f"{len(CODEC.encode([2, 0, 0, 'x' * 100]))} bytes" in str(error) and "48" in str(error)
    assert asked(board) == []
    assert asked_again(board, link) == 0


@pytest.mark.parametrize("params", [2**40, 1e300])
def test_params_that_no_board_can_be_told(params: Any) -> None:
    net = Net()
    board, link = Played(net), net.connect()
    board.register("uno", method("a"))
    ((_, error),) = link.request("uno", "a", params)
    assert isinstance(error, EncodeError) and asked(board) == []


def test_requests_do_not_give_way_but_are_refused_when_too_much_waits() -> None:
    net = Net(Limits(max_board_outbox=2048))
    board, link = Played(net), net.connect()
    board.register("uno", method("a"))
    answers = [link.request("uno", "a", "x" * 100) for _ in range(40)]
    refused = [answer for answer in answers if answer]
    assert refused and all(isinstance(answer[0][1], Busy) for answer in refused)
    assert len(asked(board)) == 40 - len(refused)
    assert board.session.stats()["queue"]["bytes"] == 0


@pytest.mark.parametrize("codec", CODECS)
def test_values_of_answers_are_transcoded(codec: str) -> None:
    net = Net()
    board, link = Played(net), net.connect(codec)
    board.register("uno", method("a"))
    answer = link.request("uno", "a", {"x": [1, None, "é"]})
    (message,) = asked(board)
    assert message[3] == {"x": [1, None, "é"]}
    board.say(3, message[1], 0, message[3])
    assert answer[0][0] == {"x": [1, None, "é"]}


# -- requests of the board


def test_a_request_of_the_board() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.add_sender("clock", [], ["now"])
    board.register(None)
    board.say(2, 9, "clock", "now", [1, 2])
    link.serve(lambda name, params: {"method": name, "params": params})
    assert board.read() == [[3, 9, 0, {"method": "now", "params": [1, 2]}]]


def test_before_it_is_registered_it_may_ask() -> None:
    net = Net()
    board = Played(net)
    board.say(2, 0, "clock", "now", None)
    assert board.read() == [[3, 0, -4, "sender 'clock' is not connected"]]


def test_it_may_ask_itself() -> None:
    board = Played(Net())
    board.register("uno", method("m"))
    board.say(2, 3, "uno", "m", 5)
    (message,) = board.read()
    assert message == [2, 0, 0, 5]
    board.say(3, 0, 0, 6)
    assert board.read() == [[3, 3, 0, 6]]


def test_an_unknown_method_and_a_failure() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.add_sender("clock", [], ["now"])
    board.say(2, 1, "clock", "then", None)
    (answer,) = board.read()
    assert answer[:3] == [3, 1, -5]
    board.say(2, 1, "clock", "now", None)
    link.serve(lambda name, params: 1 / 0 if params else (_ for _ in ()).throw(Busy("not now")))
    (answer,) = board.read()
    assert answer[:3] == [3, 1, -9] and "not now" in answer[3]


def test_an_id_that_is_open_is_ignored_and_counted() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.add_sender("clock", [], ["now"])
    board.say(2, 1, "clock", "now", "first")
    board.say(2, 1, "clock", "now", "second")
    assert board.session.ignored == 1
    assert len(link.serve(lambda name, params: params)) == 1
    assert board.read() == [[3, 1, 0, "first"]]
    board.say(2, 1, "clock", "now", "third")
    link.serve(lambda name, params: params)
    assert board.read() == [[3, 1, 0, "third"]]


@pytest.mark.parametrize(("value", "status"), [("x" * 200, -8), (2**40, -13), (1e300, -13)])
def test_an_answer_that_the_board_can_not_be_told(value: Any, status: int) -> None:
    net = Net()
    board, link = Played(net, mtu=64, message=0), net.connect()
    link.add_sender("clock", [], ["now"])
    board.say(2, 1, "clock", "now", None)
    link.serve(lambda name, params: value)
    (data,) = board.take()
    assert len(data) <= 64
    answer = CODEC.decode(data)
    assert answer[:3] == [3, 1, status]


def test_the_sender_that_was_asked_goes_away() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.add_sender("clock", [], ["now"])
    board.say(2, 1, "clock", "now", None)
    link.lose()
    (answer,) = board.read()
    assert answer[:3] == [3, 1, -10]


def test_text_of_a_failure_is_cut_between_letters() -> None:
    net = Net()
    board = Played(net, mtu=32, message=0)
    board.say(2, 1, "é" * 60, "now", None)
    (data,) = board.take()
    assert len(data) <= 32 and CODEC.decode(data)[:3] == [3, 1, -4]


def test_a_board_that_asks_and_takes_no_answers_needs_no_memory() -> None:
    net = Net(Limits(max_board_outbox=4096))
    board = Played(net)
    for number in range(1000):
        board.say(2, number % 256, "nobody", "m", None)
        board.say(0, 0, None, 0)
    assert board.session.stats()["queue"]["bytes"] <= 4096
    ignored = board.session.ignored
    assert len(board.read()) + ignored == 2000 and ignored > 1000
    board.say(2, 0, "nobody", "m", None)
    assert board.read()[0][:3] == [3, 0, -4], "when it takes them, all is well again"


# -- held


def test_held_it_gets_no_credit_until_those_who_listen_have_caught_up() -> None:
    net = Net(Limits(max_outbox=8192))
    board, slow = Played(net), net.connect()
    slow.listen("uno", "e")
    board.register("uno", event("e"))
    slow.frozen = True
    before = board.changes
    for _ in range(300):
        board.say(1, 0, "x" * 100)
        if board.session.reading_paused:
            break
    assert board.session.reading_paused and board.changes > before
    slow.frozen = False
    net.tick(0.2)
    assert not board.session.reading_paused


def test_a_new_registration_while_it_is_held_lets_it_go_on() -> None:
    net = Net(Limits(max_outbox=8192))
    board, slow = Played(net), net.connect()
    slow.listen("uno", "e")
    board.register("uno", event("e"))
    slow.frozen = True
    while not board.session.reading_paused:
        board.say(1, 0, "x" * 100)
    board.register("uno", event("e"))
    slow.frozen = False
    net.tick(5.0)
    assert not board.session.reading_paused


# -- the end


def test_the_end_fails_what_is_open_and_disconnects_the_sender() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.listen(None, "#disconnect")
    board.register("uno", method("a"))
    answer = link.request("uno", "a", None)
    asked(board)
    board.end()
    ((_, error),) = answer
    assert isinstance(error, OutcomeUnknown)
    assert [heard.sender for heard in link.heard()] == ["uno"]
    assert "uno" not in net.exchange.senders
    board.end()


def test_an_answer_that_comes_after_the_end_reaches_nobody() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.add_sender("clock", [], ["now"])
    board.say(2, 1, "clock", "now", None)
    board.end()
    link.serve(lambda name, params: 5)
    assert net.exchange.stats(peers=False)["requests"]["open"] == 0


@pytest.mark.parametrize("doubtful", [0, 1, 2, 3])
def test_what_is_in_doubt_at_the_end_is_counted_as_lost(doubtful: int) -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.add_sender("s", ["e"])
    board.register(None, listen("s", "e"))
    for number in range(5):
        link.fire("s", "e", number)
    for _ in range(3):
        board.session.next_message(100)
    board.end(doubtful)
    total = net.exchange.stats(peers=False)["events"]
    lost = sum(total["lost"].values())
    assert lost == 2 + doubtful
    assert total["fired"] == total["out"] + total["waiting"] + lost


def test_messages_in_doubt_that_are_no_events_are_not_counted() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.add_sender("s", ["e"])
    board.register("uno", method("m"), listen("s", "e"))
    link.fire("s", "e", 1)
    link.request("uno", "m", None)
    board.take()
    board.end(2)
    assert board.session.traffic.lost.total() == 1


# -- the sum, whatever happens


@pytest.mark.parametrize("seed", range(15))
def test_fired_is_delivered_waiting_or_lost_at_all_times(seed: int) -> None:
    dice, net = random.Random(seed), Net(Limits(max_board_outbox=1500))
    link = net.connect()
    link.add_sender("s", ["#a", "b"])
    board = Played(net, mtu=dice.choice([32, 246]), message=dice.choice([0, 300]))
    items = [listen(), listen("s"), listen("s", "b"), listen(None, "#a"), listen("s", "#a")]
    for step in range(300):
        what = dice.randrange(10)
        if what < 5:
            value = dice.choice([1, "x" * dice.randrange(400), 2**40, None])
            link.fire("s", dice.choice(["#a", "b"]), value)
        elif what < 8:
            board.session.next_message(100)
        elif what == 8 and step % 5 == 0:
            board.say(0, 0, None, 2)
            board.say(*dice.choice(items))
            board.say(*dice.choice(items))
        board.check()
    board.end(dice.randrange(5))
    total = net.exchange.stats(peers=False)["events"]
    assert total["fired"] == total["out"] + total["waiting"] + sum(total["lost"].values())


def test_neighbouring_events_go_on_as_one_run() -> None:
    board = Played(Net())
    board.register("uno", event("a"), event("b"))
    for number, value in ((0, 1), (0, 2), (1, 3), (0, 4)):
        board.session.message(CODEC.encode([1, number, value]), board.net.now)
    assert board.counts["in"] == 3  # the last one waits for more of its kind
    board.session.message(CODEC.encode([2, 1, "nobody", "x", None]), board.net.now)
    assert board.counts["in"] == 4  # what is no event comes behind it


def test_events_that_were_gathered_when_the_session_ends_count() -> None:
    board = Played(Net())
    board.register("uno", event("a"))
    board.session.message(CODEC.encode([1, 0, 1]), board.net.now)
    board.session.end(LinkLost("the board was reset"), 0)
    assert board.counts["in"] == 1


def test_what_was_known_of_senders_that_left_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sig_core.session.board.session.SPARE_NAMES", 20)
    monkeypatch.setattr("sig_core.session.board.registration.REMEMBERED", 20)
    net = Net(Limits(max_departed=10))
    board, program = Played(net), net.connect()
    board.register(None, listen())
    for number in range(300):
        program.add_sender(f"job {number}", ["e"])
        program.fire(f"job {number}", "e", number)
        program.call("remove_sender", sender=f"job {number}")
        board.read()
    assert len(board.session._names) < 50
    assert board.session._registration is not None and len(board.session._registration._matches) <= 20
    board.check()
