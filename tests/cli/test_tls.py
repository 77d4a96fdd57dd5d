"""Commands that say who they are by certificates of `sig certs`, at a server that asks for them."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import sig_core as sig_lib
from sig_core.address import as_query
from sig_core.certs import Authority
from sig_core.cli.failures import LINK, OK, REFUSED, USAGE
from tests.cli.command import sig
from tests.support import eventually, within


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An authority, with a server and a client."""
    authority = Authority.create(tmp_path / "home")
    authority.issue("house", hosts=("127.0.0.1",))
    authority.issue("hall")
    return tmp_path / "home"


@pytest.fixture
def by_certificate(home: Path) -> Iterator[str]:
    """A server that lets in who has a certificate that is not revoked."""
    files = {"ca": "ca.pem", "crl": "crl.pem", "cert": "house.pem", "key": "house.key"}
    query = as_query({name: str(home / file) for name, file in files.items()})
    with sig_lib.ServerRouter(f"tls+tcp://127.0.0.1:0{query}") as server:
        server.add_sender("box", ["e"])
        yield server.addresses[0].partition("?")[0]


def files(home: Path, *names: str) -> list[str]:
    """Give the options for files of the authority and its client."""
    files = {"ca": "ca.pem", "cert": "hall.pem", "key": "hall.key"}
    return [text for name in names for text in (f"--{name}", str(home / files[name]))]


def test_a_certificate_lets_in(home: Path, by_certificate: str) -> None:
    found = sig("senders", "--url", by_certificate, *files(home, "ca", "cert", "key"))
    assert (found.returncode, '"box"' in found.stdout) == (OK, True), found.stderr


def test_a_profile_has_all_of_it(home: Path, by_certificate: str, tmp_path: Path) -> None:
    (tmp_path / "sig").mkdir()
    named = 'ca = "../home/ca.pem"\ncert = "../home/hall.pem"\nkey = "../home/hall.key"\n'
    (tmp_path / "sig/profiles.toml").write_text(f'[default]\nurl = "{by_certificate}"\n{named}')
    found = sig("senders", env={"XDG_CONFIG_HOME": str(tmp_path)})
    assert (found.returncode, '"box"' in found.stdout) == (OK, True), found.stderr


def test_who_shows_none_or_trusts_others_is_told(home: Path, by_certificate: str, tmp_path: Path) -> None:
    refused = sig("senders", "--url", by_certificate, *files(home, "ca"))
    assert (refused.returncode, refused.stdout) == (REFUSED, ""), refused.stderr
    Authority.create(tmp_path / "other")
    strange = sig("senders", "--url", by_certificate, "--ca", str(tmp_path / "other/ca.pem"))
    assert (strange.returncode, strange.stdout) == (LINK, ""), strange.stderr
    clear = sig("senders", "--url", by_certificate.removeprefix("tls+"), *files(home, "ca"))
    assert (clear.returncode, "write tls+tcp://" in clear.stderr) == (USAGE, True)


def serial(url: str, home: Path) -> str:
    """Give the number of the certificate that a server shows now."""
    context = ssl.create_default_context(cafile=str(home / "ca.pem"))
    context.load_cert_chain(home / "hall.pem", home / "hall.key")
    host, _, port = url.rpartition("/")[2].partition(":")
    with socket.create_connection((host, int(port)), within(10)) as raw:
        with context.wrap_socket(raw, server_hostname=host) as link:
            shown = link.getpeercert()
            assert shown is not None
            return str(shown["serialNumber"])


def test_a_server_takes_what_is_renewed_and_revoked_while_it_runs(home: Path, by_certificate: str) -> None:
    before = serial(by_certificate, home)
    assert sig("certs", "renew", str(home), "house").returncode == OK
    eventually(lambda: serial(by_certificate, home) != before)
    assert sig("certs", "revoke", str(home), "hall").returncode == OK
    asked = ["senders", "--url", by_certificate, *files(home, "ca", "cert", "key")]
    eventually(lambda: sig(*asked).returncode == REFUSED)


def about_tls(found: subprocess.CompletedProcess[str]) -> list[tuple[str, str, str]]:
    """Give kind, state and the last word of the name of what the doctor found of TLS."""
    told = [json.loads(line) for line in found.stdout.splitlines()]
    mine = [each for each in told if each["kind"] in ("address", "certificate", "profile", "tls")]
    return [(each["kind"], each["state"], re.sub(r".*/|[?,].*", "", each["name"])) for each in mine][1:]


@pytest.mark.slow
def test_the_doctor_takes_files_by_options_by_a_profile_and_by_urls(home: Path, tmp_path: Path) -> None:
    (tmp_path / "sig").mkdir()
    profiles = tmp_path / "sig/profiles.toml"
    profiles.write_text('[lab]\nca = "../home/ca.pem"\ncert = "../home/hall.pem"\nkey = "../home/house.key"\n')
    place = {"XDG_CONFIG_HOME": str(tmp_path)}
    pairs = ["--ca", str(home / "ca.pem"), "--cert", str(home / "house.pem"), "--key", str(home / "house.key")]
    found = sig("doctor", "--json", *pairs, "--url", "tls+tcp://127.0.0.1:0", env=place)
    good = [("certificate", "ok", "ca.pem"), ("certificate", "ok", "house.pem")]
    assert about_tls(found) == [("address", "ok", "127.0.0.1:0"), ("tls", "ok", "house.key"), *good], found.stderr
    found = sig("doctor", "--json", "--profile", "lab", env=place)
    assert about_tls(found) == [("tls", "broken", "house.key"), good[0], ("certificate", "ok", "hall.pem")]
    assert sig("doctor", "--profile", "lap", env=place).returncode == USAGE
    profiles.write_text("[default]\nkey = 5\n")
    assert about_tls(sig("doctor", "--json", env=place)) == [("profile", "broken", "default")]


def test_the_doctor_warns_of_a_certificate_that_ends_soon(home: Path) -> None:
    Authority(home).issue("brief", days=13)
    found = sig("doctor", "--cert", str(home / "brief.pem"), "--key", str(home / "brief.key"))
    assert found.returncode == 1
    assert re.search(r"brief.pem.*it ends on .*, in 1[23] days", found.stdout) and "sig certs renew" in found.stdout


def test_stats_tell_of_handshakes_and_of_the_days_that_are_left(home: Path, by_certificate: str) -> None:
    sig("senders", "--url", by_certificate, *files(home, "ca"))
    found = sig("stats", "--json", "--url", by_certificate, *files(home, "ca", "cert", "key"))
    told = json.loads(found.stdout)["tls"][by_certificate]
    assert told == {"handshakes": {"TLSv1.3": 1}, "failed": 1, "days_left": 824, "loaded": 1, "problem": ""}
