"""Links inside links: what `name+scheme://` asks for."""

from __future__ import annotations

from collections.abc import Sequence

from sig_core.contract import Acceptor, Link, Wrapper

__all__ = ["WrappedAcceptor", "wrapped"]


def wrapped(link: Link, wrappers: Sequence[Wrapper]) -> Link:
    """Put wrappers around a link, the first of them outermost; one that raises closes the link."""
    try:
        for wrapper in reversed(wrappers):
            link = wrapper(link)
    except BaseException:
        link.close()
        raise
    return link


class WrappedAcceptor:
    """Gives wrapped links. It is served by a thread: whether they can be polled is for each wrapper to say."""

    def __init__(self, acceptor: Acceptor, names: Sequence[str], wrappers: Sequence[Wrapper]) -> None:
        self.address = "+".join([*names, acceptor.address])
        self._acceptor = acceptor
        self._wrappers = wrappers

    def accept(self, timeout: float) -> Link | None:
        """See `Acceptor`."""
        link = self._acceptor.accept(timeout)
        return None if link is None else wrapped(link, self._wrappers)

    def close(self) -> None:
        """See `Acceptor`."""
        self._acceptor.close()
