"""The example that speaks TLS, at a real server; `ssl` of CPython, with reads and writes as MicroPython has them."""

from __future__ import annotations

import runpy
import socket
import ssl
import sys
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import sig_core as sig
from tests.boards.micropython.by_hand import FOLDER
from tests.support import eventually, within
from tests.support.certificates import Authority
from tests.support.heard import Heard

RULES = """version = 1
[roles.thermometer]
add = ["{user}"]
[roles.panel]
listen = [{ sender = "thermometer" }]
see = ["*"]
request = [{ sender = "thermometer" }]
[[who]]
certificate = { uri = "sig:thermometer" }
user = "thermometer"
roles = ["thermometer"]
[[who]]
certificate = { uri = "sig:panel" }
user = "panel"
roles = ["panel"]
"""


class Unplugged(Exception):
    """The board has no power any more."""


class Wrapped:
    """A socket of TLS as MicroPython has it: what would wait gives None."""

    def __init__(self, sock: ssl.SSLSocket, mains: Mains) -> None:
        self.setblocking, self.close, self._sock, self._mains = sock.setblocking, sock.close, sock, mains

    def read(self, size: int) -> bytes | None:
        self._mains.check()
        try:
            return self._sock.read(size)
        except ssl.SSLWantReadError:
            time.sleep(0.001)  # a board has nothing else to do, a test has
            return None

    def write(self, data: bytes) -> int | None:
        try:
            return self._sock.write(data)
        except ssl.SSLWantWriteError:
            return None


class Mains:
    """Power for a board, and its modules `ssl` and `socket`; `house.lan` is this machine."""

    def __init__(self, port: int) -> None:
        self.on = True
        self.links: list[ssl.SSLSocket] = []
        mains = self

        class Context(ssl.SSLContext):
            def wrap_socket(self, sock: socket.socket, **options: str) -> Wrapped:  # type: ignore[override]
                secured = super().wrap_socket(sock, **options)
                mains.links.append(secured)
                return Wrapped(secured, mains)

        self.ssl = types.SimpleNamespace(SSLContext=Context, PROTOCOL_TLS_CLIENT=ssl.PROTOCOL_TLS_CLIENT)
        self.socket = types.SimpleNamespace(
            socket=socket.socket,
            SOCK_STREAM=socket.SOCK_STREAM,
            getaddrinfo=lambda host, *rest: [(host == "house.lan", ("127.0.0.1", port))],
        )

    def check(self) -> None:
        if not self.on:
            raise Unplugged


@pytest.fixture
def mains(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Mains]]:
    """The address of a server with rules, and the power of a board that is on."""
    for name, hosts, uri in (
        ("house", ["house.lan", "127.0.0.1"], ""),
        ("hall", [], "sig:thermometer"),
        ("panel", [], "sig:panel"),
    ):
        authority.issue(name, *hosts, uri=uri)
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    rules.chmod(0o600)
    url = "tls+tcp://127.0.0.1:0" + authority.query("house", min="1.2")
    with sig.ServerRouter(url, rules=rules) as server:
        power = Mains(int(server.addresses[0].rpartition(":")[2]))
        sensor = types.SimpleNamespace(read_u16=lambda: 14_000)
        for name, stand_in in (
            ("ssl", power.ssl),
            ("socket", power.socket),
            ("machine", types.SimpleNamespace(ADC=lambda _: sensor)),
        ):
            monkeypatch.setitem(sys.modules, name, stand_in)
        monkeypatch.setattr(time, "ticks_ms", lambda: int(time.monotonic() * 1000), raising=False)
        monkeypatch.setattr(time, "ticks_diff", lambda new, old: new - old, raising=False)
        monkeypatch.chdir(authority.folder)
        thread = threading.Thread(target=_run)
        thread.start()
        try:
            yield server.addresses[0], power
        finally:
            power.on = False
            thread.join(within(10))
            for link in power.links:
                link.close()


def _run() -> None:
    try:
        runpy.run_path(str(FOLDER / "examples" / "thermometer_tls.py"))
    except Unplugged:
        return


def test_a_board_is_known_by_its_certificate_and_goes_on_after_a_cut(
    mains: tuple[str, Mains], authority: Authority
) -> None:
    address, power = mains
    heard = Heard()
    with sig.ClientRouter(address + authority.query("panel")) as client:
        client.add_remote_listener(heard, "thermometer", "#changed")
        assert 27 < heard.wait_for(1)[0]["t"] < 28
        assert 27 < client.remote_request("thermometer", "read") < 28
        socket.socket.shutdown(power.links[0], socket.SHUT_RDWR)  # without a word of TLS
        eventually(lambda: len(power.links) == 2, 10)
        before = len(heard.values)
        eventually(lambda: len(heard.values) > before, 10)
        assert 27 < client.remote_request("thermometer", "read") < 28
