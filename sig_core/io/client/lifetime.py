"""How the links of a client begin and end, on threads and on asyncio."""

from __future__ import annotations

from sig_core.errors import CarrierError, ConnectFailed, HandshakeError, SigError

__all__ = ["STOP", "link_failed"]

STOP = 2.0  # seconds that a stop waits for handlers, for output to leave, and for each thread or task


def link_failed(error: SigError, peer: str) -> SigError:
    """Return the error of a link that did not come about, with whom it was to."""
    made = HandshakeError(f"{peer}: {error}", error.status) if isinstance(error, HandshakeError) else error
    if isinstance(error, CarrierError):
        made = ConnectFailed(f"{peer}: {error}")
    made.__cause__ = error if made is not error else error.__cause__
    return made
