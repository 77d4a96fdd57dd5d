"""Which server a command joins, how, and as whom: of its options, its environment and a profile."""

from __future__ import annotations

import logging
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sig_core.address import Address, as_query
from sig_core.cli.profiles import TLS_FILES, Profile, default_profile, profile_named
from sig_core.errors import ConfigError
from sig_core.plugins import default_plugins
from sig_core.tokens import LONGEST, checked

__all__ = ["DEFAULT_URL", "Options", "Target", "merged", "target_of", "with_files"]

DEFAULT_URL = "tcp://127.0.0.1:3000"
URL_VARIABLE, TOKEN_VARIABLE = "SIG_URL", "SIG_TOKEN"

Token = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Options:
    """What a command line says.

    Attributes:
        url: of the server; None: it is not said. So for the others.
        codecs: the preferred first; none: it is not said.
        profile: the name of one.
        files: of TLS, by the option of a URL that takes each.
        token_file: the file of the token.
    """

    url: str | None
    codecs: tuple[str, ...]
    profile: str | None
    files: Mapping[str, str]
    token_file: Path | None


@dataclass(frozen=True, slots=True)
class Target:
    """A server to join.

    Attributes:
        url: of it, with the files of TLS.
        codecs: the preferred first; none: it is not said.
        token: returns the token to show; None: there is none. So no text of a target has it.
    """

    url: str
    codecs: tuple[str, ...] = ()
    token: Token | None = None


def target_of(options: Options, environment: Mapping[str, str]) -> Target:
    """Return the server that is meant.

    What an option says counts more than the profile that is named, this more than a variable of the environment, this
    more than the profile `default`: that one is for its own server alone, so that nobody else is shown its token.

    Raises:
        ConfigError: a profile is not there or can't be used, or files of TLS are named for what takes none.
    """
    said = environment.get(URL_VARIABLE) or None
    if options.profile is not None:
        profile = profile_named(options.profile, environment)
        ways = (options.url, profile.url, said)
    else:
        profile = default_profile(environment) if options.url is None and said is None else Profile()
        ways = (options.url, said, profile.url)
    url = next((each for each in ways if each is not None), DEFAULT_URL)
    files = merged(profile.files, options.files)
    token = _token(options.token_file, profile, environment, named=options.profile is not None)
    return Target(with_files(url, files), options.codecs or profile.codecs, token)


def _token(option: Path | None, profile: Profile, environment: Mapping[str, str], *, named: bool) -> Token | None:
    text = environment.get(TOKEN_VARIABLE)
    ways: list[Token | None] = [
        _from_file(profile.token_file) if profile.token_file is not None else None,
        (lambda: checked(text)) if text else None,
    ]
    if option is not None:
        return _from_file(option)
    return next((way for way in (ways if named else reversed(ways)) if way is not None), None)


def _from_file(path: Path) -> Token:
    """Return what reads a file again each time, so that a token can be replaced while a command runs."""

    def read() -> str:
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(path.stat().st_mode)
                data = file.read(2 * LONGEST)
        except OSError as error:
            raise ConfigError(f"token file {path}: can't be read: {error.strerror or error}") from error
        if mode & 0o077:
            logging.getLogger("sig").warning("token file %s: others may read it; chmod 600 %s", path, path)
        try:
            return checked(data.decode())
        except UnicodeDecodeError:
            raise ConfigError(f"token file {path}: it is no text; is it the right file?") from None
        except ConfigError as error:
            raise ConfigError(f"token file {path}: {error}") from error

    return read


def merged(of_profile: Mapping[str, str], named: Mapping[str, str]) -> dict[str, str]:
    """Return files of TLS: those that are named, and for the others those of a profile."""
    files = {**of_profile, **named}
    if "cert" in named and "key" not in named:
        files.pop("key", None)  # that of the profile is the key of another certificate
    return files


def with_files(url: str, files: Mapping[str, str]) -> str:
    """Return a URL whose options name files of TLS; those that it names itself give way.

    Raises:
        ConfigError: it takes none.
    """
    if not files:
        return url
    address = Address.parse(url)
    if "tls" not in address.wrappers:
        known: frozenset[str] = getattr(default_plugins().carriers.get(address.scheme), "options", frozenset())
        if not known >= files.keys():
            named = ", ".join(name for name in TLS_FILES if name in files)
            raise ConfigError(f"{url} is without TLS, and takes no {named}: write tls+{url}, or leave them out")
    return url.partition("?")[0] + as_query({**address.options, **files})
