"""Checks of what a carrier and its links say of themselves."""

from __future__ import annotations

from typing import Any

from sig_core.address import Address
from sig_core.contract import HasPorts, LinkTraits, PortInfo
from sig_core.testing.carrier_suite import CarrierSuite

__all__ = ["FactChecks"]

NO_OPTION = "sig-no-such-option"
SMALLEST = 8  # bytes of mtu


class FactChecks(CarrierSuite):
    """Attributes."""

    def test_scheme(self) -> None:
        """C01: `scheme` is the first word of its URLs. Mend: name the scheme, the entry point and the URLs alike."""
        scheme = getattr(self.made, "scheme", None)
        self.check(isinstance(scheme, str) and scheme, f"scheme is {scheme!r}; it is the first word of its URLs")
        with self.listening() as acceptor:
            for url in (self.url, acceptor.address):
                found = Address.parse(url).scheme
                self.check(found == scheme, f"scheme is {scheme!r}, but that of {url} is {found!r}")

    def test_optional_attributes(self) -> None:
        """C02: `options` is a frozenset of text, `errors` a tuple of exception classes, `trial` a URL of its own,
        `address_traits` returns AddressTraits, `ports` dicts with the keys of PortInfo; each may be left out. Mend:
        inherit `HasOptions` and the others, and let a type checker look.
        """
        options: Any = getattr(self.made, "options", frozenset())
        good = isinstance(options, frozenset) and all(isinstance(name, str) for name in options)
        self.check(good, f"options is {options!r}; it is a frozenset of names")
        errors = getattr(self.made, "errors", ())
        good = isinstance(errors, tuple) and all(_is_error(each) for each in errors)
        self.check(good, f"errors is {errors!r}; it is a tuple of exception classes")
        trial = getattr(self.made, "trial", self.url)
        self.check(isinstance(trial, str), f"trial is {trial!r}; it is a URL")
        self.check(
            Address.parse(trial).scheme == self.made.scheme, f"trial {trial!r} has another scheme than its carrier"
        )
        if isinstance(self.made, HasPorts):
            for port in self.soon("ports", list, self.made.ports()):
                good = isinstance(port, dict) and {*port} == PortInfo.__required_keys__
                self.check(good, f"ports returned {port!r}; a port has {', '.join(sorted(PortInfo.__required_keys__))}")
        with self.listening() as acceptor:
            self.address_traits(acceptor)

    def test_unknown_option(self) -> None:
        """C03: An option that it does not know is refused. Mend: declare `options`, and the core does it; or raise
        ConfigError.
        """
        if getattr(self.made, "options", None) is not None:
            self.check(NO_OPTION not in self.made.options, f"options contains {NO_OPTION!r}, which nobody can mean")
            return
        self.url += f"{'&' if '?' in self.url else '?'}{NO_OPTION}=1"
        try:
            with self.listening() as acceptor:
                address = acceptor.address
        except (ValueError, OSError):
            return
        raise AssertionError(f"{self.who}: it declares no options, and {self.url} was listened on, as {address}")

    def test_traits(self) -> None:
        """C04: Both ends declare LinkTraits, and the same: packets and reliable are bools; mtu is None or 8 and more,
        and for packets alone; bitrate is None or 1 and more. Mend: `traits = LinkTraits(packets=..., reliable=...)`.
        """
        with self.pair() as (client, server):
            for end in (client, server):
                self._check_traits(end.traits)
            same = client.traits == server.traits
            self.check(same, f"the client says {client.traits}, the server {server.traits}: they are of one link")

    def _check_traits(self, traits: LinkTraits) -> None:
        for name in ("packets", "reliable"):
            found = getattr(traits, name)
            self.check(type(found) is bool, f"traits.{name} is {found!r}; it is True or False")
        mtu, bitrate = traits.mtu, traits.bitrate
        self.check(mtu is None or type(mtu) is int, f"mtu is {mtu!r}; it is a number of bytes, or None")
        self.check(mtu is None or mtu >= SMALLEST, f"mtu is {mtu} bytes; the least is {SMALLEST}")
        self.check(mtu is None or traits.packets, f"mtu is {mtu} bytes, but a stream has none: leave it out")
        good = bitrate is None or (type(bitrate) is int and bitrate > 0)
        self.check(good, f"bitrate is {bitrate!r}; it is bits per second, or None")

    def test_peer(self) -> None:
        """C05: `peer` names the other end in printable text. Mend: say what the medium knows: an address, a process."""
        with self.pair() as (client, server):
            for name, end in (("client", client), ("server", server)):
                peer: Any = getattr(end.link, "peer", None)
                good = isinstance(peer, str) and bool(peer) and peer.isprintable()
                self.check(good, f"peer of the {name} is {peer!r}; logs and access rules need printable text")

    def test_address_as_bound(self) -> None:
        """C06: `address` of an acceptor is the URL as bound, with the port that the system chose; it leads back. Mend:
        ask the handle (getsockname), not the URL that was asked for.
        """
        with self.listening() as acceptor:
            found: Any = getattr(acceptor, "address", None)
            self.check(isinstance(found, str), f"address of its acceptor is {found!r}; it is a URL")
            self.check(Address.parse(found).port != 0, f"address is {found}: port 0 is not the one that was bound")
            with self.met(acceptor) as (client, server):
                got = self.carry(client, server, b"here")
                self.check(got == b"here", f"what was sent to {found} did not arrive at its acceptor")


def _is_error(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, Exception)
