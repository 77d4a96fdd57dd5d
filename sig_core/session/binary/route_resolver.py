"""Where a client's requests go: the route of each sender, learned once for all who ask for it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sig_core.errors import RemoteProtocolError, SigError
from sig_core.events import Name
from sig_core.session.binary.reports import ReplyCallback
from sig_core.session.binary.server_messages import read_route

__all__ = ["RouteResolver"]

Then = Callable[[SigError | None], None]


class RouteResolver:
    """Learns routes. Threads may ask at once, while another takes answers.

    Args:
        ask: asks the server where a sender is; the last argument is told the response.

    Attributes:
        routes: that are known, by sender; the owner adds those that it learns otherwise.
    """

    def __init__(self, ask: Callable[[Name, ReplyCallback], object]) -> None:
        self.routes: dict[Name, int] = {}
        self._ask = ask
        self._waiting: dict[Name, list[Then]] = {}

    def resolve(self, sender: Name, then: Then) -> None:
        """Call `then` when the route is known, with None, or with why it can't be."""
        mine: list[Then] = []
        waiting = self._waiting.setdefault(sender, mine)
        waiting.append(then)
        if waiting is mine:
            self._ask(sender, lambda response, error: self._learn(sender, response, error))
        elif self._waiting.get(sender) is not waiting and then in waiting:  # answered between the two lines above
            waiting.remove(then)
            self.resolve(sender, then)

    def _learn(self, sender: Name, response: Any, error: SigError | None) -> None:
        if error is None:
            try:
                self.routes[sender] = read_route(response)
            except RemoteProtocolError as problem:
                error = problem
        waiting = self._waiting.pop(sender, [])
        while waiting:
            waiting.pop(0)(error)
