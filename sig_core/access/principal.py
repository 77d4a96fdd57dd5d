"""Who a peer is: what is known of it for certain, and whom the rules make of that."""

from __future__ import annotations

from dataclasses import dataclass

from sig_core.access.line_index import Path
from sig_core.access.quota import Quota
from sig_core.access.rules import Source, spelled

__all__ = ["ANONYMOUS", "Certificate", "Facts", "Principal", "UnixPeer"]

ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a verified certificate of a peer says.

    Attributes:
        uris, dns: alternative names.
        cn: common name of the subject; counts only where there are no alternative names.
        sha256: 64 hex digits, of the whole certificate.
    """

    uris: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    cn: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class UnixPeer:
    """The process at the other end of a Unix socket, as the system says. `user`, `group`: names, "" without one."""

    uid: int
    gid: int
    user: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a peer, whatever it says itself. It has no secrets: of a token its digest alone.

    Attributes:
        at: URL of the address where it came in, as bound, without options.
        configured: that URL as it was given.
        certificate: that it proved to have.
        token: digest of what it sent, `sha256:` and 64 hex digits; "" if it sent none.
        unix: the process.
    """

    at: str
    configured: str = ""
    certificate: Certificate | None = None
    token: str = ""
    unix: UnixPeer | None = None


NO_FACTS = Facts("")
NO_SOURCE = Source("")


@dataclass(frozen=True, slots=True, eq=False)
class Principal:
    """Whom the rules know a peer as; one for all the life of its link, but for new rules.

    Attributes:
        user: its name in the rules.
        kind: what proved it: "certificate", "token", "unix", "port" or "anonymous".
        facts: by which it is known.
        roles: what it may do.
        source, path: where the rule stands that gave it its name.
        quota: how much it may take; None: its roles say nothing of that.
    """

    user: str
    kind: str
    facts: Facts = NO_FACTS
    roles: frozenset[str] = frozenset()
    source: Source = NO_SOURCE
    path: Path = ()
    quota: Quota | None = None

    def find_rule(self) -> str:
        """Return the rule that gave it its name, with file and line; the first time may take a while."""
        return f"{self.source.place(self.path)}: {spelled(self.path)}" if self.path else ""

    @property
    def is_somebody(self) -> bool:
        """Whether it has proved who it is."""
        return self.kind != ANONYMOUS

    def __str__(self) -> str:
        return f"{self.user} ({self.kind})" if self.is_somebody else ANONYMOUS
