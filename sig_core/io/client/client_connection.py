"""What a client's connection is on threads and on asyncio, over all its links: which of them it has, and may use."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from sig_core.clock import Clock
from sig_core.contract import Codec, Link
from sig_core.io.client.client_link import ClientLink
from sig_core.protocol.limits import Limits
from sig_core.session.client_state.client_state import ClientState
from sig_core.session.client_state.dialling import DIAL, Pause, StopStep

__all__ = ["ClientConnection"]

L = TypeVar("L", bound=ClientLink)


class ClientConnection(Generic[L]):
    """A connection, but for what waits: a face has that, in functions on threads, in coroutine functions on asyncio.

    It is a `Dialler`.

    Args:
        url, limits: of the client.
        connect: returns a live link, or raises what is in the way; it may block.
        codecs: returns those to offer, by name, the preferred one first.
        state: of the client.
        clock: see `Clock`.

    Attributes:
        link: the one there is, or was last; None before the first.
    """

    def __init__(
        self,
        url: str,
        limits: Limits,
        connect: Callable[[], Link],
        codecs: Callable[[], Mapping[str, Codec]],
        state: ClientState,
        clock: Clock,
    ) -> None:
        self.link: L | None = None
        self._latest: L | None = None  # dialled last, maybe not there yet
        self._url = url
        self._limits = limits
        self._connect = connect
        self._codecs = codecs
        self._state = state
        self._clock = clock
        self._stop_steps: dict[StopStep, Callable[[], Any]] = {
            StopStep.OTHER: self._wait_for_other,
            StopStep.DIALLING: self._end_dialling,
            StopStep.HANDLERS: self._settle,
            StopStep.OUTPUT: self._drain,
            StopStep.CALLBACKS: self._join,
            StopStep.LINK: self._end_now,
        }

    def open_link(self) -> L:
        """Return the link that lives; raises as `ConnectionState.open_session` does."""
        link = self.link
        if link is None or link.session.error is not None or self._state.is_stopped:
            self._state.connection.open_session()
            link = self.link
            assert link is not None
        return link

    def links(self) -> set[L]:
        """Return those that may live."""
        return {link for link in (self.link, self._latest) if link is not None}

    def adopted(self) -> None:
        """See `Dialler`."""
        self.link = self._latest

    # -- steps of plans, and of a stop: see `dialling`

    def _perform(self, step: Any) -> Any:
        """Do one step of a plan of `dialling`; on asyncio returns what does it."""
        if isinstance(step, Pause):
            return self._pause(step.seconds)
        if step is DIAL:
            return self._dial()
        latest: Any = self._latest
        return latest.perform(step)

    @abstractmethod
    def _dial(self) -> Any:
        """Dial; returns the session of the link, which is open."""

    @abstractmethod
    def _pause(self, seconds: float) -> Any:
        """Wait so long, unless the client is stopped meanwhile."""

    @abstractmethod
    def _wait_for_other(self) -> Any:
        """See `StopStep.OTHER`."""

    @abstractmethod
    def _end_dialling(self) -> Any:
        """See `StopStep.DIALLING`."""

    @abstractmethod
    def _settle(self) -> Any:
        """See `StopStep.HANDLERS`."""

    @abstractmethod
    def _drain(self) -> Any:
        """See `StopStep.OUTPUT`."""

    @abstractmethod
    def _join(self) -> Any:
        """See `StopStep.CALLBACKS`."""

    @abstractmethod
    def _end_now(self) -> Any:
        """See `StopStep.LINK`."""

    # -- fork

    def abandon(self) -> None:
        """In a forked child: let go of what is the parent's, without a word on the wire."""
        if self._state.connection.close_by_fork() and self.link is not None:
            self.link.cut()
