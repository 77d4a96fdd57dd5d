"""A certificate that was shown over TLS is who a client is: rules name it, whatever the face."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import sig_core as sig
from tests.support.certificates import Authority
from tests.support.faces import FACES, Face

RULES = """version = 1
[roles.panel]
add = ["{user}"]
[[who]]
certificate = { uri = "sig:panel/*" }
user = "{name}"
roles = ["panel"]
at = ["URL"]
"""

OWN = """version = 1
[roles.own]
add = ["mine"]
[[who]]
unix = {{ uid = [{uid}] }}
user = "me"
roles = ["own"]
"""


@pytest.mark.parametrize("face", FACES[:2], ids=lambda face: face.name)
def test_who_has_a_certificate_is_known_by_it(face: Face, tmp_path: Path, authority: Authority) -> None:
    authority.issue("hall", "hall.example", uri="sig:panel/hall")
    where = "tls+tcp://127.0.0.1:0"
    path = tmp_path / "rules.toml"
    path.write_text(RULES.replace("URL", where))
    path.chmod(0o600)

    async def scenario(url: str) -> None:
        async with face.client(url + authority.query("hall")) as hall:
            await hall.add_remote_sender("hall")
            with pytest.raises(sig.AccessDenied):
                await hall.add_remote_sender("cellar")
        with pytest.raises(sig.NotAdmitted):
            await face.client(url + authority.query("client")).start()

    with sig.ServerRouter(where + authority.query("server"), rules=path) as server:
        face.run(scenario(server.addresses[0]))


def test_who_comes_by_a_unix_socket_inside_tls_is_known_to_the_system(tmp_path: Path, authority: Authority) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(OWN.format(uid=os.getuid()))
    path.chmod(0o600)
    with sig.ServerRouter(f"tls+unix://{tmp_path}/sock{authority.query('server', ca='')}", rules=path) as server:
        url = server.addresses[0] + authority.query(name="lab")
        with sig.ClientRouter(url, reconnect=None) as client:
            client.add_remote_sender("mine")
