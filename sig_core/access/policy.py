"""What somebody may do: the answers of a set of rules, each found once."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from sig_core.access.line_index import Path
from sig_core.access.name_pattern import NamePattern
from sig_core.access.principal import Principal
from sig_core.access.rules import ACTIONS, Role, Rules, Source, spelled
from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT, Name

__all__ = ["NO_RULE", "Policy", "Verdict"]

MOST_ANSWERS = 200_000  # that are kept: some 60 MB
NO_RULE = "no rule allows it"
PRESENCE = (EVENT_CONNECT, EVENT_DISCONNECT)
Question: TypeAlias = tuple[str, str, Name | None, Name | None]  # user, action, sender, name


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


class Policy:
    """Answers what principals may do, by the rules alone: order means nothing, and what a role denies no other allows.

    Args:
        rules: the rules.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._profiles: dict[frozenset[str], _Profile] = {}  # by roles
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
        profile = self._profiles.get(principal.roles) or self._profile(principal.roles)
        user = principal.user if profile.names_user else ""
        question = user, action, sender, name
        verdict = profile.answers.get(question)
        if verdict is None:
            if self._answers >= MOST_ANSWERS:
                self._forget()
            self._answers += 1
            verdict = profile.answers[question] = self._decide(profile, question)
        return verdict

    def parts(
        self, principal: Principal, action: str, sender: Name | None, name: Name | None
    ) -> tuple[list[str], list[str]]:
        """Return, of what is asked for as a whole, the rules that allow some of it, and those that take some away.

        Args:
            principal, action, sender, name: see `decide`.
        """
        profile = self._profiles.get(principal.roles) or self._profile(principal.roles)
        found = profile.parts(principal.user, action, sender, name)
        allowed, denied = ([Verdict(True, path, self.rules.source).rule for path in paths] for paths in found)
        return allowed, denied

    def _forget(self) -> None:
        self._answers = 0
        for profile in self._profiles.values():
            profile.answers.clear()

    def _profile(self, names: frozenset[str]) -> _Profile:
        if len(self._profiles) >= MOST_ANSWERS:
            self._profiles.clear()
            self._answers = 0
        roles = [self.rules.roles[name] for name in sorted(names) if name in self.rules.roles]
        profile = self._profiles[names] = _Profile(roles, self.rules.source)
        return profile

    def _decide(self, profile: _Profile, question: Question) -> Verdict:
        user, action, sender, name = question
        if action == "listen":
            if name in PRESENCE:
                return self._decide(profile, (user, "see", sender, None))
            verdict = profile.judge(*question)
            if verdict.allowed or name is not None:
                return verdict
            seen = profile.judge(user, "see", sender, None)  # it may hear that it comes and goes
            return seen if seen.allowed else verdict
        return profile.judge(*question)


class _Profile:
    """The grants of a set of roles, and what was asked of them; thousands of users share one.

    Attributes:
        names_user: what they allow is not the same for each user.
        answers: that were given.
    """

    __slots__ = ("_allow", "_deny", "_source", "_verdicts", "answers", "names_user")

    def __init__(self, roles: list[Role], source: Source) -> None:
        self.answers: dict[Question, Verdict] = {}
        self._allow = {action: [each for role in roles for each in role.allow.get(action, ())] for action in ACTIONS}
        self._deny = {action: [each for role in roles for each in role.deny.get(action, ())] for action in ACTIONS}
        grants = [*self._allow.values(), *self._deny.values()]
        self.names_user = any(each.has_user for several in grants for each in several)
        self._source = source
        self._verdicts: dict[tuple[bool, Path | None], Verdict] = {}  # few, for many answers

    def judge(self, user: str, action: str, sender: Name | None, name: Name | None) -> Verdict:
        """Return whether it is allowed, and the rule that decides."""
        wide = sender is None or (name is None and action in ("listen", "request"))
        found = (self._judge_wide if wide else self._judge)(user, action, sender, name)
        known = self._verdicts.get(found)
        if known is None:
            known = self._verdicts[found] = Verdict(*found, self._source)
        return known

    def parts(
        self, user: str, action: str, sender: Name | None, name: Name | None
    ) -> tuple[list[Path], list[Path]]:
        """See `Policy.parts`."""
        allow = [each.of_user(user) for each in self._allow[action] if each.matches(user, sender, name)]
        deny = [each.of_user(user) for each in self._deny[action] if each.matches(user, sender, name)]
        met = [no for no in deny if any(no.meets(each) for each in allow)]
        return list(dict.fromkeys(each.path for each in allow)), list(dict.fromkeys(each.path for each in met))

    def _judge(self, user: str, action: str, sender: Name | None, name: Name | None) -> tuple[bool, Path | None]:
        for grant in self._deny[action]:
            if grant.matches(user, sender, name):
                return False, grant.path
        for grant in self._allow[action]:
            if grant.matches(user, sender, name):
                return True, grant.path
        return False, None

    def _judge_wide(self, user: str, action: str, sender: Name | None, name: Name | None) -> tuple[bool, Path | None]:
        """Return whether there is anything that matches, and may be done; in doubt there is."""
        by: Path | None = None
        denials = [no.of_user(user) for no in self._deny[action]]
        for grant in self._allow[action]:
            if not grant.matches(user, sender, name):
                continue
            own = grant.of_user(user)
            wanted, which = _narrowed(own.sender, sender), _narrowed(own.name, name)
            denied = next((no for no in denials if no.sender.covers(wanted) and no.name.covers(which)), None)
            if denied is None:
                return True, grant.path
            by = denied.path
        return False, by


def _narrowed(pattern: NamePattern, name: Name | None) -> NamePattern:
    if name is None:
        return pattern
    return NamePattern(str(name), (name,), False)  # type: ignore[arg-type]
