"""What a forked child keeps of a server on asyncio: nothing; and the parent's loop goes on."""

from __future__ import annotations

import os
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from tests.support import nothing_left_behind  # noqa: F401 - a fixture
from tests.support.forked import in_child, sockets
from tests.support.served import LOOPS, Served, run

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_fork_on_another_thread(loop: str) -> None:
    with Served(loop, "tcp://127.0.0.1:0", "local://fork") as served:
        served.server.add_sender("s", ["e"], {"echo": lambda params: params})
        before = sockets()
        with sig.ClientRouter(served.url) as client:
            client.flush()
            assert in_child(lambda: served.server._state != "closed by a fork") == 0
            assert client.remote_request("s", "echo", 1) == 1
        with sig.ClientRouter("local://fork") as client:
            assert client.remote_request("s", "echo", 2) == 2
        assert before


def test_a_fork_on_the_loop_leaves_the_child_no_socket_and_the_parent_all(loop: str) -> None:
    async def main() -> None:
        before = sockets()
        async with aio.ServerRouter("tcp://127.0.0.1:0") as server:
            signal = server.add_sender("s", ["e"], {"echo": lambda params: params}).get_signal("e")
            async with aio.ClientRouter(server.addresses[0]) as client:
                await client.flush()
                assert len(sockets() - before) == 3

                def check() -> int:
                    signal.trigger(1)
                    left: Any = sockets() - before
                    return len(left)

                assert in_child(check) == 0
                for number in range(3):
                    assert await client.remote_request("s", "echo", number) == number
                assert len(server.peers) == 1

    run(loop, main())
