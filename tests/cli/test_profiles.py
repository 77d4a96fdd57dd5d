"""The file of profiles: what it says, and where it says what can't be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

import sig_core as sig
from sig_core.cli.profiles import Profile, default_profile, profile_named, profiles_of

FILE = Path("/home/me/.config/sig/profiles.toml")


def profiles(text: str) -> dict[str, Profile]:
    return profiles_of(FILE, text.encode())


def test_all_that_one_can_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    found = profiles(
        """
        [house]
        url = "tls+tcp://house.lan:3001"
        codec = ["cbor", "json"]
        ca = "home/ca.pem"
        cert = "/etc/sig/hall.pem"
        key = "~/hall.key"
        token_file = "../hall.token"
        [lab]
        codec = "json"
        """
    )
    assert found == {
        "house": Profile(
            "tls+tcp://house.lan:3001",
            ("cbor", "json"),
            {"ca": "/home/me/.config/sig/home/ca.pem", "cert": "/etc/sig/hall.pem", "key": "/home/me/hall.key"},
            Path("/home/me/.config/sig/../hall.token"),
        ),
        "lab": Profile(codecs=("json",)),
    }
    assert profiles("\ufeff") == {}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (
            '[a]\nurl = "tcp://x"\n\n[b]\nurll = "tcp://y"',
            5,
            r"\[b\] unknown key 'urll', did you mean 'url'\?; known: url",
        ),
        ('# one\nurl = "tcp://x"\n[a]', 2, "'url' stands in no profile: write \\[NAME\\] above it"),
        ('[a]\ntoken = "secret"', 2, r"\[a\] unknown key 'token', did you mean 'token_file'\?"),
        ("[a]\nurl = 3", 2, "a URL was expected, not 3"),
        ('[a]\n"url" = "house.lan"', 2, "address 'house.lan': no scheme"),
        ('[a]\ncodec = ""', 2, "the name of a codec was expected, or a list of names, not ''"),
        ('[a]\ncodec = ["json", 1]', 2, "or a list of names, not"),
        ("[a]\nca = true", 2, "the path of a file was expected, not True"),
        ('[a]\nca = ""', 2, "the path of a file was expected, not ''"),
        ('[a]\nca = "x\\u0000"', 2, "the path of a file was expected"),
        ('[a]\nca = "~nobody-of-that-name/x"', 2, "'~nobody-of-that-name/x': "),
        ('[a]\nca = "ca.pem"\nkey = "a.key"', 3, "a key is that of a certificate, and there is no cert"),
        ("[a]\n[a.b]\n", 2, r"\[a\] unknown key 'b'; known: url, codec, ca, cert, key, token_file"),
    ],
)
def test_what_can_not_be_meant_is_named_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(sig.ConfigError, match=rf"^{FILE}:{line}: .*{said}") as caught:
        profiles(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"x = \n", r"it is no TOML: .*\(at line 1"),
        (b"\xff", "it is no TOML: .*can't decode"),
        (b"[a]\nx = " + b"[" * 5_000, "its tables are nested too deep|it is no TOML"),
    ],
    ids=["torn", "bytes", "deep"],
)
def test_what_is_no_toml(data: bytes, said: str) -> None:
    with pytest.raises(sig.ConfigError, match=f"^{FILE}: {said}"):
        profiles_of(FILE, data)


# -- where it is


def test_it_is_where_the_user_keeps_his_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("mine/sig", "home/.config/sig"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "profiles.toml").write_text(f'[default]\nurl = "local://{place[:4]}"\n')
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_profile({"XDG_CONFIG_HOME": str(tmp_path / "mine")}).url == "local://mine"
    for ignored in ({}, {"XDG_CONFIG_HOME": ""}, {"XDG_CONFIG_HOME": "mine"}):
        assert default_profile(ignored).url == "local://home"


def test_without_one(tmp_path: Path) -> None:
    there = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert default_profile(there) == Profile()
    with pytest.raises(
        sig.ConfigError, match=rf"profile 'lab': {tmp_path}/sig/profiles\.toml is not there; write"
    ):
        profile_named("lab", there)
    (tmp_path / "sig").mkdir()
    (tmp_path / "sig/profiles.toml").write_text("[lab]\n")
    assert default_profile(there) == Profile() == profile_named("lab", there)
    with pytest.raises(
        sig.ConfigError, match=r"\.toml: no profile 'lap', did you mean 'lab'\?; there are: lab"
    ):
        profile_named("lap", there)


def test_one_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "sig/profiles.toml").mkdir(parents=True)
    with pytest.raises(sig.ConfigError, match=r"profiles\.toml: can't be read: Is a directory"):
        default_profile({"XDG_CONFIG_HOME": str(tmp_path)})
