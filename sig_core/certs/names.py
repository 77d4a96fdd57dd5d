"""What a certificate may be called, and for which hosts it may be."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from sig_core.errors import ConfigError

__all__ = ["SCHEME", "Names", "checked_name", "names_of"]

SCHEME = "sig:"  # of the URI that says who holds a certificate
LONGEST_NAME = 64  # characters; a common name of X.509 has no more
LONGEST_HOST = 253  # of DNS
LONGEST_USER = 200
RESERVED = ("ca", "crl", "index")  # names of the authority's own files

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~@/+-]*")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-Z\[\]_a-z~%]+")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Names:
    """Whom a certificate names.

    Attributes:
        common: what its files are called, and its subject.
        uri: who holds it, such as `sig:panel/hall`.
        hosts: names of hosts, as DNS has them.
        addresses: of hosts.
    """

    common: str
    uri: str
    hosts: tuple[str, ...] = ()
    addresses: tuple[IpAddress, ...] = ()

    @property
    def is_server(self) -> bool:
        """Whether it is for a server: it names a host."""
        return bool(self.hosts or self.addresses)


def names_of(name: str, user: str | None = None, hosts: tuple[str, ...] = ()) -> Names:
    """Return whom a certificate names.

    Args:
        name: of its files, and its subject.
        user: who holds it, such as `panel/hall`, or a whole URI; None: `name`.
        hosts: names or addresses, as clients write them in their URLs.

    Raises:
        ConfigError: one of them can't be; says what can.
    """
    found = [_host(host) for host in hosts]
    return Names(
        common=checked_name(name),
        uri=_uri(name if user is None else user),
        hosts=tuple(dict.fromkeys(host for host in found if isinstance(host, str))),
        addresses=tuple(dict.fromkeys(host for host in found if not isinstance(host, str))),
    )


def checked_name(name: str, whose: str = "a certificate") -> str:
    """Return a name that can be that of a certificate, and of its files: no way out of the folder.

    Raises:
        ConfigError: it can't.
    """
    form = f"letters, digits and . _ @ -, the first a letter or digit, {LONGEST_NAME} at most"
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise ConfigError(f"{_short(name)} is no name of {whose}: {form}")
    if name.lower() in RESERVED:
        raise ConfigError(f"{name!r} is no name of {whose}: the files of that name are the authority's own")
    return name


def _uri(user: str) -> str:
    if _URI.fullmatch(user) and len(user) <= LONGEST_USER:
        return user
    if not _USER.fullmatch(user) or len(user) > LONGEST_USER:
        form = f"letters, digits and . _ ~ @ / + -, such as panel/hall, or a whole URI, {LONGEST_USER} at most"
        raise ConfigError(f"{_short(user)} is no user of a certificate: {form}")
    return SCHEME + user


def _host(host: str) -> str | IpAddress:
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return _host_name(host)
    if address.is_unspecified:
        raise ConfigError(f"host {host!r} is every address of a machine; give those that clients write in their URLs")
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        raise ConfigError(f"host {host!r} has a zone, which is another on each machine; give the address without %")
    return address


def _host_name(host: str) -> str:
    if "://" in host or "/" in host or ":" in host:
        raise ConfigError(f"host {_short(host)} is more than a host; give the host of the URL alone, without its port")
    try:
        name = host.removesuffix(".").encode("idna").decode().lower()  # as `ssl` asks for it at a client
    except UnicodeError:
        name = ""
    labels = name.removeprefix("*.").split(".")
    good = all(_LABEL.fullmatch(label) for label in labels) and len(name) <= LONGEST_HOST
    if not good or labels[-1].isdigit() or (name.startswith("*.") and len(labels) < 2):
        raise ConfigError(f"{_short(host)} is no host: a name such as house.lan or *.house.lan, or an address of IP")
    return name


def _short(text: str) -> str:
    return repr(text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 3] + "...")
