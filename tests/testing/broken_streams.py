"""Stream carriers, each broken in one way that an author might."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
from typing import Any

from sig_core.address import Address
from sig_core.contract import AddressTraits, LinkTraits
from sig_core.testing import within
from tests.testing.mutants import LEFT, caught_by
from tests.testing.reference import StreamAcceptor, StreamCarrier, StreamLink


@caught_by("test_much_data", "of 65536 bytes")
class ShortSend(StreamLink):
    def send(self, data: bytes) -> None:
        self.sock.send(data[:5000])


@caught_by("test_zeros_and_line_ends", r"byte 1 of 7 was b'\\nb\\r\\n', and b'\\r\\nb\\r' arrived")
class TextMode(StreamLink):
    def send(self, data: bytes) -> None:
        super().send(data.replace(b"\n", b"\r\n"))


@caught_by("test_every_byte_value", "byte values 128 to 135")
class SevenBit(StreamLink):
    def send(self, data: bytes) -> None:
        super().send(bytes(byte & 127 for byte in data))


@caught_by("test_zeros_and_line_ends", "5 of 7 bytes arrived")
class StrippedZeros(StreamLink):
    def send(self, data: bytes) -> None:
        super().send(data.rstrip(b"\0"))


@caught_by("test_end_after_the_data", "gave b'': nothing is None, the end raises EOFError")
class SwallowedEnd(StreamLink):
    def receive(self, timeout: float) -> bytes | None:
        return self.sock.recv(65_536) if self.wait(timeout) else None


@caught_by("test_end_after_the_data", "the peer closed, and receive gave None")
class EndIsNothing(StreamLink):
    def receive(self, timeout: float) -> bytes | None:
        return self.sock.recv(65_536) or None if self.wait(timeout) else None


@caught_by("test_end_after_the_data", "receive raised ConnectionResetError.*first its data")
class LostOnClose(StreamLink):
    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


@caught_by("test_packets_keep_their_bounds", "packets=True says one for one")
class ClaimsPackets(StreamLink):
    traits = LinkTraits(packets=True, reliable=True)


@caught_by("test_traits", "mtu is 1400 bytes, but a stream has none")
class StreamWithMtu(StreamLink):
    traits = LinkTraits(packets=False, reliable=True, mtu=1400)


@caught_by("test_close_while_nobody_reads", "close at the client has not come back")
class WaitsInClose(StreamLink):
    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.stop = threading.Event()
        LEFT.append(self.stop.set)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
            while not self.stop.is_set():
                if self.wait(0.2) and not self.sock.recv(65_536):
                    break
        super().close()


@caught_by("test_close_while_nobody_reads", "close at the client has not come back")
class DrainsTheLineInClose(WaitsInClose):
    traits = LinkTraits(packets=False, reliable=False)


@caught_by("test_close_twice", "the second close raised")
class ClosesOnce(StreamLink):
    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        LEFT.append(sock.close)

    def close(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


@caught_by("test_nothing_is_left", "left [0-9]+ threads")
class LeavesThreads(StreamLink):
    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        stop = threading.Event()
        LEFT.append(stop.set)
        threading.Thread(target=stop.wait, daemon=True).start()


@caught_by("test_nothing_is_left", "left [0-9]+ descriptors open")
class LeavesDescriptors(StreamCarrier):
    def connect(self, address: Address) -> StreamLink:
        link = super().connect(address)
        copy = os.dup(link.fd)
        LEFT.append(lambda: os.close(copy))
        return link


@caught_by("test_refused_connects_leave_nothing", "refused left [0-9]+ descriptors open")
class LeavesDescriptorsWhenRefused(StreamCarrier):
    def connect(self, address: Address) -> StreamLink:
        sock = socket.socket()
        if sock.connect_ex((address.host, address.port)):
            LEFT.append(sock.close)
            raise ConnectionRefusedError("nobody listens")
        return self.link(sock)


@caught_by("test_receive_waits_as_long_as_asked", r"took \d.*keep to its timeout|has not come back")
class IgnoresTimeout(StreamLink):
    def receive(self, timeout: float) -> bytes | None:
        return super().receive(within(0.42))


@caught_by("test_receive_waits_as_long_as_asked", "gave up after .* timeouts are seconds")
class Milliseconds(StreamLink):
    def receive(self, timeout: float) -> bytes | None:
        return super().receive(timeout / 1000)


@caught_by("test_accept_waits_as_long_as_asked", r"accept\(0\) .*keep to its timeout|accept\(0\) has not come back")
class AcceptIgnoresTimeout(StreamAcceptor):
    def accept(self, timeout: float) -> StreamLink | None:
        return super().accept(within(0.42))


@caught_by("test_close_ends_a_receive", r"receive\(0.3\), whose link was closed, has not come back")
class DeafToClose(StreamLink):
    closing = False

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.stop = threading.Event()
        LEFT.append(self.stop.set)

    def receive(self, timeout: float) -> bytes | None:
        while not self.closing:
            if self.wait(0.01) and not self.closing:  # it is woken by the close, too
                return super().receive(0)
        self.stop.wait()
        return None

    def close(self) -> None:
        self.closing = True
        super().close()


@caught_by("test_both_directions_at_once", "while a receive waited|a receive that waited")
class OneLockForBoth(StreamLink):
    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.lock = threading.Lock()

    def send(self, data: bytes) -> None:
        with self.lock:
            super().send(data)

    def receive(self, timeout: float) -> bytes | None:
        with self.lock:
            return super().receive(timeout)


@caught_by("test_both_directions", "was made by another thread")
class OfOneThread(StreamLink):
    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.owner = threading.current_thread()

    def send(self, data: bytes) -> None:
        if threading.current_thread() != self.owner:
            raise RuntimeError("this handle was made by another thread")
        super().send(data)


@caught_by("test_empty_send", "an empty send (arrived as the end|ended the link)")
class EmptyIsTheEnd(StreamLink):
    def send(self, data: bytes) -> None:
        if data:
            super().send(data)
        else:
            self.sock.shutdown(socket.SHUT_WR)


@caught_by("test_sending_to_nobody", "4,096 sends went well")
class SwallowsErrors(StreamLink):
    def send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            super().send(data)


@caught_by("test_peer", "peer of the client is ''")
class Anonymous(StreamLink):
    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.peer = ""


@caught_by("test_address_as_bound", "port 0 is not the one that was bound")
class AddressAsAsked(StreamAcceptor):
    def __init__(self, carrier: StreamCarrier, sock: socket.socket, asked: Address) -> None:
        super().__init__(carrier, sock, asked)
        self.address = asked.url


@caught_by("test_busy_address", "was given a second time")
class SharesPorts(StreamCarrier):
    def listen(self, address: Address) -> StreamAcceptor:
        sock = socket.create_server((address.host, address.port), reuse_port=True)
        return self.acceptor(self, sock, address)


@caught_by("test_listen_again", "was closed, and can't be taken again")
class HoldsPorts(StreamCarrier):
    def listen(self, address: Address) -> StreamAcceptor:
        sock = socket.socket()
        try:
            sock.bind((address.host, address.port))
        except OSError:
            sock.close()
            raise
        sock.listen()
        return self.acceptor(self, sock, address)


@caught_by("test_links_outlive_their_acceptor", "an accepted link")
class DiesWithAcceptor(StreamAcceptor):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.links: list[StreamLink] = []

    def accept(self, timeout: float) -> StreamLink | None:
        link = super().accept(timeout)
        self.links += [link] if link else []
        return link

    def close(self) -> None:
        super().close()
        for link in self.links:
            link.close()


@caught_by("test_several_clients", "gave 1 different links")
class SameLinkAgain(StreamAcceptor):
    first: StreamLink | None = None

    def accept(self, timeout: float) -> StreamLink | None:
        if self.first is None:
            self.first = super().accept(timeout)
        return self.first


@caught_by("test_several_clients", "says one_peer=True, and a second client came beside the first")
class ClaimsOnePeer(StreamAcceptor):
    one_peer = True


class Lazy(StreamLink):
    """Connects when it is first used."""

    def __init__(self, where: tuple[str, int]) -> None:
        self.where = where
        self.peer = "somebody, perhaps"
        self.sock = None  # type: ignore[assignment]

    def send(self, data: bytes) -> None:
        super().__init__(socket.create_connection(self.where))
        super().send(data)

    def close(self) -> None:
        if self.sock is not None:
            super().close()


@caught_by("test_nobody_listens", "and connect gave a link")
class NeverFails(StreamCarrier):
    def connect(self, address: Address) -> StreamLink:
        try:
            return super().connect(address)
        except OSError:
            return Lazy((address.host, address.port or 0))


@caught_by("test_unknown_option", "it declares no options, and .*sig-no-such-option=1 was listened on")
class TakesAnyOption(StreamCarrier):
    options = None


@caught_by("test_optional_attributes", r"options is \['nodelay'\]; it is a frozenset")
class OptionsInAList(StreamCarrier):
    options = ["nodelay"]  # noqa: RUF012


@caught_by("test_scheme", "but that of stream://127.0.0.1:0 is 'stream'")
class OtherScheme(StreamCarrier):
    scheme = "steam"


@caught_by("test_busy_address", r"says exclusive=False of stream://.*, and a second listener is refused: OSError")
class ClaimsToBeShared(StreamCarrier):
    def address_traits(self, address: Address) -> AddressTraits:
        return AddressTraits(exclusive=False)


@caught_by("test_peer_is_killed", "says between_processes=False of stream://.*, and another process came")
class ClaimsOneProcess(StreamCarrier):
    def address_traits(self, address: Address) -> AddressTraits:
        return AddressTraits(between_processes=False)


@caught_by("test_optional_attributes", r"address_traits returned \{'exclusive': False\}; it returns AddressTraits")
class AddressTraitsInADict(StreamCarrier):
    def address_traits(self, address: Address) -> Any:
        return {"exclusive": False}


@caught_by("test_optional_attributes", r"ports returned \{'device': 'COM3'\}; a port has cause, description, device,")
class HalfAPort(StreamCarrier):
    def ports(self) -> Any:
        return [{"device": "COM3"}]


class Deaf(StreamLink):
    """Takes a broken connection for a quiet one."""

    def receive(self, timeout: float) -> bytes | None:
        try:
            return super().receive(timeout)
        except (OSError, EOFError):
            return None


@caught_by("test_peer_is_killed", "its peer was killed, and receive gave None")
class DeafCarrier(StreamCarrier):
    link = Deaf


@caught_by("test_end_when_polled", "at the end recv_into raised EOFError")
class RaisesAtTheEnd(StreamLink):
    def recv_into(self, buffer: memoryview) -> int:
        count = super().recv_into(buffer)
        if not count:
            raise EOFError("the peer closed")
        return count


@caught_by("test_nothing_there", "nothing was sent, and recv_into read b''")
class NothingIsTheEnd(StreamLink):
    def recv_into(self, buffer: memoryview) -> int:
        try:
            return super().recv_into(buffer)
        except BlockingIOError:
            return 0


@caught_by("test_readiness", "'cd' is there, and the descriptor is not readable")
class ReadsAhead(StreamLink):
    ahead = b""

    def recv_into(self, buffer: memoryview) -> int:
        self.ahead += self.sock.recv(65_536) if not self.ahead else b""
        count = min(len(self.ahead), len(buffer))
        buffer[:count], self.ahead = self.ahead[:count], self.ahead[count:]
        return count


@caught_by("test_reading_bytes", "recv of 4 bytes gave b'abcdef'")
class GivesMore(StreamLink):
    def recv(self, size: int) -> bytes:
        return self.sock.recv(65_536)


@caught_by("test_reading_bytes", "nothing was sent, and recv does not raise BlockingIOError")
class GivesNothing(StreamLink):
    def recv(self, size: int) -> bytes:
        try:
            return self.sock.recv(size)
        except BlockingIOError:
            return b""


@caught_by("test_sending_in_parts", "though nobody read")
class ClaimsAll(StreamLink):
    def send_some(self, data: bytes | memoryview) -> int:
        super().send_some(data)
        return len(data)


@caught_by("test_sending_in_parts", "of which [0-9]+ arrived or not as sent")
class ClaimsTooMuch(StreamLink):
    def send_some(self, data: bytes | memoryview) -> int:
        count = super().send_some(data)
        return min(count + 1, len(data)) if count else 0


@caught_by("test_descriptor", "it stays the same until close")
class FreshDescriptor(StreamLink):
    def fileno(self) -> int:
        copy = os.dup(self.fd)
        LEFT.append(lambda: os.close(copy))
        return copy


@caught_by("test_acceptor_when_polled", "somebody connected, and the acceptor is not readable")
class WrongDescriptor(StreamAcceptor):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.ends = os.pipe()
        LEFT.extend(lambda end=end: os.close(end) for end in self.ends)  # type: ignore[misc]

    def accept(self, timeout: float) -> StreamLink | None:
        return super().accept(timeout) if select.select([self.fd], [], [], timeout)[0] else None

    def fileno(self) -> int:
        return self.ends[0]
