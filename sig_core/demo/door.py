"""What keeps others out of the demo: TLS by certificates of its own, a token, and rules."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import sig_core as sig
from sig_core.address import as_query, without_options
from sig_core.files import create_file
from sig_core.tokens import digest, new_token

__all__ = ["CARRIER", "Door", "Refusal", "intrude", "why_not"]

CARRIER, CODEC = "tls+tcp", "json"

RULES = """
version = 1

[roles.family]
add = ["*"]
see = ["*"]
listen = [{{ sender = "*" }}]
request = [{{ sender = "*", method = "*" }}]

[roles.sensor]
add = ["{{user}}"]

[[who]]  # by network in the clear, and within this machine
anyone = true
at = ["tcp://*", "unix://*", "local://*", "serial://*"]
roles = ["family"]

[[who]]  # by TLS: who has the token
token = "{digest}"
user = "{user}"
roles = ["sensor"]
"""


def why_not() -> str:
    """Return why there can be no TLS here; "" if there can."""
    return "" if find_spec("cryptography") else 'it needs cryptography: pip install "pysig[certs]"'


class Door:
    """Certificates, rules and a token, thrown away with the folder.

    Args:
        folder: where they are put.
        user: whose the token is: a sensor, which may add a sender of its own name, and no other.

    Attributes:
        rules: file of them.
        url: what the server listens on.
        token: of the user.
    """

    def __init__(self, folder: Path, user: str) -> None:
        from sig_core.certs import Authority

        self._folder = folder / "certs"
        authority = Authority.create(self._folder, "demo")
        authority.issue("server", hosts=("127.0.0.1",))
        self.token = new_token()
        self.rules = folder / "rules.toml"
        create_file(self.rules, RULES.format(digest=digest(self.token), user=user).encode())
        self.url = f"{CARRIER}://127.0.0.1:0" + self._files(cert="server.pem", key="server.key")

    def client_url(self, address: str) -> str:
        """Return the URL by which clients come, who trust the authority of the demo, and nobody else."""
        return address.partition("?")[0] + self._files(ca="ca.pem")

    def _files(self, **names: str) -> str:
        return as_query({option: str(self._folder / name) for option, name in names.items()})


@dataclass(frozen=True, slots=True)
class Refusal:
    """What came of somebody who tried to add a sender that he may not add.

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


def intrude(name: str, url: str, token: str | None) -> Refusal:
    """Try to add a sender."""
    try:
        with sig.ClientRouter(url, CODEC, token=token, reconnect=None) as client:
            client.add_remote_sender(name, ["#alarm"])
    except sig.AccessDenied as error:
        return Refusal(name, str(error).removeprefix(f"{without_options(url)}: "))
    return Refusal(name, "")
