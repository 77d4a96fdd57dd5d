"""Questions that a program asks all at once, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from sig_core.errors import RemoteError, RequestTimeout, SigError
from sig_core.events import Name
from sig_core.session.client_state import request_many
from tests.simulation.world import Breach

if TYPE_CHECKING:
    from tests.simulation.client_link import ClientLink
    from tests.simulation.client_node import ClientNode

__all__ = ["Questions"]

AT_ONCE = 3  # that are open; programs have more


class Questions:
    """Some questions.

    Args:
        client: who asks.
        link: that it has.
        asked: whom and what, of each.

    Attributes:
        is_done: all have ended.
    """

    def __init__(self, client: ClientNode, link: ClientLink, asked: list[tuple[Name, str]]) -> None:
        self._client = client
        self._link = link
        self._numbers = [client.network.new_request(client.user, sender) for sender, _ in asked]
        self.is_done = False
        session, questions = link.session, [(*each, number) for each, number in zip(asked, self._numbers, strict=True)]
        assert session.encoding is not None
        self._many = request_many.RequestMany(session, session.encoding, questions, self._finished)
        with patch.object(request_many, "OPEN_AT_ONCE", AT_ONCE):
            self._many.start()
        link.added(0)
        client.world.after(client.network.limits.request_timeout, self._late)

    def _late(self) -> None:
        if self._client.is_stopped_still:
            self._client.when_it_goes_on(self._late)
        elif not (self.is_done or self._client.is_gone):
            self._many.give_up(RequestTimeout("no answer in time"))
            self._link.added(0)

    def _finished(self) -> None:
        self.is_done = True
        for number, result in zip(self._numbers, self._many.results, strict=True):
            self._check(number, result)

    def _check(self, number: int, result: Any) -> None:
        refused = isinstance(result, RemoteError) and result.text == f"refused {number}"
        failed = isinstance(result, SigError) and not isinstance(result, RemoteError)
        if not (refused or failed or result == ["answer", number]):
            raise Breach("answer", f"question {number} of {self._client.who} got {result!r}")
