"""Sessions without I/O at a server with rules, whose plug-ins the test plays."""

from __future__ import annotations

from typing import Any

from sig_core.access.access_control import AccessControl
from sig_core.access.authorizer import Authorizer, Question
from sig_core.access.principal import Facts, Principal
from sig_core.access.rules import Rules
from sig_core.protocol.limits import Limits
from sig_core.routing.authorized_exchange import AuthorizedExchange
from sig_core.routing.guarded_exchange import GuardedExchange
from sig_core.routing.ports import Port
from sig_core.session.binary.server import ServerSession
from sig_core.session.plain.session import PlainSession
from tests.support.sessions import PLUGINS, Net

__all__ = ["AT", "RuledNet", "rules_of"]

AT = "tcp://here:1"


def rules_of(**users: dict[str, Any]) -> Rules:
    """Rules with one user for each role, known by the port that is called as it."""
    who = [{"port": f"{AT}/{user}", "user": user, "roles": [user]} for user in users]
    return Rules.parse({"version": 1, "roles": users, "who": who})


class RuledNet(Net):
    """An exchange with rules; whoever connects is the user `user`.

    Args:
        rules: what counts.
        asks: somebody has the last word: `asked` are the questions that the test has not answered yet.

    Attributes:
        told: entries of the audit.
    """

    def __init__(self, rules: Rules, *, asks: bool = False, limits: Limits | None = None) -> None:
        super().__init__(limits)
        self.told: list[dict[str, Any]] = []
        self.asked: list[Question] = []
        self.user = next(iter(rules.roles))
        self.access = AccessControl(rules, self.told.append)
        self.authorizer = Authorizer(self.asked.append, lambda: self.now)
        parts = PLUGINS.codecs.get, self.limits, lambda: self.now, self.access
        self.exchange: GuardedExchange = (
            AuthorizedExchange(*parts, self.authorizer) if asks else GuardedExchange(*parts)
        )

    def know(self, port: Port, user: str = "") -> None:
        """Let the rules know a port as somebody."""
        found = self.access.admit_again(Principal("", "", Facts(f"{AT}/{user or self.user}")))
        assert found is not None
        self.exchange.guard.take_in(port, found)

    def answer(self, allowed: bool = True) -> list[tuple[Any, ...]]:
        """Answer what was asked, and what is asked because of that; give (action, sender, name) of all of it."""
        found = []
        while self.asked:
            question = self.asked.pop(0)
            found.append(question[-3:])
            self.authorizer.answer(question, allowed)
            self.pump()
        return found

    def server_session(self, codecs: list[str] | None = None, *, packets: bool = False) -> ServerSession:
        """See `Net`."""
        session = super().server_session(codecs, packets=packets)
        self.know(session.port)
        return session

    def plain_session(self, *, packets: bool = False) -> PlainSession:
        """See `Net`."""
        session = super().plain_session(packets=packets)
        self.know(session.port)
        return session
