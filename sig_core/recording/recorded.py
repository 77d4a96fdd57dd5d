"""One entry of a recording."""

from __future__ import annotations

from typing import NamedTuple

from sig_core.events import Name

__all__ = ["ADDITIONS", "EVENT", "LINK", "LOSS", "PROFILE", "VERSION", "Recorded"]

VERSION = 1  # of what we write into MCAP files
PROFILE = "pysig"
EVENT, LOSS, LINK = "event", "loss", "link"
ADDITIONS = "additions"  # an entry right before that of its event; readers put both together


class Recorded(NamedTuple):
    """An event as it came, or what happened to the recording itself.

    Attributes:
        time: nanoseconds since 1970; it never goes back within one run of a recorder.
        kind: "event"; "loss": events that did not come; "link": the link to the server came or went.
        sender, event: whose it is; None where the kind is not of one.
        codec: in which `data` is encoded; of other kinds than events it is JSON.
        data: the payload, as it came.
        additions: what the sender added to the info of the event, encoded in `codec`; None: nothing.
    """

    time: int
    kind: str
    sender: Name | None
    event: Name | None
    codec: str
    data: bytes
    additions: bytes | None = None
