"""What a certificate may be called, and for which hosts it may be."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

import sig_core as sig
from sig_core.certs.names import LONGEST_NAME, checked_name, names_of


@pytest.mark.parametrize("name", ["hall", "Hall-2", "7", "me@house.lan", "a_b", "h" * LONGEST_NAME])
def test_names_that_can_be(name: str) -> None:
    assert names_of(name).common == name
    assert names_of(name).uri == f"sig:{name}"


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", ".hidden", "-option", "~", "two words", "new\nline"),
        *("\x1b[2J", "nul\0", "Zürich", "a:b", "*", "$HOME", "\udc80", "h" * (LONGEST_NAME + 1)),
    ],
)
def test_names_that_can_not(name: str) -> None:
    with pytest.raises(sig.ConfigError, match=r"is no name of a certificate: letters, digits and \. _ @ -, .*64"):
        checked_name(name)


@pytest.mark.parametrize("name", ["ca", "CA", "crl"])
def test_the_names_of_the_authority_are_its_own(name: str) -> None:
    with pytest.raises(sig.ConfigError, match="the authority's own"):
        checked_name(name)


@pytest.mark.parametrize(
    ("user", "uri"),
    [
        ("panel/hall", "sig:panel/hall"),
        ("me@house.lan", "sig:me@house.lan"),
        ("sig:panel/hall", "sig:panel/hall"),
        ("spiffe://house.lan/hall", "spiffe://house.lan/hall"),
        ("urn:dev:mac:0024beffff804ff1", "urn:dev:mac:0024beffff804ff1"),
    ],
)
def test_users(user: str, uri: str) -> None:
    assert names_of("hall", user).uri == uri


@pytest.mark.parametrize("user", ["", "/hall", "two words", "Zürich", "a\nb", "sig:a b", "sig:", "u" * 201, "a*"])
def test_users_that_can_not_be(user: str) -> None:
    with pytest.raises(sig.ConfigError, match=r"is no user of a certificate: .* such as panel/hall, or a whole URI"):
        names_of("hall", user)


def test_hosts() -> None:
    hosts = (
        "House.LAN",
        "house.lan.",
        "*.house.lan",
        "localhost",
        "my_box",
        "bücher.example",
        "192.168.1.2",
        "[::1]",
        "::1",
    )
    names = names_of("house", hosts=hosts)
    assert names.is_server
    assert names.hosts == ("house.lan", "*.house.lan", "localhost", "my_box", "xn--bcher-kva.example")
    assert names.addresses == (ip_address("192.168.1.2"), ip_address("::1"))
    assert not names_of("hall").is_server


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("", "is no host: a name such as house.lan"),
        ("house lan", "is no host"),
        ("-house", "is no host"),
        ("a..b", "is no host"),
        ("*", "is no host"),
        ("*.lan", "is no host"),
        ("a.*.lan", "is no host"),
        ("300.1.1.1", "is no host"),
        ("house.lan\n", "is no host"),
        ("h" * 64, "is no host"),
        (".".join(["h" * 50] * 6), "is no host"),
        ("\udc80", "is no host"),
        ("house.lan:3000", "give the host of the URL alone, without its port"),
        ("tls+tcp://house.lan", "give the host of the URL alone"),
        ("../house", "give the host of the URL alone"),
        ("0.0.0.0", "is every address of a machine"),
        ("::", "is every address of a machine"),
        ("fe80::1%eth0", "has a zone"),
    ],
)
def test_hosts_that_are_none(host: str, why: str) -> None:
    with pytest.raises(sig.ConfigError, match=why):
        names_of("house", hosts=(host,))
