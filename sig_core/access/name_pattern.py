"""Patterns of names in rules: exact text, `prefix*`, `*`, numbers, `{user}`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sig_core.errors import ConfigError
from sig_core.events import Name, check_name

__all__ = ["ANY", "NamePattern"]

USER = "{user}"
_MARK = re.compile(r"[*\\{]")
ESCAPED = "*\\{"  # what a backslash takes its meaning from
HOW = r"a star stands at the end alone, for any rest; a star that is meant is written \\* (in TOML: \\\\* or '\*')"


@dataclass(frozen=True, slots=True)
class NamePattern:
    """A set of names. Immutable.

    Attributes:
        text: as it was written.
        parts: what names begin with, or are: the literal texts between which the user's name stands, or one number.
        is_open: any rest may follow.
    """

    text: str
    parts: tuple[str, ...] | tuple[int | float]
    is_open: bool

    @classmethod
    def parse(cls, written: Name) -> NamePattern:
        """Return the pattern that a rule means.

        Args:
            written: as it stands in the rule.

        Raises:
            ConfigError: it is none, or no name can match it.
        """
        if not isinstance(written, str):
            return cls(str(written), (check_name(written, "name"),), False)  # type: ignore[arg-type]
        literal, is_open = _split(written)
        shortest = "".join(literal)
        if not shortest and len(literal) == 1 and not is_open:
            raise ConfigError("an empty pattern matches no name: write * for every name")
        if shortest:
            check_name(shortest, "pattern")
        return cls(written, tuple(literal), is_open)

    @property
    def has_user(self) -> bool:
        """Whether it means other names for each user."""
        return len(self.parts) > 1

    def of_user(self, user: str) -> NamePattern:
        """Return what it means for one user, whose name stands as it is: a star in it is no wildcard."""
        if not self.has_user:
            return self
        return NamePattern(self.text, (user.join(str(part) for part in self.parts),), self.is_open)

    def matches(self, name: Name, user: str = "") -> bool:
        """Return whether a name is in the set; where it means other names for each user, for this one."""
        first = user.join(map(str, self.parts)) if len(self.parts) > 1 else self.parts[0]
        if not self.is_open:
            return name == first
        return not first or (isinstance(name, str) and name.startswith(str(first)))

    def rest_of(self, name: str) -> str:
        """Return what of a name that matches the star stands for; without a star all of it."""
        return name[len(str(self.parts[0])) :] if self.is_open else name

    def covers(self, other: NamePattern) -> bool:
        """Return whether all names of another pattern are in this one, whoever the user is."""
        if not self.is_open:
            return not other.is_open and self.parts == other.parts
        mine, theirs = _shape(self), _shape(other)
        return mine == "" or (isinstance(theirs, str) and theirs.startswith(str(mine)))

    def overlaps(self, other: NamePattern) -> bool:
        """Return whether there may be a name in both."""
        if self.has_user or other.has_user:
            return True
        if self.is_open and other.is_open:
            one, two = str(self.parts[0]), str(other.parts[0])
            return one.startswith(two) or two.startswith(one)
        return self.matches(other.parts[0]) if self.is_open else other.matches(self.parts[0])


ANY = NamePattern("*", ("",), True)


def _shape(pattern: NamePattern) -> str | int | float:
    """Return a pattern's beginning with a mark in place of the user, which no name can have."""
    first = pattern.parts[0]
    return "\0".join(str(part) for part in pattern.parts) if isinstance(first, str) else first


def _split(text: str) -> tuple[list[str], bool]:
    """Return the literal texts between the places of the user's name, and whether a star ends them."""
    plain = text.removesuffix("*")
    if _MARK.search(plain) is None:  # as most are, and that is ten times as fast
        return [plain], plain is not text
    literal, at = [""], 0
    while at < len(text):
        letter = text[at]
        if letter == "\\":
            escaped = text[at + 1 : at + 2]
            if not escaped or escaped not in ESCAPED:
                raise ConfigError(f"{text!r}: a backslash stands before *, {{ or another backslash alone")
            literal[-1] += escaped
            at += 2
        elif text.startswith(USER, at):
            literal.append("")
            at += len(USER)
        elif letter == "*":
            if at + 1 < len(text):
                raise ConfigError(f"{text!r}: {HOW}")
            return literal, True
        else:
            literal[-1] += letter
            at += 1
    return literal, False
