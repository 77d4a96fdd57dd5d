"""Exit statuses: what a script learns from the command without reading what it said."""

from __future__ import annotations

from sig_core.errors import (
    AccessDenied,
    CarrierError,
    CodecError,
    ConfigError,
    ListenFailed,
    OutcomeUnknown,
    PluginError,
    RequestTimeout,
    SigError,
    StoreDamaged,
    StoreTooNew,
)

__all__ = ["FAILED", "INTERRUPTED", "LINK", "LOST", "OK", "REFUSED", "STATUSES", "TIMEOUT", "USAGE", "status_of"]

OK, FAILED, USAGE, TIMEOUT, REFUSED, LINK, LOST, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130

STATUSES = {
    OK: "it did what it should",
    FAILED: "what was looked at is not in order (doctor, demo, certs show), or an error of the command itself",
    USAGE: "usage: an option, a URL, a value, a file or a plug-in that can't be meant, or had",
    TIMEOUT: "nothing, or not enough, came in time",
    REFUSED: "refused: by the server, by a sender, or by this machine (the address is in use)",
    LINK: "no link: nobody listens there, or the link was lost",
    LOST: "messages were lost, and how many was said",
    INTERRUPTED: "interrupted before there was a result",
}


def status_of(error: SigError) -> int:
    """Return the exit status of an error."""
    if isinstance(error, RequestTimeout):
        return TIMEOUT
    if isinstance(error, ConfigError | PluginError | CodecError | StoreDamaged | StoreTooNew):
        return USAGE
    if isinstance(error, AccessDenied):  # by rules, or for a certificate: also where no link came about
        return REFUSED
    if isinstance(error, CarrierError | OutcomeUnknown) and not isinstance(error, ListenFailed):
        return LINK
    return REFUSED
