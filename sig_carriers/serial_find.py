"""Which serial ports there are, and which of them a URL means."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from serial.tools.list_ports import comports

from sig_core.address import Address, did_you_mean
from sig_core.errors import ConfigError

__all__ = ["Absent", "Name", "Plugged", "absence", "plugged", "url_of"]

BY_ID, BY_PATH = Path("/dev/serial/by-id"), Path("/dev/serial/by-path")
FORMS = (
    "takes a device (serial:///dev/ttyACM0), a USB identity (serial://usb:VID:PID[:SERIAL], both in hexadecimal), "
    "a port of Windows (serial://COM3), or a URL of pyserial (serial://?url=socket://HOST:PORT)"
)
USB = re.compile(r"usb:([0-9a-f]{1,4}):([0-9a-f]{1,4})(?::(.+))?", re.IGNORECASE | re.DOTALL)
COM = re.compile(r"com[0-9]{1,3}", re.IGNORECASE)


class Absent(FileNotFoundError):
    """The port that is named is not there now; it may come."""


@dataclass(frozen=True, slots=True)
class Plugged:
    """A serial port of this machine.

    Attributes:
        device: what the system calls it now.
        description: who made it and what it is, as far as it says.
        usb: its USB identity, `usb:vid:pid[:serial]`; "" if it has none.
        serial: whether that has a serial number, which makes it the only one of its kind.
    """

    device: str
    description: str
    usb: str = ""
    serial: bool = False

    def names(self) -> list[str]:
        """Return what it can be called in a URL, the most lasting first."""
        links = [*_links(BY_ID, self.device), *([] if self.serial else _links(BY_PATH, self.device))]
        return [*([self.usb] if self.usb else []), *links, self.device]


def plugged() -> list[Plugged]:
    """List the ports that are plugged in; opens none of them."""
    try:
        found = sorted(comports())
    except (OSError, TypeError, ValueError):  # what pyserial meets when one is pulled out while it looks
        return []
    return [
        Plugged(port.device, _description(port.description), _identity(port.vid, port.pid, port.serial_number),
                bool(port.serial_number))
        for port in found
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Name:
    """What a URL calls a port.

    Attributes:
        text: a device, a USB identity, or a URL of pyserial.
        kind: "device", "usb" or "url".
    """

    text: str
    kind: str

    @classmethod
    def of(cls, address: Address) -> Name:
        """Read it. ConfigError: the URL names no port; lists the forms."""
        host, path, url = address.host, address.path, address.options.get("url")
        if url is not None and _can_be_opened(url) and not host and not path:
            return cls(url, "url")
        if url is None and address.port is None:
            if len(path) > 1 and not host and "\0" not in path:
                return cls(path, "device")
            if USB.fullmatch(host) and not path:
                return cls(host, "usb")
            if COM.fullmatch(host) and not path:
                return cls(host.upper(), "device")
        raise ConfigError(f"address {address.url!r}: {FORMS}")

    @property
    def peer(self) -> str:
        """The URL without its options: the same for as long as it means the same port."""
        if self.kind == "url":
            return f"serial://?url={quote(self.text, safe=':/?=@,[]')}"
        return url_of(self.text)

    def find(self) -> str:
        """Return what pyserial opens: the device that has this name now, or the URL.

        Raises:
            Absent: no port has it.
            OSError: several have it.
        """
        if self.kind == "usb":
            return self._find_usb()
        if self.text.startswith("/") and not os.path.exists(self.text):
            raise Absent(self.text)
        return self.text

    def _find_usb(self) -> str:
        asked = USB.fullmatch(self.text)
        assert asked is not None
        wanted = _identity(int(asked[1], 16), int(asked[2], 16), asked[3])
        found = [port for port in plugged() if port.usb == wanted or (not asked[3] and _kind(port.usb) == wanted)]
        if len(found) > 1:
            named = ", ".join([*_links(BY_PATH, port.device), port.device][0] for port in found)
            raise OSError(f"{len(found)} ports are {self.text}: {named}; name one of them (sig ports lists all names)")
        if not found:
            raise Absent(self.text)
        return found[0].device


def absence(name: str) -> str:
    """Say that a port is not there, and what is."""
    if "://" in name:
        return f"{name}: nobody answers there"
    ports = plugged()
    hint = did_you_mean(name, [each for port in ports for each in port.names()])
    there = ", ".join(f"{port.device} ({port.usb or port.description})" for port in ports)
    return f"no port {name}{hint}; " + (f"there is: {there}" if there else "no serial port is plugged in")


def url_of(name: str) -> str:
    """Return the URL of a device or a USB identity; a slash in a serial number is no path."""
    usb = USB.fullmatch(name)
    if usb is None:
        return f"serial://{quote(name, safe=':/')}"
    number = quote(usb[3], safe=":" if all(usb[3].split(":")) else "") if usb[3] else ""
    return f"serial://usb:{usb[1]}:{usb[2]}" + (f":{number}" if number else "")


def _identity(vid: int | None, pid: int | None, number: str | None) -> str:
    if vid is None or pid is None:
        return ""
    return f"usb:{vid:04x}:{pid:04x}" + (f":{number}" if number else "")


def _can_be_opened(url: str) -> bool:
    """Return whether pyserial may take a URL; of most of them only it knows."""
    if not url.lower().startswith("socket://"):
        return "://" in url
    try:
        return bool(urlsplit(url).hostname and urlsplit(url).port)
    except ValueError:
        return False


def _kind(usb: str) -> str:
    return ":".join(usb.split(":")[:3])


def _description(text: str | None) -> str:
    return text if text and text != "n/a" else "unknown"


def _links(folder: Path, device: str) -> list[str]:
    try:
        links = sorted(folder.iterdir())
    except OSError:  # made by udev; other systems have none, nor has a machine without ports
        return []
    return [str(link) for link in links if os.path.realpath(link) == os.path.realpath(device)]
