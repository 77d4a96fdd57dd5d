"""Acceptors that a program made itself."""

from __future__ import annotations

import threading
from typing import Any

from sig_core.address import Address
from sig_core.contract import Acceptor
from sig_core.plugins import default_plugins

__all__ = ["Unpolled", "made"]


def made(url: str) -> Acceptor:
    """An acceptor that the program made itself."""
    acceptor: Acceptor = default_plugins().carriers.get(url.split(":")[0]).listen(Address.parse(url))
    return acceptor


class Unpolled:
    """An acceptor without a descriptor, around one with.

    Attributes:
        closed: times that it was closed.
    """

    def __init__(self, acceptor: Any) -> None:
        self._acceptor = acceptor
        self.address: str = acceptor.address
        self.closed = 0

    def accept(self, timeout: float) -> Any:
        if self.closed:
            raise OSError("closed")
        link = self._acceptor.accept(0)
        if link is None:
            threading.Event().wait(0.01)
        return link

    def close(self) -> None:
        self.closed += 1
        self._acceptor.close()
