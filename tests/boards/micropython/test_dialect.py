"""What the board's messages mean (docs/board-protocol.md, sections 5 to 7)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sig_core.line.packets import ACK, DATA, FIN
from tests.boards.micropython.by_hand import Hand, board

MESSAGES = json.loads((Path(__file__).parents[2] / "vectors" / "board_messages.json").read_text())


def fail(params):
    raise RuntimeError("no sensor")


def fail_silently(params):
    raise KeyError


def only_integers(params):
    if not isinstance(params, int):
        raise ValueError("an integer is expected")
    return params


def requests(**options):
    rig = Hand(
        events=["#changed"],
        requests=[
            ("echo", lambda params: params),
            ("fail", fail),
            ("silent", fail_silently),
            ("integer", only_integers),
            ("set", lambda params: {1, 2}),
        ],
        **options,
    )
    rig.register(message=0)
    return rig


# -- registration


def test_registration_says_everything_in_order():
    rig = Hand(
        "uno",
        events=["#changed", 7],
        requests={"led.set": print, None: print},
        listens=[(("clock", "tick"), print), (("clock", None), print), ((None, None), print), ((None, "#a"), print)],
    )
    assert rig.register() == [
        [0, 0, "uno", 8],
        *([0, 1, "#changed"], [0, 1, 7], [0, 2, "led.set"], [0, 2, None]),
        *([0, 3, "clock", "tick"], [0, 3, "clock", None], [0, 3, None, None], [0, 3, None, "#a"]),
    ]
    assert rig.board.status == 0


def test_a_board_that_only_listens():
    rig = Hand(None, listens=[(("clock", "tick"), print)])
    assert rig.register() == [[0, 0, None, 1], [0, 3, "clock", "tick"]]


def test_what_it_wants_only_the_newest_of():
    nothing = lambda *names: None  # noqa: E731
    rig = Hand(None, listens=[(("clock", "tick"), nothing), (("clock", None), nothing)], latest=[("clock", "tick")])
    assert rig.register() == [[0, 0, None, 2], [0, 5, "clock", "tick"], [0, 3, "clock", None]]


def test_a_refused_registration_says_why_and_may_still_succeed():
    rig = Hand("uno", events=["e"])
    rig.connect()
    rig.acknowledge()
    assert rig.board.status is None
    rig.tell([0, -11, "sender 'uno' is already connected"])
    assert (rig.board.status, rig.board.reason) == (-11, "sender 'uno' is already connected")
    assert not rig.board.fire("e")
    assert not rig.board.ask("clock", "now")
    rig.tell([0, 0])
    assert (rig.board.status, rig.board.reason) == (0, None)
    assert rig.board.fire("e")


def test_nothing_is_fired_before_the_board_is_in():
    rig = Hand("uno", events=["e"])
    assert not rig.board.fire("e")
    rig.connect()
    assert not rig.board.fire("e")
    rig.acknowledge()
    assert not rig.board.room()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"name": ""}, "name of 0 bytes, 1 .. 255 are taken"),
        ({"events": ["é" * 128]}, "name of 256 bytes"),
        ({"events": [None]}, "name None: names are text or integers"),
        ({"requests": {True: print}}, "name True"),
        ({"listens": [((1.5, "tick"), print)]}, "name 1.5"),
        ({"events": list(range(256))}, "256 events, requests and listens, 255 are the most"),
    ],
    ids=str,
)
def test_wrong_names(options, why):
    with pytest.raises(ValueError, match=why):
        Hand(**options)


def test_an_item_that_the_host_does_not_take_is_told_with_both_numbers():
    rig = Hand("uno", mtu=32, events=["e", "x" * 40])
    with pytest.raises(ValueError, match=r"item \['x+'\] of the registration: 45 bytes, the host takes 32"):
        rig.connect(message=0)
    rig.poll()
    assert rig.board.connected
    rig.acknowledge()
    assert rig.messages == []
    assert len(rig.register(sid=8, message=45)) == 3


# -- events


def test_events_have_numbers_in_the_order_of_registration():
    rig = Hand(events=["a", "b", 7], window=8)
    rig.register()
    for event in ("b", 7, "a"):
        assert rig.board.fire(event, {"n": 1})
    assert rig.said() == [[1, 1, {"n": 1}], [1, 2, {"n": 1}], [1, 0, {"n": 1}]]
    with pytest.raises(ValueError, match="no event 'c', there are:"):
        rig.board.fire("c")


@pytest.mark.parametrize(
    ("mtu", "message", "limit"), [(64, 0, 64), (64, 100, 100), (32, 40, 40), (246, 0, 246), (64, 10, 64)]
)
def test_what_does_not_fit_is_refused_with_both_numbers(mtu, message, limit):
    rig = Hand(events=["e"], mtu=mtu)
    rig.register(message=message)
    fits = b"x" * (limit - 5)
    assert rig.board.fire("e", fits)
    assert rig.said() == [[1, 0, fits]]
    with pytest.raises(ValueError, match=rf"event 'e': {limit + 1} bytes, the host takes {limit}"):
        rig.board.fire("e", fits + b"x")
    with pytest.raises(ValueError, match=rf"request 'now': {limit + 1} bytes, the host takes {limit}"):
        rig.board.ask("c", "now", b"x" * (limit - 10))
    with pytest.raises(ValueError, match="can't be carried"):
        rig.board.fire("e", 1e300)
    assert rig.said() == []
    assert rig.board.fire("e")


def test_listened_events_come_with_the_names_that_were_left_open():
    heard = []
    sources = [("clock", "tick"), ("clock", None), (None, "#alarm"), (None, None)]
    rig = Hand(listens=[(source, lambda *args, source=source: heard.append((source, args))) for source in sources])
    rig.register()
    rig.tell([1, 0, 1])
    rig.tell([1, 1, 2, "tick"])
    rig.tell([1, 2, 3, "door"])
    rig.tell([1, 3, [4], "clock", 5])
    assert heard == [
        *((sources[0], (1,)), (sources[1], (2, "tick")), (sources[2], (3, "door")), (sources[3], ([4], "clock", 5)))
    ]
    for number, names in ((0, ["x"]), (1, []), (2, ["a", "b"]), (3, ["a"]), (4, []), (-1, [])):
        rig.tell([1, number, 0, *names])
    assert len(heard) == 4
    assert rig.board.ignored == 6


def test_a_listener_that_fails_is_counted_and_told():
    rig = Hand(listens=[(("clock", "tick"), fail)])
    rig.register()
    rig.tell([1, 0, 1])
    assert rig.board.failed == 1
    assert rig.errors == ["sigboard: the listener to ('clock', 'tick') failed: RuntimeError: no sensor"]


def test_what_the_host_lost_is_counted():
    rig = Hand(listens=[(("clock", "tick"), print), (("clock", None), print)])
    rig.register()
    rig.tell([4, 1, 70000])
    rig.tell([4, 1, 2])
    rig.tell([4, 2, 5])
    assert rig.board.missed == [0, 70002]
    assert rig.board.ignored == 1


# -- requests to the board


@pytest.mark.parametrize(
    ("method", "params", "status", "value"),
    [
        (0, {"a": [1, 2.5]}, 0, {"a": [1, 2.5]}),
        (1, None, -2, "no sensor"),
        (2, None, -2, "KeyError"),
        (3, 5, 0, 5),
        (3, "5", -7, "an integer is expected"),
        (4, None, -2, "the answer: set can't be carried"),
        (5, None, -5, "no method 5"),
        (-1, None, -5, "no method -1"),
        ("reboot", None, -5, "no method 'reboot'"),
        (None, None, -5, "no method None"),
        (True, None, -5, "no method True"),
    ],
)
def test_answers(method, params, status, value):
    rig = requests()
    rig.tell([2, 255, method, params])
    assert rig.said() == [[3, 255, status, value]]


def test_a_method_for_all_others_gets_the_name():
    rig = Hand(requests=[(None, lambda method, params: [method, params]), ("echo", lambda params: params)])
    rig.register()
    rig.tell([2, 0, "reboot", 1])
    rig.tell([2, 1, 1, 2])
    rig.tell([2, 2, 0, 3])
    assert rig.said() == [[3, 0, 0, ["reboot", 1]], [3, 1, 0, 2], [3, 2, -5, "no method 0"]]


def test_an_answer_that_does_not_fit_says_both_numbers():
    rig = requests()
    rig.board._handlers[0] = lambda params: "x" * params
    rig.tell([2, 24, 0, 64 - 7])
    rig.tell([2, 24, 0, 64 - 6])
    assert rig.said() == [[3, 24, 0, "x" * 57], [3, 24, -8, "the answer: 65 bytes, the host takes 64"]]


def test_the_text_of_an_error_is_cut_to_what_fits():
    rig = requests(mtu=16)
    rig.tell([2, 1, 1, 0])
    ((*head, text),) = rig.said()
    assert head == [3, 1, -2]
    assert "no sensor".startswith(text)
    rig.tell([2, 1, 99, 0])
    ((*head, text),) = rig.said()
    assert head == [3, 1, -5]
    assert len(board.pack([*head, text])) <= 16


def test_a_handler_may_fire_and_ask_but_not_poll():
    done = []
    rig = Hand(
        events=["e"],
        requests=[
            ("fire", lambda params: rig.board.fire("e", params)),
            ("ask", lambda params: rig.board.ask("clock", "now", params, lambda *answer: done.append(answer))),
            ("poll", lambda params: rig.board.poll()),
        ],
    )
    rig.register()
    for key in range(3):
        rig.tell([2, key, key, key])
    assert rig.said() == [
        *([1, 0, 0], [3, 0, 0, True], [2, 0, "clock", "now", 1], [3, 1, 0, True]),
        [3, 2, -2, "poll() inside a handler"],
    ]
    rig.tell([3, 0, 0, "noon"])
    assert done == [(0, "noon")]


# -- requests of its own


def asking(**options):
    rig = Hand(**options)
    rig.register()
    rig.answers = []
    return rig


def ask(rig, number, **how):
    return rig.board.ask("clock", "now", number, lambda *answer: rig.answers.append((number, *answer)), **how)


def test_answers_come_in_any_order():
    rig = asking(window=8)
    assert all(ask(rig, number) for number in range(3))
    assert rig.said() == [[2, key, "clock", "now", key] for key in range(3)]
    rig.tell([3, 2, 0, "c"])
    rig.tell([3, 0, -4, "sender 'clock' is not connected"])
    rig.tell([3, 1, 0, None])
    assert rig.answers == [(2, 0, "c"), (0, -4, "sender 'clock' is not connected"), (1, 0, None)]
    rig.tell([3, 1, 0, None])
    assert rig.board.ignored == 1
    assert ask(rig, 9)
    assert rig.said() == [[2, 0, "clock", "now", 9]]


def test_eight_may_be_open():
    rig = asking(window=8)
    assert all(ask(rig, number) for number in range(8))
    rig.acknowledge()
    assert not ask(rig, 8)
    rig.tell([3, 5, 0, None])
    assert ask(rig, 8)


def test_a_request_ends_when_its_time_is_over_and_its_id_is_not_given_again_before_its_answer():
    rig = asking()
    assert ask(rig, 1, timeout_ms=800)
    rig.acknowledge()
    rig.say(ACK, ms=799)
    assert rig.answers == []
    rig.say(ACK, ms=1)
    assert rig.answers == [(1, -14, "no answer within 800 ms")]
    assert ask(rig, 2)
    assert rig.said()[-1][:2] == [2, 1]
    rig.tell([3, 0, 0, "late"])
    assert rig.answers == [(1, -14, "no answer within 800 ms")]
    assert rig.board.ignored == 0
    assert ask(rig, 3)
    assert rig.said()[-1][:2] == [2, 0]


@pytest.mark.parametrize("end", ["new session", "fin"])
def test_a_lost_session_ends_them(end):
    rig = asking()
    ask(rig, 1)
    rig.acknowledge()
    if end == "fin":
        rig.say(FIN)
    else:
        rig.connect(sid=3)
    assert rig.answers == [(1, -10, "the session was lost, it may have run")]
    rig.register(sid=4)
    assert ask(rig, 2)
    assert rig.said() == [[2, 0, "clock", "now", 2]]


def test_what_waits_for_an_answer_may_fail_or_be_nothing():
    rig = asking(window=8)
    rig.board.ask("clock", "now")
    rig.board.ask("clock", "now", 1, lambda status, value: fail(value))
    rig.acknowledge()
    rig.tell([3, 0, 0, 1])
    rig.tell([3, 1, 0, 1])
    assert rig.errors == ["sigboard: what waits for the answer to 'now' failed: RuntimeError: no sensor"]


# -- what is no message


@pytest.mark.parametrize(
    "message",
    [
        *(b"", b"\x80", b"\x01", b"\x82\x61\x30\x00", b"\x82\x09\x00", b"\x81\x00", b"\x83\x01\x00\x64\x61"),
        *(b"\x83\x01\x00\x00\xff", b"\x9f\x01\x00\x00\xff", b"\x83\x01\x00\xfb\x40\x35\x80\0\0\0\0\0", b"\xff" * 20),
        *map(board.pack, ([1, 0], [2, 0, 0], [2, 256, 0, 0], [2, -1, 0, 0], [3, 0, "a", 0], [3, 0, 0], [4, 0])),
        *map(board.pack, ([0, 0, "a", 1], [1.0, 0, 0], [True, 0, 0], [None, 0, 0], [[], 0], {"a": 1}, [4, 0, 1, 2])),
        *map(board.pack, ([4, 0, None], [0, "a"], [3, 0, 0, 0])),
    ],
    ids=lambda message: message.hex() or "nothing",
)
def test_what_is_no_message_is_ignored_and_counted(message):
    rig = Hand(requests={"echo": print}, listens=[(("clock", "tick"), print)])
    rig.register()
    rig.say(DATA, message)
    assert rig.said() == []
    assert rig.board.ignored == 1
    assert rig.board.status == 0
    assert rig.board.missed == [0]


@pytest.mark.parametrize("vector", MESSAGES["from_host"], ids=lambda vector: vector["name"])
def test_good_messages_are_understood(vector):
    sources = [("clock", "tick"), ("clock", None), (None, None), (None, "#alarm")]
    rig = Hand(
        requests=[("echo", lambda params: params), (None, lambda method, params: None)],
        listens=[(source, lambda *args: None) for source in sources],
    )
    rig.register()
    rig.board.ask("clock", "now")
    rig.acknowledge()
    rig.say(DATA, bytes.fromhex(vector["bytes"]))
    assert rig.board.ignored == rig.board.failed == 0


# -- last values


def test_an_event_that_is_state_is_registered_as_such():
    rig = Hand("uno", events=["a", "#changed"], state=["#changed"])
    assert rig.register() == [[0, 0, "uno", 2], [0, 1, "a"], [0, 4, "#changed"]]


def test_a_last_value_is_heard_marked():
    heard = []
    rig = Hand(listens=[(("clock", "tick"), lambda value: heard.append((value, rig.board.is_last)))])
    rig.register()
    rig.tell([5, 0, 7])
    rig.tell([1, 0, 8])
    rig.tell([5, 1, 9])
    assert heard == [(7, True), (8, False)] and rig.board.ignored == 1
