"""Where a client's requests go: the route of each sender, asked for once for all who need it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sig_core.errors import RemoteProtocolError, SigError
from sig_core.events import Name
from sig_core.session.binary.reports import ReplyCallback
from sig_core.session.binary.server_messages import read_route

__all__ = ["RouteResolver"]

RouteCallback = Callable[[SigError | None], None]


class RouteResolver:
    """Finds out routes. Several threads may resolve at once, while another takes answers.

    Args:
        ask: asks the server for the route of a sender, and calls its last argument with the response.
        names: of the session, by number; what is found out is added.

    Attributes:
        routes: that are known, by sender; the owner adds those that it learns otherwise.
    """

    def __init__(
        self, ask: Callable[[Name, ReplyCallback], object], names: dict[int, tuple[Name, Name | None]]
    ) -> None:
        self.routes: dict[Name, int] = {}
        self._names = names
        self._ask = ask
        self._waiting: dict[Name, list[RouteCallback]] = {}

    def resolve(self, sender: Name, on_known: RouteCallback) -> None:
        """Find out the route of a sender.

        Args:
            sender: its name.
            on_known: called with None when the route is known, or with the error.
        """
        mine = [on_known]
        try:
            waiting = self._waiting.setdefault(sender, mine)
            if waiting is mine:
                self._ask(sender, lambda response, error: self._learn(sender, response, error))
                return
            waiting.append(on_known)
            if self._waiting.get(sender) is not waiting and on_known in waiting:  # answered between the lines above
                waiting.remove(on_known)
                self.resolve(sender, on_known)
        except BaseException:  # an interrupt: perhaps it was not asked, and others wait for it already
            if self._waiting.get(sender) is mine:
                del self._waiting[sender]
                self._resolve_for(sender, mine[1:])
            raise

    def _resolve_for(self, sender: Name, others: list[RouteCallback]) -> None:
        for each in others:
            with suppress(SigError):  # the session has ended, which tells them
                self.resolve(sender, each)

    def _learn(self, sender: Name, response: Any, error: SigError | None) -> None:
        if error is None:
            try:
                route = self.routes[sender] = read_route(response)
                self._names[route] = (sender, None)
            except RemoteProtocolError as problem:
                error = problem
        waiting = self._waiting.pop(sender, [])
        while waiting:
            waiting.pop(0)(error)
