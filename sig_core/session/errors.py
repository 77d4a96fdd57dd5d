"""Errors of requests on the wire: `{"type", "text"}` beside a status."""

from __future__ import annotations

from typing import Any

from sig_core.contract import Codec
from sig_core.description import text_of
from sig_core.errors import CodecError, RemoteError, RemoteProtocolError, SigError, Status, error_for
from sig_core.protocol import checks
from sig_core.protocol.checks import Fields
from sig_core.protocol.messages import MAX_TEXT, clean
from sig_core.routing.transcode import decode

__all__ = ["detail_of", "error_from", "error_of_handler"]

_text = checks.text(0, 2**32)


def detail_of(error: SigError) -> dict[str, Any]:
    """Return the content of an error reply."""
    if isinstance(error, RemoteError):
        return {"type": clean(error.exception[:255]), "text": clean(error.text[:MAX_TEXT])}
    return {"type": type(error).__name__, "text": clean(str(error)[:MAX_TEXT])}


def error_from(codec: Codec, status: int, detail: bytes) -> SigError:
    """Return the exception that an error reply stands for; a detail that can't be read still fails the request.

    Args:
        codec: of the link.
        status: of the reply.
        detail: what `detail_of` returned at the other end, encoded.
    """
    try:
        fields = Fields(decode(codec, detail), "error reply")
        kind, text = fields.find("type", _text, "RemoteError"), fields.find("text", _text, "")
    except (CodecError, RemoteProtocolError) as error:
        kind, text = "RemoteError", f"(its words can't be read: {error})"
    return error_for(status, text[:MAX_TEXT], kind[:255])


def error_of_handler(error: BaseException) -> SigError:
    """Return what the requester gets when a handler raised: type name and text, no traceback."""
    if isinstance(error, SigError) and error.status is not Status.HANDLER_RAISED:
        return error
    return RemoteError(type(error).__name__, text_of(error))
