"""Somebody between a client and a server of TCP: sees, changes and cuts what passes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

__all__ = ["Middle"]
from tests.support import within


class Middle:
    """Passes bytes on; use it in `with`.

    Args:
        target: port of the server on this machine.

    Attributes:
        port: where clients come.
        seen: all bytes that passed, in both directions.
        change: is given what a client says, and returns what the server hears.
    """

    def __init__(self, target: int) -> None:
        self.seen = b""
        self.change: Callable[[bytes], bytes] = lambda data: data
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._damages = False
        self._passes = threading.Event()
        self._passes.set()
        self._halved: set[int] = set()  # descriptors of links whose servers are not told of the end
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def close(self) -> None:
        """Let nobody come any more."""
        self._passes.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def __exit__(self, *exc: object) -> None:
        self.close()
        self.cut()
        for thread in self._threads:
            thread.join(within(10))
        for pair in self._pairs:
            for end in pair:
                end.close()

    def _start(self, run: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=run, args=args)
        self._threads.append(thread)
        thread.start()

    def cut(self) -> None:
        """End the links that there are, without a word."""
        for pair in self._pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def pause(self) -> None:
        """Leave those who come without an answer, until `go_on`."""
        self._passes.clear()

    def go_on(self) -> None:
        """Let those who come through again."""
        self._passes.set()

    def halve(self) -> None:
        """End the links that there are for their clients alone; servers notice nothing."""
        for pair in self._pairs:
            self._halved.update((pair[1].fileno(),))
            with suppress(OSError):
                pair[0].shutdown(socket.SHUT_RDWR)

    def damage(self) -> None:
        """Change a bit of what a client says next."""
        self._damages = True

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._passes.wait()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._pairs.append((client, server))
                self._start(self._pass_on, client, server, True)
                self._start(self._pass_on, server, client, False)

    def _pass_on(self, source: socket.socket, target: socket.socket, of_client: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self.seen += data
                if of_client:
                    data = self.change(data)
                    if self._damages:
                        self._damages = False
                        data = data[:-1] + bytes([data[-1] ^ 1])
                target.sendall(data)
        with suppress(OSError):
            if target.fileno() not in self._halved:
                target.shutdown(socket.SHUT_WR)
