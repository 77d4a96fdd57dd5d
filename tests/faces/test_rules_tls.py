"""Who comes over TLS is known by its certificate; a token may go that way, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from sig_core.tokens import digest
from tests.support import eventually
from tests.support.faces import Face

certs = pytest.importorskip("sig_core.certs", reason="the extra certs is not installed")
TOKEN = "sig_" + "4" * 64


def test_a_certificate_names_its_user(face: Face, tmp_path: Path) -> None:
    home = tmp_path / "home"
    authority = certs.Authority.create(home)
    authority.issue("house", hosts=("127.0.0.1",))
    authority.issue("hall", user="panel/hall")
    authority.issue("other", user="other/hall")
    who = [
        {"certificate": {"uri": "sig:panel/*"}, "roles": ["r"]},
        {"token": digest(TOKEN), "user": "by-token", "roles": ["r"]},
    ]
    rules: dict[str, Any] = {"version": 1, "roles": {"r": {"add": ["{user}"]}}, "who": who}
    ca = f"ca={home}/ca.pem"

    async def scenario() -> None:
        url = f"tls+tcp://127.0.0.1:0?cert={home}/house.pem&key={home}/house.key&{ca}"
        with sig.ServerRouter(url, rules=rules) as server:
            where = server.addresses[0].partition("?")[0] + f"?{ca}"
            own = [f"{where}&cert={home}/{name}.pem&key={home}/{name}.key" for name in ("hall", "other")]
            async with face.client(own[0]) as hall:
                assert (await hall.whoami())["user"] == "hall"
                await hall.add_remote_sender("hall")
            with pytest.raises(sig.AccessDenied, match="not admitted"):
                await face.client(own[1]).start()
            async with face.client(own[1], token=TOKEN) as other:
                assert (await other.whoami())["kind"] == "token"

    face.run(scenario())


def test_the_audit_tells_which_certificates_the_server_has(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "sig.audit")
    home = tmp_path / "home"
    authority = certs.Authority.create(home)
    authority.issue("house", hosts=("127.0.0.1",))
    rules: dict[str, Any] = {"version": 1, "roles": {"r": {}}, "who": [{"anyone": True, "roles": ["r"]}]}
    url = f"tls+tcp://127.0.0.1:0?cert={home}/house.pem&key={home}/house.key"
    with sig.ServerRouter(url, rules=rules) as server:
        eventually(lambda: '"certificate loaded"' in caplog.text)
        home.joinpath("house.pem").write_text("nonsense")
        where = f"{server.addresses[0]}?ca={home}/ca.pem"

        def is_told() -> bool:  # files are looked at when somebody comes, once a second at most
            sig.ClientRouter(where).start().stop()
            return '"certificate refused"' in caplog.text

        eventually(is_told)
