"""Peers of the plain dialect over real links, written from docs/plain.md and from how pysig 0.7 behaved."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from sig_core.address import Address
from sig_core.plugins import default_plugins
from tests.support import within


def dial(url: str, *, receive_buffer: int = 0) -> socket.socket:
    """Connect to a server on tcp or unix."""
    if url.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        where: Any = unquote(url.removeprefix("unix://"))
    else:
        sock = socket.socket()
        host, port = url.removeprefix("tcp://").rsplit(":", 1)
        where = (host, int(port))
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(within(10))
    sock.connect(where)
    return sock


class PlainPeer:
    """Reads and writes lines; `end` is what it puts after each of its messages."""

    def __init__(self, url: str, *, end: bytes = b"\n", receive_buffer: int = 0) -> None:
        self.sock = dial(url, receive_buffer=receive_buffer)
        self.end = end
        self.kept: list[dict[str, Any]] = []  # what it was called while it waited for an answer
        self._file = self.sock.makefile("rb")
        self._last = 0

    def __enter__(self) -> PlainPeer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def send(self, *messages: dict[str, Any]) -> None:
        self.sock.sendall(b"".join(json.dumps(message).encode() + self.end for message in messages))

    def read(self) -> dict[str, Any]:
        """The next message; EOFError at the end."""
        line = self._file.readline()
        if not line:
            raise EOFError
        return dict(json.loads(line))

    def rest(self) -> bytes:
        try:
            return self._file.read()
        except ConnectionResetError:
            return b""

    def call(self, method: str, /, **params: Any) -> Any:
        """Make a call and give the response."""
        self._last += 1
        self.send({"id": f"c{self._last}", "method": method, "params": params})
        while (message := self.read()).get("id") != f"c{self._last}":
            self.kept.append(message)
        assert message["status"] == 0, message
        return message["response"]

    def heard(self) -> dict[str, Any]:
        """The next thing that it is called."""
        return self.kept.pop(0) if self.kept else self.read()

    def name(self) -> str:
        """What the server calls it; of tcp."""
        host, port = self.sock.getsockname()
        return f"tcp://{host}:{port}"

    def end_input(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def close(self, *, reset: bool = False) -> None:
        """Close; with `reset` without the goodbye of TCP."""
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._file.close()
        self.sock.close()


class Packets:
    """A peer on a link of packets, such as local://."""

    def __init__(self, url: str) -> None:
        address = Address.parse(url)
        self.link: Any = default_plugins().carriers.get(address.scheme).connect(address)

    def __enter__(self) -> Packets:
        return self

    def __exit__(self, *exc: object) -> None:
        self.link.close()

    def send(self, *messages: dict[str, Any]) -> None:
        self.link.send("".join(map(json.dumps, messages)).encode())

    def read(self) -> list[dict[str, Any]]:
        """The messages of the next packet."""
        data = self.link.receive(within(10))
        assert data is not None, "nothing came in time"
        return [json.loads(line) for line in data.splitlines()]


class Original:
    """The client of pysig 0.7.3 in short: no framing, what one `recv` gives is one message, or nothing.

    Attributes:
        dropped: what it could not read.
        heard: data of the events that came, by listener.
    """

    def __init__(self, url: str, handlers: dict[str, Callable[[Any], Any]] | None = None) -> None:
        self.dropped: list[bytes] = []
        self.heard: dict[int, list[Any]] = {}
        self._handlers = handlers or {}
        self._sock = dial(url)
        self._sock.settimeout(None)
        self._last = 0
        self._replies: dict[int, Any] = {}
        self._told = threading.Condition()
        self._sending = threading.Lock()
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def call(self, method: str, **params: Any) -> Any:
        """Send a call and wait up to 10 s for its reply; not on the thread that receives."""
        with self._told:
            self._last += 1
            ident = self._last
        self._send({"params": params, "method": method, "id": ident})
        with self._told:
            assert self._told.wait_for(lambda: ident in self._replies, within(10)), f"no reply to {method}"
            return self._replies.pop(ident)

    def listen(self, sender: Any, event: Any) -> int:
        return int(self.call("add_listener", sender=sender, event=event)["response"]["listener_id"])

    def close(self) -> None:
        self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(within(10))
        self._sock.close()

    def _send(self, message: dict[str, Any]) -> None:
        with self._sending:
            self._sock.sendall(json.dumps(message).encode())

    def _receive(self) -> None:
        while data := self._sock.recv(4096):
            try:
                message = json.loads(data)
            except ValueError:
                self.dropped.append(data)
                continue
            self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("status") is not None:
            with self._told:
                self._replies[message["id"]] = message
                self._told.notify_all()
            return
        params = message["params"]
        if message["method"] == "signal":
            self.heard.setdefault(params["listener_id"], []).append(params["data"])
            self._send({"status": 0, "response": None, "id": message["id"]})
        else:
            value = self._handlers[params["method"]](params["params"])
            self._send({"status": 0, "response": value, "id": message["id"]})
