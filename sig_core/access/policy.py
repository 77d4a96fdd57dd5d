"""What somebody may do: the answers of a set of rules, each found once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from sig_core.access.line_index import Path
from sig_core.access.name_pattern import NamePattern
from sig_core.access.principal import Principal
from sig_core.access.rules import ACTIONS, Grant, Role, Rules, Source, spelled
from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT, Name

__all__ = ["NO_RULE", "Policy", "Verdict"]

MOST_ANSWERS = 200_000  # that are kept: some 60 MB
NO_RULE = "no rule allows it"
PRESENCE = (EVENT_CONNECT, EVENT_DISCONNECT)
Question: TypeAlias = tuple[str, Name | None, Name | None]


class Verdict(NamedTuple):
    """Whether something is allowed, and the rule that says so.

    Attributes:
        allowed: whether it is.
        path: where the rule stands; None: there is none.
        source: of the rules.
    """

    allowed: bool
    path: Path | None
    source: Source

    @property
    def rule(self) -> str:
        """The rule in words, `rules.toml:5: roles.panel.listen[0]`; the first time may take a while, for its line."""
        return NO_RULE if self.path is None else f"{self.source.place(self.path)}: {spelled(self.path)}"

    def describe(self) -> dict[str, Any]:
        """Return it in the words of the call `explain`."""
        return {"allowed": self.allowed, "rule": self.rule}


class Policy:
    """Answers what principals may do, by the rules alone: order means nothing, and what a role denies no other allows.

    Args:
        rules: the rules.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._profiles: dict[tuple[frozenset[str], str], _Profile] = {}
        self._answers = 0

    def decide(
        self, principal: Principal, action: str, sender: Name | None = None, name: Name | None = None
    ) -> Verdict:
        """Return whether somebody may do something.

        Args:
            principal: who.
            action: "add" a sender (and so fire its events and answer its requests), "see" it, "listen", "request", or
                "operate".
            sender: its name; of "operate", what. None, of "listen" and "request": is there any that it may?
            name: event or method; None: is there any?
        """
        profile = self._profiles.get((principal.roles, principal.user)) or self._profile(principal)
        question = action, sender, name
        verdict = profile.answers.get(question)
        if verdict is None:
            if self._answers >= MOST_ANSWERS:
                self._forget()
            self._answers += 1
            verdict = profile.answers[question] = self._decide(profile, question)
        return verdict

    def _forget(self) -> None:
        self._answers = 0
        for profile in self._profiles.values():
            profile.answers.clear()

    def _profile(self, principal: Principal) -> _Profile:
        """Return what those have in common who have the same roles; with `{user}` in a rule, one user alone."""
        roles = [self.rules.roles[name] for name in sorted(principal.roles) if name in self.rules.roles]
        user = principal.user if any(_names_user(role) for role in roles) else ""
        shared = self._profiles.get((principal.roles, user))
        if shared is None:
            shared = self._profiles[principal.roles, user] = _Profile(roles, user)
        if len(self._profiles) > MOST_ANSWERS:
            self._profiles.clear()
        self._profiles[principal.roles, principal.user] = shared
        return shared

    def _decide(self, profile: _Profile, question: Question) -> Verdict:
        action, sender, name = question
        if action == "listen":
            if name in PRESENCE:
                return self._decide(profile, ("see", sender, None))
            verdict = self._found(profile, question)
            if verdict.allowed or name is not None:
                return verdict
            seen = self._found(profile, ("see", sender, None))  # it may hear that it comes and goes
            return seen if seen.allowed else verdict
        return self._found(profile, question)

    def _found(self, profile: _Profile, question: Question) -> Verdict:
        allowed, path = profile.judge(*question)
        return Verdict(allowed, path, self.rules.source)


class _Profile:
    """The grants of a set of roles."""

    __slots__ = ("_allow", "_deny", "answers")

    def __init__(self, roles: list[Role], user: str) -> None:
        self.answers: dict[Question, Verdict] = {}
        self._allow = {action: _of_user((role.allow[action] for role in roles), user) for action in ACTIONS}
        self._deny = {action: _of_user((role.deny[action] for role in roles), user) for action in ACTIONS}

    def judge(self, action: str, sender: Name | None, name: Name | None) -> tuple[bool, Path | None]:
        """Return whether it is allowed, and the rule that decides; None: no rule does."""
        wide = sender is None or (name is None and action in ("listen", "request"))
        if wide:
            return self._judge_wide(action, sender, name)
        for grant in self._deny[action]:
            if _matches(grant, sender, name):
                return False, grant.path
        for grant in self._allow[action]:
            if _matches(grant, sender, name):
                return True, grant.path
        return False, None

    def _judge_wide(self, action: str, sender: Name | None, name: Name | None) -> tuple[bool, Path | None]:
        """Return whether there is anything that matches, and may be done; in doubt there is."""
        by: Path | None = None
        for grant in self._allow[action]:
            if not _matches(grant, sender, name):
                continue
            wanted, which = _narrowed(grant.sender, sender), _narrowed(grant.name, name)
            denied = next((no for no in self._deny[action] if no.sender.covers(wanted) and no.name.covers(which)), None)
            if denied is None:
                return True, grant.path
            by = denied.path
        return False, by


def _matches(grant: Grant, sender: Name | None, name: Name | None) -> bool:
    return (sender is None or grant.sender.matches(sender)) and (name is None or grant.name.matches(name))


def _narrowed(pattern: NamePattern, name: Name | None) -> NamePattern:
    if name is None:
        return pattern
    return NamePattern(str(name), (name,), False)  # type: ignore[arg-type]


def _of_user(several: Iterator[tuple[Grant, ...]], user: str) -> tuple[Grant, ...]:
    return tuple(
        Grant(each.sender.of_user(user), each.name.of_user(user), each.path) for grants in several for each in grants
    )


def _names_user(role: Role) -> bool:
    grants: list[Mapping[str, tuple[Grant, ...]]] = [role.allow, role.deny]
    return any(
        each.sender.has_user or each.name.has_user for table in grants for some in table.values() for each in some
    )
