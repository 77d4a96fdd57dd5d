"""Certificates of one's own: a private authority for a fleet of servers, clients and boards. Needs the extra `certs`.

    from pathlib import Path
    from sig_core.certs import Authority

    authority = Authority.create(Path("home"))
    authority.issue("house", hosts=("house.lan", "192.168.1.2"))  # a server: home/house.pem, home/house.key
    authority.issue("hall", user="panel/hall")  # a client, or a board
    authority.revoke("hall")  # home/crl.pem has it

What it makes is plain X.509: any program can use it, and `sig` any other authority's.
"""

from __future__ import annotations

from sig_core.certs.authority import Authority
from sig_core.certs.description import Description, describe, is_covered, revoked_since
from sig_core.certs.pem import certificates_in, revocations_in

__all__ = ["Authority", "Description", "certificates_in", "describe", "is_covered", "revocations_in", "revoked_since"]
