"""Serial ports: `serial:///dev/ttyACM0?baud=115200`, `serial://usb:2341:0043`, `serial://?url=socket://HOST:PORT`."""

from __future__ import annotations

import os
from typing import Literal

from sig_carriers.serial_find import Absent, plugged, url_of
from sig_carriers.serial_link import DriverLink, PolledSerialLink
from sig_carriers.serial_open import OPTIONS, SerialPort
from sig_carriers.serial_wait import SerialAcceptor
from sig_carriers.serial_why import denial, held_by, holders
from sig_core.address import Address
from sig_core.contract import HasOptions, HasPorts, Link, PortInfo
from sig_core.errors import ConnectFailed, ListenFailed

__all__ = ["SerialCarrier"]


class SerialCarrier(HasOptions, HasPorts):
    """Links over serial lines, one a port; a line may lose and damage bytes, and the core sees to that.

    A port is named by a device (`serial:///dev/ttyACM0`, or as udev calls it: `serial:///dev/serial/by-id/...`), by the
    USB identity of its board (`serial://usb:VID:PID[:SERIAL]`, two hexadecimal numbers, and the third in its case), by
    its Windows name (`serial://COM3`), or is one of pyserial's (`url`). Nobody else may open it meanwhile.

    Options:
        baud: bits per second, 50 .. 20,000,000; default 115,200. What the hardware can't, is refused when it is opened.
        parity: none (default), even, odd, mark, space.
        stop: stop bits: 1 (default), 1.5, 2.
        rtscts: 1 lets the two sides stop each other by RTS and CTS; default 0.
        dtr, rts: 1 or 0 sets that line when the port is opened; without it the system does as it likes, mostly 1.
        hupcl: 0 keeps DTR as it is when the port is closed, so that the next opening does not reset an Arduino;
            without it the system does as it likes, mostly 1. POSIX devices only.
        low_latency: 1 (default) asks the driver not to gather what it receives, where the system knows that.
        url: a URL of pyserial, such as `socket://127.0.0.1:4000`, `rfc2217://...`, `spy:///dev/ttyUSB0?file=dump`,
            `loop://`; & and # in it are written %26 and %23.
    """

    scheme = "serial"
    options = OPTIONS

    def connect(self, address: Address, /) -> PolledSerialLink | DriverLink:
        """Open the port, as a program at the board's end of the line does.

        Raises:
            ConfigError: the URL names no port, or an option is out of range.
            ConnectFailed (an OSError): no such port, busy, not permitted, or no serial port: says why.
        """
        port = SerialPort(address)
        try:
            return port.open(_ignore)
        except OSError as error:
            raise ConnectFailed(f"{address}: can't open the port: {port.why(error)}") from error

    def listen(self, address: Address, /) -> SerialAcceptor:
        """Take the port, or wait for it if it is not there; its link is given again after each loss.

        Raises:
            ConfigError: the URL names no port, or an option is out of range.
            ListenFailed (an OSError): the port is there, and busy, not permitted, or no serial port: says why.
        """
        port = SerialPort(address)
        acceptor = SerialAcceptor("serial://" + address.url.partition("://")[2], port)
        try:
            acceptor.open()
        except Absent:
            return acceptor
        except OSError as error:
            raise ListenFailed(f"{address}: can't open the port: {port.why(error)}") from error
        return acceptor

    def ports(self) -> list[PortInfo]:
        """Return the ports of this machine, as `HasPorts` says; opens none: that would reset some boards."""
        found = plugged()
        busy = holders([port.device for port in found])
        listed: list[PortInfo] = []
        for port in found:
            state, cause, remedy = _state(port.device, busy[port.device])
            listed.append({
                "device": port.device, "description": port.description, "urls": [url_of(name) for name in port.names()],
                "removable": bool(port.usb), "state": state, "cause": cause, "remedy": remedy,
            })  # fmt: skip
        return listed


def _state(device: str, processes: list[int]) -> tuple[Literal["free", "busy", "denied"], str, str]:
    if processes:
        return "busy", f"{held_by(processes)} has it open", ""
    if os.path.exists(device) and not os.access(device, os.R_OK | os.W_OK):
        return "denied", *denial(device)
    return "free", "", ""


def _ignore(link: Link) -> None:
    """Nobody waits for the end of a link that was not accepted."""
