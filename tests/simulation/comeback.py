"""A further link of a simulated client, until the server has said whether the session goes on there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sig_core.errors import ConnectFailed, LinkLost, SigError
from sig_core.session.base import State
from sig_core.session.binary.client import NotResumed
from sig_core.session.binary.returning import Returning
from tests.simulation.world import Breach

if TYPE_CHECKING:
    from tests.simulation.client_link import ClientLink

__all__ = ["Comeback"]


class Comeback:
    """Opens a link for a session that waits for one.

    Args:
        link: of the session.
        end: of a cable.
        done: called once, with why it did not come about, or None.
    """

    def __init__(self, link: ClientLink, end: Any, done: Callable[[SigError | None], object]) -> None:
        self.end = end
        self._link = link
        self._done: Callable[[SigError | None], object] | None = done
        client = link.client
        self._there = self._waiting()
        self._returning = Returning(link.session, client.state.connection.auth)
        self._hello = self._returning.hello
        link.comeback = end.holder = self
        client.world.after(link.session.limits.handshake, lambda: self._fail(ConnectFailed("no answer to the hello")))
        self.writable()

    def _waiting(self) -> Any:
        """Return the session at the server that this one belongs to, if it is there."""
        server, client = self._link.client.network.server, self._link.client
        ident = client.state.connection._client
        there = [each for each in server.resumptions._all if each.client == ident and each.error is None]
        return there[0] if there and client.network.rules is None else None

    def _is_the_same(self) -> bool:
        """Whether the session there has sent what this one has got; else it began with a link that came to nothing."""
        stream = self._link.session.stream
        assert stream is not None
        kept = self._there.port.kept
        return kept is None or bool(kept.end >= stream.reader.received)

    def writable(self) -> None:
        """See `Holder`."""
        while self._hello and (count := self.end.send(self._hello)):
            self._hello = self._hello[count:]

    def receive(self, data: bytes) -> None:
        """See `Holder`."""
        client, link = self._link.client, self._link
        if client.is_stopped_still:
            client.when_it_goes_on(lambda: self.receive(data))
            return
        if self._done is None:
            if link.end is self.end:
                link.receive(data)
            return
        try:
            if link.session.state is not State.OPEN or not self._returning.feed(data):
                return
        except NotResumed as error:
            if self._there is not None and "same client came back" in str(self._there.error) and self._is_the_same():
                raise Breach("resume", f"{client.who} was not taken back: {error}") from error
            self._fail(error)
        except SigError as error:
            self._fail(error)
        else:
            done, self._done = self._done, None
            link.resume(self.end, self._returning)
            done(None)

    def at_end(self) -> None:
        """See `Holder`."""
        self._fail(LinkLost("the link ended before the hello was answered"))

    def _fail(self, error: SigError) -> None:
        done, self._done = self._done, None
        if done is not None:
            self._link.comeback = None
            self.end.close()
            done(error)
