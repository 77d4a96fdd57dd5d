"""What listeners learn of an event: its sender and name, and what a Signal subclass added."""

from __future__ import annotations

from typing import Any

from sig_core.events import Info, Name

__all__ = ["LAST", "additions_of", "info_of", "last_info"]

LAST = "last"  # in the info of a value that is told because it is the last one, and was not fired just now


def info_of(sender: Name, event: Name, additions: Any) -> Info:
    """Return what listeners learn of an event.

    Args:
        sender, event: which are always there.
        additions: more of it; they never replace the two, and what is no map is ignored.
    """
    if not isinstance(additions, dict):
        return {"sender": sender, "event": event}
    return {**additions, "sender": sender, "event": event}


def last_info(sender: Name, event: Name, additions: Any) -> Info:
    """Return what listeners learn of a value that is told because it is the last one; args: see `info_of`."""
    return {**info_of(sender, event, additions), LAST: True}


def additions_of(info: Info) -> Info | None:
    """Return what was added to the info of an event, or None."""
    if len(info) <= 2:
        return None
    return {key: value for key, value in info.items() if key not in ("sender", "event")}
