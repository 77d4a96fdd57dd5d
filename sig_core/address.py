"""URLs of carriers: `tcp://127.0.0.1:3000?nodelay=1`, `unix:///run/x.sock`, `local://lab`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from sig_core.errors import ConfigError

__all__ = ["Address", "did_you_mean"]

_GRAMMAR = "SCHEME://HOST[:PORT][/PATH][?OPTION=VALUE&...]"
_NAME = re.compile(r"[^:@\[\]]+(:[^:@\[\]]+){2,}")  # a host and a port have one colon, an IPv6 host has brackets


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed URL.

    Attributes:
        url: as it was written.
        scheme: of the carrier, lower case, without wrappers.
        wrappers: names before the scheme (`lossy+tcp://`), the outermost first.
        host: host or name; "" if there is none. Brackets of an IPv6 host are taken off. A name with two colons or more
            (`usb:2341:0043`) is a host without a port, and keeps its case.
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
        """Read a URL.

        Raises:
            ConfigError: it is none; says what is wrong and the grammar.
        """
        if not isinstance(url, str):
            raise ConfigError(f"address {url!r}: a URL is text such as {_GRAMMAR}, not {type(url).__name__}")
        try:
            parts = urlsplit(url)
            host, port = (parts.netloc, None) if _NAME.fullmatch(parts.netloc) else (parts.hostname or "", parts.port)
        except ValueError as error:
            raise ConfigError(f"address {url!r}: {error}; the form is {_GRAMMAR}") from error
        *wrappers, scheme = parts.scheme.split("+")
        if not scheme or not all(wrappers) or "://" not in url:
            raise ConfigError(f"address {url!r}: no scheme; the form is {_GRAMMAR}")
        if parts.fragment or parts.username is not None:
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

    def check_options(self, known: Iterable[str]) -> None:
        """Raise ConfigError, naming the known ones, if the URL has an option that the carrier does not know."""
        known = sorted(known)
        for name in self.options:
            if name not in known:
                listed = ", ".join(known) or "none"
                hint = did_you_mean(name, known)
                raise ConfigError(f"address {self.url!r}: unknown option {name!r}{hint}; {self.scheme} knows: {listed}")

    def flag(self, name: str, default: bool) -> bool:
        """Read an option that is yes or no: 1, 0, true, false, yes, no, on, off."""
        text = self.options.get(name)
        if text is None:
            return default
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise ConfigError(f"address {self.url!r}: option {name}={text!r} is neither 1 nor 0")

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Read an option that is a number from `low` to `high`."""
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


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Give `, did you mean 'x'?` for the nearest known word, or nothing."""
    import difflib  # for errors alone: not at every start

    near = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""
