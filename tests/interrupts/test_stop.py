"""`stop` while `start` goes on: it returns, `start` raises, and nothing is left."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

import sig_core as sig
from sig_core.testing import begin, eventually
from tests.support import nothing_left_behind, within

__all__ = ["nothing_left_behind"]


def test_while_the_resolver_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go_on = threading.Event(), threading.Event()
    resolve = socket.getaddrinfo

    def hang(*args: Any, **kwargs: Any) -> Any:
        asked.set()
        go_on.wait(within(60))
        return resolve(*args, **kwargs)

    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        monkeypatch.setattr(socket, "getaddrinfo", hang)
        client = sig.ClientRouter(server.addresses[0])
        starting = begin(client.start)
        assert asked.wait(within(10))
        client.stop()
        assert not client.is_connected
        go_on.set()
        with pytest.raises(sig.SigError):
            starting.result(within(20))
        client.stop()
        assert not client.is_connected
        eventually(lambda: not server.peers)
