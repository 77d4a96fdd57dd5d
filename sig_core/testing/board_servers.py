"""Checks with a whole server, as users meet the board."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from sig_core.events import Name
from sig_core.testing.board_suite import BoardSuite, url_of
from sig_core.testing.waiting import eventually

if TYPE_CHECKING:
    from sig_core.server import ServerRouter

__all__ = ["ServerChecks"]


class ServerChecks(BoardSuite):
    """A server, not a host of the kit."""

    def test_server(self) -> None:
        """B80: A server takes it in, under the name of its sender, or as a listener. Mend: `sig -v serve URL` tells
        what comes, and what is wrong with it."""
        with self.start() as url, ExitStack() as calling:
            self._comes(url_of(url), "a server", calling)

    def test_server_is_started_anew(self) -> None:
        """B81: After the server has ended, and another one listens at its place, the board is back, under the same
        name. Mend: B07 and B11, and a board over TCP connects again and again."""
        with self.start() as url, ExitStack() as calling:
            first, address = self._comes(url_of(url), "a server", calling)
            second, _ = self._comes(address, "the next server", None)
            self.check(first == second, f"is {second!r} at the second server, and was {first!r} at the first")

    def _comes(self, url: str, what: str, calling: ExitStack | None) -> tuple[list[Name], str]:
        """Run a server until the board is there; return its senders and the address as bound.

        Args:
            calling: what a board that connects is started in; None: it was.
        """
        from sig_core.server import ServerRouter  # the rest of the kit needs no server

        come: list[Any] = []
        with ServerRouter(open=True) as server:  # a board with a network comes from elsewhere
            server.add_listener(lambda info, data: come.append(info["sender"]), event="#connect")
            address = server.listen(url)
            if calling is not None:
                calling.enter_context(self.calling(address))
            eventually(lambda: _is_in(server), self.comes, f"{self.who}: its registration at {what}")
            if _senders(server):
                eventually(lambda: come, self.timeout, f"{self.who}: #connect of its sender")
        return come, address


def _boards(server: ServerRouter) -> list[dict[str, Any]]:
    return [peer for peer in server.stats()["peers"] if "line" in peer]


def _senders(server: ServerRouter) -> int:
    return sum(board["senders"] for board in _boards(server))


def _is_in(server: ServerRouter) -> bool:
    return any(board["senders"] or board["subscriptions"] for board in _boards(server))
