"""Servers and clients on serial lines, and boards at servers, with real I/O."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import threading
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from tests.support import eventually, within
from tests.support.cable import Cable
from tests.support.heard import Heard
from tests.system.socket_board import SocketBoard

pytest.importorskip("serial", reason="pyserial is not installed")


# -- programs on a serial line


@pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])
def test_a_client_on_a_serial_line(codec: str) -> None:
    with Cable() as cable, sig.ServerRouter(cable.url(0)) as server, sig.ClientRouter(cable.url(1), codec) as client:
        heard, back = Heard(), Heard()
        client.add_remote_listener(heard, "here", "tick")
        server.add_listener(back, "far", "tock")
        here = server.add_sender("here", ["tick"], {"add": lambda params: sum(params)})
        far = client.add_remote_sender("far", ["tock"])
        for number in range(200):
            here.get_signal("tick").trigger({"n": number, "pad": "x" * (number % 50)})
            far.get_signal("tock").trigger(number)
        assert [value["n"] for value in heard.wait_for(200)] == list(range(200))
        assert back.wait_for(200) == list(range(200))
        assert client.remote_request("here", "add", [1, 2, 3]) == 6


@pytest.mark.parametrize("noise", ["drop", "flip", "insert", "garbage"])
def test_a_noisy_line(noise: str) -> None:
    dice = random.Random(noise)

    def harm(data: bytes, side: int) -> bytes:
        out = bytearray()
        for byte in data:
            if dice.random() > 0.001:
                out.append(byte)
            elif noise == "flip":
                out.append(byte ^ 1 << dice.randrange(8))
            elif noise == "insert":
                out += bytes((byte, dice.randrange(256)))
            elif noise == "garbage":
                out += dice.randbytes(50) + bytes((byte,))
        return bytes(out)

    with Cable() as cable, sig.ServerRouter(cable.url(0)) as server, sig.ClientRouter(cable.url(1)) as client:
        heard, back = Heard(), Heard()
        client.add_remote_listener(heard, "here", "tick")
        server.add_listener(back, "far", "tock")
        here = server.add_sender("here", ["tick"], {"echo": lambda params: params})
        far = client.add_remote_sender("far", ["tock"])
        cable.edit = harm
        for number in range(300):
            here.get_signal("tick").trigger(number)
            far.get_signal("tock").trigger(number)
        assert heard.wait_for(300) == list(range(300)) == back.wait_for(300)
        assert client.remote_request("here", "echo", "y" * 5000) == "y" * 5000
        cable.edit = lambda data, side: data


def test_a_client_that_ends_and_another_one_on_the_same_line() -> None:
    with Cable() as cable, sig.ServerRouter(cable.url(0)) as server:
        server.add_sender("here", [], {"echo": lambda params: params})
        for number in range(3):
            with sig.ClientRouter(cable.url(1)) as client:
                client.add_remote_sender("far", [])
                assert client.remote_request("here", "echo", number) == number
            eventually(lambda: not server.stats()["senders"] or "far" not in str(server.stats()))


def test_a_server_that_ends_is_noticed_at_once() -> None:
    with Cable() as cable:
        server = sig.ServerRouter(cable.url(0)).start()
        client = sig.ClientRouter(cable.url(1), reconnect=None).start()
        gone = threading.Event()
        try:
            server.add_sender("here", [], {"echo": lambda params: params})
            assert client.remote_request("here", "echo", 1) == 1
            asked = client.request_async("here", "echo", 2)
            asked.result(within(10))
            server.stop()
            with pytest.raises(sig.SigError):
                while not gone.wait(0.05):
                    client.remote_request("here", "echo", 3, timeout=within(8))
        finally:
            client.stop()
            server.stop()


def test_nobody_answers_on_the_line() -> None:
    limits = sig.Limits(handshake=0.5)
    with Cable() as cable, pytest.raises(sig.ConnectFailed, match=r"no server answers .* nothing came"):
        sig.ClientRouter(cable.url(1), limits=limits).start()


def test_something_else_answers_on_the_line() -> None:
    limits = sig.Limits(handshake=0.5)
    with Cable() as cable:
        answers = [b"login: "]

        def answer(data: bytes, side: int) -> bytes:
            if answers:
                cable.inject(answers.pop(), 1)
            return data

        cable.edit = answer
        with pytest.raises(sig.ConnectFailed, match="7 bytes came, none of a server"):
            sig.ClientRouter(cable.url(1), limits=limits).start()


def test_two_servers_on_one_line_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "sig"), Cable() as cable:
        with sig.ServerRouter(cable.url(0)), sig.ServerRouter(cable.url(1)):
            eventually(lambda: sum("is a server too" in text for text in caplog.messages) == 2)


def test_an_asyncio_client_on_a_line() -> None:
    async def main(url: str) -> None:
        async with aio.ClientRouter(url) as client:
            assert await client.remote_request("s", "echo", [1, "x" * 2000]) == [1, "x" * 2000]

    with Cable() as cable, sig.ServerRouter(cable.url(0)) as server:
        server.add_sender("s", [], {"echo": lambda params: params})
        asyncio.run(main(cable.url(1)))


# -- boards on TCP


@pytest.fixture(name="place")
def _place() -> Any:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        yield server, client


def connected(client: Any, name: str = "tiny") -> Heard:
    heard = Heard()
    client.add_remote_listener(heard, name, "#connect")
    client.flush()
    return heard


def test_a_board_fires_hears_and_answers(place: Any) -> None:
    server, client = place
    heard = Heard()
    client.add_remote_listener(heard, "tiny", "e")
    clock = client.add_remote_sender("clock", ["tick"])
    items = ([0, 1, "e"], [0, 2, "echo"], [0, 3, "clock", "tick"])
    with SocketBoard(server.addresses[0], items=items) as board:
        board.run(lambda: [0, 0] in board.got)
        for number in range(50):
            board.fire(0, {"n": number, "t": 21.5})
            clock.get_signal("tick").trigger(number)
        board.run(lambda: len(heard.values) == 50)
        assert [value["n"] for value in heard.values] == list(range(50))
        board.run(lambda: sum(message[0] == 1 for message in board.got) == 50)
        assert [message for message in board.got if message[0] == 1] == [[1, 0, number] for number in range(50)]
        asked = client.request_async("tiny", "echo", {"x": [1, None]})
        client.flush()
        board.run(asked.done)
        assert asked.result(within(5)) == {"x": [1, None]}


def test_it_comes_back_on_a_second_connection_and_nothing_is_lost(place: Any) -> None:
    server, client = place
    heard, gone = Heard(), Heard()
    client.add_remote_listener(heard, "tiny", "e")
    client.add_remote_listener(gone, "tiny", "#disconnect")
    with SocketBoard(server.addresses[0]) as board:
        board.run(lambda: [0, 0] in board.got)
        for round_ in range(4):
            for number in range(5):
                board.fire(0, [round_, number])
            board.run(lambda: len(heard.values) > round_ * 5)  # noqa: B023
            board.close()
            board.connect()
        board.run(lambda: len(heard.values) == 20)
        assert heard.values == [[round_, number] for round_ in range(4) for number in range(5)]
        assert gone.values == []
        assert board.got.count([0, 0]) == 1


def test_half_open_the_second_connection_takes_over_at_once(place: Any) -> None:
    server, client = place
    heard = Heard()
    client.add_remote_listener(heard, "tiny", "e")
    with SocketBoard(server.addresses[0]) as board:
        board.run(lambda: [0, 0] in board.got)
        old = board.sock
        try:
            board.fire(0, "before")
            board.connect()
            board.fire(0, "after")
            board.run(lambda: len(heard.values) == 2, 3.0)
            assert heard.values == ["before", "after"] and board.got.count([0, 0]) == 1
            old.settimeout(within(5))
            while old.recv(4096):
                pass
        finally:
            old.close()


def test_it_is_reset(place: Any) -> None:
    server, client = place
    there, gone = connected(client), Heard()
    client.add_remote_listener(gone, "tiny", "#disconnect")
    with SocketBoard(server.addresses[0]) as board:
        board.run(lambda: [0, 0] in board.got)
        for count in (2, 3):
            board.got.clear()
            board.reset()
            board.run(lambda: [0, 0] in board.got)
            there.wait_for(count)
            gone.wait_for(count - 1)


@pytest.mark.slow
def test_it_stays_away_and_what_was_asked_ends() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        gone = Heard()
        client.add_remote_listener(gone, "tiny", "#disconnect")
        with SocketBoard(server.addresses[0], items=([0, 2, "echo"],)) as board:
            board.run(lambda: [0, 0] in board.got)
            asked = client.request_async("tiny", "echo", 1, timeout=within(30))
            client.flush()
            board.close()
            gone.wait_for(1, 15.0)
            with pytest.raises(sig.OutcomeUnknown):
                asked.result(within(5))


def test_the_name_is_taken_then_free(place: Any) -> None:
    server, client = place
    there = connected(client)
    with SocketBoard(server.addresses[0]) as first, SocketBoard(server.addresses[0]) as second:
        first.run(lambda: [0, 0] in first.got)
        second.run(lambda: second.got)
        assert second.got[0][1] == -11
        first.reset()  # it does not go on, and its session is lost
        first.close()
        second.run(lambda: [0, 0] in second.got)
        there.wait_for(2)


def test_twenty_boards_of_one_firmware() -> None:
    urls = [f"tcp://127.0.0.1:0?prefix=arm{number}/" for number in range(5)]
    with sig.ServerRouter(*urls) as server:
        boards = [SocketBoard(url) for url in server.addresses]
        try:
            for board in boards:
                board.run(lambda: [0, 0] in board.got)  # noqa: B023
            with sig.ClientRouter(server.addresses[0].partition("?")[0]) as client:
                assert set(client.list_remote_senders()) == {f"arm{number}/tiny" for number in range(5)}
        finally:
            for board in boards:
                board.close()


@pytest.mark.parametrize("data", [b"\0" + b"\xaa" * 100, b"\0" * 100, b"\0\0\xff\xff\0"], ids=len)
def test_garbage_that_begins_like_a_board(place: Any, data: bytes) -> None:
    server, client = place
    server.add_sender("here", [], {"echo": lambda params: params})
    host, port = server.addresses[0].removeprefix("tcp://").rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=within(10)) as sock:
        sock.sendall(data)
        assert client.remote_request("here", "echo", 1) == 1
        if len(data) > 64:
            while sock.recv(4096):
                pass


def test_a_flood_of_garbage_from_a_board(place: Any) -> None:
    server, client = place
    server.add_sender("here", [], {"echo": lambda params: params})
    with SocketBoard(server.addresses[0]) as board:
        board.run(lambda: [0, 0] in board.got)
        board.sock.sendall(os.urandom(200_000))
        assert client.remote_request("here", "echo", 1) == 1
        heard = Heard()
        client.add_remote_listener(heard, "tiny", "e")
        client.flush()
        board.fire(0, "still here")
        board.run(lambda: heard.values)


def test_the_server_says_fin() -> None:
    server = sig.ServerRouter("tcp://127.0.0.1:0").start()
    try:
        with SocketBoard(server.addresses[0]) as board:
            board.run(lambda: [0, 0] in board.got)
            stopping = threading.Thread(target=server.stop)
            stopping.start()
            with pytest.raises((EOFError, ConnectionResetError)):
                board.run(lambda: False)
            assert board.sid == 0, "FIN came first"
            stopping.join(within(5))
    finally:
        server.stop()


def test_stats_tell_of_the_line(place: Any) -> None:
    server, _ = place
    with SocketBoard(server.addresses[0]) as board:
        board.run(lambda: [0, 0] in board.got)
        board.sock.sendall(b"\xff\xfe\0")
        board.fire(0, 1)
        board.run(lambda: _line(server).get("damaged") == 1)
        assert set(_line(server)) == {"damaged", "ignored", "resent", "doubled"}


def _line(server: Any) -> dict[str, int]:
    for peer in server.stats()["peers"]:
        if "line" in peer:
            return dict(peer["line"])
    return {}
