"""What a callback may raise that is more than its own failure: it ends the loop, as everywhere in asyncio.

It is raised where the loop sees it, once what was on its way is passed on: so nothing is lost if the loop goes on.
"""

from __future__ import annotations

__all__ = ["ends_loop", "throw"]


def ends_loop(error: BaseException) -> bool:
    """Return whether it is KeyboardInterrupt or SystemExit."""
    return isinstance(error, KeyboardInterrupt | SystemExit)


def throw(error: BaseException) -> None:
    """Raise it: what a loop that is to end calls."""
    raise error
