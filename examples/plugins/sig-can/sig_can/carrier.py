"""CAN: `can://can0?id=0x100`, `can://lab?interface=virtual&id=1&fd=1`."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import can

from sig_can.frames import CLASSIC, FD, LISTENERS, NODES, id_of, mask_of, pack, unpack
from sig_core.address import Address
from sig_core.contract import Acceptor, AddressTraits, Link, LinkTraits
from sig_core.errors import ConfigError
from sig_core.links.shared_medium import demux, dial

__all__ = ["CanCarrier"]


class CanCarrier:
    """Links over a CAN bus: one node listens, others dial it. Frames of anybody else on the bus are left alone.

    The host of a URL is the channel, as python-can calls it; case counts.

    Options:
        id: of the node that listens, 0 .. 0x7FF: no other node of the bus may have it. Lower ones have precedence.
        node: of the node that dials, 0 .. 0x1FFFF; default: a random one.
        interface: of python-can: "socketcan" (default), "virtual", "pcan", "slcan" and others.
        fd: 1 sends CAN FD frames of up to 64 bytes, 0 (default) classic ones of up to 8; the same at both ends.
        bitrate: of the bus, 1,000 .. 8,000,000 bits per second, for interfaces that are not told by the system.
    """

    scheme = "can"
    trial = "can://sig-trial?interface=virtual&id=1"
    options = frozenset({"id", "node", "interface", "fd", "bitrate"})
    errors = (can.CanError, NotImplementedError)  # the latter: python-can knows no such interface

    def connect(self, address: Address, /) -> Link:
        """Return a link to a node; only what is sent shows whether it is there."""
        node = _number(address, "node", NODES - 1, secrets.randbelow(NODES))
        return dial(CanMedium(address, node), node)

    def listen(self, address: Address, /) -> Acceptor:
        """Listen on a bus. Nothing there can tell whether another node does so under the same id."""
        return demux(CanMedium(address, None))

    def address_traits(self, address: Address, /) -> AddressTraits:
        """Return what a bus can do: none tells whether an id is taken, and virtual ones lie within one process."""
        return AddressTraits(exclusive=False, between_processes=address.options.get("interface") != "virtual")


class CanMedium:
    """A bus; peers, at both ends, are the numbers of the nodes that dial.

    Args:
        address: of the node that listens.
        node: that dials from here; None: this is the one that listens.
    """

    def __init__(self, address: Address, node: int | None) -> None:
        self.address = _bound(address)
        self._listener = _number(address, "id", LISTENERS - 1)
        self._listens = node is None
        self._fd = address.flag("fd", False)
        rate = _number(address, "bitrate", 8_000_000, 0)
        self.traits = LinkTraits(packets=True, reliable=False, mtu=FD if self._fd else CLASSIC, bitrate=rate or None)
        options: dict[str, Any] = {"fd": True} if self._fd else {}
        if rate:
            options["bitrate"] = rate
        wanted = id_of(self._listener, node or 0, from_listener=not self._listens)
        self._bus = can.Bus(
            channel=_channel(address),
            interface=address.options.get("interface", "socketcan"),
            can_filters=[{"can_id": wanted, "can_mask": mask_of(all_nodes=self._listens), "extended": True}],
            ignore_config=True,  # a URL says all
            **options,
        )

    def send_to(self, data: bytes, peer: Any, /) -> None:
        """See `Medium`."""
        number = id_of(self._listener, peer, from_listener=self._listens)
        content = pack(data) if self._fd else data
        self._bus.send(can.Message(arbitration_id=number, data=content, is_fd=self._fd, check=True))

    def receive_from(self, timeout: float, /) -> tuple[bytes, int] | None:
        """See `Medium`."""
        frame = self._bus.recv(timeout)
        if frame is None or frame.is_error_frame or frame.is_remote_frame:
            return None
        data = unpack(bytes(frame.data)) if self._fd else bytes(frame.data)
        return None if data is None else (data, frame.arbitration_id % NODES)

    def close(self) -> None:
        """See `Medium`."""
        self._bus.shutdown()


def _channel(address: Address) -> str:
    parts = urlsplit(address.url)  # `address.host` is in lower case
    channel = unquote(parts.netloc + parts.path)
    if not channel:
        raise ConfigError(f"address {address.url!r}: no channel; give one, as in can://can0?id=0x100")
    return channel


def _bound(address: Address) -> str:
    options = {name: text for name, text in address.options.items() if name in CanCarrier.options - {"node"}}
    return f"can://{quote(_channel(address), safe='/:')}?{urlencode(options)}"


def _number(address: Address, name: str, most: int, default: int | None = None) -> int:
    text = address.options.get(name)
    if text is None and default is not None:
        return default
    try:
        number = int(text or "", 0)
    except ValueError:
        number = -1
    if not 0 <= number <= most:
        what = "is missing" if text is None else f"{text!r} is out of range"
        raise ConfigError(f"address {address.url!r}: option {name} {what}; it is an integer from 0 to 0x{most:X}")
    return number
