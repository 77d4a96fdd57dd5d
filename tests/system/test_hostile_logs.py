"""What strangers can write into a log: no line but their own, and few of these."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import sig_core as sig
from sig_core.log import ROOM
from tests.support import eventually
from tests.support.plainpeer import dial
from tests.support.rawpeer import RawPeer, control, hello

HARM = "\x1b]0;owned\x07\x9b2J\u202e\r\n2026-01-01 00:00:00 ERROR forged"
CONTROL = set("\x1b\x07\x9b\u202e\r")
SHOWN = "\\u001b]0;owned\\u0007\\u009b2J\\u202e\\r\\n2026-01-01 00:00:00 ERROR forged"


def lines(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if text in record.getMessage()]


def goodbye(peer: RawPeer) -> None:
    peer.open()
    peer.send(control({"method": "goodbye", "params": {"status": -7, "text": HARM}}))


def refused(peer: RawPeer) -> None:
    peer.send(hello(codecs=[HARM]))


@pytest.mark.parametrize("say", [goodbye, refused])
def test_what_a_peer_says_is_written_out(say: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "sig")
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        with RawPeer.connect(server.addresses[0]) as peer:
            say(peer)
            eventually(lambda: lines(caplog, "link closed"))
        (line,) = lines(caplog, "link closed")
        assert SHOWN in line
        assert not set(line) & CONTROL


def test_a_listener_that_raises_on_what_came(caplog: pytest.LogCaptureFixture) -> None:
    def raises(info: Any, data: Any) -> None:
        raise ValueError(data)

    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        server.add_listener(raises, f"s{HARM}")
        signal = client.add_remote_sender(f"s{HARM}", ["e"]).get_signal("e")
        for _ in range(500):
            signal.trigger(HARM)
        client.flush()
        eventually(lambda: server.listener_errors == 501)  # with #connect
        shown = lines(caplog, "listener raises raised")
        assert len(shown) <= 2 * 10
        for text in shown:
            assert not set(text) & CONTROL
            assert all(line.startswith("  ") for line in text.split("\n")[1:])


def test_probes_fill_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        for number in range(300):
            with dial(server.addresses[0]) as sock:
                sock.sendall(b"GET /%d HTTP/1.1\r\n\r\n" % number)
                sock.recv(1)
        assert len(lines(caplog, "link closed")) == 10
        kinds = server._clients.peer_log._kinds
        eventually(lambda: [kind.left_out for kind in kinds.values()] == [290] * 2)  # come, and gone
        server._clients.peer_log.flush()
        (told,) = lines(caplog, "more lines within")
        assert told.startswith("290 more lines")


def test_long_and_many_lines_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        for number in range(400):
            with RawPeer.connect(server.addresses[0]) as peer:
                name = chr(97 + number % 26) * 60 + chr(97 + number // 26)
                peer.send(hello(codecs=[f"{name}{part}" for part in range(16)]))
                peer.read_preface()
                peer.read()
        server._clients.peer_log.flush()
        assert sum(len(record.getMessage()) for record in caplog.records) <= 3 * ROOM
