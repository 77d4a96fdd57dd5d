"""A carrier of one's own, as pysig 0.7 describes them: messages are JSON, compressed with zlib, each behind its length.

    python examples/compressed_carrier.py

runs a server and two clients over it, in one process; in real life they are processes of their own. A carrier that is
written for `sig_core.contract` instead does with less: no threads, no ids, no replies.
"""

from __future__ import annotations

import itertools
import queue
import socket
import struct
import threading
import zlib
from contextlib import suppress
from typing import Any

import sig_core.compat as sig

__all__ = ["CompressedClient", "CompressedServer"]

LENGTH = struct.Struct("!I")  # before each message: its bytes
LONGEST = 16 * 1024 * 1024  # bytes of a message that is taken
PATIENCE = 10.0  # seconds that a reply is waited for


class Compressed(sig.Carrier):
    """How messages look on the way.

    Attributes:
        plain, packed: bytes of the messages that went out, before and after.
    """

    plain = packed = 0

    def pack(self, message: Any) -> bytes | None:
        """Compress the JSON of a message."""
        plain = super().pack(message)
        if plain is None:
            return None
        packed = zlib.compress(plain)
        self.plain += len(plain)
        self.packed += len(packed)
        return packed

    def unpack(self, data: bytes) -> Any:
        """Read what `pack` made; None: it is not that."""
        try:
            return super().unpack(zlib.decompress(data))
        except zlib.error as error:
            sig.logger.warning(f"{len(data)} bytes are not compressed: {error}")
            return None


class Connection:
    """A socket, and who waits for which reply on it."""

    def __init__(self, carrier: Compressed, clientid: Any, sock: socket.socket) -> None:
        self.carrier = carrier
        self.clientid = clientid
        self.sock = sock
        self._numbers = itertools.count(1)
        self._waiting: dict[int, queue.SimpleQueue[Any]] = {}
        self._sending = threading.Lock()
        self._over = False

    def call(self, message: dict[str, Any]) -> Any:
        """Send a message and give the reply to it; None: the connection has ended."""
        number = message["id"] = next(self._numbers)
        reply = self._waiting[number] = queue.SimpleQueue()
        try:
            self._send(message)
            return None if self._over else reply.get(timeout=PATIENCE)
        except queue.Empty as error:
            raise TimeoutError(f"no reply within {PATIENCE:g} s") from error
        finally:
            del self._waiting[number]

    def _send(self, message: dict[str, Any]) -> None:
        data = self.carrier.pack(message)
        if data is None:
            raise ValueError("the message can't be packed: its data must be JSON")
        with self._sending:
            self.sock.sendall(LENGTH.pack(len(data)) + data)

    def serve(self) -> None:
        """Take messages until the connection ends."""
        with self.sock, self.sock.makefile("rb") as stream:
            try:
                while head := stream.read(LENGTH.size):
                    (length,) = LENGTH.unpack(head)
                    if length > LONGEST:
                        raise ValueError(f"a message of {length} bytes, {LONGEST} are taken")
                    self._take(self.carrier.unpack(stream.read(length)))
            except (OSError, ValueError, struct.error) as error:
                sig.logger.info(f"the connection of {self.clientid} broke: {error}")
        self._over = True
        for reply in list(self._waiting.values()):
            reply.put(None)
        self.carrier.handle_client_disconnected(self.clientid)

    def _take(self, message: Any) -> None:
        if not isinstance(message, dict):
            raise ValueError("what came is no message")
        if message.get("status") is None:  # on a thread of its own: what it runs may wait for other messages
            threading.Thread(target=self._answer, args=(message,), daemon=True).start()
        elif message.get("id") in self._waiting:
            self._waiting[message["id"]].put(message)

    def _answer(self, message: dict[str, Any]) -> None:
        reply = self.carrier.handleRX(self.clientid, message)
        try:
            self._send(reply)
        except OSError as error:
            sig.logger.info(f"{self.clientid} has not heard what became of {message.get('method')}: {error}")

    def close(self) -> None:
        """End it, at both sides."""
        with suppress(OSError):  # it has ended already
            self.sock.shutdown(socket.SHUT_RDWR)


class CompressedServer(Compressed):
    """The server's side: give it to a ServerRouter, then `start` it."""

    def __init__(self) -> None:
        self._connections: dict[int, Connection] = {}
        self._threads: dict[int, threading.Thread] = {}
        self._numbers = itertools.count(1)

    def start(self, host: str, port: int) -> int:
        """Listen; gives the port, which is a free one if 0 was asked for."""
        self._listening = socket.create_server((host, port))
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        bound: int = self._listening.getsockname()[1]
        return bound

    def _accept(self) -> None:
        for clientid in self._numbers:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return  # stopped
            connection = self._connections[clientid] = Connection(self, clientid, sock)
            self.handle_client_connected(clientid)
            self._threads[clientid] = threading.Thread(target=self._serve, args=(connection,))
            self._threads[clientid].start()

    def _serve(self, connection: Connection) -> None:
        connection.serve()
        del self._connections[connection.clientid], self._threads[connection.clientid]

    def handleTX(self, clientid: Any, message: dict[str, Any]) -> Any:  # noqa: N802
        """Send a message to a client and give its reply."""
        connection = self._connections.get(clientid)
        return None if connection is None else connection.call(message)

    def stop(self) -> None:
        """Listen no more, and end all connections. Again: does nothing."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # ends the accept that waits
        self._listening.close()
        self._accepting.join()
        threads = list(self._threads.values())
        for connection in list(self._connections.values()):
            connection.close()
        for thread in threads:
            thread.join()


class CompressedClient(Compressed):
    """A client's side: give it to a ClientRouter, then `connect` it."""

    _connection: Connection | None = None

    def connect(self, host: str, port: int) -> None:
        """Connect to a server; OSError if there is none."""
        self._connection = Connection(self, f"{host}:{port}", socket.create_connection((host, port)))
        self._thread = threading.Thread(target=self._connection.serve)
        self._thread.start()

    def disconnect(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._thread.join()
            self._connection = None

    def handleTX(self, clientid: Any, message: dict[str, Any]) -> Any:  # noqa: N802
        """Send a message to the server and give its reply."""
        return None if self._connection is None else self._connection.call(message)


def main() -> None:
    """Run a server, a sensor and a screen."""
    carrier, of_sensor, of_screen = CompressedServer(), CompressedClient(), CompressedClient()
    router, sensor, screen = sig.ServerRouter(carrier), sig.ClientRouter(of_sensor), sig.ClientRouter(of_screen)
    port = carrier.start("127.0.0.1", 0)
    of_sensor.connect("127.0.0.1", port)
    of_screen.connect("127.0.0.1", port)
    heard = threading.Event()

    def show(info: dict[str, Any], data: Any) -> None:
        print(f"{info['event']} of {info['sender']}: {len(data)} values, the last is {data[-1]}")
        heard.set()

    screen.addRemoteListener(show, event="#measured")
    sender = sensor.addRemoteSender("sensor", ["#measured"], {"unit": lambda params: "degrees Celsius"})
    print("measured in", screen.remoteRequest("sensor", "unit"))
    sender.getSignal("#measured").trigger([20 + minute % 60 / 10 for minute in range(1440)])
    heard.wait(PATIENCE)
    for client in (of_sensor, of_screen):
        client.disconnect()
    carrier.stop()
    router.stop()
    print(f"the sensor's {of_sensor.plain} bytes travelled as {of_sensor.packed}")


if __name__ == "__main__":
    main()
