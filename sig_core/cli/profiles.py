"""Profiles: servers that a user joins again and again, by name, from a file of his own.

    [default]                         # taken where neither --profile nor --url nor SIG_URL says which server
    url = "tls+tcp://house.lan:3001"
    ca = "home/ca.pem"                # paths begin where this file is; ~ is the home of the user
    cert = "home/hall.pem"
    key = "home/hall.key"

    [lab]
    url = "tls+tcp://lab.example:3001"
    codec = ["cbor", "json"]
    token_file = "~/lab.token"

The file is `$XDG_CONFIG_HOME/sig/profiles.toml`, or `~/.config/sig/profiles.toml`. It names files that hold
secrets, and has none.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sig_core.access.line_index import LineIndex
from sig_core.address import Address, did_you_mean
from sig_core.errors import ConfigError

__all__ = ["DEFAULT", "TLS_FILES", "Profile", "default_profile", "profile_named", "profiles_of"]

DEFAULT = "default"
TLS_FILES = ("ca", "cert", "key")
KEYS = ("url", "codec", *TLS_FILES, "token_file")
LARGEST = 1_048_576  # bytes


@dataclass(frozen=True, slots=True)
class Profile:
    """How a server is joined.

    Attributes:
        url: of the server; None: it is not said.
        codecs: the preferred first; none: it is not said.
        files: of TLS, by the option of a URL that takes each.
        token_file: the file of the token; None: there is none.
    """

    url: str | None = None
    codecs: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    token_file: Path | None = None


def default_profile(environment: Mapping[str, str]) -> Profile:
    """Return what is taken where nobody says which server: the profile `default`, or an empty one.

    Raises:
        ConfigError: the file can't be read, or used.
    """
    path = _path(environment)
    found = _read(path) if path is not None else None
    return profiles_of(path, found).get(DEFAULT, Profile()) if path is not None and found is not None else Profile()


def profile_named(name: str, environment: Mapping[str, str]) -> Profile:
    """Return a profile.

    Raises:
        ConfigError: there is none of that name, or the file can't be read, or used.
    """
    path = _path(environment)
    found = _read(path) if path is not None else None
    if path is None or found is None:
        remedy = f'write it: [{name}], and below that url = "..."'
        raise ConfigError(f"profile {name!r}: {path or 'the file of profiles'} is not there; {remedy}")
    known = profiles_of(path, found)
    if name not in known:
        hint = did_you_mean(name, known)
        raise ConfigError(f"{path}: no profile {name!r}{hint}; there are: {', '.join(known) or 'none'}")
    return known[name]


def profiles_of(path: Path, data: bytes) -> dict[str, Profile]:
    """Return the profiles that a file holds.

    Args:
        path: of the file, where paths in it begin.
        data: what it holds.

    Raises:
        ConfigError: a key or a value of it can't be meant; names the line and a remedy.
    """
    try:
        text = data.decode("utf-8-sig")
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: it is no TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: its tables are nested too deep") from error
    return {name: _Reader(path, text, name).profile(table) for name, table in found.items()}


def _path(environment: Mapping[str, str]) -> Path | None:
    """Return where the file would be; None: this user has no place for one."""
    folder = environment.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(folder):  # else it does not count, says the specification
        return Path(folder) / "sig/profiles.toml"
    home = os.path.expanduser("~")
    return Path(home) / ".config/sig/profiles.toml" if os.path.isabs(home) else None


def _read(path: Path) -> bytes | None:
    """Return what the file holds; None: it is not there."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror or error}") from error
    if len(data) > LARGEST:
        raise ConfigError(f"{path}: has more than {LARGEST:,} bytes")
    return data


class _Reader:
    """Turns one table of the file into a profile."""

    def __init__(self, path: Path, text: str, name: str) -> None:
        self._path = path
        self._text = text
        self._name = name

    def profile(self, table: Any) -> Profile:
        if not isinstance(table, dict):
            raise self._refused(None, f"{self._name!r} stands in no profile: write [NAME] above it")
        for key in table:
            if key not in KEYS:
                raise self._refused(key, f"unknown key {key!r}{did_you_mean(key, KEYS)}; known: {', '.join(KEYS)}")
        files = {key: str(self._file(key, table[key])) for key in TLS_FILES if key in table}
        if "key" in files and "cert" not in files:
            raise self._refused("key", "a key is that of a certificate, and there is no cert")
        token_file = self._file("token_file", table["token_file"]) if "token_file" in table else None
        return Profile(self._url(table), self._codecs(table), files, token_file)

    def _url(self, table: dict[str, Any]) -> str | None:
        url = table.get("url")
        if url is None:
            return None
        if not isinstance(url, str):
            raise self._refused("url", f"a URL was expected, not {url!r}")
        try:
            Address.parse(url)
        except ConfigError as error:
            raise self._refused("url", str(error)) from error
        return url

    def _codecs(self, table: dict[str, Any]) -> tuple[str, ...]:
        value = table.get("codec", [])
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not all(isinstance(each, str) and each for each in names):
            raise self._refused("codec", f"the name of a codec was expected, or a list of names, not {value!r}")
        return tuple(names)

    def _file(self, key: str, value: Any) -> Path:
        if not isinstance(value, str) or not value or "\0" in value:
            raise self._refused(key, f"the path of a file was expected, not {value!r}")
        try:
            return self._path.parent / Path(value).expanduser()
        except RuntimeError as error:
            raise self._refused(key, f"{value!r}: {error}") from error

    def _refused(self, key: str | None, what: str) -> ConfigError:
        where = f"{self._path}:{LineIndex(self._text).line((self._name,) if key is None else (self._name, key))}"
        return ConfigError(f"{where}: {what}" if key is None else f"{where}: [{self._name}] {what}")
