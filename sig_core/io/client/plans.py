"""Driving a plan, on threads and on asyncio: its steps are done in turn, and it is told what came of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any, Generic, TypeVar

__all__ = ["drive", "drive_async"]

T = TypeVar("T")


def drive(steps: Generator[Any, Any, T], perform: Callable[[Any], Any]) -> T:
    """Do what a plan asks, and return its result; it raises what the plan raises.

    Args:
        perform: does a step, and returns the answer, or raises; what it raises, the plan is thrown.
    """
    progress = _Progress(steps)
    try:
        for step in progress:
            try:
                progress.value = perform(step)
            except BaseException as error:
                progress.error = error
    except BaseException:  # an interrupt between two steps, which the plan did not see; or what it raised itself
        steps.close()
        raise
    return progress.result


async def drive_async(steps: Generator[Any, Any, T], perform: Callable[[Any], Awaitable[Any]]) -> T:
    """Do the same where `perform` is a coroutine function."""
    progress = _Progress(steps)
    for step in progress:
        try:
            progress.value = await perform(step)
        except BaseException as error:
            progress.error = error
    return progress.result


class _Progress(Generic[T]):
    """Iterates over the steps of a plan.

    Attributes:
        value, error: of the step that was last; the plan is sent the one, or thrown the other.
        result: of the plan, once there is no further step.
    """

    result: T

    def __init__(self, steps: Generator[Any, Any, T]) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self._steps = steps

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        value, error, self.value, self.error = self.value, self.error, None, None
        try:
            return self._steps.send(value) if error is None else self._steps.throw(error)
        except StopIteration as end:
            self.result = end.value
            raise StopIteration from None
