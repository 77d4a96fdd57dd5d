"""MicroPython as a sender at a real server, over TCP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sig_core as sig
from tests.boards.micropython.wasm_board import NEEDED, WasmBoard
from tests.support.heard import Heard

pytestmark = [pytest.mark.micropython, NEEDED]


@pytest.fixture(name="place")
def _place() -> Iterator[tuple[sig.ClientRouter, WasmBoard]]:
    """A client, and a board that is registered."""
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0], "json") as client:
        connected = Heard()
        client.add_remote_listener(connected, "mp", "#connect")
        with WasmBoard(int(server.addresses[0].rpartition(":")[2])) as board:
            connected.wait_for(1)
            yield client, board


def test_events_and_requests_both_ways(place):
    client, _ = place
    changed, answers = Heard(), Heard()
    client.add_remote_listener(changed, event="#changed")
    client.add_remote_listener(answers, "mp", "answer")
    clock = client.add_remote_sender("clock", ["tick"], {"now": lambda params: ["noon", params]})
    value = {"a": [1, 2.5, "é"], "long": "x" * 400}
    assert client.remote_request("mp", "echo", value) == value
    with pytest.raises(sig.MessageTooBig, match="takes 512"):
        client.remote_request("mp", "echo", "x" * 512)
    assert client.remote_request("mp", "burst", 100) == 100
    for number in range(100):
        clock.get_signal("tick").trigger(number)
    assert [value["n"] for value in changed.wait_for(100)] == list(range(100))
    client.remote_request("mp", "ask", "where")
    assert answers.wait_for(1) == [[0, ["noon", "where"]]]
    client.flush()
    assert client.remote_request("mp", "stat")[:3] == [100, 0, 100]
    with pytest.raises(sig.SigError, match="failed"):
        client.remote_request("mp", "fail")


def test_a_board_that_is_reset_comes_again(place):
    client, board = place
    gone, back = Heard(), Heard()
    client.add_remote_listener(gone, "mp", "#disconnect")
    client.remote_request("mp", "led.set", 5)
    client.add_remote_listener(back, "mp", "#connect")
    board.reset()
    gone.wait_for(1)
    back.wait_for(1)
    assert client.remote_request("mp", "stat") == [0, 0, 0, 0, 0, 0]


def test_a_link_that_breaks_loses_nothing(place):
    client, board = place
    changed = Heard()
    client.add_remote_listener(changed, event="#changed")
    client.remote_request("mp", "burst", 2000)
    changed.wait_for(100)
    board.program.tell("unplug 500")
    assert [value["n"] for value in changed.wait_for(2000)] == list(range(2000))
    assert client.remote_request("mp", "stat")[:3] == [0, 0, 2000]
