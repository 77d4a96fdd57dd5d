"""The listeners of one router that have a queue and a thread of their own."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from typing import Any

from sig_core.events import Info
from sig_core.io.delivery.queued_listener import QueuedListener
from sig_core.routing.delivery import Delivery, OnLost
from sig_core.routing.signals import Subscription

__all__ = ["ListenerThreads"]


class ListenerThreads:
    """Gives subscriptions a queue, and ends all of them together.

    Args:
        failed: called when a function of the user raised, with (callback, info, error).
    """

    def __init__(self, failed: Callable[[Any, Info, BaseException], None]) -> None:
        self._failed = failed
        self._there: weakref.WeakSet[QueuedListener] = weakref.WeakSet()

    def adopt(
        self,
        subscription: Subscription,
        delivery: Delivery,
        on_lost: OnLost | None,
        stall: float,
        is_patient: Callable[[], bool],
    ) -> None:
        """Let the listener of a subscription run on a thread of its own. Args, Raises: see `QueuedListener`."""
        queued = QueuedListener(subscription.callback, delivery, on_lost, self._failed, stall, is_patient)
        subscription.call = subscription.queue = queued
        self._there.add(queued)

    def stop_soon(self) -> None:
        """Hold nobody back any more; what still comes gets in."""
        for queued in list(self._there):
            queued.stop_soon()

    def stop(self, timeout: float) -> None:
        """Let the listeners have what waits, at most `timeout` seconds for all of them; then end."""
        until = time.monotonic() + timeout
        for queued in list(self._there):
            queued.stop(max(0.0, until - time.monotonic()))
