"""The port of a server's own program, on threads: user code runs on dispatch threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sig_core.contract import Codec
from sig_core.errors import LimitError
from sig_core.events import Info, Name
from sig_core.io.server.dispatcher import Dispatcher
from sig_core.io.server.local_port import LocalPort
from sig_core.io.sync.owned_lock import OwnedLock
from sig_core.protocol.limits import Limits
from sig_core.routing.entities import Subscription
from sig_core.routing.flow_control import FlowControl
from sig_core.routing.ports import RequestBatch

__all__ = ["ThreadedPort"]


class ThreadedPort(LocalPort):
    """Runs its jobs on threads.

    Args:
        codec, limits, lock, flow_control, targets, answer, failed: see `LocalPort`; of `limits`, `max_depth` too.

    Attributes:
        dispatcher: runs listeners and handlers.
        answers: runs what is to be told of requests, and all else that may call the user.
    """

    def __init__(
        self,
        codec: Callable[[str], Codec],
        limits: Limits,
        lock: OwnedLock,
        flow_control: FlowControl,
        targets: Callable[[Name, Name], tuple[Subscription, ...]],
        answer: Callable[[int, RequestBatch, bytes], None],
        failed: Callable[[Any, Info, BaseException], None],
    ) -> None:
        super().__init__(codec, limits, lock, flow_control, targets, answer, failed)
        self.dispatcher = Dispatcher(self._next_job, limits.max_depth, "sig-dispatch")
        self.answers = Dispatcher(self._next_answer, limits.max_depth, "sig-answers")
        self._kick = self.dispatcher.kick
        self._kick_answers = self.answers.kick

    def is_mine(self) -> bool:
        """See `LocalPort`."""
        return self.dispatcher.is_mine() or self.answers.is_mine()

    def retry(self) -> LimitError | None:
        """See `LocalPort`."""
        return self.dispatcher.retry() or self.answers.retry()
