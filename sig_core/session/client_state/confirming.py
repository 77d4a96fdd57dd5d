"""Events of a client that its server confirms: sent as any other, in their place among them, and answered."""

from __future__ import annotations

from typing import Any

from sig_core.errors import LinkClosed
from sig_core.events import Info, Name
from sig_core.routing.transcode import EVENT_OF
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.publisher import event_for
from sig_core.session.binary.reports import ReplyCallback
from sig_core.session.client_state.remote_sender import RemoteSender

__all__ = ["send_confirmed"]


def send_confirmed(
    session: ClientSession, remote: RemoteSender, event: Name, info: Info, data: Any, when: ReplyCallback
) -> int:
    """Send an event that its server is to confirm; return the id of the question.

    It never waits for another link: what was not sent is told here, and what became of the rest, by the answer.

    Args:
        session: of the link there is.
        remote: whose event it is.
        event, info, data: what is triggered.
        when: told to how many links it went, or why it is not known, or that it went nowhere.

    Raises:
        EncodeError, MessageTooBig, LinkClosed, Backpressure, LocalProtocolError: nothing was sent.
    """
    what = EVENT_OF.format(event, remote.name)
    if session.gate.full:
        session.gate.make_room()
    if remote.fires_on is not session or session.error is not None:
        why = session.error or "its sender is not back yet"
        raise LinkClosed(f"{what}: not connected, so nobody can confirm it: {why}")
    frame = event_for(session, remote.routes[event], remote.name, event, info, data)
    ident = session.confirm(frame, what, when)
    if event in remote.kept and session.encoding is not None:
        remote.kept[event].sent = session.encoding, frame
    remote.counters[event].increment()
    session.gate.added(len(frame) + 4)
    return ident
