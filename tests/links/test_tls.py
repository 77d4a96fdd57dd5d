"""TLS from the options of a URL: who is verified, and what is said when it can't be."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

import sig_core as sig
from sig_core.address import Address, as_query
from sig_core.links import tls

if shutil.which("openssl") is None:
    pytest.skip("makes certificates with the program openssl, which is not here", allow_module_level=True)
from tests.support import within


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=within(60))


def certificate(folder: Path, name: str, host: str) -> None:
    """Make NAME.pem and NAME.key, which signs itself."""
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    whose = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{host}"]
    openssl(*new, *whose, "-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("certificates")
    certificate(made, "server", "lab.example")
    certificate(made, "client", "client.example")
    (made / "both.pem").write_bytes((made / "server.pem").read_bytes() + (made / "server.key").read_bytes())
    (made / "none.pem").write_text("no certificate\n")
    openssl("pkey", "-in", str(made / "server.key"), "-aes128", "-passout", "pass:x", "-out", str(made / "locked.key"))
    return made


def address(folder: Path, **files: str) -> Address:
    return Address.parse("lab://lab.example:1" + as_query({name: str(folder / file) for name, file in files.items()}))


def shake_hands(client: Address, server: Address, host: str = "lab.example") -> bytes:
    """Connect two ends in memory; give what a byte that is sent then arrives as."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = tls.client_context(client).wrap_bio(to_client, to_server, server_hostname=host)
    two = tls.server_context(server).wrap_bio(to_server, to_client, server_side=True)
    with tls.explained(client):
        left = [one, two]
        while left:
            for end in list(left):
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                left.remove(end)
        one.write(b"x")
        return two.read(1)


@pytest.mark.parametrize(
    "files", [{"cert": "server.pem", "key": "server.key"}, {"cert": "both.pem"}], ids=["two files", "one file"]
)
def test_a_server_that_is_trusted_is_spoken_to(folder: Path, files: dict[str, str]) -> None:
    assert shake_hands(address(folder, ca="server.pem"), address(folder, **files)) == b"x"


@pytest.mark.parametrize(
    ("ca", "host", "why"),
    [
        (None, "lab.example", "self-signed certificate; have it signed by somebody .*, or .*ca=FILE"),
        ("client.pem", "lab.example", "self-signed certificate; .*ca=FILE"),
        ("server.pem", "other.example", "Hostname mismatch.*'other.example'; connect to a name that is in it"),
    ],
    ids=["nobody", "another", "name"],
)
def test_one_that_is_not_is_refused(folder: Path, ca: str | None, host: str, why: str) -> None:
    client = address(folder, ca=ca) if ca else address(folder)
    with pytest.raises(sig.ConnectFailed, match=f"the server's certificate is refused: {why}"):
        shake_hands(client, address(folder, cert="both.pem"), host)


def test_a_certificate_that_is_over_says_so() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = 10, "certificate has expired"
    with pytest.raises(sig.ConnectFailed, match="certificate has expired; have it renewed, or set the clock"):
        with tls.explained(Address.parse("lab://here")):
            raise error


def test_a_server_with_ca_lets_in_those_alone_that_have_a_certificate_of_it(folder: Path) -> None:
    server = address(folder, cert="both.pem", ca="client.pem")
    friend = address(folder, ca="server.pem", cert="client.pem", key="client.key")
    assert shake_hands(friend, server) == b"x"
    with pytest.raises(sig.ConnectFailed, match=r"no TLS with who is there: .*; .*your certificate \(cert=, key=\)"):
        shake_hands(address(folder, ca="server.pem"), server)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "to listen takes a certificate; give its file: cert=FILE&key=FILE"),
        ({"key": "server.key"}, "to listen takes a certificate"),
        ({"cert": "missing.pem"}, r"option cert='.*missing\.pem' can't be read: No such file"),
        ({"cert": "both.pem", "ca": "missing.pem"}, "option ca=.* can't be read: No such file"),
        ({"cert": "server.pem", "key": "missing.key"}, "option key=.* can't be read: No such file"),
        ({"cert": "none.pem"}, "option cert=.* can't be used: there is no certificate in it; it takes a c"),
        ({"cert": "server.pem"}, "option cert=.* can't be used: its key is not in it; name the file of that: key=FILE"),
        ({"cert": "server.pem", "key": "none.pem"}, "option key=.* can't be used: there is no key in it; it takes"),
        ({"cert": "both.pem", "ca": "none.pem"}, "option ca=.* can't be used: .*; it takes certificates in PEM"),
        ({"cert": "server.pem", "key": "client.key"}, "option cert=.* can't be used: key values mismatch"),
        ({"cert": "server.pem", "key": "locked.key"}, "option cert=.* can't be used: its key has a password"),
    ],
    ids=lambda value: "-".join(value.values()) or "nothing" if isinstance(value, dict) else "",
)
def test_files_that_can_not_be_used_are_named(folder: Path, files: dict[str, str], why: str) -> None:
    with pytest.raises(sig.ConfigError, match=why):
        tls.server_context(address(folder, **files))


def test_a_key_without_a_certificate_is_no_clients(folder: Path) -> None:
    with pytest.raises(sig.ConfigError, match=r"option key=.* is that of no certificate; give cert=FILE"):
        tls.client_context(address(folder, key="server.key"))
