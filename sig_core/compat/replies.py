"""Replies: what every message of a carrier is answered with."""

from __future__ import annotations

from typing import Any, TypeAlias

from sig_core.errors import LinkClosed, RemoteError, RemoteProtocolError, SigError, error_for
from sig_core.protocol.messages import MAX_TEXT, clean
from sig_core.session.errors import error_of_handler

__all__ = ["Reply", "failure_of", "is_reply", "value_of"]

Reply: TypeAlias = dict[str, Any]
"""`{"id", "status", "response"}`, and "exception" if the status is not 0."""


def failure_of(ident: Any, error: BaseException, status: int | None = None) -> Reply:
    """Return the reply to a message that failed; the status is the error's own unless given."""
    told = error if isinstance(error, SigError) else error_of_handler(error)
    text = told.text if isinstance(told, RemoteError) else str(told)
    status = int(told.status if status is None else status)
    return {"id": ident, "status": status, "response": None, "exception": clean(text[:MAX_TEXT])}


def is_reply(message: Any) -> bool:
    """Return whether a message has what a reply has."""
    return isinstance(message, dict) and type(message.get("status")) is int


def value_of(reply: Any, what: str) -> Any:
    """Return the response of a reply.

    Args:
        reply: whatever came.
        what: was asked, for the errors.

    Raises:
        LinkClosed: none came.
        RemoteProtocolError: it is no reply.
        SigError: what its status stands for.
    """
    if reply is None:
        raise LinkClosed(f"{what}: the carrier brought no reply: is it connected?")
    if not is_reply(reply):
        raise RemoteProtocolError(f"{what}: {repr(reply)[:200]} is no reply: a dict with id, status, response is one")
    status = reply["status"]
    if not status:
        return reply.get("response")
    raise error_for(status, str(reply.get("exception") or f"{what} failed with status {status}"))
