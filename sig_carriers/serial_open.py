"""Opening a serial port as its URL says."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import serial

from sig_carriers.serial_find import Absent, Name, absence
from sig_carriers.serial_link import SLICE, WRITE, DriverLink, Ended, PolledSerialLink
from sig_carriers.serial_why import Refused, refusal
from sig_core.address import Address, did_you_mean
from sig_core.contract import LinkTraits
from sig_core.errors import ConfigError
from sig_core.links.sockets import close_on_error

__all__ = ["OPTIONS", "SerialPort", "Settings"]

OPTIONS = frozenset({"baud", "parity", "stop", "rtscts", "dtr", "rts", "hupcl", "low_latency", "url"})
WINDOWS = os.name == "nt"
DIAL = 3.0  # seconds to connect to the server of a port
PARITIES = {"none": "N", "even": "E", "odd": "O", "mark": "M", "space": "S"}
STOPS = {"1": 1.0, "1.5": 1.5, "2": 2.0}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a port is set; None leaves a line as the system has it when the port is opened."""

    baud: int = 115_200
    parity: str = "N"
    stop: float = 1.0
    rtscts: bool = False
    dtr: bool | None = None
    rts: bool | None = None
    hupcl: bool | None = None
    low_latency: bool = True

    @classmethod
    def of(cls, address: Address) -> Settings:
        """Read the options. ConfigError: one is out of range."""
        return cls(
            baud=int(address.number("baud", 115_200, 50, 20_000_000)),
            parity=_choice(address, "parity", "none", PARITIES),
            stop=_choice(address, "stop", "1", STOPS),
            rtscts=address.flag("rtscts", False),
            dtr=_line(address, "dtr"),
            rts=_line(address, "rts"),
            hupcl=_line(address, "hupcl"),
            low_latency=address.flag("low_latency", True),
        )


class SerialPort:
    """What a URL means: a port, and how it is set. Opening it looks for it anew each time.

    Raises:
        ConfigError: the URL names no port, or an option is out of range.
    """

    def __init__(self, address: Address) -> None:
        self.name = Name.of(address)
        self.settings = Settings.of(address)
        self.traits = LinkTraits(packets=False, reliable=False, bitrate=self.settings.baud)

    def open(self, ended: Ended) -> PolledSerialLink | DriverLink:
        """Open it, for nobody else, and drop what it has received already; never waits for the board.

        Raises:
            Absent: it is not there.
            OSError: it is, and can't be had.
        """
        where, peer = self.name.find(), self.name.peer
        if where.lower().startswith("socket://"):
            return PolledSerialLink(_dial(where), peer, self.traits, ended)
        try:
            port = _open(where, self.settings)
            if "://" in where or WINDOWS:
                return DriverLink(port, peer, self.traits, ended)
            return PolledSerialLink(_tty(port, self.settings), peer, self.traits, ended)
        except Exception as error:  # pyserial lets those of its system through: termios.error, OverflowError
            raise refusal(_device(where), error) from error

    def why(self, error: OSError) -> str:
        """Say at length what `open` raised: cause and remedy, in one line."""
        if isinstance(error, Absent):
            return absence(str(error))
        return error.why() if isinstance(error, Refused) else str(error)


def _open(where: str, settings: Settings) -> serial.Serial:
    port = serial.serial_for_url(
        where, settings.baud, parity=settings.parity, stopbits=settings.stop, rtscts=settings.rtscts, timeout=SLICE,
        write_timeout=None if where.lower().startswith("rfc2217:") else WRITE,  # that driver has its own
        exclusive=True, do_not_open=True,
    )  # fmt: skip
    if settings.dtr is not None:  # set before it is opened: so the board sees no pulse where the driver can help it
        port.dtr = settings.dtr
    if settings.rts is not None:
        port.rts = settings.rts
    port.open()
    if settings.low_latency:
        with suppress(OSError, ValueError, NotImplementedError, AttributeError):  # many systems and drivers have none
            port.set_low_latency_mode(True)
    return port


def _tty(port: serial.Serial, settings: Settings) -> Any:
    from sig_carriers.serial_tty import Tty  # only here: it needs what Windows has not

    try:
        return Tty(port, settings.hupcl)
    except BaseException:
        port.close()
        raise


def _dial(url: str) -> socket.socket:
    """Connect to the server of a port. pyserial's own does no more, and waits 0.3 s at its end."""
    parts = urlsplit(url)
    try:
        sock = socket.create_connection((parts.hostname, parts.port), DIAL)
    except (ConnectionError, TimeoutError) as error:
        raise Absent(url) from error
    with close_on_error(sock):
        if sock.getsockname() == sock.getpeername():  # who dials a free port of this machine for long meets itself
            raise Absent(url)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _device(where: str) -> str:
    """Return the device that is behind a URL of pyserial, if one is."""
    return urlsplit(where).path or where if "://" in where else where


def _line(address: Address, name: str) -> bool | None:
    return address.flag(name, True) if name in address.options else None


def _choice(address: Address, name: str, default: str, known: Mapping[str, T]) -> T:
    text = address.options.get(name, default).lower()
    if text not in known:
        hint = did_you_mean(text, known)
        raise ConfigError(f"address {address.url!r}: option {name}={text!r} is none of {', '.join(known)}{hint}")
    return known[text]
