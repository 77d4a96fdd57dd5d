"""A peer that speaks the wire by hand, written from docs/protocol.md: what a program of another make would send."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support import within

PREFACE = bytes.fromhex("f55349470d0a0001")
CONTROL, EVENT, REQUEST, REPLY, ERROR = range(5)
INFO = 0x10


def frame(head: int, route: int, body: bytes) -> bytes:
    return struct.pack("<IBI", 5 + len(body), head, route) + body


def control(message: dict[str, Any]) -> bytes:
    return frame(CONTROL, 0, json.dumps(message).encode())


def call(ident: int, method: str, **params: Any) -> bytes:
    return control({"id": ident, "method": method, "params": params})


def hello(**changes: Any) -> bytes:
    fields = {"codecs": ["json"], "client": os.urandom(16).hex(), "max_frame": 1 << 24, "keepalive": 60, **changes}
    return PREFACE + frame(CONTROL, 0, json.dumps(fields).encode())


def welcome(**changes: Any) -> bytes:
    fields = {"codec": "json", "node": "0" * 32, "token": "00", "max_frame": 1 << 24, "keepalive": 60, **changes}
    return PREFACE + frame(CONTROL, 0, json.dumps(fields).encode())


class RawPeer:
    """A JSON link, as either side of it. Reads whole frames as (head, route, body); None at the end."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(within(10))
        self.sock = sock
        self._file = sock.makefile("rb")

    @classmethod
    def connect(cls, url: str, *, receive_buffer: int = 0) -> RawPeer:
        host, port = url.removeprefix("tcp://").rsplit(":", 1)
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect((host, int(port)))
        return cls(sock)

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()
        self.sock.close()

    def send(self, *parts: bytes) -> None:
        self.sock.sendall(b"".join(parts))

    def open(self, **changes: Any) -> RawPeer:
        """Say hello and read the welcome."""
        self.send(hello(**changes))
        self.read_preface()
        assert "codec" in self.message()
        return self

    def read_preface(self) -> None:
        assert self._file.read(8) == PREFACE

    def read(self) -> tuple[int, int, bytes] | None:
        head = self._file.read(9)
        if len(head) < 9:
            return None
        length, kind, route = struct.unpack("<IBI", head)
        return kind, route, self._file.read(length - 5)

    def frames(self) -> Iterator[tuple[int, int, bytes]]:
        """Give all frames until the end; keep-alives are left out."""
        while (got := self.read()) is not None:
            if got != (CONTROL, 0, b""):
                yield got

    def message(self) -> dict[str, Any]:
        """Give the next control message."""
        for kind, _, body in self.frames():
            if kind == CONTROL:
                return dict(json.loads(body))
        raise EOFError("the link ended before a control message came")

    def ask(self, ident: int, method: str, **params: Any) -> Any:
        """Call, and give the response; what comes before it is skipped."""
        self.send(call(ident, method, **params))
        while (message := self.message()).get("id") != ident:
            pass
        assert message["status"] == 0, message
        return message["response"]

    def rest(self) -> bytes:
        """Read to the end."""
        try:
            return self._file.read()
        except ConnectionResetError:
            return b""


@contextmanager
def raw_server() -> Iterator[tuple[str, socket.socket]]:
    """Give a URL and the listening socket behind it: a server that is played by the test."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(within(10))
        yield f"tcp://127.0.0.1:{listening.getsockname()[1]}", listening
