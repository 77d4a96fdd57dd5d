"""Contexts of a server follow their files."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import sig_core as sig
from sig_core.address import Address
from sig_core.io.tls.contexts import ServerContexts
from sig_core.testing import FakeClock
from tests.support.certificates import Authority


@pytest.fixture
def own(tmp_path: Path) -> Authority:
    made = Authority(tmp_path)
    made.issue("server")
    return made


def contexts(own: Authority, clock: FakeClock, **more: str) -> ServerContexts:
    return ServerContexts(Address.parse("tls+tcp://127.0.0.1:0" + own.query("server", **more)), clock)


def test_it_stays_as_long_as_its_files_do(own: Authority) -> None:
    clock = FakeClock()
    made = contexts(own, clock)
    first = made.current()
    clock.advance(5)
    assert made.current() is first and made.loaded == 1 and made.asks_for_certificates


def test_files_that_change_are_seen_a_second_later(own: Authority) -> None:
    clock = FakeClock()
    made = contexts(own, clock)
    first = made.current()
    own.issue("server")
    clock.advance(0.5)
    assert made.current() is first
    clock.advance(0.6)
    second = made.current()
    assert second is not first and made.loaded == 2
    clock.advance(5)
    assert made.current() is second


def test_files_that_can_not_be_used_change_nothing_and_are_told_once(
    own: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    made = contexts(own, clock)
    first = made.current()
    (own.folder / "server.pem").write_text("half of it")
    for _ in range(5):
        clock.advance(2)
        assert made.current() is first
    assert "server.pem' can't be used" in made.problem and "used on" in caplog.text
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    own.issue("server")
    clock.advance(2)
    assert made.current() is not first and not made.problem and made.loaded == 2


def test_a_file_that_is_gone(own: Authority) -> None:
    clock = FakeClock()
    made = contexts(own, clock)
    first = made.current()
    (own.folder / "server.key").unlink()
    clock.advance(2)
    assert made.current() is first and "can't be read: No such file" in made.problem


@pytest.mark.parametrize("mode, warned", [(0o600, False), (0o640, True), (0o604, True)])
def test_a_key_that_others_can_read(own: Authority, mode: int, warned: bool, caplog: pytest.LogCaptureFixture) -> None:
    own.issue("server", mode=mode)
    contexts(own, FakeClock())
    assert (f"(mode {mode:o}); keep them out: chmod 600" in caplog.text) is warned


@pytest.mark.parametrize(
    "url, why",
    [
        ("tls+tcp://127.0.0.1:0", "to listen takes a certificate; .*cert=FILE&key=FILE; `sig certs`"),
        ("{server}&min=1.1", "option min='1.1' is neither 1.3 nor 1.2"),
        ("{alone}&crl=x", "option crl= is for certificates of clients; ask for them: ca=FILE"),
        ("{server}&crl={ca}", "option crl='.*ca.pem' can't be used: there is no list of revoked certificates in it"),
    ],
)
def test_options_that_can_not_be_meant(own: Authority, url: str, why: str) -> None:
    server, alone = ("tls+tcp://127.0.0.1:0" + own.query("server", ca=ca) for ca in (None, ""))
    with pytest.raises(sig.ConfigError, match=why):
        ServerContexts(Address.parse(url.format(server=server, alone=alone, ca=own.folder / "ca.pem")))
