"""The rules of one server at work: who comes in, what they may do, and what is told of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeAlias

from sig_core.access.admission import Admission
from sig_core.access.policy import NO_RULE, Policy, Verdict
from sig_core.access.principal import Facts, Principal
from sig_core.access.rules import ACTIONS, Rules, spelled
from sig_core.address import did_you_mean
from sig_core.errors import AccessDenied, ConfigError, NotAdmitted
from sig_core.events import Name

__all__ = ["AccessControl", "Tell"]

MOST_RULES, OTHERS = 1000, "other rules"  # whose denials are counted each for itself
NOT_ADMITTED = "not admitted"  # all that a stranger learns; the audit has the rest

Tell: TypeAlias = Callable[[dict[str, Any]], None]
"""Takes an entry of the audit; what takes a while to find out is a function in it."""


class AccessControl:
    """The rules that count now.

    Args:
        rules: to begin with.
        tell: takes the entries of the audit. It is called under the lock of the server.

    Attributes:
        policy: what their principals may do.
    """

    def __init__(self, rules: Rules, tell: Tell) -> None:
        self._tell = tell
        self._admission, self.policy = Admission(rules), Policy(rules)
        self._admitted = self._refused = 0
        self._denied: Counter[str] = Counter()  # by rule
        self._limited: Counter[str] = Counter()  # by what was too much

    def replace(self, rules: Rules) -> None:
        """Take other rules; principals are to be admitted anew."""
        admission, policy = Admission(rules), Policy(rules)
        self._admission, self.policy = admission, policy
        self.note_rules()

    def note_rules(self) -> None:
        """Tell which rules count now."""
        source = self.rules.source
        self._tell({"event": "rules loaded", "file": source.file, "sha256": source.sha256})

    @property
    def rules(self) -> Rules:
        """The rules that count now."""
        return self.policy.rules

    # -- who

    def admit(self, facts: Facts, peer: str) -> Principal:
        """Return whom a peer is known as.

        Args:
            facts: what is known of it.
            peer: printable, for the audit.

        Raises:
            NotAdmitted: the rules do not let it in.
        """
        principal = self._admission.admit(facts)
        if principal is None:
            self._refused += 1
            self._tell({"event": "refused", "peer": peer, "at": facts.at, "why": _why(facts)})
            raise NotAdmitted(NOT_ADMITTED)
        self._admitted += 1
        self._tell({"event": "admitted", "peer": peer, **_who(principal), "at": facts.at, "rule": principal.find_rule})
        return principal

    def admit_again(self, principal: Principal) -> Principal | None:
        """Return whom the rules that count now know somebody as; None: nobody any more."""
        return self._admission.admit(principal.facts)

    def describe(self, principal: Principal) -> dict[str, Any]:
        """Return who somebody is, in the words of the call `whoami`."""
        may = self.policy.decide(principal, "operate", "explain").allowed
        about = {"user": principal.user, "kind": principal.kind, "at": principal.facts.at}
        return about | {"roles": sorted(principal.roles), "rule": principal.find_rule() if may else ""}

    def explain(
        self, user: str, roles: list[str] | None, action: str, sender: Name | None, name: Name | None
    ) -> dict[str, Any]:
        """Return whether somebody may do something, and the rule that says so, in the words of the call `explain`.

        Args:
            user: name in the rules.
            roles: that it has; None: those of all rules that may give somebody this name.
            action, sender, name: see `Policy.decide`.

        Raises:
            ConfigError: there is no such action.
        """
        if action not in ACTIONS:
            hint = did_you_mean(action, ACTIONS)
            raise ConfigError(f"there is no action {action!r}{hint}; there are: {', '.join(ACTIONS)}")
        has = self._admission.roles_of(user) if roles is None else frozenset(roles)
        if roles is None and not has:
            return {"allowed": False, "rule": f"no [[who]] admits a user {user!r}"}
        who = Principal(user, "explained", roles=has)
        verdict = self.policy.decide(who, action, sender, name)
        told = {"allowed": verdict.allowed, "rule": verdict.rule}
        if action in ("listen", "request") and None in (sender, name):
            told["parts"], told["without"] = self.policy.parts(who, action, sender, name)
        return told

    # -- what

    def decide(self, principal: Principal, action: str, sender: Name | None, name: Name | None = None) -> Verdict:
        """See `Policy.decide`; a denial is told."""
        verdict = self.policy.decide(principal, action, sender, name)
        if not verdict.allowed:
            self._count_denial(NO_RULE if verdict.path is None else spelled(verdict.path))
            what = _what(action, sender, name)
            self._tell({"event": "denied", **_who(principal), **what, "rule": lambda: verdict.rule})
        return verdict

    def check(self, principal: Principal, action: str, sender: Name | None, name: Name | None = None) -> None:
        """Raise AccessDenied unless somebody may do something; a denial is told."""
        if not self.decide(principal, action, sender, name).allowed:
            raise _denied(action, sender, name)

    def deny(
        self, principal: Principal, action: str, sender: Name | None, name: Name | None, rule: str
    ) -> AccessDenied:
        """Return the error of what somebody may not do because of `rule`, which is none of a role; it is told."""
        self._count_denial(rule)
        self._tell({"event": "denied", **_who(principal), **_what(action, sender, name), "rule": rule})
        return _denied(action, sender, name)

    def _count_denial(self, by: str) -> None:
        self._denied[by if by in self._denied or len(self._denied) < MOST_RULES else OTHERS] += 1

    def stats(self) -> dict[str, Any]:
        """Return what was decided so far, under all rules that there were: see docs/statistics.md."""
        told: dict[str, Any] = {"rules": self.rules.source.file, "admitted": self._admitted, "refused": self._refused}
        return told | {"denied": dict(self._denied), "limited": dict(self._limited)}

    def note_limit(self, principal: Principal, what: str) -> None:
        """Tell that somebody wanted more than its roles allow: "links", "names", "listeners", "requests"."""
        self._limited[what] += 1
        self._tell({"event": "denied", **_who(principal), "action": what, "rule": "limits of its roles"})

    def note(self, event: str, principal: Principal | None, **facts: Any) -> None:
        """Tell of something that happened: "added", "removed", "revoked"."""
        self._tell({"event": event, **({} if principal is None else _who(principal)), **facts})


def _who(principal: Principal) -> dict[str, Any]:
    return {"user": principal.user, "kind": principal.kind}


def _what(action: str, sender: Name | None, name: Name | None) -> dict[str, Any]:
    return {"action": action, "sender": sender} | ({} if name is None else {"name": name})


def _why(facts: Facts) -> str:
    """Return what was looked at in vain, without what is secret of it."""
    shown = facts.certificate
    seen = ["a token that no rule knows"] if facts.token else []
    seen += [f"a certificate (uri {shown.uris}, dns {shown.dns}, cn {shown.cn!r})"] if shown is not None else []
    seen += [f"unix uid {facts.unix.uid}"] if facts.unix is not None else []
    return "no [[who]] admits it: " + (", ".join(seen) or "it proved nothing")


def _denied(action: str, sender: Name | None, name: Name | None) -> AccessDenied:
    return AccessDenied(f"{_words(action, sender, name)}: the rules of this server do not allow it")


def _words(action: str, sender: Name | None, name: Name | None) -> str:
    of = "any sender" if sender is None else f"sender {sender!r}"
    if action == "operate":
        return f"{sender}"
    if action == "listen":
        return f"listener for {'all events' if name is None else f'event {name!r}'} of {of}"
    return f"{action} {of}" if name is None else f"{action} {name!r} of {of}"
