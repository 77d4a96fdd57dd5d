"""Commands that say who they are, at servers that ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import sig_core as sig_lib
from sig_core.cli.failures import OK, REFUSED, USAGE
from sig_core.tokens import digest, new_token
from tests.cli.command import sig

TOKEN = new_token()
RULES = f"""
version = 1
[roles.reader]
see = ["*"]
[[who]]
token = "{digest(TOKEN)}"
user = "reader"
roles = ["reader"]
"""


@pytest.fixture
def by_token(tmp_path: Path) -> Iterator[str]:
    """A server that lets in who has the token."""
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    rules.chmod(0o600)
    with sig_lib.ServerRouter("tcp://127.0.0.1:0", rules=rules) as server:
        server.add_sender("box", ["e"])
        yield server.addresses[0]


@pytest.mark.parametrize("way", ["file", "variable", "profile"])
def test_a_token_lets_in_and_is_never_said(by_token: str, tmp_path: Path, way: str) -> None:
    file = tmp_path / "reader.token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    environment = {"SIG_TOKEN": TOKEN} if way == "variable" else {}
    options = ["--token-file", str(file)] if way == "file" else []
    if way == "profile":
        (tmp_path / "sig").mkdir()
        (tmp_path / "sig/profiles.toml").write_text('[lab]\ntoken_file = "../reader.token"\n')
        environment, options = {"XDG_CONFIG_HOME": str(tmp_path)}, ["--profile", "lab"]
    found = sig("--verbose", "senders", "--url", by_token, *options, env=environment)
    assert (found.returncode, '"box"' in found.stdout) == (OK, True), found.stderr
    assert TOKEN not in found.stdout + found.stderr


def test_who_has_none_or_another_one_is_refused(by_token: str) -> None:
    for token in ({}, {"SIG_TOKEN": "secret-of-others"}):
        found = sig("senders", "--url", by_token, env=token)
        assert (found.returncode, found.stdout) == (REFUSED, ""), found.stderr
        assert "not admitted" in found.stderr and "secret-of-others" not in found.stderr


def test_a_token_is_not_shown_where_others_could_read_it() -> None:
    found = sig("senders", "--url", "tcp://192.0.2.1:3000", env={"SIG_TOKEN": "secret"})
    assert (found.returncode, found.stdout) == (USAGE, "")
    assert "a token is not sent where others could read it" in found.stderr and "secret" not in found.stderr
