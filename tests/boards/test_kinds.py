"""Every kind of board starts, says HELLO at its port, says it anew after a reset, and ends when told."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sig_core.line.handshake import LineHello, Syn
from sig_core.line.packets import HELLO, SYN, SYNACK, Packet, PacketReader, seal
from tests.support import ROOT, within
from tests.support.rig import Board, Workshop, compile_sketch, tools

THERMOMETER = ROOT / "boards/c/examples/Thermometer/Thermometer.ino"
TERMS = Syn(sid=7, mtu=246, window=1, keepalive=25, rto=0.1, message=0, long_crc=False, resume=False)
Starts = Callable[..., Any]


class Host:
    """The host's end of a board's line, as much of it as a handshake takes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._packets = descriptor, PacketReader()

    def hello(self) -> None:
        """Wait for the HELLO of a board that has no session."""
        self._wait_for(lambda packet: packet.kind == HELLO and packet.payload == LineHello(sid=0).pack())

    def begin(self) -> None:
        """Give it a session: from here on it says HELLO without one only if it was reset."""
        os.write(self._descriptor, seal(SYN, 1, 0, 0, TERMS.pack()))
        self._wait_for(lambda packet: packet.kind == SYNACK)

    def _wait_for(self, wanted: Callable[[Packet], bool]) -> None:
        while True:
            ready, _, _ = select.select([self._descriptor], [], [], within(20))
            assert ready, "the board says nothing"
            data = os.read(self._descriptor, 4096)
            assert data, "the line ended"
            if [packet for packet in self._packets.feed(data) if wanted(packet)]:
                return


def open_port(port: str, stack: ExitStack) -> Host:
    parts = urlsplit(port)
    if parts.path:
        descriptor = os.open(parts.path, os.O_RDWR | os.O_NOCTTY)
        stack.callback(os.close, descriptor)
        return Host(descriptor)
    host, number = parts.query.removeprefix("url=socket://").split(":")
    return Host(stack.enter_context(socket.create_connection((host, int(number)))).fileno())


def check(board: Board, host: Host) -> None:
    host.hello()
    host.begin()
    board.reset()
    host.hello()
    board.stop()
    assert not board.program.running


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def tcp(stack: ExitStack) -> socket.socket:
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    listener.settimeout(within(20))
    return listener


def url_of(listener: socket.socket) -> str:
    return f"tcp://127.0.0.1:{listener.getsockname()[1]}"


def accept(listener: socket.socket, stack: ExitStack) -> Host:
    return Host(stack.enter_context(listener.accept()[0]).fileno())


@pytest.mark.parametrize("target", ["native", "native-asan"])
def test_native_on_a_pty(native: Starts, workshop: Workshop, stack: ExitStack, target: str) -> None:
    board = native(workshop.firmware(target))
    check(board, open_port(board.port, stack))


def test_native_on_a_line(native: Starts, lines: Starts, workshop: Workshop, stack: ExitStack) -> None:
    line = lines(baud=115200)
    board = native(workshop.firmware("native"), on=line.b)
    assert board.port == ""
    check(board, open_port(line.port, stack))


def test_native_over_tcp(native: Starts, workshop: Workshop, stack: ExitStack, tcp: socket.socket) -> None:
    board = native(workshop.firmware("native"), on=url_of(tcp))
    check(board, accept(tcp, stack))


@pytest.mark.parametrize("target", ["avr", "avr-full"])
def test_avr(avr: Starts, workshop: Workshop, stack: ExitStack, target: str) -> None:
    board = avr(workshop.firmware(target))
    check(board, open_port(board.port, stack))


def test_an_arduino_sketch(avr: Starts, workshop: Workshop, stack: ExitStack) -> None:
    tools.need(tools.ARDUINO)
    board = avr(compile_sketch(workshop, THERMOMETER))
    check(board, open_port(board.port, stack))


@pytest.mark.parametrize("on", ["tcp", "pty"])
def test_cortex(cortex: Starts, workshop: Workshop, stack: ExitStack, on: str) -> None:
    board = cortex(workshop.firmware("cortex"), on=on)
    check(board, open_port(board.port, stack))


def test_cortex_that_connects(cortex: Starts, workshop: Workshop, stack: ExitStack, tcp: socket.socket) -> None:
    board = cortex(workshop.firmware("cortex"), on=url_of(tcp))
    check(board, accept(tcp, stack))


def test_cortex_that_connects_to_a_unix_socket(
    cortex: Starts, workshop: Workshop, stack: ExitStack, tmp_path: Path
) -> None:
    listener = stack.enter_context(socket.socket(socket.AF_UNIX))
    listener.bind(str(tmp_path / "s"))
    listener.listen()
    board = cortex(workshop.firmware("cortex"), on=f"unix://{tmp_path}/s")
    check(board, accept(listener, stack))


def test_micropython(micropython: Starts, stack: ExitStack) -> None:
    board = micropython()
    check(board, open_port(board.port, stack))


def test_micropython_that_connects(micropython: Starts, stack: ExitStack, tcp: socket.socket) -> None:
    board = micropython(on=url_of(tcp))
    check(board, accept(tcp, stack))


def test_firmware_is_compiled_once_for_the_same_defines(native: Starts, workshop: Workshop) -> None:
    assert workshop.firmware("native") == workshop.firmware("native")
    assert workshop.firmware("native") != workshop.firmware("native", SLOTS=2)
