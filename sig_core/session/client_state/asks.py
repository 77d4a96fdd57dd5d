"""How the policy of a client asks its server, and waits, without doing either.

What takes several answers is a generator: it puts its questions into the session's output, yields one at a time, and is
sent the answer (or thrown the error). A face drives it: on threads it blocks for each answer, on asyncio it awaits. So
what is decided between two answers is written once, reads from top to bottom, and is tested without either.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, TypeAlias, TypeVar

from sig_core.errors import SigError

__all__ = ["Ask", "Lock", "Log", "Reply", "Steps", "run_without_link"]

T = TypeVar("T")


class Reply(Protocol):
    """Where an answer goes; the face that made it waits for it."""

    def tell(self, value: Any, error: SigError | None) -> None:
        """Take the answer. Called once, by whoever reads the link; runs no user code."""


@dataclass(slots=True, eq=False)
class Ask:
    """A question that is on its way.

    Attributes:
        reply: told the answer.
        ident: of the call, so that who waits for it no longer can say so; None: others wait for it as well.
        what: was asked, for the error of an answer that does not come in time.
    """

    reply: Reply
    ident: int | None
    what: str


Steps: TypeAlias = Generator[Ask | None, Any, T]
"""A plan: yields what is to be waited for (None: let what was asked so far leave), and returns its result."""


def run_without_link(steps: Steps[T]) -> T:
    """Return the result of a plan that has nothing to wait for, since there is no link."""
    try:
        steps.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("a plan waits for an answer, and there is nobody who could give one")


class Lock(Protocol):
    """A lock that was made elsewhere; nothing here waits while it is held, nor runs user code."""

    def __enter__(self) -> bool: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Log(Protocol):
    """Where a client says what its user should know."""

    def info(self, msg: str, /) -> Any: ...
    def warning(self, msg: str, /) -> Any: ...
    def error(self, msg: str, /) -> Any: ...
