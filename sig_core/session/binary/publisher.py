"""The way of an event out of a client: the hot path, one call a trigger, nothing looked up twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sig_core.contract import Codec
from sig_core.errors import LinkClosed, MessageTooBig, SigError
from sig_core.events import Info, Name
from sig_core.interrupts import pass_interrupt_on
from sig_core.protocol.wire import EVENT, FRAME, event_frame
from sig_core.routing.info import additions_of
from sig_core.routing.table import Publisher
from sig_core.routing.transcode import EVENT_OF, encode, unencodable
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.gate import FRAMES, SMALL, Gate

__all__ = ["as_it_is", "closed_error", "event_for", "frame_for", "make_publisher"]

Closed = Callable[[Info, Any], None]
Noting = Callable[[Codec, Callable[[bytes], None]], Callable[[bytes], None]]


def as_it_is(codec: Codec, append: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Return what appends a frame, without noting any."""
    return append


def make_publisher(
    session: ClientSession,
    sender: Name,
    event: Name,
    route: int,
    gate: Gate,
    count: Callable[[], object],
    closed: Closed | None = None,
    noting: Noting = as_it_is,
) -> Publisher:
    """Make what encodes an event and appends it to the session's output, then calls `count()` and tells the gate.

    Args:
        closed: takes the event when the session has ended; None: LinkClosed is raised.
        noting: makes of what appends a frame what notes it, too: for state events.

    What it raises means that nothing was sent: EncodeError, MessageTooBig, LinkClosed, Backpressure.
    """
    codec, out, limit = session.encoding, session.out, session.max_out
    assert codec is not None  # who knows a route has been taken in, though the session may have ended since
    append, added, refused = noting(codec, out.append), gate.added, closed or _refuser(session, sender, event)
    known = (heads := _Heads(route)).get

    def publisher(info: Info, data: Any) -> None:
        if gate.full:
            gate.make_room()
        if session.error is not None:
            refused(info, data)
            return
        try:
            payload = codec.encode(data)
        except BaseException as error:
            pass_interrupt_on(error)
            raise unencodable(codec, data, error, EVENT_OF, event, sender) from error
        size = 5 + len(payload)
        if size > limit:
            raise _too_big(codec, sender, event, size, limit)
        if len(info) == 2:
            frame = (known(size) or heads[size]) + payload
        else:
            frame = _with_additions(codec, route, sender, event, info, payload, limit)
            size = len(frame)
        try:
            append(frame)
        except BaseException:  # an interrupt, which comes behind it: see `sig_core/interrupts.py`
            count()
            raise
        count()
        if not gate.gathers or size > SMALL or len(out) >= FRAMES:
            added(size)

    return publisher


class _Heads(dict[int, bytes]):
    """Headers of the events of a route, by `length`; those of small frames are kept: most of one kind have one."""

    def __init__(self, route: int) -> None:
        self._route = route

    def __missing__(self, size: int) -> bytes:
        head = FRAME.pack(size, EVENT, self._route)
        if size <= SMALL:
            self[size] = head
        return head


def _refuser(session: ClientSession, sender: Name, event: Name) -> Closed:
    def refuse(info: Info, data: Any) -> None:
        raise closed_error(sender, event, session.error)

    return refuse


def closed_error(sender: Name, event: Name, why: SigError | None) -> LinkClosed:
    """Return the error of an event that has no way out."""
    return LinkClosed(f"event {event!r} of sender {sender!r}: not connected: {why}")


def frame_for(session: ClientSession, sender: Name, event: Name, info: Info, data: Any) -> bytes:
    """Encode an event as `make_publisher` does, for a link to come: without a route.

    Raises:
        EncodeError, MessageTooBig: it can't be carried, as far as the last link tells.
    """
    return event_for(session, 0, sender, event, info, data)


def event_for(session: ClientSession, route: int, sender: Name, event: Name, info: Info, data: Any) -> bytes:
    """Encode an event as `make_publisher` does.

    Raises:
        EncodeError, MessageTooBig: it can't be carried.
    """
    assert session.encoding is not None
    codec, limit = session.encoding, session.max_out
    payload = encode(codec, data, EVENT_OF, event, sender)
    if len(info) > 2:
        return _with_additions(codec, route, sender, event, info, payload, limit)
    if 5 + len(payload) > limit:
        raise _too_big(codec, sender, event, 5 + len(payload), limit)
    return event_frame(route, payload)


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
