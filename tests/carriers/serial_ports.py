"""Serial ports of a test: pseudo-terminals that can be plugged, pulled out, and plugged in under another name."""

from __future__ import annotations

import os
import select
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from sig_carriers.serial_port import SerialCarrier
from sig_core.address import Address
from tests.carriers.conformance import PATIENCE


class Board:
    """What is at the other end of a port: `device` is the port."""

    def __init__(self) -> None:
        self._ends = list(os.openpty())
        tty.setraw(self._ends[1])
        self.device = os.ttyname(self._ends[1])

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._ends[0], data) :]

    def read(self, size: int) -> bytes:
        data = b""
        poll = select.poll()
        poll.register(self._ends[0], select.POLLIN)
        while len(data) < size:
            assert poll.poll(PATIENCE * 1000), f"{len(data)} of {size} bytes came"
            data += os.read(self._ends[0], size - len(data))
        return data

    def unplug(self) -> None:
        while self._ends:
            os.close(self._ends.pop(0))


@contextmanager
def board() -> Iterator[Board]:
    plugged = Board()
    try:
        yield plugged
    finally:
        plugged.unplug()


def address(name: str, query: str = "") -> Address:
    return Address.parse(f"serial://{name}{query}")


def connect(name: str, query: str = ""):
    return SerialCarrier().connect(address(name, query))


def listen(name: str, query: str = ""):
    return SerialCarrier().listen(address(name, query))


def accepted(acceptor):
    """Return the next link, however many times the acceptor says why there is none yet."""
    for _ in range(PATIENCE * 10):
        try:
            link = acceptor.accept(0.1)
        except OSError as error:
            assert "closed on this side" not in str(error)
        else:
            if link is not None:
                return link
    raise AssertionError("no link came")


def point(link: Path, device: str) -> None:
    """Let a name lead to a device, as udev does when a board is plugged in."""
    fresh = link.with_suffix(".new")
    fresh.symlink_to(device)
    fresh.replace(link)


def usb(device: str, vid: int = 0x2341, pid: int = 0x43, number: str | None = "7573AbC", text: str = "Arduino Uno"):
    """What pyserial says of a port."""
    return SimpleListed(device=device, description=text, vid=vid, pid=pid, serial_number=number)


class SimpleListed(SimpleNamespace):
    def __lt__(self, other: SimpleNamespace) -> bool:
        return bool(self.device < other.device)
