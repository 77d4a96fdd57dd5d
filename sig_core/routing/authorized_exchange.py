"""An exchange with rules whose answers somebody else has to agree to; until it does, whoever asks waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, cast

from sig_core.access.access_control import AccessControl
from sig_core.access.authorizer import Authorizer, Undecided
from sig_core.access.rules import Rules
from sig_core.contract import Codec
from sig_core.errors import AccessDenied, Busy, SigError
from sig_core.events import Name, Pattern
from sig_core.protocol.limits import Limits
from sig_core.routing.exchange import SenderEntry
from sig_core.routing.guarded_exchange import GuardedExchange, RulesGuard
from sig_core.routing.ports import Port, RequestBatch
from sig_core.routing.quotas import Quotas

__all__ = ["AuthorizedExchange"]

WHO_DENIES = "sig_authorize"


class _AskingGuard(RulesGuard):
    """Asks the rules, then whoever has the last word.

    Args:
        access, quotas: see `RulesGuard`.
        authorizer: who has the last word.
    """

    def __init__(self, access: AccessControl, quotas: Quotas, authorizer: Authorizer) -> None:
        super().__init__(access, quotas)
        self._authorizer = authorizer

    def ask(self, port: Port, action: str, sender: Name | None, name: Name | None = None) -> None:
        """See `Guard`."""
        principal = port.principal
        if principal is None:
            return
        always = action != "request"  # a link waits with any other call, so there is one question of each at most
        if not self._authorizer.allows(principal, action, sender, name, always=always):
            raise self._access.deny(principal, action, sender, name, WHO_DENIES)

    def check_operator(self, port: Port, what: str) -> None:
        """See `Guard`."""
        super().check_operator(port, what)
        self.ask(port, "operate", what)

    def explain(
        self, port: Port, user: str, roles: list[str] | None, action: str, sender: Name | None, name: Name | None
    ) -> dict[str, Any]:
        """See `Guard`; what only the rules say."""
        told = super().explain(port, user, roles, action, sender, name)
        return told | ({"rule": f"{told['rule']}; then {WHO_DENIES} is asked"} if told["allowed"] else {})


class _Lobby:
    """Where requests wait until somebody has agreed: their owner, as far as `Requests` is concerned."""

    codec = ""
    peer = "this server"

    def accepts_codec(self, codec: str) -> bool:
        """Whatever it is: they are not read here."""
        return True

    def request(self, batch: RequestBatch) -> list[tuple[int, SigError]]:
        """Let them wait; who put them here knows them."""
        return []


class AuthorizedExchange(GuardedExchange):
    """An exchange that asks the rules, then an authorizer.

    It is asked of a sender that is added, of a listener as it stands, of a request and of what is for operators.

    Args:
        codec, limits, clock, access: see `GuardedExchange`.
        authorizer: has the last word.
    """

    def __init__(
        self,
        codec: Callable[[str], Codec],
        limits: Limits,
        clock: Callable[[], float],
        access: AccessControl,
        authorizer: Authorizer,
    ) -> None:
        self._authorizer = authorizer
        self._lobby = cast(Port, _Lobby())
        self._silenced: set[tuple[Port, Pattern]] = set()  # listeners to which somebody does not agree any more
        super().__init__(codec, limits, clock, access)

    def _make_guard(self, quotas: Quotas) -> RulesGuard:
        return _AskingGuard(self._access, quotas, self._authorizer)

    # -- other rules

    def apply(self, rules: Rules) -> None:
        """See `GuardedExchange`; all that there is, is asked anew, and ends when the answer is no."""
        self._authorizer.forget()
        super().apply(rules)
        for entry in list(self.senders.values()):
            self._review_sender(entry)
        there = [(port, pattern) for pattern in self._table.patterns() for port in self._table.at(pattern)]
        for port, pattern in [*there, *self._silenced]:
            self._review_listener(port, pattern)

    def _review_sender(self, entry: SenderEntry) -> None:
        principal = entry.owner.principal
        if principal is None or self._targets.get(entry.route) is not entry:
            return
        try:
            allowed = self._authorizer.allows(principal, "add", entry.name, always=True)
        except Undecided as pending:
            pending.when_known(partial(self._review_sender, entry))
            return
        if not allowed:
            self._access.note("revoked", principal, sender=entry.name, peer=entry.owner.peer, rule=WHO_DENIES)
            self.take_away(entry, AccessDenied("the rules of this server do not allow it any more"))

    def _review_listener(self, port: Port, pattern: Pattern) -> None:
        principal, silenced = port.principal, (port, pattern) in self._silenced
        if principal is None or not (silenced or port in self._table.at(pattern)):
            return
        try:
            allowed = self._authorizer.allows(principal, "listen", *pattern, always=True)
        except Undecided as pending:
            pending.when_known(partial(self._review_listener, port, pattern))
            return
        if allowed and silenced:
            self.listen(port, pattern)
        elif not (allowed or silenced):
            self._table.remove(pattern, port)
            self._silenced.add((port, pattern))
            port.refuse_pattern(pattern, self._access.deny(principal, "listen", *pattern, WHO_DENIES))

    def listen(self, port: Port, pattern: Pattern) -> None:
        """See `Exchange`."""
        self._silenced.discard((port, pattern))
        super().listen(port, pattern)

    def unlisten(self, port: Port, pattern: Pattern) -> None:
        """See `Exchange`."""
        self._silenced.discard((port, pattern))
        super().unlisten(port, pattern)

    # -- what is asked

    def add_sender(
        self,
        port: Port,
        name: Name,
        events: list[Name],
        requests: list[str | None] | None,
        *,
        life: str = "",
        fired: Mapping[Name, int] | None = None,
        state: Iterable[Name] = (),
        tell_owner: bool = True,
    ) -> SenderEntry:
        """See `GuardedExchange`.

        Raises:
            Undecided: it is asked whether it may; nothing has changed.
        """
        if self._rules.may(port, "add", name):
            self._rules.ask(port, "add", name)
        return super().add_sender(
            *(port, name, events, requests), life=life, fired=fired, state=state, tell_owner=tell_owner
        )

    def request(self, port: Port, route: int, codec: str, method: str, tails: dict[Any, bytes]) -> None:
        """See `GuardedExchange`; what is not decided yet waits in the lobby."""
        entry = None if port.principal is None else self._target_at(port, route)
        if entry is not None and self._rules.may(port, "request", entry.name, method):
            try:
                self._rules.ask(port, "request", entry.name, method)
            except Undecided as pending:
                batch = RequestBatch(route, entry.name, method, codec, tails)
                self.requests.open(port, self._lobby, batch)
                pending.when_known(partial(self._go_on, port, batch))
                return
            except AccessDenied:
                self._fail_denied(port, entry, route, method, tails)
                return
            except Busy as error:
                for ident in tails:
                    port.fail_to(ident, route, error)
                return
        super().request(port, route, codec, method, tails)

    def _go_on(self, port: Port, batch: RequestBatch) -> None:
        """Take requests out of the lobby: those whose answer somebody still waits for."""
        tails = {
            ident: tail for token, tail in batch.tails.items() for ident in self.requests.take_back(self._lobby, token)
        }
        if tails:
            self.request(port, batch.route, batch.codec, batch.method, tails)
