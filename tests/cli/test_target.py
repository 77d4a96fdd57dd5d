"""Which server a command joins, how, and as whom: what counts more than what."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from sig_core.cli.failures import OK, USAGE
from sig_core.cli.target import DEFAULT_URL, Options, Target, target_of
from tests.cli.command import sig as run

PROFILES = """
[default]
url = "tcp://default.lan:1"
token_file = "default.token"

[lab]
url = "tls+tcp://lab.lan:1?min=1.2"
codec = "cbor"
ca = "ca.pem"
cert = "me.pem"
key = "me.key"
token_file = "lab.token"

[bare]
codec = "cbor"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The folder of a user's configuration, with profiles and tokens."""
    folder = tmp_path / "sig"
    folder.mkdir()
    (folder / "profiles.toml").write_text(PROFILES)
    for name in ("default", "lab", "option"):
        (folder / f"{name}.token").write_text(f"token-of-{name}\n")
        (folder / f"{name}.token").chmod(0o600)
    return folder


def target(config: Path, environment: dict[str, str] | None = None, /, **said: Any) -> Target:
    nothing: dict[str, Any] = {"url": None, "codecs": (), "profile": None, "files": {}, "token_file": None}
    return target_of(Options(**{**nothing, **said}), {"XDG_CONFIG_HOME": str(config.parent), **(environment or {})})


def token(found: Target) -> str | None:
    return found.token() if found.token is not None else None


# -- the server


def test_the_url(config: Path, tmp_path: Path) -> None:
    variable = {"SIG_URL": "tcp://variable.lan:1"}
    assert target(tmp_path / "none/sig").url == DEFAULT_URL
    assert target(config).url == "tcp://default.lan:1"
    assert target(config, variable).url == "tcp://variable.lan:1"
    assert target(config, variable, profile="lab").url.startswith("tls+tcp://lab.lan:1?")
    assert target(config, variable, url="tcp://option.lan:1").url == "tcp://option.lan:1"
    assert target(config, variable, profile="bare").url == "tcp://variable.lan:1"
    assert target(config, {"SIG_URL": ""}).url == "tcp://default.lan:1"
    moved = target(config, variable, profile="lab", url="tls+tcp://tunnel.lan:1")
    assert moved.url.startswith("tls+tcp://tunnel.lan:1?ca=")


def test_the_codecs(config: Path) -> None:
    assert target(config).codecs == ()
    assert target(config, profile="lab").codecs == ("cbor",)
    assert target(config, profile="lab", codecs=("json", "cbor")).codecs == ("json", "cbor")


# -- TLS


def test_files_of_tls_are_options_of_the_url(config: Path) -> None:
    files = {"ca": "/x y/ca.pem", "cert": "/me.pem", "key": "/me.key"}
    found = target(config, url="tls+tcp://h:1?min=1.2&ca=/other.pem", files=files)
    assert found.url == "tls+tcp://h:1?min=1.2&ca=%2Fx%20y%2Fca.pem&cert=%2Fme.pem&key=%2Fme.key"
    assert target(config, url="tls+tcp://h:1?min=1.2").url == "tls+tcp://h:1?min=1.2"


def test_an_option_counts_more_than_the_profile(config: Path) -> None:
    url = target(config, profile="lab", files={"ca": "/other.pem"}).url
    assert url.startswith("tls+tcp://lab.lan:1?min=1.2&ca=%2Fother.pem&cert=") and "me.key" in url


def test_the_key_of_a_profile_is_not_that_of_another_certificate(config: Path) -> None:
    url = target(config, profile="lab", files={"cert": "/both.pem"}).url
    assert "cert=%2Fboth.pem" in url and "key=" not in url


def test_what_takes_no_tls_is_told_what_does(config: Path) -> None:
    said = r"tcp://h:1 is without TLS, and takes no ca, key: write tls\+tcp://h:1, or leave them out"
    with pytest.raises(sig.ConfigError, match=said):
        target(config, url="tcp://h:1", files={"key": "k", "ca": "c"})


# -- the token


@pytest.mark.parametrize(
    ("said", "variable", "whose"),
    [
        ({}, None, "default"),
        ({}, "variable", "variable"),
        ({"profile": "lab"}, None, "lab"),
        ({"profile": "lab"}, "variable", "lab"),
        ({"profile": "bare"}, "variable", "variable"),
        ({"profile": "bare"}, None, None),
        ({"profile": "lab", "token_file": "option"}, "variable", "option"),
        ({"token_file": "option"}, None, "option"),
        ({"url": "tcp://h:1"}, "variable", "variable"),
        ({"url": "tcp://h:1"}, None, None),  # the default profile's is for its own server alone
    ],
)
def test_whose_token(config: Path, said: dict[str, Any], variable: str | None, whose: str | None) -> None:
    if "token_file" in said:
        said = {**said, "token_file": config / f"{said['token_file']}.token"}
    found = target(config, {} if variable is None else {"SIG_TOKEN": f"token-of-{variable}"}, **said)
    assert token(found) == (whose and f"token-of-{whose}")
    assert "token-of" not in repr(found)


def test_a_variable_for_another_server_does_not_take_the_default_profiles_token(config: Path) -> None:
    assert target(config, {"SIG_URL": "tcp://variable.lan:1"}).token is None


def test_a_token_is_read_each_time(config: Path) -> None:
    found = target(config, profile="lab")
    (config / "lab.token").write_text("another\n")
    assert token(found) == "another"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "can't be read: No such file"),
        (b"", "a token is empty"),
        (b"\xff\xfe", "it is no text; is it the right file"),
        (b"secret of two\nlines", "spaces, line ends or control characters"),
        (b"secret" * 5_000, "more than 4,096 characters"),
    ],
)
def test_a_token_file_that_is_none(config: Path, data: bytes | None, said: str) -> None:
    file = config / "lab.token"
    if data is None:
        file.unlink()
    else:
        file.write_bytes(data)
    with pytest.raises(sig.ConfigError, match=f"token file {file}: .*{said}") as caught:
        token(target(config, profile="lab"))
    assert "secret" not in str(caught.value)


def test_a_token_that_others_may_read_is_warned_of(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    (config / "lab.token").chmod(0o640)
    with caplog.at_level(logging.WARNING, "sig"):
        assert token(target(config, profile="lab")) == "token-of-lab"
    file = config / "lab.token"
    assert caplog.messages == [f"token file {file}: others may read it; chmod 600 {file}"]


# -- the commands


def test_commands_take_a_profile(config: Path) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        server.add_sender("box", ["e"])
        (config / "profiles.toml").write_text(f'[lab]\nurl = "{server.addresses[0]}"\ncodec = "msgpack"\n')
        there = {"XDG_CONFIG_HOME": str(config.parent)}
        found = run("senders", "--profile", "lab", env=there)
        assert (found.returncode, '"box"' in found.stdout) == (OK, True)
        wrong = run("senders", "--profile", "lap", env=there)
        assert (wrong.returncode, wrong.stdout) == (USAGE, "")
        assert wrong.stderr == f"sig: {config}/profiles.toml: no profile 'lap', did you mean 'lab'?; there are: lab\n"
