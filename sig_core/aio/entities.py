"""Sender and Signal on asyncio: what may wait is a coroutine."""

from __future__ import annotations

from typing import Any

import sig_core.routing.entities as entities
from sig_core.errors import Backpressure
from sig_core.events import Name

__all__ = ["Sender", "Signal"]


class Signal(entities.Signal):
    """Triggers one event of one sender; see `sig_core.Signal`.

    `trigger` never waits here: it raises `Backpressure` when as much waits to be sent as may. `trigger_wait` waits.
    """

    async def trigger_wait(self, data: Any = None) -> None:
        """Fire the event as `trigger` does, once there is room for it.

        Args:
            data: see `trigger`.

        Raises:
            LinkClosed: the link was lost while it waited, and nothing is kept for the next one.
            SigError: what `trigger` raises, but for `Backpressure`.

        Not promised: that the event has left when it returns; `flush` of the router promises that.
        """
        while True:
            try:
                self.trigger(data)
            except Backpressure:
                router: Any = self.objsender.objrouter
                await router.wait_for_room()
            else:
                return


class Sender(entities.Sender):
    """A sender, connected or only listened to; see `sig_core.Sender`."""

    def get_signal(self, event: Name) -> Signal:
        """Return a new signal for one of its events; raises as that of `sig_core.Sender` does."""
        made: Any = super().get_signal(event)
        signal: Signal = made
        return signal

    async def request(self, method: str, params: Any = None, timeout: float | None = None) -> Any:
        """Ask this sender; see `request` of its router."""
        assert self.name is not None
        return await self.objrouter.request(self.name, method, params, timeout)

    async def remove(self) -> bool:  # type: ignore[override] # what waits is awaited here
        """Disconnect it; see `remove_sender` of its router."""
        router: Any = self.objrouter
        removed: bool = await router.remove_sender(self)
        return removed
