"""The contexts of `ssl` that `tls+` needs; those of a server follow their files, without a restart."""

from __future__ import annotations

import os
import ssl
import time
from datetime import datetime
from pathlib import Path
from typing import Final

from sig_core.address import Address
from sig_core.clock import Clock
from sig_core.contract import LinkTraits
from sig_core.errors import ConfigError
from sig_core.links import tls
from sig_core.links.validity import end_of
from sig_core.log import log

__all__ = ["ServerContexts", "check_reliable", "context_of_client"]

ALPN: Final = ["sig/1"]
LOOK: Final = 1.0  # seconds between two looks at the files at least
FILES: Final = ("ca", "cert", "key", "crl")


def context_of_client(address: Address) -> ssl.SSLContext:
    """Return the context for one dial: its files are read each time. ConfigError: one can't be used."""
    context = tls.client_context(address)
    context.set_alpn_protocols(ALPN)
    return context


def check_reliable(url: str, traits: LinkTraits) -> None:
    """Raise ConfigError for TLS on a line."""
    if traits.packets or traits.reliable:
        return
    text = "TLS needs bytes that all arrive, and this is a line that may lose and damage them; nobody else is on it"
    raise ConfigError(f"address {url!r}: {text}: leave tls+ out")


class ServerContexts:
    """The context of a server at one address; it is made anew when a file has changed. Links that live keep theirs.

    Not thread-safe: one thread accepts at one address.

    Args:
        address: whose options name the files.
        clock: monotonic seconds.

    Attributes:
        loaded: how often it was made.
        end: when its certificate ends, or the first of those that stand with it; None: the file does not tell.
        problem: why the files that are there now can't be used; then the context before them is. "": they can.

    Raises:
        ConfigError: a file can't be used.
    """

    def __init__(self, address: Address, clock: Clock = time.monotonic) -> None:
        self._address = address
        self._clock = clock
        self._files = [address.options[name] for name in FILES if name in address.options]
        self._stamps = self._look()
        self._next_look = clock() + LOOK
        self._context, self.end = self._made()
        self.loaded = 1
        self.problem = ""

    @property
    def asks_for_certificates(self) -> bool:
        """Whether clients have to show one."""
        return self._context.verify_mode == ssl.CERT_REQUIRED

    def current(self) -> ssl.SSLContext:
        """Return the context for a link that comes now."""
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + LOOK
            stamps = self._look()  # before they are read: what changes meanwhile is seen the next time
            if stamps != self._stamps:
                self._stamps = stamps
                self._renew()
        return self._context

    def _renew(self) -> None:
        try:
            self._context, self.end = self._made()
        except ConfigError as error:
            self.problem = str(error)
            log.error(f"{error}; what was loaded before is used on")
            return
        self.loaded += 1
        self.problem = ""
        log.info(f"{self._address}: its certificate was loaded anew")

    def _made(self) -> tuple[ssl.SSLContext, datetime | None]:
        context = tls.server_context(self._address)
        context.set_alpn_protocols(ALPN)
        return context, _end(Path(self._address.options["cert"]))

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(file) for file in self._files]


def _end(file: Path) -> datetime | None:
    try:
        return end_of(file.read_bytes())
    except (OSError, ValueError):  # OpenSSL has read it: it is of a form that is seldom, or gone by now
        return None


def _stamp(file: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
