"""What keeps others out of the demo: TLS, by certificates of its own."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import sig_core as sig
from sig_core.address import as_query

__all__ = ["CARRIER", "Door", "Refusal", "intrude", "why_not"]

CARRIER, CODEC = "tls+tcp", "json"
THIEF = "thief"  # has a certificate that is revoked


def why_not() -> str:
    """Return why there can be no TLS here; "" if there can."""
    return "" if find_spec("cryptography") else 'it needs cryptography: pip install "pysig[certs]"'


class Door:
    """Certificates, thrown away with the folder.

    Args:
        folder: where they are put.
        user: who gets one that is good.

    Attributes:
        url: what the server listens on.
    """

    def __init__(self, folder: Path, user: str) -> None:
        from sig_core.certs import Authority

        self._folder = folder / "certs"
        authority = Authority.create(self._folder, "demo")
        authority.issue("server", hosts=("127.0.0.1",))
        authority.issue(user)
        authority.issue(THIEF)
        authority.revoke(THIEF)
        self.url = f"{CARRIER}://127.0.0.1:0" + self._query("server", crl="crl.pem")

    def client_url(self, address: str, user: str | None) -> str:
        """Return the URL by which somebody comes, who trusts the authority of the demo, and nobody else.

        Args:
            address: of the server.
            user: whose certificate is shown; None: none is.
        """
        return address.partition("?")[0] + self._query(user)

    def _query(self, user: str | None, **more: str) -> str:
        own = {"cert": f"{user}.pem", "key": f"{user}.key"} if user is not None else {}
        files = {"ca": "ca.pem", **own, **more}
        return as_query({option: str(self._folder / name) for option, name in files.items()})


@dataclass(frozen=True, slots=True)
class Refusal:
    """What came of somebody who tried to come in and add a sender.

    Attributes:
        name: of the sender.
        why: what the server said; "" if it let him.
    """

    name: str
    why: str

    def line(self) -> str:
        """Return the line of the table."""
        told = f"{'refused':>8}  {self.why}" if self.why else f"{'LET IN':>8}"
        return f"{self.name:<9}{CARRIER:<9}{CODEC:<9}{told}"


def intrude(name: str, url: str) -> Refusal:
    """Try to add a sender."""
    try:
        with sig.ClientRouter(url, CODEC, reconnect=None) as client:
            client.add_remote_sender(name, ["#alarm"])
    except sig.AccessDenied as error:
        return Refusal(name, str(error).removeprefix(f"{url}: "))
    return Refusal(name, "")
