"""What who fires is told of a sender that is not connected any more."""

from __future__ import annotations

from typing import Any

from sig_core.errors import UnknownSender
from sig_core.events import Info, Name
from sig_core.routing.table import Publisher

__all__ = ["no_longer_connected", "removed_publisher"]


def no_longer_connected(name: Name | None) -> UnknownSender:
    """Return the error of who uses a sender that was removed, or whose client has left."""
    return UnknownSender(f"sender {name!r} is no longer connected: add it again")


def removed_publisher(name: Name) -> Publisher:
    """Return what refuses the events of such a sender."""

    def refuse(info: Info, data: Any) -> None:
        raise no_longer_connected(name)

    return refuse
