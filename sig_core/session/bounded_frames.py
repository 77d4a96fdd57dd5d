"""Frames of control messages and failures that are no longer than the peer takes."""

from __future__ import annotations

from typing import Any, Final

from sig_core.contract import Codec
from sig_core.errors import MessageTooBig, SigError, Status
from sig_core.protocol.messages import failure
from sig_core.protocol.wire import control_frame, error_frame
from sig_core.routing.transcode import encode
from sig_core.session.errors import detail_of

__all__ = ["bounded_control", "bounded_error", "shortened"]

SHORT: Final = 250  # characters of a text that must fit the least `max_frame`, escaped as JSON does it, with another


def bounded_control(codec: Codec, message: dict[str, Any], limit: int) -> bytes:
    """Return the frame of a control message, or of what is sent instead if the peer does not take so much.

    Args:
        codec: of the link.
        message: a call, an answer or a notice.
        limit: greatest frame length that the peer takes of these, bytes.

    Raises:
        MessageTooBig: nothing can be sent instead of it.
    """
    frame = control_frame(encode(codec, message))
    if len(frame) - 4 > limit:
        frame = control_frame(encode(codec, shortened(message, len(frame) - 4, limit)))
    return frame


def shortened(message: dict[str, Any], size: int, limit: int) -> dict[str, Any]:
    """Return what is sent instead of a message that is longer than the peer takes.

    Args:
        message: a call, an answer or a notice.
        size: of its frame, bytes.
        limit: see `bounded_control`.

    Raises:
        MessageTooBig: it is a call or a notice: nothing can be sent instead of it.
    """
    status = message.get("status")
    if status is None:
        text = f"{message['method']}: the message has {size} bytes, the peer takes {limit}"
        raise MessageTooBig(text, size, limit)
    if status:
        return {**message, "exception": message["exception"][:SHORT]}
    return failure(message["id"], f"the answer has {size} bytes, {limit} are taken", Status.TOO_BIG)


def bounded_error(codec: Codec, route: int, ident: int, error: SigError, limit: int) -> bytes:
    """Return the frame of a request's failure, its words cut if the peer does not take so many.

    Args:
        codec: of the link.
        route, ident: of the request.
        error: why it failed.
        limit: greatest frame length that the peer takes, bytes.
    """
    detail = detail_of(error)
    frame = error_frame(route, ident, int(error.status), encode(codec, detail))
    if len(frame) - 4 <= limit:
        return frame
    detail = {name: text[:SHORT] for name, text in detail.items()}
    return error_frame(route, ident, int(error.status), encode(codec, detail))
