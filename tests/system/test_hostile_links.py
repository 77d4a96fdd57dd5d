"""Peers that only take up room: others get in, and what they leave behind is bounded (docs/security.md)."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from tests.support import eventually
from tests.support.plainpeer import PlainPeer, dial
from tests.system.socket_board import SocketBoard


def server_of(**limits: Any) -> sig.ServerRouter:
    return sig.ServerRouter("tcp://127.0.0.1:0", limits=sig.Limits(**limits))


def has_room(server: sig.ServerRouter) -> None:
    """A program and a plain peer come, and do something."""
    with sig.ClientRouter(server.addresses[0], reconnect=None) as client, PlainPeer(server.addresses[0]) as peer:
        sender = client.add_remote_sender("healthy", ["e"], {"double": lambda value: 2 * value})
        assert peer.call("request", sender="healthy", method="double", params=4) == 8
        assert sender.name == "healthy"


@pytest.mark.parametrize("said", [b"", b"{}", b"\xf5SIG\r\n\0\x01", b"\0\0\0"])
def test_silent_peers_keep_nobody_out(said: bytes) -> None:
    with server_of(max_links=50) as server, ExitStack() as crowd:
        for _ in range(120):
            crowd.enter_context(dial(server.addresses[0])).sendall(said)
        eventually(lambda: len(server.peers) >= 50)
        has_room(server)
        assert len(server.peers) <= 50


def test_who_comes_and_comes_keeps_nobody_out() -> None:
    with server_of(max_unknown=16) as server, ExitStack() as crowd:
        for number in range(200):
            crowd.enter_context(dial(server.addresses[0]))
            if number % 50 == 49:
                has_room(server)
        eventually(lambda: len(server.peers) <= 16)


def board_at(server: sig.ServerRouter, name: str) -> SocketBoard:
    board = SocketBoard(server.addresses[0], name=name)
    board.run(lambda: server.has_sender(name))
    return board


def test_sessions_of_boards_count_as_links() -> None:
    with server_of(max_links=5) as server:
        first = board_at(server, "b0")
        for number in range(1, 30):
            board_at(server, f"b{number}").close()
            assert len(server._clients.stations) + len(server.peers) <= 2 * 5  # its link, and its session
        assert sum(server.has_sender(f"b{number}") for number in range(30)) <= 5
        assert server.has_sender("b0"), "who is there stays"
        has_room(server)
        first.close()


def test_the_number_of_a_session_is_no_way_in() -> None:
    with server_of() as server, ExitStack() as stack:
        board = stack.enter_context(board_at(server, "b"))
        thief = SocketBoard(server.addresses[0], name="thief", sid=board.sid, source="127.0.0.2")
        stack.enter_context(thief)
        thief.run(lambda: server.has_sender("thief"))
        assert thief.sid != board.sid
        heard: list[Any] = []
        server.add_listener(lambda info, data: heard.append(data), "b", "e")
        board.fire(0, 5)
        board.run(lambda: heard == [5])


def test_on_asyncio_too() -> None:
    async def scenario() -> None:
        async with aio.ServerRouter("tcp://127.0.0.1:0", limits=sig.Limits(max_links=20)) as server:
            (address,) = server.addresses
            with ExitStack() as crowd:
                for _ in range(60):
                    crowd.enter_context(await asyncio.to_thread(dial, address)).sendall(b"{}")
                async with aio.ClientRouter(address, reconnect=None) as client:
                    await client.add_remote_sender("healthy", ["e"])
                    assert server.has_sender("healthy")
                    assert len(server.peers) <= 20

    asyncio.run(scenario())
