"""Who comes in: matches what is known of a peer with the rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sig_core.access.name_pattern import NamePattern
from sig_core.access.principal import ANONYMOUS, Facts, Principal
from sig_core.access.quota import Quota
from sig_core.access.rules import Rules, Who
from sig_core.events import Name

__all__ = ["Admission"]


class Admission:
    """Finds principals; what it costs depends on the rules with patterns, not on all that there are.

    Args:
        rules: the rules.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._exact: dict[tuple[str, Name], list[int]] = {}  # (kind and field, value) -> positions in `who`
        self._others: list[int] = []
        self._quotas: dict[frozenset[str], Quota | None] = {}  # by roles
        self._shared: dict[frozenset[str], frozenset[str]] = {}  # roles: thousands of users have the same
        for at, who in enumerate(rules.who):
            for key in _keys(who):
                self._exact.setdefault(key, []).append(at)
            if not _keys(who):
                self._others.append(at)

    def admit(self, facts: Facts) -> Principal | None:
        """Return whom the rules know somebody as; None: nobody.

        A token that no rule knows, and what is revoked, admits nobody, not even as anonymous.
        """
        revoked, proof = self._rules.revoked, facts.certificate
        if facts.token in revoked or (proof is not None and f"sha256:{proof.sha256}" in revoked):
            return None
        found = list(self._matching(facts))
        proved = [(who, user) for who, user in found if who.kind != "anyone"]
        if facts.token and not any(who.kind == "token" for who, _ in proved):
            return None
        if not found:
            return None
        first, user = (proved or found)[0]
        roles = first.roles if len(found) == 1 else frozenset(name for who, _ in found for name in who.roles)
        roles = self._shared.setdefault(roles, roles)
        kind = ANONYMOUS if first.kind == "anyone" else first.kind
        return Principal(user, kind, facts, roles, self._rules.source, first.path, self._quota_of(roles))

    def _quota_of(self, roles: frozenset[str]) -> Quota | None:
        if roles not in self._quotas:
            self._quotas[roles] = Quota.greatest(self._rules.roles[name].limits for name in roles)
        return self._quotas[roles]

    def roles_of(self, user: str) -> frozenset[str]:
        """Return the roles of all rules that may give somebody this name, whatever it has to prove for that."""
        return frozenset(name for who in self._rules.who if _gives(who.user, user) for name in who.roles)

    def _matching(self, facts: Facts) -> Iterator[tuple[Who, str]]:
        """Yield the rules that match, in order, with the user that each gives."""
        known = self._exact
        places = {at for key in _facts(facts) for at in known.get(key, ())}
        for at in sorted(places.union(self._others)):
            who = self._rules.who[at]
            name = _name(who, facts)
            if name is not None and (not who.at or _any(who.at, facts.at) or _any(who.at, facts.configured)):
                yield who, who.user.replace("{name}", name)


def _gives(template: str, user: str) -> bool:
    before, star, behind = template.partition("{name}")
    if not star:
        return template == user
    return len(user) > len(before) + len(behind) and user.startswith(before) and user.endswith(behind)


def _keys(who: Who) -> list[tuple[str, Name]]:
    """Return the values of which a rule needs one; []: it has patterns, or needs none."""
    for field, patterns in who.wanted.items():
        if not any(pattern.is_open for pattern in patterns):
            return [(f"{who.kind}.{field}", pattern.parts[0]) for pattern in patterns]
    return []


def _facts(facts: Facts) -> Iterator[tuple[str, Name]]:
    """Yield all that is known of a peer, by kind and field."""
    if facts.token:
        yield "token.token", facts.token
    yield "port.port", facts.at
    yield "port.port", facts.configured
    if facts.certificate is not None:
        for field, values in _of_certificate(facts).items():
            yield from ((f"certificate.{field}", value) for value in values)
    if facts.unix is not None:
        for field, value in _of_unix(facts).items():
            yield f"unix.{field}", value


def _of_certificate(facts: Facts) -> dict[str, tuple[str, ...]]:
    shown = facts.certificate
    assert shown is not None
    cn = () if shown.uris or shown.dns or not shown.cn else (shown.cn,)
    return {"uri": shown.uris, "dns": shown.dns, "cn": cn, "sha256": (shown.sha256, f"sha256:{shown.sha256}")}


def _of_unix(facts: Facts) -> dict[str, Name]:
    peer = facts.unix
    assert peer is not None
    named: dict[str, Name] = {"user": peer.user, "group": peer.group}
    return {"uid": peer.uid, "gid": peer.gid} | {field: name for field, name in named.items() if name}


def _name(who: Who, facts: Facts) -> str | None:
    """Return the name that a rule finds in facts: what its first star matched, or all of it; None: no match."""
    if who.kind == "anyone":
        return ""
    if who.kind == "token":
        return "" if any(_is_same(wanted.text, facts.token) for wanted in who.wanted["token"]) else None
    if who.kind == "port":
        return "" if _any(who.wanted["port"], facts.at) or _any(who.wanted["port"], facts.configured) else None
    if who.kind == "certificate" and facts.certificate is not None:
        return _name_in(who, {field: list(values) for field, values in _of_certificate(facts).items()})
    if who.kind == "unix" and facts.unix is not None:
        return _name_in(who, {field: [value] for field, value in _of_unix(facts).items()})
    return None


def _is_same(digest: str, shown: str) -> bool:
    import hmac  # only servers with tokens need it

    return hmac.compare_digest(digest, shown)


def _name_in(who: Who, values: dict[str, list[str]] | dict[str, list[Name]]) -> str | None:
    """Return the name if each field that a rule asks for has a value that matches."""
    name: str | None = None
    for field, patterns in who.wanted.items():
        found = _first_match(patterns, values.get(field, []))
        if not found:  # a star that stands for nothing names nobody
            return None
        name = found if name is None else name
    if who.kind == "unix" and "user" not in who.wanted:
        return str((values.get("user") or values["uid"])[0])
    return name


def _first_match(patterns: Iterable[NamePattern], values: Iterable[Name]) -> str | None:
    for value in values:
        for pattern in patterns:
            if pattern.matches(value):
                return pattern.rest_of(value) if isinstance(value, str) else str(value)
    return None


def _any(patterns: Iterable[NamePattern], value: Name) -> bool:
    return any(pattern.matches(value) for pattern in patterns)
