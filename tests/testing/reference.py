"""Small carriers that keep all rules, for mutants to break: a stream, packets in memory, datagrams, asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import queue
import select
import socket
import threading
from typing import Any, ClassVar

from sig_core.address import Address
from sig_core.contract import LinkTraits
from sig_core.links.shared_medium import demux, dial

WORST = 1e6  # seconds; poll counts milliseconds in 31 bits


class StreamLink:
    """TCP with the fewest calls. Mutants override what they break."""

    traits = LinkTraits(packets=False, reliable=True)
    wants_write = False

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.peer = "stream of {}:{}".format(*sock.getpeername())
        self.fd = sock.fileno()

    def wait(self, timeout: float, events: int = select.POLLIN) -> bool:
        poll = select.poll()
        poll.register(self.fd, events)
        return bool(poll.poll(min(timeout, WORST) * 1000))

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self.sock.send(view) :]
            except BlockingIOError:
                self.wait(0.1, select.POLLOUT)

    def receive(self, timeout: float) -> bytes | None:
        if not self.wait(timeout):
            return None
        data = self.sock.recv(65_536)
        if not data:
            raise EOFError("the peer closed")
        return data

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def fileno(self) -> int:
        return self.fd

    def recv_into(self, buffer: memoryview) -> int:
        return self.sock.recv_into(buffer)

    def send_some(self, data: bytes | memoryview) -> int:
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return 0


class StreamAcceptor:
    """Its listening socket."""

    def __init__(self, carrier: StreamCarrier, sock: socket.socket, asked: Address) -> None:
        sock.setblocking(False)
        self.carrier = carrier
        self.sock = sock
        self.asked = asked
        self.address = "stream://{}:{}".format(*sock.getsockname())
        self.fd = sock.fileno()

    def accept(self, timeout: float) -> StreamLink | None:
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        if not poll.poll(timeout * 1000):
            return None
        try:
            sock, _ = self.sock.accept()
        except BlockingIOError:
            return None
        return self.carrier.link(sock)

    def fileno(self) -> int:
        return self.fd

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


class StreamCarrier:
    """A sound carrier."""

    scheme = "stream"
    options: ClassVar[Any] = frozenset()
    url = "stream://127.0.0.1:0"
    link = StreamLink
    acceptor = StreamAcceptor

    def connect(self, address: Address) -> StreamLink:
        return self.link(socket.create_connection((address.host, address.port), 5))

    def listen(self, address: Address) -> StreamAcceptor:
        sock = socket.create_server((address.host, address.port), reuse_port=False)
        return self.acceptor(self, sock, address)


class DatagramStream:
    """Packets in memory: two bounded queues."""

    traits = LinkTraits(packets=True, reliable=True)
    peer = "somebody in this process"

    def __init__(self, out: Pipe, into: Pipe) -> None:
        self.out = out
        self.into = into

    def send(self, data: bytes) -> None:
        self.out.put(data)

    def receive(self, timeout: float) -> bytes | None:
        return self.into.get(timeout)

    def close(self) -> None:
        self.out.end()
        self.into.end()


class Pipe:
    """One direction."""

    room = 64  # packets

    def __init__(self) -> None:
        self.change = threading.Condition()
        self.packets: list[bytes] = []
        self.over = False

    def put(self, data: bytes) -> None:
        with self.change:
            self.change.wait_for(lambda: self.over or len(self.packets) < self.room)
            if self.over:
                raise BrokenPipeError(errno.EPIPE, "the peer closed")
            self.packets.append(data)
            self.change.notify_all()

    def get(self, timeout: float) -> bytes | None:
        with self.change:
            self.change.wait_for(lambda: self.over or self.packets, timeout)
            if self.packets:
                self.change.notify_all()
                return self.packets.pop(0)
            if self.over:
                raise EOFError("the peer closed")
            return None

    def end(self) -> None:
        with self.change:
            self.over = True
            self.change.notify_all()


class PacketAcceptor:
    """A name in this process."""

    def __init__(self, carrier: PacketCarrier, name: str) -> None:
        self.carrier = carrier
        self.name = name
        self.address = f"packet://{name}"
        self.waiting: queue.Queue[DatagramStream] = queue.Queue()

    def accept(self, timeout: float) -> DatagramStream | None:
        try:
            return self.waiting.get(timeout=timeout) if timeout else self.waiting.get_nowait()
        except queue.Empty:
            return None

    def close(self) -> None:
        self.carrier.names.pop(self.name, None)


class PacketCarrier:
    """A sound carrier."""

    scheme = "packet"
    options: ClassVar[Any] = frozenset()
    url = "packet://here"
    link = DatagramStream
    acceptor = PacketAcceptor
    pipe = Pipe

    def __init__(self) -> None:
        self.names: dict[str, PacketAcceptor] = {}

    def connect(self, address: Address) -> DatagramStream:
        acceptor = self.names.get(address.host)
        if acceptor is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody listens")
        there, back = self.pipe(), self.pipe()
        acceptor.waiting.put(self.link(back, there))
        return self.link(there, back)

    def listen(self, address: Address) -> PacketAcceptor:
        if address.host in self.names:
            raise OSError(errno.EADDRINUSE, "the name is taken")
        acceptor = self.names[address.host] = self.acceptor(self, address.host)
        return acceptor


class UdpMedium:
    """One socket, many peers; the core makes links of it."""

    traits = LinkTraits(packets=True, reliable=False, mtu=1200)

    def __init__(self, where: tuple[str, int]) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.sock.bind(where)
        except OSError:
            self.sock.close()
            raise
        self.address = "datagram://{}:{}".format(*self.sock.getsockname())

    def send_to(self, data: bytes, peer: Any) -> None:
        self.sock.sendto(data, peer)

    def receive_from(self, timeout: float) -> tuple[bytes, Any] | None:
        self.sock.settimeout(0.02)
        return self.sock.recvfrom(65_535)

    def close(self) -> None:
        self.sock.close()


class UdpCarrier:
    """A sound carrier."""

    scheme = "datagram"
    options: ClassVar[Any] = frozenset()
    url = "datagram://127.0.0.1:0"
    medium = UdpMedium

    def connect(self, address: Address) -> Any:
        return dial(self.medium(("127.0.0.1", 0)), (address.host, address.port))

    def listen(self, address: Address) -> Any:
        return demux(self.medium((address.host, address.port or 0)))


class AioLink:
    """asyncio's streams."""

    traits = LinkTraits(packets=False, reliable=True)

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.peer = "aio of {}:{}".format(*writer.get_extra_info("peername"))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self) -> bytes:
        data = await self.reader.read(65_536)
        if not data:
            raise EOFError("the peer closed")
        return data

    async def close(self) -> None:
        self.writer.close()
        if self.writer.transport.get_write_buffer_size():
            self.writer.transport.abort()


class AioAcceptor:
    """asyncio's server."""

    def __init__(self, link: type[AioLink]) -> None:
        self.link = link
        self.waiting: asyncio.Queue[AioLink] = asyncio.Queue()

    async def start(self, address: Address) -> AioAcceptor:
        self.server = await asyncio.start_server(self.handle, address.host, address.port)
        self.address = "aio://{}:{}".format(*self.server.sockets[0].getsockname())
        return self

    def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.waiting.put_nowait(self.link(reader, writer))

    async def accept(self) -> AioLink:
        return await self.waiting.get()

    async def close(self) -> None:
        self.server.close()


class AioCarrier:
    """A sound carrier for asyncio."""

    scheme = "aio"
    options: ClassVar[Any] = frozenset()
    url = "aio://127.0.0.1:0"
    link = AioLink

    async def connect(self, address: Address) -> AioLink:
        return self.link(*await asyncio.open_connection(address.host, address.port))

    async def listen(self, address: Address) -> AioAcceptor:
        return await AioAcceptor(self.link).start(address)
