"""What is known of a peer for certain: by its link, and by the address where it came in."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache

from sig_core.access.principal import Certificate, Facts, UnixPeer
from sig_core.contract import Link, PeerCertificate

__all__ = ["facts_of"]


def facts_of(link: Link, at: str, configured: str, token: str) -> Facts:
    """Return what is known of the peer of a link now; its certificate, once it has shown it.

    Args:
        link: as its acceptor, or what secures it, gave it.
        at: URL of the address, as bound, without options.
        configured: that URL as the server was given it, without options.
        token: digest of the token that its peer sent; "": it sent none.
    """
    return Facts(at, configured, _certificate(link), token, _unix_peer(link))


def _certificate(link: Link) -> Certificate | None:
    # This is `HasPeerCertificate`, asked by name: links are many, and a protocol takes longer to ask.
    shown: PeerCertificate | None = getattr(link, "peer_certificate", None)
    if shown is None:
        return None
    names = shown.facts.get("subjectAltName", ())
    subject = dict(pair for part in shown.facts.get("subject", ()) for pair in part)
    uris, dns = (tuple(value for kind, value in names if kind == wanted) for wanted in ("URI", "DNS"))
    return Certificate(uris, dns, subject.get("commonName", ""), shown.sha256)


def _unix_peer(link: Link) -> UnixPeer | None:
    peer: tuple[int, int, int] | None = getattr(link, "unix_peer", None)  # that is `HasUnixPeer`
    if peer is None:
        return None
    _, uid, gid = peer
    return UnixPeer(uid, gid, _user_name(uid), _group_name(gid))


@lru_cache(1000)
def _user_name(uid: int) -> str:
    with suppress(ImportError, KeyError):
        import pwd

        return pwd.getpwuid(uid).pw_name
    return ""


@lru_cache(1000)
def _group_name(gid: int) -> str:
    with suppress(ImportError, KeyError):
        import grp

        return grp.getgrgid(gid).gr_name
    return ""
