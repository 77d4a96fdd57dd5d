"""The way of an event out of a client: the hot path, one call a trigger, nothing looked up twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sig_core.contract import Codec
from sig_core.errors import LinkClosed, MessageTooBig
from sig_core.events import Info, Name
from sig_core.protocol.wire import EVENT, FRAME, event_frame
from sig_core.routing.info import additions_of
from sig_core.routing.table import Uplink
from sig_core.routing.transcode import EVENT_OF, encode, unencodable
from sig_core.session.client import ClientSession

__all__ = ["frame_for", "make_uplink"]


def make_uplink(
    session: ClientSession,
    sender: Name,
    event: Name,
    route: int,
    added: Callable[[int], None],
    tick: Callable[[], object],
) -> Uplink:
    """Make what encodes an event and appends it to the session's output, then calls `tick()` and `added(size)`.

    What it raises means that nothing was sent: EncodeError, MessageTooBig, LinkClosed.
    """
    codec, out, pack, limit = _codec_of(session), session.out, FRAME.pack, session.max_out

    def uplink(info: Info, data: Any) -> None:
        if session.error is not None:
            raise LinkClosed(f"event {event!r} of sender {sender!r}: not connected: {session.error}")
        try:
            payload = codec.encode(data)
        except Exception as error:
            raise unencodable(codec, data, error, EVENT_OF, event, sender) from error
        size = 5 + len(payload)
        if size > limit:
            raise _too_big(codec, sender, event, size, limit)
        if len(info) == 2:
            frame = pack(size, EVENT, route) + payload
        else:
            frame = _with_additions(codec, route, sender, event, info, payload, limit)
            size = len(frame)
        out.append(frame)
        tick()
        added(size)

    return uplink


def frame_for(session: ClientSession, sender: Name, event: Name, info: Info, data: Any) -> bytes:
    """Encode an event as `make_uplink` does, for a link to come: without a route.

    Raises:
        EncodeError, MessageTooBig: it can't be carried, as far as the last link tells.
    """
    assert session.encoding is not None
    codec, limit = session.encoding, session.max_out
    payload = encode(codec, data, EVENT_OF, event, sender)
    if len(info) > 2:
        return _with_additions(codec, 0, sender, event, info, payload, limit)
    if 5 + len(payload) > limit:
        raise _too_big(codec, sender, event, 5 + len(payload), limit)
    return event_frame(0, payload)


def _with_additions(
    codec: Codec, route: int, sender: Name, event: Name, info: Info, payload: bytes, limit: int
) -> bytes:
    additions = encode(codec, additions_of(info), EVENT_OF, event, sender)
    if len(additions) > 65_535:
        text = f"event {event!r} of sender {sender!r}: additions of {len(additions)} bytes, 65535 are carried"
        raise MessageTooBig(text, len(additions), 65_535)
    frame = event_frame(route, payload, additions)
    if len(frame) - 4 > limit:
        raise _too_big(codec, sender, event, len(frame) - 4, limit)
    return frame


def _too_big(codec: Codec, sender: Name, event: Name, size: int, limit: int) -> MessageTooBig:
    text = f"event {event!r} of sender {sender!r}: {size} bytes in {codec.name}, the server takes {limit}"
    return MessageTooBig(text, size, limit)


def _codec_of(session: ClientSession) -> Codec:
    session.check_open()
    assert session.encoding is not None
    return session.encoding
