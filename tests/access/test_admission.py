"""Who comes in: facts against rules."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.access.admission import Admission
from sig_core.access.principal import Certificate, Facts, UnixPeer
from sig_core.access.rules import Rules

ONE, TWO = "sha256:" + "11" * 32, "sha256:" + "22" * 32
AT = "tcp://127.0.0.1:3000"


def admission(*who: dict[str, Any], revoked: list[str] | None = None) -> Admission:
    roles: dict[str, Any] = {"r": {}, "s": {}, "t": {}}
    given = [{"roles": ["r"], **each} for each in who]
    return Admission(Rules.parse({"version": 1, "roles": roles, "who": given, "revoked": revoked or []}))


TOKEN = {"token": ONE, "user": "hall"}
ANYONE = {"anyone": True}


def test_a_token() -> None:
    found = admission(TOKEN).admit(Facts(AT, token=ONE))
    assert found is not None
    assert (found.user, found.kind, found.roles) == ("hall", "token", frozenset("r"))
    assert found.is_somebody
    assert admission(TOKEN).admit(Facts(AT)) is None


def test_a_token_that_is_unknown_admits_nobody_not_even_as_anonymous() -> None:
    door = admission(TOKEN, ANYONE)
    assert door.admit(Facts(AT, token=TWO)) is None
    found = door.admit(Facts(AT))
    assert found is not None
    assert not found.is_somebody


def test_roles_add_up_and_the_first_gives_the_name() -> None:
    door = admission(
        {"unix": {"user": "root"}, "roles": ["s"]}, TOKEN, {**ANYONE, "roles": ["t"]}, {"token": TWO, "user": "x"}
    )
    found = door.admit(Facts("unix:///x", token=ONE, unix=UnixPeer(0, 0, "root", "root")))
    assert found is not None
    assert (found.user, found.kind, found.roles) == ("root", "unix", frozenset("rst"))


@pytest.mark.parametrize(
    ("shown", "user"),
    [
        (Certificate(uris=("x:y", "sig:panel/kitchen")), "kitchen"),
        (Certificate(uris=("sig:panel/",)), None),
        (Certificate(uris=("sig:other/kitchen",)), None),
        (Certificate(cn="sig:panel/kitchen"), None),
        (None, None),
    ],
)
def test_a_certificate(shown: Certificate | None, user: str | None) -> None:
    found = admission({"certificate": {"uri": "sig:panel/*"}}).admit(Facts(AT, certificate=shown))
    assert (found and found.user) == user


def test_the_common_name_counts_only_where_there_is_no_other() -> None:
    door = admission({"certificate": {"cn": "*"}})
    assert door.admit(Facts(AT, certificate=Certificate(cn="me"))) is not None
    assert door.admit(Facts(AT, certificate=Certificate(dns=("other",), cn="me"))) is None


def test_each_field_must_match() -> None:
    door = admission({"certificate": {"uri": "sig:*", "sha256": "ab"}, "user": "u/{name}"})
    assert door.admit(Facts(AT, certificate=Certificate(uris=("sig:x",), sha256="cd"))) is None
    found = door.admit(Facts(AT, certificate=Certificate(uris=("sig:x",), sha256="ab")))
    assert found is not None
    assert found.user == "u/x"


def test_unix_by_number_is_named_as_the_system_names_it() -> None:
    door = admission({"unix": {"uid": [7, 8]}})
    found = door.admit(Facts("unix:///x", unix=UnixPeer(8, 1, "eight")))
    assert found is not None
    assert found.user == "eight"
    nameless = door.admit(Facts("unix:///x", unix=UnixPeer(8, 1)))
    assert nameless is not None
    assert nameless.user == "8"


def test_a_port_and_addresses() -> None:
    door = admission({"port": "serial://usb:1:2", "user": "board"}, {**ANYONE, "at": ["tcp://127.0.0.1:*"]})
    found = door.admit(Facts("serial:///dev/ttyACM0", "serial://usb:1:2"))
    assert found is not None
    assert (found.user, found.kind) == ("board", "port")
    assert door.admit(Facts("tcp://10.0.0.1:3000")) is None
    assert door.admit(Facts(AT)) is not None


def test_what_is_revoked_admits_nobody() -> None:
    door = admission(TOKEN, ANYONE, {"certificate": {"cn": "*"}}, revoked=[ONE, TWO])
    assert door.admit(Facts(AT, token=ONE)) is None
    assert door.admit(Facts(AT, certificate=Certificate(cn="me", sha256="22" * 32))) is None
