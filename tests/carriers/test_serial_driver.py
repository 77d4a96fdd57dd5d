"""Ports that are used through pyserial's own calls, or are no ports at all: loop://, spy://, socket://, Windows."""

from __future__ import annotations

import logging
import os
import socket
import threading
from types import SimpleNamespace

import pytest
import serial
import serial.rfc2217

from sig_carriers import serial_open, serial_why
from sig_carriers.serial_link import DriverLink
from sig_core.contract import LinkTraits, PollableLink
from sig_core.errors import ConnectFailed, ListenFailed
from sig_core.testing import begin
from tests.carriers.conformance import ALL_BYTES, PATIENCE, receive_exactly
from tests.carriers.serial_ports import accepted, board, connect, listen

TRAITS = LinkTraits(packets=False, reliable=False, bitrate=1000)


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)
        yield listening


class Driver:
    """A port of pyserial, as far as it is called."""

    def __init__(self, *, most: int | None = None) -> None:
        self.timeout = 0.1
        self.most = most
        self.written: list[bytes] = []
        self.coming: list[bytes] = []
        self.news = threading.Event()
        self.closed = 0
        self.inside = 0

    @property
    def in_waiting(self) -> int:
        assert not self.closed
        return len(self.coming[0]) if self.coming else 0

    def read(self, size: int) -> bytes:
        assert not self.closed
        self.inside += 1
        if not self.coming:
            self.news.wait(self.timeout)
        self.inside -= 1
        assert not self.closed
        return self.coming.pop(0) if self.coming else b""

    def write(self, data: bytes) -> int:
        assert not self.closed
        if self.most is not None and sum(map(len, self.written)) + len(data) > self.most:
            raise serial.SerialTimeoutException("Write timeout")
        self.written.append(data)
        return len(data)

    def cancel_read(self) -> None:
        self.news.set()

    def close(self) -> None:
        assert not self.inside
        self.closed += 1


def driven(driver: Driver) -> tuple[DriverLink, list]:
    ended: list = []
    return DriverLink(driver, "serial://COM3", TRAITS, ended.append), ended


def test_it_writes_what_the_line_moves_in_a_second_at_a_time():
    driver = Driver()
    link, _ = driven(driver)
    link.send(ALL_BYTES)
    assert b"".join(driver.written) == ALL_BYTES
    assert {len(piece) for piece in driver.written} == {100, 56}
    link.close()


def test_what_is_not_taken_in_time_is_dropped_counted_and_told_once(caplog):
    driver = Driver(most=150)
    link, _ = driven(driver)
    with caplog.at_level(logging.WARNING, "sig"):
        link.send(ALL_BYTES)
        assert link.dropped == 156
        link.send(bytes(150))
        assert link.dropped == 306
    assert caplog.messages == ["serial://COM3: the other side does not read: 156 bytes are dropped, more are counted"]
    driver.most = None
    link.send(b"on")
    assert driver.written[-1] == b"on"
    link.close()


def test_it_reads_what_waits():
    driver = Driver()
    link, _ = driven(driver)
    assert not isinstance(link, PollableLink)
    assert link.receive(0) is None
    assert link.receive(0.01) is None
    driver.coming += [b"abc", b"d"]
    assert (link.receive(0), link.receive(PATIENCE)) == (b"abc", b"d")
    link.close()


def test_close_ends_a_blocked_receive_and_comes_after_it():
    for _ in range(20):
        driver = Driver()
        driver.timeout = PATIENCE
        link, ended = driven(driver)
        blocked = begin(link.receive, float("inf"))
        while not driver.inside:
            threading.Event().wait(0.001)
        link.close()
        link.close()
        assert "closed on this side" in str(blocked.exception(PATIENCE))
        assert (driver.closed, ended) == (1, [link])


def test_use_after_close():
    link, _ = driven(Driver())
    link.close()
    for call in (lambda: link.receive(0), lambda: link.send(b"x")):
        with pytest.raises(OSError, match="closed on this side"):
            call()


def test_a_driver_without_cancel():
    driver = Driver()
    driver.cancel_read = None
    link, ended = driven(driver)
    link.close()
    assert (driver.closed, ended) == (1, [link])


def test_in_a_forked_child_the_port_is_the_parents(monkeypatch):
    driver = Driver()
    link, ended = driven(driver)
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: -1)
        link.close()
    assert (driver.closed, ended) == (0, [])
    with pytest.raises(OSError, match="closed on this side"):
        link.receive(0)


# -- pyserial's URLs

def test_loop():
    link = connect("", "?url=loop://")
    assert (type(link), link.peer) == (DriverLink, "serial://?url=loop://")
    link.send(ALL_BYTES)
    assert receive_exactly(link, 256) == ALL_BYTES
    assert link.receive(0.01) is None
    blocked = begin(link.receive, float("inf"))
    link.close()
    assert isinstance(blocked.exception(PATIENCE), OSError)


def test_listening_on_a_loop():
    acceptor = listen("", "?url=loop://")
    for _ in range(3):
        link = accepted(acceptor)
        assert acceptor.accept(0) is None
        link.close()
    acceptor.close()


def test_spy_writes_down_what_passes(tmp_path):
    with board() as uno:
        link = connect("", f"?url=spy://{uno.device}?file={tmp_path}/dump&baud=9600")
        assert type(link) is DriverLink
        link.send(b"HELLO")
        assert uno.read(5) == b"HELLO"
        uno.write(b"WORLD")
        assert receive_exactly(link, 5) == b"WORLD"
        uno.unplug()
        with pytest.raises(OSError):
            link.receive(PATIENCE)
        dump = link._port.formatter.output
        link.close()
        dump.close()  # pyserial leaves it to the collector
    text = (tmp_path / "dump").read_text()
    assert "TX   0000  48 45 4C 4C 4F" in text
    assert "57" in text and "RX" in text


def test_spy_on_a_port_that_is_busy_or_absent(tmp_path):
    with board() as uno:
        holder = connect(uno.device)
        with pytest.raises(ConnectFailed, match=f"{uno.device}: busy: this program has it open"):
            connect("", f"?url=spy://{uno.device}")
        holder.close()
    acceptor = listen("", f"?url=spy://{tmp_path}/ttyX")
    with pytest.raises(OSError, match=f"no port {tmp_path}/ttyX"):
        acceptor.accept(PATIENCE)
    acceptor.close()


@pytest.mark.parametrize(("call", "kind"), [(connect, ConnectFailed), (listen, ListenFailed)])
def test_a_url_that_pyserial_does_not_know(call, kind):
    with pytest.raises(kind, match="invalid URL, protocol 'lop' not known"):
        call("", "?url=lop://")


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # pyserial's own
def test_a_port_behind_rfc2217(server):
    """pyserial at both ends; its server's port is a loop."""
    with serial.serial_for_url("loop://", timeout=0) as port:

        def serve():
            with server.accept()[0] as peer:
                manager = serial.rfc2217.PortManager(port, SimpleNamespace(write=peer.sendall))
                while data := peer.recv(1000):
                    port.write(b"".join(manager.filter(data)))
                    peer.sendall(b"".join(manager.escape(port.read(port.in_waiting))))
                return port.baudrate

        serving = begin(serve)
        link = connect("", f"?url=rfc2217://127.0.0.1:{server.getsockname()[1]}&baud=9600")
        assert type(link) is DriverLink
        link.send(ALL_BYTES)
        assert receive_exactly(link, 256) == ALL_BYTES
        assert link.receive(0) is None
        link.close()
        assert serving.result(PATIENCE) == 9600


# -- socket://

def url_of(server) -> str:
    return f"?url=socket://127.0.0.1:{server.getsockname()[1]}&baud=9600"


def test_a_port_behind_a_socket(server):
    link = connect("", url_of(server))
    with server.accept()[0] as peer:
        assert isinstance(link, PollableLink)
        assert link.traits == LinkTraits(packets=False, reliable=False, bitrate=9600)
        assert link._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        link.send(ALL_BYTES)
        with peer.makefile("rb") as came:
            assert came.read(256) == ALL_BYTES
        peer.sendall(b"back")
        assert receive_exactly(link, 4) == b"back"
    with pytest.raises(EOFError):
        link.receive(PATIENCE)
    link.close()


def test_the_server_of_a_port_is_waited_for_and_comes_back(server):
    where = server.getsockname()
    url = url_of(server)
    server.close()
    with pytest.raises(ConnectFailed, match="nobody answers there"):
        connect("", url)
    acceptor = listen("", url)
    for _ in range(2):
        assert acceptor.accept(0) is None
        with socket.create_server(where) as again:
            link = accepted(acceptor)
            with again.accept()[0] as peer:
                link.send(b"x")
                assert peer.recv(1) == b"x"
                link.close()
                assert peer.recv(1) == b""
    acceptor.close()


def test_a_connection_to_itself_is_none(monkeypatch):
    with socket.socket() as looped:
        looped.bind(("127.0.0.1", 0))
        looped.connect(looped.getsockname())
        monkeypatch.setattr(socket, "create_connection", lambda where, timeout: looped)
        with pytest.raises(ConnectFailed, match="nobody answers there"):
            connect("", "?url=socket://127.0.0.1:1")
        assert looped.fileno() == -1


@pytest.mark.parametrize(("call", "kind"), [(connect, ConnectFailed), (listen, ListenFailed)])
def test_a_host_that_is_none(call, kind):
    with pytest.raises(kind, match=r"can't open the port: .*(Name or service|name resolution)"):
        call("", "?url=socket://no.such.host.invalid:1")


# -- Windows, by what pyserial does there

@pytest.fixture
def windows(monkeypatch):
    """A machine with COM3; gives what pyserial was asked for."""
    asked: dict = {}

    class Com(Driver):
        def open(self) -> None:
            if "error" in asked:
                raise serial.SerialException(f"could not open port 'COM3': {asked['error']!r}")
            asked.update(dtr=getattr(self, "dtr", None), rts=getattr(self, "rts", None))

    def serial_for_url(where, baud, **settings):
        asked.update(settings, where=where, baud=baud, port=Com())
        return asked["port"]

    monkeypatch.setattr(serial_open, "WINDOWS", True)
    monkeypatch.setattr(serial, "serial_for_url", serial_for_url)
    return asked


def test_a_port_of_windows(windows):
    link = connect("com3", "?baud=9600&parity=even&stop=1.5&rtscts=1&dtr=0&rts=1")
    assert (type(link), link.peer) == (DriverLink, "serial://COM3")
    assert windows.pop("port").timeout == 0.1
    assert windows == {
        "where": "COM3", "baud": 9600, "parity": "E", "stopbits": 1.5, "rtscts": True, "dtr": False, "rts": True,
        "timeout": 0.1, "write_timeout": 2.0, "exclusive": True, "do_not_open": True,
    }  # fmt: skip
    link.send(b"x")
    link.close()


def test_lines_that_are_left_alone(windows):
    connect("COM3").close()
    assert (windows["dtr"], windows["rts"]) == (None, None)


def test_busy_and_absent_on_windows(windows, monkeypatch, tmp_path):
    monkeypatch.setattr(serial_why, "PROC", tmp_path / "missing")
    windows["error"] = PermissionError(13, "Access is denied.", None, 5)
    for call, kind in ((connect, ConnectFailed), (listen, ListenFailed)):
        with pytest.raises(kind, match="COM3: busy: another program has it open; stop that"):
            call("COM3")
    windows["error"] = FileNotFoundError(2, "The system cannot find the file specified.", None, 2)
    with pytest.raises(ConnectFailed, match="no port COM3"):
        connect("COM3")
    acceptor = listen("COM3")
    assert acceptor.accept(0) is None
    del windows["error"]
    link = accepted(acceptor)
    link.close()
    acceptor.close()
