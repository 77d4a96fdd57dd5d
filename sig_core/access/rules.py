"""The rules of a server: roles, and who has them. Parsed whole, or not at all."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

from sig_core.access.line_index import LineIndex, Path
from sig_core.access.name_pattern import NamePattern
from sig_core.access.quota import Quota
from sig_core.address import did_you_mean
from sig_core.errors import ConfigError
from sig_core.events import Name

__all__ = ["ACTIONS", "Grant", "Role", "Rules", "RulesError", "Source", "Who"]

ACTIONS: Final = ("add", "see", "listen", "request", "operate")


class RulesError(ConfigError):
    """Rules that can't be meant.

    Attributes:
        problems: all of them, each with file and line.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Source:
    """Where rules were read, so that each can be named by file and line.

    Args:
        file: name of the file; "": they are from no file, and are named by their keys.
        text: of the file.
    """

    def __init__(self, file: str, text: str = "") -> None:
        self.file = file
        self._text = text

    @property
    def sha256(self) -> str:
        """Digest of the text, hex digits; "" if there is none."""
        return sha256(self._text.encode()).hexdigest() if self._text else ""

    @cached_property
    def _index(self) -> LineIndex:
        return LineIndex(self._text)

    def place(self, path: Path) -> str:
        """Return where a key stands."""
        return f"{self.file}:{self._index.line(path)}" if self.file and self._text else spelled(path)


def spelled(path: Path) -> str:
    """Return a path as text: `roles.panel.listen[2]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "rules"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a role allows, or denies.

    Attributes:
        sender: of which senders; of `operate`, what.
        name: which of their events or methods.
        path: where it stands.
    """

    sender: NamePattern
    name: NamePattern
    path: Path

    @property
    def has_user(self) -> bool:
        """Whether it means other names for each user."""
        return self.sender.has_user or self.name.has_user

    def matches(self, user: str, sender: Name | None, name: Name | None) -> bool:
        """Return whether it is about a sender and a name, for one user; None: any."""
        return (sender is None or self.sender.matches(sender, user)) and (name is None or self.name.matches(name, user))

    def meets(self, other: Grant) -> bool:
        """Return whether both may be about the same sender and name."""
        return self.sender.overlaps(other.sender) and self.name.overlaps(other.name)

    def of_user(self, user: str) -> Grant:
        """Return what it means for one user."""
        return Grant(self.sender.of_user(user), self.name.of_user(user), self.path) if self.has_user else self


@dataclass(frozen=True, slots=True)
class Role:
    """What those may do who have it.

    Attributes:
        name: of the role.
        allow, deny: by action.
        limits: how much they may take.
    """

    name: str
    allow: Mapping[str, tuple[Grant, ...]]
    deny: Mapping[str, tuple[Grant, ...]]
    limits: Quota


@dataclass(frozen=True, slots=True)
class Who:
    """A rule that says who somebody is.

    Attributes:
        kind: the fact that it looks at: "certificate", "token", "unix", "port" or "anyone".
        wanted: what that must be: patterns by field, of which each must match; a token's digest, a port's URL.
        user: name in the rules; `{name}` in it stands for what the star of a pattern matched.
        roles: that they have.
        at: addresses where it counts; (): everywhere.
        path: where it stands.
    """

    kind: str
    wanted: Mapping[str, tuple[NamePattern, ...]]
    user: str
    roles: frozenset[str]
    at: tuple[NamePattern, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a server. Immutable. Whoever no rule admits does not get in; what no rule allows is denied.

    Attributes:
        roles: by name.
        who: in the order of the file: the first that matches gives the user its name, the roles of all add up.
        revoked: digests of tokens and certificates that admit nobody any more.
        source: where they were read.
        warnings: what is allowed, and hardly meant, each with file and line.
        authorize: a plug-in has to have the last word: without one that implements `sig_authorize` they do not count.
    """

    roles: Mapping[str, Role]
    who: tuple[Who, ...]
    revoked: frozenset[str] = frozenset()
    source: Source = field(default_factory=lambda: Source(""))
    warnings: tuple[str, ...] = ()
    authorize: bool = False

    @classmethod
    def parse(cls, given: str | Mapping[str, Any], file: str = "rules.toml") -> Rules:
        """Read rules.

        Args:
            given: text of a TOML file, or what it says as a dict.
            file: name of the file, for errors and answers.

        Raises:
            RulesError: they can't be meant. It names all that is wrong, each with file, line and remedy.
        """
        from sig_core.access.rules_reader import read_rules  # it knows this module

        if not isinstance(given, str):
            return read_rules(given, Source(""))
        try:
            found = tomllib.loads(given)
        except tomllib.TOMLDecodeError as error:
            raise RulesError([f"{file}: it is no TOML: {error}"]) from None
        except RecursionError:
            raise RulesError([f"{file}: its tables are nested too deep"]) from None
        return read_rules(found, Source(file, given))

    def unmatched(self, places: Collection[str]) -> list[str]:
        """Return in words which addresses of rules are none of a server, each with file and line.

        Args:
            places: URLs that it listens on, as bound and as they were given, without options.
        """
        found = []
        for who in self.who:
            for key, patterns in (("at", who.at), ("port", who.wanted.get("port", ()))):
                for pattern in patterns:
                    if not any(pattern.matches(place) for place in places):
                        path, hint = (*who.path, key), did_you_mean(pattern.text, places)
                        there = ", ".join(sorted(places)) or "none"
                        text = f"nobody comes in at {pattern.text!r}{hint}; this server listens on: {there}"
                        found.append(f"{self.place(path)}: {spelled(path)}: {text}")
        return found

    def place(self, path: Path) -> str:
        """Return where a rule stands: `rules.toml:5`."""
        return self.source.place(path)
