"""Turns the tables of a rules file into `Rules`, and finds all that is wrong with them at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sig_core.access.line_index import Path
from sig_core.access.name_pattern import ANY, NamePattern
from sig_core.access.principal import ANONYMOUS
from sig_core.access.quota import RANGES, Quota
from sig_core.access.rules import ACTIONS, Grant, Role, Rules, RulesError, Source, Who, spelled
from sig_core.address import did_you_mean
from sig_core.errors import ConfigError
from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT
from sig_core.tokens import is_digest

__all__ = ["read_rules"]

OPERATE = ("stats", "peers", "explain", "durable")
PAIRS = {"listen": "event", "request": "method"}  # what these say beside senders
KINDS = {  # how somebody is known -> what may be asked of that
    "certificate": ("uri", "dns", "cn", "sha256"),
    "token": (),
    "unix": ("user", "uid", "group", "gid"),
    "port": (),
    "anyone": (),
}
URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
URL_BEGINS = re.compile(r"$|[a-z][a-z0-9+.-]*(?:$|:(?:$|/(?:$|/)))", re.IGNORECASE)
WITHOUT = {  # how somebody is known -> carriers of pysig, at whose addresses nobody is known by that
    "certificate": ("tcp", "unix", "local", "serial"),
    "unix": ("tcp", "tls+tcp", "local", "tls+local", "serial"),
}
PROOFS = {"certificate": "certificate", "unix": "user of this machine"}
REMEDIES = {"certificate": "write tls+ before it", "unix": "name an address with unix://"}
MOST_PROBLEMS = 100  # that are told; the others are counted
PRESENCE = (EVENT_CONNECT, EVENT_DISCONNECT)


def read_rules(found: Any, source: Source) -> Rules:
    """Return the rules that tables say.

    Args:
        found: as `tomllib` returns it.
        source: where they are from.

    Raises:
        RulesError: see `Rules.parse`.
    """
    reader = _Reader(source)
    rules = reader.rules(found)
    if reader.problems:
        told = [f"{source.place(path)}: {text}" for path, text in reader.problems[:MOST_PROBLEMS]]
        rest = len(reader.problems) - len(told)
        raise RulesError(told + ([f"and {rest} more like these"] if rest else []))
    return rules


def _never_at(pattern: NamePattern, kind: str, ports: Iterable[NamePattern]) -> str:
    """Return why nobody who is known by a kind of fact comes in at such an address; "": somebody may."""
    text = str(pattern.parts[0])
    if pattern.has_user:
        return "has {user}, and here is said who that is; name the address"
    if "?" in text:
        return "has options, and addresses are known without them: leave them out"
    if not (URL_BEGINS if pattern.is_open else URL).match(text):
        return "is no address; write it as the server is given it, such as tcp://127.0.0.1:3000, or tls+tcp://*"
    scheme, is_whole, _ = text.partition("://")
    if is_whole and any(scheme != port.text.partition("://")[0] for port in ports):
        return "is not the port that the rule names, which is an address itself: leave it out"
    if is_whole and scheme in WITHOUT.get(kind, ()):
        return f"shows no {PROOFS[kind]}: {REMEDIES[kind]}"
    return ""


class _Reader:
    """Reads, and goes on after what is wrong.

    Attributes:
        problems: what is wrong, and where.
    """

    def __init__(self, source: Source) -> None:
        self.problems: list[tuple[Path, str]] = []
        self._warnings: list[tuple[Path, str]] = []
        self._source = source
        self._shared: dict[tuple[str, ...], frozenset[str]] = {}  # thousands of users have the same roles

    def rules(self, found: Any) -> Rules:
        top = self._table((), found, ("version", "authorize", "roles", "who", "revoked"))
        if top.get("version") != 1 or isinstance(top.get("version"), bool):
            self._bad(
                ("version",), f"version = 1 is what this release reads, not {top.get('version')!r}: add that line"
            )
        authorize = top.get("authorize", False)
        if not isinstance(authorize, bool):
            self._bad(("authorize",), f"authorize: true or false was expected, not {authorize!r}")
        listed = self._table(("roles",), top.get("roles", {}))
        roles = {name: self._role(("roles", name), name, value) for name, value in listed.items()}
        who = tuple(
            self._who(("who", at), each, roles) for at, each in enumerate(self._list(("who",), top.get("who", [])))
        )
        self._check_all(roles, who)
        self._check_denials(roles)
        revoked = self._list(("revoked",), top.get("revoked", []))
        for at, digest in enumerate(revoked):
            self._digest(("revoked", at), digest)
        self._check_revoked(who, frozenset(map(str, revoked)))
        warnings = tuple(f"{self._source.place(path)}: {text}" for path, text in self._warnings)
        return Rules(roles, who, frozenset(map(str, revoked)), self._source, warnings, authorize is True)

    def _check_all(self, roles: Mapping[str, Role], who: tuple[Who, ...]) -> None:
        """Find what only shows when all is read."""
        used = {name for each in who for name in each.roles}
        for name in roles:
            if name not in used:
                self._odd(("roles", name), f"nobody has the role {name!r}: no [[who]] names it")
        if not who:
            self._bad((), "nobody is admitted: there is no [[who]]; add one, such as `token` with `user` and `roles`")
        seen: dict[str, Path] = {}
        for each in who:
            for digest in each.wanted.get("token", ()):
                if digest.text in seen:
                    where = self._source.place(seen[digest.text])
                    self._bad(each.path, f"the same token as in {where}: one token is one user's")
                seen.setdefault(digest.text, each.path)

    def _check_denials(self, roles: Mapping[str, Role]) -> None:
        """Find what is denied and not allowed anywhere: most likely its name is written in another way."""
        for action in ACTIONS:
            allowed = [grant for role in roles.values() for grant in role.allow[action]]
            for role in roles.values():
                for deny in role.deny[action]:
                    if len(self.problems) < MOST_PROBLEMS and not any(
                        map(deny.meets, (*role.allow[action], *allowed))
                    ):
                        text = "denies nothing, since no role allows any of it: mend it, or leave it out"
                        self._bad(deny.path, f"{spelled(deny.path)}: {text}")

    def _check_revoked(self, who: tuple[Who, ...], revoked: frozenset[str]) -> None:
        for each in who:
            for pattern in (*each.wanted.get("token", ()), *each.wanted.get("sha256", ())):
                if {pattern.text, f"sha256:{pattern.text}"} & revoked:
                    text = "what it names is in `revoked`, so it admits nobody by that: take it out"
                    self._odd(each.path, f"{spelled(each.path)}: {text}")

    # -- roles

    def _role(self, path: Path, name: str, found: Any) -> Role:
        table = self._table(path, found, (*ACTIONS, "deny", "limits"))
        denied = self._table((*path, "deny"), table.get("deny", {}), ACTIONS)
        role = Role(
            name,
            {action: self._grants((*path, action), action, table.get(action, [])) for action in ACTIONS},
            {action: self._grants((*path, "deny", action), action, denied.get(action, [])) for action in ACTIONS},
            self._limits((*path, "limits"), table.get("limits", {})),
        )
        self._check_contradictions(role)
        return role

    def _limits(self, path: Path, found: Any) -> Quota:
        said: dict[str, int] = {}
        for name, value in self._table(path, found, tuple(RANGES)).items():
            low, high = RANGES[name]
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                here = (*path, name)
                self._bad(here, f"{spelled(here)}: an integer from {low} to {high} was expected, not {value!r}")
            else:
                said[name] = value
        return Quota(**said)

    def _check_contradictions(self, role: Role) -> None:
        for action in ACTIONS:
            for deny in role.deny[action]:
                for allow in role.allow[action]:
                    if deny.sender.covers(allow.sender) and deny.name.covers(allow.name):
                        where = self._source.place(deny.path)
                        text = f"this is denied again in {where} ({spelled(deny.path)}): one of the two can't be meant"
                        self._bad(allow.path, f"{spelled(allow.path)}: {text}")

    def _grants(self, path: Path, action: str, found: Any) -> tuple[Grant, ...]:
        grants: list[Grant] = []
        for at, item in enumerate(self._list(path, found)):
            here = (*path, at)
            if action == "operate":
                grants += self._operate(here, item)
            elif action in PAIRS:
                grants += self._pairs(here, action, item)
            else:
                grants += [Grant(pattern, ANY, here) for pattern in self._patterns(here, [item])]
        return tuple(grants)

    def _operate(self, path: Path, item: Any) -> Iterable[Grant]:
        if item == "*":
            return [Grant(ANY, ANY, path)]
        if not isinstance(item, str) or item not in OPERATE:
            hint = did_you_mean(item, OPERATE) if isinstance(item, str) else ""
            self._bad(
                path, f"{spelled(path)}: there is no {item!r} to operate{hint}; there is: {', '.join(OPERATE)}, *"
            )
            return []
        return [Grant(NamePattern.parse(item), ANY, path)]

    def _pairs(self, path: Path, action: str, item: Any) -> Iterable[Grant]:
        """Return what one item of `listen` or `request` says: each of its senders with each of its names."""
        second = PAIRS[action]
        if not isinstance(item, dict):
            example = f'{{ sender = "house/*", {second} = "..." }}'
            self._bad(path, f"{spelled(path)}: a table was expected, such as {example}, not {item!r}")
            return []
        table = self._table(path, item, ("sender", second))
        if not table:
            self._bad(path, f'{spelled(path)}: says nothing; for all of them write {{ sender = "*" }}')
        senders = self._several(path, "sender", table)
        names = self._several(path, second, table)
        for name in names:
            if action == "listen" and name.text in PRESENCE:
                remedy = "who hears of a sender that comes and goes is said by `see`"
                self._bad(path, f"{spelled(path)}: {name.text} is not listened to by rules: {remedy}")
            if action == "request" and not isinstance(name.parts[0], str):
                self._bad(path, f"{spelled(path)}: {name.text} is no method: methods are text")
        return [Grant(sender, name, path) for sender in senders for name in names]

    def _several(self, path: Path, key: str, table: Mapping[str, Any]) -> list[NamePattern]:
        if key not in table:
            return [ANY]
        found = table[key]
        if isinstance(found, list) and not found:
            self._bad((*path, key), f"{spelled((*path, key))}: an empty list matches nothing; leave it out for all")
        return self._patterns((*path, key), found if isinstance(found, list) else [found])

    def _patterns(self, path: Path, items: Iterable[Any]) -> list[NamePattern]:
        found: list[NamePattern] = []
        for item in items:
            try:
                found.append(NamePattern.parse(item))
            except ConfigError as error:
                self._bad(path, f"{spelled(path)}: {error}")
        for pattern in found:
            if pattern.has_user and pattern.is_open and pattern.parts[-1] == "":
                remedy = "write {user}/* if what is below is meant"
                self._odd(path, f'{spelled(path)}: "{pattern.text}" is also every user whose name begins so: {remedy}')
        return found

    # -- who

    def _who(self, path: Path, found: Any, roles: Mapping[str, Role]) -> Who:
        table = self._table(path, found, (*KINDS, "user", "roles", "at"))
        kinds = [kind for kind in KINDS if kind in table]
        if len(kinds) != 1:
            said = ", ".join(kinds) or "none"
            self._bad(path, f"{spelled(path)}: says by {said} who it is; one of {', '.join(KINDS)} is needed")
        kind = kinds[0] if kinds else "anyone"
        wanted = self._wanted(path, kind, table.get(kind, True))
        for patterns in wanted.values():
            for pattern in patterns:
                if pattern.has_user:
                    text = f"{pattern.text!r}: here is said who the user is, so {{user}} is nobody yet"
                    self._bad(path, f"{spelled(path)}: {text}")
        at = self._at(path, kind, wanted, table)
        return Who(kind, wanted, self._user(path, kind, table), self._roles_of(path, table, roles), at, path)

    def _at(
        self, path: Path, kind: str, wanted: Mapping[str, tuple[NamePattern, ...]], table: Mapping[str, Any]
    ) -> tuple[NamePattern, ...]:
        """Return where a rule counts. Whether the server listens there, only the server knows."""
        here = (*path, "at")
        if table.get("at") == []:
            self._bad(here, f"{spelled(here)}: an empty list is nowhere; leave it out for everywhere")
        found = self._patterns(here, self._list(here, table.get("at", [])))
        for pattern in found:
            why = _never_at(pattern, kind, wanted.get("port", ()))
            if why:
                self._bad(here, f"{spelled(here)}: {pattern.text!r} {why}")
        return tuple(found)

    def _wanted(self, path: Path, kind: str, found: Any) -> dict[str, tuple[NamePattern, ...]]:
        here = (*path, kind)
        if kind == "anyone":
            if found is not True:
                self._bad(here, f"{spelled(here)}: true was expected, not {found!r}; leave the rule out instead")
            return {}
        if kind == "token":
            digests = found if isinstance(found, list) and found else [found]
            return {"token": tuple(pattern for each in digests for pattern in self._digest(here, each))}
        if kind == "port":
            if not isinstance(found, str) or "://" not in found:
                self._bad(
                    here, f"{spelled(here)}: the URL of a port was expected, as the server is given it, not {found!r}"
                )
            elif "?" in found:
                self._bad(here, f"{spelled(here)}: {found!r} has options; a port is known without them: leave them out")
            return {"port": tuple(self._patterns(here, [str(found)]))}
        table = self._table(here, found, KINDS[kind])
        if not table:
            self._bad(here, f"{spelled(here)}: says nothing; one of {', '.join(KINDS[kind])} is needed")
        return {key: tuple(self._several(here, key, table)) for key in KINDS[kind] if key in table}

    def _digest(self, path: Path, found: Any) -> list[NamePattern]:
        if isinstance(found, str) and is_digest(found):
            return [NamePattern(found, (found,), False)]
        what = "a digest" if isinstance(found, str) else "text"  # what stands there may be the token: it is not told
        remedy = "`sig token new` prints a token with its digest; the token itself does not belong here"
        self._bad(
            path, f"{spelled(path)}: this is not {what} such as sha256:9f86... (64 hex digits, lower case): {remedy}"
        )
        return []

    def _user(self, path: Path, kind: str, table: Mapping[str, Any]) -> str:
        here = (*path, "user")
        named = kind in ("certificate", "unix")
        default = ANONYMOUS if kind == "anyone" else "{name}" if named else None
        user = table.get("user", default)
        if user is None:
            self._bad(path, f"{spelled(path)}: a {kind} has no name of its own: say user =")
        elif not isinstance(user, str) or not 0 < len(user.encode(errors="replace")) <= 255:
            self._bad(here, f"{spelled(here)}: text of 1 to 255 bytes was expected, not {user!r}")
        elif user == ANONYMOUS and kind != "anyone":
            self._bad(here, f"{spelled(here)}: {ANONYMOUS!r} is who proves nothing; take another name")
        elif "{name}" in user and not named:
            self._bad(
                here, f"{spelled(here)}: {{name}} is what a star in certificate or unix matched; a {kind} has none"
            )
        return str(user)

    def _roles_of(self, path: Path, table: Mapping[str, Any], roles: Mapping[str, Role]) -> frozenset[str]:
        here = (*path, "roles")
        if not table.get("roles"):
            self._bad(path, f"{spelled(path)}: has no roles, and may do nothing: say roles = [...]")
        named = self._list(here, table.get("roles", []))
        for at, name in enumerate(named):
            if not isinstance(name, str) or name not in roles:
                hint = did_you_mean(str(name), roles)
                self._bad(
                    (*here, at), f"{spelled(here)}: there is no role {name!r}{hint}; write [roles.{name}], or name one"
                )
        return self._shared.setdefault(tuple(map(str, named)), frozenset(map(str, named)))

    # -- tables

    def _table(self, path: Path, found: Any, known: tuple[str, ...] | None = None) -> dict[str, Any]:
        """Return a table, without the keys that nobody knows."""
        if not isinstance(found, Mapping):
            self._bad(path, f"{spelled(path)}: a table was expected, not {found!r}")
            return {}
        if known is None:
            return dict(found)
        for key in found:
            if key not in known:
                hint = did_you_mean(str(key), known)
                self._bad((*path, key), f"{spelled(path)}: unknown key {key!r}{hint}; known: {', '.join(known)}")
        return {key: value for key, value in found.items() if key in known}

    def _list(self, path: Path, found: Any) -> list[Any]:
        if not isinstance(found, list):
            self._bad(path, f"{spelled(path)}: a list was expected, such as [...], not {found!r}")
            return []
        return found

    def _bad(self, path: Path, text: str) -> None:
        self.problems.append((path, text))

    def _odd(self, path: Path, text: str) -> None:
        self._warnings.append((path, text))
