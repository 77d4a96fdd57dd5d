"""What users may do at a server with rules, drawn by lot: told to the server as rules, and known here without them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from sig_core.access.rules import Rules
from sig_core.events import Name
from sig_core.tokens import digest
from tests.simulation.choices import EVENTS, NAMES
from tests.simulation.world import Breach

__all__ = ["ANYONE", "USERS", "Permissions", "RuleBook", "draw_permissions", "token_of"]

ANYONE = "anyone"  # who shows no token
USERS = ("a", "a", "b", ANYONE)  # of the clients, in turn: two programs of one user are nothing special
ALLOWED = 0.6  # of all that might be: each by itself
ADMITTED = 0.9  # of users
LIMITED = 0.5  # of users, and of what they may take
LIMITS = {
    "links": [1, 2, 2],
    "names": [1, 2],
    "listeners": [2, 5],
    "requests": [1, 3],
    "bytes_per_second": [1000, 10_000],
    "events_per_second": [5, 50],
    "memory": [4096],
}


@dataclass(frozen=True, slots=True)
class Role:
    """What one user may.

    Attributes:
        adds, sees, asks: the senders that it may add, see, and ask.
        hears: the events that it may listen to, as (sender, event).
        limits: how much of what it may take over all its links.
    """

    adds: frozenset[Name]
    sees: frozenset[Name]
    asks: frozenset[Name]
    hears: frozenset[tuple[Name, Name]]
    limits: dict[str, int] = field(default_factory=dict)

    def table(self) -> dict[str, Any]:
        """Return it as a role of a rules file."""
        return {
            "add": _in_order(self.adds),
            "see": _in_order(self.sees),
            "request": [{"sender": name} for name in _in_order(self.asks)],
            "listen": [{"sender": name, "event": event} for name, event in _in_order(self.hears)],
            "limits": self.limits,
        }


def _in_order(some: frozenset[Any]) -> list[Any]:
    return sorted(some, key=str)


@dataclass(frozen=True, slots=True)
class Permissions:
    """Who is admitted, and may do what.

    Attributes:
        roles: of those who are admitted, by user.
        revoked: users whose token admits nobody any more.
    """

    roles: dict[str, Role]
    revoked: frozenset[str]

    def admits(self, user: str) -> bool:
        """Return whether somebody may be there."""
        return user in self.roles and user not in self.revoked

    def _roles_of(self, user: str) -> list[Role]:
        """Return what rules give somebody: what everybody has, too."""
        return [self.roles[each] for each in {user, ANYONE} & self.roles.keys()] if self.admits(user) else []

    def adds(self, user: str, name: Name) -> bool:
        """Return whether somebody may have a sender."""
        return any(name in role.adds for role in self._roles_of(user))

    def sees(self, user: str, name: Name) -> bool:
        """Return whether a sender of another is there for somebody."""
        return any(name in role.sees for role in self._roles_of(user))

    def asks(self, user: str, name: Name) -> bool:
        """Return whether somebody may make requests to a sender."""
        return any(name in role.asks for role in self._roles_of(user))

    def hears(self, user: str, name: Name, event: Name) -> bool:
        """Return whether somebody may hear an event."""
        return any((name, event) in role.hears for role in self._roles_of(user))

    def rules(self) -> Rules:
        """Return them as rules."""
        who: list[dict[str, Any]] = [
            {"anyone": True, "roles": [user]}
            if user == ANYONE
            else {"token": digest(token_of(user)), "user": user, "roles": [user]}
            for user in self.roles
        ]
        tables = {user: role.table() for user, role in self.roles.items()}
        revoked = [digest(token_of(user)) for user in sorted(self.revoked)]
        return Rules.parse({"version": 1, "roles": tables, "who": who, "revoked": revoked})

    def most_names(self, user: str) -> int | None:
        """Return how many senders somebody may have over all its links; None: as many as it likes."""
        return self.roles[user].limits.get("names") if user in self.roles else None

    def with_all_admitted(self) -> Permissions:
        """Return the same, where everybody may be there at least, and take as much as it likes."""
        nothing = Role(frozenset(), frozenset(), frozenset(), frozenset())
        all_users = {user: replace(self.roles.get(user, nothing), limits={}) for user in sorted(set(USERS))}
        return Permissions(all_users, frozenset())


@cache
def token_of(user: str) -> str:
    """Return what a user shows."""
    return f"token-of-{user}"


def draw_permissions(seed: int) -> Permissions:
    """Return what is allowed; 0: everything."""
    lot = random.Random(seed)
    chance = ALLOWED if seed else 1.0

    def some(things: list[Any]) -> frozenset[Any]:
        return frozenset(thing for thing in things if lot.random() < chance)

    topics = [(name, event) for name in NAMES for event in EVENTS]

    def limits(user: str) -> dict[str, int]:
        bound = user != ANYONE and seed and lot.random() < LIMITED
        return {name: lot.choice(most) for name, most in LIMITS.items() if lot.random() < LIMITED} if bound else {}

    users = sorted(set(USERS))
    roles = {user: Role(some(NAMES), some(NAMES), some(NAMES), some(topics), limits(user)) for user in users}
    admitted = some(sorted(roles)) if lot.random() > ADMITTED else frozenset(roles)
    revoked = frozenset({"b"} if seed and lot.random() > ADMITTED else ())
    if not admitted or not seed:
        admitted, revoked = frozenset(roles), frozenset()
    return Permissions({user: role for user, role in roles.items() if user in admitted}, revoked)


class RuleBook:
    """What is allowed at the server of a history: now, and when something was routed, or asked.

    Attributes:
        all: what was allowed, in order.
    """

    def __init__(self, permissions: Permissions) -> None:
        self.all = [permissions]
        self._routed: dict[tuple[int, Name, int], Permissions] = {}
        self._asked: dict[int, tuple[str, Name, int]] = {}

    @property
    def now(self) -> Permissions:
        """What is allowed now."""
        return self.all[-1]

    def note_routed(self, life: int, event: Name, number: int) -> None:
        """Note that an event was routed."""
        self._routed[life, event, number] = self.now

    def check_heard(self, who: str, user: str, sender: Name, event: Name, value: tuple[int, int]) -> None:
        """Check that somebody who hears an event, number `value[1]` of life `value[0]`, might when it was routed."""
        then = self._routed.get((value[0], event, value[1]))
        if then is not None and not then.hears(user, sender, event):
            raise Breach("denied", f"{who}, user {user!r}, hears number {value[1]} of {event!r} of {sender!r}")

    def note_asked(self, number: int, user: str, sender: Name) -> None:
        """Note that a request is made."""
        self._asked[number] = user, sender, len(self.all) - 1

    def check_handled(self, number: int) -> None:
        """Check that a request that is handled was allowed at any time since it was made."""
        user, sender, since = self._asked[number]
        if not any(each.asks(user, sender) for each in self.all[since:]):
            raise Breach("denied", f"request {number} of user {user!r} came to {sender!r}")
