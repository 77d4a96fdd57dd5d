"""Request handlers that may be coroutine functions: so many at a time, the others in the order in which they came."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from sig_core.io.aio.interrupts import ends_loop, throw

__all__ = ["HandlerTasks"]

Handle: TypeAlias = Callable[[], Any]
Answer: TypeAlias = Callable[[Any, BaseException | None], None]


LAST_WORD = 0.1  # seconds that a handler which was cancelled may take to end, so that its asker is told


class HandlerTasks:
    """Runs handlers, at most `most` at a time. All of it is called on the loop's thread.

    A plain function runs at once, in the caller; what it returns is awaited in a task if it can be.

    Args:
        most: handlers that may run at one time, 1 and more.

    Attributes:
        waiting: bytes of requests that wait for their handler.
        relieved: called when less waits than before.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: dict[asyncio.Task[None], tuple[Any, Answer]] = {}  # what each awaits, and who is told
        self._waiting: deque[tuple[Handle, Answer, int]] = deque()
        self.waiting = 0  # bytes
        self.relieved: Callable[[], None] = lambda: None

    def is_inside(self) -> bool:
        """Return whether the code that runs is one of these handlers."""
        return asyncio.current_task() in self._running

    def run(self, handle: Handle, answer: Answer, size: int = 0) -> None:
        """Run a handler, now or when others have ended.

        Args:
            handle: calls it, and returns what it returns.
            answer: called once, with (value, None) or (None, error); whatever is raised is an error, a cancellation
                as well: the asker is told at once.
            size: bytes that it holds while it waits.
        """
        if len(self._running) >= self._most:
            self._waiting.append((handle, answer, size))
            self.waiting += size
            return
        try:
            value = handle()
        except BaseException as error:
            answer(None, error)
            if ends_loop(error):
                asyncio.get_running_loop().call_soon(throw, error)
            return
        if not inspect.isawaitable(value):
            answer(value, None)
            return
        task = asyncio.ensure_future(_finish(value, answer))
        self._running[task] = value, answer
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        value, answer = self._running.pop(task)
        if task.cancelled():  # before its first step: else it would have answered
            if inspect.iscoroutine(value):
                value.close()
            answer(None, asyncio.CancelledError())
        while self._waiting and len(self._running) < self._most:
            handle, answer, size = self._waiting.popleft()
            self.waiting -= size
            self.run(handle, answer)
            self.relieved()

    async def settle(self, timeout: float) -> None:
        """Wait at most `timeout` seconds until all have ended, but for the one that calls this; cancel the rest."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while running := self._running.keys() - {asyncio.current_task()}:
            left = until - loop.time()
            if left <= 0:
                break
            await asyncio.wait(running, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        late = self._running.keys() - {asyncio.current_task()}
        self.cancel()
        if late:
            await asyncio.wait(late, timeout=LAST_WORD)

    def cancel(self) -> None:
        """Cancel those that run, but for the one that calls this; those that wait never run."""
        self._waiting.clear()
        self.waiting = 0
        for task in self._running.keys() - {asyncio.current_task()}:
            task.cancel()


async def _finish(value: Any, answer: Answer) -> None:
    try:
        result = await value
    except BaseException as error:
        answer(None, error)
        if ends_loop(error):
            asyncio.get_running_loop().call_soon(throw, error)
    else:
        answer(result, None)
