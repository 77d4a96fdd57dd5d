"""URLs of carriers: `tcp://127.0.0.1:3000?nodelay=1`, `unix:///run/x.sock`, `local://lab`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from sig_core.description import described
from sig_core.errors import ConfigError

__all__ = ["Address", "as_query", "as_url", "did_you_mean", "is_exposed", "without_options"]

_GRAMMAR = "SCHEME://HOST[:PORT][/PATH][?OPTION=VALUE&...]"
_SECONDS = {"": 1.0, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_TIME = re.compile(r"(\d+(?:\.\d*)?(?:e-?\d+)?|\.\d+)([a-z]*)", re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"[^:@\[\]]+(:[^:@\[\]]+){2,}")  # a host and a port have one colon, an IPv6 host has brackets


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed URL.

    Attributes:
        url: as it was written.
        scheme: of the carrier, lower case, without wrappers.
        wrappers: names before the scheme (`lossy+tcp://`), the outermost first.
        host: host or name; "" if there is none. Brackets of an IPv6 host are taken off. A name with two colons or more
            (`usb:2341:0043`), or with an at sign before it (`unix:@name`), is a host without a port, and keeps its
            case.
        port: 0 .. 65535, or None.
        path: with its leading slash; "" if there is none.
        options: of the query, as text.
    """

    url: str
    scheme: str
    host: str = ""
    port: int | None = None
    path: str = ""
    wrappers: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, url: str) -> Address:
        """Return the address that a URL is.

        Raises:
            ConfigError: it is none; the error says what is wrong, and the grammar.
        """
        if not isinstance(url, str):
            raise ConfigError(f"address {described(url)}: a URL is text such as {_GRAMMAR}, not {type(url).__name__}")
        if not url.isascii() and any("\ud800" <= letter <= "\udfff" for letter in url):
            raise ConfigError(f"address {url!r}: has lone surrogates; the form is {_GRAMMAR}, in UTF-8")
        whole = url if "://" in url else url.replace(":@", "://@", 1)
        try:
            parts = urlsplit(whole)
            is_name = parts.netloc.startswith("@") or _NAME.fullmatch(parts.netloc)
            host, port = (parts.netloc, None) if is_name else (parts.hostname or "", parts.port)
        except ValueError as error:
            raise ConfigError(f"address {url!r}: {error}; the form is {_GRAMMAR}") from error
        *wrappers, scheme = parts.scheme.split("+")
        if not scheme or not all(wrappers) or "://" not in whole:
            raise ConfigError(f"address {url!r}: no scheme; the form is {_GRAMMAR}")
        if parts.fragment or (parts.username is not None and not is_name):
            raise ConfigError(f"address {url!r}: has a user or a fragment; the form is {_GRAMMAR}")
        return cls(
            url=url,
            scheme=scheme,
            wrappers=tuple(wrappers),
            host=unquote(host),
            port=port,
            path=unquote(parts.path),
            options=_options(url, parts.query),
        )

    @property
    def is_secured(self) -> bool:
        """Whether it asks for TLS: `tls` is its first word. That one is no wrapper, but the core's own."""
        return self.wrappers[:1] == ("tls",)

    def below_tls(self, claimed: Collection[str]) -> Address:
        """Return the address without that word, and without the options that it claims."""
        left = {name: text for name, text in self.options.items() if name not in claimed}
        words = "+".join((*self.wrappers[1:], self.scheme))
        return replace(self, url=f"{words}://{self._where}{as_query(left)}", wrappers=self.wrappers[1:], options=left)

    @property
    def _where(self) -> str:
        return self.url.partition(":")[2].removeprefix("//").partition("?")[0]

    def of_wrapper(self, options: Collection[str]) -> Address:
        """Return the address as a wrapper sees it: with those of these options that the URL has, and no others."""
        return replace(self, options={name: text for name, text in self.options.items() if name in options})

    def of_carrier(self, claimed: Collection[str]) -> Address:
        """Return the address as a carrier sees it: without wrappers, and without the options that they claim."""
        if not self.wrappers:
            return self
        left = {name: text for name, text in self.options.items() if name not in claimed}
        return replace(self, url=f"{self.scheme}://{self._where}{as_query(left)}", wrappers=(), options=left)

    def check_options(self, known: Iterable[str], of_wrappers: Mapping[str, Iterable[str]] | None = None) -> None:
        """Refuse an option that nobody knows.

        Args:
            known: to the carrier.
            of_wrappers: known to the wrappers, by the name of each.

        Raises:
            ConfigError: the URL has another one; the error says which there are.
        """
        takers = {**(of_wrappers or {}), self.scheme: known}
        names = {name for taken in takers.values() for name in taken}
        for name in self.options:
            if name not in names:
                listed = [f"{who} knows: {', '.join(sorted(taken)) or 'none'}" for who, taken in takers.items()]
                hint = did_you_mean(name, sorted(names))
                raise ConfigError(f"address {self.url!r}: unknown option {name!r}{hint}; {'; '.join(listed)}")

    def flag(self, name: str, default: bool) -> bool:
        """Return an option that is yes or no: 1, 0, true, false, yes, no, on, off.

        Args:
            name: of the option.
            default: returned if the URL does not have it.

        Raises:
            ConfigError: it has another value.
        """
        text = self.options.get(name)
        if text is None:
            return default
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise ConfigError(f"address {self.url!r}: option {name}={text!r} is neither 1 nor 0")

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Return an option that is a number from `low` to `high`.

        Args:
            name: of the option.
            default: returned if the URL does not have it.
            low, high: the least and the greatest that it may be.

        Raises:
            ConfigError: it is no number, or beyond them.
        """
        text = self.options.get(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ConfigError(f"address {self.url!r}: option {name}={text!r} is no number from {low:g} to {high:g}")
        return value

    def seconds(self, name: str, default: float, low: float, high: float) -> float:
        """Return, in seconds, an option that is a time: "5ms", "30s", "2m", or a number of seconds.

        Args:
            name: of the option.
            default: seconds that are returned if the URL does not have it.
            low, high: seconds that it may be, the least and the greatest.

        Raises:
            ConfigError: it is no time, or beyond them.
        """
        text = self.options.get(name)
        if text is None:
            return default
        match = _TIME.fullmatch(text)
        scale = _SECONDS.get(match[2].lower()) if match is not None else None
        value = float("nan") if match is None or scale is None else float(match[1]) * scale
        if not low <= value <= high:
            raise ConfigError(
                f"address {self.url!r}: option {name}={text!r} is no time from {low:g} to {high:g} s; "
                "write seconds, or 5ms, 30s, 2m, 1h"
            )
        return value

    def __str__(self) -> str:
        return self.url


def _options(url: str, query: str) -> dict[str, str]:
    if not query:
        return {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise ConfigError(f"address {url!r}: bad options ({error}); the form is {_GRAMMAR}") from error
    options = dict(pairs)
    if len(options) != len(pairs):
        raise ConfigError(f"address {url!r}: an option is given twice")
    return options


def as_query(options: Mapping[str, str]) -> str:
    """Return options as the end of a URL, with its question mark; "" if there are none."""
    return f"?{urlencode(options, quote_via=quote)}" if options else ""


def as_url(scheme: str, host: str, port: int, path: str = "") -> str:
    """Return the URL of a place in a network; an IPv6 host gets its brackets, the path its escapes."""
    return f"{scheme}://[{host}]:{port}{quote(path)}" if ":" in host else f"{scheme}://{host}:{port}{quote(path)}"


def is_exposed(url: str) -> bool:
    """Return whether other machines may reach who listens at a URL, as bound: a port beyond the loopback interface.

    A place without a port (a socket file, a serial port, a name within a process) is not reached by network.
    """
    import ipaddress  # for servers alone

    try:
        address = Address.parse(url)
    except ConfigError:  # of an acceptor that calls itself anything
        return False
    if address.port is None or address.host == "localhost":
        return False
    try:
        host = ipaddress.ip_address(address.host)
    except ValueError:  # a name, which may be that of any interface
        return True
    return not (getattr(host, "ipv4_mapped", None) or host).is_loopback


def without_options(url: str) -> str:
    """Return a URL without what stands behind its question mark."""
    return url.partition("?")[0]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `, did you mean 'x'?` for the nearest known word, or nothing."""
    import difflib  # for errors alone: not at every start

    near = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""
